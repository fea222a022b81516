"""The command: what it prints, and when its status is not 0."""

from collections import Counter

import pytest

from tests.simulation import planted
from tests.simulation.command import Tally, _report, main, run_seeds
from tests.simulation.faults import READ_FAULTS, WRITE_FAULTS
from tests.simulation.planted import BUGS


def test_a_few_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "4", "--start", "3", "--jobs", "1"]) == 0
    printed = capsys.readouterr().out
    assert "4 seeds in" in printed
    assert "0 violations" in printed
    assert "virtual time" in printed


def test_one_seed_with_every_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "7", "--trace", "--psa", "document"]) == 0
    printed = capsys.readouterr().out
    assert "journal 1:" in printed
    assert "GET /documents/" in printed
    assert printed.splitlines()[-1].startswith("Seed 7 (document): ")


def test_a_violation_is_told_with_the_way_to_replay_it(capsys: pytest.CaptureFixture[str]) -> None:
    bug = BUGS["send before arm"]
    with bug.plant():
        assert main(["--seeds", "1", "--start", str(bug.known), "--jobs", "1"]) == 1
        assert main(["--seed", str(bug.known)]) == 1
    printed = capsys.readouterr().out
    assert f"Seed {bug.known} violates I1: " in printed
    assert f"replay: python -m tests.simulation --seed {bug.known} --trace" in printed
    assert "VIOLATION I1" in printed


def test_the_larger_exploration(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--explore", "--most", "50"]) == 0
    assert capsys.readouterr().out.startswith("50 paths, no violation")


def test_a_seed_that_cannot_be_run_is_a_violation() -> None:
    tally = run_seeds(1, 1, "no such PSA")
    assert [invariant for _, invariant, _ in tally.violations] == ["P"]


def test_a_fault_that_never_struck_fails_a_large_run() -> None:
    hits = Counter({(fault.name, fault.when, "W"): 1 for fault in WRITE_FAULTS})
    hits.update({(fault.name, "before", "R"): 1 for fault in READ_FAULTS})
    said: list[str] = []
    whole = Tally(seeds=2_000, hits=hits)
    assert _report(whole, 1.0, complete=True, say=said.append) == 0
    del hits["reset", "late", "W"]
    assert _report(whole, 1.0, complete=True, say=said.append) == 1
    assert said[-1] == "NEVER HIT: reset late W"
    assert _report(Tally(seeds=10, hits=hits), 1.0, complete=True, say=said.append) == 0


def test_planted_bugs_are_looked_for_from_the_first_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    found, missed = BUGS["send before arm"], planted.Planted(BUGS["send before arm"].plant, 1, kind="set")
    monkeypatch.setattr(planted, "BUGS", {"found": found})
    said: list[str] = []
    assert planted.tell(3, said.append) == 0
    assert said[-1] == "1 of 1 planted bugs found"
    monkeypatch.setattr(planted, "BUGS", {"found": found, "none": missed})
    assert planted.tell(0, said.append) == 1
    assert "NOT FOUND within 0 seeds" in said[-2]
