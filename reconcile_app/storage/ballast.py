"""Room kept on the disk for the one result that must still be written when the disk is full."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from reconcile_app.core.errors import ReconcileError
from reconcile_app.storage.files import PRIVATE_FILE, narrow, refuse_link, write_synced

SIZE: Final = 4 * 2**20
ROOM_NEEDED: Final = 64 * 2**20


def free_bytes(folder: Path) -> int:
    """Free room on the disk that holds the folder."""
    return shutil.disk_usage(folder).free


class Ballast:
    """A file without meaning beside the journal. ``keep`` makes it, ``release`` gives its room back.

    Args:
        path: the file.
        free: tells how many bytes are free in a folder.
    """

    room_needed = ROOM_NEEDED
    """Bytes that must be free before a run starts."""

    def __init__(self, path: Path, free: Callable[[Path], int] = free_bytes) -> None:
        self._path = path
        self._free = free

    def keep(self) -> bool:
        """Makes the file where there is room for it; false when there is not. Random bytes: no disk compresses them."""
        with suppress(OSError, ReconcileError):
            refuse_link(self._path)
            if self._path.exists() and self._path.stat().st_size == SIZE:
                narrow(self._path, PRIVATE_FILE)
                return True
            self._path.unlink(missing_ok=True)
            write_synced(self._path, os.urandom(SIZE))
            return True
        self.release()
        return False

    def has_room(self) -> bool:
        """Whether a run may start."""
        try:
            return self._free(self._path.parent) >= self.room_needed
        except OSError:
            return False

    def release(self) -> None:
        """Deletes the file."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
