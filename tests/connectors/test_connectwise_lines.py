"""Fresh readings of single additions: what blocks a write, what counts as touched, and what a write must look like afterwards."""

from datetime import date

import httpx
import pytest

from reconcile_app.connectors.connectwise import ConnectWise
from reconcile_app.core.changes import ChangeKind
from reconcile_app.core.errors import PermissionDenied, PlanRefused, SideUnreadable
from reconcile_app.core.evidence import state_from_json, state_to_json, untouched
from reconcile_app.core.judge import OpState
from reconcile_app.core.ports import WriteSemantics
from reconcile_app.core.verdict import decide, fits, verify
from tests.fakes.connectwise_changes import AT, a_change, cost, creation
from tests.fakes.connectwise_world import ConnectWiseWorld, always, connection, context, error, on, reply


def make(world: ConnectWiseWorld, **values: str) -> ConnectWise:
    return ConnectWise(connection(**values), context()[0], client=world.client)


async def test_a_reading_takes_two_calls_and_says_everything():
    world = ConnectWiseWorld()
    psa = make(world)
    await psa.contracts(["305"], AT)
    before = world.calls
    state = await psa.read_line(a_change())
    assert world.calls - before == 2
    assert (state.line_id, state.present, state.quantity, state.unit_cost, state.blocked) == ("88431", True, 400_000, 71_000, "")
    assert state.attribution == "jdoe (2026-10-30T08:12:44Z)"
    (item,) = state.evidence
    assert (item.id, item.start, item.end, item.quantity) == ("88431", "2026-11-26", "", 400_000)
    assert state_from_json(state_to_json(state)).digest == state.digest


async def test_many_lines_are_read_with_one_call_for_each_agreement():
    world = ConnectWiseWorld()
    world.addition(5, world.agreement(1300, 306), 411, 3)
    psa = make(world)
    await psa.contracts(["305"], AT)
    before = world.calls
    changes = [a_change(), a_change(line_id="88432", service_id="412"), a_change(contract_id="1300", line_id="5"), creation()]
    states = await psa.read_lines(changes)
    assert {key: (state.present, state.quantity) for key, state in states.items()} == {
        "line:88431": (True, 400_000),
        "line:88432": (True, 125_000),
        "line:5": (True, 30_000),
        "contract:1207:service:413": (False, 0),
    }
    # Before a product is added its absence is counted, and the API member must see everything.
    assert world.calls - before == 1 + 2 + 2
    assert await psa.read_lines([]) == {}


@pytest.mark.parametrize(
    ("agreement", "words"),
    [
        ({"cancelledFlag": True}, "is cancelled"),
        ({"startDate": "2026-11-27T00:00:00Z"}, "starts on 2026-11-27, after the effective date 2026-11-26"),
        ({"endDate": "2026-11-25T00:00:00Z", "noEndingDateFlag": False}, "ended on 2026-11-25, before"),
        ({"type": {"id": 15, "name": "Hardware"}}, "is not of type Managed Services"),
        ({"id": 9}, "The agreement is not there"),
    ],
)
async def test_an_agreement_that_takes_no_change_blocks_the_line(agreement, words):
    world = ConnectWiseWorld()
    world.agreements[0] |= agreement
    psa = make(world)
    state = await psa.read_line(a_change())
    assert words in state.blocked
    with pytest.raises(PlanRefused):
        psa.prepare(a_change(), state)


@pytest.mark.parametrize(
    ("addition", "words", "quantity"),
    [
        ({"product": {"id": 999, "identifier": "OTHER"}}, "another product now (OTHER)", 400_000),
        ({"agreementId": 1300}, "belongs to agreement 1300 now", 400_000),
        ({"cancelledDate": "2026-11-26T00:00:00Z"}, "was cancelled as of 2026-11-26", 0),
        ({"cancelledDate": "2026-11-27T00:00:00Z"}, "", 400_000),
        ({"effectiveDate": "2026-12-01T00:00:00Z"}, "starts on 2026-12-01, after the effective date", 0),
    ],
)
async def test_an_addition_that_takes_no_change_blocks_the_line(addition, words, quantity):
    world = ConnectWiseWorld()
    world.additions[1207][1] |= addition
    state = await make(world).read_line(a_change())
    assert (state.present, state.quantity) == (True, quantity)
    assert words in state.blocked
    assert bool(words) == bool(state.blocked)


async def test_the_last_day_of_an_agreement_belongs_to_it():
    world = ConnectWiseWorld()
    world.agreements[0] |= {"endDate": "2026-11-26T00:00:00Z", "noEndingDateFlag": False, "startDate": "2026-11-26T00:00:00Z"}
    assert (await make(world).read_line(a_change())).blocked == ""


async def test_only_a_list_without_it_proves_that_a_line_is_gone():
    world = ConnectWiseWorld()
    del world.additions[1207][1]
    state = await make(world).read_line(a_change())
    assert (state.present, state.blocked) == (False, "")
    world.faults.append(always("/additions", lambda: error(404, "NotFound", "Agreement 1207 not found")))
    with pytest.raises(SideUnreadable):
        await make(world).read_line(a_change())
    world.agreements.clear()
    state = await make(world).read_line(a_change())
    assert (state.present, bool(state.blocked)) == (False, True)


