"""Properties of comparing, planning, freezing and classifying that hold for whatever both sides contain."""

import json
from datetime import UTC, datetime
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconcile_app.core.amounts import SCALE, parse_money, parse_quantity
from reconcile_app.core.change_json import change_to_json
from reconcile_app.core.changes import Change, ChangeKind, build_changes
from reconcile_app.core.errors import PlanRefused
from reconcile_app.core.ids import canonical_json
from reconcile_app.core.judge import OutcomeClass, Shape, Transport, classify
from reconcile_app.core.plan import Fresh, Plan, draft
from reconcile_app.core.ports import LineState, WriteSemantics
from reconcile_app.core.run import Run
from tests.fakes.comparing import EFFECTIVE, World, provider
from tests.fakes.planning import NO_LIMITS

SETTINGS = settings(max_examples=18, deadline=None, suppress_health_check=[HealthCheck.too_slow])
CUSTOMERS = {"ASP": "C174", "BIR": "C175", "CED": "C176"}
SKUS = ("650", "712", "800")
QUANTITIES = st.dictionaries(st.tuples(st.sampled_from(list(CUSTOMERS)), st.sampled_from(SKUS)), st.integers(0, 60), max_size=9)


def world_of(billed: dict[tuple[str, str], int], held: dict[tuple[str, str], int], order: Random | None = None) -> World:
    """Both sides, rows in any order."""
    world = provider().with_options(allow_create=True, zero_removed=True)
    bills, lines = sorted(billed.items()), sorted(held.items())
    for rows in (bills, lines):
        if order is not None:
            order.shuffle(rows)
    for (customer, sku), quantity in bills:
        world.both(customer, sku, quantity, quantity)
    for (customer, sku), quantity in lines:
        world.line(f"L-{customer}-{sku}", CUSTOMERS[customer], sku, quantity)
    return world


def changes_of(run: Run) -> list[Change]:
    return build_changes(run, run.rows["key"].tolist())


def states_of(world: World, changes: list[Change]) -> dict[str, LineState]:
    held = {line["line_id"]: line["quantity"] for line in world.lines}
    return {
        change.line_key: LineState(line_id=change.line_id, present=bool(change.line_id), quantity=held.get(change.line_id, 0))
        for change in changes
    }


def plan_of(world: World, changes: list[Change]) -> Plan | None:
    fresh = Fresh(states=states_of(world, changes), writes=WriteSemantics.DELTA, whole_units=True)
    try:
        return draft(
            changes,
            fresh,
            run_id="P1",
            source_run="R1",
            tenant="t1",
            psa_kind="autotask",
            created=datetime(2026, 11, 27, tzinfo=UTC),
            effective_date=EFFECTIVE,
            limits=NO_LIMITS,
            snapshot_sha256="0" * 64,
        )
    except PlanRefused:
        return None


def applied(held: dict[tuple[str, str], int], plan: Plan | None) -> dict[tuple[str, str], int]:
    """The PSA after the plan."""
    after = dict(held)
    for planned in plan.changes if plan is not None else ():
        change = planned.change
        place = (change.customer_code, change.service_id)
        before = after.get(place, 0)
        assert before * SCALE == change.quantity_before, "the plan starts from what is there"
        after[place] = (before * SCALE + change.delta) // SCALE
    return after


@given(billed=QUANTITIES, held=QUANTITIES)
@SETTINGS
def test_after_the_plan_there_is_nothing_left_to_change(
    billed: dict[tuple[str, str], int], held: dict[tuple[str, str], int]
) -> None:
    world = world_of(billed, held)
    after = applied(held, plan_of(world, changes_of(world.run())))
    assert all(after[place] == quantity for place, quantity in billed.items() if quantity), "every billed quantity is there"
    again = world_of(billed, after)
    assert plan_of(again, changes_of(again.run())) is None


