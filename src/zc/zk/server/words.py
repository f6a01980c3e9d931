"""The four-letter words that a connection may begin with instead of a session (protocol.md, 16)."""

from collections.abc import Callable, Collection, Iterable

from zc.zk.server import dumps
from zc.zk.server.status import Status

WORDS = frozenset(
    b"conf cons crst dirs dump envi gtmk hash isro "
    b"mntr ruok srst srvr stat stmk wchc wchp wchs".split()
)
_TRACE_MASK = 306  # Apache's default, of traces that we do not have


def answer(word: bytes, status: Status, allowed: Collection[str] = ("*",)) -> bytes:
    """Return the answer to one of `WORDS`; those that are not `allowed` are refused, "*" is all.

    What `crst` and `srst` promise is for the caller to do.
    """
    tell = _ANSWERS.get(word) if is_allowed(word, allowed) else None
    if tell is None:
        return f"{word.decode()} is not executed because it is not in the whitelist.\n".encode()
    return "".join(tell(status)).encode()


def is_allowed(word: bytes, allowed: Collection[str]) -> bool:
    """Say whether a word may be answered."""
    return "*" in allowed or word.decode() in allowed


def _version(status: Status) -> list[str]:
    is_read_only = status.store.is_read_only
    note = "READ-ONLY mode; serving only read-only clients\n"
    return [f"Zookeeper version: {status.version}\n", *([note] if is_read_only else [])]


def _mode(status: Status) -> str:
    return "read-only" if status.store.is_read_only else "standalone"


def _clients(status: Status) -> list[str]:
    return ["Clients:\n", *(f"{dumps.brief(each)})\n" for each in status.connections()), "\n"]


def _numbers(status: Status) -> list[str]:
    latency = status.latency
    return [
        f"Latency min/avg/max: {latency.shortest}/{latency.average}/{latency.longest}\n",
        f"Received: {status.received}\n",
        f"Sent: {status.sent}\n",
        f"Connections: {status.connections_count}\n",
        "Outstanding: 0\n",
        f"Zxid: {status.store.zxid:#x}\n",
        f"Mode: {_mode(status)}\n",
        f"Node count: {len(status.store.tree.nodes)}\n",  # the root twice, as Apache counts
    ]


def _measures(status: Status) -> list[tuple[str, object]]:
    store, latency = status.store, status.latency
    return [
        ("version", status.version),
        ("server_state", _mode(status)),
        ("ephemerals_count", sum(map(len, store.tree.ephemerals.values()))),
        ("avg_latency", latency.average),
        ("num_alive_connections", status.connections_count),
        ("outstanding_requests", 0),
        ("znode_count", len(store.tree.nodes)),
        ("global_sessions", len(store.sessions)),
        ("local_sessions", len(store.served_sessions) if store.is_read_only else 0),
        ("watch_count", len(store.watches)),
        ("approximate_data_size", store.tree.data_bytes),
        ("packets_received", status.received),
        ("packets_sent", status.sent),
        ("min_latency", latency.shortest),
        ("max_latency", latency.longest),
        ("uptime", int((status.now - status.started) * 1000)),
    ]


def _watches(status: Status) -> list[str]:
    data = status.store.watches.data  # as in Apache, of watches on nodes, not on children
    return [
        f"{data.watcher_count} connections watching {data.path_count} paths\n",
        f"Total watches:{len(data)}\n",
    ]


_ANSWERS: dict[bytes, Callable[[Status], Iterable[str]]] = {
    b"ruok": lambda _: ["imok"],
    b"isro": lambda status: ["ro" if status.store.is_read_only else "rw"],
    b"srvr": lambda status: _version(status) + _numbers(status),
    b"stat": lambda status: _version(status) + _clients(status) + _numbers(status),
    b"mntr": lambda status: [f"zk_{name}\t{value}\n" for name, value in _measures(status)],
    b"wchs": _watches,
    # The only word in which kazoo looks for the version; of the environment it tells no more.
    b"envi": lambda status: ["Environment:\n", f"zookeeper.version={status.version}\n"],
    b"conf": dumps.conf,
    b"cons": dumps.cons,
    b"dirs": dumps.dirs,
    b"dump": dumps.dump,
    b"wchc": dumps.wchc,
    b"wchp": dumps.wchp,
    b"crst": lambda _: ["Connection stats reset.\n"],
    b"srst": lambda _: ["Server stats reset.\n"],
    b"gtmk": lambda _: [f"{_TRACE_MASK}"],
    b"hash": lambda _: [],  # of the tree, which Apache has only where digests are on
}
