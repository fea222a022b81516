"""One writer per tenant on this computer: a lock of the operating system, which dies with its process."""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final

from reconcile_app.core.errors import Busy, StorageError
from reconcile_app.core.ports import Clock
from reconcile_app.storage.files import open_private, private_folder
from reconcile_app.storage.paths import tenant_file_name

_LOCKED_BYTE: Final = 2**30
"""Windows locks bytes for readers too; this one lies behind the text that others read."""

_LONGEST_HOLDER = 4_096

_LOOKS, _BETWEEN = 6, 0.005
"""How often, and after how many seconds, the holder's name is looked for: whoever has just taken the lock is still writing it."""


if sys.platform == "win32":  # pragma: no cover - runs on Windows only
    import msvcrt

    def _lock(descriptor: int) -> bool:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True
else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class TenantLock:
    """The right to push to one tenant, for the life of a ``with`` block or until ``release``.

    Args:
        path: the lock file, the same for every data folder of this user on this computer; it is never deleted.
        name: who asks, for the message others get.
        machine: the computer's name.
        clock: the time.
        take: locks an open file at once, or says that somebody else has; the operating system's own way.
    """

    def __init__(self, path: Path, *, name: str, machine: str, clock: Clock, take: Callable[[int], bool] = _lock) -> None:
        self._take = take
        self._path = path
        self._holder = {"name": name, "machine": machine}
        self._clock = clock
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether we hold it."""
        return self._descriptor is not None

    def acquire(self) -> None:
        """Take the lock, at once or not at all.

        Raises:
            Busy: another window or program holds it; says who, where and since when.
            StorageError: the lock file cannot be used.
        """
        if self.held:
            return
        private_folder(self._path.parent)
        descriptor = open_private(self._path)
        try:
            taken = self._take(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise StorageError(
                "The tenant cannot be locked.",
                f"{self._path}: {error.strerror}.",
                meaning="Nothing was sent.",
                next_step="Keep your home folder on a local disk.",
            ) from error
        if not taken:
            words = _holder_words(descriptor)
            os.close(descriptor)
            raise Busy(words, meaning="Nothing was sent.", next_step="Wait until it has finished.")
        self._descriptor = descriptor
        self._write_holder(descriptor)

    def release(self) -> None:
        """Give it back; releasing again does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            # The next one who is refused must not read our name before the next holder has written theirs.
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
            os.close(descriptor)

    def __enter__(self) -> "TenantLock":
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()

    def _write_holder(self, descriptor: int) -> None:
        text = json.dumps(self._holder | {"since": self._clock.now().isoformat()}).encode("ascii")
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, text)


class TenantLocks:
    """Makes the locks of this installation.

    Args:
        locks_dir: see ``DataPaths.locks_dir``.
        name: the operator.
        machine: the computer's name.
        clock: the time.
    """

    def __init__(self, locks_dir: Path, *, name: str, machine: str, clock: Clock) -> None:
        self._locks_dir = locks_dir
        self._name, self._machine, self._clock = name, machine, clock

    def __call__(self, tenant: str) -> TenantLock:
        """The lock of the tenant with this fingerprint, not yet taken."""
        path = self._locks_dir / f"{tenant_file_name(tenant)}.lock"
        return TenantLock(path, name=self._name, machine=self._machine, clock=self._clock)


def _holder_words(descriptor: int) -> str:
    for _ in range(_LOOKS):
        words = _written(descriptor)
        if words:
            return words
        time.sleep(_BETWEEN)
    return "Another window or program is pushing to this tenant."


def _written(descriptor: int) -> str:
    """What the holder's entry says, or nothing where there is none that can be read."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        holder = json.loads(os.read(descriptor, _LONGEST_HOLDER))
        since = datetime.fromisoformat(holder["since"]).astimezone()
        return f"{str(holder['name'])[:80]} on {str(holder['machine'])[:80]} is pushing since {since:%H:%M}."
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
