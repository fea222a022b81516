from datetime import date

import httpx
import pandas as pd
import pytest

from reconcile_app.connectors.autotask import Autotask
from reconcile_app.connectors.autotask.batches import FanOut
from reconcile_app.core.errors import AnswerUnreadable, ConnectionFailed, PermissionDenied, SignInFailed
from reconcile_app.core.frames import COMPANIES, CONTRACT_LINES, CONTRACTS, REJECTED, SERVICES
from tests.fakes.autotask_world import PREFIX, ZONE, AutotaskWorld, connection, context, contract_fields, errors, on, reply

AT = date(2026, 11, 26)


def make(world: AutotaskWorld, **values: str) -> Autotask:
    return Autotask(connection(**values), context()[0], client=world.client)


def full(customers: int, lines: int) -> AutotaskWorld:
    world = AutotaskWorld()
    for service in range(lines):
        world.service(600 + service, f"Service {service}")
    for customer in range(customers):
        world.company(customer, f"Customer {customer}")
        world.contract(5000 + customer, customer)
        for number in range(lines):
            line = world.line(customer * 100 + number, 5000 + customer, 600 + number)
            world.units(line * 10, line, number)
    return world


async def test_a_whole_side_is_read_in_the_fewest_calls():
    world = full(200, 20)
    psa = make(world, base_url=ZONE)
    companies = await psa.companies([str(number) for number in range(200)])
    contracts = await psa.contracts(companies.frame["company_id"], AT)
    before = psa.calls
    lines = await psa.lines(contracts.frame["contract_id"], AT)
    assert (len(companies.frame), len(contracts.frame), len(lines.frame)) == (200, 200, 4000)
    assert (before, psa.calls - before) == (3, 16)  # companies, picklist, contracts; then 8 full pages each
    assert lines.frame.set_index("line_id").loc["19919", "quantity"] == 190_000
    assert companies.complete
    assert lines.complete
    assert world.most_at_once["ContractServices"] <= 3
    assert world.most_at_once["ContractServiceUnits"] <= 3
    CONTRACT_LINES.check(lines.frame)


async def test_ten_lines_for_each_of_two_hundred_customers_take_fewer_than_thirty_calls():
    world = full(200, 10)
    for row in list(world.tables["ContractServiceUnits"]):
        world.tables["ContractServiceUnits"].append(
            row | {"id": row["id"] + 1, "startDate": "2026-12-26T00:00:00Z", "endDate": "2027-01-25T00:00:00Z"}
        )
    psa = make(world)
    await psa.companies([str(number) for number in range(200)])
    await psa.services()
    contracts = await psa.contracts([str(number) for number in range(200)], AT)
    lines = await psa.lines(contracts.frame["contract_id"], AT)
    assert len(lines.frame) == 2000
    assert lines.frame["pending_quantity"].isna().all()
    assert psa.calls == world.calls < 30


async def test_pages_are_read_side_by_side_within_the_allowance():
    world = full(200, 20)
    world.latency = 0.005
    psa = make(world, base_url=ZONE)
    await psa.lines([str(5000 + number) for number in range(200)], AT)
    assert world.most_at_once["ContractServices"] == 3
    assert world.most_at_once["ContractServiceUnits"] == 3


def test_batches_are_cut_so_that_one_fills_a_page():
    fan_out = FanOut(25)
    assert fan_out.size(200) == 25
    fan_out.learn([20] * 75)
    assert fan_out.size(125) == 25
    assert fan_out.size(26) == 13  # two queries either way
    assert fan_out.size(0) == 0
    uneven = FanOut(25)
    uneven.learn([0, 40] * 10)
    assert 0 < uneven.size(1000) < 25
    empty = FanOut(25)
    empty.learn([0] * 10)
    assert empty.size(10_000) == 500


