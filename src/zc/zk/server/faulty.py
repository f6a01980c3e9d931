"""A server that has faults: the core and its connections, with what faults do to them."""

from collections import deque
from collections.abc import Callable, Collection, Iterable
from math import inf
from typing import NamedTuple

from zc.zk.codes import OpCode, Xid
from zc.zk.errors import ProtocolError
from zc.zk.jute import INT, Reader
from zc.zk.operations import Operation
from zc.zk.records import REQUEST_HEADER, ConnectRequest
from zc.zk.server.conditions import CONNECT, NAMES, Request
from zc.zk.server.core import Core
from zc.zk.server.effects import Alter
from zc.zk.server.faults import Fault, Faults
from zc.zk.server.handlers import HANDLERS
from zc.zk.server.link import Link, Stage
from zc.zk.server.settings import Settings
from zc.zk.server.store import Store
from zc.zk.server.sweep import Sweep

_EVENT = INT.pack(Xid.EVENT)


class _Held(NamedTuple):
    """A frame that waits, by a fault or behind another that does."""

    frame: bytes
    until: float
    fault: Fault | None


class FaultyLink(Link):
    """A connection that asks, for each of its requests, which fault befalls it."""

    def __init__(
        self, store: Store, server: "FaultyCore", peer: tuple[str, int], now: float
    ) -> None:
        super().__init__(store, server, peer, now)
        self._server = server
        self._held: deque[_Held] = deque()
        self._held_bytes = 0
        self._alter: Alter | None = None

    @property
    def held_until(self) -> float | None:
        """When the next frame may go on, None when none waits."""
        return self._held[0].until if self._held else None

    def send(self, frame: bytes) -> None:
        """Write a frame, or what a fault makes of it if it is a reply."""
        alter = self._alter
        if alter is not None and frame[INT.size : 2 * INT.size] != _EVENT:
            self._alter = None
            frame = alter(frame)
        if frame:
            super().send(frame)

    # What faults do

    def carry_out(self, frame: bytes, now: float, alter: Alter | None = None) -> None:
        """Carry out a request; `alter` makes of the reply's frame what is sent."""
        self._alter = alter
        super()._take_frame(frame, 0, len(frame), now)
        self._alter = None

    def refuse(self, frame: bytes, code: int) -> None:
        """Answer a request with an error, instead of carrying it out."""
        xid, _ = REQUEST_HEADER.unpack_from(frame)
        self._reply(xid, self._store.zxid, code)

    def abandon(self) -> None:
        """Forget the connection without telling its peer."""
        self.close()
        self._server.abandoned[self] = None

    def release(self, now: float) -> None:
        """Go on with the frames that are no longer held."""
        while self._held and (self._held[0].until <= now or _is_over(self._held[0].fault)):
            frame = self._held.popleft().frame
            self._held_bytes -= len(frame)
            if not self.is_closing:
                self._meet_fault(frame, now)

    # What a connection does

    def _take_frame(self, data: bytes, begin: int, end: int, now: float) -> None:
        if not self._held and not self._server.faults.are_set:
            super()._take_frame(data, begin, end, now)
            return
        frame = bytes(data[begin:end])
        request = self._look_at(frame)
        hold = self._server.faults.holding(request) if request else None
        if hold is None and not self._held:
            self._meet_fault(frame, now)
            return
        self._held.append(_Held(frame, hold.effect.hold_until(now) if hold else now, hold))
        self._held_bytes += len(frame)
        self._server.holding[self] = None
        if self._held_bytes > self._store.settings.unsent_bytes_to_drop:
            self.close()  # memory is bounded, whatever is held

    def _meet_fault(self, frame: bytes, now: float) -> None:
        request = self._look_at(frame)
        fault = self._server.faults.striking(request) if request else None
        if fault is None:
            self.carry_out(frame, now)
        else:
            fault.effect.strike(self, frame, now)
        self._server.update_faults(now)

    def _look_at(self, frame: bytes) -> Request | None:
        try:
            if self.stage is Stage.NEW and not self._held:
                asked = ConnectRequest.read(Reader(frame))
                return Request(CONNECT, (), asked.session_id)
            source = Reader(frame)
            _, opcode = source.unpack(REQUEST_HEADER)
        except ProtocolError:
            return None  # it ends the connection, whatever the faults
        return Request(NAMES.get(opcode, ""), _paths(opcode, source), self.session_id)


