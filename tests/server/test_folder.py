"""A folder on disk: one server at a time, nothing acknowledged is lost, nothing else is kept."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from zc.zk.server import compaction as compaction_module
from zc.zk.server import folder as folder_module
from zc.zk.server.acl import OPEN
from zc.zk.server.changes import CreateNode, ReplaceData
from zc.zk.server.folder import Folder, FolderError
from zc.zk.server.settings import Settings
from zc.zk.server.store import Store

EPOCH = 1 << 32


def new_store(first_zxid: int | None = 0, wall: float = 1000.0) -> Store:
    return Store(Settings(first_zxid=first_zxid), 0.0, wall, lambda count: b"p" * count)


def create(store: Store, path: str, data: bytes = b"") -> None:
    draft = store.begin(0.0)
    draft.make(CreateNode(path, data, OPEN))
    draft.commit()


def stats(store: Store) -> dict[str, tuple[object, ...]]:
    nodes = store.tree.nodes.items()
    return {path: (node.stat(), node.data, node.acl, node.created) for path, node in nodes}


def open_folder(path: Path) -> tuple[Folder, Store]:
    store = new_store()
    return Folder.open(path, store, 0.0), store


def test_a_new_folder_holds_an_empty_tree(tmp_path: Path) -> None:
    folder, store = open_folder(tmp_path)

    folder.close()

    assert store.zxid == 0
    assert {each.name for each in tmp_path.iterdir()} == {"journal", "lock"}


def test_the_last_part_of_the_path_is_created(tmp_path: Path) -> None:
    folder, _ = open_folder(tmp_path / "data")

    folder.close()

    assert (tmp_path / "data" / "journal").exists()


def test_the_log_is_nobody_elses_to_read(tmp_path: Path) -> None:
    folder, _ = open_folder(tmp_path)
    folder.close()

    assert (tmp_path / "journal").stat().st_mode & 0o077 == 0


def test_what_was_flushed_is_there_again(tmp_path: Path) -> None:
    folder, store = open_folder(tmp_path)
    create(store, "/n", b"data")
    folder.flush()
    folder.close()

    folder, store = open_folder(tmp_path)
    folder.close()

    assert store.tree.find("/n").data == b"data"


def test_what_was_not_flushed_is_not_there(tmp_path: Path) -> None:
    folder, store = open_folder(tmp_path)
    create(store, "/n")
    folder.close()

    folder, store = open_folder(tmp_path)
    folder.close()

    assert "/n" not in store.tree.nodes


def test_a_flush_of_nothing_touches_nothing(tmp_path: Path) -> None:
    folder, _ = open_folder(tmp_path)
    before = (tmp_path / "journal").stat()

    folder.flush()
    folder.close()

    assert (tmp_path / "journal").stat() == before


def test_a_write_that_was_cut_short_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, store = open_folder(tmp_path)
    for name in ("/a", "/b"):
        create(store, name)
        folder.flush()
    folder.close()
    journal = tmp_path / "journal"
    os.truncate(journal, journal.stat().st_size - 3)

    folder, store = open_folder(tmp_path)
    create(store, "/c")
    folder.flush()
    folder.close()
    folder, store = open_folder(tmp_path)
    folder.close()

    assert "cut short" in caplog.text
    assert [name in store.tree.nodes for name in ("/a", "/b", "/c")] == [True, False, True]


def test_a_start_begins_a_new_epoch_so_that_no_zxid_comes_twice(tmp_path: Path) -> None:
    zxids = []
    for _ in range(3):
        folder, store = open_folder(tmp_path)
        store.begin(0.0)  # failed: the log does not know
        zxids.append(store.zxid)
        folder.close()

    assert zxids == [1, EPOCH + 1, 2 * EPOCH + 1]


def test_a_start_with_a_clock_that_went_back_goes_on_above(tmp_path: Path) -> None:
    store = new_store(None, wall=2000.0)
    folder = Folder.open(tmp_path, store, 0.0)
    create(store, "/n")
    folder.flush()
    folder.close()
    before = store.zxid

    store = new_store(None, wall=1000.0)
    folder = Folder.open(tmp_path, store, 0.0)
    folder.close()

    assert store.zxid > before


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    folder, _ = open_folder(tmp_path)

    with pytest.raises(FolderError, match="another server is using"):
        open_folder(tmp_path)

    folder.close()
    open_folder(tmp_path)[0].close()


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(FolderError, match=r"no such folder: .*/none"):
        open_folder(tmp_path / "none" / "data")
    with pytest.raises(FolderError, match="not a folder"):
        open_folder(tmp_path / "file")
    with pytest.raises(FolderError, match="cannot use the folder"):
        open_folder(tmp_path / "file" / "data")


def test_a_damaged_log_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b"something else")

    with pytest.raises(FolderError, match=r"cannot read .*journal"):
        open_folder(tmp_path)

    assert (tmp_path / "journal").read_bytes() == b"something else"


def test_a_refused_folder_is_let_go(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b"something else")
    with pytest.raises(FolderError):
        open_folder(tmp_path)
    (tmp_path / "journal").unlink()

    open_folder(tmp_path)[0].close()


def test_a_folder_can_be_wiped_unless_it_is_in_use(tmp_path: Path) -> None:
    folder, store = open_folder(tmp_path)
    create(store, "/n")
    folder.flush()
    with pytest.raises(FolderError):
        Folder.wipe(tmp_path)
    folder.close()

    Folder.wipe(tmp_path)

    folder, store = open_folder(tmp_path)
    folder.close()
    assert "/n" not in store.tree.nodes


@pytest.fixture
def small_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_module, "_LEAST_BYTES_TO_COMPACT", 1000)


@pytest.mark.usefixtures("small_logs")
def test_a_log_that_grew_is_compacted_and_nothing_is_lost(tmp_path: Path) -> None:
    folder, store = open_folder(tmp_path)
    sizes = []
    create(store, "/n")
    for number in range(200):
        draft = store.begin(0.0)
        draft.make(ReplaceData("/n", b"%d" % number))
        draft.commit()
        folder.flush()
        sizes.append((tmp_path / "journal").stat().st_size)
    folder.close()

    folder, recovered = open_folder(tmp_path)
    folder.close()

    assert max(sizes) < 3000
    assert recovered.tree.find("/n").stat() == store.tree.find("/n").stat()
    assert recovered.tree.find("/n").data == b"199"
    assert {each.name for each in tmp_path.iterdir()} == {"journal", "lock"}


@pytest.mark.usefixtures("small_logs")
def test_a_compaction_that_fails_leaves_the_old_log_in_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, store = open_folder(tmp_path)
    (tmp_path / "journal.new").mkdir()
    create(store, "/n", bytes(2000))

    folder.flush()
    create(store, "/m")
    folder.flush()
    folder.close()

    assert "cannot compact" in caplog.text
    (tmp_path / "journal.new").rmdir()
    folder, recovered = open_folder(tmp_path)
    folder.close()
    assert "/m" in recovered.tree.nodes


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_disk_that_fails_is_told_and_nothing_is_written_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    folder, store = open_folder(tmp_path)
    create(store, "/before")
    folder.flush()
    create(store, "/n")

    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(FolderError) as caught:
            folder.flush()
    folder.close()

    folder, recovered = open_folder(tmp_path)
    folder.close()
    reason = os.strerror(number).lower()
    assert str(caught.value) == f"cannot write {tmp_path / 'journal'}: {reason}"
    assert "/before" in recovered.tree.nodes
    assert call == "fsync" or "/n" not in recovered.tree.nodes


def test_a_disk_that_fails_half_way_through_a_write_leaves_what_was_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, store = open_folder(tmp_path)
    create(store, "/before")
    folder.flush()
    create(store, "/n", bytes(100))
    write, rooms = os.write, [50, 0]

    def fill(file: int, data: bytes) -> int:
        room = rooms.pop(0)
        if not room:
            raise OSError(errno.ENOSPC, "no space left on device")
        return write(file, data[:room])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", fill)
        with pytest.raises(FolderError, match="no space"):
            folder.flush()
    folder.close()

    folder, recovered = open_folder(tmp_path)
    folder.close()
    assert ("/before" in recovered.tree.nodes, "/n" in recovered.tree.nodes) == (True, False)


def test_without_sync_the_disk_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_store()
    folder = Folder.open(tmp_path, store, 0.0, sync=False)
    create(store, "/n")
    synced: list[int] = []
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", synced.append)
        folder.flush()
    folder.close()

    folder, recovered = open_folder(tmp_path)
    folder.close()

    assert synced == []
    assert "/n" in recovered.tree.nodes


def test_a_log_that_is_missing_is_refused(tmp_path: Path) -> None:
    open_folder(tmp_path)[0].close()
    (tmp_path / "journal").unlink()

    with pytest.raises(FolderError, match=r"/journal is missing, and without it all"):
        open_folder(tmp_path)


def test_a_log_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()

    with pytest.raises(FolderError, match=r"cannot read .*/journal: is a directory"):
        open_folder(tmp_path)


def test_a_new_log_that_was_being_written_is_no_matter(tmp_path: Path) -> None:
    folder, store = open_folder(tmp_path)
    create(store, "/n")
    folder.flush()
    folder.close()
    (tmp_path / "journal.new").write_bytes((tmp_path / "journal").read_bytes()[:50])

    folder, recovered = open_folder(tmp_path)
    folder.close()

    assert "/n" in recovered.tree.nodes
    assert not (tmp_path / "journal.new").exists()


@pytest.mark.usefixtures("small_logs")
def test_a_crash_at_any_moment_of_a_compaction_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction_module, "_SECONDS_OF_A_SLICE", 0.0)  # one record a slice
    monkeypatch.setattr(compaction_module, "_PIECE_BYTES", 100)
    folder, store = open_folder(tmp_path / "data")
    is_compacting, moments = False, 0
    for number in range(40):
        create(store, f"/{number}", bytes(30))
        draft = store.begin(0.0)
        draft.make(ReplaceData("/0", b"%d" % number))
        draft.commit()
        is_compacting = folder.flush()
        moments += is_compacting
        shutil.copytree(tmp_path / "data", tmp_path / "copy")
        other, recovered = open_folder(tmp_path / "copy")
        other.close()
        shutil.rmtree(tmp_path / "copy")

        assert stats(recovered) == stats(store)
    while folder.flush():
        pass
    folder.close()

    assert moments > 10
    other, recovered = open_folder(tmp_path / "data")
    other.close()
    assert stats(recovered) == stats(store)


@pytest.mark.usefixtures("small_logs")
def test_a_folder_can_be_closed_in_the_middle_of_a_compaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction_module, "_SECONDS_OF_A_SLICE", 0.0)
    folder, store = open_folder(tmp_path)
    create(store, "/n", bytes(2000))
    assert folder.flush()

    folder.close()

    assert {each.name for each in tmp_path.iterdir()} == {"journal", "lock"}
    folder, recovered = open_folder(tmp_path)
    folder.close()
    assert stats(recovered) == stats(store)


def test_a_write_that_the_kernel_takes_in_pieces_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:7]))
    folder, store = open_folder(tmp_path)
    create(store, "/n", bytes(100))
    folder.flush()
    folder.close()

    folder, recovered = open_folder(tmp_path)
    folder.close()

    assert recovered.tree.find("/n").data == bytes(100)


def test_a_folder_begins_anew_for_another_store(tmp_path: Path) -> None:
    folder, old = open_folder(tmp_path)
    create(old, "/old")
    folder.flush()
    create(old, "/unflushed")
    store = new_store(first_zxid=old.zxid)

    folder.begin_anew(store)

    create(store, "/new")
    folder.flush()
    create(old, "/nobody-writes-this")
    folder.close()
    folder, store = open_folder(tmp_path)
    folder.close()
    assert {"/new"} == {path for path in store.tree.nodes if path.count("/") == 1} - {
        "/zookeeper",
        "/",
    }


def test_a_folder_begins_anew_in_the_middle_of_a_compaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "_LEAST_BYTES_TO_COMPACT", 1000)
    monkeypatch.setattr(compaction_module, "_PIECE_BYTES", 100)
    folder, old = open_folder(tmp_path)
    for number in range(50):
        create(old, f"/{number}", bytes(100))
    assert folder.flush()  # there is more to do

    store = new_store(first_zxid=old.zxid)
    folder.begin_anew(store)

    create(store, "/new")
    while folder.flush():
        pass
    folder.close()
    folder, store = open_folder(tmp_path)
    folder.close()
    assert "/new" in store.tree.nodes
    assert "/0" not in store.tree.nodes


def test_a_folder_that_cannot_begin_anew_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = open_folder(tmp_path)
    (tmp_path / "journal.new").mkdir()

    with pytest.raises(FolderError, match=r"cannot write .*journal: is a directory"):
        folder.begin_anew(new_store())

    folder.close()
