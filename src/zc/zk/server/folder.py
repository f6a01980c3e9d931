"""The folder where a server keeps its log: one file and one lock."""

import fcntl
import logging
import os
from pathlib import Path
from typing import Self

from zc.zk.errors import ZooKeeperError
from zc.zk.server import log as journal
from zc.zk.server.changes import Transaction
from zc.zk.server.compaction import Compaction, write_all
from zc.zk.server.store import Store

log = logging.getLogger("zc.zk.server")
_JOURNAL = "journal"
_NEW_JOURNAL = "journal.new"
_EPOCH = 1 << 32
_MARK_BYTES = 8
_LEAST_BYTES_TO_COMPACT = 64 << 20


class FolderError(ZooKeeperError):
    """A folder cannot be used; the message says which and why."""


class Folder:
    """A store's memory on disk.

    `append` takes note of a transaction, `flush` returns when all of them are on the disk. When
    `flush` raises, that is not known of the last ones: nobody may be told, the server must end.
    """

    def __init__(self, path: Path, lock: int, store: Store, *, sync: bool) -> None:
        self._path = path
        self._journal = path / _JOURNAL
        self._lock = lock
        self._store = store
        self._sync = sync
        self._file = -1
        self._unwritten: list[Transaction] = []
        self._seal = journal.Seal(0)  # of the next batch
        self._size = self._compact_at = 0
        self._compaction: Compaction | None = None

    @classmethod
    def open(cls, path: Path, store: Store, now: float, *, sync: bool = True) -> Self:
        """Fill `store` from the folder, and write to it from now on.

        The last part of the path is created when only that is missing. Raises `FolderError`, also
        for a folder in use. Without `sync`, what was flushed outlives this process, however it
        ends, but not a loss of power.
        """
        folder = cls(path, _lock(path), store, sync=sync)
        try:
            folder._load(now)
        except BaseException:
            folder.close()
            raise
        return folder

    @staticmethod
    def wipe(path: Path) -> None:
        """Forget what a folder holds; raises `FolderError` when it is in use."""
        lock = _lock(path)
        os.ftruncate(lock, 0)  # first: a log that is gone is then no loss
        (path / _JOURNAL).unlink(missing_ok=True)
        os.close(lock)

    @property
    def size(self) -> int:
        """How many bytes the log is long."""
        return self._size

    def append(self, transaction: Transaction) -> None:
        """Take note of a transaction, to be written by the next `flush`."""
        self._unwritten.append(transaction)

    def flush(self) -> bool:
        """Write what was noted and wait until it is on the disk. Raises `FolderError`.

        Says whether there is more to do, and whoever calls should call again soon.
        """
        try:
            if self._unwritten:
                self._write_noted()
            if self._compaction is not None or self._size > self._compact_at:
                self._compact()
        except OSError as error:
            raise FolderError(f"cannot write {self._journal}: {_reason(error)}") from error
        return self._compaction is not None

    def begin_anew(self, store: Store) -> None:
        """Forget what the folder holds, and be another store's from now on. Raises `FolderError`."""
        self._let_go()
        self._unwritten.clear()
        self._store = store
        self._take_on()

    def close(self) -> None:
        """Let go of the folder. What was not flushed is lost, as in a crash."""
        self._let_go()
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1

    def _let_go(self) -> None:
        self._store.journal = None
        if self._compaction is not None:
            self._compaction.abandon()
            self._compaction = None

    def _write_noted(self) -> None:
        data = journal.batch(self._unwritten, self._seal)
        self._seal = self._seal._replace(last=self._unwritten[-1].zxid)
        self._unwritten.clear()
        write_all(self._file, data)
        if self._sync:
            os.fsync(self._file)
        self._size += len(data)

    def _load(self, now: float) -> None:
        fresh_zxid = self._store.zxid
        try:
            is_marked = os.fstat(self._lock).st_size > 0
            data = self._journal.read_bytes() if is_marked or self._journal.exists() else None
            if data is not None:
                self._recover(data, fresh_zxid, now)
        except FileNotFoundError as error:
            msg = f"{self._journal} is missing, and without it all that the folder held"
            raise FolderError(msg) from error
        except OSError as error:
            raise FolderError(f"cannot read {self._journal}: {_reason(error)}") from error
        self._take_on()

    def _take_on(self) -> None:
        try:
            self._write_first()
        except OSError as error:
            raise FolderError(f"cannot write {self._journal}: {_reason(error)}") from error
        self._store.journal = self.append

    def _recover(self, data: bytes, fresh_zxid: int, now: float) -> None:
        store = self._store
        try:
            good = journal.recover(data, store, now)
        except journal.DamagedError as error:
            raise FolderError(f"cannot read {self._journal}: {error}") from error
        # Writes that failed took zxids which no log knows, so a new epoch begins, as it would
        # with an elected leader: no zxid is ever handed out twice.
        store.zxid = max(fresh_zxid, (store.zxid // _EPOCH + 1) * _EPOCH)
        lost = len(data) - good
        if lost:
            log.warning(
                "%s ends with %d bytes of a write that was cut short, from byte %d on",
                *(self._journal, lost, good),
            )

    def _write_first(self) -> None:
        store = self._store
        mark = int.from_bytes(store.random_bytes(_MARK_BYTES), signed=True)
        self._seal = journal.Seal(store.zxid, mark)
        compaction = Compaction(
            self._path / _NEW_JOURNAL, store, (-1, 0), sync=False, seal=self._seal
        )
        try:
            while not compaction.step(0):
                pass
            os.fsync(compaction.file)
        except BaseException:
            compaction.abandon()
            raise
        self._switch(compaction)
        if not os.fstat(self._lock).st_size:
            write_all(self._lock, b"in use\n")  # from now on a log that is missing was lost
            os.fsync(self._lock)

    def _compact(self) -> None:
        """Go on with a new log, some milliseconds of it; where it fails, the old one stays."""
        try:
            if self._compaction is None:
                new, old = self._path / _NEW_JOURNAL, (self._file, self._size)
                self._compaction = Compaction(
                    new, self._store, old, sync=self._sync, seal=self._seal
                )
            is_whole = self._compaction.step(self._size)
        except OSError as error:
            log.warning("cannot compact %s: %s", self._journal, _reason(error))
            if self._compaction is not None:
                self._compaction.abandon()
                self._compaction = None
            self._compact_at = self._size + _LEAST_BYTES_TO_COMPACT  # and try again later
        else:
            if is_whole:
                compaction, self._compaction = self._compaction, None
                self._switch(compaction)

    def _switch(self, compaction: Compaction) -> None:
        # From the rename on only the new log counts: a failure after it must end the server.
        (self._path / _NEW_JOURNAL).rename(self._journal)
        if self._file >= 0:
            os.close(self._file)
        self._file, self._size = compaction.file, compaction.size
        self._compact_at = self._size + max(_LEAST_BYTES_TO_COMPACT, self._size)
        self._sync_names()

    def _sync_names(self) -> None:
        directory = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _lock(path: Path) -> int:
    try:
        path.mkdir(exist_ok=True)
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError as error:
        raise FolderError(f"no such folder: {path.parent}") from error
    except FileExistsError as error:
        raise FolderError(f"not a folder: {path}") from error
    except OSError as error:
        raise FolderError(f"cannot use the folder {path}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise FolderError(f"another server is using the folder {path}") from error
    return lock
