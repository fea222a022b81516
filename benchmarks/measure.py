"""How things are measured: ours and the reference by turns, medians of at least five, and a heart that counts missed beats."""

import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FRAME = 1 / 60
"""Seconds between two pictures of an ordinary screen."""
BEAT = 0.005
"""Seconds between two beats of the heart that notices stalls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is measured. ``rows`` is the size of a comparison, ``times`` how often each side of a line is run."""

    rows: int = 100_000
    million: int = 1_000_000
    times: int = 5
    with_million: bool = False
    latency: float = 0.15
    customers: int = 200
    lines: tuple[int, ...] = (10, 20)
    changes: int = 100
    agreements: int = 1_000
    additions: int = 15

    @property
    def sizes(self) -> tuple[int, ...]:
        """The row counts of the lines that are measured at two sizes."""
        return (self.rows, self.million) if self.with_million else (self.rows,)


QUICK = Scale(rows=600, million=1_200, times=1, latency=0.01, customers=12, lines=(3,), changes=3, agreements=8, additions=3)
"""So small that every line runs in seconds: for the test that they still run. Its figures mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One row of the table. ``ours`` and ``reference`` are in ``unit``; ``at_most`` is the largest value of ``measured`` that is in
    order, where ``measured`` is the ratio unless ``absolute`` (then ours)."""

    line: str
    what: str
    ours: float
    at_most: float
    reference: float | None = None
    unit: str = "ms"
    absolute: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours divided by the reference."""
        return self.ours / self.reference if self.reference else None

    @property
    def ok(self) -> bool:
        """Whether the target is reached."""
        measured = self.ours if self.absolute or self.ratio is None else self.ratio
        return measured <= self.at_most

    def cells(self) -> tuple[str, ...]:
        """The row as texts."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}" if self.ratio >= 0.01 else f"1/{1 / self.ratio:.0f}"
        limit = (
            f"{self.at_most:g} {self.unit}"
            if self.absolute
            else f"{self.at_most:.2f}"
            if self.at_most >= 0.01
            else (f"1/{1 / self.at_most:.0f}")
        )
        reference = "" if self.reference is None else f"{_figure(self.reference)} {self.unit}"
        return (
            self.line,
            self.what,
            f"{_figure(self.ours)} {self.unit}",
            reference,
            ratio,
            limit,
            "ok" if self.ok else "ABOVE",
            self.note,
        )


HEADINGS = ("line", "what", "ours", "reference", "ratio", "target", "", "note")


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def median(values: Sequence[float]) -> float:
    """The middle one, which a noisy neighbor moves least."""
    return statistics.median(values)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes once, with garbage of earlier work collected before."""
    gc.collect()
    start = time.perf_counter()
    kept = work()
    taken = time.perf_counter() - start
    del kept
    return taken


def by_turns(ours: Callable[[], object], reference: Callable[[], object], times: int) -> tuple[float, float]:
    """Median milliseconds of both, run alternately after one round that does not count."""
    samples: tuple[list[float], list[float]] = ([], [])
    for round_ in range(times + 1 if times > 1 else 1):
        for kept, work in zip(samples, (ours, reference), strict=True):
            taken = seconds(work) * 1000
            if round_ or times == 1:
                kept.append(taken)
    return median(samples[0]), median(samples[1])


async def awaited(work: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds that a piece of asynchronous work takes."""
    gc.collect()
    start = time.perf_counter()
    await work()
    return (time.perf_counter() - start) * 1000


def fresh(module: str, *arguments: object, inputs: Path | None = None) -> dict[str, Any]:
    """What a new process that runs a module prints as its last line, JSON. The first argument it gets is when it was started."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["QT_QPA_PLATFORM"] = "offscreen"
    command = [sys.executable, "-m", module, repr(time.monotonic()), *map(str, arguments)]
    done = subprocess.run(
        command,
        cwd=inputs or ROOT,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def memory_mb(what: str = "VmRSS") -> float:
    """Resident memory of this process in megabytes; ``VmHWM`` gives the highest so far."""
    for row in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if row.startswith(f"{what}:"):
            return int(row.split()[1]) / 1024
    raise LookupError(what)


@dataclass(slots=True)
class Heart:
    """Beats every 5 ms in a running Qt event loop; what is late by more than that was a stall."""

    late: list[float] = field(default_factory=list)
    _timer: Any = None
    _last: float = 0.0

    def start(self) -> None:
        """Start beating; forget what was."""
        from PySide6.QtCore import Qt, QTimer

        self.late.clear()
        self._last = time.perf_counter()
        if self._timer is None:
            self._timer = QTimer()
            self._timer.setTimerType(Qt.TimerType.PreciseTimer)
            self._timer.timeout.connect(self._beat)
        self._timer.start(int(BEAT * 1000))

    def _beat(self) -> None:
        now = time.perf_counter()
        self.late.append(now - self._last - BEAT)
        self._last = now

    def stop(self) -> float:
        """Stop; the longest stall in milliseconds."""
        self._beat()
        self._timer.stop()
        return max(self.late) * 1000
