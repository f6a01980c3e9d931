"""Quotas in memory; how a real server counts see test_quota_against_real (protocol.md, 15)."""

import pytest

from tests.server.conversation import Peer, World
from zc.zk import operations as ops
from zc.zk.codes import CreateFlag, ErrorCode
from zc.zk.server.log import View, recover
from zc.zk.server.quota import parse, write
from zc.zk.server.settings import Settings
from zc.zk.server.store import Store

QUOTA = "/zookeeper/quota"


@pytest.fixture
def peer() -> Peer:
    return World(Settings(first_zxid=0, enforce_quotas=True)).connect()


def limit(peer: Peer, top: str, limits: bytes) -> None:
    peer.ask(ops.Create(QUOTA + top))
    peer.ask(ops.Create(f"{QUOTA}{top}/zookeeper_limits", limits))
    peer.ask(ops.Create(f"{QUOTA}{top}/zookeeper_stats", b""))


def stats(peer: Peer, top: str) -> dict[str, int]:
    return parse(peer.ask(ops.GetData(f"{QUOTA}{top}/zookeeper_stats"))[0])


def test_numbers_are_told_apart_by_commas_or_semicolons() -> None:
    text = b"count=3,bytes=-1=;byteHardLimit=7;countHardLimit="

    assert parse(text) == {"count": 3, "bytes": -1, "byteHardLimit": 7, "countHardLimit": -1}


@pytest.mark.parametrize("text", [None, b"", b"x", b"count", b"count=x", b",;,", b"\xff=1,,"])
def test_what_is_no_number_is_left_out(text: bytes | None) -> None:
    assert "count" not in parse(text) or parse(text)["count"] == -1


def test_hard_limits_stand_behind_an_odd_sign() -> None:
    assert write({"count": 1, "bytes": 2}) == b"count=1,bytes=2"
    assert write({"count": 1, "countHardLimit": 3}) == b"count=1,bytes=-1=;countHardLimit=3"


def test_a_new_statistics_node_tells_what_is_there(peer: Peer) -> None:
    peer.ask(ops.Create("/q", b"12"))
    peer.ask(ops.Create("/q/a", b"345"))
    limit(peer, "/q", b"count=9,bytes=9")

    assert stats(peer, "/q") == {"count": 2, "bytes": 5}


def test_statistics_change_without_a_trace(peer: Peer) -> None:
    peer.ask(ops.Create("/q"))
    limit(peer, "/q", b"count=9,bytes=9")
    path = f"{QUOTA}/q/zookeeper_stats"
    before = peer.ask(ops.GetData(path, ops.Watch()))[1]

    peer.ask(ops.Create("/q/a", b"345"))

    assert peer.ask(ops.GetData(path))[1] == before._replace(dataLength=len("count=2,bytes=3"))
    assert peer.take_events() == []


def test_a_multi_that_fails_leaves_statistics_alone(peer: Peer) -> None:
    peer.ask(ops.Create("/q"))
    limit(peer, "/q", b"count=9,bytes=9")

    peer.call(ops.Multi((ops.Create("/q/a", b"1"), ops.Delete("/none"))))

    assert stats(peer, "/q") == {"count": 1, "bytes": 0}


def test_hard_limits_are_held(peer: Peer) -> None:
    peer.ask(ops.Create("/q"))
    limit(peer, "/q", b"countHardLimit=2,byteHardLimit=3")

    assert peer.call(ops.Create("/q/a", b"1234")).error == ErrorCode.QUOTA_EXCEEDED
    assert peer.call(ops.Create("/q/a", b"123")).error == 0
    assert peer.call(ops.SetData("/q/a", b"1234")).error == ErrorCode.QUOTA_EXCEEDED
    assert peer.call(ops.Create("/q/b")).error == ErrorCode.QUOTA_EXCEEDED
    assert peer.call(ops.Create("/other")).error == 0


