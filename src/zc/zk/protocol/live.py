"""Live nodes: desired state of the kind "keep me current with this path".

A live node is its own watch. Whatever ends its being current (an event, a new session) makes it stale; the session
reads stale nodes again, in turn, as soon as a server is there. The read arms the next watch, so no change can slip
between.

    stale ──> reading ──> current ──(event, new session)──> stale
                 └──(no node)──> asking whether it exists ──> current, as missing
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zc.zk.errors import ConnectionClosedError, NoNodeError, ResponseTooLargeError
from zc.zk.operations import Exists, GetChildren, GetData, Operation, Watch
from zc.zk.protocol.requests import Request, encode
from zc.zk.records import Stat, WatchedEvent

if TYPE_CHECKING:
    from zc.zk.protocol.session import Session

RETRY_AFTER = 1.0  # seconds until a node that the server refused to show is asked for again


class Live(Watch):
    """What the children and the data of a node have in common as live objects.

    `on_change` is called under the driver's lock after each change of the state, so it may only take note; `changes`
    counts them. `is_known` turns true with the first state or error; `error` is what the server said instead of showing
    the node; `event` is what set off the latest reading, if an event did.
    """

    __slots__ = (
        "_is_probing",
        "_is_reading",
        "_is_stale",
        "_next_event",
        "_reading_event",
        "_session",
        "changes",
        "error",
        "event",
        "exists",
        "is_dropped",
        "is_known",
        "on_change",
        "path",
    )

    def __init__(self, session: "Session", path: str) -> None:
        self._session = session
        self.path = path
        self.on_change: Callable[[], None] | None = None
        self.error: Exception | None = None
        self.event: WatchedEvent | None = None
        self._next_event: WatchedEvent | None = None  # what makes the next reading necessary,
        self._reading_event: WatchedEvent | None = None  # and what the one under way
        self.changes = 0
        self.exists = False
        self.is_known = False
        self.is_dropped = False
        self._is_stale = False
        self._is_reading = False
        self._is_probing = False

    # --- as a watch

    def fire(self, event: WatchedEvent) -> None:
        self._next_event = event
        self.refresh()

    def restart(self) -> bool:
        self._next_event = None
        self.refresh()
        return False

    # --- being read

    def refresh(self) -> None:
        """Read the node again."""
        if not self._is_stale and not self.is_dropped:
            self._is_stale = True
            if not self._is_reading:
                self._session.readings.enqueue(self)

    def drop(self) -> None:
        """Keep the node current no longer."""
        if self.is_known and not self.is_dropped:
            self._session.readings.live_objects -= 1
        self.is_dropped = True
        self.on_change = None
        self._session.trail.watches.discard(self.path, self)

    def reading(self) -> Request:
        """Return the request that would make this current."""
        self._is_stale = False
        self._is_reading = True
        if not self._is_probing:
            self._reading_event, self._next_event = self._next_event, None
        operation = Exists(self.path, self) if self._is_probing else self._read()
        return _Reading(self, operation, encode(operation, self._session.trail.root))

    def took(self, answer: Any) -> None:  # Any: the answer of `_read`, or of Exists
        """Take what a reading found."""
        probing, self._is_probing = self._is_probing, False
        if probing and answer is not None:
            self._is_stale = True  # it was created in the meantime
        self._read_ended()
        if self.is_dropped:
            self._session.trail.watches.discard(self.path, self)
        elif probing:
            if answer is None:
                self._settle(self._take_missing())
        else:
            self._settle(self._take(answer))

    def refused(self, error: Exception) -> None:
        """Take the error that a reading ended in."""
        if isinstance(error, NoNodeError):
            self._is_probing = self._is_stale = True
            self._read_ended()
            return
        self._is_probing = False
        is_closed = isinstance(error, ConnectionClosedError)
        if is_closed:
            self._is_stale = True  # for when the client is started again
        elif isinstance(error, ResponseTooLargeError):
            # It would meet the same answer again, and each costs the connection: the next change brings another try.
            if not self.is_dropped:
                self._session.trail.watches.add(self._read().watches, self.path, self)
        else:
            self._session.call_later(RETRY_AFTER, self.refresh)
        self._read_ended()
        if not (is_closed and self.is_known):
            self.error = error
            self._settle(changed=True)

    def closed(self) -> None:
        """Note that the client was closed before this could be read; what is known stays."""
        if not self.is_known:
            self.error = ConnectionClosedError(self.path)
            self._settle(changed=True)

    def _read_ended(self) -> None:
        self._is_reading = False
        self._session.readings.ended(self)
        if self._is_stale and not self.is_dropped:
            self._session.readings.enqueue(self)

    def _settle(self, changed: bool) -> None:
        if changed or not self.is_known:
            if not self.is_known and not self.is_dropped:
                self._session.readings.live_objects += 1
            self.is_known = True
            self.event = self._reading_event
            self.changes += 1
            if self.on_change is not None:
                self.on_change()

    # --- what a kind of live node adds

    def _read(self) -> Operation[Any]:
        raise NotImplementedError

    def _take(self, answer: Any) -> bool:
        """Keep the state that was read; return whether it is another one."""
        raise NotImplementedError

    def _take_missing(self) -> bool:
        """Keep that there is no node; return whether that is news."""
        raise NotImplementedError


class LiveData(Live):
    """A node's data and status; both None while there is no node."""

    __slots__ = ("_era", "_latest", "data", "stat")

    def __init__(self, session: "Session", path: str) -> None:
        super().__init__(session, path)
        self.data: bytes | None = None
        self.stat: Stat | None = None
        self._latest = 0
        self._era = session.era

    @property
    def _seen(self) -> int:
        """The latest transaction that was shown; none in a new session, for the server may have lost its data."""
        return self._latest if self._era == self._session.era else 0

    def _see(self, zxid: int) -> None:
        self._latest, self._era = zxid, self._session.era

    def wrote(self, data: bytes, stat: Stat) -> None:
        """Take a state that we wrote ourselves, without waiting to read it."""
        self._settle(self._take((data, stat)))

    def _read(self) -> Operation[tuple[bytes, Stat]]:
        return GetData(self.path, self)

    def _take(self, answer: tuple[bytes, Stat]) -> bool:
        data, stat = answer
        if stat.mzxid < self._seen:
            return False  # older than what we showed already
        changed = self.stat is None or self.stat.mzxid != stat.mzxid or self.error is not None
        self._see(stat.mzxid)
        self.data, self.stat, self.exists, self.error = data, stat, True, None
        return changed

    def _take_missing(self) -> bool:
        changed = self.exists or self.error is not None
        self.data, self.stat, self.exists, self.error = None, None, False, None
        # `wrote` may come later than the deletion.
        self._see(max(self._seen, self._session.trail.zxid))
        return changed


class LiveChildren(Live):
    """The names of a node's children, in no order; none while there is no node."""

    __slots__ = ("names",)

    def __init__(self, session: "Session", path: str) -> None:
        super().__init__(session, path)
        self.names: list[str] = []

    def _read(self) -> Operation[list[str]]:
        return GetChildren(self.path, self)

    def _take(self, answer: list[str]) -> bool:
        changed = not self.exists or self.error is not None or sorted(self.names) != sorted(answer)
        self.names, self.exists, self.error = answer, True, None
        return changed

    def _take_missing(self) -> bool:
        changed = self.exists or self.error is not None
        self.names, self.exists, self.error = [], False, None
        return changed


class _Reading(Request):
    __slots__ = ("_live",)

    def __init__(self, live: Live, operation: Operation[Any], body: bytes) -> None:
        super().__init__(operation, body)
        self._live = live

    def resolve(self, answer: Any) -> None:
        self.ended = True
        self._live.took(answer)

    def fail(self, error: Exception) -> None:
        self.ended = True
        self._live.refused(error)
