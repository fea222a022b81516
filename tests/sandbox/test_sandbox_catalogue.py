"""The fault catalogue by name: every row strikes once and passes, from Python and by the control call."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest

from reconcile_app.sandbox.catalogue import WIRE, Variant, chosen
from reconcile_app.sandbox.faults import OUTAGES
from reconcile_app.sandbox.server import Sandbox
from tests.fakes.sandbox_clients import EVERYTHING, AtriaClient, AutotaskClient

PARAMETERS = "/api/Billing/parameters"
INVOICE = "/api/Billing/2026-11-25/invoice"


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with Sandbox("sized:2x2", seed=2, today=date(2026, 12, 3), ticking=False) as running:
        yield running


@pytest.fixture
def atria(box: Sandbox) -> Iterator[AtriaClient]:
    box.faults.clear()
    box.outage("open")
    with AtriaClient(box) as client:
        client.http.timeout = httpx.Timeout(0.4)
        yield client


def asked(client: AtriaClient) -> tuple[object, ...]:
    """What a plain client gets: an answer, or the kind of failure."""
    try:
        answer = client.call(PARAMETERS)
    except httpx.HTTPError as error:
        return (type(error).__name__,)
    return (answer.status_code, answer.content, answer.headers.get("content-type"), len(answer.headers))


UNNOTICED = {
    "close_after",
    "surplus",
    "twice",
    "extra_field",
    "byte_order_mark",
    "many_cookies",
    *OUTAGES,
    "kept_closed",
    "key_twice",
}
"""What a plain client does not notice in the very answer, or only where it uses a connection again."""

OTHERWISE = {"gzip_bomb", "slow_head", "endless"}
"""Rows with a test of their own."""


@pytest.mark.parametrize(
    "row", [row for row in WIRE if row.reads and row.name not in OTHERWISE], ids=lambda row: f"{row.id}-{row.name}"
)
def test_every_row_strikes_once_and_passes(box: Sandbox, atria: AtriaClient, row: Variant) -> None:
    usual = asked(atria)
    assert usual[0] == 200
    struck = len(box.faults.struck)
    box.plan(row.id, row.name, product="atria", seconds=0.05, times=1)
    seen = asked(atria)
    assert len(box.faults.struck) == struck + 1
    assert (seen != usual) or row.name in UNNOTICED
    box.outage("open")
    with AtriaClient(box) as later:
        assert asked(later) == usual


def test_slow_answers_come_byte_by_byte(box: Sandbox, atria: AtriaClient) -> None:
    usual = atria.call(PARAMETERS).content
    box.plan("F-06", "slow_head", product="atria", seconds=0.001)
    before = time.perf_counter()
    assert atria.call(PARAMETERS).content == usual
    assert time.perf_counter() - before > 0.1
    box.plan("F-07", "endless", product="atria", seconds=0.001)
    with atria.http.stream("GET", atria.root + PARAMETERS, headers=atria.headers) as answer:
        assert answer.headers["content-length"] == "1000000000"
        parts = answer.iter_raw()
        assert {next(parts)[:1] for _ in range(5)} == {b" "}


def test_a_bomb_is_small_on_the_wire_and_large_behind_it(box: Sandbox, atria: AtriaClient) -> None:
    box.plan("F-27", "gzip_bomb", product="atria", size=3)
    with atria.http.stream("GET", atria.root + PARAMETERS, headers=atria.headers) as answer:
        raw = b"".join(answer.iter_raw())
    assert len(raw) < 8_000
    box.plan("F-27", "gzip_bomb", product="atria", size=3)
    assert len(atria.call(PARAMETERS).content) > 3 * 2**20


def test_the_control_call_lists_and_plans(box: Sandbox) -> None:
    with AutotaskClient(box) as client:
        listed = client.control("catalogue")
        assert {"id": "F-20", "name": "accepted", "reads": True, "writes": True} in listed
        order = {"id": "f-08", "name": "mid_answer", "when": "after", "nth": 2, "path": "Contracts", "writes": True}
        planned = client.control("catalogue", order)
        assert (planned["kind"], planned["when"], planned["nth"], planned["product"]) == ("reset", "after", 2, "autotask")
        root = client.root.split("/ATS")[0]
        for wrong in ({"id": "F-99"}, {"id": "F-08", "name": "never"}, {"id": "F-08", "nonsense": 1, "nth": "x"}):
            assert client.http.post(f"{root}/__sim/catalogue", json=wrong).status_code == 400
        client.control("clear-faults")


def test_a_row_is_chosen_by_id_and_name() -> None:
    assert chosen(WIRE, "F-12").name == "seconds"
    assert chosen(WIRE, "f-12", "date").fault["retry_in"] == 40.0
    with pytest.raises(ValueError, match="there are: seconds, date"):
        chosen(WIRE, "F-12", "soon")
    with pytest.raises(ValueError, match="F-01, F-03"):
        chosen(WIRE, "F-00")
    assert len({(row.id, row.name) for row in WIRE}) == len(WIRE)


def test_a_date_to_come_back_is_counted_from_the_moment_it_strikes(box: Sandbox, atria: AtriaClient) -> None:
    box.plan("F-12", "date", product="atria")
    box.call(lambda: box.world.advance(timedelta(hours=2)))
    told = datetime.strptime(atria.call(PARAMETERS).headers["Retry-After"], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    assert timedelta(seconds=39) <= told - box.world.clock.now() <= timedelta(seconds=40)


# the network


def test_a_network_that_is_lost_comes_back_with_the_worlds_time(box: Sandbox, atria: AtriaClient) -> None:
    box.outage("refused", seconds=10)
    box.outage("refused", seconds=30)
    assert asked(atria) == ("ConnectError",)
    with AutotaskClient(box) as other, pytest.raises(httpx.ConnectError):
        other.call("GET", "Companies/0")
    box.call(lambda: box.world.advance(timedelta(seconds=29)))
    assert asked(atria) == ("ConnectError",)
    box.call(lambda: box.world.advance(timedelta(seconds=1)))
    assert asked(atria)[0] == 200


@pytest.mark.parametrize(
    ("door", "failures"),
    [
        ("reset", {"ReadError", "RemoteProtocolError", "ConnectError"}),
        ("silent", {"ReadTimeout"}),
        ("refused", {"ConnectError", "ReadError", "RemoteProtocolError"}),
    ],
)
def test_one_product_can_be_away_while_the_other_answers(box: Sandbox, atria: AtriaClient, door: str, failures: set[str]) -> None:
    assert asked(atria)[0] == 200
    box.outage(door, product="atria")  # type: ignore[arg-type]  # the doors by name
    assert asked(atria)[0] in {*failures, "ReadError", "RemoteProtocolError"}
    # the connection that was kept is gone; a new one shows how it is greeted
    with AtriaClient(box) as fresh, AutotaskClient(box) as other:
        fresh.http.timeout = httpx.Timeout(0.4)
        assert asked(fresh)[0] in failures
        assert other.call("GET", "Companies/0").status_code == 200
    box.outage("open", product="atria")
    assert asked(atria)[0] == 200


def test_the_world_begins_again_with_its_network(box: Sandbox, atria: AtriaClient) -> None:
    box.outage("silent", seconds=1_000, product="atria")
    with AutotaskClient(box) as other:
        other.control("reset")
    assert asked(atria)[0] == 200


def test_the_trap_remembers_what_it_is_sent(box: Sandbox) -> None:
    trap = box.trap()
    assert trap is box.trap()
    assert httpx.get(f"{trap.urls[0]}/x", headers={"Secret": "canary"}).json() == {"itemId": None}
    assert trap.connections == 1
    assert b"canary" in trap.received


# time and TLS


def test_pauses_of_a_virtual_sandbox_move_its_time_and_take_none() -> None:
    with Sandbox("sized:1x1", today=date(2026, 12, 3), ticking=False, virtual=True, latency=100.0) as box:
        begin, before = box.world.clock.now(), time.perf_counter()
        with AutotaskClient(box) as client:
            box.plan("F-06", "slow_head", product="autotask", seconds=60.0)
            assert client.call("POST", "Companies/query", {"filter": EVERYTHING}).status_code == 200
            assert box.world.clock.now() - begin > timedelta(hours=1)
            client.control("catalogue", {"id": "F-20", "when": "late", "late_by": 50.0, "writes": True})
            line = client.items("ContractServices", EVERYTHING)[0]
            body = {"contractServiceID": line["id"], "unitChange": 1, "effectiveDate": "2026-11-26"}
            assert client.call("POST", f"Contracts/{line['contractID']}/ServiceAdjustments", body).status_code == 202
            client.call("GET", "Companies/0")
            assert [entry["actor"] for entry in client.control("ledger")] == ["late"]
        assert time.perf_counter() - before < 30
