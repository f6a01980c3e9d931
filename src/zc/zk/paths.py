"""Which paths can be, and how they are put together.

The rules are those of ZooKeeper's own client (`PathUtils`), which sees a path as UTF-16: characters beyond U+FFFF are
surrogates to it, and refused.
"""

import re

from zc.zk.errors import ArgumentError, ArgumentTypeError

_SHOWN = 200  # characters of a path in an error
_ILLEGAL = "\x00-\x1f\x7f-\x9f\ud800-\uf8ff\ufff0-\uffff\U00010000-\U0010ffff"
_PART = rf"(?!\.{{1,2}}(?:/|\Z))[^/{_ILLEGAL}]+"
_is_path = re.compile(rf"/|(?:/{_PART})+").fullmatch
_first_illegal = re.compile(f"[{_ILLEGAL}]").search


def validate(path: object) -> str:
    """Return `path` when it can name a node.

    Raises `ArgumentTypeError` (a TypeError) when it is not a string, else `ArgumentError` (a ValueError).
    """
    if not isinstance(path, str):
        msg = f"a path must be a string, not {type(path).__name__}: {path!r}"
        raise ArgumentTypeError(msg)
    if _is_path(path) is None:
        shown = path if len(path) <= _SHOWN else path[:_SHOWN] + "..."
        msg = f"not a path, {_fault(path)}: {shown!r}"
        raise ArgumentError(msg)
    return path


def validate_sequential(path: object) -> str:
    """Return `path` when it can begin the name of a sequential node: it may end with a slash."""
    if isinstance(path, str) and _is_path(path + "1") is not None:
        return path
    return validate(path)


def validate_name(name: str) -> str:
    """Return `name` when it can name a child."""
    if "/" in name:
        msg = f"not a node name, it holds a slash: {name!r}"
        raise ArgumentError(msg)
    if not name:
        msg = "not a node name, it is empty"
        raise ArgumentError(msg)
    validate("/" + name)
    return name


def _fault(path: str) -> str:
    illegal = _first_illegal(path)
    if not path:
        return "it is empty"
    if not path.startswith("/"):
        return "it does not start with a slash"
    if illegal is not None:
        return f"it holds U+{ord(illegal.group()):04X}"
    if "//" in path:
        return "it has an empty part"
    if path.endswith("/"):
        return "it ends with a slash"
    return "it has a part that is . or .."


def join(path: str, name: str) -> str:
    """Return the path of the child `name` of the node at `path`."""
    return f"{path}{name}" if path.endswith("/") else f"{path}/{name}"


def parent(path: str) -> str:
    """Return the path of the node above; the root is its own parent."""
    return path.rpartition("/")[0] or "/"


def name(path: str) -> str:
    """Return the last part of a path."""
    return path.rpartition("/")[2]


class ServerPath(str):
    """A path that means the same node to every client, whatever its chroot."""

    __slots__ = ()


CONFIG = ServerPath("/zookeeper/config")
"""The node that holds an ensemble's configuration."""


def under(root: str, path: str) -> str:
    """Return the server's path for a client's `path` below the chroot `root`."""
    if not root or type(path) is ServerPath:
        return path
    return root if path == "/" else root + path


def without(root: str, path: str) -> str:
    """Return the client's path for a server's `path`; one that is not below the chroot stays as it is."""
    if not root or not path.startswith(root):
        return path
    rest = path[len(root) :]
    if not rest:
        return "/"
    return rest if rest.startswith("/") else path