async def test_companies_are_found_by_id_and_text_that_is_no_id_finds_nothing():
    world = AutotaskWorld()
    world.company(0, "Us")
    world.company(174, "Contoso", isActive=False)
    psa = make(world)
    read = await psa.companies(["0", " 0174 ", "C-1001", "", "-5", "٣"], ids=["999"])
    COMPANIES.check(read.frame)
    assert read.frame["company_id"].tolist() == ["0", "174"]
    assert world.asked("Companies")[0]["Filter"] == [{"op": "in", "field": "id", "value": [0, 174, 999]}]
    assert len((await psa.companies([])).frame) == 0


async def test_companies_are_found_by_number_and_mapped_ones_by_id():
    world = AutotaskWorld()
    world.company(174, "Contoso", companyNumber="C-1001")
    world.company(175, "Mapped", companyNumber="")
    read = await make(world, company_field="companyNumber").companies(["C-1001", "C-9"], ids=["175"])
    assert sorted(read.frame["company_id"]) == ["174", "175"]
    assert read.frame.set_index("company_id")["match_value"].dropna().to_dict() == {"174": "C-1001"}


async def test_without_identifiers_every_active_company_is_listed():
    world = AutotaskWorld()
    world.company(1, "Active")
    world.company(2, "Gone", isActive=False)
    assert (await make(world).companies(None)).frame["company_id"].tolist() == ["1"]


async def test_only_recurring_contracts_are_read_future_and_inactive_ones_included():
    world = AutotaskWorld()
    world.fields["Contracts"] = contract_fields(recurring="12", label="Recurring Services", active="4")
    world.contract(1, 174, contractType=12, status=0)
    world.contract(2, 174, contractType=12, status=4, startDate="2030-01-01T00:00:00.000", renewedContractID=1)
    world.contract(3, 174, contractType=7)
    read = await make(world).contracts(["174"], AT)
    frame = CONTRACTS.check(read.frame)
    assert (frame["contract_id"].tolist(), frame["active"].tolist()) == (["1", "2"], [False, True])
    assert frame["contract_type"].tolist() == ["Recurring Services"] * 2


async def test_without_the_picklist_the_usual_type_is_read():
    world = AutotaskWorld()
    world.contract(1, 174)
    world.faults.append(on("/fields", errors("The logged in Resource does not have the adequate permissions")))
    assert (await make(world).contracts(["174"], AT)).frame["contract_id"].tolist() == ["1"]


async def test_the_catalog_holds_inactive_services_and_asks_for_sku_only_when_needed():
    world = AutotaskWorld()
    world.service(650, "Mail", sku="CFQ7", isActive=False)
    plain = await make(world).services()
    assert SERVICES.check(plain.frame)["match_value"].tolist() == ["650"]
    assert "sku" not in world.asked("Services")[0]["IncludeFields"]
    by_sku = await make(world, sku_field="sku").services()
    assert (by_sku.frame["match_value"].tolist(), by_sku.frame["active"].tolist()) == (["CFQ7"], [False])


async def test_lines_show_posted_periods_and_planned_changes():
    world = AutotaskWorld()
    world.contract(5, 174)
    world.line(8001, 5, 650)
    world.units(1, 8001, 10, "2026-11-26", "2026-12-10", approveAndPostDate="2026-11-27T00:00:00Z")
    world.units(2, 8001, 14, "2026-12-11", "2026-12-25")
    world.units(3, 8001, 99, "2027-01-26", "2027-02-25")
    row = (await make(world).lines(["5"], AT)).frame.iloc[0]
    assert (row["quantity"], row["pending_quantity"]) == (100_000, 140_000)
    assert (row["posted_until"], row["pending_date"]) == (pd.Timestamp("2026-12-10"), pd.Timestamp("2026-12-11"))
    window = world.asked("ContractServiceUnits")[0]["Filter"][1:]
    assert window == [
        {"op": "gte", "field": "endDate", "value": "2026-11-26T00:00:00"},
        {"op": "lte", "field": "startDate", "value": "2026-12-27T23:59:59"},
    ]


