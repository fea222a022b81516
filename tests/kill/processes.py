"""The two processes that a test starts beside itself: the sandbox, and the zygote that forks the lives of the program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KILLED = -signal.SIGKILL


class Helper:
    """A Python process that answers JSON lines; it ends when its input does, however this process dies."""

    def __init__(self, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **(environment or {})},
        )

    def hear(self) -> Any:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.wait()}")
        return json.loads(line)

    def say(self, order: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def leave(self) -> None:
        """Let the process end, without waiting for it."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def close(self) -> None:
        self.leave()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class SandboxProcess(Helper):
    """The sandbox of one scene."""

    def __init__(self, scene: str, ledger: Path) -> None:
        super().__init__("tests.kill.sandbox_process", scene, str(ledger))
        self.settings: dict[str, dict[str, Any]] = self.hear()

    def ask(self, do: str, **more: Any) -> Any:
        self.say({"do": do, **more})
        return self.hear()


class Zygote(Helper):
    """Forks lives of the program, one at a time.

    Args:
        home: takes the place of the user's data folder, where the locks lie.
        errors: what the lives print.
        name: the operator.
    """

    def __init__(self, home: Path, errors: Path, name: str = "kim") -> None:
        super().__init__("tests.kill.zygote", str(errors), environment={"XDG_DATA_HOME": str(home), "LOGNAME": name})

    def start(self, order: Mapping[str, Any]) -> int:
        """Fork a child; its process id."""
        self.say(order)
        return int(self.hear()["pid"])

    def wait(self) -> int:
        """How the child ended: its exit status, or minus the signal."""
        return int(self.hear()["status"])

    def run(self, order: Mapping[str, Any], kill_after: float | None = None) -> int:
        """Fork a child and wait for it; with ``kill_after`` it is killed so many seconds later, where it still runs."""
        pid = self.start(order)
        if kill_after is None:
            return self.wait()
        # The zygote collects the child only when it has ended, so until its answer is read the number belongs to that child: a
        # signal that comes a moment too late finds nobody, because numbers are not given again so soon.
        timer = threading.Timer(kill_after, _kill, (pid,))
        timer.start()
        try:
            return self.wait()
        finally:
            timer.cancel()

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
