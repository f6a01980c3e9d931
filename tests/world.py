"""A client core and a server core in one thread, under one clock, with a network that fails as a seed says.

Nothing here has a socket. What a real driver does with threads is a deed here that chance puts in its place.
"""

import random
import struct
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from tests import wire
from tests.protocol.conversation import Asked
from zc.zk.codes import State
from zc.zk.errors import NodeExistsError, NoNodeError, ZooKeeperError
from zc.zk.jute import Reader
from zc.zk.operations import Operation, Step
from zc.zk.plans import Change, Ids, Pause, Plan, Wait, Whoami
from zc.zk.protocol.ensemble import Endpoint, Ensemble
from zc.zk.protocol.live import Live
from zc.zk.protocol.requests import NEVER, Request, encode
from zc.zk.protocol.session import Session
from zc.zk.protocol.states import Phase, Settings, StateChange
from zc.zk.server import settings as server
from zc.zk.server.core import Core
from zc.zk.server.link import Link

T = 4.0
START = 1000.0


class Connection:
    """The bytes on their way between the client and one link of the server."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.to_server = bytearray()
        self.to_client = bytearray()
        self.is_ended_by_server = False
        self.is_ended_by_client = False


class Editor:
    """Another client, which nothing ever happens to: each of its requests is answered at once."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._link = core.connect(("10.0.0.1", 1), START)
        self._xid = 0
        self.now = START
        self._say(wire.connect_request(timeout=60))

    def do(self, operation: Operation[Any]) -> Any:  # Any: its answer
        """Carry out an operation."""
        self._xid += 1
        frames = self._say(wire.request(self._xid, operation.opcode, encode(operation, "")))
        reply = next(each for each in frames if each.xid == self._xid)
        return operation.refused(reply.err) if reply.err else operation.read(Reader(reply.body))

    def find(self, operation: Operation[Any]) -> Any:  # Any: its answer
        """Carry out an operation, and give None where there is no node."""
        try:
            return self.do(operation)
        except NoNodeError:
            return None

    def make_sure(self, operation: Operation[Any]) -> None:
        """Carry out an operation that may be of no effect."""
        try:
            self.do(operation)
        except (NoNodeError, NodeExistsError):
            return

    def breathe(self, now: float) -> None:
        """Keep the session alive."""
        self.now = now
        self._say(wire.request(wire.Xid.PING, wire.Opcode.PING))

    def _say(self, data: bytes) -> list[wire.Reply]:
        self._link.receive(data, self.now)
        answered = self._link.data_to_send()
        return [wire.parse_reply(payload) for payload in payloads(answered)]


def payloads(stream: bytes | bytearray) -> Iterator[bytes]:
    """Give the frames of a stream that is complete."""
    begin = 0
    while begin + 4 <= len(stream):
        (length,) = struct.unpack_from(">i", stream, begin)
        yield bytes(stream[begin + 4 : begin + 4 + length])
        begin += 4 + length