@pytest.mark.parametrize("quantity", ["40", None, True, 40.00001])
async def test_a_quantity_that_is_no_number_makes_no_reading(quantity):
    world = ConnectWiseWorld()
    world.additions[1207][1]["quantity"] = quantity
    with pytest.raises(SideUnreadable, match="no usable quantity"):
        await make(world).read_line(a_change())
    states = await make(world).read_lines([a_change()])
    assert "no usable quantity" in states["line:88431"].blocked


async def test_a_neighbour_that_cannot_be_read_makes_no_reading():
    world = ConnectWiseWorld()
    world.additions[1207][2]["effectiveDate"] = "soon"
    with pytest.raises(SideUnreadable):
        await make(world).read_line(a_change())


async def test_planned_changes_of_the_product_are_told():
    world = ConnectWiseWorld()
    world.additions[1207][1]["cancelledDate"] = "2026-12-01T00:00:00Z"
    world.addition(9, 1207, 411, 7, effectiveDate="2026-12-01T00:00:00Z")
    state = await make(world).read_line(a_change())
    assert (state.pending_quantity, state.pending_date) == (70_000, date(2026, 12, 1))
    assert state.evidence[0].end == "2026-11-30"


# What counts as touched

QUIET = [
    {"_info": {"lastUpdated": "2026-11-26T09:00:00Z", "updatedBy": "nightly"}},
    {"extPrice": 1.0, "margin": 2, "billedQuantity": 7, "additionStatus": "Inactive", "description": "Renamed in the catalog"},
    {"opportunity": None, "unitPrice": 12.5000, "quantity": 40},
]
LOUD = [
    {"unitPrice": 13},
    {"unitCost": 8},
    {"billCustomer": "NoCharge"},
    {"lessIncluded": 5},
    {"effectiveDate": "2025-02-01T00:00:00Z"},
    {"cancelledDate": "2027-01-01T00:00:00Z"},
    {"invoiceDescription": "Other"},
    {"taxableFlag": False},
    {"sequenceNumber": 2},
    {"customFields": [{"id": 1, "value": "x"}]},
    {"somethingNew": 1},
    {"quantity": 41},
]


@pytest.mark.parametrize("more", QUIET)
async def test_what_follows_from_other_things_is_no_touch(more):
    world = ConnectWiseWorld()
    psa = make(world)
    before = await psa.read_line(a_change())
    world.additions[1207][1] |= more
    after = await psa.read_line(a_change())
    assert (after.digest, after.neighbours) == (before.digest, before.neighbours)


@pytest.mark.parametrize("more", LOUD)
async def test_everything_else_about_the_line_is_a_touch(more):
    world = ConnectWiseWorld()
    psa = make(world)
    before = await psa.read_line(a_change())
    world.additions[1207][1] |= more
    assert (await psa.read_line(a_change())).digest != before.digest


@pytest.mark.parametrize("more", LOUD[:-1])
async def test_a_write_that_moved_anything_else_is_not_verified(more):
    world = ConnectWiseWorld()
    psa = make(world)
    before = await psa.read_line(a_change())
    world.additions[1207][1] |= {"quantity": 42, **more}
    told = verify(a_change(), before, await psa.read_line(a_change()), semantics=WriteSemantics.SET)
    assert told.state is OpState.NEEDS_REVIEW
    assert "something else moved" in told.message


@pytest.mark.parametrize("more", [*LOUD, {"id": 90_000}])
async def test_a_neighbour_that_moved_is_seen(more):
    world = ConnectWiseWorld()
    psa = make(world)
    before = await psa.read_line(a_change())
    world.additions[1207][1]["quantity"] = 42
    world.additions[1207][2] |= more
    assert not fits(a_change(), before, await psa.read_line(a_change()))


async def test_a_change_that_somebody_took_back_is_no_proof_that_nothing_happened():
    world = ConnectWiseWorld()
    psa = make(world)
    before = await psa.read_line(a_change())
    untouched_now = decide(a_change(), before, await psa.read_line(a_change()), True, semantics=WriteSemantics.SET)
    world.touch(world.additions[1207][1], "jane")
    after = await psa.read_line(a_change())
    told = decide(a_change(), before, after, True, semantics=WriteSemantics.SET)
    assert untouched_now.state is OpState.NOT_APPLIED
    assert (told.state, untouched(before, after)) == (OpState.NEEDS_REVIEW, True)
    assert "jane" in told.message


async def test_somebody_elses_quantity_needs_a_person():
    world = ConnectWiseWorld()
    psa = make(world)
    before = await psa.read_line(a_change())
    world.additions[1207][1]["quantity"] = 44
    told = decide(a_change(), before, await psa.read_line(a_change()), True, semantics=WriteSemantics.SET)
    assert (told.state, told.alarm) == (OpState.NEEDS_REVIEW, False)


