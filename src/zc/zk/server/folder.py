"""The folder where a server keeps its log: one file and one lock."""

import contextlib
import fcntl
import logging
import os
from pathlib import Path
from typing import Self

from zc.zk.errors import ZooKeeperError
from zc.zk.server import log as journal
from zc.zk.server.changes import Transaction
from zc.zk.server.store import Store

log = logging.getLogger("zc.zk.server")
_JOURNAL = "journal"
_NEW_JOURNAL = "journal.new"
_EPOCH = 1 << 32
_LEAST_BYTES_TO_COMPACT = 64 << 20


class FolderError(ZooKeeperError):
    """A folder cannot be used; the message says which and why."""


class Folder:
    """A store's memory on disk.

    `append` takes note of a transaction, `flush` returns when all of them are on the disk. When
    `flush` raises, that is not known of the last ones: nobody may be told, the server must end.
    """

    def __init__(self, path: Path, lock: int, store: Store) -> None:
        self._path = path
        self._lock = lock
        self._store = store
        self._file = -1
        self._unwritten: list[Transaction] = []
        self._snapshot_bytes = 0
        self._appended_bytes = 0

    @classmethod
    def open(cls, path: Path, store: Store, now: float) -> Self:
        """Fill `store` from the folder, and write to it from now on.

        The last part of the path is created when only that is missing. Raises `FolderError`, also
        for a folder in use.
        """
        folder = cls(path, _lock(path), store)
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
        (path / _JOURNAL).unlink(missing_ok=True)
        os.close(lock)

    @property
    def size(self) -> int:
        """How many bytes the log is long."""
        return self._snapshot_bytes + self._appended_bytes

    def append(self, transaction: Transaction) -> None:
        """Take note of a transaction, to be written by the next `flush`."""
        self._unwritten.append(transaction)

    def flush(self) -> None:
        """Write what was noted and wait until it is on the disk. Raises `OSError`."""
        if not self._unwritten:
            return
        data = journal.batch(self._unwritten)
        self._unwritten.clear()
        _write_all(self._file, data)
        os.fsync(self._file)
        self._appended_bytes += len(data)
        if self._appended_bytes > max(_LEAST_BYTES_TO_COMPACT, self._snapshot_bytes):
            self._compact()

    def close(self) -> None:
        """Let go of the folder. What was not flushed is lost, as in a crash."""
        self._store.journal = None
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1

    def _load(self, now: float) -> None:
        store, path = self._store, self._path / _JOURNAL
        fresh_zxid = store.zxid
        if path.exists():
            try:
                good_bytes = journal.recover(path.read_bytes(), store, now)
            except journal.DamagedError as error:
                raise FolderError(f"cannot read {path}: {error}") from error
            # Writes that failed took zxids which no log knows, so a new epoch begins, as it would
            # with an elected leader: no zxid is ever handed out twice.
            store.zxid = max(fresh_zxid, (store.zxid // _EPOCH + 1) * _EPOCH)
            lost = path.stat().st_size - good_bytes
            if lost:
                log.warning("%s ends with %d bytes of a write that was cut short", path, lost)
        try:
            self._switch(*self._write_new())
        except OSError as error:
            raise FolderError(f"cannot write {path}: {error.strerror}") from error
        store.journal = self.append

    def _compact(self) -> None:
        """Begin a new log with a snapshot; where that fails, the old one stays in use.

        Nobody is served meanwhile, about a second for each 200,000 nodes.
        """
        try:
            file, size = self._write_new()
        except OSError as error:
            log.warning("cannot compact %s: %s", self._path / _JOURNAL, error)
            self._appended_bytes = 0  # and try again later
        else:
            self._switch(file, size)

    def _write_new(self) -> tuple[int, int]:
        new = self._path / _NEW_JOURNAL
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        file = os.open(new, flags, 0o600)  # it holds the passwords of sessions
        try:
            size = _write_snapshot(file, self._store)
            os.fsync(file)
        except BaseException:
            os.close(file)
            with contextlib.suppress(OSError):
                new.unlink()
            raise
        return file, size

    def _switch(self, file: int, size: int) -> None:
        # From the rename on only the new log counts: a failure after it must end the server.
        (self._path / _NEW_JOURNAL).rename(self._path / _JOURNAL)
        if self._file >= 0:
            os.close(self._file)
        self._file, self._snapshot_bytes, self._appended_bytes = file, size, 0
        self._sync_names()

    def _sync_names(self) -> None:
        directory = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


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


_PIECE_BYTES = 1 << 20


def _write_snapshot(file: int, store: Store) -> int:
    written, pieces, size = 0, [], 0
    for piece in journal.snapshot(store):
        pieces.append(piece)
        size += len(piece)
        if size > _PIECE_BYTES:
            _write_all(file, b"".join(pieces))
            written, pieces, size = written + size, [], 0
    _write_all(file, b"".join(pieces))
    return written + size


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
