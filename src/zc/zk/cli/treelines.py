"""A tree of nodes as lines of JSON: what `zk export` writes, and `zk import` reads.

The first line names the form, the last one says how many nodes there are; between them stands one
node a line, parents first:

    {"zk-tree": 1}
    {"path": "/", "data": ""}
    {"path": "/a", "data": "text", "acl": ["world:anyone:r", "digest:bob:hash=:cdrwa"]}
    {"path": "/b", "base64": "/wA=", "ttl": 5000}
    {"nodes": 3}

Data are text where they are UTF-8, base64 where not. Paths begin below the top of what was
exported. Without "acl" a node is open to everybody; "container" and "ttl" (milliseconds) say of
which kind it is.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from zc.zk import paths
from zc.zk.errors import UsageError, ZooKeeperError
from zc.zk.security import ACL, OPEN_ACL_UNSAFE, Id

_FORM = "zk-tree"
_VERSION = 1
_KEYS = {"path", "data", "base64", "acl", "container", "ttl"}
_LETTERS = "rwcda"  # in the order of the bits
_SHOWN_LETTERS = "cdrwa"  # in the order in which ZooKeeper's own shell shows them


class TreeLinesError(ZooKeeperError):
    """A text is no exported tree; the message says which line is wrong, and why."""


class Entry(NamedTuple):
    """One node; `ttl` in milliseconds."""

    path: str
    data: bytes
    acl: tuple[ACL, ...] = tuple(OPEN_ACL_UNSAFE)
    container: bool = False
    ttl: int | None = None


def write(entries: Iterable[Entry]) -> Iterator[str]:
    """Give the lines of a tree, without their ends."""
    yield json.dumps({_FORM: _VERSION})
    count = 0
    for entry in entries:
        count += 1
        yield json.dumps(_fields(entry), ensure_ascii=False)
    yield json.dumps({"nodes": count})


def read(lines: Iterable[str]) -> Iterator[Entry]:
    """Give the nodes of a tree; raises `TreeLinesError`, also where lines are missing."""
    seen: set[str] = set()
    number, is_whole = 0, False
    for number, line in enumerate(lines, 1):
        try:
            fields = _parse(line)
            if number == 1:
                _check_form(fields)
            elif "nodes" in fields and not is_whole:
                _check_count(fields["nodes"], len(seen))
                is_whole = True
            else:
                entry = _entry(fields)
                _place(entry.path, seen, is_whole)
                yield entry
        except _Wrong as error:
            raise TreeLinesError(f"line {number} is wrong: {error}") from error
    if not is_whole:
        raise TreeLinesError(f"the text ends with line {number}, before the line that counts nodes")


class _Wrong(Exception):  # noqa: N818 (it never leaves this module)
    """What is wrong with a line."""


def _fields(entry: Entry) -> dict[str, Any]:  # Any: as JSON
    fields: dict[str, Any] = {"path": entry.path}
    try:
        fields["data"] = entry.data.decode()
    except UnicodeDecodeError:
        fields["base64"] = base64.b64encode(entry.data).decode()
    if entry.acl != tuple(OPEN_ACL_UNSAFE):
        fields["acl"] = [_acl_text(each) for each in entry.acl]
    if entry.container:
        fields["container"] = True
    if entry.ttl is not None:
        fields["ttl"] = entry.ttl
    return fields


def _acl_text(acl: ACL) -> str:
    given = {letter for bit, letter in enumerate(_LETTERS) if acl.perms & 1 << bit}
    letters = "".join(letter for letter in _SHOWN_LETTERS if letter in given)
    return f"{acl.id.scheme}:{acl.id.id}:{letters}"


def _parse(line: str) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _Wrong("it is not JSON") from error
    if not isinstance(fields, dict):
        raise _Wrong("it is not a JSON object")
    return fields


def _check_form(fields: dict[str, Any]) -> None:
    if fields != {_FORM: _VERSION}:
        raise _Wrong(
            f"it is not {json.dumps({_FORM: _VERSION})}, which an exported tree begins with"
        )


def _check_count(told: object, count: int) -> None:
    if told != count:
        raise _Wrong(f"it counts {told!r} nodes, but there are {count}")


def _entry(fields: dict[str, Any]) -> Entry:
    unknown = fields.keys() - _KEYS
    if unknown:
        raise _Wrong(f"nobody knows {min(unknown)!r}")
    container, ttl = fields.get("container", False), fields.get("ttl")
    if not isinstance(container, bool):
        raise _Wrong('"container" is neither true nor false')
    if ttl is not None and (type(ttl) is not int or ttl <= 0 or container):
        raise _Wrong('"ttl" is no number of milliseconds, or the node is a container as well')
    try:
        path = paths.validate(fields.get("path"))
    except UsageError as error:
        raise _Wrong(str(error)) from error
    return Entry(path, _data(fields), _acl(fields), container, ttl)


def _data(fields: dict[str, Any]) -> bytes:
    if ("data" in fields) == ("base64" in fields):
        raise _Wrong('there must be either "data" or "base64"')
    text = fields.get("data", fields.get("base64"))
    if not isinstance(text, str):
        raise _Wrong("its data are no string")
    try:
        return text.encode() if "data" in fields else base64.b64decode(text, validate=True)
    except (UnicodeEncodeError, binascii.Error, ValueError) as error:
        raise _Wrong(f"its data cannot be decoded: {error}") from error


def _acl(fields: dict[str, Any]) -> tuple[ACL, ...]:
    if "acl" not in fields:
        return tuple(OPEN_ACL_UNSAFE)
    texts = fields["acl"]
    if not isinstance(texts, list) or not texts:
        raise _Wrong("its ACL is not a list with entries")
    return tuple(_acl_entry(text) for text in texts)


def _acl_entry(text: object) -> ACL:
    if isinstance(text, str) and text.count(":") >= 2:  # noqa: PLR2004 (scheme:id:permissions)
        scheme, _, rest = text.partition(":")
        name, _, letters = rest.rpartition(":")
        if scheme and set(letters) <= set(_LETTERS) and len(set(letters)) == len(letters):
            perms = sum(1 << _LETTERS.index(letter) for letter in letters)
            return ACL(perms, Id(scheme, name))
    raise _Wrong(f"an ACL entry is not scheme:id:permissions, of {_SHOWN_LETTERS}: {text!r}")


def _place(path: str, seen: set[str], is_whole: bool) -> None:
    if is_whole:
        raise _Wrong("it stands behind the last line")
    if path in seen:
        raise _Wrong(f"{path} stood above already")
    if path != "/" and paths.parent(path) not in seen:
        raise _Wrong(f"the parent of {path} does not stand above it")
    seen.add(path)
