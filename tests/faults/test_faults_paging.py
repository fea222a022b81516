"""Lists that come in pages: repeated, overlapping, missing, endless, moving and leading astray, through real sockets."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reconcile_app.core.basis import Run
from reconcile_app.core.errors import PlanRefused, ReconcileError
from reconcile_app.core.settings import Limits
from tests.end_to_end.desk_fixture import Bench, row_of, two_customers
from tests.fakes.raw_server import RawServer, json_reply, serving

LISTS = ("Companies", "Contracts", "ContractServices", "ContractServiceUnits")
"""With one row a page each of them has at least two pages here."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, two_customers) as made:
        made.control("autotask", "switch", page_rows="1")
        yield made


async def compared(bench: Bench, **fault: object) -> Run:
    """A comparison with one fault of paging."""
    bench.control("autotask", "paging")
    bench.control("autotask", "paging", **fault)
    return await bench.compare()


def statuses(run: Run) -> list[str]:
    return [row_of(run, code, "601")["status"] for code in ("ONE", "TWO")]


async def check_never_planned_from(bench: Bench, run: Run, *words: str) -> None:
    """The side is incomplete, says why, and no change comes from the rows that are unknown."""
    side = run.basis.psa.side
    assert not side.complete
    assert any(word in side.error for word in words), side.error
    unknown = run.rows[(run.rows["status"] == "unknown").to_numpy(dtype=bool)]
    assert len(unknown)
    assert unknown["change"].isna().all()
    assert not unknown["selectable"].any()
    assert any(word in message for word in words for message in run.log["message"])
    with pytest.raises(PlanRefused):
        await bench.push(*unknown["key"])
    assert bench.ledger() == []


# F-36 ------------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-36", "R")
@pytest.mark.parametrize(("kind", "page"), [("again", 1), ("overlap", 2), ("changed", 2)])
async def test_what_comes_twice_is_taken_once_and_a_list_that_changed_is_read_again(bench: Bench, kind: str, page: int) -> None:
    for entity in ("Companies", "ContractServiceUnits"):
        run = await compared(bench, kind=kind, page=page, entity=entity)
        assert run.basis.psa.side.complete, entity
        assert statuses(run) == ["raise", "raise"]
        assert [row_of(run, code, "601")["contract_quantity"] for code in ("ONE", "TWO")] == [20_000, 20_000]
        assert set(run.log["level"]) <= {"Info", "Verbose"}, "the operator need not know"


@pytest.mark.fault("F-36", "R")
async def test_a_list_that_changes_again_and_again_is_not_compared(bench: Bench) -> None:
    for entity in ("Contracts", "ContractServices"):
        run = await compared(bench, kind="changed", page=2, entity=entity, times=None)
        await check_never_planned_from(bench, run, f"The list of {entity} changed while it was read.")


# F-37 ------------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-37", "R")
@pytest.mark.parametrize("kind", ["missing", "skip", "end", "miscount"])
async def test_a_list_that_is_shorter_than_its_count_is_read_once_more(bench: Bench, kind: str) -> None:
    page = 1 if kind == "end" else 2
    for entity in LISTS[:1] if kind == "end" else LISTS[1:2]:
        run = await compared(bench, kind=kind, page=page, entity=entity, times=1)
        if kind == "end":  # A first page without a link looks like a whole list; only its missing customer shows.
            assert statuses(run) == ["raise", "unknown"]
            continue
        assert run.basis.psa.side.complete, entity
        assert statuses(run) == ["raise", "raise"]


@pytest.mark.fault("F-37", "R")
@pytest.mark.parametrize("kind", ["missing", "skip", "end", "miscount"])
async def test_rows_that_stay_away_leave_their_side_unknown(bench: Bench, kind: str) -> None:
    page = 1 if kind == "end" else 2
    for entity in LISTS[:2]:
        run = await compared(bench, kind=kind, page=page, entity=entity, times=None)
        await check_never_planned_from(bench, run, f"{entity}: 2 rows in all", f"{entity}: 3 rows in all", "did not come")