class World:
    """Everything there is. `step` lets one thing happen, `heal` ends the faults and lets it all settle."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.now = START
        self.core = Core(
            server.Settings(tick_time=0.2, first_zxid=0), START, 0.0, self.chance.randbytes
        )
        self.editor = Editor(self.core)
        self.changes: list[StateChange] = []
        self.session = Session(
            Ensemble([Endpoint("server", 1)], self.chance.random),
            Settings(timeout=T, connect_timeout=1.5),
            self.changes.append,
        )
        self.ready: deque[Callable[[], None]] = deque()  # what callback threads would do
        self._connection: Connection | None = None
        self._connections: dict[Link, Connection] = {}
        self._is_healthy = False
        self._frozen_until = self._refusing_until = START
        self._last_frame = b""
        self.session.open(self.now)

    # What callers do

    def ask(self, operation: Operation[Any], within: float = NEVER) -> Asked:
        """Submit an operation."""
        asked = Asked(operation, "", self.now + within)
        self.session.submit(asked, self.now)
        return asked

    def follow(self, live: Live, on_change: Callable[[], None]) -> None:
        """Keep a live node current."""
        live.on_change = on_change
        live.refresh()

    # What happens

    def step(self) -> None:
        """Let one thing happen."""
        deeds: list[tuple[float, Callable[[], object]]] = [
            (30, self.talk),
            (30, self.listen),
            (12, self.run_ready),
            (12, lambda: self.pass_time(self.chance.random() * 0.1)),
            (2, lambda: self.pass_time(self.chance.random())),
            (20 if self.session.phase is Phase.REARMING else 2, self.cut),
            (0.5, self.repeat),
            (0.5, self.expire),
            (0.2, self.freeze),
            (0.2, self.refuse),
            (0.2, lambda: self.pass_time(self.chance.random() * 1.5 * T)),
        ]
        weights, choices = zip(*deeds, strict=True)
        self.chance.choices(choices, weights)[0]()
        self._connect()

    def heal(self) -> None:
        """End all faults: wait for CONNECTED, and then for one second."""
        self._is_healthy = True
        self._frozen_until = self._refusing_until = self.now
        give_up = self.now + 30 * T
        while self.session.state is not State.CONNECTED:
            assert self.now < give_up, "no connection comes about"
            self.settle(0.1)
        self.settle(1.0)
        self._is_healthy = False

    def settle(self, seconds: float) -> None:
        """Let time pass on a network without faults or delays."""
        end = self.now + seconds
        while True:
            while self._flow():
                pass
            due = min(self.session.deadline(), self.core.deadline() or NEVER)
            if due > end:
                self.pass_time(end - self.now)
                return
            self.pass_time(max(0.0, due - self.now))

    def _flow(self) -> bool:
        self._connect()
        self.run_ready()
        before = self._connection
        moved = self.talk(), self.listen()
        return any(moved) or bool(self.ready) or before is not self._connection

    def _connect(self) -> None:
        servers = self.session.dial(self.now)
        if not servers:
            return
        if not self._is_healthy and self.chance.random() < 0.3:
            self.session.unreachable(servers[0], "connection refused", self.now)
            self.session.disconnected("connection refused", self.now)
            return
        link = self.core.connect(("10.0.0.2", 2), self.now)
        self._connection = self._connections[link] = Connection(link)
        self.session.connected(self.now, servers[0])
        if self.now < self._refusing_until:
            link.close()
            self._collect()

    def talk(self) -> bool:
        """Let bytes travel to the server, those of earlier connections too."""
        if self._connection is not None:
            self._connection.to_server += self.session.data_to_send(self.now)
        moved = False
        for connection in list(self._connections.values()):
            data = self._some(connection.to_server)
            if data:
                connection.link.receive(data, self.now)
                moved = True
            if connection.is_ended_by_client and not connection.to_server:
                self._forget(connection)
        self._collect()
        return moved

    def listen(self) -> bool:
        """Let bytes travel to the client."""
        connection = self._connection
        if connection is None:
            return False
        data = self._some(connection.to_client)
        if data:
            self.session.receive(data, self.now)
            if self.session.fault is not None:
                self._hang_up(self.session.fault)
        elif connection.is_ended_by_server and not connection.to_client:
            self._hang_up("the server hung up")
            return True
        return bool(data)

    def _some(self, queue: bytearray) -> bytes:
        size = len(queue)
        if self.now < self._frozen_until:
            return b""
        if not self._is_healthy:
            size = self.chance.choice([1, self.chance.randint(0, size), size, size])
        data = bytes(queue[:size])
        del queue[:size]
        return data

    def _collect(self) -> None:
        for link in self.core.take_ready():
            connection = self._connections.get(link)
            data = link.data_to_send()
            if connection is None:
                continue
            connection.to_client += data
            for payload in payloads(data):
                self._last_frame = wire.frame(payload)
            if link.is_closing:
                connection.is_ended_by_server = True
                self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        self._connections.pop(connection.link, None)
        self.core.disconnect(connection.link)

    def _hang_up(self, reason: str) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.is_ended_by_client = True
            self.session.disconnected(reason, self.now)

    def run_ready(self) -> None:
        """Let a callback thread do the next thing."""
        if self.ready:
            self.ready.popleft()()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and each core do what is due."""
        self.now += seconds
        self.editor.breathe(self.now)
        self.core.tick(self.now)
        self._collect()
        self.session.tick(self.now)
        if self.session.fault is not None:
            self._hang_up(self.session.fault)
            if self.session.phase is Phase.DIALLING:
                self.session.disconnected(self.session.fault, self.now)

    # What goes wrong

    def cut(self) -> None:
        """Lose the connection; what is on its way to the server may still arrive, or not."""
        if self._connection is not None:
            if self.chance.random() < 0.5:
                self._connection.to_server.clear()
            self._hang_up("the network was cut")

    def freeze(self) -> None:
        """Let nothing through for a while, without a sign of it."""
        self._frozen_until = self.now + self.chance.random() * 2 * T

    def refuse(self) -> None:
        """Have the server hang up on greetings for a while."""
        self._refusing_until = self.now + self.chance.random() * 3 * T

    def repeat(self) -> None:
        """Have the server say the same thing twice."""
        if self._connection is not None and self._last_frame:
            self._connection.to_client += self._last_frame

    def expire(self) -> None:
        """End the client's session."""
        self.core.expire(self.session.identity.session_id, self.now)
        self._collect()


class Runner:
    """Runs a plan of the client, a step at a time, as callback threads do."""

    def __init__(self, world: World, plan: Plan[Any]) -> None:  # Any: whatever it returns
        self._world = world
        self._plan = plan
        self.has_ended = False
        self.error: Exception | None = None
        self._post(lambda: plan.send(None))

    def _post(self, advance: Callable[[], Step[Any]]) -> None:
        self._world.ready.append(lambda: self._advance(advance))

    def _advance(self, advance: Callable[[], Step[Any]]) -> None:
        try:
            step = advance()
        except StopIteration:
            self.has_ended = True
        except ZooKeeperError as error:
            self.has_ended = True
            self.error = error
        else:
            self._begin(step)

    def _begin(self, step: Step[Any]) -> None:
        session, now = self._world.session, self._world.now
        match step:
            case Operation():
                session.submit(_PlanStep(self, step), now)
            case Wait(change):
                self._wait(change)
            case Pause(seconds):
                session.tick(now)
                session.call_later(seconds, lambda: self.answer(None))
            case Whoami():
                identity = session.identity
                earlier = frozenset(session.earlier_ids)
                self.answer(Ids(identity.session_id, earlier, identity.timeout))
            case _:
                raise AssertionError(step)

    def _wait(self, change: Change) -> None:
        if change.event is None:
            change.told = lambda: self.answer(True)
        else:
            self.answer(True)

    def answer(self, answer: object) -> None:
        """Go on with an answer."""
        self._post(lambda: self._plan.send(answer))

    def throw(self, error: Exception) -> None:
        """Go on with an error."""
        self._post(lambda: self._plan.throw(error))


class _PlanStep(Request):
    __slots__ = ("_runner",)

    def __init__(self, runner: Runner, operation: Operation[Any]) -> None:
        super().__init__(operation, encode(operation, ""))
        self._runner = runner

    def resolve(self, answer: object) -> None:
        assert not self.ended
        super().resolve(answer)
        self._runner.answer(answer)

    def fail(self, error: Exception) -> None:
        assert not self.ended
        super().fail(error)
        self._runner.throw(error)
