"""Writes: the exact request, what its answer proves, and the reading that confirms it."""

import json

import httpx
import pytest

from reconcile_app.connectors.connectwise import ConnectWise
from reconcile_app.core.amounts import MAX_QUANTITY
from reconcile_app.core.changes import ChangeKind
from reconcile_app.core.errors import PlanRefused
from reconcile_app.core.judge import OpState, OutcomeClass
from reconcile_app.core.ports import LineState, WriteSemantics
from reconcile_app.core.verdict import decide, verify
from tests.fakes.connectwise_changes import AT, a_change, cost, creation
from tests.fakes.connectwise_world import KEYS, SITE, ConnectWiseWorld, connection, context, error, on, recorded, reply

STATE = LineState(line_id="88431", present=True, quantity=400_000, unit_cost=71_000)
ABSENT = LineState(line_id="", present=False, quantity=0)
JSON = {"Content-Type": "application/json"}


def make(world: ConnectWiseWorld, **values: str) -> ConnectWise:
    return ConnectWise(connection(**values), context()[0], client=world.client)


async def test_a_change_of_a_quantity_takes_four_calls_and_is_verified():
    world = ConnectWiseWorld()
    psa = make(world)
    await psa.contracts(["305"], AT)
    before = world.calls
    state = await psa.read_line(a_change())
    prepared = psa.prepare(a_change(), state)
    outcome = await psa.write(prepared)
    after = await psa.read_line(a_change())
    assert world.calls - before == 4
    assert (prepared.method, prepared.path) == ("PATCH", "/finance/agreements/1207/additions/88431")
    assert prepared.body == b'[{"op":"replace","path":"quantity","value":42}]'
    assert (outcome.outcome, outcome.status, outcome.receipt, outcome.message) == (OutcomeClass.APPLIED, 200, "88431", "")
    told = verify(a_change(), state, after, semantics=WriteSemantics.SET)
    assert (told.state, told.attributed) == (OpState.VERIFIED, True)
    sent = next(request for request in world.requests if request.method == "PATCH")
    assert str(sent.url) == f"{SITE}/v4_6_release/apis/3.0/finance/agreements/1207/additions/88431"
    assert sent.headers["Content-Type"] == "application/json"
    assert "pagination-type" not in sent.headers


@pytest.mark.parametrize(
    ("change", "body"),
    [
        (a_change(quantity_target=0, kind=ChangeKind.ZERO_LINE), b'[{"op":"replace","path":"quantity","value":0}]'),
        (a_change(quantity_target=425_001), b'[{"op":"replace","path":"quantity","value":42.5001}]'),
        (cost(), b'[{"op":"replace","path":"unitCost","value":7.25}]'),
    ],
)
async def test_only_what_changes_is_sent_and_exactly(change, body):
    world = ConnectWiseWorld()
    psa = make(world)
    state = await psa.read_line(change)
    prepared = psa.prepare(change, state)
    assert prepared.body == body
    assert (await psa.write(prepared)).outcome is OutcomeClass.APPLIED
    assert verify(change, state, await psa.read_line(change), semantics=WriteSemantics.SET).state is OpState.VERIFIED


async def test_a_line_is_created_with_its_quantity_and_verified():
    world = ConnectWiseWorld()
    psa = make(world)
    state = await psa.read_line(creation())
    prepared = psa.prepare(creation(), state)
    assert (prepared.method, prepared.path) == ("POST", "/finance/agreements/1207/additions")
    assert json.loads(prepared.body) == {
        "product": {"id": 413}, "billCustomer": "Billable", "quantity": 3, "effectiveDate": "2026-11-26T00:00:00Z",
    }  # fmt: skip
    outcome = await psa.write(prepared)
    assert (outcome.outcome, outcome.status, outcome.receipt) == (OutcomeClass.APPLIED, 201, "99001")
    after = await psa.read_line(creation())
    assert (after.line_id, after.quantity) == ("99001", 30_000)
    assert verify(creation(), state, after, semantics=WriteSemantics.SET).state is OpState.VERIFIED


