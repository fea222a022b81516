"""``python -m tests.state_machine --examples 2000 --steps 60``: sequences of steps against the real engine."""

import argparse
import sys
import time

from tests.state_machine.machine import DiskMachine, Machine
from tests.state_machine.playing import play


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main(arguments: list[str]) -> int:
    """0: no promise was broken. A broken one is raised with the shortest sequence that breaks it."""
    parser = argparse.ArgumentParser(prog="python -m tests.state_machine", description=__doc__)
    parser.add_argument("--examples", type=int, default=2_000)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--disk", action="store_true", help="with the real journal file")
    parser.add_argument("--random", action="store_true", help="other sequences every time")
    given = parser.parse_args(arguments)
    machine: type[Machine] = DiskMachine if given.disk else Machine
    start = time.monotonic()
    play(machine, given.examples, given.steps, seed=0 if given.random else None)
    _say(f"{given.examples:,} sequences of up to {given.steps} steps in {time.monotonic() - start:.1f} s, no violation")
    _say(", ".join(f"{times:,} {state}" for state, times in machine.ends.most_common()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
