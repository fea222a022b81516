"""A checker that cannot fail is worth nothing: each invariant is broken by hand and must be reported as that invariant."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.checker import JUDGES, check
from tests.simulation.handmade import DAY, Handmade, change, reading
from tests.simulation.story import Book, Told, Truth

OTHER = Truth(present=True, quantity=140_000)
Break = Callable[[Handmade], object]


def ended(state: str, *kinds: str) -> Break:
    """The op ended otherwise; the ledger still has its commit."""

    def breaking(made: Handmade) -> None:
        made.states["P1-0001"] = state
        made.events[2:] = [["P1-0001", 1, kind, {}] for kind in kinds]
        made.told.witness.clear()
        made.told.promised = {"A": 2}
        made.told.told = []

    return breaking


def beyond(made: Handmade) -> None:
    ended("NOT_APPLIED", "UNKNOWN", "NOT_APPLIED")(made)
    made.told.sent[0].carried_out = [400.0]
    made.told.looks = [("A", 500.0)]


def second_open(made: Handmade) -> None:
    made.changes = {op_id: change() for op_id in ("P1-0001", "P1-0002")}
    made.states = {"P1-0001": "UNKNOWN", "P1-0002": "NEEDS_REVIEW"}
    made.told.shown_open = {"A": {"P1-0001", "P1-0002"}}


def undone(**armed_on: Any) -> Break:
    """An undo of the push, armed on this reading."""

    def breaking(made: Handmade) -> None:
        back = change(quantity_before=130_000, quantity_target=100_000)
        made.changes["U1-0001"], made.states["U1-0001"], made.undoes = back, "PLANNED", "P1"
        armed = {"before": reading(**armed_on), "path": "", "body_sha256": ""}
        made.events += [["U1-0001", 1, "PLANNED", {}], ["U1-0001", 1, "ARMED", armed]]
        made.told.shown_open = {"A": {"U1-0001"}}

    return breaking


def unattributed(made: Handmade) -> None:
    undone(quantity=130_000)(made)
    made.events[3][3]["attributed"] = False


def book(result: str, **header: str) -> Break:
    row = {"key": "C/5/650", "result": result}
    return lambda made: made.told.books.append(Book(profile="A", run_id="R1", changes=[row], header=header, event=4))


def told(result: str, state: str = "VERIFIED") -> Break:
    def breaking(made: Handmade) -> None:
        made.events[3][2] = made.states["P1-0001"] = state
        made.told.told = [Told(profile="A", run_id="P1", result=result, head="", event=4)]
        made.told.witness.clear()
        made.told.shown_open = {"A": {"P1-0001"} if state == "NEEDS_REVIEW" else set()}

    return breaking


def document(made: Handmade) -> None:
    lines = [{"id": "8001", "quantity": 1, "note": "kept"}, {"id": "8002", "quantity": 2, "note": "kept"}]
    lost = [lines[0], {"id": "8002", "quantity": 2}]
    made.told.documents.append(("c1", {"id": "D", "lines": lines}, {"id": "D", "lines": lost}, "8001"))


BROKEN: list[tuple[str, str, Break]] = [
    ("I1", "armed, and not synced", lambda made: setattr(made.told.sent[0], "synced", 1)),
    ("I1", "sent twice on one intent", lambda made: made.told.sent.append(made.sent("c2", start=20.0, end=21.0, carried_out=[]))),
    ("I1", "sent after it was settled", lambda made: setattr(made.told.sent[0], "synced", 4)),
    ("I2", "carried out twice", lambda made: made.ledger.append(made.entry(time="12:01", before=130_000, after=160_000))),
    ("I3", "a write of no op", lambda made: made.ledger.append(made.entry(connection="c9"))),
    ("I3", "not what was planned", lambda made: made.changes["P1-0001"].update(quantity_target=140_000)),
    ("I3", "sent on another quantity", lambda made: made.events[1][3].update(before=reading(110_000))),
    ("I3", "sent on a touched line", lambda made: made.events[1][3].update(before=reading(row="99"))),
    ("I4", "another quantity at the time", lambda made: made.told.witness[("A", 4)][0].update({"8001": OTHER})),
    ("I4", "verified, and not carried out", lambda made: made.ledger.clear()),
    ("I5", "rejected, and carried out", ended("REJECTED", "REJECTED")),
    ("I5", "canceled, and carried out", ended("CANCELLED", "CANCELLED")),
    ("I5", "not applied, and carried out", ended("NOT_APPLIED", "UNKNOWN", "NOT_APPLIED")),
    ("I5", "carried out too late, and nothing said", beyond),
    ("I6", "open, and not shown", ended("NEEDS_REVIEW", "UNKNOWN", "NEEDS_REVIEW")),
    ("I6", "two open changes of a line", second_open),
    ("I7", "a quantity from nowhere", lambda made: made.told.final.update({"8001": OTHER})),
    ("I7", "another line", lambda made: made.ledger[0].update(line="8002")),
    ("I9", "recovering twice", lambda made: made.told.recoveries.append(("A", "one", "two"))),
    ("I9", "recovery writes", lambda made: setattr(made.told.sent[0], "phase", "recover")),
    ("I10", "two at a time", lambda made: made.told.sent.append(made.sent("c2", start=10.5))),
    ("I10", "epochs fall", lambda made: made.events[0].__setitem__(1, 2)),
    ("I11", "armed after the stop", lambda made: made.told.cancels.append(("A", "P1", 1))),
    ("I11", "left armed", lambda made: made.told.told.append(Told(profile="A", run_id="P1", result="finished", head="", event=2))),
    ("I12", "undone on a touched line", undone(quantity=130_000, row="99")),
    ("I12", "undone on another quantity", undone(quantity=150_000)),
    ("I12", "undone what was not ours", unattributed),
    ("I14", "not what is billed", lambda made: made.told.expected.update({"C/5/650": (100_000, 200_000)})),
    ("I14", "of nothing", lambda made: made.told.expected.update({"C/5/651": (0, 0)})),
    ("I15", "another result", book("not applied")),
    ("I15", "missing in the workbook", book("not selected")),
    ("I15", "said to be incomplete", book("written and confirmed", **{"NOT COMPLETE": "1 change is not settled"})),
    ("I16", "a secret in the log", lambda made: (setattr(made.told, "secrets", ("hunter2-hunter2",)),
                                                  made.told.artefacts.append(("log", b"key hunter2-hunter2")))),
    ("I17", "a changed event", lambda made: setattr(made, "spoil", "APPLIED")),
    ("I17", "a cut tail", lambda made: made.told.promised.update({"A": 5})),
    ("I17", "a head that is gone", lambda made: made.told.told.append(replace(made.told.told[0], head="ff" * 32))),
    ("I18", "a lost field", document),
    ("I19", "finished, and something open", told("finished", "NEEDS_REVIEW")),
    ("I19", "open, and nothing open", told("finished, 1 open")),
    ("P", "an error of the program", lambda made: made.told.failures.append("ZeroDivisionError")),
]


def test_a_right_story_has_no_violation(tmp_path: Path) -> None:
    assert check(Handmade(tmp_path).story()) == []


@pytest.mark.parametrize("told_late", [False, True])
def test_a_commit_beyond_the_window_must_be_spoken_of(tmp_path: Path, told_late: bool) -> None:
    made = Handmade(tmp_path)
    beyond(made)
    if told_late:
        made.told.alarms.add(("A", "P1-0001"))
    assert ("I5" in {violation.invariant for violation in check(made.story())}) is not told_late


@pytest.mark.parametrize(("invariant", "what", "breaking"), BROKEN, ids=[f"{name} {what}" for name, what, _ in BROKEN])
def test_each_violation_is_reported_by_its_invariant(tmp_path: Path, invariant: str, what: str, breaking: Break) -> None:
    made = Handmade(tmp_path)
    breaking(made)
    found = {violation.invariant for violation in check(made.story())}
    assert invariant in found, found


def test_every_invariant_that_one_run_can_show_is_broken_here() -> None:
    assert {name for name, _, _ in BROKEN} == set(JUDGES) - {"I20", "I21", "I22"}  # test_simulation_replacements breaks these
    assert DAY in str(change())