@pytest.mark.fault("F-37", "R")
@pytest.mark.parametrize("kind", ["missing", "skip", "end"])
async def test_services_and_units_that_do_not_fit_together_leave_their_customer_unknown(bench: Bench, kind: str) -> None:
    page = 1 if kind == "end" else 2
    for entity in LISTS[2:]:
        # Each line has two unit rows: the one in force stands on the first and third page, the one of the next period after it.
        at = page if entity == "ContractServices" or kind == "end" else 3
        run = await compared(bench, kind=kind, page=at, entity=entity, times=None)
        await check_never_planned_from(bench, run, "was not in its list", "of them came")
        assert sorted(statuses(run)) == ["raise", "unknown"]


@pytest.mark.fault("F-37", "R")
async def test_a_page_with_fewer_rows_than_it_says_is_refused(bench: Bench) -> None:
    for entity in ("ContractServiceUnits", "Services"):
        run = await compared(bench, kind="short", entity=entity, times=None)
        await check_never_planned_from(bench, run, "A page announces 1 rows and holds 0.")


@pytest.mark.fault("F-37", "R")
@pytest.mark.parametrize(("total", "words"), [("wrong", "announces 3 records and holds 2"), ("more", "goes on on another page")])
async def test_an_invoice_that_announces_more_than_it_holds_is_incomplete(bench: Bench, total: str, words: str) -> None:
    bench.control("atria", "switch", envelope="data", total="right")
    assert statuses(await bench.compare()) == ["raise", "raise"]
    bench.control("atria", "switch", total=total)
    run = await bench.compare()
    assert not run.basis.billing.side.complete
    assert words in run.basis.billing.side.error
    assert set(run.rows["status"]) == {"unknown"}
    assert run.rows["change"].isna().all()
    assert any(words in message for message in run.log["message"])


# F-38 ------------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-38", "R")
@pytest.mark.parametrize("kind", ["again", "first"])
async def test_pages_that_lead_in_a_circle_are_left_after_one_round(bench: Bench, kind: str) -> None:
    for entity in ("Companies", "ContractServiceUnits"):
        run = await compared(bench, kind=kind, page=2, entity=entity, times=None)
        await check_never_planned_from(bench, run, f"The list of {entity} does not end; stopped after page")
        assert run.basis.psa.side.calls < 30


# F-39 ------------------------------------------------------------------------------------------------------------------------
@asynccontextmanager
async def trap() -> AsyncIterator[RawServer]:
    """A server that nobody may ever talk to."""
    async with serving(lambda seen: [json_reply({"items": [], "pageDetails": {"count": 0}})]) as server:
        yield server


def strange_links(own: str, trap_port: int) -> dict[str, str]:
    """Next links that lead elsewhere → what a message about them names."""
    host = own.removeprefix("http://")
    path = "/ATServicesRest/V1.0/Companies/query/next?paging=x"
    return {
        f"http://127.0.0.1:{trap_port}{path}": "127.0.0.1",
        f"http://localhost:{trap_port}{path}": "localhost",
        f"http://127.0.0.2:{trap_port}{path}": "127.0.0.2",
        f"https://{host}{path}": "127.0.0.1",
        f"//127.0.0.1:{trap_port}{path}": "127.0.0.1",
        f"http://{host}@127.0.0.1:{trap_port}{path}": "127.0.0.1",
        f"http://user:secret@{host}{path}": "127.0.0.1",
        f"http://127.0.0.1\\@127.0.0.1:{trap_port}{path}": "http://127.0.0.1",
        f"http://ⅼocalhost:{trap_port}{path}": "ocalhost",
        f"http://127。0。0。1:{trap_port}{path}": "127",
        "http://webservices1.autotаsk.net/x": "webservices1",
        "file:///etc/passwd": "file:",
        "ftp://127.0.0.1/x": "127.0.0.1",
        "javascript:alert(1)": "javascript:",
        f"{own}/elsewhere/query": "127.0.0.1",
        f"{own}/ATServicesRest/V1.0/../../secret": "127.0.0.1",
        f"http://127.0.0.1:{trap_port}\r\nHost: evil{path}": "127.0.0.1",
    }


