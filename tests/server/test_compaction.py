"""A new log in slices: what is in it, and what becomes of it when it is given up."""

import errno
import os
from pathlib import Path

import pytest

from zc.zk.server import compaction as compaction_module
from zc.zk.server import log as journal
from zc.zk.server.acl import OPEN
from zc.zk.server.changes import CreateNode, Transaction
from zc.zk.server.compaction import Compaction, create, write_all
from zc.zk.server.settings import Settings
from zc.zk.server.store import Store


def new_store() -> Store:
    return Store(Settings(first_zxid=0), 0.0, 1000.0, lambda count: b"p" * count)


def batch(zxid: int) -> bytes:
    return journal.batch(
        [Transaction(zxid, 5000, (CreateNode(f"/{zxid}", b"", OPEN),))], journal.Seal(zxid - 1)
    )


def write_all_of(compaction: Compaction, old_size: int) -> None:
    while not compaction.step(old_size):
        pass


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction_module, "_SECONDS_OF_A_SLICE", 0.0)
    monkeypatch.setattr(compaction_module, "_PIECE_BYTES", 50)


def test_the_new_log_is_the_snapshot_and_what_the_old_one_was_given_since(tmp_path: Path) -> None:
    old = create(tmp_path / "old")
    write_all(old, b"before")
    compaction = Compaction(tmp_path / "new", new_store(), (old, 6))
    size, steps = 6, 0
    for zxid in (1, 2, 3):
        write_all(old, batch(zxid))
        size += len(batch(zxid))
        assert not compaction.step(size)

    while not compaction.step(size):
        steps += 1

    data = (tmp_path / "new").read_bytes()
    recovered = new_store()
    assert journal.recover(data, recovered, 0.0) == len(data) == compaction.size
    assert [f"/{zxid}" in recovered.tree.nodes for zxid in (1, 2, 3)] == [True] * 3
    assert steps > 5
    for file in (old, compaction.file):
        os.close(file)


def test_one_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    store = new_store()
    compaction = Compaction(tmp_path / "new", store, (-1, 0))
    compaction.step(0)

    compaction.abandon()

    assert list(tmp_path.iterdir()) == []
    assert store.tree.keep is None


def test_an_old_log_that_lost_its_end_is_told(tmp_path: Path) -> None:
    old = create(tmp_path / "old")
    compaction = Compaction(tmp_path / "new", new_store(), (old, 0))

    with pytest.raises(OSError, match="it ends at byte 0"):
        write_all_of(compaction, 1000)

    compaction.abandon()
    os.close(old)


def test_without_sync_nothing_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "asked")

    compaction = Compaction(tmp_path / "new", new_store(), (-1, 0), sync=False)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        write_all_of(compaction, 0)

    os.close(compaction.file)
