"""Stories that two servers live through, told in words that are the same for every server."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

from tests.leaks import LeakGuard
from tests.realserver import DEBIAN_CLASSPATH, NEWER_CLASSPATH, RealServer
from tests.server.wireclient import ClosedError, Reply, WireClient, connect_frame
from zc.zk import operations as ops
from zc.zk.codes import ErrorCode, OpCode
from zc.zk.jute import Reader
from zc.zk.records import SMALLEST_ACL, SMALLEST_STRING, Stat, read_acl
from zc.zk.server.settings import Settings
from zc.zk.testing import Server

CLASSPATHS = {(3, 8): DEBIAN_CLASSPATH, (3, 9): NEWER_CLASSPATH}
# Nothing is swept while stories are told: it would fall anywhere, and moves the zxids.
NO_SWEEPS = "-Dznode.container.checkIntervalMs=86400000"
CLIENTS = 3
# What is answered by a string of bytes, be it called path or data, and a Stat.
DATA = (OpCode.CREATE2, OpCode.CREATE_CONTAINER, OpCode.CREATE_TTL, OpCode.GET_DATA)
Line = tuple[object, ...]


class AnyPort(Protocol):
    """A server, as far as a story knows one."""

    @property
    def port(self) -> int: ...


class Pair(NamedTuple):
    """Two servers of one version that began empty; what is left behind is left in both."""

    apache: AnyPort
    embedded: AnyPort
    version: tuple[int, int]


@contextlib.contextmanager
def pair_of(version: tuple[int, int], leak_guard: LeakGuard) -> Iterator[Pair]:
    """Run two servers that nobody else uses: the transactions of others would move the zxids."""
    apache = RealServer(classpath=CLASSPATHS[version], java_options=[NO_SWEEPS])
    leak_guard.exempt(lambda: apache.processes)
    settings = Settings(version=version, tick_time=0.2, sweep_interval=86400.0, words=("*",))
    with apache, Server(settings=settings) as embedded:
        yield Pair(apache, embedded, version)


class Step(NamedTuple):
    """One thing to do, by one of the clients."""

    client: int
    opcode: int
    do: Callable[["Story"], Reply | None]
    text: str


class Story:
    """Tells what one server says to a list of steps, in words that are the same for every server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.clients = [WireClient(port) for _ in range(CLIENTS)]
        self.session_names = {
            client.response.session_id: f"session {number}"
            for number, client in enumerate(self.clients)
        }
        # What happens from here on is told relative to this zxid.
        self.base = self.clients[0].call(ops.Sync("/")).zxid
        self.current = 0
        self.remarks: list[Line] = []
        self._bodies: dict[int, Callable[[Reader], Line]] = {
            OpCode.CREATE: lambda body: ("path", body.text()),
            OpCode.SYNC: lambda body: ("path", body.text()),
            **dict.fromkeys(DATA, self._data),
            OpCode.GET_CHILDREN: lambda body: ("names", self._names(body)),
            OpCode.GET_CHILDREN2: lambda body: ("names", self._names(body), self._stat(body)),
            OpCode.GET_EPHEMERALS: lambda body: ("names", self._names(body)),
            OpCode.GET_ACL: self._acl,
            OpCode.MULTI: lambda body: ("results", *self._results(body)),
            OpCode.MULTI_READ: lambda body: ("results", *self._results(body)),
            OpCode.ADD_WATCH: lambda body: ("number", body.int()),
            OpCode.GET_ALL_CHILDREN_NUMBER: lambda body: ("number", body.int()),
            OpCode.SASL: lambda body: ("token", body.buffer()),
            OpCode.WHO_AM_I: self._identities,
        }

    @property
    def client(self) -> WireClient:
        return self.clients[self.current]

    def tell(self, step: Step) -> list[Line]:
        """Do a step, and tell its reply and the events of everybody."""
        self.current = step.client
        lines: list[Line] = []
        try:
            reply = step.do(self)
            if reply is not None and reply[1:3] == (-1, ErrorCode.UNIMPLEMENTED):
                self._await_end()
            lines.append(self._reply(step.opcode, reply) if reply else ("no reply",))
            lines += self.remarks
            self.remarks.clear()
        except ClosedError:
            lines.append(("closed",))
        for number, client in enumerate(self.clients):
            events: list[Line] = []
            try:
                events = [self._event(event) for event in client.take_events()]
            except ClosedError:
                events = [self._event(event) for event in client.events]
                lines.append((number, "was closed"))
                self.reconnect(number)
            if step.opcode == OpCode.CLOSE_SESSION:
                events.sort(key=repr)  # the ephemerals go in no order
            lines += [(number, *event) for event in events]
        return lines

    def _await_end(self) -> None:
        """Wait until the server hangs up, which it does sooner or later after such an answer."""
        with contextlib.suppress(ClosedError):
            while True:
                self.client.read_reply()

    def reconnect(self, number: int) -> None:
        """Attach to the session again, or begin another where that one is over."""
        old = self.clients[number]
        old.socket.close()
        response = old.response
        attach = connect_frame(response.session_id, response.password)
        client = self.clients[number] = WireClient(self.port, attach)
        if not client.response.timeout:
            client.socket.close()
            client = self.clients[number] = WireClient(self.port)
            name = f"session {len(self.session_names)}"
            self.session_names[client.response.session_id] = name

    def close(self) -> None:
        for client in self.clients:
            with contextlib.suppress(ClosedError):
                client.call(ops.CloseSession())
            client.socket.close()

    def _event(self, event: Reply) -> Line:
        return ("event", self._zxid(event.zxid), *event.event)

    def _zxid(self, zxid: int) -> int:
        return zxid - self.base if zxid >= self.base else min(zxid, 0)

    def _reply(self, opcode: int, reply: Reply) -> Line:
        # Behind an error there may be stray bytes, which mean nothing.
        source = Reader(b"" if reply.error else reply.body)
        body = self._body(opcode, source) if source.remaining else None
        source.finish()
        return (reply.xid, self._zxid(reply.zxid), reply.error, body)

    def _body(self, opcode: int, source: Reader) -> Line:
        tell = self._bodies.get(opcode)
        return self._stat(source) if tell is None else tell(source)

    def _data(self, source: Reader) -> Line:
        return ("data", source.buffer(), self._stat(source))

    def _acl(self, source: Reader) -> Line:
        acl = source.vector(lambda: read_acl(source), SMALLEST_ACL)
        return ("acl", sorted(acl), self._stat(source))

    def _identities(self, source: Reader) -> Line:
        who = source.vector(lambda: (source.text(), source.text()), 2 * SMALLEST_STRING)
        return ("identities", sorted(who))

    def _results(self, source: Reader) -> Iterator[Line]:
        while True:
            kind, is_end, error = source.int(), source.boolean(), source.int()
            if is_end:
                return
            if kind == -1:
                yield ("error", error, source.int())
            elif kind in (OpCode.DELETE, OpCode.CHECK):
                yield (kind, error)
            else:
                yield (kind, error, self._body(kind, source))

    def _names(self, source: Reader) -> list[str]:
        return sorted(source.vector(source.text, SMALLEST_STRING))

    def _stat(self, source: Reader) -> Line:
        stat = Stat.read(source)
        owner = stat.ephemeralOwner
        return (
            "stat",
            self._zxid(stat.czxid),
            self._zxid(stat.mzxid),
            self._zxid(stat.pzxid),
            stat.ctime == stat.mtime or stat.version > 0,
            *stat[4:7],
            self.session_names[owner] if owner else 0,
            *stat[8:10],
        )