class FaultyCore(Core):
    """A stand-alone server that has `faults`, which may be those of an earlier life.

    Whoever changes the faults calls `update_faults`, or `release` after lifting one.
    `on_refusing` is told when connections are to be refused, and when no longer; `on_wipe`, which
    store it is from now on.
    """

    def __init__(
        self,
        faults: Faults,
        settings: Settings,
        now: float,
        wall_offset: float,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        super().__init__(settings, now, wall_offset, random_bytes)
        self.faults = faults
        self.holding: dict[FaultyLink, None] = {}
        self.abandoned: dict[Link, None] = {}
        self.on_refusing: Callable[[bool], None] | None = None
        self.on_wipe: Callable[[Store], None] | None = None
        self._mute: dict[Link, None] = {}

    def update_faults(self, now: float) -> None:
        """Begin and end what is due."""
        if self.faults.update(self, self.store.zxid, now):
            self.release(now)

    def release(self, now: float) -> None:
        """Let go of what is no longer held."""
        for held in tuple(self.holding):
            held.release(now)
            if held.held_until is None:
                self.holding.pop(held, None)
        mute, self._mute = self._mute, {}
        for link in mute:
            self.ready(link)

    # What the network tells

    def new_link(self, peer: tuple[str, int], now: float) -> Link:
        """Return a connection that faults can befall."""
        return FaultyLink(self.store, self, peer, now)

    def disconnect(self, link: Link) -> None:
        """Forget a connection that is no more."""
        super().disconnect(link)
        self._mute.pop(link, None)
        self.abandoned.pop(link, None)
        self.holding.pop(link, None)  # type: ignore[call-overload]  # all our links are faulty

    def take_ready(self) -> Collection[Link]:
        """Return the links that have something to send or want to end, and may."""
        ready = super().take_ready()
        if not ready or not (self.abandoned or self.faults.are_set):
            return ready
        heard = []
        for link in ready:
            if link not in self.abandoned and not self.faults.mute(link.session_id):
                heard.append(link)
            else:
                self._mute[link] = None
        return heard

    def deadline(self) -> float | None:
        """Return when `tick` has something to do, or None for never."""
        times = [super().deadline(), self.faults.deadline()]
        times += [link.held_until for link in self.holding if link.held_until != inf]
        return min((time for time in times if time is not None), default=None)

    def tick(self, now: float) -> None:
        """End what has had its time, and go on with what was held for some."""
        super().tick(now)
        self.update_faults(now)
        if self.holding:
            self.release(now)

    # What faults do

    def victims(self, session_id: int | None) -> list[FaultyLink]:
        """Return the connections, or only that of one session."""
        return [
            link
            for link in self.links
            if isinstance(link, FaultyLink)
            and not link.is_closing
            and session_id in {None, link.session_id}
        ]

    def let_go(self) -> None:
        """End the connections that were abandoned."""
        abandoned, self.abandoned = self.abandoned, {}
        for link in abandoned:
            self.ready(link)

    def expire_all(self, session_id: int | None, now: float) -> int:
        """End all sessions, or only one; return how many there were."""
        ids = [session.id for session in self.sessions]
        return sum(self.expire(each, now) for each in ids if session_id in {None, each})

    def restart(self, now: float, *, wipe: bool) -> None:
        """Be as after a restart."""
        for link in tuple(self.links):
            link.close()
        if wipe:
            old = self.store
            self.store = Store(self.settings, now, old.wall_offset, old.random_bytes)
            self.store.zxid = max(self.store.zxid, old.zxid)
            if self.on_wipe is not None:
                self.on_wipe(self.store)
            self._sweep = Sweep(self.store, now)
            self.switch(old.is_read_only, now)
        else:
            self.store.served_sessions.restart_clocks(now)

    def go_back(self, zxids: int) -> None:
        """Take smaller zxids than were given; who is connected has to come again."""
        self.store.zxid = max(0, self.store.zxid - zxids)
        for link in tuple(self.links):
            link.close()

    def refuse_connections(self, is_refusing: bool) -> None:
        """Let nobody connect, or everybody again."""
        if self.on_refusing is not None:
            self.on_refusing(is_refusing)

    def go_read_only(self, is_read_only: bool, now: float) -> None:
        """Take no writes, or take them again."""
        self.switch(is_read_only, now)


def _is_over(fault: Fault | None) -> bool:
    return fault is not None and fault.is_over


def _paths(opcode: int, source: Reader) -> tuple[str, ...]:
    handler = HANDLERS.get(opcode)
    if handler is None:
        return ()
    try:
        request = handler.operation.read_request(source)
    except ProtocolError:
        return ()
    parts: Iterable[Operation[object]] = (
        getattr(request, "operations", ())
        if opcode in {OpCode.MULTI, OpCode.MULTI_READ}
        else (request,)
    )
    paths = (getattr(part, "path", None) for part in parts)
    return tuple(path for path in paths if isinstance(path, str))
