"""When a fault befalls a server, and whose requests it is for."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import inf
from typing import NamedTuple

from zc.zk.codes import OpCode
from zc.zk.errors import ArgumentError

CONNECT = "connect"
NAMES: dict[int, str] = {
    OpCode.CREATE: "create",
    OpCode.CREATE2: "create",
    OpCode.CREATE_CONTAINER: "create",
    OpCode.CREATE_TTL: "create",
    OpCode.DELETE: "delete",
    OpCode.EXISTS: "exists",
    OpCode.GET_DATA: "get",
    OpCode.SET_DATA: "set",
    OpCode.GET_ACL: "get_acls",
    OpCode.SET_ACL: "set_acls",
    OpCode.GET_CHILDREN: "get_children",
    OpCode.GET_CHILDREN2: "get_children",
    OpCode.SYNC: "sync",
    OpCode.PING: "ping",
    OpCode.MULTI: "multi",
    OpCode.MULTI_READ: "multi_read",
    OpCode.RECONFIG: "reconfig",
    OpCode.CHECK_WATCHES: "check_watches",
    OpCode.REMOVE_WATCHES: "remove_watches",
    OpCode.ADD_WATCH: "add_watch",
    OpCode.SET_WATCHES: "set_watches",
    OpCode.SET_WATCHES2: "set_watches",
    OpCode.AUTH: "add_auth",
    OpCode.SASL: "sasl",
    OpCode.GET_EPHEMERALS: "get_ephemerals",
    OpCode.GET_ALL_CHILDREN_NUMBER: "get_all_children_number",
    OpCode.WHO_AM_I: "who_am_i",
    OpCode.CLOSE_SESSION: "close",
}
_ALL = frozenset(NAMES.values()) | {CONNECT}
_WRITES = frozenset({"create", "delete", "set", "set_acls", "multi", "reconfig"})
_BY_THEMSELVES = frozenset({CONNECT, "ping", "close", "add_auth", "sasl", "set_watches"})
GROUPS: dict[str, frozenset[str]] = {
    "any": _ALL,
    "request": _ALL - _BY_THEMSELVES,  # what a client sends because it was asked to
    "read": _ALL - _BY_THEMSELVES - _WRITES,
    "write": _WRITES,
}


class Request(NamedTuple):
    """A request as faults see it; `paths` has one for each part of a multi."""

    operation: str
    paths: tuple[str, ...]
    session_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Which requests a fault is for, and when it is there.

    `operation` is the name of one, such as "create", of a group ("any", "request", "read",
    "write"), or several names with commas between. `path` may have wildcards, as in "/app/*", which
    is everything below "/app". `session` is a session's id.
    It lets the first `skip` such requests pass, then befalls the next `times`, None for all.
    It begins `after` seconds, once the server has given the zxid `at_zxid`, and once it has given
    `after_writes` more than now; and ends `lasting` seconds later.
    Raises `ArgumentError` for what cannot be.
    """

    operation: str | None = None
    path: str | None = None
    session: int | None = None
    times: int | None = None
    skip: int = 0
    after: float = 0.0
    after_writes: int = 0
    at_zxid: int = 0
    lasting: float | None = None

    def __post_init__(self) -> None:
        _named(self.operation or "any")
        if self.path is not None and not self.path.startswith("/"):
            raise ArgumentError(f"path {self.path!r} does not begin with a slash")
        if self.times is not None and self.times < 1:
            raise ArgumentError(f"times must be 1 or more, not {self.times}")
        for name in ("skip", "after_writes", "at_zxid"):
            if getattr(self, name) < 0:
                raise ArgumentError(f"{name} must be 0 or more, not {getattr(self, name)}")
        for name in ("after", "lasting"):
            seconds = getattr(self, name)
            if seconds is not None and not 0 <= seconds < inf:
                raise ArgumentError(f"{name} must be a time in seconds, not {seconds}")

    def operations(self, usual: str) -> frozenset[str]:
        """Return the names of the operations, those that `usual` stands for unless some were told."""
        return _named(self.operation or usual)

    def cover(self, request: Request) -> bool:
        """Say whether the request has the session and a path that were told."""
        if self.session is not None and request.session_id != self.session:
            return False
        path = self.path
        return path is None or any(fnmatchcase(each, path) for each in request.paths)


def _named(names: str) -> frozenset[str]:
    operations: set[str] = set()
    for name in names.split(","):
        if name not in _ALL and name not in GROUPS:
            known = ", ".join(sorted(_ALL | GROUPS.keys()))
            raise ArgumentError(f"no operation is called {name!r}, only {known}")
        operations |= GROUPS.get(name, {name})
    return frozenset(operations)
