"""Whole sides: companies, agreements, catalog, additions."""

from datetime import date

import pandas as pd
import pytest

from reconcile_app.connectors.connectwise import ConnectWise
from reconcile_app.core.errors import PermissionDenied, SettingsError, SideUnreadable
from reconcile_app.core.findings import Kind
from reconcile_app.core.frames import COMPANIES, CONTRACT_LINES, CONTRACTS, SERVICES
from tests.fakes.connectwise_world import ConnectWiseWorld, always, connection, context, error, on, reply

AT = date(2026, 11, 26)


def make(world: ConnectWiseWorld, **values: str) -> ConnectWise:
    return ConnectWise(connection(**values), context()[0], client=world.client)


def rows_of(frame: pd.DataFrame, *names: str) -> list[tuple[object, ...]]:
    told = frame[list(names)].astype(object)
    return list(told.where(told.notna(), None).itertuples(index=False, name=None))


async def read_lines(psa: ConnectWise, world: ConnectWiseWorld, at: date = AT) -> pd.DataFrame:
    contracts = await psa.contracts([str(row["company"]["id"]) for row in world.agreements], at)
    return (await psa.lines(list(contracts.frame["contract_id"]), at)).frame


async def test_companies_are_found_by_identifier_whatever_its_case():
    world = ConnectWiseWorld()
    fetched = await make(world).companies(["northwind", "\u200eCONTOSO ", "nobody", " "], ids=["305"])
    assert fetched.complete
    COMPANIES.check(fetched.frame)
    assert rows_of(fetched.frame, "company_id", "company_number", "match_value", "active") == [
        ("305", "NORTHWIND", "northwind", True),
        ("306", "CONTOSO", "CONTOSO", True),
    ]
    assert world.calls == 2 + 2  # What did not come is counted.


async def test_companies_are_found_by_number_where_the_connection_says_so():
    world = ConnectWiseWorld()
    fetched = await make(world, company_field="id").companies(["306", "NORTHWIND"])
    assert rows_of(fetched.frame, "company_id", "match_value") == [("306", "306")]
    assert not (await make(world, company_field="id").companies(["NORTHWIND"])).frame.size


async def test_deleted_companies_are_not_offered():
    world = ConnectWiseWorld()
    world.companies[0]["deletedFlag"] = True
    assert rows_of((await make(world).companies(None)).frame, "company_id") == [("306",)]


async def test_an_identifier_with_quotes_is_only_a_value():
    world = ConnectWiseWorld()
    world.companies.append({"id": 400, "identifier": 'A"B\\C', "name": "Odd", "deletedFlag": False})
    assert rows_of((await make(world).companies(['A"B\\C', '" or id > 0 or name = "'])).frame, "company_id") == [("400",)]


async def test_no_address_is_longer_than_2000_characters_and_long_lists_are_read_whole():
    world = ConnectWiseWorld()
    names = [f"COMPANY-{number:05d}-É" for number in range(90)]
    world.companies = [
        {"id": number + 1, "identifier": name, "name": name, "deletedFlag": False} for number, name in enumerate([*names, "OTHER"])
    ]
    psa = make(world)
    assert len((await psa.companies(names)).frame) == 90
    assert 2 <= len(world.asked("/companies")) <= 4
    assert max(len(str(request.url)) for request in world.requests) <= 2000
    world.requests.clear()
    many = await psa.companies([*names, *(f"UNKNOWN-{number:05d}-É" for number in range(300))])
    assert (len(world.asked("/companies")), len(many.frame)) == (1, 90)


async def test_agreements_of_the_wanted_type_only_with_their_dates():
    world = ConnectWiseWorld()
    world.agreement(1300, 305, type={"id": 15, "name": "Hardware"})
    fetched = await make(world, agreement_type=" managed services ").contracts(["305", "306", "307"], AT)
    CONTRACTS.check(fetched.frame)
    assert rows_of(fetched.frame, "contract_id", "company_id", "contract_type", "active") == [
        ("1207", "305", "Managed Services", True),
        ("1208", "306", "Managed Services", True),
        ("1209", "307", "Managed Services", False),
    ]
    day = [tuple(str(each)[:10] for each in row) for row in rows_of(fetched.frame, "start_date", "end_date")]
    assert day == [("2025-01-01", "None"), ("2027-01-01", "2027-12-31"), ("2024-01-01", "2026-03-31")]


@pytest.mark.parametrize("name", ["Managed", "", "14"])
async def test_an_unknown_agreement_type_is_told_with_the_names_to_choose_from(name):
    world = ConnectWiseWorld()
    with pytest.raises(SettingsError) as caught:
        await make(world, agreement_type=name).contracts(["305"], AT)
    assert caught.value.kind is Kind.CONTRACT_TYPE_INVALID
    assert "Cloud and Backup, Managed Services, Hardware (inactive)" in caught.value.next_step


