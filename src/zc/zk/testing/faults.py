"""Faults that befall a running server when a test wants them."""

import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Protocol, Self, TypedDict, TypeVar, Unpack

from zc.zk.server import requestfaults, serverfaults
from zc.zk.server.conditions import Conditions
from zc.zk.server.effects import Effect
from zc.zk.server.faults import Fault
from zc.zk.server.faults import Faults as Registry
from zc.zk.server.faulty import FaultyCore
from zc.zk.testing.script import read_script

R = TypeVar("R")


class ServerOptions(TypedDict, total=False):
    """When a fault of the server begins, and ends by itself."""

    after: float  # seconds
    after_writes: int  # zxids, those of failed writes and of sessions too
    at_zxid: int
    lasting: float  # seconds


class SessionOptions(ServerOptions, total=False):
    """The same, and of which session the connections are."""

    session: int


class RequestOptions(SessionOptions, total=False):
    """The same, and which requests it befalls: `zc.zk.server.conditions` has the details."""

    operation: str
    path: str
    times: int
    skip: int


class Host(Protocol):
    """The server that faults befall, as far as they know it."""

    def ask_faulty(self, question: Callable[[FaultyCore | None, float], R]) -> R:
        """Ask the core a question, in the thread that it lives in; None if it never started."""


class FaultHandle:
    """A fault that was set; as a context manager it ends with the block."""

    def __init__(self, host: Host, registry: Registry, effect: Effect, when: Conditions) -> None:
        self._host = host
        self._registry = registry
        self._happened = threading.Condition()
        self.fault = Fault(effect, when, self._tell)

    def __repr__(self) -> str:
        fault = self.fault
        return f"<fault {fault.effect.name}: {fault.phase.value}, happened {fault.count} times>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.lift()

    @property
    def name(self) -> str:
        """What kind of fault it is."""
        return self.fault.effect.name

    @property
    def count(self) -> int:
        """How many requests, connections or sessions it befell; 1 for the server as a whole."""
        return self.fault.count

    @property
    def happened(self) -> bool:
        """Whether it befell anything."""
        return self.fault.count > 0

    @property
    def is_over(self) -> bool:
        """Whether it will not happen any more: it was lifted, or has had its times or its time."""
        return self.fault.is_over

    def wait(self, timeout: float | None = None, count: int = 1) -> bool:
        """Wait until it happened, `count` times; say whether it did."""
        with self._happened:
            return self._happened.wait_for(lambda: self.fault.count >= count, timeout)

    def lift(self) -> None:
        """End the fault; what it held goes on. Does nothing when it is over."""

        def lift(core: FaultyCore | None, now: float) -> None:
            self._registry.lift(self.fault, core, now)
            if core is not None:
                core.release(now)

        self._host.ask_faulty(lift)

    def _tell(self) -> None:
        with self._happened:
            self._happened.notify_all()


