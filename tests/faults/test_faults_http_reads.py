"""Reading through servers and gateways that refuse, redirect, slow down or answer with pages."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from reconcile_app.core.ports import Progress
from reconcile_app.core.settings import CompareOptions
from tests.faults.read_bench import ReadBench, started

PRODUCTS = ("atria", "autotask")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadBench]:
    with started(tmp_path_factory.mktemp("desk")) as bench:
        yield bench


async def told_while_reading(bench: ReadBench) -> list[str]:
    """What the line of progress says, step by step."""
    told: list[Progress] = []
    run = await bench.session.compare("atria", "autotask", CompareOptions(), told.append)
    assert run.basis.billing.side.complete
    assert run.basis.psa.side.complete
    return [each.entity for each in told]


@pytest.mark.fault("F-12", "R")
@pytest.mark.parametrize(
    ("product", "name", "least", "most", "word"),
    [
        ("atria", "seconds", 7, 7, "waiting"),
        ("autotask", "date", 39, 40, "waiting"),
        ("autotask", "negative", 5, 10, "paused"),
        ("atria", "huge", 600, 600, "waiting"),
        ("autotask", "garbage", 5, 10, "paused"),
    ],
)
async def test_a_wait_that_is_asked_for_is_kept_and_counted_down(
    desk: ReadBench, product: str, name: str, least: float, most: float, word: str
) -> None:
    bench = desk.again()
    bench.strike(product, "F-12", name)
    before = bench.clock.monotonic()
    told = await told_while_reading(bench)
    assert least <= bench.clock.monotonic() - before <= most + 1
    waits = [each for each in told if each.startswith(word)]
    seconds = [int(each.removeprefix(f"{word} ").partition(" s")[0]) for each in waits]
    assert seconds == sorted(seconds, reverse=True)
    assert least <= seconds[0] <= most
    assert len(seconds) >= least
    title = product.capitalize()
    assert waits[0].endswith(f"s, as {title} asks" if word == "waiting" else f"s: rate limit of {title}")


@pytest.mark.fault("F-13", "R")
@pytest.mark.parametrize("product", PRODUCTS)
async def test_a_storm_of_429_makes_no_tight_loop_and_ends(desk: ReadBench, product: str) -> None:
    bench = desk.again()
    asked: list[float] = []
    bench.strike(product, "F-13", "storm")
    struck = len(bench.box.faults.struck)

    def look(seconds: float) -> None:
        if len(bench.box.faults.struck) > struck + len(asked):
            asked.append(bench.clock.monotonic())

    bench.clock.sleeping = look
    words = await bench.check_unknown(product)
    assert "still asks for fewer requests" in words
    assert len(asked) >= 3
    assert all(later - earlier >= 5 - 1e-6 for earlier, later in pairwise(asked))


@pytest.mark.fault("F-14", "R")
async def test_too_many_at_once_is_asked_one_by_one_from_then_on(desk: ReadBench) -> None:
    bench = desk.again()
    bench.strike("autotask", "F-14", "threads", path="/query")
    told = await told_while_reading(bench)
    assert any(each.startswith("paused") for each in told)


@pytest.mark.fault("F-15", "R")
@pytest.mark.fault("F-17", "R")
@pytest.mark.parametrize(
    ("product", "fault", "name"),
    [("autotask", "F-15", "error"), ("atria", "F-17", "502"), ("autotask", "F-17", "503"), ("atria", "F-17", "504")],
)
async def test_an_error_that_passes_is_tried_again(desk: ReadBench, product: str, fault: str, name: str) -> None:
    bench = desk.again()
    bench.strike(product, fault, name, times=2)
    await bench.check_passing()


@pytest.mark.fault("F-15", "R")
@pytest.mark.fault("F-16", "R")
@pytest.mark.fault("F-17", "R")
@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize(
    ("fault", "name", "words"),
    [
        ("F-15", "error", "answered with an error (500). "),
        ("F-16", "refusal", "The unitChange value is not valid for this contract service."),
        ("F-17", "503", "answered with an error (503)."),
    ],
)
async def test_an_error_that_stays_is_told_and_no_page_is_shown(
    desk: ReadBench, product: str, fault: str, name: str, words: str
) -> None:
    bench = desk.again()
    bench.strike(product, fault, name, times=None)
    told = await bench.check_unknown(product)
    assert words in told
    assert "<" not in told
    assert "Service Unavailable" not in told


@pytest.mark.fault("F-18", "R")
@pytest.mark.parametrize("product", PRODUCTS)
async def test_a_sign_in_page_stops_the_source(desk: ReadBench, product: str) -> None:
    bench = desk.again()
    bench.strike(product, "F-18", "sign_in", times=None)
    struck = len(bench.box.faults.struck)
    assert "Got a sign-in page instead of data." in await bench.check_unknown(product)
    # it is not asked for again and again
    assert len(bench.box.faults.struck) - struck <= 2


@pytest.mark.fault("F-19", "R")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(("product", "where"), [("atria", "other_host"), ("autotask", "http")])
async def test_a_redirect_to_another_host_is_refused_and_gets_no_byte(
    desk: ReadBench, product: str, status: int, where: str
) -> None:
    bench = desk.again()
    trap = bench.box.trap()
    bench.strike(product, "F-19", f"{status}_{where}", times=None)
    words = await bench.check_unknown(product)
    host = {"other_host": "localhost", "http": "psa.example.net"}[where]
    assert "The server redirected to " in words
    assert "refused." in words
    assert host in words
    assert (trap.connections, trap.received) == (0, b"")


@pytest.mark.fault("F-19", "R")
async def test_a_redirect_on_the_same_host_is_followed_three_times_at_most(desk: ReadBench) -> None:
    bench = desk.again()
    here = bench.box.simulators["atria"].base_url
    target = {"Location": f"{here}/api/Billing/2026-11-25/invoice"}
    bench.strike("atria", "F-19", "302_same_host", headers=target, times=3)
    await bench.check_passing()
    bench.again().strike("atria", "F-19", "302_same_host", headers=target, times=None)
    assert "redirected to one page after another; refused" in await bench.check_unknown("atria")


@pytest.mark.fault("F-19", "R")
async def test_a_redirected_query_is_not_turned_into_another_one(desk: ReadBench) -> None:
    bench = desk.again()
    bench.strike("autotask", "F-19", "307_same_host", times=None)
    assert "The server redirected to" in await bench.check_unknown("autotask")


@pytest.mark.fault("F-20", "R")
@pytest.mark.parametrize(("product", "name"), [("atria", "accepted"), ("autotask", "accepted_empty")])
async def test_accepted_for_later_is_no_data(desk: ReadBench, product: str, name: str) -> None:
    bench = desk.again()
    bench.strike(product, "F-20", name, times=None)
    assert "Unreadable answer from" in await bench.check_unknown(product)


@pytest.mark.fault("F-21", "R")
@pytest.mark.parametrize("name", ["not_found", "gateway"])
async def test_a_query_that_is_not_found_is_no_empty_list(desk: ReadBench, name: str) -> None:
    bench = desk.again()
    bench.strike("autotask", "F-21", name, times=None)
    assert "has nothing at /ATServicesRest/V1.0/ContractServiceUnits/query" in await bench.check_unknown("autotask")


@pytest.mark.fault("F-21", "R")
async def test_a_line_that_is_gone_is_gone_only_where_its_contract_can_be_read(desk: ReadBench) -> None:
    bench = desk.again()
    line = next(iter(bench.box.world.autotask.lines.values()))
    bench.control("autotask", "remove-line", line=line.id)
    run = await bench.compare()
    assert run.basis.psa.side.complete
    assert set(run.rows.loc[(run.rows["customer_code"] == "ONE").to_numpy(dtype=bool), "status"]) == {"missing"}


@pytest.mark.fault("F-22", "R")
@pytest.mark.parametrize(("product", "name", "status"), [("atria", "conflict", "409"), ("autotask", "precondition", "412")])
async def test_a_conflict_while_reading_is_told(desk: ReadBench, product: str, name: str, status: str) -> None:
    bench = desk.again()
    bench.strike(product, "F-22", name, times=None)
    words = await bench.check_unknown(product)
    assert f"Status {status}" in words
    assert "Another user is working with this record." in words


@pytest.mark.fault("F-23", "R")
@pytest.mark.parametrize(("product", "name"), [("atria", "long_header"), ("autotask", "many_headers"), ("atria", "many_cookies")])
async def test_headers_without_measure_are_refused(desk: ReadBench, product: str, name: str) -> None:
    bench = desk.again()
    bench.strike(product, "F-23", name, times=None)
    assert "Unusable answer: too many or too long headers." in await bench.check_unknown(product)
