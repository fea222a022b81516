import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconcile_app.core.errors import Busy, StorageError
from reconcile_app.storage.locks import TenantLock, TenantLocks
from tests.fakes.clock import VirtualClock

CLOCK = VirtualClock()
HOLDER = """
import sys
from pathlib import Path
from reconcile_app.storage.locks import TenantLocks
from tests.fakes.clock import VirtualClock
lock = TenantLocks(Path(sys.argv[1]), name="Kim", machine="desk-7", clock=VirtualClock())("a1")
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""

ROOT = Path(__file__).resolve().parents[2]


def locks(folder: Path, name: str = "Robin") -> TenantLocks:
    return TenantLocks(folder, name=name, machine="desk-8", clock=CLOCK)


@contextmanager
def another_process(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_another_process_is_named_with_machine_and_time(tmp_path: Path) -> None:
    with another_process(tmp_path) as process:
        with pytest.raises(Busy) as refused, locks(tmp_path)("a1"):
            pass
        assert refused.value.title == f"Kim on desk-7 is pushing since {CLOCK.now().astimezone():%H:%M}."
        assert refused.value.meaning == "Nothing was sent."
        with locks(tmp_path)("b2") as other:
            assert other.held
        process.kill()
        process.wait()
        with locks(tmp_path)("a1") as lock:
            assert lock.held


def test_two_windows_of_one_process_exclude_each_other_too(tmp_path: Path) -> None:
    with locks(tmp_path, "Kim")("a1") as lock:
        lock.acquire()
        with pytest.raises(Busy, match="Kim on desk-8"), locks(tmp_path)("a1"):
            pass
    assert not lock.held
    lock.release()
    with locks(tmp_path)("a1"):
        pass


def test_the_lock_is_given_back_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locks(tmp_path)("a1"):
        raise ZeroDivisionError
    with locks(tmp_path)("a1"):
        pass


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"null", b'{"name": "x"}', b'{"name":"x","machine":"y","since":5}'])
def test_a_holder_that_cannot_be_read_is_still_a_holder(tmp_path: Path, content: bytes) -> None:
    with locks(tmp_path)("a1"):
        (tmp_path / "a1.lock").write_bytes(content)
        with pytest.raises(Busy, match="Another window"), locks(tmp_path)("a1"):
            pass


def test_a_long_name_is_cut(tmp_path: Path) -> None:
    with TenantLock(tmp_path / "x.lock", name="K" * 1_000, machine="m", clock=CLOCK), pytest.raises(Busy) as refused:
        TenantLock(tmp_path / "x.lock", name="R", machine="m", clock=CLOCK).acquire()
    assert refused.value.title.startswith("K" * 80 + " on m")


@pytest.mark.skipif(os.name == "nt", reason="Windows has access lists")
def test_the_file_is_private_and_stays(tmp_path: Path) -> None:
    with locks(tmp_path / "locks")("a1"):
        pass
    assert stat.S_IMODE((tmp_path / "locks" / "a1.lock").stat().st_mode) == 0o600


def test_a_place_that_cannot_hold_a_lock_is_told(tmp_path: Path) -> None:
    (tmp_path / "a1.lock").mkdir()
    with pytest.raises(StorageError), locks(tmp_path)("a1"):
        pass


def test_a_file_system_without_locks_is_told(tmp_path: Path) -> None:
    def fails(descriptor: int) -> bool:
        raise OSError(37, "No locks available")

    lock = TenantLock(tmp_path / "x.lock", name="R", machine="m", clock=CLOCK, take=fails)
    with pytest.raises(StorageError, match="No locks available"):
        lock.acquire()
    assert not lock.held
