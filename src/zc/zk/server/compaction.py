"""A new log for a folder: a snapshot written in slices, while the old log goes on."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from zc.zk.server import log as journal
from zc.zk.server.store import Store

_PIECE_BYTES = 1 << 20
_SECONDS_OF_A_SLICE = 0.004


class Compaction:
    """Writes what a store holds when it begins, then what the old log was given since.

    Nothing depends on the new log before it is whole. What is made here is synced slice by slice,
    so that no single wait is long. `old` is the old log's file and size, `seal` that of its next
    batch.
    """

    def __init__(
        self,
        path: Path,
        store: Store,
        old: tuple[int, int],
        *,
        sync: bool = True,
        seal: journal.Seal | None = None,
    ) -> None:
        self.size = 0
        self._path = path
        self._old, self._old_position = old
        self._sync = sync
        self.file = create(path)
        self._view: journal.View | None = journal.View(store, seal)
        self._pieces: Iterator[bytes] = self._view.snapshot()

    def step(self, old_size: int) -> bool:
        """Write for some milliseconds; say whether all is written that the old log holds."""
        if self._view is not None:
            self._write_slice()
        else:
            self._copy_slice(old_size)
        if self._sync:
            os.fsync(self.file)
        return self._view is None and self._old_position == old_size

    def abandon(self) -> None:
        """Give up what is not whole."""
        self._close_view()
        os.close(self.file)
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _write_slice(self) -> None:
        until = time.monotonic() + _SECONDS_OF_A_SLICE
        pieces, size = [], 0
        for piece in self._pieces:
            pieces.append(piece)
            size += len(piece)
            if size > _PIECE_BYTES or time.monotonic() > until:
                break
        else:
            self._close_view()
        write_all(self.file, b"".join(pieces))
        self.size += size

    def _copy_slice(self, old_size: int) -> None:
        count = min(_PIECE_BYTES, old_size - self._old_position)
        data = os.pread(self._old, count, self._old_position)
        if not data and count:
            raise OSError(None, f"it ends at byte {self._old_position}, before what it was given")
        write_all(self.file, data)
        self._old_position += len(data)
        self.size += len(data)

    def _close_view(self) -> None:
        if self._view is not None:
            self._view.close()
            self._view = None


def create(path: Path) -> int:
    """Open a new file for a log, which holds the passwords of sessions."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)


def write_all(file: int, data: bytes) -> None:
    """Write all of `data`, also where the kernel takes it in pieces."""
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