async def test_a_creation_whose_answer_is_lost_is_confirmed_or_doubted_by_reading():
    world = ConnectWiseWorld()
    psa = make(world)
    state = await psa.read_line(creation())
    world.addition(7, 1207, 413, 3, effectiveDate="2026-11-26T00:00:00Z")
    told = decide(creation(), state, await psa.read_line(creation()), False, semantics=WriteSemantics.SET)
    assert (told.state, told.attributed) == (OpState.CONFIRMED_BY_STATE, True)
    world.addition(8, 1207, 413, 3, effectiveDate="2026-11-26T00:00:00Z")
    told = decide(creation(), state, await psa.read_line(creation()), True, semantics=WriteSemantics.SET)
    assert told.state is OpState.NEEDS_REVIEW


# The server's own compare


async def test_the_value_that_was_read_goes_along_where_the_connection_says_so():
    world = ConnectWiseWorld()
    world.tests = True
    psa = make(world, server_compare="yes")
    state = await psa.read_line(a_change())
    prepared = psa.prepare(a_change(), state)
    assert prepared.body == (b'[{"op":"test","path":"quantity","value":40},{"op":"replace","path":"quantity","value":42}]')
    assert (await psa.write(prepared)).outcome is OutcomeClass.APPLIED
    assert b'"value":7.1}' in psa.prepare(cost(), STATE).body


async def test_a_server_that_compares_refuses_what_comes_too_late():
    world = ConnectWiseWorld()
    world.tests = True
    psa = make(world, server_compare="yes")
    prepared = psa.prepare(a_change(), await psa.read_line(a_change()))
    world.additions[1207][1]["quantity"] = 41.0
    outcome = await psa.write(prepared)
    assert (outcome.outcome, outcome.status, outcome.retry_after) == (OutcomeClass.WAIT, 400, 0.0)
    assert world.additions[1207][1]["quantity"] == 41.0


@pytest.mark.parametrize(("status", "proven"), [(400, True), (412, True), (422, True), (404, False)])
async def test_a_refusal_of_a_comparing_request_is_read_after_once_and_then_believed(status, proven):
    world = ConnectWiseWorld()
    psa = make(world, server_compare="yes")
    prepared = psa.prepare(a_change(), await psa.read_line(a_change()))
    refused = error(status, "InvalidObject", "The operation test is not supported.")
    world.faults.append(on("PATCH", refused, refused))
    first, second = await psa.write(prepared), await psa.write(prepared)
    assert (first.outcome is OutcomeClass.WAIT) is proven
    assert second.outcome is (OutcomeClass.WAIT if status == 412 else OutcomeClass.REJECTED)


async def test_a_pause_without_a_length_is_half_a_minute():
    assert (await answered(httpx.Response(429, html="<p>slow</p>"))).retry_after == 30.0
    assert (await answered(error(409, "Conflict", "In use"))).retry_after is None


# What is never sent


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (a_change(quantity_target=400_000), STATE),
        (a_change(quantity_target=-1), STATE),
        (a_change(quantity_target=MAX_QUANTITY + 1), STATE),
        (a_change(line_id=""), STATE),
        (a_change(line_id="8 8"), STATE),
        (a_change(contract_id="1207/../9"), STATE),
        (a_change(), LineState(line_id="88431", present=False, quantity=0)),
        (a_change(), LineState(line_id="88431", present=True, quantity=400_000, blocked="because")),
        (creation(), STATE),
        (creation(line_id="5"), ABSENT),
        (creation(service_id="x"), ABSENT),
        (cost(unit_cost_target=None), STATE),
        (cost(unit_cost_target=-1), STATE),
        (cost(unit_cost_target=71_000), STATE),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(change, state):
    with pytest.raises(PlanRefused):
        make(ConnectWiseWorld()).prepare(change, state)


# What the answer proves


