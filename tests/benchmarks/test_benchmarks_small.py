"""The benchmarks still run: each line at a tiny size, in a process of its own. What they measure is not judged here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import LINES
from benchmarks.measure import Result

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("line", LINES)
def test_each_line_prints_rows_with_ours_and_its_target(line: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", line, "--quick"],
        cwd=ROOT,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    heading, *rows = done.stdout.splitlines()
    assert heading.startswith("line")
    assert rows
    assert all(row.startswith(line) and (" ok" in row or " ABOVE" in row) for row in rows)


def test_an_unknown_line_is_told_and_nothing_is_measured() -> None:
    done = subprocess.run([sys.executable, "-m", "benchmarks", "P99"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "P99" in done.stdout


def test_a_ratio_is_judged_where_there_is_a_reference_and_the_figure_itself_where_the_target_is_one() -> None:
    assert Result(line="P1", what="w", ours=13.0, reference=10.0, at_most=1.3).ok
    assert not Result(line="P1", what="w", ours=13.1, reference=10.0, at_most=1.3).ok
    assert Result(line="P6", what="w", ours=25.0, at_most=25.0, absolute=True).ok
    assert not Result(line="P6", what="w", ours=26.0, at_most=25.0, absolute=True).ok
    assert Result(line="P4", what="w", ours=1.0, reference=400.0, at_most=1 / 200).cells()[4:7] == ("1/400", "1/200", "ok")