async def test_the_catalog_with_inactive_products_and_without_bundles():
    fetched = await make(ConnectWiseWorld()).services()
    SERVICES.check(fetched.frame)
    assert rows_of(fetched.frame, "service_id", "service_name", "match_value", "active", "unit_price", "unit_cost") == [
        ("411", "Atria seat, monthly", "ATR-SEAT-01", True, 125_000, 71_000),
        ("412", "Mailbox", "ATR-MAIL-02", False, 30_000, None),
        ("413", "Backup", "ATR-BKP-03", True, 90_000, 40_000),
        ("414", "All in one", "ATR-ALL", False, None, None),
    ]


async def test_lines_of_agreements_in_force_only_and_exact():
    world = ConnectWiseWorld()
    world.agreement(1210, 307, endDate="2026-11-25T00:00:00Z", noEndingDateFlag=False)
    world.agreement(1211, 307, endDate="2026-11-26T00:00:00Z", noEndingDateFlag=False)
    world.addition(7, 1211, 411, 0.1001)
    frame = await read_lines(make(world), world)
    CONTRACT_LINES.check(frame)
    assert rows_of(frame, "line_id", "contract_id", "service_id", "quantity", "unit_price", "unit_cost") == [
        ("88431", "1207", "411", 400_000, 125_000, 71_000),
        ("88432", "1207", "412", 125_000, 30_000, 71_000),
        ("7", "1211", "411", 1_001, 25_000, 15_000),
    ]
    assert [request.url.path[-20:-10] for request in world.asked("/additions")] == ["ments/1207", "ments/1211"]
    assert '"taxableFlag": true' in frame["raw"][0]


@pytest.mark.parametrize(
    ("additions", "lines"),
    [
        ([{"cancelledDate": "2026-11-26T00:00:00Z"}], []),
        ([{"cancelledDate": "2026-11-27T00:00:00Z"}], [("1", 50_000, 0, "2026-11-27")]),
        ([{"effectiveDate": "2026-11-26T00:00:00Z"}], [("1", 50_000, None, "None")]),
        ([{"effectiveDate": "2026-12-01T00:00:00Z"}], [("1", 0, 50_000, "2026-12-01")]),
        ([{"effectiveDate": "2026-12-01T00:00:00Z", "cancelledDate": "2026-12-01T00:00:00Z"}], []),
        ([{}, {}], [("1", 50_000, None, "None"), ("2", 50_000, None, "None")]),
        ([{}, {"billCustomer": "NoCharge"}], [("1", 50_000, None, "None")]),
        ([{"billCustomer": "DoNotBill"}], [("1", 50_000, None, "None")]),
        (
            [{"cancelledDate": "2026-12-14T00:00:00Z"}, {"effectiveDate": "2026-12-15T00:00:00Z", "quantity": 9}],
            [("1", 50_000, 90_000, "2026-12-15")],
        ),
        ([{}, {"effectiveDate": "2026-12-15T00:00:00Z", "quantity": 9}], [("1", 50_000, 140_000, "2026-12-15")]),
        ([{"effectiveDate": "0001-01-01T00:00:00Z", "cancelledDate": None}], [("1", 50_000, None, "None")]),
        ([{"lessIncluded": 3.0}], [("1", 50_000, None, "None")]),
        ([{}, {"effectiveDate": "2026-12-15T00:00:00Z", "quantity": None}], [("1", 50_000, None, "None")]),
        ([{}, {"effectiveDate": "2026-12-15T00:00:00Z", "quantity": 0}], [("1", 50_000, None, "None")]),
    ],
)
async def test_what_of_several_additions_of_a_product_stands_for_the_line(additions, lines):
    world = ConnectWiseWorld()
    world.additions[1207] = []
    for number, more in enumerate(additions, 1):
        world.addition(number, 1207, 411, **{"quantity": 5, **more})
    frame = await read_lines(make(world), world)
    told = [(*row[:3], str(row[3])[:10]) for row in rows_of(frame, "line_id", "quantity", "pending_quantity", "pending_date")]
    assert told == lines


@pytest.mark.parametrize("wire", ["5", "null", "true", 0.00001, 10**12, "absent"])
async def test_a_quantity_that_is_no_number_is_unknown_and_not_zero(wire):
    world = ConnectWiseWorld()
    world.additions[1207] = [world.addition(1, 1207, 411, wire)]
    if wire == "absent":
        del world.additions[1207][0]["quantity"]
    psa = make(world)
    await psa.contracts(["305"], AT)
    fetched = await psa.lines(["1207"], AT)
    assert rows_of(fetched.frame, "line_id", "quantity") == [("1", None)]
    assert "no number" in fetched.rejected["reason"][0]


