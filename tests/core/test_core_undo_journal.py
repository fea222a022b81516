"""What the journal says about taking a push back: what is still ours, what was undone, and which days were refused."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.findings import Kind
from reconcile_app.core.journal import OpRecord, RunRecord
from reconcile_app.core.judge import OPEN, OpState
from reconcile_app.core.plan_kinds import Way
from reconcile_app.core.replacing import ending_of, successor_of
from reconcile_app.core.undo import inverse
from reconcile_app.core.undo_journal import JournalRun, overall_result, refused_days, result_in_short, undoable, undone
from tests.fakes.planning import EFFECTIVE, change_of, cost_of

V = OpState.VERIFIED
AT = datetime(2026, 12, 3, 12, tzinfo=UTC)


def run_of(run_id: str, *ops: tuple[Change, OpState], undoes: str = "") -> JournalRun:
    record = RunRecord(
        run_id=run_id, source_run="R1", tenant="t", psa="autotask", operator="Ada", machine="desk-1", created=AT, expires=AT,
        plan_json=b"", plan_sha256="", snapshot_sha256="", app_version="1", kind="undo" if undoes else "push", undoes_run=undoes,
    )
    return JournalRun(record=record, ops=tuple(
        OpRecord(
            op_id=f"{run_id}-{seq}", run_id=run_id, seq=seq, change=change, semantics="delta", evidence_sha256="", state=state,
            updated=AT,
        )
        for seq, (change, state) in enumerate(ops, start=1)
    ))


A, B = change_of("L1"), change_of("L2", customer="BIR")


def told(runs: list[JournalRun], push: JournalRun) -> tuple[list[str], list[tuple[Way, str]]]:
    may, judged = undoable(runs, push)
    return [op.op_id for op in may], [(line.way, line.words) for line in judged]


def test_what_was_written_comes_in_reverse_and_what_wrote_nothing_is_not_spoken_of() -> None:
    nothing = [OpState.STALE, OpState.BLOCKED, OpState.SKIPPED_ALREADY, OpState.CANCELLED, OpState.NOT_SENT, OpState.REJECTED,
               OpState.NOT_APPLIED, OpState.CLOSED_AS_NOT_APPLIED, OpState.PLANNED]  # fmt: skip
    push = run_of("P1", (A, V), (B, OpState.CONFIRMED_BY_STATE), *((change_of(f"X{n}"), s) for n, s in enumerate(nothing)))
    assert told([push], push) == (["P1-2", "P1-1"], [])


def test_a_unit_cost_stays_behind_the_quantity_of_its_row() -> None:
    push = run_of("P1", (A, V), (replace(cost_of("L1"), key=A.key), V), (B, V))
    assert told([push], push)[0] == ["P1-3", "P1-1", "P1-2"]


@pytest.mark.parametrize("state", sorted(OPEN))
def test_what_is_open_is_settled_first(state: OpState) -> None:
    push = run_of("P1", (A, state))
    may, (line,) = undoable([push], push)
    assert (may, line.kind, line.words) == ([], Kind.IN_DOUBT, "This change is not settled yet. Settle it first.")


def test_what_a_person_closed_is_not_ours_to_undo() -> None:
    push = run_of("P1", (A, OpState.CLOSED_AS_APPLIED))
    may, (line,) = undoable([push], push)
    assert may == []
    assert "A person closed this change" in line.words


def test_what_was_undone_is_not_undone_twice() -> None:
    push = run_of("P1", (A, V), (B, V))
    undo = run_of("U1", (inverse(A), V), (inverse(B), OpState.NOT_APPLIED), undoes="P1")
    may, judged = told([push, undo], push)
    assert may == ["P1-2"]
    assert judged == [(Way.DONE, "Undone already on 2026-12-03: 13 → 10 from 2026-11-26 on.")]
    without = replace(undo, ops=(replace(undo.ops[0], updated=None),))
    assert told([push, without], push)[1][0][1].startswith("Undone already: 13 → 10")


def test_an_undo_that_is_open_locks_its_line() -> None:
    push = run_of("P1", (A, V))
    undo = run_of("U1", (inverse(A), OpState.UNKNOWN), undoes="P1")
    assert told([push, undo], push) == ([], [(Way.TOO_LATE, "A later change of this line (U1) is not settled yet.")])


def test_a_later_push_of_ours_comes_first() -> None:
    first, second = run_of("P1", (A, V)), run_of("P2", (change_of("L1", 13, 15), V), (B, V))
    assert told([first, second], first)[1] == [
        (Way.TOO_LATE, "A later push of ours changed this line (P2); undo that one first.")
    ]  # fmt: skip
    assert told([first, second], second)[0] == ["P2-2", "P2-1"], "an earlier push does not matter"
    undo = run_of("U2", (change_of("L1", 15, 13), V), undoes="P2")
    assert told([first, second, undo], first)[0] == ["P1-1"], "the reading tells whether the line is as it was"
    failed = run_of("P2", (change_of("L1", 13, 15), OpState.NOT_APPLIED))
    assert told([first, failed], first)[0] == ["P1-1"]


def test_a_created_line_is_known_by_contract_and_service() -> None:
    made = run_of("P1", (change_of("", 0, 4, kind=ChangeKind.CREATE_LINE), V))
    later = run_of("P2", (change_of("L77", 4, 5), V))
    assert "undo that one first" in told([made, later], made)[1][0][1]
    other_service = run_of("P2", (change_of("L77", 4, 5, service_id="S2"), V))
    assert told([made, other_service], made)[0] == ["P1-1"]
    its_cost = run_of("P2", (cost_of("L77"), V))
    assert told([made, its_cost], made)[0] == ["P1-1"], "its unit cost is another thing"


def test_ended_and_replaced_lines_are_taken_back_in_the_psa() -> None:
    push = run_of("P1", (ending_of(A), V), (successor_of(A), V), (ending_of(B), OpState.NEEDS_REVIEW))
    may, judged = told([push], push)
    assert may == []
    assert [way for way, _ in judged] == [Way.TOO_LATE] * 3
    assert judged[0][1] == "This change is not settled yet. Settle it first."
    assert judged[1][1] == (
        "Replaced lines are taken back in the PSA: end the new line on 2026-11-26 too, and remove the end of line L1."
    )
    assert judged[2][1] == "Ended lines are taken back in the PSA: remove the end of line L1, which is 2026-11-26."


def test_quantity_and_unit_cost_are_undone_apart() -> None:
    cost = replace(cost_of("L1"), key=A.key)
    push = run_of("P1", (A, V), (cost, V))
    undo = run_of("U1", (inverse(cost), V), undoes="P1")
    runs = [push, undo]
    assert undone(runs, "P1", push.ops[0]) is None
    assert undone(runs, "P1", push.ops[1]) is undo.ops[0]
    assert told(runs, push)[1] == [(Way.DONE, "Undone already on 2026-12-03: unit cost 2 → 1.")]


def test_days_that_were_refused() -> None:
    push = run_of("P1", (A, V), (B, V))
    first = run_of("U1", (inverse(A), OpState.NOT_APPLIED), (inverse(B), OpState.CANCELLED), undoes="P1")
    own, other = push.ops
    assert refused_days([first], own, ["U1-1"]) == {EFFECTIVE}
    assert refused_days([first], other, ["U1-1"]) == {EFFECTIVE}, "a PSA that refuses it for one line does so for every line"
    assert refused_days([first], own, []) == frozenset(), "an answer that was merely lost refuses nothing"
    next_day = date(2026, 11, 27)
    second = run_of("U2", (replace(inverse(A), effective_date=next_day), OpState.REJECTED), undoes="P1")
    assert refused_days([first, second], own, ["U1-1", "U2-1"]) == {EFFECTIVE, next_day}
    assert refused_days([first, second], other, ["U1-1", "U2-1"]) == {EFFECTIVE}
    mixed = run_of("U1", (inverse(A), OpState.NOT_APPLIED), (inverse(change_of("L3")), V), undoes="P1")
    assert refused_days([mixed], other, ["U1-1"]) == frozenset(), "it was taken for another line"
    costs = run_of("U1", (inverse(cost_of("L1")), OpState.REJECTED), undoes="P1")
    assert refused_days([costs], own, ["U1-1"]) == frozenset()


def test_the_result_of_a_comparison_over_its_pushes_and_undos() -> None:
    push = run_of("P1", (A, V), (B, V))
    one, both = run_of("U1", (inverse(A), V), undoes="P1"), run_of("U2", (inverse(B), V), undoes="P1")
    assert overall_result("finished", [push]) == "finished"
    assert overall_result("finished", [push, one]) == "finished, partly undone"
    assert overall_result("finished", [push, one, both]) == "finished, undone"
    assert overall_result("finished, 1 open", [push, one, both]) == "finished, 1 open", "what is open stays said"
    assert overall_result("refused", []) == "refused"
    assert result_in_short(one.ops[0]) == "13 → 10 from 2026-11-26 on"