@given(billed=QUANTITIES, held=QUANTITIES, order=st.randoms(use_true_random=False))
@SETTINGS
def test_the_same_two_sides_give_the_same_plan_to_the_byte(
    billed: dict[tuple[str, str], int], held: dict[tuple[str, str], int], order: Random
) -> None:
    one, other = world_of(billed, held), world_of(billed, held, order)
    first, second = plan_of(one, changes_of(one.run())), plan_of(other, changes_of(other.run()))
    assert (first is None) is (second is None)
    if first is not None and second is not None:
        assert (first.canonical, first.sha256) == (second.canonical, second.sha256)


@given(billed=QUANTITIES, held=QUANTITIES, twice=st.booleans())
@SETTINGS
def test_no_line_is_twice_in_a_plan(billed: dict[tuple[str, str], int], held: dict[tuple[str, str], int], twice: bool) -> None:
    world = world_of(billed, held)
    changes = changes_of(world.run())
    plan = plan_of(world, [*changes, *changes[:1]] if twice else changes)
    keys = [planned.change.line_key for planned in plan.changes] if plan is not None else []
    assert len(set(keys)) == len(keys)
    if twice and changes:
        assert changes[0].line_key not in keys, "which of the two was meant nobody can tell"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(value=JSON, order=st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_canonical_json_is_one_form_and_comes_back(value: Any, order: Random) -> None:
    frozen = canonical_json(value)
    assert json.loads(frozen) == value
    assert canonical_json(json.loads(frozen)) == frozen == canonical_json(_shuffled(value, order))
    assert frozen.isascii()


def _shuffled(value: Any, order: Random) -> Any:
    if isinstance(value, dict):
        names = list(value)
        order.shuffle(names)
        return {name: _shuffled(value[name], order) for name in names}
    return [_shuffled(inner, order) for inner in value] if isinstance(value, list) else value


@given(text=st.text(max_size=30), amount=st.integers(0, 10**9))
@settings(max_examples=60, deadline=None)
def test_different_changes_freeze_to_different_bytes(text: str, amount: int) -> None:
    def change(description: str, target: int) -> bytes:
        return change_to_json(
            Change(
                key="k",
                kind=ChangeKind.SET_QUANTITY,
                customer_code="c",
                customer_name="",
                company_id="1",
                contract_id="2",
                contract_name="",
                line_id="3",
                service_id="4",
                service_name="",
                sku="",
                description=description,
                quantity_before=0,
                quantity_target=target,
                effective_date=EFFECTIVE,
            )
        )

    assert change(text, amount) == change(text, amount)
    assert change(text, amount) != change(text, amount + 1)
    assert change(text, amount) != change(text + "x", amount)


@given(status=st.none() | st.integers(-5, 2_000), shape=st.sampled_from(Shape), transport=st.none() | st.sampled_from(Transport))
@settings(max_examples=300, deadline=None)
def test_every_answer_has_exactly_one_meaning_and_doubt_is_the_usual_one(
    status: int | None, shape: Shape, transport: Transport | None
) -> None:
    found = classify(status, shape, transport)
    assert isinstance(found, OutcomeClass)
    if status is not None and (status >= 500 or status < 200 or 300 <= status < 400):
        assert found is OutcomeClass.UNKNOWN
    if found is OutcomeClass.APPLIED:
        assert status is not None
        assert 200 <= status < 300
        assert status != 202
        assert (shape, transport) == (Shape.SUCCESS, None)
    if found is OutcomeClass.NOT_SENT:
        assert (status, transport) == (None, Transport.NEVER_LEFT)


@given(
    whole=st.integers(0, 10**6),
    part=st.text("0123456789", max_size=4),
    zeros=st.text("0", max_size=5),
    sign=st.sampled_from(["", "-"]),
)
@settings(max_examples=200, deadline=None)
def test_one_quantity_reads_the_same_however_it_is_written(whole: int, part: str, zeros: str, sign: str) -> None:
    plain = f"{sign}{whole}" + (f".{part}{zeros}" if part else "")
    if whole == 10**6 and part.strip("0"):
        return
    amount = parse_quantity(plain)
    assert type(amount) is int
    assert parse_quantity(f"{plain}e0") == parse_quantity(f" {plain}\t") == amount
    shifted = f"{sign}{int(f'{whole}{part}')}e{-len(part)}"
    assert parse_quantity(shifted) == parse_money(shifted) == amount
