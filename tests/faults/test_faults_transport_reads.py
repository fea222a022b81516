"""Reading when the transport fails: what passes is tried again and loses nothing, what stays makes the side unknown, in words."""

from collections.abc import Iterator

import pytest

from reconcile_app.core.errors import SideUnreadable
from reconcile_app.sandbox.server import Sandbox
from reconcile_app.services.comparing import RunStopped
from tests.end_to_end.desk_fixture import told
from tests.faults.read_bench import ReadBench, started
from tests.faults.wire_bench import SHORT, on, running

PRODUCTS = ("atria", "autotask")
TITLES = {"atria": "Atria", "autotask": "Autotask"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadBench]:
    with started(tmp_path_factory.mktemp("desk")) as bench:
        yield bench


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with running() as made:
        yield made


@pytest.mark.fault("F-01", "R")
@pytest.mark.parametrize("product", PRODUCTS)
async def test_a_host_that_is_away_for_a_moment_is_waited_for(desk: ReadBench, product: str) -> None:
    bench = desk.again()
    path = {"atria": "billing/parameters", "autotask": "Companies/query"}[product]
    # two tries wait less than this, five wait longer: each wait is random, so the last ones must be seen
    bench.strike(product, "F-01", path=path, seconds=0.4)
    await bench.check_passing()


@pytest.mark.fault("F-01", "R")
async def test_a_billing_host_that_is_away_stops_the_comparison_in_words(desk: ReadBench) -> None:
    bench = desk.again()
    bench.box.outage("refused", product="atria")
    with pytest.raises(RunStopped) as caught:
        await bench.compare()
    error = caught.value
    assert error.title == "Atria could not be reached."
    assert error.happened.endswith("refused the connection or is not reachable.")
    assert "unknown, not zero" in error.meaning
    assert "VPN" in error.next_step
    assert error.exit_code == 3
    assert told(error.log, "AT03")


@pytest.mark.fault("F-01", "R")
async def test_a_psa_that_is_away_leaves_its_side_unknown(desk: ReadBench) -> None:
    bench = desk.again()
    bench.box.outage("refused", product="autotask")
    words = await bench.check_unknown("autotask")
    assert words.startswith("Autotask could not be reached.")
    assert "refused the connection" in words


@pytest.mark.fault("F-02", "R")
async def test_a_name_that_nobody_knows_is_named(desk: ReadBench) -> None:
    bench = desk.again()
    bench.connect("atria", base_url="https://no-such-host.invalid")
    try:
        with pytest.raises(RunStopped) as caught:
            await bench.compare()
    finally:
        bench.connect("atria")
    assert caught.value.happened == "no-such-host.invalid could not be found."
    assert "Check the name and the VPN." in caught.value.next_step


@pytest.mark.fault("F-06", "R")
@pytest.mark.fault("F-07", "R")
@pytest.mark.parametrize(("fault", "name"), [("F-06", "slow_head"), ("F-06", "silent"), ("F-07", "endless")])
async def test_an_answer_that_takes_too_long_is_given_up_after_two_tries(box: Sandbox, fault: str, name: str) -> None:
    async with on(box, SHORT) as bench:
        changes = bench.changes(1)
        bench.strike_read(fault, name, seconds=0.05, times=None)
        struck = len(box.faults.struck)
        with pytest.raises(SideUnreadable) as caught:
            await bench.psa.read_lines(changes)
        assert "took too long to answer" in caught.value.happened
        assert len(box.faults.struck) - struck == 2


@pytest.mark.fault("F-06", "R")
@pytest.mark.fault("F-07", "R")
@pytest.mark.parametrize(("fault", "name"), [("F-06", "slow_head"), ("F-07", "endless")])
async def test_an_answer_that_takes_too_long_once_is_asked_for_again(box: Sandbox, fault: str, name: str) -> None:
    async with on(box, SHORT) as bench:
        changes = bench.changes(1)
        bench.strike_read(fault, name, seconds=0.05)
        (state,) = (await bench.psa.read_lines(changes)).values()
        assert (state.present, state.quantity) == (True, 20_000)


@pytest.mark.fault("F-08", "R")
@pytest.mark.fault("F-09", "R")
@pytest.mark.fault("F-10", "R")
@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("F-08", "unread"),
        ("F-08", "read"),
        ("F-08", "mid_head"),
        ("F-08", "mid_answer"),
        ("F-09", "kept_closed"),
        ("F-09", "close_after"),
        ("F-10", "twice"),
        ("F-10", "surplus"),
    ],
)
async def test_a_connection_that_fails_once_loses_nothing(desk: ReadBench, product: str, fault: str, name: str) -> None:
    bench = desk.again()
    bench.strike(product, fault, name)
    await bench.check_passing()


@pytest.mark.fault("F-10", "R")
@pytest.mark.parametrize("product", PRODUCTS)
async def test_a_second_answer_is_never_taken_for_the_next_one(desk: ReadBench, product: str) -> None:
    bench = desk.again()
    # every answer comes twice but for each third one: with a connection that is used again, answers would shift by one
    for nth in range(1, 40, 3):
        bench.strike(product, "F-10", "twice", path="", nth=nth, times=1)
    await bench.check_passing()


@pytest.mark.fault("F-08", "R")
@pytest.mark.fault("F-10", "R")
@pytest.mark.parametrize("product", ["autotask"])
@pytest.mark.parametrize(
    ("fault", "name", "words"),
    [
        ("F-08", "read", "closed the connection without a usable answer"),
        ("F-08", "mid_answer", "Unreadable answer from"),
        ("F-10", "twice", "more than one answer to one request; the connection was dropped"),
    ],
)
async def test_a_connection_that_always_fails_makes_the_side_unknown(
    desk: ReadBench, product: str, fault: str, name: str, words: str
) -> None:
    bench = desk.again()
    bench.strike(product, fault, name, times=None, keep_bytes=250 if name == "mid_answer" else None)
    told_words = await bench.check_unknown(product)
    assert words in told_words
    assert TITLES[product] in told_words


@pytest.mark.fault("F-11", "R")
async def test_a_network_that_is_lost_while_reading_makes_both_sides_unknown(desk: ReadBench) -> None:
    bench = desk.again()
    bench.strike("autotask", "F-11", path="ContractServices/query", seconds=0.0)
    words = await bench.check_unknown("autotask")
    assert words.startswith("Autotask could not be reached.")
