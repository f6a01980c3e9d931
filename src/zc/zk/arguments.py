"""Turns the documented arguments of the clients into operations, checked in the caller before anything is sent."""

import logging
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any, TypeVar

from zc.zk import paths
from zc.zk.codes import AddWatchMode, CreateFlag, WatcherType
from zc.zk.errors import ArgumentError, ArgumentTypeError
from zc.zk.operations import (
    AddWatch,
    Auth,
    Check,
    Create,
    Create2,
    CreateContainer,
    Creates,
    CreateTTL,
    Delete,
    Exists,
    GetACL,
    GetAllChildrenNumber,
    GetChildren,
    GetChildren2,
    GetData,
    GetEphemerals,
    Reconfig,
    RemoveWatches,
    SetACL,
    SetData,
    Sync,
    Watch,
)
from zc.zk.records import Stat
from zc.zk.security import checked_acl

E = TypeVar("E", bound=IntEnum)
MOST_SECONDS = 1e9  # every system's timers have room for so many
MOST_SESSION_SECONDS = 2_147_483.0  # 31 bits of milliseconds, as they go over the wire
MOST_TTL = 2**40 - 1  # milliseconds
_NAME_AND_PATH = 2
_SCHEME_AND_CREDENTIAL = 2
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


def ttl(value: object) -> int:
    """Return a time to live in milliseconds, 0 for none."""
    if not isinstance(value, int) or isinstance(value, bool):
        msg = f"a TTL must be an integer of milliseconds, not {type(value).__name__}"
        raise ArgumentTypeError(msg)
    if not 0 <= value <= MOST_TTL:
        msg = f"a TTL must be from 1 to {MOST_TTL} milliseconds, not {value}"
        raise ArgumentError(msg)
    return value


def flags(
    *, ephemeral: bool, sequence: bool, container: bool = False, has_ttl: bool = False
) -> CreateFlag:
    """Return what a create request says of the kind of node; a node has one kind."""
    if container or has_ttl:
        return _lasting(
            ephemeral=ephemeral, sequence=sequence, container=container, has_ttl=has_ttl
        )
    return _PLAIN_KINDS[bool(ephemeral), bool(sequence)]


_PLAIN_KINDS = {
    (False, False): CreateFlag.PERSISTENT,
    (True, False): CreateFlag.EPHEMERAL,
    (False, True): CreateFlag.SEQUENTIAL,
    (True, True): CreateFlag.EPHEMERAL | CreateFlag.SEQUENTIAL,
}


def _lasting(*, ephemeral: bool, sequence: bool, container: bool, has_ttl: bool) -> CreateFlag:
    kinds = {"ephemeral": ephemeral, "a container": container, "with a TTL": has_ttl}
    chosen = [name for name, is_chosen in kinds.items() if is_chosen]
    if len(chosen) > 1:
        msg = f"a node cannot be both {chosen[0]} and {chosen[1]}"
        raise ArgumentError(msg)
    if has_ttl:
        return CreateFlag.SEQUENTIAL_TTL if sequence else CreateFlag.TTL
    if sequence:
        msg = "a container cannot be sequential"
        raise ArgumentError(msg)
    return CreateFlag.CONTAINER


def create(
    path: object,
    value: object,
    acl: object,
    *,
    ephemeral: bool = False,
    sequence: bool = False,
    container: bool = False,
    time_to_live: object = None,
    with_status: bool = False,
) -> Creates[str] | Creates[tuple[str, Stat]]:
    """Return the request that makes such a node; a container and a TTL node answer with their status in any case."""
    lifetime = 0 if time_to_live is None else ttl(time_to_live)
    kind = flags(ephemeral=ephemeral, sequence=sequence, container=container, has_ttl=lifetime != 0)
    checked = paths.validate_sequential if sequence else paths.validate
    fields = checked(path), data(value), checked_acl(acl), kind
    if lifetime:
        return CreateTTL(*fields, lifetime)
    if container:
        return CreateContainer(*fields)
    return Create2(*fields) if with_status else Create(*fields)


def delete(path: object, expected: object) -> Delete:
    """Return a delete request."""
    return Delete(paths.validate(path), version(expected))


def check(path: object, expected: object) -> Check:
    """Return a check of a transaction."""
    return Check(paths.validate(path), version(expected))


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