@pytest.mark.parametrize(
    ("was", "is_now", "same"),
    [
        ("1e99999999", "1e99999999", True),
        ("1e99999999", "1e99999998", False),
        ("1.0", "1", True),
        ("10", "1e1", True),
        ("0.1000000000000000000000000000001", "0.1", False),
        ("9" * 100, "9" * 99 + "8", False),
        ('{"a":' * 300 + "1" + "}" * 300, '{"a":' * 300 + "2" + "}" * 300, False),
        ('{"a":' * 700 + "1" + "}" * 700, '{"a":' * 700 + "1" + "}" * 700, True),
        ('{"_info":1,"b":[1,null,true]}', '{"_info":2,"b":[1.00,null,true],"c":null}', True),
        ('"1"', "1", False),
        ("true", '"True"', False),
    ],
)
async def test_members_are_compared_by_what_they_say_however_absurd(was, is_now, same):
    world = ConnectWiseWorld()
    text = reply(world.additions[1207]).text
    digests = []
    for value in (was, is_now):
        body = text.replace('"taxableFlag": true', f'"taxableFlag": {value}', 1)
        world.faults.append(on("/additions", httpx.Response(200, text=body, headers={"Content-Type": "application/json"})))
        digests.append((await make(world).read_line(a_change())).digest)
    assert (digests[0] == digests[1]) is same


# Lines to be created, unit costs


async def test_a_product_that_is_there_meanwhile_stops_its_creation():
    world = ConnectWiseWorld()
    psa = make(world)
    assert (await psa.read_line(creation())).present is False
    world.addition(9, 1207, 413, 2, effectiveDate="2026-12-01T00:00:00Z")
    state = await psa.read_line(creation())
    assert (state.present, state.line_id, state.quantity) == (True, "9", 0)
    world.addition(10, 1207, 413, 2)
    state = await psa.read_line(creation())
    assert (state.present, state.line_id, len(state.evidence)) == (True, "", 2)
    assert "holds this product 2 times" in state.blocked


async def test_a_cancelled_line_of_the_product_does_not_stop_its_creation():
    world = ConnectWiseWorld()
    world.addition(9, 1207, 413, 2, cancelledDate="2026-10-01T00:00:00Z")
    assert (await make(world).read_line(creation())).present is False


async def test_a_line_cannot_start_before_its_agreement_bills():
    world = ConnectWiseWorld()
    world.agreements[0]["billStartDate"] = "2026-12-01T00:00:00Z"
    assert "bills from 2026-12-01 on" in (await make(world).read_line(creation())).blocked


async def test_absence_is_not_believed_where_rows_are_hidden():
    world = ConnectWiseWorld()
    world.hidden = 1
    with pytest.raises(SideUnreadable, match="there are 4 rows, and 3 came"):
        await make(world).read_line(creation())
    world.hidden = 0
    world.security[0]["inquireLevel"] = "My"
    with pytest.raises(SideUnreadable, match="sees only its own"):
        await make(world).read_line(creation())
    assert (await make(world).read_line(a_change())).present


async def test_without_a_word_about_rights_lists_are_believed():
    world = ConnectWiseWorld()
    world.faults.append(on("/system/mySecurity", error(403, "Security", "You do not have security permission.")))
    assert (await make(world).read_line(creation())).present is False


async def test_a_hidden_unit_cost_blocks_its_change():
    world = ConnectWiseWorld()
    psa = make(world)
    assert (await psa.read_line(cost())).blocked == ""
    del world.additions[1207][1]["unitCost"]
    state = await psa.read_line(cost())
    assert (state.unit_cost, "does not show the unit cost" in state.blocked) == (None, True)


async def test_a_unit_cost_follows_the_quantity_of_its_line():
    """The engine compares the reading for the cost with the one that the quantity left behind."""
    world = ConnectWiseWorld()
    psa = make(world)
    world.additions[1207][1]["quantity"] = 42
    left = await psa.read_line(a_change())
    assert (await psa.read_line(cost(quantity_before=420_000))).digest == left.digest


@pytest.mark.parametrize("bad", [{"contract_id": "../9"}, {"line_id": "x"}])
async def test_an_id_that_is_none_is_refused(bad):
    world = ConnectWiseWorld()
    with pytest.raises(PlanRefused):
        await make(world).read_line(a_change(**bad))


async def test_a_lost_agreement_row_makes_no_reading():
    world = ConnectWiseWorld()
    world.faults.append(on("conditions=id", reply([{"id": 1207, "name": "No type"}])))
    with pytest.raises(SideUnreadable):
        await make(world).read_line(a_change())
    assert a_change().kind is ChangeKind.SET_QUANTITY


async def test_a_right_that_is_refused_while_reading_a_line_is_told():
    world = ConnectWiseWorld()
    world.faults.append(on("/additions", error(403, "Security", "You do not have security permission.")))
    with pytest.raises(PermissionDenied):
        await make(world).read_line(a_change())
