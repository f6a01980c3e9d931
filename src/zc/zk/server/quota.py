"""Quotas: limits for branches, and the statistics that are held against them (protocol.md, 15).

Both are text in plain nodes below `/zookeeper/quota`. Statistics change silently, with the commit.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from zc.zk.errors import QuotaExceededError
from zc.zk.server.changes import Change, CreateNode, DeleteNode, ReplaceData
from zc.zk.server.tree import Tree

_ROOT = "/zookeeper/quota"
_LIMITS, _STATS = "/zookeeper_limits", "/zookeeper_stats"
_UNLIMITED = -1
_SEPARATORS = re.compile("[,;]+")


class Entry(NamedTuple):
    """What a change means to the statistics in one node: numbers to add, or to set."""

    path: str
    nodes: int
    data_bytes: int
    is_total: bool = False


def parse(data: bytes | None) -> dict[str, int]:
    """Return the numbers of a limits or statistics node by name; what fits no long is left out."""
    found = {}
    for pair in _SEPARATORS.split((data or b"").decode(errors="replace")):
        name, _, text = pair.partition("=")
        try:
            number = int(text.rstrip("=") or _UNLIMITED)
        except ValueError:
            continue
        if number == _as_long(number):
            found[name] = number
    return found


def _as_long(number: int) -> int:
    """Return `number` as the signed 64 bits that Apache counts in."""
    return (number + (1 << 63) & (1 << 64) - 1) - (1 << 63)


def write(numbers: dict[str, int]) -> bytes:
    """Return the text for a statistics node."""
    text = f"count={numbers.get('count', _UNLIMITED)},bytes={numbers.get('bytes', _UNLIMITED)}"
    hard = [f"{name}={numbers[name]}" for name in _HARD if name in numbers]
    # The odd sign keeps readers of before 3.7 happy.
    return (f"{text}=;{';'.join(hard)}" if hard else text).encode()


_HARD = ("byteHardLimit", "countHardLimit")


def check(tree: Tree, path: str, count: int, data_bytes: int) -> None:
    """Raise `QuotaExceededError` where a hard limit has no room for so much more at `path`."""
    prefix = _limited_prefix(tree, path)
    if prefix is None:
        return
    limits = parse(tree.nodes[_ROOT + prefix + _LIMITS].data)
    stats = tree.nodes.get(_ROOT + prefix + _STATS)
    if stats is None:
        return
    used = parse(stats.data)
    for name, more, hard in (
        ("count", count, "countHardLimit"),
        ("bytes", data_bytes, "byteHardLimit"),
    ):
        limit = limits.get(hard, _UNLIMITED)
        if more and limit > _UNLIMITED and used.get(name, _UNLIMITED) + more > limit:
            raise QuotaExceededError(path)


def has_quotas(tree: Tree) -> bool:
    """Say whether there can be any; where not, nobody need ask for `entries`."""
    return bool(tree.nodes[_ROOT].children)


def bytes_at(tree: Tree, change: Change) -> int:
    """Return how much data the node has that `change` is about."""
    if not isinstance(change, DeleteNode | ReplaceData):
        return 0
    return len(tree.nodes[change.path].data or b"")


def entries(tree: Tree, change: Change, bytes_before: int) -> Iterator[Entry]:
    """Give what a change, just made, means to statistics."""
    if isinstance(change, CreateNode):
        above = change.path.removesuffix(_STATS)
        if above != change.path and (above + "/").startswith(_ROOT + "/"):
            yield Entry(change.path, *_total(tree, above.removeprefix(_ROOT)), is_total=True)
        count, more = 1, len(change.data or b"")
    elif isinstance(change, DeleteNode):
        count, more = -1, -bytes_before
    elif isinstance(change, ReplaceData):
        count, more = 0, len(change.data or b"") - bytes_before
    else:
        return
    prefix = _limited_prefix(tree, change.path)
    if prefix is not None:
        yield Entry(_ROOT + prefix + _STATS, count, more)


def enter(tree: Tree, found: Iterable[Entry]) -> None:
    """Bring the statistics up to date, without a trace in the nodes' status."""
    for entry in found:
        node = tree.nodes.get(entry.path)
        if node is None:
            continue
        numbers = {} if entry.is_total else parse(node.data)
        for name, number in (("count", entry.nodes), ("bytes", entry.data_bytes)):
            before = 0 if entry.is_total else numbers.get(name, _UNLIMITED)
            numbers[name] = _as_long(before + number)
        text = write(numbers)
        if tree.keep is not None:
            tree.keep(node)
        tree.data_bytes += len(text) - len(node.data or b"")
        node.data = text


def _limited_prefix(tree: Tree, path: str) -> str | None:
    """Return the path of the lowest node with limits, at `path` or above; the root has none."""
    while path:
        if _ROOT + path + _LIMITS in tree.nodes:
            return path
        path = path.rpartition("/")[0]
    return None


def _total(tree: Tree, top: str) -> tuple[int, int]:
    """Return how many nodes there are from `top` downwards, and the bytes of their data."""
    count = size = 0
    unseen = [top] if top in tree.nodes else []
    while unseen:
        path = unseen.pop()
        node = tree.nodes[path]
        count += 1
        size += len(node.data or b"")
        unseen += [f"{path}/{name}" for name in node.children]
    return count, size
