"""Additions that end and are replaced: what is read of both, what is sent, what the answers prove, and what the settings offer."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from reconcile_app.connectors.connectwise import SPEC, ConnectWise, successors
from reconcile_app.connectors.connectwise.frames import cancelled_on, last_billed_day
from reconcile_app.connectors.connectwise.settings import replaces
from reconcile_app.connectors.connectwise.wire import Addition, Agreement, Reference
from reconcile_app.core.changes import Change
from reconcile_app.core.errors import PermissionDenied, PlanRefused, SettingsError
from reconcile_app.core.judge import OpState, OutcomeClass
from reconcile_app.core.ports import LineState, WriteSemantics
from reconcile_app.core.replacing import ending_of, successor_of
from reconcile_app.core.verdict import decide, verify
from tests.fakes.connectwise_changes import AT, a_change, cost
from tests.fakes.connectwise_world import ConnectWiseWorld, connection, context, error, on, recorded, reply

ENDING, SUCCESSOR = ending_of(a_change()), successor_of(a_change())
ENDED = "2026-11-26T00:00:00Z"


def make(world: ConnectWiseWorld, **values: str) -> ConnectWise:
    return ConnectWise(connection(**values), context()[0], client=world.client)


def line_of(world: ConnectWiseWorld) -> dict[str, Any]:
    return next(row for row in world.additions[1207] if row["id"] == 88431)


async def read(world: ConnectWiseWorld, change: Change = SUCCESSOR) -> LineState:
    return await make(world).read_line(change)


def told(change: Change, before: LineState, after: LineState) -> OpState:
    return verify(change, before, after, semantics=WriteSemantics.SET).state


def test_a_cancelled_line_bills_until_the_day_before() -> None:
    for day in (AT, date(2027, 1, 1), date(2024, 2, 29)):
        assert last_billed_day(cancelled_on(day)) == date.fromordinal(day.toordinal() - 1)


async def test_a_line_is_cancelled_and_counts_as_zero_from_that_day_on() -> None:
    world = ConnectWiseWorld()
    psa = make(world)
    state = await psa.read_line(ENDING)
    assert state.digest == (await psa.read_line(a_change())).digest
    prepared = psa.prepare(ENDING, state)
    assert (prepared.method, prepared.path) == ("PATCH", "/finance/agreements/1207/additions/88431")
    assert prepared.body == b'[{"op":"replace","path":"cancelledDate","value":"2026-11-26T00:00:00Z"}]'
    outcome = await psa.write(prepared)
    assert (outcome.outcome, outcome.receipt) == (OutcomeClass.APPLIED, "88431")
    after = await psa.read_line(ENDING)
    assert (after.present, after.quantity, line_of(world)["quantity"]) == (True, 0, 40.0)
    assert told(ENDING, state, after) is OpState.VERIFIED


async def test_the_quantity_that_was_read_goes_along_with_the_cancellation_where_the_connection_says_so() -> None:
    world = ConnectWiseWorld()
    psa = make(world, server_compare="yes")
    assert psa.prepare(ENDING, await psa.read_line(ENDING)).body.startswith(b'[{"op":"test","path":"quantity","value":40},{"op"')


@pytest.mark.parametrize("member", ["quantity", "unitCost", "unitPrice", "invoiceDescription"])
async def test_what_moves_beside_a_cancellation_is_seen(member: str) -> None:
    world = ConnectWiseWorld()
    psa = make(world)
    state = await psa.read_line(ENDING)
    await psa.write(psa.prepare(ENDING, state))
    line_of(world)[member] = "other" if member == "invoiceDescription" else 1.25
    assert told(ENDING, state, await psa.read_line(ENDING)) is OpState.NEEDS_REVIEW


async def test_the_new_line_takes_over_what_can_be_written_and_leaves_proration_to_the_server() -> None:
    world = ConnectWiseWorld()
    line_of(world).update(
        serialNumber="S-1", opportunity={"id": 5, "name": "Deal"}, invoiceGrouping={"id": 6, "name": "Cloud"},
        customFields=[{"id": 1, "caption": "Team", "value": "Blue"}], prorateCurrentPeriodFlag=False,
    )
    psa = make(world)
    line_of(world)["cancelledDate"] = ENDED
    state = await psa.read_line(SUCCESSOR)
    assert (state.present, state.quantity, state.line_id, state.blocked, state.unmet) == (False, 0, "", "", "")
    prepared = psa.prepare(SUCCESSOR, state)
    assert (prepared.method, prepared.path) == ("POST", "/finance/agreements/1207/additions")
    assert json.loads(prepared.body) == {
        "product": {"id": 411}, "quantity": 42, "effectiveDate": ENDED, "lessIncluded": 0.0, "unitPrice": 12.5, "unitCost": 7.1,
        "billCustomer": "Billable", "taxableFlag": True, "invoiceDescription": "Atria seat", "purchaseItemFlag": False,
        "specialOrderFlag": False, "sequenceNumber": 1.0, "serialNumber": "S-1", "opportunity": {"id": 5},
        "invoiceGrouping": {"id": 6}, "customFields": [{"id": 1, "caption": "Team", "value": "Blue"}],
    }  # fmt: skip
    outcome = await psa.write(prepared)
    assert (outcome.outcome, outcome.receipt) == (OutcomeClass.APPLIED, "99001")
    after = await psa.read_line(SUCCESSOR)
    assert (after.line_id, after.quantity) == ("99001", 420_000)
    assert told(SUCCESSOR, state, after) is OpState.VERIFIED


async def test_the_reading_of_the_new_line_is_the_same_before_and_after_the_old_one_ends() -> None:
    world = ConnectWiseWorld()
    before = await read(world)
    assert before.unmet == "Addition 88431 is not cancelled as of 2026-11-26."
    with pytest.raises(PlanRefused, match="not cancelled as of"):
        make(world).prepare(SUCCESSOR, before)
    line_of(world)["cancelledDate"] = ENDED
    assert (await read(world)).digest == before.digest
    line_of(world)["unitPrice"] = 13
    assert (await read(world)).digest != before.digest


@pytest.mark.parametrize(("member", "value", "state"), [
    ("unitPrice", 99.0, OpState.NEEDS_REVIEW),
    ("invoiceDescription", "Catalog text", OpState.NEEDS_REVIEW),
    ("serialNumber", "made by the server", OpState.VERIFIED),
    ("prorateCurrentPeriodFlag", True, OpState.VERIFIED),
    ("extPrice", 1.0, OpState.VERIFIED),
])
async def test_a_new_line_must_say_what_it_took_over(member: str, value: object, state: OpState) -> None:
    world = ConnectWiseWorld()
    line_of(world)["cancelledDate"] = ENDED
    psa = make(world)
    before = await psa.read_line(SUCCESSOR)
    await psa.write(psa.prepare(SUCCESSOR, before))
    world.additions[1207][-1][member] = value
    assert told(SUCCESSOR, before, await psa.read_line(SUCCESSOR)) is state


async def test_a_lost_answer_is_settled_by_the_product_and_twins_need_a_person() -> None:
    world = ConnectWiseWorld()
    line_of(world)["cancelledDate"] = ENDED
    psa = make(world)
    before = await psa.read_line(SUCCESSOR)
    await psa.write(psa.prepare(SUCCESSOR, before))
    found = decide(SUCCESSOR, before, await psa.read_line(SUCCESSOR), False, semantics=WriteSemantics.SET)
    assert (found.state, found.attributed) == (OpState.CONFIRMED_BY_STATE, True)
    world.addition(99002, 1207, 411, 42)
    twins = decide(SUCCESSOR, before, await psa.read_line(SUCCESSOR), True, semantics=WriteSemantics.SET)
    assert twins.state is OpState.NEEDS_REVIEW


async def test_a_new_unit_cost_takes_the_place_of_the_old() -> None:
    world = ConnectWiseWorld()
    line_of(world)["cancelledDate"] = ENDED
    change = successor_of(a_change(), cost())
    psa = make(world)
    state = await psa.read_line(change)
    prepared = psa.prepare(change, state)
    assert json.loads(prepared.body)["unitCost"] == 7.25
    await psa.write(prepared)
    assert told(change, state, await psa.read_line(change)) is OpState.VERIFIED


@pytest.mark.parametrize(("row", "words"), [
    ({"id": 1}, "Addition 88431, which it replaces, is not there."),
    ({"cancelledDate": "2026-12-01T00:00:00Z"}, "Addition 88431 was cancelled as of 2026-12-01."),
    ({"opportunity": 5}, "Addition 88431 cannot be read whole."),
])
async def test_what_stands_against_a_new_line(row: dict[str, Any], words: str) -> None:
    world = ConnectWiseWorld()
    line_of(world).update(row)
    if "id" in row:
        world.additions[1207] = [each for each in world.additions[1207] if each["id"] != 1]
    state = await read(world)
    assert state.blocked == words


async def test_another_line_of_the_product_is_in_the_way() -> None:
    world = ConnectWiseWorld()
    world.addition(5, 1207, 411, 2)
    state = await read(world)
    assert (state.present, state.line_id, state.quantity) == (True, "5", 20_000)


# as a whole


async def in_place(world: ConnectWiseWorld, *changes: Change) -> str:
    states = await make(world).read_lines([a_change(), *changes])
    return states["line:88431"].in_place


@pytest.mark.parametrize(("row", "agreement", "words"), [
    ({}, {}, ""),
    ({}, {"prorateFlag": False}, "the agreement does not prorate."),
    ({"effectiveDate": ENDED}, {}, "the line itself starts on that day."),
    ({"cancelledDate": "2027-02-01T00:00:00Z"}, {}, "the line ends on 2027-01-31 already."),
    ({}, {"billStartDate": "2026-12-01T00:00:00Z"}, "the agreement bills from 2026-12-01 on only."),
    ({"unitPrice": None}, {}, "its price or cost is not shown to the API member and could not be taken over."),
    ({"unitCost": None}, {}, "its price or cost is not shown to the API member and could not be taken over."),
])
async def test_when_a_line_is_changed_in_place_all_the_same(row: dict[str, Any], agreement: dict[str, Any], words: str) -> None:
    world = ConnectWiseWorld()
    line_of(world).update(row)
    world.agreements[0].update(agreement)
    assert await in_place(world, SUCCESSOR) == words


@pytest.mark.parametrize("product", [{"inactiveFlag": True}, {"productClass": "Bundle"}, {"id": 999}])
async def test_a_product_that_no_agreement_takes_any_more(product: dict[str, Any]) -> None:
    world = ConnectWiseWorld()
    next(row for row in world.catalog if row["id"] == 411).update(product)
    assert await in_place(world, SUCCESSOR) == "its product is inactive in the catalog, and no new line may have it."
    before = len(world.asked("/procurement/catalog"))
    assert await in_place(world) == ""
    assert len(world.asked("/procurement/catalog")) == before, "it is asked for only where lines are replaced"


def test_a_line_of_0_is_changed_in_place_because_its_end_would_not_show() -> None:
    agreement = Agreement(id=1207, type=Reference(id=14), company=Reference(id=305), prorate_flag=True)
    row = Addition(id=88431, product=Reference(id=411), unit_price=Decimal(1), unit_cost=Decimal(1))
    for before, words in ((0, "its quantity is 0."), (10_000, "")):
        change = a_change(quantity_before=before, quantity_target=20_000)
        assert successors.stays_whole(change, row, agreement, unusable=False) == words


def test_without_an_agreement_nothing_is_replaced() -> None:
    seen = successors.stays_whole(a_change(), Addition(id=1, product=Reference(id=411)), None, unusable=False)
    assert seen == "the agreement does not prorate."


# answers


@pytest.mark.parametrize(("answer", "expected"), [
    (reply({**recorded("patched"), "cancelledDate": ENDED}), OutcomeClass.APPLIED),
    (reply({**recorded("patched"), "cancelledDate": "2026-11-27T00:00:00Z"}), OutcomeClass.UNKNOWN),
    (reply(recorded("patched")), OutcomeClass.UNKNOWN),
    (reply({**recorded("patched"), "cancelledDate": None}), OutcomeClass.UNKNOWN),
    (reply({**recorded("patched"), "cancelledDate": "soon"}), OutcomeClass.UNKNOWN),
    (reply({**recorded("patched"), "cancelledDate": ENDED, "id": 5}), OutcomeClass.UNKNOWN),
    (reply(recorded("refused"), 400), OutcomeClass.REJECTED),
])
async def test_what_the_answer_to_a_cancellation_proves(answer: Any, expected: OutcomeClass) -> None:
    world = ConnectWiseWorld()
    world.faults.append(on("PATCH", answer))
    psa = make(world)
    prepared = psa.prepare(ENDING, LineState(line_id="88431", present=True, quantity=400_000, unit_cost=71_000))
    assert (await psa.write(prepared)).outcome is expected


@pytest.mark.parametrize("state", [
    LineState(line_id="", present=True, quantity=0, takes_over="{}"),
    LineState(line_id="", present=False, quantity=0, takes_over="{}", blocked="because"),
    LineState(line_id="", present=False, quantity=0, takes_over="{}", unmet="because"),
])
def test_a_new_line_that_makes_no_sense_is_refused(state: LineState) -> None:
    with pytest.raises(PlanRefused):
        make(ConnectWiseWorld()).prepare(SUCCESSOR, state)
    with pytest.raises(PlanRefused):
        make(ConnectWiseWorld()).prepare(replace(SUCCESSOR, line_id="5"), replace(state, present=False, blocked="", unmet=""))


def test_a_row_without_how_it_is_billed_becomes_billable() -> None:
    assert json.loads(successors.body_of(SUCCESSOR, successors.taken_over(b'{"id":1,"customFields":[],"opportunity":null}'))) == {
        "product": {"id": 411}, "quantity": 42, "effectiveDate": ENDED, "billCustomer": "Billable",
    }
    assert successors.shown(SUCCESSOR, '{"unitPrice":1}', b"[[") != successors.wanted(SUCCESSOR, '{"unitPrice":1}')


# settings


def test_lines_are_replaced_only_where_the_connection_says_so() -> None:
    assert [replaces(connection(**values)) for values in ({}, {"change_by": "quantity"}, {"change_by": "replace"})] == [
        False, False, True,
    ]
    assert SPEC.replaces is replaces
    with pytest.raises(SettingsError, match="Change of quantity"):
        make(ConnectWiseWorld(), change_by="magic")


async def test_agreement_types_are_offered_active_ones_first() -> None:
    world = ConnectWiseWorld()
    names = [row["name"].strip() for row in world.types]
    offered = await make(world).offers()
    assert sorted(offered["agreement_type"]) == sorted(set(names))
    inactive = [row["name"] for row in world.types if row.get("inactiveFlag")]
    assert list(offered["agreement_type"])[-len(inactive):] == sorted(inactive)
    assert SPEC.offers is not None
    assert [field.name for field in SPEC.fields if field.offered] == list(offered)
    world.faults.append(on("agreements/types", error(403, "Security", "No.")))
    with pytest.raises(PermissionDenied):
        await make(world).offers()