async def answered(answer: httpx.Response | Exception, change=None, state=STATE):
    world = ConnectWiseWorld()
    world.faults += [on("PATCH", answer), on("POST", answer)]
    psa = make(world)
    outcome = await psa.write(psa.prepare(change or a_change(), state))
    assert world.calls == 1
    return outcome


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (reply(recorded("patched")), OutcomeClass.APPLIED),
        (reply({**recorded("patched"), "quantity": 42.01}), OutcomeClass.UNKNOWN),
        (reply({**recorded("patched"), "quantity": "42"}), OutcomeClass.UNKNOWN),
        (reply({**recorded("patched"), "id": 88432}), OutcomeClass.UNKNOWN),
        (reply({**recorded("patched"), "agreementId": 1300}), OutcomeClass.UNKNOWN),
        (reply({"id": 88431}), OutcomeClass.UNKNOWN),
        (reply([recorded("patched")]), OutcomeClass.UNKNOWN),
        (reply(recorded("patched"), 202), OutcomeClass.UNKNOWN),
        (httpx.Response(204), OutcomeClass.UNKNOWN),
        (httpx.Response(200, text='{"id":88431,"quantity":1,"quantity":42}', headers=JSON), OutcomeClass.UNKNOWN),
        (httpx.Response(200, text=json.dumps(recorded("patched"))), OutcomeClass.UNKNOWN),
        (httpx.Response(200, html="<html>Sign in</html>"), OutcomeClass.UNKNOWN),
        (httpx.Response(302, headers={"Location": "https://elsewhere.example"}), OutcomeClass.UNKNOWN),
        (reply(recorded("refused"), 400), OutcomeClass.REJECTED),
        (error(404, "NotFound", "Addition 88431 not found"), OutcomeClass.REJECTED),
        (httpx.Response(404, html="<html></html>"), OutcomeClass.UNKNOWN),
        (httpx.Response(404), OutcomeClass.UNKNOWN),
        (httpx.Response(400, text="Cannot route. Codebase/company is invalid"), OutcomeClass.UNKNOWN),
        (error(401, "Unauthorized", "Wrong keys"), OutcomeClass.REFRESH),
        (error(403, "Security", "You do not have security permission."), OutcomeClass.FORBIDDEN),
        (httpx.Response(403), OutcomeClass.UNKNOWN),
        (error(409, "Conflict", "The record is in use."), OutcomeClass.WAIT),
        (httpx.Response(429, html="<html></html>"), OutcomeClass.WAIT),
        (error(500, "ConnectWiseApi", "A timeout has occured. Please try again."), OutcomeClass.UNKNOWN),
        (httpx.Response(503, html="<html></html>"), OutcomeClass.UNKNOWN),
        (httpx.ConnectError("refused"), OutcomeClass.NOT_SENT),
        (httpx.ReadTimeout("slow"), OutcomeClass.UNKNOWN),
    ],
)
async def test_what_the_answer_to_a_change_proves(answer, expected):
    assert (await answered(answer)).outcome is expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (reply(recorded("created"), 201), OutcomeClass.APPLIED),
        (reply({**recorded("created"), "product": {"id": 411}}, 201), OutcomeClass.UNKNOWN),
        (reply({**recorded("created"), "quantity": 4}, 201), OutcomeClass.UNKNOWN),
        (reply(recorded("refused"), 400), OutcomeClass.REJECTED),
    ],
)
async def test_what_the_answer_to_a_creation_proves(answer, expected):
    assert (await answered(answer, creation(), ABSENT)).outcome is expected


@pytest.mark.parametrize(
    ("echo", "expected"),
    [({"unitCost": 7.25}, OutcomeClass.APPLIED), ({}, OutcomeClass.APPLIED), ({"unitCost": 7.1}, OutcomeClass.UNKNOWN)],
)
async def test_a_hidden_unit_cost_is_not_compared(echo, expected):
    assert (await answered(reply({"id": 88431, **echo}), cost())).outcome is expected


async def test_what_connectwise_says_is_kept_without_the_keys():
    outcome = await answered(reply(recorded("refused"), 400))
    assert outcome.message == (
        "addition object is invalid effectiveDate: effectiveDate cannot be less than the agreement billing start date"
    )
    assert json.loads(outcome.answer) == recorded("refused")
    told = await answered(error(400, "InvalidObject", f"no {KEYS['private_key']}"))
    assert KEYS["private_key"] not in told.message + told.answer
    waiting = await answered(httpx.Response(429, html="<p>slow</p>", headers={"Retry-After": "7"}))
    assert (waiting.retry_after, waiting.message) == (7.0, "ConnectWise answered with status 429.")


async def test_a_change_that_starts_over_reads_its_agreement_again():
    world = ConnectWiseWorld()
    psa = make(world)
    prepared = psa.prepare(a_change(), await psa.read_line(a_change()))
    world.faults.append(on("PATCH", error(409, "Conflict", "In use")))
    await psa.write(prepared)
    before = len(world.asked("/finance/agreements"))
    await psa.read_line(a_change())
    assert len(world.asked("/finance/agreements")) == before + 1
