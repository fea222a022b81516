"""Private files: made for the owner only, replaced as a whole, never through a link, and errors in words."""

import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reconcile_app.core.errors import DiskFull, StorageError

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700

_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}


@contextmanager
def file_errors(title: str, path: Path, *, meaning: str = "Nothing was changed.") -> Iterator[None]:
    """Translates what the operating system says about ``path``.

    Raises:
        DiskFull: no room left.
        StorageError: anything else.
    """
    try:
        yield
    except OSError as error:
        words = error.strerror or type(error).__name__
        if error.errno in _FULL:
            raise DiskFull(
                title, f"The disk that holds {path} is full.", meaning=meaning, next_step="Make room on the disk and try again."
            ) from error
        raise StorageError(
            title,
            f"{path}: {words}.",
            meaning=meaning,
            next_step="Check that the folder exists and that you may write to it.",
            details=f"{type(error).__name__} {error.errno}",
        ) from error


def refuse_link(path: Path) -> None:
    """A link in place of one of our files or folders could make us write somewhere else.

    Raises:
        StorageError: ``path`` is a link.
    """
    if path.is_symlink() or (sys.version_info >= (3, 12) and path.is_junction()):
        raise StorageError(
            "A data file is a link.",
            f"{path} points somewhere else.",
            next_step="Replace the link by the real file or folder, or choose another data folder with --data-dir.",
        )


def private_folder(path: Path) -> bool:
    """Makes the folder for its owner only, parents included; true when existing permissions had to be narrowed.

    Raises:
        StorageError: it is a link or a file, belongs to everybody or somebody else, or cannot be made.
    """
    refuse_link(path)
    with file_errors("A data folder cannot be used.", path):
        path.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        found = path.stat()
        if sys.platform != "win32" and (found.st_mode & stat.S_ISVTX or found.st_uid != os.geteuid()):
            raise StorageError(
                "A data folder cannot be used.",
                f"{path} is shared with other users of this computer.",
                next_step="Choose a folder of your own with --data-dir.",
            )
        return narrow(path, PRIVATE_FOLDER)


def narrow(path: Path, mode: int) -> bool:
    """Takes away what others may do; true when there was something to take. Windows folders inherit the owner's access list."""
    if os.name == "nt":
        return False
    current = stat.S_IMODE(path.stat().st_mode)
    if not current & ~mode & 0o7777:
        return False
    path.chmod(current & mode)
    return True


def open_private(path: Path) -> int:
    """A descriptor of a file that only its owner may read, made if it is not there; links are refused.

    Raises:
        StorageError: it is a link or cannot be opened.
    """
    refuse_link(path)
    with file_errors("A data file cannot be used.", path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0), PRIVATE_FILE)
    narrow(path, PRIVATE_FILE)
    return descriptor


def make_private(path: Path) -> None:
    """The file exists and is the owner's alone: databases are made this way before a library opens them."""
    os.close(open_private(path))


def write_whole(path: Path, content: bytes) -> None:
    """Replaces the file in one step: after a crash there is the old or the new content, never a mixture.

    Raises:
        DiskFull, StorageError: the old content is still there.
    """
    refuse_link(path)
    waiting = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    with file_errors("A file could not be saved.", path):
        try:
            write_synced(waiting, content)
            waiting.replace(path)
        except BaseException:
            with suppress(OSError):
                waiting.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def put_in_place(waiting: Path, folder: Path) -> Path | None:
    """Puts a finished folder where another may be; where that one has gone, to be deleted. OSErrors pass through.

    A folder cannot be replaced in one step everywhere: the old one steps aside, and comes back when that fails.
    """
    aside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    existed = folder.exists()
    if existed:
        folder.rename(aside)
    try:
        waiting.rename(folder)
    except OSError:
        if existed:
            aside.rename(folder)
        raise
    sync_folder(folder.parent)
    return aside if existed else None


def write_synced(path: Path, content: bytes) -> None:
    """Writes a new private file and waits until it is on the disk; OSErrors pass through."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Makes a rename durable; Windows does so by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_limited(path: Path, limit: int) -> bytes | None:
    """The content, or None when there is no such file.

    Raises:
        StorageError: a link, unreadable, or larger than ``limit`` bytes.
    """
    refuse_link(path)
    with file_errors("A file could not be read.", path):
        try:
            with path.open("rb") as file:
                content = file.read(limit + 1)
        except FileNotFoundError:
            return None
    if len(content) > limit:
        raise StorageError(
            "A file is too large.", f"{path} has more than {limit:,} bytes.", next_step="Move the file away and start again."
        )
    return content
