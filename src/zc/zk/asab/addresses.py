"""Where a container's servers are and its path, put together from a URL and from what is configured."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from zc.zk import paths
from zc.zk.errors import ArgumentError, ArgumentTypeError
from zc.zk.protocol import ensemble

DEFAULT_PATH = "asab"
_SCHEMES = {"zookeeper", "zookeepers", "zk"}
_parts = re.compile(r"(?:([^/:]*):)?(?://([^/]*))?(.*)", re.DOTALL).fullmatch


class Place(NamedTuple):
    """A connection string, and a path below it without slashes at its ends."""

    servers: str
    path: str


def find(url: str | None, sources: Sequence[Mapping[str, str]]) -> Place:
    """Return where the servers are, and the path.

    `url` is `zookeeper://HOST:PORT,.../PATH`, `zookeeper:///PATH`, or `zookeeper:./PATH`, which is a path below the
    configured one; `zookeepers` and `zk` are the same scheme. What it lacks is the first that `sources` have as
    `servers` and `path`. Raises `ArgumentError` for what cannot be, and when no server is named at all.
    """
    servers, path = _split(url)
    servers = servers or first("servers", sources)
    if not servers:
        raise ArgumentError("no ZooKeeper server is configured")
    ensemble.parse(servers)
    configured = first("path", sources) or DEFAULT_PATH
    if path.startswith("./"):
        path = f"{configured}/{path[2:]}"
    return Place(servers, _tidy(path or configured))


def first(key: str, sources: Sequence[Mapping[str, str]]) -> str:
    """Return what the first of some sources that has a value for a key has, or nothing."""
    return next((value for source in sources if (value := source.get(key, "").strip())), "")


def absolute(path: str, *, keeps_last_slash: bool = False) -> str:
    """Return a path as ZooKeeper wants it: one that starts without a slash, or has too many, is no error in ASAB."""
    if not isinstance(path, str):
        return path  # whoever is asked says what is wrong
    tidy = "/" + "/".join(part for part in path.split("/") if part)
    return tidy + "/" if keeps_last_slash and path.endswith("/") and tidy != "/" else tidy


def _split(url: str | None) -> tuple[str, str]:
    if url is None:
        return "", ""
    if not isinstance(url, str):
        raise ArgumentTypeError(f"a ZooKeeper URL must be a string, not {type(url).__name__}")
    parts = _parts(url.strip())
    assert parts is not None  # noqa: S101 (any string has such parts)
    scheme, servers, path = parts.groups(default="")
    if scheme and scheme.lower() not in _SCHEMES:
        raise ArgumentError(f"not a ZooKeeper URL, the scheme is {scheme!r}: {url!r}")
    if "@" in servers:
        raise ArgumentError(
            "not a ZooKeeper URL, it names a user or a password"
        )  # so it is not shown
    if servers == ".":  # zk://./PATH, as the URLs of ASAB's libraries are
        return "", "." + (path or "/")
    if path == ".":
        path = "./"
    if path and not path.startswith(("/", "./")):
        raise ArgumentError(f"not a ZooKeeper URL, the path begins with neither / nor ./: {url!r}")
    return servers, path


def _tidy(path: str) -> str:
    return paths.validate(absolute(path))[1:]