def test_without_enforcement_hard_limits_are_not_held() -> None:
    peer = World().connect()
    peer.ask(ops.Create("/q"))
    limit(peer, "/q", b"countHardLimit=1")

    assert peer.call(ops.Create("/q/a")).error == 0
    assert stats(peer, "/q")["count"] == 2


@pytest.mark.parametrize("limits", [b"rubbish", b"countHardLimit=x", b"\xff"])
def test_limits_that_cannot_be_read_are_none(limits: bytes, peer: Peer) -> None:
    peer.ask(ops.Create("/q"))
    limit(peer, "/q", limits)

    assert peer.call(ops.Create("/q/a")).error == 0


@pytest.mark.parametrize("number", [b"9" * 4300, b"-9223372036854775809", b"9223372036854775808"])
def test_a_number_that_fits_no_long_is_none(number: bytes, peer: Peer) -> None:
    peer.ask(ops.Create("/q"))
    limit(peer, "/q", b"countHardLimit=" + number)
    peer.ask(ops.SetData(f"{QUOTA}/q/zookeeper_stats", b"count=" + number))

    assert peer.call(ops.Create("/q/a", b"1")).error == 0
    assert stats(peer, "/q")["count"] == 0


def test_statistics_that_run_over_go_on_from_below_as_a_long_does(peer: Peer) -> None:
    peer.ask(ops.Create("/q"))
    limit(peer, "/q", b"count=9")
    peer.ask(ops.SetData(f"{QUOTA}/q/zookeeper_stats", b"count=9223372036854775807"))

    assert peer.call(ops.Create("/q/a")).error == 0
    assert stats(peer, "/q")["count"] == -(2**63)


def test_a_quota_on_the_root_is_ignored(peer: Peer) -> None:
    peer.ask(ops.Create(f"{QUOTA}/zookeeper_limits", b"countHardLimit=1"))
    peer.ask(ops.Create(f"{QUOTA}/zookeeper_stats", b""))

    assert peer.call(ops.Create("/a")).error == 0


def test_the_bytes_of_statistics_count_as_data(peer: Peer) -> None:
    tree = peer.world.core.store.tree
    peer.ask(ops.Create("/q"))
    limit(peer, "/q", b"count=9,bytes=9")
    for _ in range(20):
        peer.ask(ops.Create("/q/s", b"", flags=CreateFlag.SEQUENTIAL))

    nodes = {path: node for path, node in tree.nodes.items() if path}
    assert tree.data_bytes == sum(len(node.data or b"") for node in nodes.values())


def test_statistics_are_the_same_after_a_replay(peer: Peer) -> None:
    world = peer.world
    again = Store(world.settings, 0.0, 0.0, bytes)
    world.core.store.journal = lambda transaction: again.replay(transaction, 0.0)

    peer.ask(ops.Create("/q", b"12"))
    limit(peer, "/q", b"count=9,bytes=9")
    peer.ask(ops.Create("/q/a", b"345"))
    peer.ask(ops.SetData("/q/a", b"3"))
    peer.ask(ops.Multi((ops.Delete("/q/a"), ops.Create("/q/b", b"1234"))))

    path = f"{QUOTA}/q/zookeeper_stats"
    assert stats(peer, "/q") == {"count": 2, "bytes": 6}
    assert again.tree.nodes[path].data == world.core.store.tree.nodes[path].data


def test_a_view_of_the_store_shows_the_numbers_as_they_were() -> None:
    world = World(Settings(first_zxid=0))
    peer = world.connect()
    peer.ask(ops.Create("/a"))
    limit(peer, "/a", b"count=10,bytes=-1")
    before = stats(peer, "/a")
    view = View(world.core.store)

    peer.ask(ops.Create("/a/b"))
    recovered = Store(Settings(first_zxid=0), 0.0, 0.0, bytes)
    recover(b"".join(view.snapshot()), recovered, 0.0)
    view.close()

    assert stats(peer, "/a")["count"] == before["count"] + 1
    node = recovered.tree.find(f"{QUOTA}/a/zookeeper_stats")
    assert parse(node.data) == before
