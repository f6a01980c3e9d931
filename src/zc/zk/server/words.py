"""The four-letter words that a connection may begin with instead of a session (protocol.md, 16)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

WORDS = frozenset(
    b"conf cons crst dirs dump envi gtmk hash isro "
    b"mntr ruok srst srvr stat stmk wchc wchp wchs".split()
)


class Connection(NamedTuple):
    """One connection, as `stat` lists it."""

    host: str
    port: int
    is_asking: bool
    received: int
    sent: int


class Status(NamedTuple):
    """What a server says of itself."""

    version: str
    is_read_only: bool
    zxid: int
    node_count: int
    watch_count: int
    watchers: int  # these two and the next, as in Apache, of watches on nodes, not on children
    watched_paths: int
    data_watch_count: int
    ephemerals_count: int
    data_bytes: int
    sessions_count: int
    received: int
    sent: int
    connections: Sequence[Connection]


def answer(word: bytes, status: Status) -> bytes:
    """Return the answer to one of `WORDS`; those that tell about data or clients are refused."""
    tell = _ANSWERS.get(word)
    if tell is None:
        return f"{word.decode()} is not executed because it is not in the whitelist.\n".encode()
    return "".join(tell(status)).encode()


def _version(status: Status) -> list[str]:
    note = "READ-ONLY mode; serving only read-only clients\n"
    return [f"Zookeeper version: {status.version}\n", *([note] if status.is_read_only else [])]


def _mode(status: Status) -> str:
    return "read-only" if status.is_read_only else "standalone"


def _clients(status: Status) -> list[str]:
    lines = [
        f" /{_host(each.host)}:{each.port}[{0 if each.is_asking else 1}]"
        f"(queued=0,recved={each.received},sent={each.sent})\n"
        for each in status.connections
    ]
    return ["Clients:\n", *lines, "\n"]


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _numbers(status: Status) -> list[str]:
    return [
        "Latency min/avg/max: 0/0.0/0\n",  # the core has no clock to measure itself by
        f"Received: {status.received}\n",
        f"Sent: {status.sent}\n",
        f"Connections: {len(status.connections)}\n",
        "Outstanding: 0\n",
        f"Zxid: {status.zxid:#x}\n",
        f"Mode: {_mode(status)}\n",
        f"Node count: {status.node_count}\n",
    ]


def _measures(status: Status) -> list[tuple[str, object]]:
    return [
        ("version", status.version),
        ("server_state", _mode(status)),
        ("ephemerals_count", status.ephemerals_count),
        ("avg_latency", "0.0"),
        ("num_alive_connections", len(status.connections)),
        ("outstanding_requests", 0),
        ("znode_count", status.node_count),
        ("global_sessions", status.sessions_count),
        ("watch_count", status.watch_count),
        ("approximate_data_size", status.data_bytes),
        ("packets_received", status.received),
        ("packets_sent", status.sent),
        ("min_latency", 0),
        ("max_latency", 0),
    ]


def _watches(status: Status) -> list[str]:
    return [
        f"{status.watchers} connections watching {status.watched_paths} paths\n",
        f"Total watches:{status.data_watch_count}\n",
    ]


_ANSWERS: dict[bytes, Callable[[Status], list[str]]] = {
    b"ruok": lambda _: ["imok"],
    b"isro": lambda status: ["ro" if status.is_read_only else "rw"],
    b"srvr": lambda status: _version(status) + _numbers(status),
    b"stat": lambda status: _version(status) + _clients(status) + _numbers(status),
    b"mntr": lambda status: [f"zk_{name}\t{value}\n" for name, value in _measures(status)],
    b"wchs": _watches,
    # The only word in which kazoo looks for the version; of the environment it tells no more.
    b"envi": lambda status: ["Environment:\n", f"zookeeper.version={status.version}\n"],
}
