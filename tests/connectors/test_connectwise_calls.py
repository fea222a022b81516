"""How many calls a comparison takes, bundles of additions, and the progress that is told."""

import asyncio
from datetime import date

import httpx
import pandas as pd
import pytest

from reconcile_app.connectors.connectwise import ConnectWise
from reconcile_app.core.errors import SignInFailed
from tests.fakes.connectwise_world import ConnectWiseWorld, connection, context, error, on, recorded, reply

AT = date(2026, 11, 26)


def make(world: ConnectWiseWorld, **values: str) -> ConnectWise:
    return ConnectWise(connection(**values), context()[0], client=world.client)


def provider(count: int, over: int = 0) -> ConnectWiseWorld:
    """Companies with an agreement of 15 additions each, and some whose agreement is over."""
    world = ConnectWiseWorld()
    world.agreements, world.additions, world.companies = [], {}, []
    for number in range(count + over):
        name = f"C{number:05d}"
        world.companies.append({"id": 100_000 + number, "identifier": name, "name": name, "deletedFlag": False})
        ended = {"endDate": "2026-01-31T00:00:00Z", "noEndingDateFlag": False} if number >= count else {}
        id_ = world.agreement(10_000 + number, 100_000 + number, **ended)
        for place in range(15):
            world.addition(id_ * 100 + place, id_, 500 + place, place)
    return world


async def read_everything(world: ConnectWiseWorld, **values: str) -> tuple[int, pd.DataFrame]:
    """What a comparison reads, and how many calls that took."""
    psa = make(world, **values)
    await psa.tenant()
    await psa.services()
    companies = await psa.companies([row["identifier"] for row in world.companies])
    contracts = await psa.contracts(list(companies.frame["company_id"]), AT)
    fetched = await psa.lines(list(contracts.frame["contract_id"]), AT)
    assert fetched.complete
    assert psa.calls == world.calls
    return world.calls, fetched.frame


async def test_a_thousand_agreements_take_one_call_each_beside_the_pages():
    world = provider(1000)
    calls, frame = await read_everything(world)
    pages = 5  # the tenant, the catalog, companies, agreement types, agreements
    assert calls == pages + 1000
    assert len(frame) == 15_000
    assert world.most_at_once == 4


async def test_never_more_than_four_requests_at_a_time():
    world = provider(40)
    world.additions = {id_: [] for id_ in world.additions}
    world.latency = 0.0001
    psa = make(world)
    await psa.contracts([str(100_000 + number) for number in range(40)], AT)
    await asyncio.gather(psa.services(), psa.companies(None), psa.lines([str(10_000 + number) for number in range(40)], AT))
    assert world.most_at_once == 4


async def test_agreements_that_are_over_take_no_call():
    world = provider(100, over=20)
    world.page_limit = 100
    calls, frame = await read_everything(world, paging="navigable")
    assert len(world.asked("/additions")) == 100
    # What came over several pages is counted.
    assert (len(world.asked("/finance/agreements")), len(world.asked("/finance/agreements/count"))) == (2, 1)
    assert (calls, len(frame)) == (world.calls, 1500)


async def test_bundles_read_25_agreements_at_a_time_where_they_are_answered():
    world = provider(110)
    world.bundles = True
    calls, frame = await read_everything(world, bundles="yes")
    assert calls == 5 + 5
    assert len(frame) == 1650
    assert world.most_at_once <= 4


async def test_refused_bundles_cost_one_call_and_are_not_asked_for_again():
    world = ConnectWiseWorld()
    for id_ in range(2000, 2060):
        world.addition(id_ * 10, world.agreement(id_, 305), 411)
    psa = make(world, bundles="yes")
    contracts = await psa.contracts(["305"], AT)
    for expected in (1 + 61, 61):
        before = world.calls
        fetched = await psa.lines(list(contracts.frame["contract_id"]), AT)
        assert world.calls - before == expected
        assert (fetched.complete, len(fetched.frame)) == (True, 62)


async def test_a_bundle_is_believed_only_where_it_proves_itself():
    world = ConnectWiseWorld()
    world.agreement(1208, 305)
    world.additions[1208] = [world.addition(9, 1208, 411)]
    bundle = recorded("bundle")
    world.faults.append(on("/system/bundles", reply(bundle)))
    psa = make(world, bundles="yes")
    fetched = await psa.lines(["1207", "1208"], AT)
    assert [request.url.path[-14:] for request in world.asked("/additions")] == ["1208/additions"]
    assert sorted(fetched.frame["line_id"]) == ["88431", "88432", "9"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda result: result.update(count=3),
        lambda result: result.update(success=False),
        lambda result: result.update(statusCode=202),
        lambda result: result.update(entities=[]),
        lambda result: result["entities"][0].pop("agreementId"),
        lambda result: result["entities"][0].update(agreementId=1208),
        lambda result: result["entities"][0].update(product=None),
        lambda result: result.update(entities=[result["entities"][0]] * 25, count=25),
        lambda result: result.update(sequenceNumber=2),
    ],
)
async def test_a_doubtful_bundle_is_read_again_one_by_one(spoil):
    world = ConnectWiseWorld()
    world.agreement(1208, 305)
    bundle = recorded("bundle")
    spoil(bundle["results"][0])
    world.faults.append(on("/system/bundles", reply(bundle)))
    await make(world, bundles="yes").lines(["1207", "1208"], AT)
    assert len(world.asked("/additions")) == 2


async def test_progress_counts_calls_and_rows():
    world = ConnectWiseWorld()
    given, heard, _ = context()
    psa = ConnectWise(connection(), given, client=world.client)
    await psa.companies(["NORTHWIND"])
    await psa.contracts(["305"], AT)
    await psa.lines(["1207"], AT)
    await psa.services()
    assert [(told.entity, told.rows) for told in heard] == [("companies", 1), ("agreements", 1), ("additions", 3), ("products", 4)]
    assert all(told.side == "psa" and told.calls_expected >= told.calls > 0 for told in heard)


async def test_a_refused_sign_in_is_told_and_no_reason_to_try_without_bundles():
    world = ConnectWiseWorld()
    world.agreement(1208, 305)
    world.faults.append(on("/system/bundles", error(401, "Unauthorized", "Wrong keys")))
    with pytest.raises(SignInFailed):
        await make(world, bundles="yes").lines(["1207", "1208"], AT)
    assert world.calls == 1


async def test_a_single_agreement_needs_no_bundle():
    world = ConnectWiseWorld()
    world.bundles = True
    assert (await make(world, bundles="yes").lines(["1207"], AT)).complete
    assert world.calls == 1


async def test_a_gateway_page_is_no_bundle():
    world = ConnectWiseWorld()
    world.agreement(1208, 305)
    world.faults.append(on("/system/bundles", httpx.Response(200, html="<html></html>")))
    assert (await make(world, bundles="yes").lines(["1207", "1208"], AT)).complete
