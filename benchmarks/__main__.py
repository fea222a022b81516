"""``python -m benchmarks [P1 P2 ...] [--million] [--quick]``: measure the lines of ``docs/performance.md``, a row for each.

``--million`` measures the lines that have a second size at 1,000,000 rows, too: some minutes and 6 GB of memory. ``--quick`` runs
everything at a tiny size, to see that it runs; its figures mean nothing.
"""

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks.measure import HEADINGS, QUICK, Result, Scale

LINES = {
    "P1": "startup.p1",
    "P2": "startup.p2",
    "P3": "table.p3",
    "P4": "table.p4",
    "P5": "table.p5",
    "P6": "stalls.p6",
    "P7": "engine.p7",
    "P8": "engine.p8",
    "P9": "wire.p9",
    "P10": "network.p10",
    "P10C": "agreements.p10c",
    "P11": "network.p11",
    "P12": "workbook.p12",
    "P13": "memory.p13",
}
"""Line → module and function."""

_WIDTHS = (4, 58, 11, 11, 7, 9, 5)


def main(arguments: Sequence[str]) -> int:
    """Measure what was asked for (everything, without names) and print it."""
    options = {argument for argument in arguments if argument.startswith("-")}
    names = [argument.upper() for argument in arguments if not argument.startswith("-")] or list(LINES)
    unknown = [name for name in names if name not in LINES] + sorted(options - {"--million", "--quick"})
    if unknown:
        print(f"{__doc__}\nUnknown: {', '.join(unknown)}. Lines: {', '.join(LINES)}.")
        return 2
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    scale = replace(QUICK if "--quick" in options else Scale(), with_million="--million" in options)
    _print(HEADINGS)
    for name in names:
        for result in measured(name, scale):
            _print(result.cells())
    return 0


def measured(name: str, scale: Scale) -> Iterator[Result]:
    """The rows of one line, as they are measured."""
    module, function = LINES[name].split(".")
    results: Iterator[Result] = getattr(importlib.import_module(f"benchmarks.{module}"), function)(scale)
    return results


def _print(cells: Sequence[str]) -> None:
    *columns, note = cells
    sides = (str.ljust, str.ljust, str.rjust, str.rjust, str.rjust, str.rjust, str.ljust)
    shown = [side(cell, width) for side, cell, width in zip(sides, columns, _WIDTHS, strict=True)]
    print("  ".join([*shown, note]).rstrip(), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
