"""Turns the documented arguments of the clients into operations, checked in the caller before anything is sent."""

from enum import IntEnum
from typing import TypeVar

from zc.zk import paths
from zc.zk.codes import AddWatchMode, CreateFlag, WatcherType
from zc.zk.errors import ArgumentError, ArgumentTypeError
from zc.zk.operations import (
    AddWatch,
    Auth,
    Create,
    Create2,
    Delete,
    Exists,
    GetACL,
    GetChildren,
    GetChildren2,
    GetData,
    RemoveWatches,
    SetACL,
    SetData,
    Sync,
    Watch,
)
from zc.zk.security import ACL, checked_acl

E = TypeVar("E", bound=IntEnum)
MOST_SECONDS = 1e9  # every system's timers have room for so many
MOST_SESSION_SECONDS = 2_147_483.0  # 31 bits of milliseconds, as they go over the wire
_IDS = range(-(2**63), 2**63)
_VERSIONS = range(-(2**31), 2**31)


def data(value: object) -> bytes | None:
    """Return node data as it is: bytes, or None for no data at all."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    msg = f"node data must be bytes, not {type(value).__name__}"
    raise ArgumentTypeError(msg)


def version(value: object) -> int:
    """Return a version to compare with, -1 for any."""
    if not isinstance(value, int) or isinstance(value, bool):
        msg = f"a version must be an integer, not {type(value).__name__}"
        raise ArgumentTypeError(msg)
    if value not in _VERSIONS:
        msg = f"a version has 32 bits: {value}"
        raise ArgumentError(msg)
    return value


def flags(*, ephemeral: bool, sequence: bool) -> CreateFlag:
    """Return the bits of a create request."""
    kind = CreateFlag.EPHEMERAL if ephemeral else CreateFlag.PERSISTENT
    return kind | CreateFlag.SEQUENTIAL if sequence else kind


def _create_fields(
    path: object, value: object, acl: object, kind: CreateFlag
) -> tuple[str, bytes | None, tuple[ACL, ...], CreateFlag]:
    checked = paths.validate_sequential if CreateFlag.SEQUENTIAL in kind else paths.validate
    return checked(path), data(value), checked_acl(acl), kind


def create(path: object, value: object, acl: object, kind: CreateFlag) -> Create:
    """Return a create request that answers with the path."""
    return Create(*_create_fields(path, value, acl, kind))


def create2(path: object, value: object, acl: object, kind: CreateFlag) -> Create2:
    """Return a create request that answers with the path and status."""
    return Create2(*_create_fields(path, value, acl, kind))


def delete(path: object, expected: object) -> Delete:
    """Return a delete request."""
    return Delete(paths.validate(path), version(expected))


def exists(path: object, watch: Watch | None) -> Exists:
    """Return a request for the status of a node."""
    return Exists(paths.validate(path), watch)


def get(path: object, watch: Watch | None) -> GetData:
    """Return a request for data."""
    return GetData(paths.validate(path), watch)


def set_data(path: object, value: object, expected: object) -> SetData:
    """Return a request to replace data."""
    return SetData(paths.validate(path), data(value), version(expected))


def get_children(path: object, watch: Watch | None) -> GetChildren:
    """Return a request for the names of children."""
    return GetChildren(paths.validate(path), watch)


def get_children2(path: object, watch: Watch | None) -> GetChildren2:
    """Return a request for the names of children and the status."""
    return GetChildren2(paths.validate(path), watch)


def get_acls(path: object) -> GetACL:
    """Return a request for the ACL."""
    return GetACL(paths.validate(path))


def set_acls(path: object, acls: object, expected: object) -> SetACL:
    """Return a request to replace the ACL."""
    return SetACL(paths.validate(path), checked_acl(acls), version(expected))


def sync(path: object) -> Sync:
    """Return a sync request."""
    return Sync(paths.validate(path))


def add_watch(path: object, watch: Watch | None, mode: object) -> AddWatch:
    """Return a request for a watch that stands."""
    if watch is None:
        raise ArgumentTypeError("a watch must be callable: None")
    return AddWatch(paths.validate(path), watch, _member(AddWatchMode, mode, "a mode of a watch"))


def remove_watches(path: object, kind: object) -> RemoveWatches:
    """Return a request to remove the watches of a path."""
    return RemoveWatches(paths.validate(path), _member(WatcherType, kind, "a type of watches"))


def _member(names: type[E], value: object, what: str) -> E:
    for member in names:
        if not isinstance(value, bool) and member == value:
            return member
    msg = f"{what} must be one of {names.__name__}, not {value!r}"
    raise ArgumentError(msg)


def auth(scheme: object, credential: object) -> Auth:
    """Return the operation that shows an identity; errors never hold the credential."""
    if not isinstance(scheme, str):
        msg = f"an authentication scheme must be a string, not {type(scheme).__name__}"
        raise ArgumentTypeError(msg)
    if isinstance(credential, str):
        text = credential
        credential = text.encode(errors="surrogatepass")
        if credential.decode(errors="replace") != text:  # a UnicodeEncodeError would hold it whole
            msg = "a credential must be encodable as UTF-8"
            raise ArgumentError(msg)
    if not isinstance(credential, bytes):
        msg = f"a credential must be a string or bytes, not {type(credential).__name__}"
        raise ArgumentTypeError(msg)
    if scheme == "digest" and b":" not in credential:
        msg = "a digest credential must be of the form user:password"
        raise ArgumentError(msg)
    return Auth(scheme, credential)


def seconds(value: object, what: str, most: float = MOST_SECONDS) -> float:
    """Return a positive number of seconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        msg = f"{what} must be a number of seconds, not {type(value).__name__}"
        raise ArgumentTypeError(msg)
    if not 0 < value <= most:
        msg = f"{what} must be a positive number of seconds, not {value}"
        raise ArgumentError(msg)
    return float(value)


def client_id(value: object) -> tuple[int, bytes]:
    """Return the id and password of a session; errors never hold the password."""
    if not isinstance(value, tuple) or [type(part) for part in value] != [int, bytes]:
        msg = f"a client id must be a tuple of a session id and a password of bytes, not {type(value).__name__}"
        raise ArgumentTypeError(msg)
    if value[0] not in _IDS:
        msg = f"a session id has 64 bits: {value[0]}"
        raise ArgumentError(msg)
    return value