def compare(steps: list[Step], pair: Pair) -> None:
    """Let both servers live through the steps, and fail at the first difference."""
    stories = [Story(pair.apache.port), Story(pair.embedded.port)]
    try:
        for number, step in enumerate(steps):
            real, ours = (story.tell(step) for story in stories)
            said = f"ours: {ours}\nreal: {real}"
            assert ours == real, f"step {number}, client {step.client}: {step.text}\n{said}"
    finally:
        for story in stories:
            story.close()


# Steps


def asking(client: int, operation: ops.Operation[Any]) -> Step:
    opcode = operation.opcode
    return Step(client, opcode, lambda story: story.client.call(operation), f"{operation!r}")


def sending(client: int, frame: bytes) -> Step:
    opcode = int.from_bytes(frame[8:12], signed=True)
    return Step(client, opcode, lambda story: story.client.send(frame), f"raw {frame.hex()}")


def arming(
    client: int,
    since: int,
    data: tuple[str, ...] = (),
    exist: tuple[str, ...] = (),
    child: tuple[str, ...] = (),
    *_lasting: tuple[str, ...],
) -> Step:
    """Send a SetWatches whose zxid lies `since` behind the first of the story."""

    def arm(story: Story) -> Reply:
        return story.client.call(ops.SetWatches(story.base + since, data, exist, child))

    return Step(client, OpCode.SET_WATCHES, arm, f"SetWatches {since} {data} {exist} {child}")


def arming_all(client: int, since: int, *lists: tuple[str, ...]) -> Step:
    """Send a SetWatches2 in the same way."""

    def arm(story: Story) -> Reply:
        return story.client.call(ops.SetWatches2(story.base + since, *lists))

    return Step(client, OpCode.SET_WATCHES2, arm, f"SetWatches2 {since} {lists}")


def dropping(client: int) -> Step:
    def drop(story: Story) -> None:
        story.client.socket.close()
        story.reconnect(story.current)

    return Step(client, 0, drop, "connect anew")
