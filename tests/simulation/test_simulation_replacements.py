"""A line that ended and the one in its place, made by hand: every promise about the two is broken once and must be reported."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.checker import check
from tests.simulation.handmade import DAY, Handmade, change, reading
from tests.simulation.story import Recovered, Told, Truth

ENDING, NEW = "P1-0001", "P1-0002"
LINES = "/finance/agreements/5/additions"
END = json.dumps([
    {"op": "test", "path": "quantity", "value": 10}, {"op": "replace", "path": "cancelledDate", "value": f"{DAY}T00:00:00Z"},
]).encode()
MAKE = json.dumps({"product": {"id": 650}, "quantity": 13, "effectiveDate": f"{DAY}T00:00:00Z", "unitCost": 6}).encode()
OLD = Truth(present=True, quantity=100_000, cost=50_000, customer="C", place="5/650", terms="t")
MADE = replace(OLD, quantity=130_000, cost=60_000)
GAP = f"Line 8001 ends on {DAY} and nothing takes its place. In the PSA, create 13 of Seats on Cloud from that day on."
ONE = "1 line ended without a new one"
Break = Callable[[Handmade], object]


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def replaced(folder: Path) -> Handmade:
    """A line that was replaced, right in every respect."""
    made = Handmade(folder)
    changes = (
        change(kind="cancel_line", quantity_target=0, replaces=""),
        change(kind="replace_line", line_id="", replaces="8001", quantity_before=0, unit_cost_target=60_000),
    )
    made.changes = dict(zip((ENDING, NEW), changes, strict=True))
    made.states = dict.fromkeys((ENDING, NEW), "VERIFIED")
    armed = [{"before": reading(100_000), "path": f"{LINES}/8001", "body_sha256": digest(END)},
             {"before": {**reading(0), "line": "", "present": False}, "path": LINES, "body_sha256": digest(MAKE)}]
    steps = [(ENDING, "PLANNED", {}), (NEW, "PLANNED", {}), *_sent(ENDING, armed[0]), *_sent(NEW, armed[1])]
    made.events = [[op_id, 1, kind, body] for op_id, kind, body in steps]
    made.ledger = [
        made.entry(kind="cancel_line", before=None, after=None, effective_date=None, body_sha256=digest(END)),
        made.entry(kind="create_line", line="9001", connection="c2", time="12:01", before=None, body_sha256=digest(MAKE)),
    ]
    _tell(made)
    return made


def _sent(op_id: str, armed: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(op_id, "ARMED", armed), (op_id, "APPLIED", {}), (op_id, "VERIFIED", {"reading": armed["before"], "attributed": True})]


def _tell(made: Handmade) -> None:
    story, ended = made.told, replace(OLD, ends=DAY)
    story.kind, story.modes = "connectwise", frozenset({"replace", "compare honored"})
    story.sent = [
        made.sent("c1", method="PATCH", path=f"{LINES}/8001", body=END, body_sha256=digest(END), synced=3),
        made.sent("c2", path=LINES, body=MAKE, body_sha256=digest(MAKE), synced=6, start=20.0, arrived=20.5, end=21.0,
                  carried_out=[20.6]),
    ]
    story.initial = {"8001": OLD}
    story.final = {"8001": ended, "9001": MADE}
    story.witness = {("A", 5): [{"8001": ended}], ("A", 8): [dict(story.final)]}
    story.told = [Told(profile="A", run_id="P1", result="finished", head="", event=8, message="2 written and confirmed")]
    story.promised = {"A": 8}
    story.recovered = [Recovered(profile="A", ops=(ENDING, NEW), words="", event=8)]


def not_made(result: str = f"finished, {ONE}", message: str = GAP, words: str = ONE) -> Break:
    """The new line is refused."""

    def breaking(made: Handmade) -> None:
        made.states[NEW], made.messages[NEW] = "REJECTED", message
        made.events[6:] = [[NEW, 1, "REJECTED", {}]]
        del made.ledger[1], made.told.final["9001"], made.told.witness["A", 8]
        made.told.promised = {"A": 7}
        made.told.told = [Told(profile="A", run_id="P1", result=result, head="", event=7, message=result)]
        made.told.recovered = [Recovered(profile="A", ops=(ENDING, NEW), words=words, event=7)]

    return breaking


def another_user(made: Handmade) -> None:
    made.ledger.insert(0, made.entry(actor="other", connection="", kind="set_quantity", after=140_000))


def too_early(made: Handmade) -> None:
    made.events[4:6] = made.events[5], made.events[4]
    made.told.sent[1].synced = 5


def bills_still(made: Handmade) -> None:
    made.told.final["8001"] = OLD


def undone(made: Handmade) -> None:
    made.changes["U1-0001"] = change(quantity_before=130_000, quantity_target=100_000)
    made.states["U1-0001"], made.undoes = "PLANNED", "P1"
    armed = {"before": reading(130_000), "path": "", "body_sha256": ""}
    made.events += [["U1-0001", 1, "PLANNED", {}], ["U1-0001", 1, "ARMED", armed]]
    made.told.shown_open = {"A": {"U1-0001"}}


BROKEN: list[tuple[str, str, Break]] = [
    ("I3", "another day", lambda made: made.changes[ENDING].update(effective_date="2026-11-27")),
    ("I3", "another cost", lambda made: made.changes[NEW].update(unit_cost_target=70_000)),
    ("I4", "ended, and goes on", lambda made: made.told.witness[("A", 5)][0].update({"8001": OLD})),
    ("I11", "both armed after the stop", lambda made: made.told.cancels.append(("A", "P1", 2))),
    ("I12", "a replaced line is taken back", undone),
    ("I18", "another price", lambda made: made.told.witness[("A", 8)][0].update({"9001": replace(MADE, terms="other")})),
    ("I20", "armed too early", too_early),
    ("I20", "of another line", lambda made: made.changes[NEW].update(replaces="8002")),
    ("I20", "both bill", bills_still),
    ("I21", "missing, and the result is silent", not_made(result="finished")),
    ("I21", "missing, and the change is silent", not_made(message="The PSA refused the change.")),
    ("I21", "missing, and recovery is silent", not_made(words="The last push was interrupted.")),
    ("I21", "told, and nothing is missing", lambda made: made.told.told.append(
        replace(made.told.told[0], result=f"finished, {ONE}"))),
    ("I21", "recovery tells, and nothing is missing", lambda made: made.told.recovered.append(
        Recovered(profile="A", ops=(ENDING, NEW), words=ONE, event=8))),
    ("I22", "another user's quantity", another_user),
]


@pytest.mark.parametrize("breaking", [
    lambda made: None, not_made(), lambda made: made.told.cancels.append(("A", "P1", 4)),
], ids=["replaced", "not made, and told", "stopped between the two"])
def test_a_right_story_has_no_violation(tmp_path: Path, breaking: Break) -> None:
    made = replaced(tmp_path)
    breaking(made)
    assert check(made.story()) == []


@pytest.mark.parametrize(("invariant", "what", "breaking"), BROKEN, ids=[f"{name} {what}" for name, what, _ in BROKEN])
def test_each_violation_is_reported_by_its_invariant(tmp_path: Path, invariant: str, what: str, breaking: Break) -> None:
    made = replaced(tmp_path)
    breaking(made)
    found = {violation.invariant for violation in check(made.story())}
    assert invariant in found, (what, found)


@pytest.mark.parametrize("excuse", ["another user ends it", "beyond the settle window"])
def test_what_nobody_can_promise_is_not_held_against_the_program(tmp_path: Path, excuse: str) -> None:
    made = replaced(tmp_path)
    bills_still(made)
    if excuse == "another user ends it":
        made.ledger.append(made.entry(actor="other", connection="", kind="cancel_line", before=None, after=None))
    else:
        made.told.sent[1].carried_out = [400.0]
    assert "I20" not in {violation.invariant for violation in check(made.story())}


def test_where_the_psa_does_not_compare_an_overwritten_quantity_is_no_violation(tmp_path: Path) -> None:
    made = replaced(tmp_path)
    another_user(made)
    made.told.modes = frozenset({"compare ignored"})
    assert "I22" not in {violation.invariant for violation in check(made.story())}
