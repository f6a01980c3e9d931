"""The answers to four-letter words (protocol.md, 16)."""

import pytest

from zc.zk.server.words import WORDS, Connection, Status, answer

STATUS = Status(
    version="3.9.3-zc.zk, built on Python",
    is_read_only=False,
    zxid=0x1_0000_00FF,
    node_count=5,
    watch_count=6,
    watchers=2,
    watched_paths=3,
    data_watch_count=4,
    ephemerals_count=1,
    data_bytes=44,
    sessions_count=3,
    received=10,
    sent=9,
    connections=[
        Connection("127.0.0.1", 4711, False, 7, 6),
        Connection("::1", 4712, True, 1, 0),
    ],
)

NUMBERS = """\
Latency min/avg/max: 0/0.0/0
Received: 10
Sent: 9
Connections: 2
Outstanding: 0
Zxid: 0x1000000ff
Mode: standalone
Node count: 5
"""


def test_ruok_is_answered_without_a_line_end() -> None:
    assert answer(b"ruok", STATUS) == b"imok"


def test_isro_says_that_writes_are_taken() -> None:
    assert answer(b"isro", STATUS) == b"rw"


def test_srvr_gives_version_and_numbers() -> None:
    expected = f"Zookeeper version: {STATUS.version}\n{NUMBERS}"

    assert answer(b"srvr", STATUS).decode() == expected


def test_a_server_that_takes_no_writes_says_so() -> None:
    status = STATUS._replace(is_read_only=True)

    assert answer(b"isro", status) == b"ro"
    lines = answer(b"srvr", status).decode().splitlines()
    assert lines[1] == "READ-ONLY mode; serving only read-only clients"
    assert "Mode: read-only" in lines
    assert b"zk_server_state\tread-only\n" in answer(b"mntr", status)


def test_stat_lists_the_clients_between() -> None:
    clients = (
        " /127.0.0.1:4711[1](queued=0,recved=7,sent=6)\n /[::1]:4712[0](queued=0,recved=1,sent=0)\n"
    )
    expected = f"Zookeeper version: {STATUS.version}\nClients:\n{clients}\n{NUMBERS}"

    assert answer(b"stat", STATUS).decode() == expected


def test_mntr_gives_a_name_and_a_value_a_line() -> None:
    measures = dict(line.split("\t") for line in answer(b"mntr", STATUS).decode().splitlines())

    assert measures["zk_server_state"] == "standalone"
    assert measures["zk_znode_count"] == "5"
    assert measures["zk_watch_count"] == "6"
    assert measures["zk_ephemerals_count"] == "1"
    assert measures["zk_approximate_data_size"] == "44"
    assert measures["zk_num_alive_connections"] == "2"
    assert measures["zk_outstanding_requests"] == "0"
    assert all(name.startswith("zk_") for name in measures)


def test_wchs_counts_the_watches_on_nodes() -> None:
    expected = "2 connections watching 3 paths\nTotal watches:4\n"

    assert answer(b"wchs", STATUS).decode() == expected


def test_envi_tells_the_version_and_nothing_of_the_machine() -> None:
    assert answer(b"envi", STATUS).decode().splitlines() == [
        "Environment:",
        f"zookeeper.version={STATUS.version}",
    ]


@pytest.mark.parametrize(
    "word", sorted(WORDS - {b"ruok", b"isro", b"srvr", b"stat", b"mntr", b"envi", b"wchs"})
)
def test_the_other_words_are_refused_as_apache_does(word: bytes) -> None:
    expected = f"{word.decode()} is not executed because it is not in the whitelist.\n"

    assert answer(word, STATUS).decode() == expected
