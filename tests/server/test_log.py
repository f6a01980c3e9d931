"""The log as bytes: snapshot, batches, torn and damaged ends."""

import contextlib
import random

import pytest

from zc.zk.security import ACL, Id
from zc.zk.server.acl import OPEN
from zc.zk.server.changes import CreateNode, DeleteNode, Transaction
from zc.zk.server.log import MAGIC, DamagedError, batch, recover, snapshot
from zc.zk.server.owners import CONTAINER, ttl_of, ttl_owner
from zc.zk.server.settings import Settings
from zc.zk.server.store import Store

LOCKED = (ACL(31, Id("digest", "bob:hash")),)


def empty_store() -> Store:
    return Store(Settings(first_zxid=0, tick_time=1.0), 0.0, 1000.0, lambda count: b"p" * count)


def store_with_a_life() -> Store:
    store = empty_store()
    session = store.begin(0.0).begin_session(5000)
    store.begin(0.0).make(CreateNode("/p", None, LOCKED))
    store.begin(1.0).make(CreateNode("/p/é", b"data", OPEN))
    store.begin(2.0).make(CreateNode("/p/e", b"", OPEN, session.id))
    return store


def test_containers_and_ttl_nodes_come_back_from_a_snapshot_and_from_transactions() -> None:
    before, after = empty_store(), empty_store()
    before.begin(1.0).make(CreateNode("/c", b"", OPEN, CONTAINER))
    before.begin(1.0).make(CreateNode("/c/n", b"", OPEN))
    before.begin(1.0).make(CreateNode("/t", b"", OPEN, ttl_owner(7000)))
    more = Transaction(9, 5000, (CreateNode("/u", b"", OPEN, ttl_owner(8000)), DeleteNode("/t")))

    recover(written(before, batch([more])), after, 0.0)

    assert list(after.tree.swept) == ["/c", "/u"]
    assert ttl_of(after.tree.find("/u").owner) == 8000
    assert after.tree.find("/c").created == 1


def written(store: Store, *batches: bytes) -> bytes:
    return b"".join(snapshot(store)) + b"".join(batches)


def transaction(zxid: int, path: str) -> Transaction:
    return Transaction(zxid, 5000, (CreateNode(path, b"x", OPEN),))


def stats(store: Store) -> dict[str, tuple[object, ...]]:
    nodes = store.tree.nodes.items()
    return {path: (node.stat(), node.data, node.acl, node.created) for path, node in nodes}


def test_a_snapshot_brings_everything_back() -> None:
    before, after = store_with_a_life(), empty_store()
    data = written(before)

    assert recover(data, after, 100.0) == len(data)

    assert stats(after) == stats(before)
    assert after.zxid == before.zxid
    assert after.tree.ephemerals == before.tree.ephemerals
    assert after.tree.data_bytes == before.tree.data_bytes


def test_sessions_come_back_and_their_time_begins_anew() -> None:
    before, after = store_with_a_life(), empty_store()

    recover(written(before), after, 100.0)

    (old,), (new,) = before.sessions, after.sessions
    assert (new.id, new.timeout, new.password) == (old.id, old.timeout, old.password)
    assert after.sessions.deadline() == 106.0
    assert after.sessions.new_id() > old.id


def test_transactions_are_made_again_on_top() -> None:
    after = empty_store()
    data = written(
        store_with_a_life(),
        batch([transaction(11, "/a"), transaction(12, "/b")]),
        batch([transaction(13, "/p/c")]),
    )

    recover(data, after, 0.0)

    assert after.zxid == 13
    assert after.tree.find("/b").stat().czxid == 12
    assert after.tree.find("/p/c").stat().ctime == 5000
    assert after.tree.find("/").stat().cversion == 2 * 3 - 4


def test_a_log_cut_short_anywhere_after_its_snapshot_is_whole_up_to_a_batch() -> None:
    head = written(store_with_a_life())
    batches = [
        batch([transaction(11, "/a"), transaction(12, "/b")]),
        batch([transaction(13, "/c")]),
    ]
    data = head + b"".join(batches)

    for length in range(len(head), len(data)):
        after = empty_store()
        good = recover(data[:length], after, 0.0)
        whole = length - len(head) >= len(batches[0])
        assert good == len(head) + (len(batches[0]) if whole else 0)
        assert ("/a" in after.tree.nodes, "/b" in after.tree.nodes) == (whole, whole)
        assert "/c" not in after.tree.nodes


@pytest.mark.parametrize("tail", [bytes(1), bytes(8), bytes(4096), b"\xff" * 100, b"\0\0\0\1"])
def test_rubbish_at_the_end_is_left_out(tail: bytes) -> None:
    data = written(store_with_a_life(), batch([transaction(11, "/a")]))
    after = empty_store()

    assert recover(data + tail, after, 0.0) == len(data)

    assert "/a" in after.tree.nodes


def test_a_last_batch_with_a_wrong_bit_is_left_out() -> None:
    head = written(store_with_a_life(), batch([transaction(11, "/a")]))
    torn = bytearray(batch([transaction(12, "/b")]))
    torn[-1] ^= 1
    after = empty_store()

    assert recover(head + torn, after, 0.0) == len(head)

    assert "/b" not in after.tree.nodes


def test_a_wrong_bit_with_a_good_batch_behind_it_is_damage() -> None:
    bad = bytearray(batch([transaction(11, "/a")]))
    bad[-1] ^= 1
    data = written(store_with_a_life(), bytes(bad), batch([transaction(12, "/b")]))

    with pytest.raises(DamagedError, match="damaged, and others follow"):
        recover(data, empty_store(), 0.0)


def test_a_snapshot_cut_short_is_damage() -> None:
    data = written(store_with_a_life())

    for length in range(len(data)):
        with pytest.raises(DamagedError):
            recover(data[:length], empty_store(), 0.0)


@pytest.mark.parametrize("data", [b"", b"something else", MAGIC])
def test_what_is_no_log_is_told_so(data: bytes) -> None:
    with pytest.raises(DamagedError):
        recover(data, empty_store(), 0.0)


def test_a_change_that_cannot_be_made_is_damage() -> None:
    data = written(store_with_a_life(), batch([transaction(11, "/none/a")]))

    with pytest.raises(DamagedError, match="makes no sense"):
        recover(data, empty_store(), 0.0)


def test_a_snapshot_inside_a_log_is_damage() -> None:
    data = written(store_with_a_life())

    with pytest.raises(DamagedError, match="out of place"):
        recover(data + data[len(MAGIC) :], empty_store(), 0.0)


def test_a_batch_before_the_end_of_the_snapshot_is_damage() -> None:
    with pytest.raises(DamagedError, match="out of place"):
        recover(MAGIC + batch([transaction(11, "/a")]), empty_store(), 0.0)


def test_flipped_bytes_never_raise_anything_else() -> None:
    dice = random.Random(4)
    data = written(store_with_a_life(), batch([transaction(11, "/a")]), batch([]))

    for _ in range(500):
        bad = bytearray(data)
        bad[dice.randrange(len(bad))] ^= 1 << dice.randrange(8)
        with contextlib.suppress(DamagedError):
            recover(bytes(bad), empty_store(), 0.0)
