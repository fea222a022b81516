import json
from dataclasses import replace
from datetime import date

import httpx
import pytest

from reconcile_app.connectors.autotask import Autotask
from reconcile_app.core.changes import ChangeKind
from reconcile_app.core.errors import PlanRefused
from reconcile_app.core.judge import OpState, OutcomeClass
from reconcile_app.core.ports import LineState
from reconcile_app.core.verdict import verify
from tests.fakes.autotask_changes import AT, a_change, cost, creation, tenant
from tests.fakes.autotask_world import KEYS, ZONE, AutotaskWorld, connection, context, errors, on, reply

REFUSED = (
    "ContractServiceAdjustment effectiveDate must be between the start date and end date of the Contract referenced by contractID."
)


def make(world: AutotaskWorld) -> Autotask:
    return Autotask(connection(base_url=ZONE), context()[0], client=world.client)


async def warm(world: AutotaskWorld) -> Autotask:
    """A connector that has compared before: it knows the picklist."""
    psa = make(world)
    await psa.contracts(["174"], AT)
    return psa


async def test_a_change_of_a_quantity_takes_four_calls_and_is_verified():
    world = tenant()
    psa = await warm(world)
    before = world.calls
    state = await psa.read_line(a_change())
    prepared = psa.prepare(a_change(), state)
    outcome = await psa.write(prepared)
    after = await psa.read_line(a_change())
    assert world.calls - before == 4
    assert (prepared.method, prepared.path) == ("POST", "/Contracts/5/ServiceAdjustments")
    assert (
        prepared.body
        == b'{"contractID":5,"contractServiceID":8001,"serviceID":650,"effectiveDate":"2026-11-26T00:00:00","unitChange":2}'
    )
    assert (outcome.outcome, outcome.status, outcome.receipt, outcome.message) == (OutcomeClass.APPLIED, 200, "", "")
    assert json.loads(outcome.answer) == {"itemId": None}
    assert verify(a_change(), state, after).state is OpState.VERIFIED
    assert world.requests[-2][1] == "/ATServicesRest/V1.0/Contracts/5/ServiceAdjustments"


@pytest.mark.parametrize("ends_on_effective_day", [False, True])
async def test_a_change_that_cuts_a_period_is_verified_however_the_first_part_ends(ends_on_effective_day):
    world = tenant()
    world.cut_ends_on_effective_day = ends_on_effective_day
    psa = make(world)
    change = a_change(effective_date=date(2026, 12, 10))
    state = await psa.read_line(change)
    await psa.write(psa.prepare(change, state))
    after = await psa.read_line(change)
    assert (after.quantity, len(after.evidence)) == (120_000, len(state.evidence) + 1)
    assert verify(change, state, after).state is OpState.VERIFIED


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("contractType", 3, "is not of type Recurring Service"),
        ("status", 0, "is not active"),
        ("startDate", "2026-11-27T00:00:00Z", "starts on 2026-11-27, after the effective date 2026-11-26"),
        ("endDate", "2026-11-25T00:00:00Z", "ended on 2026-11-25, before the effective date 2026-11-26"),
    ],
)
async def test_a_contract_that_takes_no_change_blocks_the_line(field, value, words):
    world = tenant()
    world.tables["Contracts"][0][field] = value
    psa = make(world)
    state = await psa.read_line(a_change())
    assert words in state.blocked
    with pytest.raises(PlanRefused):
        psa.prepare(a_change(), state)


async def test_the_first_and_the_last_day_belong_to_the_contract():
    world = tenant()
    world.tables["Contracts"][0] |= {"startDate": "2026-11-26T00:00:00Z", "endDate": "2026-11-26T00:00:00Z"}
    assert (await make(world).read_line(a_change())).blocked == ""


async def test_a_contract_that_is_gone_blocks_the_line():
    world = tenant()
    world.tables["Contracts"].clear()
    state = await make(world).read_line(a_change())
    assert not state.present
    assert "not there" in state.blocked


@pytest.mark.parametrize(("target", "words"), [(125_000, "12.5 units: Autotask takes whole units only"), (-10_000, "below zero")])
async def test_a_quantity_that_autotask_cannot_take_blocks_the_line(target, words):
    psa = make(tenant())
    change = a_change(quantity_target=target)
    state = await psa.read_line(change)
    assert words in state.blocked
    with pytest.raises(PlanRefused, match=words):
        psa.prepare(change, replace(state, blocked=""))


def test_a_change_is_computed_from_the_reading_and_never_sent_without_a_line():
    psa = make(AutotaskWorld())
    state = LineState(line_id="8001", present=True, quantity=100_000)
    assert json.loads(psa.prepare(a_change(quantity_target=0, kind=ChangeKind.ZERO_LINE), state).body)["unitChange"] == -10
    for change, read in (
        (a_change(quantity_target=100_000), state),
        (a_change(line_id=""), state),
        (a_change(), replace(state, present=False)),
        (a_change(line_id="x1"), state),
        (a_change(contract_id="../9"), state),
        (a_change(), replace(state, quantity=105_000)),
        (creation(), state),
        (replace(creation(), line_id="8001"), replace(state, present=False)),
        (a_change(), replace(state, blocked="No.")),
        (replace(cost(), unit_cost_target=None), state),
    ):
        with pytest.raises(PlanRefused):
            psa.prepare(change, read)


async def test_a_missing_line_is_created_by_one_request_and_verified():
    world = tenant()
    psa = make(world)
    state = await psa.read_line(creation())
    assert (state.present, state.line_id, state.quantity, state.blocked) == (False, "", 0, "")
    prepared = psa.prepare(creation(), state)
    assert json.loads(prepared.body) == {"contractID": 5, "serviceID": 700, "effectiveDate": "2026-11-26T00:00:00", "unitChange": 3}
    assert (await psa.write(prepared)).outcome is OutcomeClass.APPLIED
    after = await psa.read_line(creation())
    assert (after.present, after.quantity) == (True, 30_000)
    assert verify(creation(), state, after).state is OpState.VERIFIED


