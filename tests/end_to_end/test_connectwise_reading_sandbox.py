"""How a comparison reads ConnectWise: agreements and additions of every kind, paging, bundles, pauses, a code base that moves."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest

from reconcile_app.core.basis import Run
from reconcile_app.core.errors import PlanRefused
from reconcile_app.core.mapping_rules import CustomerRule, LineRule
from reconcile_app.core.ports import CheckResult
from reconcile_app.sandbox.world import World
from tests.end_to_end.desk_fixture import EFFECTIVE, Bench, Told, row_of, rows_of, told
from tests.fakes.connectwise_books import BILLED, HELD, SEAT, STORE, Books, two_customers, whole

Open = Callable[..., AbstractContextManager[Bench]]
DAY = timedelta(days=1)
RIGHTS = [
    ("Company Maintenance", "inquire", "Companies, Company Maintenance: inquire"),
    ("Agreements", "inquire", "Finance, Agreements: inquire"),
    ("Agreements", "edit", "Finance, Agreements: edit"),
    ("Agreements", "add", "Finance, Agreements: add"),
    ("Product Catalog", "inquire", "Procurement, Product Catalog: inquire"),
]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    def make(scenario: "str | Callable[[World], None]" = two_customers) -> Bench:
        return Bench(tmp_path, scenario, psa="connectwise")

    return make


@pytest.fixture
def bench(opened: Open) -> Iterator[Bench]:
    with opened() as made:
        yield made


def compared(run: Run) -> list[tuple[str, int | None, str]]:
    """Customer, quantity in ConnectWise and status of every row."""
    rows = run.rows[["customer_code", "contract_quantity", "status"]].astype(object)
    return [tuple(row) for row in rows.where(rows.notna(), None).to_numpy().tolist()]


# agreements and additions ----------------------------------------------------------------------------------------------------
def several_lines(world: World) -> None:
    """One customer for each way in which additions of one product can stand together."""
    books = Books(world)
    both, ended, free, later, lasting = (
        books.agreement(books.customer(code, code, {SEAT: BILLED})) for code in ("BOTH", "ENDED", "FREE", "LATER", "LASTING")
    )
    books.line(both, SEAT, HELD)
    books.line(both, SEAT, whole(9))
    books.line(ended, SEAT, whole(9), cancelled=EFFECTIVE)
    books.line(ended, SEAT, HELD, effective=EFFECTIVE)
    books.line(free, SEAT, whole(9), bill_customer="NoCharge")
    books.line(free, SEAT, HELD)
    books.line(later, SEAT, whole(9), effective=EFFECTIVE + DAY)
    books.line(lasting, SEAT, HELD, cancelled=EFFECTIVE + DAY)


async def test_several_additions_of_one_product_are_one_line_only_where_that_is_certain(opened: Open) -> None:
    with opened(several_lines) as bench:
        run = await bench.compare()
        assert compared(run) == [
            ("BOTH", None, "blocked"),
            ("ENDED", HELD, "raise"),
            ("FREE", HELD, "raise"),
            ("LASTING", HELD, "raise"),
            ("LATER", 0, "raise"),
        ]
        assert {row["codes"] for row in rows_of(run, "BOTH")} == {"RC04"}
        assert [run.rows["codes"].tolist()[at] for at in (3, 4)] == ["RC16", "RC16"]
        assert run.rows.loc[run.rows["selected"], "customer_code"].tolist() == ["ENDED", "FREE"]
        # Chosen by hand, exactly that one of the two is written.
        agreement = row_of(run, "BOTH", SEAT)["contract_id"]
        first, second = (str(line) for line in list(bench.box.world.connectwise.additions)[:2])
        run = await bench.session.map_line(LineRule(customer_code="BOTH", sku=SEAT, contract_id=agreement, line_id=second))
        (chosen,) = (row for row in rows_of(run, "BOTH", SEAT) if row["line_id"] == second)
        assert (chosen["contract_quantity"], chosen["status"]) == (whole(9), "lower")
        await bench.push(chosen["key"])
        assert [(entry["line"], entry["after"]) for entry in bench.ledger()] == [(second, BILLED)]
        assert bench.box.world.connectwise.additions[int(first)].quantity == HELD


def several_agreements(world: World) -> None:
    """Agreements of another type, over, cancelled, to come, and two in force."""
    books = Books(world)
    one = books.customer("ONE", "NORTH", {SEAT: BILLED})
    books.line(books.agreement(one, "Support", kind="Managed Services"), SEAT, whole(50))
    books.line(books.agreement(one, "Old", start=books.start - timedelta(days=400), end=books.start - DAY), SEAT, whole(51))
    cancelled = {"cancelledFlag": True, "dateCancelled": books.start}
    books.line(books.agreement(one, "Cancelled", **cancelled), SEAT, whole(52))
    books.line(books.agreement(one, "To come", start=EFFECTIVE + DAY), SEAT, whole(53))
    books.line(books.agreement(one, "Current"), SEAT, HELD)
    two = books.customer("TWO", "SOUTH", {SEAT: BILLED})
    for name, held in (("Office", HELD), ("Warehouse", whole(8))):
        books.line(books.agreement(two, name), SEAT, held)


async def test_the_only_agreement_in_force_is_taken_and_of_two_none(opened: Open) -> None:
    with opened(several_agreements) as bench:
        run = await bench.compare()
        assert compared(run) == [("ONE", HELD, "raise"), ("TWO", None, "blocked")]
        assert row_of(run, "ONE", SEAT)["contract_name"] == "Current"
        choices = await bench.session.contracts_of(row_of(run, "TWO", SEAT)["company_id"])
        office = choices.loc[choices["contract_name"] == "Office", "contract_id"].iloc[0]
        rule = CustomerRule(customer_code="TWO", company_id=row_of(run, "TWO", SEAT)["company_id"], contract_id=office)
        run = await bench.session.map_customer(rule)
        await bench.push(row_of(run, "TWO", SEAT)["key"])
        assert [(entry["before"], entry["after"]) for entry in bench.ledger()] == [(HELD, BILLED)]


async def test_companies_can_be_named_by_their_number(opened: Open) -> None:
    def fill(world: World) -> None:
        books = Books(world)
        for code, identifier in (("ONE", "305"), ("TWO", "306")):
            company = books.customer(code, identifier, {SEAT: BILLED})
            company.values["identifier"] = f"KEY-{code}"
            books.line(books.agreement(company), SEAT, HELD)

    with opened(fill) as bench:
        assert set((await bench.compare()).rows["status"]) == {"blocked"}
        bench.connect("connectwise", company_field="id")
        assert compared(await bench.compare()) == [("ONE", HELD, "raise"), ("TWO", HELD, "raise")]


# how it is read --------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("paging", ["forward-only", "navigable"])
async def test_a_catalog_of_several_pages_is_read_whole(opened: Open, paging: str) -> None:
    def fill(world: World) -> None:
        two_customers(world)
        for number in range(2_300):
            world.connectwise.add_product(f"P-{number}", f"Product {number}", price=1, cost=1)

    with opened(fill) as bench:
        bench.connect("connectwise", paging=paging)
        run = await bench.compare()
        assert len(run.basis.psa.services) == 2_302
        assert compared(run) == [("ONE", HELD, "raise"), ("TWO", HELD, "raise")]


async def test_bundles_bring_the_same_with_fewer_calls_and_a_refusal_costs_one(opened: Open) -> None:
    with opened("sized:30x3") as bench:
        singly = await bench.compare()
        bench.connect("connectwise", bundles="yes")
        bundled = await bench.compare()
        bench.box.switch("connectwise", bundles="refused")
        refused = await bench.compare()
        columns = ["key", "contract_quantity", "status"]
        assert bundled.rows[columns].equals(singly.rows[columns])
        assert refused.rows[columns].equals(singly.rows[columns])
        calls = [run.basis.psa.side.calls for run in (singly, bundled, refused)]
        assert calls[0] - calls[1] == 30 - 2
        assert calls[2] - calls[0] == 1


@pytest.mark.parametrize(
    ("fault", "least", "most"),
    [
        ({"headers": {"Retry-After": "40"}, "body": '{"error":"ConnectWiseAPI","message":"Try again in 40 seconds."}'}, 40.0, 45.0),
        ({"body": '{"error":"ConnectWiseAPI","message":"Try again in 30 seconds."}'}, 30.0, 35.1),
        ({"body": "<h1>You are being rate limited</h1>", "content_type": "text/html"}, 30.0, 35.1),
    ],
)
async def test_a_storm_of_refusals_is_waited_out_and_everything_is_read(
    opened: Open, fault: dict[str, object], least: float, most: float
) -> None:
    with opened("sized:12x2") as bench:
        calm = await bench.compare()
        bench.control("connectwise", "faults", kind="status", status=429, path="/additions$", nth=5, times=4, **fault)
        before = bench.clock.monotonic()
        run = await bench.compare()
        waited = bench.clock.monotonic() - before
        assert least <= waited
        assert run.basis.psa.side.complete
        assert run.rows[["key", "status"]].equals(calm.rows[["key", "status"]])
        # Four at a time are refused together: they wait together, not one after the other.
        assert waited < 4 * most


async def test_a_storm_that_does_not_end_leaves_its_agreement_unknown(bench: Bench) -> None:
    bench.control("connectwise", "faults", kind="status", status=429, path="/1208/additions$", times=None, body="{}")
    run = await bench.compare()
    assert compared(run) == [("ONE", HELD, "raise"), ("TWO", None, "unknown")]
    server = bench.settings["connectwise"]["base_url"].removeprefix("http://")
    assert [each.message for each in told(run.log, "CW10")] == [
        f"TWO Contract Line ATR-SEAT, SKU ATR-SEAT, Error Details ConnectWise could not be read. {server} still asks for fewer "
        "requests. {}"
    ]


@pytest.mark.parametrize("codebase", ["v2026_5", "v2026_5_after_discovery"])
async def test_a_code_base_that_moves_is_found_again(bench: Bench, codebase: str) -> None:
    moment = {"do": "switch", "order": {"codebase": codebase}, "path": "/finance/agreements$"}
    bench.control("connectwise", "moment", **moment)
    assert compared(await bench.compare()) == [("ONE", HELD, "raise"), ("TWO", HELD, "raise")]
    await bench.push(row_of(await bench.compare(), "ONE", SEAT)["key"])
    assert [(entry["before"], entry["after"]) for entry in bench.ledger()] == [(HELD, BILLED)]


# rights and settings ---------------------------------------------------------------------------------------------------------
async def test_the_check_of_a_sound_connection_is_ok_throughout(bench: Bench) -> None:
    view = await bench.session.verify("connectwise")
    assert {check.result for check in view.checks} == {CheckResult.OK}
    assert [check.name for check in view.checks] == [
        "Company northgate",
        *(name for _, _, name in RIGHTS),
        "Agreement type Hosting and Cloud Services",
    ]


@pytest.mark.parametrize(("function", "right", "name"), RIGHTS)
@pytest.mark.parametrize("level", ["None", "My"])
async def test_a_right_that_is_missing_is_named_with_where_to_grant_it(
    bench: Bench, function: str, right: str, name: str, level: str
) -> None:
    bench.control("connectwise", "permission", function=function, right=right, level=level)
    view = await bench.session.verify("connectwise")
    missing = [check for check in view.checks if check.result is CheckResult.MISSING]
    assert [check.name for check in missing] == [name]
    assert missing[0].grant == (
        f"ConnectWise › System › Security Roles › the role of the API member › {name.partition(',')[0]} › {function}: "
        f"{right.capitalize()} level All."
    )
    # It is told in the next run, too.
    run = await bench.compare()
    assert Told("RC05", "Error", f"Missing permission on ConnectWise: {name}") in told(run.log, "RC05")


async def test_a_creation_is_refused_where_the_member_sees_only_its_own_agreements(opened: Open) -> None:
    def fill(world: World) -> None:
        books = Books(world)
        books.line(books.agreement(books.customer("ONE", "NORTH", {SEAT: HELD, STORE: BILLED})), SEAT, HELD)

    with opened(fill) as bench:
        run = await bench.compare(allow_create=True)
        bench.control("connectwise", "permission", function="Agreements", right="inquire", level="My")
        with pytest.raises(PlanRefused, match="may stand there unseen"):
            await bench.push(row_of(run, "ONE", STORE)["key"])
        assert bench.ledger() == []
