from datetime import date

import pytest

from reconcile_app.connectors.autotask import Autotask
from reconcile_app.core.errors import AnswerUnreadable, ConnectionFailed, PlanRefused
from tests.fakes.autotask_changes import AT, a_change, cost, creation, tenant
from tests.fakes.autotask_world import ZONE, AutotaskWorld, connection, context, errors


def make(world: AutotaskWorld) -> Autotask:
    return Autotask(connection(base_url=ZONE), context()[0], client=world.client)


async def test_the_evidence_is_every_row_from_the_effective_date_on():
    state = await make(tenant()).read_line(a_change())
    assert (state.line_id, state.present, state.quantity, state.blocked) == ("8001", True, 100_000, "")
    assert [(item.id, item.start, item.end, item.quantity, item.mark) for item in state.evidence] == [
        ("4", "2026-10-26", "2026-11-25", 90_000, ""),
        ("1", "2026-11-26", "2026-12-25", 100_000, "posted 2026-11-27"),
        ("2", "2026-12-26", "2027-01-25", 100_000, ""),
    ]
    assert state.posted_until == date(2026, 12, 25)
    assert state.unit_cost is None


async def test_review_and_the_reading_before_the_write_agree_to_the_byte():
    world = tenant()
    psa = make(world)
    changes = [a_change(), cost(), creation()]
    reviewed = await psa.read_lines(changes)
    for change in changes:
        assert (await psa.read_line(change)).digest == reviewed[change.line_key].digest


async def test_the_review_of_many_lines_takes_few_calls():
    world = AutotaskWorld()
    changes = []
    for number in range(60):
        world.contract(number, 174)
        world.line(9000 + number, number, 650)
        world.units(number, 9000 + number, 10)
        changes.append(a_change(contract_id=str(number), line_id=str(9000 + number)))
    psa = make(world)
    await psa.contracts(["174"], AT)
    before = psa.calls
    states = await psa.read_lines(changes)
    assert {state.quantity for state in states.values()} == {100_000}
    assert len(states) == 60
    assert psa.calls - before <= 7
    assert await psa.read_lines([]) == {}


async def test_a_line_without_rows_is_looked_for_before_it_is_believed():
    world = tenant()
    world.tables["ContractServiceUnits"] = [row for row in world.tables["ContractServiceUnits"] if row["contractServiceID"] != 8001]
    state = await make(world).read_line(a_change())
    assert (state.present, state.quantity, state.evidence) == (True, 0, ())
    world.tables["ContractServices"] = [row for row in world.tables["ContractServices"] if row["id"] != 8001]
    psa = make(world)
    state = await psa.read_line(a_change())
    assert not state.present
    with pytest.raises(PlanRefused, match="not on the contract"):
        psa.prepare(a_change(), state)


async def test_neighbours_show_when_another_line_of_the_contract_moves():
    world = tenant()
    psa = make(world)
    first = await psa.read_line(a_change())
    world.tables["ContractServiceUnits"][2]["approveAndPostDate"] = "2026-11-28T00:00:00Z"
    assert (await psa.read_line(a_change())).neighbours == first.neighbours
    world.tables["ContractServiceUnits"][2]["units"] = 8
    moved = await psa.read_line(a_change())
    assert moved.neighbours != first.neighbours
    assert moved.digest == first.digest


async def test_a_planned_change_is_shown():
    world = tenant()
    world.tables["ContractServiceUnits"][1]["units"] = 4
    state = await make(world).read_line(a_change())
    assert (state.pending_quantity, state.pending_date) == (40_000, date(2026, 12, 26))


@pytest.mark.parametrize("damage", [{"units": "10"}, {"units": 2.5}, {"endDate": None}, {"id": 2, "units": 11}])
async def test_a_line_whose_rows_cannot_be_used_is_not_judged(damage):
    world = tenant()
    if damage.get("id") == 2:
        world.units(50, 8001, 11)
    else:
        world.tables["ContractServiceUnits"][0] |= damage
    psa = make(world)
    with pytest.raises(AnswerUnreadable):
        await psa.read_line(a_change())
    reviewed = await psa.read_lines([a_change()])
    assert reviewed[a_change().line_key].blocked


async def test_rows_that_name_no_line_are_taken_only_where_that_is_clear():
    world = tenant()
    for row in world.tables["ContractServiceUnits"]:
        row["contractServiceID"] = None
    psa = make(world)
    assert (await psa.read_line(a_change())).quantity == 100_000
    world.line(8009, 5, 650)
    world.units(60, 8009, 1)
    with pytest.raises(AnswerUnreadable, match="name no line"):
        await psa.read_line(a_change())


async def test_a_review_with_missing_rows_gives_no_state_at_all():
    world = tenant()
    world.faults.append(lambda request: errors("No.") if "ContractServiceUnits" in request.url.path else None)
    with pytest.raises(ConnectionFailed):
        await make(world).read_lines([a_change()])


async def test_posting_the_period_before_does_not_touch_the_line():
    world = tenant()
    psa = make(world)
    first = await psa.read_line(a_change())
    world.tables["ContractServiceUnits"][3]["approveAndPostDate"] = "2026-11-28T00:00:00Z"
    assert (await psa.read_line(a_change())).digest == first.digest
    world.tables["ContractServiceUnits"][0]["approveAndPostDate"] = "2026-11-28T00:00:00Z"
    assert (await psa.read_line(a_change())).digest != first.digest


async def test_a_line_that_cannot_be_looked_for_is_not_judged():
    world = tenant()
    world.tables["ContractServiceUnits"].clear()
    world.tables["ContractServices"][0]["contractID"] = "x"
    with pytest.raises(AnswerUnreadable, match="contractID"):
        await make(world).read_line(a_change())