@pytest.mark.fault("F-39", "R")
async def test_a_next_page_elsewhere_gets_no_byte_and_no_key(bench: Bench) -> None:
    own = bench.box.simulators["autotask"].base_url
    async with trap() as other:
        for url, named in strange_links(own, other.port).items():
            run = await compared(bench, kind="link", url=url, entity="Companies", times=None)
            side = run.basis.psa.side
            assert not side.complete, url
            assert "Autotask pointed to" in side.error, url
            assert named in side.error or named.encode("ascii", "backslashreplace").decode() in side.error, (url, side.error)
            assert "No credentials were sent there." in side.error
            assert run.rows["change"].isna().all()
        assert (other.connections, other.seen) == (0, [])
    assert bench.ledger() == []


@pytest.mark.fault("F-39", "W", "before")
async def test_a_reading_before_the_write_that_is_led_elsewhere_sends_nothing(bench: Bench) -> None:
    run = await bench.compare()
    async with trap() as other:
        await bench.select(row_of(run, "ONE", "601")["key"])
        plan = await bench.session.review(Limits())
        bench.control("autotask", "paging", kind="link", url=f"http://127.0.0.1:{other.port}/x", times=None)
        view = await bench.session.push(plan, "1", lambda view: None)
        assert (other.connections, other.seen) == (0, [])
    (op,) = view.ops
    assert "pointed to 127.0.0.1; refused" in op.message
    assert op.message.endswith("Nothing was sent.")
    assert bench.ledger() == []


# F-40 ------------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-40", "R")
async def test_a_line_that_is_added_between_two_pages_is_read_with_the_others(bench: Bench) -> None:
    first = row_of(await bench.compare(), "ONE", "601")
    bench.box.call(lambda: bench.box.world.autotask.add_service("Backup", service_id=650, price=10_000, cost=5_000))
    order = {"contract": int(first["contract_id"]), "service": 650, "units": 4}
    bench.control("autotask", "moment", do="add-line", order=order, when="after", path="contractservices/query$")
    run = await bench.compare()
    assert statuses(run) == ["raise", "raise"] or not run.basis.psa.side.complete
    assert len(run.basis.psa.lines) == 3
    again = await bench.compare()
    assert again.basis.psa.side.complete
    assert statuses(again) == ["raise", "raise"]


@pytest.mark.fault("F-40", "R")
@pytest.mark.parametrize(("act", "name"), [("remove-contract", "contract_id"), ("remove-company", "company_id")])
async def test_what_is_deleted_between_two_pages_is_gone_and_not_zero(bench: Bench, act: str, name: str) -> None:
    entity = {"remove-contract": "contracts", "remove-company": "companies"}[act]
    first = row_of(await bench.compare(), "ONE", "601")
    order = {name.removesuffix("_id"): int(first[name])}
    bench.control("autotask", "moment", do=act, order=order, when="after", path=f"/{entity}/query$")
    run = await bench.compare()
    assert row_of(run, "ONE", "601")["status"] in {"blocked", "missing", "unknown"}
    assert row_of(run, "ONE", "601")["contract_quantity"] is None or run.rows["contract_quantity"].isna().any()
    assert row_of(run, "TWO", "601")["status"] == "raise"
    with pytest.raises(ReconcileError):
        await bench.push(row_of(run, "ONE", "601")["key"])
    assert bench.ledger() == []


@pytest.mark.fault("F-40", "R")
async def test_a_line_that_is_deleted_between_services_and_units_is_not_taken_for_zero(bench: Bench) -> None:
    first = row_of(await bench.compare(), "ONE", "601")
    order = {"line": int(first["line_id"])}
    bench.control("autotask", "moment", do="remove-line", order=order, when="after", path="contractservices/query$")
    run = await bench.compare()
    row = row_of(run, "ONE", "601")
    assert (row["status"], row["change"]) != ("raise", "raise")
    if row["selectable"]:
        with pytest.raises(PlanRefused):
            await bench.push(row["key"])
    assert bench.ledger() == []