async def test_a_bad_row_is_rejected_and_its_contract_is_unread():
    world = AutotaskWorld()
    for contract in (5, 6, 7):
        world.line(8000 + contract, contract, 650)
        world.units(contract, 8000 + contract, 3)
    world.tables["ContractServiceUnits"][0]["startDate"] = None
    world.tables["ContractServiceUnits"][1]["units"] = "5"
    read = await make(world).lines(["5", "6", "7"], AT)
    frame = read.frame.set_index("contract_id")
    assert frame["quantity"].isna().to_dict() == {"5": True, "6": True, "7": False}
    assert (read.complete, read.unread) == (False, {"contract:5": "Field startDate is null."})
    rejected = REJECTED.check(read.rejected)
    assert set(rejected["side"]) == {"psa"}
    assert 'Field units is "5".' in rejected["reason"].tolist()


async def test_a_company_and_a_contract_that_cannot_be_read_are_named():
    world = AutotaskWorld()
    world.company(174, "Contoso")
    world.tables["Companies"].append({"id": 175, "companyName": None, "isActive": True, "companyNumber": None})
    world.contract(5, 174)
    world.contract(6, 175, endDate=None)
    psa = make(world)
    companies = await psa.companies(["174", "175"])
    contracts = await psa.contracts(["174", "175"], AT)
    assert (companies.complete, list(companies.unread)) == (False, ["company:175"])
    assert (contracts.complete, list(contracts.unread), contracts.frame["contract_id"].tolist()) == (False, ["company:175"], ["5"])


async def test_a_batch_that_fails_leaves_its_contracts_unread_and_the_rest_stands():
    world = full(60, 2)
    failing: list[httpx.Request] = []

    def fault(request: httpx.Request) -> httpx.Response | None:
        if "ContractServices/" in request.url.path and b"5050" in request.content:
            failing.append(request)
            return errors("An unexpected error has occurred. Error ID: 1166")
        return None

    world.faults.append(fault)
    read = await make(world).lines([str(5000 + number) for number in range(60)], AT)
    assert len(failing) == 1  # a verdict is not asked for again
    assert not read.complete
    assert "Error ID: 1166" in read.error
    assert "contract:5050" in read.unread
    assert 0 < len(read.unread) < 60
    assert len(read.frame) == 2 * (60 - len(read.unread))


async def test_a_side_that_fails_from_the_start_is_an_error_and_is_left_alone():
    world = full(200, 2)
    world.faults.append(lambda request: errors("No.") if "ContractService" in request.url.path else None)
    psa = make(world, base_url=ZONE)
    with pytest.raises(ConnectionFailed, match="No\\."):
        await psa.lines([str(5000 + number) for number in range(200)], AT)
    assert world.calls <= 6


async def test_a_missing_permission_is_an_error_of_the_whole_side():
    world = full(2, 2)
    world.faults.append(on("ContractServices/", errors("The logged in Resource does not have the adequate permissions to query.")))
    with pytest.raises(PermissionDenied):
        await make(world).lines(["5000", "5001"], AT)


async def test_a_server_that_stumbles_is_asked_again_and_too_many_threads_are_waited_out():
    world = full(1, 1)
    world.faults += [
        on("Companies/query", httpx.Response(500, text="<html>oops</html>"), httpx.Response(503, text="busy")),
        on("Contracts/query", errors("The thread threshold of 3 threads has been exceeded.")),
    ]
    psa = make(world)
    assert len((await psa.companies(["0"])).frame) == 1
    assert len((await psa.contracts(["0"], AT)).frame) == 1


async def test_following_pages_are_posted_with_the_same_body():
    world = AutotaskWorld()
    for number in range(1201):
        world.service(number, f"S{number}")
    read = await make(world).services()
    assert len(read.frame) == 1201
    asked = [(method, body) for method, path, body in world.requests if "Services" in path]
    assert [method for method, _ in asked] == ["POST"] * 4
    assert asked[0][1] == asked[1][1] == asked[2][1]
    assert asked[3][1] == {"Filter": asked[0][1]["Filter"]}, "a list of several pages is counted"