class Script:
    """The faults that a script set, in its order."""

    def __init__(self, faults: list[FaultHandle]) -> None:
        self.faults = faults

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.lift()

    @property
    def happened(self) -> bool:
        """Whether each of them happened."""
        return all(fault.happened for fault in self.faults)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until each happened, `timeout` seconds for each; say whether they did."""
        return all(fault.wait(timeout) for fault in self.faults)

    def lift(self) -> None:
        """End them all."""
        for fault in self.faults:
            fault.lift()


class Faults:
    """What can befall one server. Each method sets a fault, and returns a handle on it.

    A fault begins at once unless `after`, `after_writes` or `at_zxid` says otherwise, and outlives
    restarts. Those for requests befall all connections unless `session` names one; `operation`,
    `path`, `times` and `skip` choose the requests. Raises `ArgumentError` for what cannot be.
    """

    def __init__(self, host: Host, registry: Registry) -> None:
        self._host = host
        self._registry = registry
        self._handles: list[FaultHandle] = []

    def __iter__(self) -> Iterator[FaultHandle]:
        """Give those that are not over."""
        self._handles = [each for each in self._handles if not each.is_over]
        return iter(tuple(self._handles))

    def add(self, effect: Effect, conditions: Conditions) -> FaultHandle:
        """Set a fault of any kind."""
        handle = FaultHandle(self._host, self._registry, effect, conditions)

        def add(core: FaultyCore | None, now: float) -> None:
            self._registry.add(handle.fault, core, 0 if core is None else core.store.zxid, now)

        self._host.ask_faulty(add)
        self._handles = [*self, handle]
        return handle

    def script(self, text: str) -> Script:
        """Set the faults of a script: one a line, as `zk server --control` reads them.

        Nothing is set when a line cannot be read.
        """
        return Script([self.add(*each) for each in read_script(text)])

    def lift_all(self) -> None:
        """End all faults."""
        for handle in self:
            handle.lift()

    # To requests

    def drop_before(self, **when: Unpack[RequestOptions]) -> FaultHandle:
        """End the connection of the next write, which is not carried out."""
        return self.add(requestfaults.DropBefore(), Conditions(**when))

    def drop_after(self, **when: Unpack[RequestOptions]) -> FaultHandle:
        """Carry out the next write, and end its connection without a reply."""
        return self.add(requestfaults.DropAfter(), Conditions(**when))

    def mute(self, **when: Unpack[RequestOptions]) -> FaultHandle:
        """Carry out the next request and never answer it."""
        return self.add(requestfaults.Mute(), Conditions(**when))

    def delay(self, seconds: float, **when: Unpack[RequestOptions]) -> FaultHandle:
        """Carry out everything so many seconds later, pings and new connections too."""
        return self.add(requestfaults.Delay(seconds), Conditions(**when))

    def stall(self, **when: Unpack[RequestOptions]) -> FaultHandle:
        """Accept connections and requests, and answer nothing until this is lifted.

        What was held is carried out then. Sessions whose time runs out meanwhile end.
        """
        return self.add(requestfaults.Stall(), Conditions(**when))

    def wrong_xid(self, by: int = 1000, **when: Unpack[RequestOptions]) -> FaultHandle:
        """Answer the next request under an xid that is larger by `by`."""
        return self.add(requestfaults.WrongXid(by), Conditions(**when))

    def truncate(self, **when: Unpack[RequestOptions]) -> FaultHandle:
        """Send half of the next reply, and end the connection."""
        return self.add(requestfaults.Truncate(), Conditions(**when))

    def garbage(
        self, data: bytes = requestfaults.NOT_OURS, **when: Unpack[RequestOptions]
    ) -> FaultHandle:
        """Send `data` as it is instead of the next reply, by default a line of HTTP."""
        return self.add(requestfaults.Garbage(data), Conditions(**when))

    def oversize(
        self, length: int = requestfaults.TOO_LONG, **when: Unpack[RequestOptions]
    ) -> FaultHandle:
        """Say in the next reply that it is `length` bytes long."""
        return self.add(requestfaults.Oversize(length), Conditions(**when))

    def error(
        self, code: int = requestfaults.UNKNOWN_CODE, **when: Unpack[RequestOptions]
    ) -> FaultHandle:
        """Answer the next request with an error, by default one that nobody knows."""
        return self.add(requestfaults.Error(code), Conditions(**when))

    # To the server

    def expire(self, session: int | None = None, **when: Unpack[ServerOptions]) -> FaultHandle:
        """End a session, or all, as if their time had run out."""
        return self.add(serverfaults.Expire(), Conditions(session=session, **when))

    def drop_connections(self, **when: Unpack[SessionOptions]) -> FaultHandle:
        """Hang up on everybody, or on one session; sessions live on."""
        return self.add(serverfaults.DropConnections(), Conditions(**when))

    def half_open(self, **when: Unpack[SessionOptions]) -> FaultHandle:
        """Forget the connections that there are, without their peers hearing anything."""
        return self.add(serverfaults.HalfOpen(), Conditions(**when))

    def refuse(self, **when: Unpack[ServerOptions]) -> FaultHandle:
        """Refuse connections; who is connected stays."""
        return self.add(serverfaults.Refuse(), Conditions(**when))

    def read_only(self, **when: Unpack[ServerOptions]) -> FaultHandle:
        """Take no writes, as a server that lost its ensemble; who is connected has to come again."""
        return self.add(serverfaults.ReadOnly(), Conditions(**when))

    def restart(self, *, wipe: bool = False, **when: Unpack[ServerOptions]) -> FaultHandle:
        """Be as after a restart, without the port being free meanwhile; `wipe` forgets everything."""
        return self.add(serverfaults.Restart(wipe), Conditions(**when))

    def go_back(self, zxids: int = 1, **when: Unpack[ServerOptions]) -> FaultHandle:
        """Hang up, and go back by so many zxids: clients that saw later ones are turned away."""
        return self.add(serverfaults.GoBack(zxids), Conditions(**when))