async def test_a_service_that_appeared_meanwhile_is_not_created_again():
    world = tenant()
    world.line(8003, 5, 700)
    psa = make(world)
    state = await psa.read_line(creation())
    assert (state.present, state.line_id) == (True, "8003")
    with pytest.raises(PlanRefused, match="on the contract already"):
        psa.prepare(creation(), state)
    world.line(8004, 5, 700)
    several = await psa.read_line(creation())
    assert (several.line_id, several.blocked) == ("", "The contract holds this service 2 times.")


async def test_a_unit_cost_is_written_alone_and_read_back():
    world = tenant()
    psa = make(world)
    state = await psa.read_line(cost())
    assert (state.unit_cost, state.quantity) == (180_000, 100_000)
    prepared = psa.prepare(cost(), state)
    assert (prepared.method, prepared.path, prepared.body) == ("PATCH", "/Contracts/5/Services", b'{"id":8001,"unitCost":19.5}')
    assert (await psa.write(prepared)).receipt == "8001"
    after = await psa.read_line(cost())
    assert verify(cost(), state, after).state is OpState.VERIFIED


async def test_a_hidden_cost_blocks_and_another_lines_receipt_proves_nothing():
    world = tenant()
    world.tables["ContractServices"][0]["unitCost"] = None
    psa = make(world)
    assert "permission to see costs" in (await psa.read_line(cost())).blocked
    world.faults.append(on("Contracts/5/Services", reply({"itemId": 4})))
    state = LineState(line_id="8001", present=True, quantity=0, unit_cost=1)
    assert (await psa.write(psa.prepare(cost(), state))).outcome is OutcomeClass.UNKNOWN


@pytest.mark.parametrize(
    ("answer", "outcome", "message"),
    [
        (errors(REFUSED), OutcomeClass.UNKNOWN, REFUSED),
        (reply({"errors": ["No."]}, 400), OutcomeClass.REJECTED, "No."),
        (reply({"Message": "gone"}, 404), OutcomeClass.UNKNOWN, "Autotask answered with status 404"),
        (reply({"errors": ["No."]}, 401), OutcomeClass.REFRESH, "No."),
        (httpx.Response(401), OutcomeClass.UNKNOWN, "status 401"),
        (reply({"errors": ["No."]}, 403), OutcomeClass.FORBIDDEN, "No."),
        (httpx.Response(429, headers={"Retry-After": "7"}), OutcomeClass.WAIT, "status 429"),
        (httpx.Response(302, headers={"Location": "/login"}), OutcomeClass.UNKNOWN, "status 302"),
        (httpx.Response(200, html="<html>Sign in</html>"), OutcomeClass.UNKNOWN, "status 200"),
        (httpx.Response(200), OutcomeClass.UNKNOWN, "status 200"),
        (reply({"itemId": 9001}), OutcomeClass.APPLIED, ""),
        (reply({"itemId": None}, 202), OutcomeClass.UNKNOWN, ""),
        (reply({"errors": [f"{KEYS['secret']} {'x' * 900}"]}, 400), OutcomeClass.REJECTED, "*** xxx"),
        (httpx.ConnectError("refused"), OutcomeClass.NOT_SENT, "refused the connection"),
        (httpx.ReadTimeout("slow"), OutcomeClass.UNKNOWN, "too long"),
        (httpx.RemoteProtocolError("cut"), OutcomeClass.UNKNOWN, "without a usable answer"),
    ],
)
async def test_what_an_answer_to_a_write_proves(answer, outcome, message):
    world = tenant()
    psa = make(world)
    prepared = psa.prepare(a_change(), await psa.read_line(a_change()))
    world.faults.append(on("ServiceAdjustments", answer))
    before = world.calls
    told = await psa.write(prepared)
    assert told.outcome is outcome
    assert message in told.message
    assert len(told.message) <= 500
    assert world.calls - before == 1  # exactly once, whatever happens
    assert told.retry_after == (7.0 if outcome is OutcomeClass.WAIT else None)
    assert KEYS["secret"] not in told.message + told.answer


async def test_a_zone_that_cannot_be_found_sends_nothing():
    world = tenant()
    psa = Autotask(connection(), context()[0], client=world.client)
    world.faults.append(lambda request: httpx.Response(404) if "zoneInformation" in request.url.path else None)
    told = await psa.write(psa.prepare(a_change(), LineState(line_id="8001", present=True, quantity=0)))
    assert told.outcome is OutcomeClass.NOT_SENT
    assert not world.asked("ServiceAdjustments")


async def test_after_a_refusal_that_proves_nothing_happened_the_contract_is_read_again():
    world = tenant()
    psa = await warm(world)
    prepared = psa.prepare(a_change(), await psa.read_line(a_change()))
    world.faults.append(on("ServiceAdjustments", httpx.Response(429)))
    await psa.write(prepared)
    world.tables["Contracts"][0]["status"] = 0
    assert "not active" in (await psa.read_line(a_change())).blocked


async def test_another_line_never_uses_the_contract_that_was_kept():
    world = tenant()
    psa = await warm(world)
    await psa.write(psa.prepare(a_change(), await psa.read_line(a_change())))
    world.tables["Contracts"][0]["status"] = 0
    other = a_change(line_id="8002", service_id="651", quantity_before=70_000)
    assert "not active" in (await psa.read_line(other)).blocked
