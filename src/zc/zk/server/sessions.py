"""The sessions that are alive, and when each ends unless it is heard of (protocol.md, 2)."""

import hmac
from collections.abc import Iterator
from math import floor
from typing import Protocol

_SERVER_ID = 1  # in the top byte of every id; a stand-alone server is number one


class Attached(Protocol):
    """A connection, as far as its session knows it."""

    def close(self) -> None:
        """End the connection, once what was written to it is sent."""


class Session:
    """One session; `timeout` in milliseconds, `link` the connection that it is attached to."""

    __slots__ = ("bucket", "id", "link", "password", "timeout")

    def __init__(self, session_id: int, timeout: int, password: bytes) -> None:
        self.id = session_id
        self.timeout = timeout
        self.password = password
        self.link: Attached | None = None
        self.bucket = 0

    def __repr__(self) -> str:
        return f"Session({self.id:#x}, timeout={self.timeout})"

    def accepts(self, password: bytes) -> bool:
        """Say whether `password` is the session's; how long that takes tells nothing."""
        return hmac.compare_digest(self.password, password)


class Sessions:
    """All sessions by id. Ends are rounded up to ticks, so that a touch rarely moves anything."""

    def __init__(self, tick_time: float, wall_milliseconds: int) -> None:
        self._tick_time = tick_time
        self._sessions: dict[int, Session] = {}
        self._buckets: dict[int, dict[Session, None]] = {}
        # Five bytes of clock leave two for a counter: ids stay apart over restarts.
        self._next_id = _SERVER_ID << 56 | (wall_milliseconds & 0xFF_FFFF_FFFF) << 16

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter(self._sessions.values())

    def __getitem__(self, session_id: int) -> Session:
        return self._sessions[session_id]

    def find(self, session_id: int) -> Session | None:
        """Return a session that is alive."""
        return self._sessions.get(session_id)

    def new_id(self) -> int:
        """Return an id that no session had."""
        session_id = self._next_id
        self._next_id += 1
        return session_id

    def begin(self, session_id: int, timeout: int, password: bytes, now: float) -> Session:
        """Let a session live from `now`; `timeout` in milliseconds."""
        session = self._sessions[session_id] = Session(session_id, timeout, password)
        self._next_id = max(self._next_id, session_id + 1)
        self._file(session, self._bucket(now, timeout))
        return session

    def end(self, session_id: int) -> Session | None:
        """Forget a session, and return it if it was alive."""
        session = self._sessions.pop(session_id, None)
        if session is not None:
            self._unfile(session)
        return session

    def touch(self, session: Session, now: float) -> None:
        """Let a session's time-out begin anew."""
        bucket = floor((now + session.timeout / 1000) / self._tick_time) + 1
        if bucket > session.bucket:
            self._unfile(session)
            self._file(session, bucket)

    def renegotiate(self, session: Session, timeout: int, now: float) -> None:
        """Give a session another time-out in milliseconds, from `now`."""
        session.timeout = timeout
        self._unfile(session)
        self._file(session, self._bucket(now, timeout))

    def restart_clocks(self, now: float) -> None:
        """Let every time-out begin anew, as after a time in which no client could be heard."""
        for session in self._sessions.values():
            self.renegotiate(session, session.timeout, now)

    def deadline(self) -> float | None:
        """Return when the next sessions end, unless they are touched."""
        return min(self._buckets) * self._tick_time if self._buckets else None

    def ends(self) -> Iterator[tuple[float, Session]]:
        """Give when each session ends, unless it is touched."""
        return ((self.end_of(session), session) for session in self)

    def end_of(self, session: Session) -> float:
        """Return when a session ends, unless it is touched."""
        return session.bucket * self._tick_time

    def due(self, now: float) -> list[Session]:
        """Return the sessions whose time has run out."""
        ripe = sorted(bucket for bucket in self._buckets if bucket * self._tick_time <= now)
        return [session for bucket in ripe for session in self._buckets[bucket]]

    def _bucket(self, now: float, timeout: int) -> int:
        return floor((now + timeout / 1000) / self._tick_time) + 1

    def _file(self, session: Session, bucket: int) -> None:
        session.bucket = bucket
        self._buckets.setdefault(bucket, {})[session] = None

    def _unfile(self, session: Session) -> None:
        bucket = self._buckets.get(session.bucket)
        if bucket is not None:
            bucket.pop(session, None)
            if not bucket:
                del self._buckets[session.bucket]
