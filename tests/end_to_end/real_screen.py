"""A screen of its own with a window manager, and the program on it, pressed and read as a person does: keys, mouse, clipboard.

Needs Xvfb, openbox and xdotool. Nothing here reaches into the program.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SIZE = (1280, 800)
_TOOLS = ("Xvfb", "openbox", "xdotool")
_LIBRARIES = ("libxcb-cursor.so.0", "libxkbcommon-x11.so.0")
_READ_CLIPBOARD = (
    "import sys\n"
    "from PySide6.QtGui import QGuiApplication\n"
    "application = QGuiApplication(sys.argv)\n"
    "sys.stdout.buffer.write(application.clipboard().text().encode())\n"
)


def missing() -> str:
    """Why there can be no real window here, or empty."""
    if not sys.platform.startswith("linux"):
        return "a screen of its own can be made on Linux only"
    absent = [tool for tool in _TOOLS if shutil.which(tool) is None] + [name for name in _LIBRARIES if not _loads(name)]
    return f"not installed: {', '.join(absent)}" if absent else ""


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


@contextmanager
def _running(command: Sequence[str], environment: Mapping[str, str], **how: object) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, env=dict(environment), text=True, **how) as process:  # type: ignore[call-overload]  # passed on
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def screen() -> Iterator[dict[str, str]]:
    """A screen with a window manager; the environment for programs that shall appear on it."""
    reading, writing = os.pipe()
    server = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1360x900x24", "-nolisten", "tcp"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with _running(server, os.environ, pass_fds=(writing,), **quiet):
        os.close(writing)
        with os.fdopen(reading) as told:
            number = told.readline().strip()
        environment = {**os.environ, "DISPLAY": f":{number}", "LANG": "C.UTF-8"}
        environment.pop("QT_QPA_PLATFORM", None)
        with _running(["openbox"], environment, **quiet):
            yield environment


@dataclass
class Person:
    """Somebody at the screen with one window of the program."""

    environment: dict[str, str]
    program: subprocess.Popen[str]
    window: str

    def press(self, *keys: str) -> None:
        """Press keys one after the other, such as ``ctrl+f``."""
        for key in keys:
            self._do("key", "--clearmodifiers", key)
            time.sleep(0.08)

    def write(self, text: str) -> None:
        """Type a text."""
        self._do("type", "--delay", "15", text)

    def click(self, x: int, y: int) -> None:
        """Click at a place inside the window."""
        self._do("mousemove", "--window", self.window, str(x), str(y), "click", "1")

    def copied(self) -> list[list[str]]:
        """Press Ctrl+C and read the clipboard: lines of cells, the first one with the headers."""
        self.press("ctrl+c")
        reading = [sys.executable, "-c", _READ_CLIPBOARD]
        done = subprocess.run(reading, env=self.environment, capture_output=True, check=True, timeout=20)
        return [line.split("\t") for line in done.stdout.decode().splitlines()]

    def close(self) -> int:
        """Close the window as a person does; the exit status of the program."""
        self.press("alt+F4")
        return self.program.wait(15)

    def _do(self, *arguments: str) -> str:
        done = subprocess.run(["xdotool", *arguments], env=self.environment, capture_output=True, text=True, check=True, timeout=20)
        return done.stdout


@contextmanager
def at_work(command: Sequence[str], environment: dict[str, str], log: Path) -> Iterator[Person]:
    """Start the program, wait for its window, give it the design size and the keyboard."""
    with log.open("w") as written, _running(command, environment, stdout=written, stderr=written) as program:
        person = Person(environment, program, "")
        person.window = person._do("search", "--sync", "--onlyvisible", "--name", "^Reconcile$").split()[-1]
        person._do("windowsize", "--sync", person.window, *map(str, SIZE))
        person._do("windowactivate", "--sync", person.window)
        yield person


def until(condition: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    """Wait for something the person waits for."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, f"this did not happen: {what}"
        time.sleep(0.1)