def listing(*ids: int, following: str | None = None, name: str = "S") -> httpx.Response:
    rows = [{"id": id_, "name": name} for id_ in ids]
    url = f"{ZONE}{PREFIX}/Services/query/next?paging={following}" if following else None
    return reply({"items": rows, "pageDetails": {"count": len(rows), "nextPageUrl": url}})


async def test_a_row_on_two_pages_is_taken_once():
    world = AutotaskWorld()
    world.faults.append(on("Services", listing(1, 2, following="a"), listing(2, 3), reply({"queryCount": 3})))
    assert (await make(world).services()).frame["service_id"].tolist() == ["1", "2", "3"]


async def test_a_list_that_changed_while_it_was_read_is_read_once_more():
    world = AutotaskWorld()
    changed = [listing(1, 2, following="a"), listing(2, 3, name="New")]
    world.faults.append(on("Services", *changed, listing(1, 2, 3, name="New")))
    assert (await make(world).services()).frame["service_name"].tolist() == ["New"] * 3
    world = AutotaskWorld()
    world.faults.append(on("Services", *changed, *[listing(1, 2, following="a"), listing(2, 3, name="New")]))
    with pytest.raises(AnswerUnreadable, match="changed while"):
        await make(world).services()


@pytest.mark.parametrize("cursors", [["a", "a"], ["a", "b", "a"]])
async def test_a_list_that_comes_back_to_an_earlier_page_is_stopped(cursors):
    world = AutotaskWorld()
    world.faults.append(on("Services", *(listing(number, following=cursor) for number, cursor in enumerate([*cursors, "x"]))))
    with pytest.raises(AnswerUnreadable, match="does not end; stopped after page"):
        await make(world).services()


async def test_pages_that_bring_nothing_new_are_not_followed_for_ever():
    world = AutotaskWorld()
    world.faults.append(on("Services", *(listing(1, following=f"p{number}") for number in range(50))))
    with pytest.raises(AnswerUnreadable, match="does not end"):
        await make(world).services()
    assert world.calls < 10


async def test_a_next_page_on_another_host_is_refused_before_anything_is_sent_there():
    world = AutotaskWorld()
    page = reply(
        {"items": [], "pageDetails": {"count": 0, "nextPageUrl": "https://evil.example/ATServicesRest/V1.0/Services/query/next?x"}}
    )
    world.faults.append(on("Services", page))
    with pytest.raises(ConnectionFailed, match=r"evil\.example"):
        await make(world).services()
    assert world.calls == 2


async def test_progress_tells_rows_and_calls():
    world = full(30, 2)
    given, heard, _ = context()
    psa = Autotask(connection(base_url=ZONE), given, client=world.client)
    await psa.lines([str(5000 + number) for number in range(30)], AT)
    assert {each.entity for each in heard} == {"ContractServices", "ContractServiceUnits"}
    assert all(each.side == "psa" and each.calls_expected >= each.calls > 0 for each in heard)
    assert heard[-1].rows > 0


async def test_numbers_that_could_not_all_be_asked_for_leave_the_whole_side_unknown():
    world = AutotaskWorld()
    for number in range(600):
        world.company(number, f"Customer {number}", companyNumber=f"C-{number:04}")
    world.faults.append(lambda request: errors("No.") if b"C-0001" in request.content else None)
    read = await make(world, company_field="companyNumber").companies([f"C-{number:04}" for number in range(600)])
    assert (read.complete, read.unread, len(read.frame)) == (False, {}, 300)


async def test_a_sign_in_that_ends_while_the_picklist_is_asked_for_is_an_error():
    world = AutotaskWorld()
    world.company(1, "A")
    world.faults.append(lambda request: httpx.Response(401) if request.url.path.endswith("/fields") else None)
    with pytest.raises(SignInFailed):
        await make(world).companies(["1"])