@pytest.mark.parametrize(
    "bad", [{"effectiveDate": "soon"}, {"product": None}, {"id": "x"}, {"id": -1}, {"cancelledDate": "2026-13-40T00:00:00Z"}]
)
async def test_a_row_that_cannot_be_read_leaves_its_agreement_unread(bad):
    world = ConnectWiseWorld()
    world.agreement(1300, 306)
    world.additions[1300] = [world.addition(5, 1300, 411)]
    world.additions[1207][1] = {**world.additions[1207][1], **bad}
    psa = make(world, paging="navigable")
    if "id" in bad:
        world.faults.append(on("/1207/additions", reply(world.additions[1207])))
    await psa.contracts(["305", "306"], AT)
    fetched = await psa.lines(["1207", "1300"], AT)
    assert not fetched.complete
    assert set(fetched.unread) == {"contract:1207"}
    assert rows_of(fetched.frame, "line_id", "quantity") == [("88432", None), ("5", 10_000)]


async def test_an_agreement_that_cannot_be_read_is_unread_and_the_others_stand():
    world = ConnectWiseWorld()
    for id_ in (1300, 1301):
        world.addition(id_ * 10, world.agreement(id_, 305), 411)
    world.faults.append(always("/1300/additions", lambda: error(404, "NotFound", "Agreement 1300 not found")))
    psa = make(world)
    await psa.contracts(["305"], AT)
    fetched = await psa.lines(["1207", "1300", "1301"], AT)
    assert (fetched.complete, list(fetched.unread)) == (False, ["contract:1300"])
    assert "Agreement 1300 not found" in fetched.error
    assert "13010" in set(fetched.frame["line_id"])


async def test_a_side_that_goes_on_failing_is_left_alone():
    world = ConnectWiseWorld()
    for id_ in range(2000, 2040):
        world.agreement(id_, 305)
    world.faults.append(always("/20", lambda: error(404, "NotFound", "Agreement not found")))
    psa = make(world)
    await psa.contracts(["305"], AT)
    before = world.calls
    fetched = await psa.lines([str(each) for each in range(2000, 2040)] + ["1207"], AT)
    assert world.calls - before <= 8
    assert len(fetched.unread) == 40
    with pytest.raises(SideUnreadable, match="not found"):
        await psa.lines(["2001", "2002"], AT)


async def test_what_does_not_come_is_counted_before_it_counts_as_absent():
    world = ConnectWiseWorld()
    world.additions[world.agreement(1300, 306)] = []
    psa = make(world)
    assert (await psa.contracts(["305", "306", "308"], AT)).complete
    assert (await psa.lines(["1207", "1300"], AT)).complete
    world.hidden = 1
    with pytest.raises(SideUnreadable, match="there are 4 rows, and 3 came"):
        await psa.contracts(["305", "306", "308"], AT)
    fetched = await psa.lines(["1207", "1300"], AT)
    assert (fetched.complete, list(fetched.unread)) == (False, ["contract:1300"])


@pytest.mark.parametrize("wrong", [{"company": {"id": 999}}, {"type": {"id": 15, "name": "Hardware"}}])
async def test_agreements_that_were_not_asked_for_are_not_believed(wrong):
    world = ConnectWiseWorld()
    world.faults.append(on("/finance/agreements?", reply([world.agreements[0], {**world.agreements[1], **wrong}])))
    with pytest.raises(SideUnreadable, match="not asked for"):
        await make(world).contracts(["305", "306"], AT)


async def test_additions_of_another_agreement_leave_theirs_unread():
    world = ConnectWiseWorld()
    world.additions[1207][0]["agreementId"] = 1300
    psa = make(world)
    await psa.contracts(["305"], AT)
    fetched = await psa.lines(["1207"], AT)
    assert list(fetched.unread) == ["contract:1207"]
    assert fetched.frame["quantity"].isna().all()


async def test_a_missing_right_is_named():
    world = ConnectWiseWorld()
    world.faults.append(always("/additions", lambda: error(403, "Security", "You do not have security permission.")))
    psa = make(world)
    await psa.contracts(["305"], AT)
    with pytest.raises(PermissionDenied) as caught:
        await psa.lines(["1207"], AT)
    assert caught.value.subject == "Finance, Agreements: inquire"


async def test_a_company_row_without_its_key_leaves_the_side_incomplete():
    world = ConnectWiseWorld()
    row = {"id": 305, "name": "No key"}
    world.faults.append(on("/company/companies", reply([row, world.companies[1]])))
    fetched = await make(world).companies(["CONTOSO"], ids=["305"])
    assert (fetched.complete, dict(fetched.unread).keys()) == (False, {"company:305"})
    world.faults.append(on("/company/companies", reply([{"name": "Neither"}])))
    fetched = await make(world).companies(["CONTOSO"])
    assert (fetched.complete, fetched.unread) == (False, {})


async def test_an_agreement_row_that_cannot_be_read_leaves_its_company_unread():
    world = ConnectWiseWorld()
    for row, unread in (({"id": 9, "company": {"id": 306}}, {"company:306"}), ({"id": 9, "company": {"id": 999}}, set())):
        world.faults.append(on("/finance/agreements?", reply([world.agreements[0], row])))
        fetched = await make(world).contracts(["305", "306"], AT)
        assert (fetched.complete, set(fetched.unread)) == (not unread, unread)
