"""What a push adds to the log."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest

from reconcile_app.connectors.autotask.codes import CODES
from reconcile_app.core.basis import Run
from reconcile_app.core.changes import ChangeKind, build_changes
from reconcile_app.core.entries import Completion
from reconcile_app.core.findings import Kind
from reconcile_app.core.frames import LOG
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.plan import Dropped
from reconcile_app.core.push_log import kind_of, push_log, status_of
from reconcile_app.core.run import with_decisions
from tests.fakes.comparing import provider

AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)


def run() -> Run:
    """ASP rises, BIR is to zero, CED gets a line and one new unit cost."""
    world = provider().with_options(allow_create=True, overwrite_cost=True)
    world.both("ASP", "650", 12, 12).bill_before("BIR", "712", 3).bill("BIR", "650", 1).both("CED", "800", 4, 4)
    world.both("CED", "712", 5, 5)
    world.line("L1", "C174", "650", 10).line("L2", "C175", "712", 3).line("L3", "C175", "650", 1).line("L4", "C176", "712", 5)
    world.services[1]["unit_cost"] = 30_000
    return world.run()


def ops_of(compared: Run, *states: OpState, after: int | None = None, message: str = "It said no.") -> list[OpRecord]:
    """The changes of the run in its order, one op in each state."""
    changes = build_changes(compared, compared.rows["key"].tolist())
    return [
        OpRecord(
            op_id=f"op-{seq}", run_id="P1", seq=seq, change=change, semantics="delta", evidence_sha256="0" * 64, state=state,
            message=message, quantity_after=after, updated=AT,
        )
        for seq, (change, state) in enumerate(zip(changes, states, strict=False), start=1)
    ]


def told(compared: Run, ops: Sequence[OpRecord], dropped: Sequence[Dropped] = ()) -> list[tuple[str, str]]:
    log = LOG.check(push_log(compared, ops, dropped, CODES, "Autotask", AT))
    assert set(log["time"]) == {"2026-11-27T09:30:00+00:00"}
    assert not log["planned"].any()
    return list(zip(log["code"], log["message"], strict=True))


W = OpState.VERIFIED


def test_the_changes_of_the_run() -> None:
    kinds = [change.kind for change in build_changes(run(), run().rows["key"].tolist())]
    assert kinds == [ChangeKind.SET_QUANTITY, ChangeKind.ZERO_LINE, ChangeKind.CREATE_LINE, ChangeKind.SET_UNIT_COST]


@pytest.mark.parametrize("state", [OpState.VERIFIED, OpState.CONFIRMED_BY_STATE, OpState.CLOSED_AS_APPLIED])
def test_what_was_written_has_the_code_of_its_change(state: OpState) -> None:
    compared = run()
    assert told(compared, ops_of(compared, state, state, state, state)) == [
        ("AT09", "ASP Limited Quantity Update : Line located for Plan 650 with Product ID 650 and updated from 10.00 to 12.00"),
        ("AT13", "BIR Limited Line located for Premium mailbox with Service Name Premium is been removed in the selected billing "
                 "period. The Quantity is updated from 3.00 to 0.00"),
        ("AT11", "CED Limited Contract Line Added : New Line added for Plan 800 with Service ID 800"),
        ("RC09", "CED Cost Update : Plan 712 with SKU 712 cost updated from 2.00 to 3.00"),
        ("AT24", "Billing Process Completed with status Success"),
    ]


@pytest.mark.parametrize(("state", "code", "message"), [
    (OpState.ARMED, "RC21", "ASP In Doubt : Plan 650 with SKU 650: It said no."),
    (OpState.UNKNOWN, "RC21", "ASP In Doubt : Plan 650 with SKU 650: It said no."),
    (OpState.APPLIED, "RC21", "ASP In Doubt : Plan 650 with SKU 650: It said no."),
    (OpState.NEEDS_REVIEW, "RC21", "ASP In Doubt : Plan 650 with SKU 650: It said no."),
    (OpState.REJECTED, "AT14", "ASP Limited ContractService 650, Error Details It said no."),
    (OpState.BLOCKED, "AT14", "ASP Limited ContractService 650, Error Details It said no."),
    (OpState.NOT_SENT, "AT14", "ASP Limited ContractService 650, Error Details It said no."),
    (OpState.NOT_APPLIED, "AT14", "ASP Limited ContractService 650, Error Details It said no."),
    (OpState.CLOSED_AS_NOT_APPLIED, "AT14", "ASP Limited ContractService 650, Error Details It said no."),
    (OpState.SKIPPED_ALREADY, "AT10", "ASP Limited Contract Line for Plan 650 located – quantity is unchanged"),
    (OpState.STALE, "RC20", "ASP Changed Meanwhile : Plan 650 with SKU 650 was 10.00 and is 17.00 now; nothing was written"),
    (OpState.CANCELLED, "RC12", "ASP Not Selected : Plan 650 with SKU 650 stays at 10.00 (Atria 12.00)"),
    (OpState.PLANNED, "RC12", "ASP Not Selected : Plan 650 with SKU 650 stays at 10.00 (Atria 12.00)"),
])
def test_every_other_state_has_its_code(state: OpState, code: str, message: str) -> None:
    compared = run()
    (op,) = ops_of(compared, state, after=170_000)
    assert told(compared, [op])[0] == (code, message)
    log = push_log(compared, [op], (), CODES, "Autotask", AT)
    first = log.iloc[0]
    assert (first["row"], first["customer_code"], first["billing_identifier"]) == (0, "ASP", "174")
    assert (first["old_quantity"], first["new_quantity"]) == (100_000, 120_000)
    assert log["kind"].iloc[0] == kind_of(op).value


def test_every_state_has_a_kind() -> None:
    (op,) = ops_of(run(), OpState.PLANNED)
    assert all(kind_of(replace(op, state=state)) in {**CODES, Kind.IN_DOUBT: 0, Kind.CHANGED_MEANWHILE: 0, Kind.NOT_SELECTED: 0}
               for state in OpState)


def test_changes_left_unticked_are_told_after_what_was_pushed() -> None:
    compared = run()
    assert compared.rows["selected"].tolist() == [True, False, False, True, False]
    codes = [code for code, _ in told(compared, ops_of(compared, W))]
    # ASP was pushed; CED's line is ticked and so was not left out by choice; BIR's zero and CED's cost were never ticked.
    assert codes == ["AT09", "RC12", "RC12", "AT24"]


def test_after_everything_was_unticked_all_are_told() -> None:
    compared = with_decisions(run(), {"CED/C176/800": False, "ASP/C174/650": False})
    assert [code for code, _ in told(compared, ops_of(compared, W))] == ["AT09", "RC12", "RC12", "RC12", "AT24"]


@pytest.mark.parametrize(("kind", "code", "message"), [
    (Kind.CHANGED_MEANWHILE, "RC20",
     "ASP Changed Meanwhile : Plan 650 with SKU 650 was 10.00 and is another quantity now; nothing was written"),
    (Kind.UNCHANGED, "AT10", "ASP Limited Contract Line for Plan 650 located – quantity is unchanged"),
    (Kind.IN_DOUBT, "RC21", "ASP In Doubt : Plan 650 with SKU 650: Why."),
    (Kind.NOT_READ, "RC19", "ASP Not Read : Autotask could not be read completely: Why."),
    (Kind.WRITE_REFUSED, "AT14", "ASP Limited ContractService 650, Error Details Why."),
    (Kind.SERVICE_DUPLICATED, "RC04", "ASP Duplicate Service : SKU 650 appears 2 times on Contract C174; nothing was written"),
    (Kind.QUANTITY_NOT_USABLE, "RC18", "ASP Quantity Not Usable : Plan 650 with SKU 650 has quantity 12.00"),
])
def test_what_was_left_out_at_the_review(kind: Kind, code: str, message: str) -> None:
    compared = run()
    change = build_changes(compared, ["ASP/C174/650"])[0]
    times = 2 if kind is Kind.SERVICE_DUPLICATED else 1
    dropped = [Dropped(change=change, kind=kind, reason="Why.")] * times
    assert told(compared, [], dropped)[0] == (code, message)
    assert told(compared, [], dropped)[-1] == ("AT24", "Billing Process Completed with status Failed")


def test_what_was_read_at_the_review_is_told() -> None:
    compared = run()
    change = build_changes(compared, ["ASP/C174/650"])[0]
    dropped = Dropped(change=change, kind=Kind.CHANGED_MEANWHILE, reason="", quantity=170_000)
    assert "was 10.00 and is 17.00 now" in told(compared, [], [dropped])[0][1]


def test_a_service_without_description_is_told_by_its_line() -> None:
    compared = run()
    compared.basis.psa.services["description"] = pd.array([None] * 3, dtype=pd.StringDtype("python"))
    assert "Line located for Plan 712 with" in told(compared, ops_of(compared, W, W))[1][1]


def test_an_op_whose_row_is_gone_is_still_told() -> None:
    compared = run()
    (op,) = ops_of(compared, W)
    strange = replace(op, change=replace(op.change, key="ASP/C1/gone"))
    log = push_log(compared, [strange], (), CODES, "Autotask", AT)
    assert log["code"].iloc[0] == "AT09"
    assert log["row"].isna().iloc[0]
    assert log["billing_identifier"].isna().iloc[0]


S = OpState


@pytest.mark.parametrize(("states", "dropped", "status"), [
    ([W], 0, Completion.SUCCESS),
    ([W, S.SKIPPED_ALREADY], 0, Completion.SUCCESS),
    ([S.SKIPPED_ALREADY], 0, Completion.SUCCESS),
    ([W], 1, Completion.WITH_WARNINGS),
    ([W, S.STALE], 0, Completion.WITH_WARNINGS),
    ([W, S.NEEDS_REVIEW], 0, Completion.WITH_WARNINGS),
    ([S.STALE], 0, Completion.FAILED),
    ([S.REJECTED, S.NOT_APPLIED], 0, Completion.FAILED),
    ([], 1, Completion.FAILED),
    ([W, S.CANCELLED], 0, Completion.CANCELLED),
    ([S.PLANNED], 0, Completion.CANCELLED),
])
def test_how_a_push_ended(states: list[OpState], dropped: int, status: Completion) -> None:
    compared = run()
    left = [Dropped(change=build_changes(compared, ["ASP/C174/650"])[0], kind=Kind.STARTED, reason="")] * dropped
    ops = ops_of(compared, *states)
    assert status_of(ops, left) is status
    assert told(compared, ops, left)[-1] == ("AT24", f"Billing Process Completed with status {status.value}")


def test_an_undo_tells_its_own_lines_only() -> None:
    compared = run()
    ops = ops_of(compared, W, W, W, W)
    log = LOG.check(push_log(compared, ops[:3], (), CODES, "Autotask", AT, undo=True))
    assert list(log["code"]) == ["AT09", "AT09", "AT09", "AT24"], "nothing was created or removed, and no line was left unticked"
    assert [kind_of(op, undo=True) for op in ops] == [Kind.QUANTITY_UPDATED] * 3 + [Kind.COST_UPDATED]
