"""``python -m tests.fuzz --answers 20000``: damaged answers for every parser, and what became of them."""

import argparse
import os
import re
import sys
import time
from pathlib import Path

from tests.fuzz.runner import Failure, Order, Result, run

FOLDER = Path("fuzz-failures")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main(arguments: list[str]) -> int:
    """0: every answer was refused or taken for what it says."""
    given = _parser().parse_args(arguments)
    only = given.number is not None
    order = Order(
        seed=given.seed, answers=given.number + 1 if only else given.answers, first=given.number or 0, target=given.target
    )
    start = time.monotonic()
    result = run(order, 1 if only else given.processes)
    _print(result, time.monotonic() - start)
    for failure in result.failures:
        _print_failure(failure, given.seed, given.target)
    return 1 if result.kinds else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--answers", type=int, default=20_000, help="how many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", default="", help="only this target, as the table names it")
    parser.add_argument("--number", type=int, help="only this one: what a failure prints")
    parser.add_argument("--processes", type=int, default=max(1, os.cpu_count() or 1))
    return parser


def _print(result: Result, seconds: float) -> None:
    _say(f"{'target':32} {'answers':>9} {'refused':>9} {'accepted':>9}")
    for name in sorted(result.fed):
        fed, refused = result.fed[name], result.refused[name]
        _say(f"{name:32} {fed:9,} {refused:9,} {fed - refused:9,}")
    total = result.fed.total()
    _say(f"{total:,} answers in {seconds:.1f} s, {total / seconds:,.0f} per second")
    _say(f"foreign exceptions {result.kinds['foreign']}, wrong accepts {result.kinds['wrong']}, too slow {result.kinds['slow']}")


def _print_failure(failure: Failure, seed: int, only: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{re.sub('[^a-z0-9]+', '-', failure.target.lower())}-{seed}-{failure.number}.bin"
    path.write_bytes(failure.sample)
    chosen = f' --target "{only}"' if only else ""
    _say(f"\n{failure.kind}: {failure.target}, seed {seed}, number {failure.number}\n{failure.words}\nsample: {path}")
    _say(f"again: python -m tests.fuzz --seed {seed} --number {failure.number}{chosen}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
