"""All that a server knows, and the only way to change it: transactions under zxids."""

from collections.abc import Callable

from zc.zk.server import quota
from zc.zk.server.changes import BeginSession, Change, DeleteNode, EndSession, Transaction
from zc.zk.server.possible import require_change
from zc.zk.server.sessions import Session, Sessions
from zc.zk.server.settings import Settings
from zc.zk.server.tree import Happening, Tree
from zc.zk.server.undo import Undo, undo_of
from zc.zk.server.watches import Watches


class Store:
    """Tree, sessions, watches and the last zxid.

    `wall_offset` is what the wall clock shows more than `now`, in seconds; whoever has clocks keeps
    it right.
    `random_bytes` gives the passwords of sessions. `journal` is told of each transaction before
    anybody else is.
    """

    def __init__(
        self,
        settings: Settings,
        now: float,
        wall_offset: float,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.settings = settings
        self.wall_offset = wall_offset
        self.random_bytes = random_bytes
        self.journal: Callable[[Transaction], None] | None = None
        self.tree = Tree()
        self.sessions = Sessions(settings.tick_time, int(self.wall(now) * 1000))
        self.is_read_only = False
        self.served_sessions = self.sessions  # those whose clients can be connected now
        self.watches = Watches(
            one_way=not settings.keeps_ways_of_watching_apart,
            most_bytes=settings.most_watched_bytes,
        )
        # The fraction of the second stays, for servers that start twice in one.
        first = settings.first_zxid
        self.zxid = int(self.wall(now) * (1 << 32)) if first is None else first

    def wall(self, now: float) -> float:
        """Return the wall clock's time in seconds."""
        return now + self.wall_offset

    def switch(self, is_read_only: bool, now: float) -> None:
        """Take no writes from now on, or take them again; whoever has connections ends them.

        A read-only server has sessions of its own, which are in no transaction and end with this
        state. The others wait meanwhile: nobody who could end them is in reach.
        """
        self.is_read_only = is_read_only
        if is_read_only:
            self.served_sessions = Sessions(self.settings.tick_time, 0)
        else:
            self.served_sessions = self.sessions
            self.sessions.restart_clocks(now)

    def begin_local_session(self, timeout: int, now: float) -> Session:
        """Begin a session that only a read-only server knows; `timeout` in milliseconds."""
        session_id = self.sessions.new_id()
        return self.served_sessions.begin(session_id, timeout, self.random_bytes(16), now)

    def end_local_session(self, session_id: int) -> None:
        """End a session that only a read-only server knows, and its connection."""
        session = self.served_sessions.end(session_id)
        if session is not None and session.link is not None:
            session.link.close()

    def begin(self, now: float) -> "Draft":
        """Begin a transaction, which takes the next zxid whatever becomes of it."""
        self.zxid += 1
        return Draft(self, now)

    def end_session(self, session_id: int, now: float) -> None:
        """End a session in a transaction of its own, as its expiry does."""
        draft = self.begin(now)
        draft.end_session(session_id)
        draft.commit()

    def apply(self, change: Change, zxid: int, time: int, now: float) -> tuple[Happening, ...]:
        """Make a change that was decided on, in this life of the server or in an earlier one."""
        if isinstance(change, BeginSession):
            self.sessions.begin(change.session_id, change.timeout, change.password, now)
        elif isinstance(change, EndSession):
            self.sessions.end(change.session_id)
        return self.tree.apply(change, zxid, time)

    def replay(self, transaction: Transaction, now: float) -> None:
        """Make the changes of a transaction that was committed in an earlier life.

        Raises `ProtocolError` for one that cannot have been.
        """
        tree = self.tree
        found: list[quota.Entry] = []
        for change in transaction.changes:
            require_change(tree, self.sessions, change)
            bytes_before = quota.bytes_at(tree, change)
            self.apply(change, transaction.zxid, transaction.time, now)
            found += quota.entries(tree, change, bytes_before)
        quota.enter(tree, found)
        self.zxid = max(self.zxid, transaction.zxid)


class Draft:
    """A transaction in the making: its later steps see the earlier ones, watchers the commit."""

    __slots__ = (
        *("_changes", "_ended", "_entries", "_happenings", "_undo"),
        *("now", "store", "time", "zxid"),
    )

    def __init__(self, store: Store, now: float) -> None:
        self.store = store
        self.now = now
        self.zxid = store.zxid
        self.time = int(store.wall(now) * 1000)
        self._changes: list[Change] = []
        self._happenings: list[Happening] = []
        self._ended: list[Session] = []
        self._entries: list[quota.Entry] = []
        self._undo: list[Undo] | None = None

    def keep_undo(self) -> None:
        """From now on keep what `roll_back` needs: for a transaction that may fail half-way."""
        self._undo = []

    def roll_back(self) -> None:
        """Take all changes back that were made since `keep_undo`, which stood before the first."""
        for undo in reversed(self._undo or ()):
            undo()
        self._undo = None
        self._changes.clear()
        self._happenings.clear()
        self._entries.clear()

    def make(self, change: Change) -> None:
        """Make a change that was found to be possible."""
        tree = self.store.tree
        if self._undo is not None:
            self._undo.append(undo_of(tree, change))
        bytes_before = quota.bytes_at(tree, change) if quota.has_quotas(tree) else 0
        self._happenings += self.store.apply(change, self.zxid, self.time, self.now)
        self._changes.append(change)
        if quota.has_quotas(tree):
            self._entries += quota.entries(tree, change, bytes_before)

    def begin_session(self, timeout: int) -> Session:
        """Begin a session; `timeout` in milliseconds."""
        session_id = self.store.sessions.new_id()
        self.make(BeginSession(session_id, timeout, self.store.random_bytes(16)))
        return self.store.sessions[session_id]

    def end_session(self, session_id: int) -> None:
        """End a session and its ephemeral nodes, if it is alive; its connection with the commit."""
        session = self.store.sessions.find(session_id)
        if session is None:
            return
        for path in tuple(self.store.tree.ephemerals.get(session_id, ())):
            self.make(DeleteNode(path))
        self.make(EndSession(session_id))
        self._ended.append(session)

    def commit(self) -> None:
        """Tell the journal, then the watchers, then the connections whose sessions ended."""
        store = self.store
        if self._changes and store.journal is not None:
            store.journal(Transaction(self.zxid, self.time, tuple(self._changes)))
        if self._entries:
            quota.enter(store.tree, self._entries)
        zxid = self.zxid if store.settings.shows_event_zxids else -1
        for happening in self._happenings:
            store.watches.fire(happening, zxid)
        for session in self._ended:
            if session.link is not None:
                session.link.close()
