"""Plans: what is dropped, what is noted, when a confirmation must be typed, what exactly is frozen."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.errors import PlanRefused
from reconcile_app.core.findings import Kind
from reconcile_app.core.ids import sha256_hex
from reconcile_app.core.plan import Fresh, Plan, check_confirmation, check_fresh, draft, unread_rows
from reconcile_app.core.ports import Budget, LineState, WriteSemantics
from reconcile_app.core.settings import Limits
from tests.fakes.planning import EFFECTIVE, change_of, cost_of

NOW = datetime(2026, 11, 26, 8, 15, tzinfo=UTC)


def state(quantity: int = 10, *, line_id: str = "L1", cost: int | None = 1, **more: object) -> LineState:
    unit_cost = None if cost is None else cost * SCALE
    return replace(LineState(line_id=line_id, present=True, quantity=quantity * SCALE, unit_cost=unit_cost), **more)


ABSENT = LineState(line_id="", present=False, quantity=0)


def fresh_of(changes: Sequence[Change], *states: LineState | None, writes: WriteSemantics = WriteSemantics.DELTA,
             whole_units: bool = True) -> Fresh:
    found = {change.line_key: one for change, one in zip(changes, states, strict=True) if one is not None}
    return Fresh(states=found, writes=writes, whole_units=whole_units)


def plan(changes: Sequence[Change], fresh: Fresh, *, limits: Limits | None = None) -> Plan:
    return draft(
        changes, fresh, run_id="P1", source_run="R1", tenant="t", psa_kind="autotask", created=NOW, effective_date=EFFECTIVE,
        limits=limits or Limits(), snapshot_sha256="0" * 64,
    )


def why_dropped(change: Change, one: LineState | None, *, whole_units: bool = True, **more: object) -> tuple[Kind, str]:
    """Plan the change beside one that always goes through, so that there is a plan to look at."""
    good = change_of("L0", 1, 2, customer="AAA")
    fresh = fresh_of([good, change], state(1, line_id="L0"), one, whole_units=whole_units)
    drafted = plan([good, change], replace(fresh, **more))
    assert [planned.change for planned in drafted.changes] == [good]
    (dropped,) = drafted.dropped
    assert dropped.change == change
    return dropped.kind, dropped.reason


def test_a_plan_freezes_what_was_read() -> None:
    change = change_of()
    drafted = plan([change], fresh_of([change], state()))
    (planned,) = drafted.changes
    assert (planned.op_id, planned.change, planned.state, planned.semantics) == ("P1-0001", change, state(), "delta")
    assert drafted.expires == NOW + timedelta(minutes=30)
    assert drafted.sha256 == sha256_hex(drafted.canonical)
    assert drafted.confirm_reasons == drafted.warnings == drafted.dropped == planned.notes == ()
    assert (drafted.totals.lines, drafted.totals.customers, drafted.totals.units_up) == (1, 1, 3 * SCALE)
    assert drafted.totals.money == 135_000
    assert drafted.calls_needed == 4
    check_fresh(drafted, NOW)


def test_the_same_input_gives_the_same_bytes_and_any_other_reading_gives_others() -> None:
    change = change_of()
    same = [plan([change], fresh_of([change], state())).canonical for _ in range(2)]
    assert same[0] == same[1]
    assert plan([change], fresh_of([change], state(cost=2))).sha256 != sha256_hex(same[0])


def test_customers_come_in_code_order_and_their_changes_in_the_order_given() -> None:
    changes = [change_of("L3", customer="B"), change_of("L2", customer="A"), change_of("L1", customer="B")]
    drafted = plan(changes, fresh_of(changes, *(state(line_id=c.line_id) for c in changes)))
    assert [(p.op_id, p.change.line_id) for p in drafted.changes] == [("P1-0001", "L2"), ("P1-0002", "L3"), ("P1-0003", "L1")]


@pytest.mark.parametrize(("change", "one", "kind", "words"), [
    (change_of(), state(12), Kind.CHANGED_MEANWHILE, "Was 10 when you compared, is 12 now."),
    (change_of(), state(13), Kind.UNCHANGED, "Already 13; nothing to do."),
    (change_of(), ABSENT, Kind.CHANGED_MEANWHILE, "The line no longer exists."),
    (change_of(), None, Kind.NOT_READ, "The line could not be read again."),
    (change_of(), state(blocked="The contract has ended."), Kind.WRITE_REFUSED, "The contract has ended."),
    (change_of("", 0, 5, kind=ChangeKind.CREATE_LINE), state(2), Kind.CHANGED_MEANWHILE, "The line is there meanwhile, with 2."),
    (change_of("", 0, 5, kind=ChangeKind.CREATE_LINE), state(5), Kind.UNCHANGED, "Already 5; nothing to do."),
    (change_of("L1", 10, -1), state(), Kind.QUANTITY_NOT_USABLE, "-1 is not a quantity a line can carry."),
    (change_of("L1", 10, 1_000_001), state(), Kind.QUANTITY_NOT_USABLE, "1000001 is not a quantity a line can carry."),
    (change_of(day=date(2026, 12, 26)), state(), Kind.CHANGED_MEANWHILE, "The billing period has changed since you compared."),
    (cost_of("L1", 1, 2), state(cost=None), Kind.CHANGED_MEANWHILE, "Was 1 when you compared, is unknown now."),
    (cost_of("L1", 1, 2), state(cost=2), Kind.UNCHANGED, "Already 2; nothing to do."),
])
def test_what_is_dropped(change: Change, one: LineState | None, kind: Kind, words: str) -> None:
    dropped = why_dropped(change, one)
    assert dropped[0] is kind
    assert dropped[1].startswith(words)


def test_fractions_are_dropped_only_where_the_psa_takes_whole_units() -> None:
    half = replace(change_of(), quantity_target=125_000)
    assert why_dropped(half, state()) == (Kind.QUANTITY_NOT_USABLE, "12.5 units: the PSA takes whole units only.")
    from_half = replace(change_of(), quantity_before=105_000)
    assert why_dropped(from_half, state())[0] is Kind.QUANTITY_NOT_USABLE
    assert len(plan([half], fresh_of([half], state(), whole_units=False)).changes) == 1


def test_nothing_comes_from_what_was_not_read() -> None:
    change, zero = change_of(), change_of("L1", 10, 0, kind=ChangeKind.ZERO_LINE)
    rows = pd.DataFrame({"key": [change.key, "other"], "status": ["unknown", "raise"]})
    assert why_dropped(change, state(), unread=unread_rows(rows)) == (
        Kind.NOT_READ, "This row was not read completely when comparing.",
    )
    assert set(unread_rows(rows)) == {change.key}
    kind, words = why_dropped(zero, state(), incomplete="page 3 is missing")
    assert kind is Kind.NOT_READ
    assert words == "Nothing is set to zero after an incomplete reading: page 3 is missing"
    assert len(plan([change], replace(fresh_of([change], state()), incomplete="page 3 is missing")).changes) == 1


def test_a_line_in_doubt_or_selected_twice_is_left_out() -> None:
    change = change_of()
    assert why_dropped(change, state(), open_lines={change.line_key: "in doubt since 08:00"}) == (
        Kind.IN_DOUBT, "in doubt since 08:00",
    )
    good, twin = change_of("L0", 1, 2), replace(change, sku="651")
    changes = [good, change, twin]
    drafted = plan(changes, fresh_of(changes, state(1, line_id="L0"), state(), state()))
    assert [d.kind for d in drafted.dropped] == [Kind.SERVICE_DUPLICATED] * 2


def test_a_unit_cost_goes_with_the_quantity_of_its_line() -> None:
    changes = [change_of(), cost_of()]
    both = plan(changes, fresh_of(changes, state(), state()))
    assert [p.semantics for p in both.changes] == ["delta", "set"]
    assert (both.totals.lines, both.totals.units_up) == (1, 3 * SCALE)
    good = change_of("L0", 1, 2)
    moved = plan([good, *changes], fresh_of([good, *changes], state(1, line_id="L0"), state(12), state(12)))
    assert [(d.change.kind, d.kind) for d in moved.dropped] == [
        (ChangeKind.SET_QUANTITY, Kind.CHANGED_MEANWHILE), (ChangeKind.SET_UNIT_COST, Kind.CHANGED_MEANWHILE),
    ]
    done = plan(changes, fresh_of(changes, state(13), state(13)))
    assert [p.change.kind for p in done.changes] == [ChangeKind.SET_UNIT_COST]


def test_notes_tell_what_the_operator_should_know() -> None:
    posted = state(posted_until=date(2026, 12, 25), pending_quantity=200_000, pending_date=date(2027, 1, 1))
    change = change_of()
    fresh = replace(fresh_of([change], posted), watched={change.line_key: "not applied at 07:00"})
    (planned,) = plan([change], fresh).changes
    assert planned.notes == (
        "Approved and posted until 2026-12-25: the change appears as a separate item that cannot be deleted.",
        "Somebody planned a change to 20 on 2027-01-01; this comes on top of it.",
        "Earlier attempt: not applied at 07:00",
    )
    (undated,) = plan([change], fresh_of([change], state(pending_quantity=200_000))).changes
    assert undated.notes == ("Somebody planned a change to 20; this comes on top of it.",)
    (kept,) = plan([change], replace(fresh_of([change], posted), writes=WriteSemantics.SET)).changes
    assert kept.notes[1] == "Somebody planned a change to 20 on 2027-01-01; this holds until then."
    (cost,) = plan([cost_of()], fresh_of([cost_of()], posted)).changes
    assert cost.notes == ()


@pytest.mark.parametrize(("change", "reason"), [
    (change_of("L1", 10, 21), "1 line would change by more than 50 % and more than 10 units."),
    (change_of("L1", 30, 10), "1 line would change by more than 50 % and more than 10 units."),
    (change_of("L1", 10, 20), None),
    (change_of("L1", 100, 150), None),
    (change_of("L1", 5, 0, kind=ChangeKind.ZERO_LINE), "1 line would be set to zero."),
    (change_of("", 0, 11, kind=ChangeKind.CREATE_LINE), "1 line would change by more than 50 % and more than 10 units."),
    (cost_of("L1", 1, 500, quantity=0), None),
])
def test_what_must_be_confirmed(change: Change, reason: str | None) -> None:
    one = ABSENT if change.kind is ChangeKind.CREATE_LINE else state(change.quantity_before // SCALE)
    drafted = plan([change], fresh_of([change], one))
    assert drafted.confirm_reasons == (() if reason is None else (reason,))


def test_many_lines_and_earlier_attempts_must_be_confirmed() -> None:
    changes = [change_of(f"L{n}") for n in range(51)]
    fresh = fresh_of(changes, *(state(line_id=c.line_id) for c in changes))
    assert plan(changes, fresh).confirm_reasons == ("51 lines would change; above 50 you confirm.",)
    assert plan(changes[:50], fresh_of(changes[:50], *(state(line_id=c.line_id) for c in changes[:50]))).confirm_reasons == ()
    again = replace(fresh, watched={changes[0].line_key: "?", changes[1].line_key: "?"})
    assert plan(changes, again, limits=Limits(lines=100)).confirm_reasons == (
        "2 lines had an attempt in the last day whose outcome you should look at first.",
    )


def test_totals() -> None:
    changes = [
        change_of("L1", 10, 13, customer="A"), change_of("L2", 10, 4, customer="B"),
        change_of("L3", 7, 0, customer="B", kind=ChangeKind.ZERO_LINE),
        replace(change_of("", 0, 2, customer="B", kind=ChangeKind.CREATE_LINE), unit_price=None),
    ]
    totals = plan(changes, fresh_of(changes, state(), state(line_id="L2"), state(7, line_id="L3"), ABSENT)).totals
    assert (totals.lines, totals.customers, totals.to_zero, totals.created) == (4, 2, 1, 1)
    assert (totals.units_up, totals.units_down) == (5 * SCALE, -13 * SCALE)
    assert totals.money == -450_000


def test_the_confirmation_is_the_number_of_lines() -> None:
    change = change_of("L1", 5, 0, kind=ChangeKind.ZERO_LINE)
    drafted = plan([change], fresh_of([change], state(5)))
    check_confirmation(drafted, " 1 ")
    for typed in ("", "2", "one"):
        with pytest.raises(PlanRefused, match="confirmation is missing"):
            check_confirmation(drafted, typed)
    check_confirmation(plan([change_of()], fresh_of([change_of()], state())), "")


def test_an_old_or_altered_plan_is_refused() -> None:
    drafted = plan([change_of()], fresh_of([change_of()], state()))
    check_fresh(drafted, NOW + timedelta(minutes=29, seconds=59))
    with pytest.raises(PlanRefused, match="expired"):
        check_fresh(drafted, NOW + timedelta(minutes=30))
    other = replace(drafted.changes[0], change=change_of("L1", 10, 14))
    for altered in (replace(drafted, changes=(other,)), replace(drafted, changes=()), replace(drafted, sha256="0" * 64)):
        with pytest.raises(PlanRefused, match="not the one"):
            check_fresh(altered, NOW)


def test_there_is_no_empty_plan() -> None:
    with pytest.raises(PlanRefused, match="Nothing is selected"):
        plan([], fresh_of([]))
    with pytest.raises(PlanRefused, match="All 1 selected changes were dropped") as caught:
        plan([change_of()], fresh_of([change_of()], state(12)))
    assert caught.value.kind is Kind.CHANGED_MEANWHILE
    with pytest.raises(PlanRefused, match="cannot be written"):
        plan([change_of()], fresh_of([change_of()], state(), writes=WriteSemantics.NONE))


def test_a_budget_that_will_not_do_is_told() -> None:
    changes = [change_of(), change_of("L2")]
    fresh = fresh_of(changes, state(), state(line_id="L2"))
    tight = Budget(used=0, allowed=10, window_minutes=60, share=0.5)
    assert plan(changes, replace(fresh, budget=tight)).warnings == (
        "This push needs about 8 calls and 5 are left; it stops when they are used up.",
    )
    assert plan(changes, replace(fresh, budget=replace(tight, allowed=16))).warnings == ()