def read(question: object) -> GetData | GetChildren:
    """Return one read of a `multi_read`: `("get", path)` or `("get_children", path)`."""
    if not isinstance(question, (tuple, list)) or len(question) != _NAME_AND_PATH:
        msg = f"a read must be a tuple of its name and a path, not {question!r:.200}"
        raise ArgumentTypeError(msg)
    name, path = question
    if name not in ("get", "get_children"):
        msg = f"a read must be 'get' or 'get_children', not {name!r:.200}"
        raise ArgumentError(msg)
    return get(path, None) if name == "get" else get_children(path, None)


def get_ephemerals(prefix: object) -> GetEphemerals:
    """Return a request for the session's ephemeral nodes; a prefix need not be a path, but begins as one."""
    if not isinstance(prefix, str):
        msg = f"a prefix must be a string, not {type(prefix).__name__}: {prefix!r}"
        raise ArgumentTypeError(msg)
    paths.validate(prefix if prefix == "/" else prefix.removesuffix("/"))
    return GetEphemerals(prefix)


def get_all_children_number(path: object) -> GetAllChildrenNumber:
    """Return a request for the number of nodes below."""
    return GetAllChildrenNumber(paths.validate(path))


def reconfig(
    joining: object, leaving: object, new_members: object, from_config: object
) -> Reconfig:
    """Return a request to change the ensemble: by who joins and leaves, or to new members."""
    joins, leaves, members = (
        _servers(joining, "joining"),
        _servers(leaving, "leaving"),
        _servers(new_members, "new_members"),
    )
    if members and (joins or leaves):
        msg = "a reconfiguration has either joining and leaving servers or new members, not both"
        raise ArgumentError(msg)
    if not (members or joins or leaves):
        msg = "a reconfiguration needs joining or leaving servers, or new members"
        raise ArgumentError(msg)
    if not isinstance(from_config, int) or isinstance(from_config, bool):
        msg = f"the version of a configuration must be an integer, not {type(from_config).__name__}"
        raise ArgumentTypeError(msg)
    if from_config not in _IDS:
        msg = f"the version of a configuration has 64 bits: {from_config}"
        raise ArgumentError(msg)
    return Reconfig(joins, leaves, members, from_config)


def _servers(value: object, what: str) -> str | None:
    parts = [value] if isinstance(value, str) else value
    if parts is None:
        return None
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) for part in parts):
        msg = f"{what} must be a string or a list of strings, not {value!r:.200}"
        raise ArgumentTypeError(msg)
    return ",".join(parts) or None


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


def identities(pairs: object) -> list[Auth]:
    """Return the operations that show identities, given as pairs; errors never hold a credential."""
    if isinstance(pairs, (str, bytes, Mapping)) or not isinstance(pairs, Iterable):
        msg = f"auth_data must be a list of pairs of a scheme and a credential, not {type(pairs).__name__}"
        raise ArgumentTypeError(msg)
    shown = []
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != _SCHEME_AND_CREDENTIAL:
            msg = "each identity in auth_data must be a pair of a scheme and a credential"
            raise ArgumentTypeError(msg)
        shown.append(auth(*pair))
    return shown


def seconds(value: object, what: str, most: float = MOST_SECONDS) -> float:
    """Return a positive number of seconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        msg = f"{what} must be a number of seconds, not {type(value).__name__}"
        raise ArgumentTypeError(msg)
    if not 0 < value <= most:
        msg = f"{what} must be a positive number of seconds, not {value}"
        raise ArgumentError(msg)
    return float(value)


def patience(value: object, what: str) -> float:
    """Return a positive number of seconds; None stands for any number."""
    return float("inf") if value is None else seconds(value, what)


def logger(value: object) -> logging.Logger | logging.LoggerAdapter[Any]:
    """Return what a client may log to."""
    if not isinstance(value, logging.Logger | logging.LoggerAdapter):
        msg = f"logger must be a logging.Logger or a LoggerAdapter, not {type(value).__name__}"
        raise ArgumentTypeError(msg)
    return value


def client_id(value: object) -> tuple[int, bytes]:
    """Return the id and password of a session; errors never hold the password."""
    if not isinstance(value, tuple) or [type(part) for part in value] != [int, bytes]:
        msg = f"a client id must be a tuple of a session id and a password of bytes, not {type(value).__name__}"
        raise ArgumentTypeError(msg)
    if value[0] not in _IDS:
        msg = f"a session id has 64 bits: {value[0]}"
        raise ArgumentError(msg)
    return value
