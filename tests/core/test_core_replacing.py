"""Lines that end and are replaced: what is planned of them, how large that is, and what is told of it afterwards."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reconcile_app.connectors.autotask.codes import CODES
from reconcile_app.core.amounts import SCALE
from reconcile_app.core.change_json import change_from_json, change_to_json
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.entries import Completion
from reconcile_app.core.findings import Kind
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OPEN, OpState
from reconcile_app.core.plan import Fresh, NothingLeft, Plan, draft
from reconcile_app.core.ports import LineState, WriteSemantics
from reconcile_app.core.push_log import push_log, status_of
from reconcile_app.core.replacing import (
    as_one,
    ending_of,
    endings_of,
    gap_text,
    gap_words,
    gaps,
    notes_of,
    successor_of,
    told_once,
    with_successors,
)
from reconcile_app.core.report import op_json
from reconcile_app.core.settings import Limits
from reconcile_app.core.undo import inverse
from tests.fakes.comparing import provider
from tests.fakes.planning import EFFECTIVE, change_of, cost_of

NOW = datetime(2026, 11, 26, 8, 15, tzinfo=UTC)
CHANGE = change_of("L1", 40, 42)
ENDING, SUCCESSOR = ending_of(CHANGE), successor_of(CHANGE)
LINE = LineState(line_id="L1", present=True, quantity=40 * SCALE, unit_cost=SCALE)
ABSENT = LineState(line_id="", present=False, quantity=0, takes_over='{"unitPrice":1}')
GAP = "Line L1 ends on 2026-11-26 and nothing takes its place. In the PSA, create 42 of Hosted Exchange on Cloud from that day on."


def plan(changes: list[Change], *states: LineState, limits: Limits | None = None, **more: object) -> Plan:
    keys = [change.line_key for change in with_successors(changes)]
    fresh = Fresh(states=dict(zip(keys, states, strict=True)), writes=WriteSemantics.SET, whole_units=False, replaces=True)
    return draft(
        changes, replace(fresh, **more), run_id="P1", source_run="R1", tenant="t", psa_kind="x", created=NOW,
        effective_date=EFFECTIVE, limits=limits or Limits(), snapshot_sha256="0" * 64,
    )


def ops_of(*pairs: tuple[Change, OpState], run_id: str = "P1") -> list[OpRecord]:
    return [
        OpRecord(op_id=f"{run_id}-{seq}", run_id=run_id, seq=seq, change=change, semantics="set", evidence_sha256="", state=state,
                 message=f"It is {state}.", updated=NOW)
        for seq, (change, state) in enumerate(pairs, start=1)
    ]  # fmt: skip


def pair(first: OpState, second: OpState) -> list[OpRecord]:
    return ops_of((ENDING, first), (SUCCESSOR, second))


# the two changes ---------------------------------------------------------------------------------------------------------------


def test_the_two_changes_touch_different_lines_and_one_follows_the_other() -> None:
    assert (ENDING.line_key, ENDING.quantity_target, ENDING.creates) == ("line:L1", 0, False)
    assert (SUCCESSOR.line_key, SUCCESSOR.line_id, SUCCESSOR.replaces) == ("contract:C1:service:S1", "", "L1")
    assert (SUCCESSOR.quantity_before, SUCCESSOR.quantity_target, SUCCESSOR.creates) == (0, 42 * SCALE, True)
    assert SUCCESSOR.follows(ENDING)
    assert not ENDING.follows(SUCCESSOR)
    assert not SUCCESSOR.follows(CHANGE)
    assert not SUCCESSOR.follows(replace(ENDING, line_id="L2"))
    assert cost_of("L1").follows(CHANGE)
    assert not cost_of("L1").follows(cost_of("L1"))
    assert not cost_of("L1").follows(change_of("L2"))
    assert not CHANGE.follows(CHANGE)
    assert change_from_json(change_to_json(SUCCESSOR)) == SUCCESSOR


def test_a_new_unit_cost_goes_along() -> None:
    made = successor_of(CHANGE, cost_of("L1", 1, 2))
    assert (made.unit_cost_before, made.unit_cost_target) == (SCALE, 2 * SCALE)


def test_together_they_are_the_change_of_one_line() -> None:
    assert as_one([ENDING, SUCCESSOR]) == [CHANGE]
    assert as_one([ENDING]) == [ENDING]
    assert as_one([SUCCESSOR]) == [SUCCESSOR]
    assert with_successors([CHANGE, cost_of()]) == [CHANGE, cost_of(), SUCCESSOR]
    assert notes_of(CHANGE) == ""


# the plan ----------------------------------------------------------------------------------------------------------------------


def test_a_change_becomes_two_and_counts_as_one() -> None:
    drafted = plan([CHANGE], LINE, ABSENT)
    assert [(each.op_id, each.change, each.state) for each in drafted.changes] == [
        ("P1-0001", ENDING, LINE), ("P1-0002", SUCCESSOR, ABSENT),
    ]
    assert drafted.changes[0].notes == ("Line L1 ends on 2026-11-26 and keeps its quantity of 40 until then.",)
    assert "undo does not take this back" in drafted.changes[1].notes[0]
    totals = drafted.totals
    assert (totals.lines, totals.units_up, totals.units_down, totals.to_zero, totals.created) == (1, 2 * SCALE, 0, 0, 0)
    assert totals.money == 90_000
    assert drafted.confirm_reasons == ()
    assert drafted.calls_needed == 8
    assert b"takes_over" not in drafted.canonical
    other = plan([CHANGE], LINE, replace(ABSENT, takes_over='{"unitPrice":2}'))
    assert other.changes[1].state.digest != drafted.changes[1].state.digest


def test_a_large_change_and_an_earlier_attempt_are_confirmed_as_one_line() -> None:
    large = change_of("L1", 40, 90)
    watched = {"line:L1": "not applied", "contract:C1:service:S1": "not applied"}
    drafted = plan([large], LINE, ABSENT, watched=watched)
    assert drafted.confirm_reasons == (
        "1 line would change by more than 50 % and more than 10 units.",
        "1 line had an attempt in the last day whose outcome you should look at first.",
    )


def test_a_line_that_goes_only_ends() -> None:
    drafted = plan([change_of("L1", 40, 0, kind=ChangeKind.ZERO_LINE)], LINE)
    assert [each.change.kind for each in drafted.changes] == [ChangeKind.CANCEL_LINE]
    assert (drafted.totals.to_zero, drafted.totals.units_down) == (1, -40 * SCALE)


def test_what_is_changed_as_a_whole_says_why() -> None:
    drafted = plan([CHANGE], replace(LINE, in_place="it is new."), ABSENT)
    assert [(each.change, each.notes) for each in drafted.changes] == [(CHANGE, ("Changed as a whole: it is new.",))]


def test_a_new_line_and_a_unit_cost_alone_are_written_as_ever() -> None:
    made, cost = change_of("", 0, 5, kind=ChangeKind.CREATE_LINE, service_id="S2"), cost_of("L1", 1, 2, quantity=40)
    drafted = plan([made, cost], replace(ABSENT, takes_over=""), LINE)
    assert [(each.change, each.notes) for each in drafted.changes] == [(made, ()), (cost, ())]


def test_a_unit_cost_that_cannot_be_written_stays_behind_and_the_line_is_replaced_all_the_same() -> None:
    cost = cost_of("L1", 3, 4, quantity=40)
    both = {"line:L1": LINE, "line:L1:cost": LINE, "contract:C1:service:S1": ABSENT}
    drafted = plan([CHANGE, cost], LINE, LINE, ABSENT, states=both)
    assert [each.change for each in drafted.changes] == [ENDING, SUCCESSOR]
    assert [drop.change for drop in drafted.dropped] == [cost]
    right = replace(cost, unit_cost_before=SCALE)
    folded = plan([CHANGE, right], LINE, LINE, ABSENT, states=both)
    assert [each.change for each in folded.changes] == [ENDING, successor_of(CHANGE, right)]
    assert folded.dropped == ()


@pytest.mark.parametrize(("line", "new", "more", "kind", "words"), [
    (replace(LINE, quantity=41 * SCALE), ABSENT, {}, Kind.CHANGED_MEANWHILE, "Was 40 when you compared, is 41 now."),
    (replace(LINE, quantity=42 * SCALE), ABSENT, {}, Kind.UNCHANGED, "Already 42; nothing to do."),
    (LINE, replace(ABSENT, blocked="It bills later."), {}, Kind.WRITE_REFUSED, "It bills later."),
    (LINE, replace(ABSENT, present=True), {}, Kind.WRITE_REFUSED, "The same product is on another line too"),
    (LINE, ABSENT, {"open_lines": {"contract:C1:service:S1": "In doubt."}}, Kind.IN_DOUBT, "In doubt."),
    (LINE, ABSENT, {"states": {"line:L1": LINE}}, Kind.NOT_READ, "The line could not be read again."),
])
def test_both_are_planned_or_none(line: LineState, new: LineState, more: dict[str, object], kind: Kind, words: str) -> None:
    with pytest.raises(NothingLeft) as caught:
        plan([CHANGE], line, new, **more)
    (drop,) = caught.value.dropped
    assert (drop.change, drop.kind) == (CHANGE, kind)
    assert drop.reason.startswith(words)


def test_two_lines_of_one_service_cannot_both_be_replaced() -> None:
    changes = [CHANGE, replace(change_of("L2", 40, 42), service_id="S1")]
    states = {"line:L1": LINE, "line:L2": replace(LINE, line_id="L2"), "contract:C1:service:S1": ABSENT}
    with pytest.raises(NothingLeft) as caught:
        plan(changes, LINE, LINE, ABSENT, ABSENT, states=states)
    assert {drop.kind for drop in caught.value.dropped} == {Kind.SERVICE_DUPLICATED}


# afterwards --------------------------------------------------------------------------------------------------------------------

UNWRITTEN = [
    OpState.STALE, OpState.BLOCKED, OpState.CANCELLED, OpState.NOT_SENT, OpState.REJECTED, OpState.NOT_APPLIED,
    OpState.CLOSED_AS_NOT_APPLIED,
]  # fmt: skip


@pytest.mark.parametrize("state", list(OpState))
def test_a_line_that_ended_without_a_new_one_is_a_gap(state: OpState) -> None:
    for first in (OpState.VERIFIED, OpState.CONFIRMED_BY_STATE, OpState.CLOSED_AS_APPLIED):
        ops = pair(first, state)
        assert gaps(ops) == (ops[1:] if state in UNWRITTEN else [])
        assert gap_words(endings_of(ops), ops[1], state) == (GAP if state in UNWRITTEN else "")
    assert gaps(pair(OpState.REJECTED, state)) == []
    assert gap_words(endings_of(pair(OpState.REJECTED, state)), ops[1], state) == ""
    for first in OPEN:
        ops = pair(first, state)
        assert gaps(ops) == []
        assert gap_words(endings_of(ops), ops[1], state).startswith("Whether line L1 ends" if state in UNWRITTEN else "")


def test_a_pair_is_looked_for_in_its_own_push() -> None:
    ended, missing = ops_of((ENDING, OpState.VERIFIED), run_id="P1"), ops_of((SUCCESSOR, OpState.REJECTED), run_id="P2")
    assert gaps([*ended, *missing]) == []
    assert gap_words(endings_of(ended), missing[0], OpState.REJECTED) == ""
    assert told_once([*ended, *missing]) == [*ended, *missing]


def test_gaps_are_counted_in_words() -> None:
    assert [gap_text(count) for count in (1, 2)] == ["1 line ended without a new one", "2 lines ended without a new one"]


def test_a_replacement_is_told_once_by_the_op_that_decided_it() -> None:
    done = pair(OpState.VERIFIED, OpState.VERIFIED)
    assert [(op.op_id, op.change) for op in told_once(done)] == [("P1-2", CHANGE)]
    stale = pair(OpState.STALE, OpState.CANCELLED)
    assert [(op.op_id, op.state, op.change) for op in told_once(stale)] == [("P1-1", OpState.STALE, CHANGE)]
    alone = ops_of((ending_of(change_of("L2")), OpState.VERIFIED), (CHANGE, OpState.VERIFIED))
    assert told_once(alone) == alone


@pytest.mark.parametrize(("ops", "codes"), [
    (pair(OpState.VERIFIED, OpState.VERIFIED), ["AT09"]),
    (pair(OpState.STALE, OpState.CANCELLED), ["RC20"]),
    (pair(OpState.VERIFIED, OpState.CANCELLED), ["AT14"]),
    (pair(OpState.VERIFIED, OpState.REJECTED), ["AT14"]),
    (pair(OpState.VERIFIED, OpState.NEEDS_REVIEW), ["RC21"]),
    (ops_of((ENDING, OpState.VERIFIED)), ["AT13"]),
])
def test_the_log_has_one_entry_for_a_replaced_line(ops: list[OpRecord], codes: list[str]) -> None:
    compared = provider().run()
    log = push_log(compared, ops, (), CODES, "Autotask", NOW)
    assert log["code"].tolist()[:-1] == codes
    if len(ops) == 2:
        assert (log["old_quantity"].iloc[0], log["new_quantity"].iloc[0]) == (40 * SCALE, 42 * SCALE)


def test_a_gap_is_no_success() -> None:
    assert status_of(pair(OpState.VERIFIED, OpState.REJECTED), ()) is Completion.WITH_WARNINGS


def test_the_json_names_the_line_that_is_replaced() -> None:
    first, second = pair(OpState.VERIFIED, OpState.VERIFIED)
    assert "replaces" not in op_json(first)
    assert (op_json(second)["replaces"], op_json(second)["line_id"], op_json(second)["change"]) == ("L1", None, "replace_line")


def test_the_way_back_is_told_as_a_change_of_a_quantity() -> None:
    back = inverse(SUCCESSOR)
    assert (back.kind, back.replaces, back.quantity_target) == (ChangeKind.ZERO_LINE, "", 0)
