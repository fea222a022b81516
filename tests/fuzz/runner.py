"""Draws samples, feeds them, counts, and keeps what went wrong. The same seed and number always give the same sample."""

import asyncio
import contextlib
import logging
import multiprocessing
import signal
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType

from tests.fuzz.file_targets import clean
from tests.fuzz.recording import Recording, record
from tests.fuzz.registry import targets
from tests.fuzz.target import REFUSED, Target, Wrong

LONGEST = 1.0
"""Seconds of computing that one sample may take."""

_GIVEN_UP = 30
_KEPT = 20


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A sample that was not taken as it should be. ``kind`` is ``wrong``, ``foreign`` or ``slow``."""

    target: str
    number: int
    kind: str
    words: str
    sample: bytes


@dataclass(kw_only=True)
class Result:
    """Counts by target, and the first failures."""

    fed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: "Result") -> None:
        self.fed += other.fed
        self.refused += other.refused
        self.kinds += other.kinds
        self.failures = sorted([*self.failures, *other.failures], key=lambda failure: failure.number)[:_KEPT]


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to feed: so many answers from this number on, every ``step``th of them. ``target``: this one only."""

    seed: int
    answers: int
    first: int = 0
    step: int = 1
    target: str = ""


def work(order: Order, recording: Recording) -> Result:
    """Feed in this process."""
    loop = asyncio.new_event_loop()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=_fast_folder()))
    result = Result()
    try:
        with _undisturbed():
            every = [each for each in targets(recording, folder, loop) if order.target in ("", each.name)]
            if not every:
                raise SystemExit(f"no target {order.target!r}")
            for number in range(order.first, order.answers, order.step):
                _feed(order.seed, number, every, result)
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        clean(folder)
    return result


def _fast_folder() -> str | None:
    """Memory, where there is such a folder: what is fuzzed is reading, not the disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Without the log lines and warnings of thousands of refusals, and with an end to what hangs."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    earlier = signal.signal(signal.SIGALRM, _hang) if hasattr(signal, "SIGALRM") else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
        if hasattr(signal, "SIGALRM"):
            signal.alarm(0)
            signal.signal(signal.SIGALRM, earlier)


def _hang(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"no end after {_GIVEN_UP} s")


def drawn_target(seed: int, number: int, every: Sequence[Target]) -> Target:
    """The target of this number, by weight."""
    return Random(f"{seed}:{number}").choices(every, [each.weight for each in every])[0]


def _feed(seed: int, number: int, every: Sequence[Target], result: Result) -> None:
    target = drawn_target(seed, number, every)
    sample = target.draw(Random(f"{seed}:{number}:{target.name}"))
    result.fed[target.name] += 1
    start = time.process_time()
    if hasattr(signal, "alarm"):
        signal.alarm(_GIVEN_UP)
    kind, words = "", ""
    try:
        result.refused[target.name] += target.feed(sample) == REFUSED
    except Wrong as error:
        kind, words = "wrong", str(error)
    except Exception as error:  # noqa: BLE001 - which one comes out is what is being found out
        kind, words = "foreign", "".join(traceback.format_exception(error)[-4:])
    if not kind and time.process_time() - start > LONGEST:
        kind, words = "slow", f"{time.process_time() - start:.1f} s"
    if kind:
        result.kinds[kind] += 1
        if len(result.failures) < _KEPT:
            result.failures.append(Failure(target=target.name, number=number, kind=kind, words=words, sample=target.saved(sample)))


def run(order: Order, processes: int) -> Result:
    """Feed in several processes."""
    recording = record()
    if processes == 1:
        return work(order, recording)
    parts = [
        Order(seed=order.seed, answers=order.answers, first=order.first + place, step=processes, target=order.target)
        for place in range(processes)
    ]
    total = Result()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for result in pool.starmap(work, [(part, recording) for part in parts]):
            total.add(result)
    return total
