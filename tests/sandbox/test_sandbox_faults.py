"""Faults on the wire, and for writes: before, after and late."""

import time
from collections.abc import Iterator
from datetime import date

import httpx
import pytest

from reconcile_app.sandbox.faults import Fault
from reconcile_app.sandbox.server import Sandbox
from tests.fakes.sandbox_clients import EVERYTHING, AtriaClient, AutotaskClient

TODAY = date(2026, 12, 3)
INVOICE = "/api/Billing/2026-11-25/invoice"


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox("sized:2x2", seed=2, today=TODAY) as running:
        yield running


@pytest.fixture
def autotask(box: Sandbox) -> Iterator[AutotaskClient]:
    with AutotaskClient(box) as client:
        yield client


@pytest.fixture
def atria(box: Sandbox) -> Iterator[AtriaClient]:
    with AtriaClient(box) as client:
        yield client


def adjust(client: AutotaskClient) -> httpx.Response:
    line = client.items("ContractServices", EVERYTHING)[0]
    body = {"contractServiceID": line["id"], "unitChange": 1, "effectiveDate": "2026-11-26"}
    return client.call("POST", f"Contracts/{line['contractID']}/ServiceAdjustments", body)


@pytest.mark.parametrize(
    ("fault", "status", "start"),
    [
        (Fault(kind="status", status=500), 500, b'{"errors"'),
        (Fault(kind="status", status=503), 503, b"<!DOCTYPE HTML"),
        (Fault(kind="status", status=429, headers={"Retry-After": "7"}), 429, b""),
        (Fault(kind="status", status=302, headers={"Location": "http://127.0.0.1:1/"}), 302, b""),
        (Fault(kind="status", status=599), 599, b'{"errors"'),
        (Fault(kind="html"), 200, b"<!DOCTYPE html>"),
        (Fault(kind="not_json"), 200, b"The operation"),
        (Fault(kind="truncated", keep_bytes=10), 200, b'[{"custome'),
    ],
)
def test_a_read_gets_another_answer_once(box: Sandbox, atria: AtriaClient, fault: Fault, status: int, start: bytes) -> None:
    whole = atria.get(INVOICE)
    box.faults.add(fault)
    answer = atria.call(INVOICE)
    assert answer.status_code == status
    assert answer.content.startswith(start)
    for name, value in fault.headers.items():
        assert answer.headers[name] == value
    assert atria.get(INVOICE) == whole


def test_a_truncated_body_is_half_of_the_real_one(box: Sandbox, atria: AtriaClient) -> None:
    whole = atria.call(INVOICE).content
    box.faults.add(Fault(kind="truncated"))
    assert atria.call(INVOICE).content == whole[: len(whole) // 2]


@pytest.mark.parametrize(
    "fault", [Fault(kind="cut"), Fault(kind="cut", keep_bytes=0), Fault(kind="cut", keep_bytes=12), Fault(kind="lost_answer")]
)
def test_a_read_is_cut_off(box: Sandbox, atria: AtriaClient, fault: Fault) -> None:
    box.faults.add(fault)
    with pytest.raises(httpx.TransportError):
        atria.call(INVOICE)
    assert atria.get(INVOICE)


def test_slow_answers_arrive_whole(box: Sandbox, atria: AtriaClient) -> None:
    whole = atria.get(INVOICE)
    box.faults.add(Fault(kind="slow", seconds=0.02, block_bytes=200))
    box.faults.add(Fault(kind="latency", seconds=0.3, nth=2))
    before = time.perf_counter()
    assert atria.get(INVOICE) == whole
    assert atria.get(INVOICE) == whole
    assert time.perf_counter() - before > 0.3


def test_constant_latency_is_added_to_every_answer(autotask: AutotaskClient) -> None:
    autotask.control("latency", {"seconds": 0.15})
    before = time.perf_counter()
    autotask.call("GET", "Companies/0")
    assert time.perf_counter() - before >= 0.15


@pytest.mark.parametrize("kind", ["status", "html", "not_json", "truncated", "cut"])
def test_before_the_commit_nothing_is_stored(box: Sandbox, autotask: AutotaskClient, kind: str) -> None:
    autotask.control("faults", {"kind": kind, "writes": True})
    try:
        assert adjust(autotask).content != b'{"itemId":null}'
    except httpx.TransportError:
        assert kind == "cut"
    assert not box.ledger.entries
    assert autotask.control("faults")[0]["kind"] == kind


@pytest.mark.parametrize("kind", ["status", "html", "not_json", "truncated", "cut", "lost_answer"])
def test_after_the_commit_it_is_stored_exactly_once(box: Sandbox, autotask: AutotaskClient, kind: str) -> None:
    autotask.control("faults", {"kind": kind, "when": "after", "writes": True})
    try:
        assert adjust(autotask).content != b'{"itemId":null}'
    except httpx.TransportError:
        assert kind in {"cut", "lost_answer"}
    assert [entry.actor for entry in box.ledger.entries] == ["us"]


def test_a_late_commit_comes_when_the_time_has_passed() -> None:
    with Sandbox("sized:1x1", today=TODAY, ticking=False) as box, AutotaskClient(box) as client:
        box.faults.add(Fault(kind="status", status=504, when="late", seconds=90, writes=True))
        assert adjust(client).status_code == 504
        assert client.control("ledger") == []
        client.control("advance", {"seconds": 89})
        assert client.control("ledger") == []
        client.control("advance", {"seconds": 1})
        assert [entry["actor"] for entry in client.control("ledger")] == ["late"]


def test_a_late_commit_comes_by_itself_when_time_ticks(box: Sandbox, autotask: AutotaskClient) -> None:
    box.faults.add(Fault(kind="cut", keep_bytes=0, when="late", seconds=0.2, writes=True))
    with pytest.raises(httpx.TransportError):
        adjust(autotask)
    assert not box.ledger.entries
    deadline = time.monotonic() + 10
    while not box.ledger.entries and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [entry.actor for entry in box.ledger.entries] == ["late"]


def test_faults_can_be_cleared_and_chosen_by_path(box: Sandbox, autotask: AutotaskClient) -> None:
    autotask.control("faults", {"kind": "status", "status": 500, "path": "ContractServiceUnits", "times": None})
    assert autotask.call("GET", "Companies/0").status_code == 200
    for _ in range(3):
        assert autotask.call("POST", "ContractServiceUnits/query", {"filter": EVERYTHING}).status_code == 500
    autotask.control("clear-faults")
    assert autotask.call("POST", "ContractServiceUnits/query", {"filter": EVERYTHING}).status_code == 200


def test_a_fault_that_cannot_be_read_is_refused(autotask: AutotaskClient) -> None:
    root = autotask.root.split("/ATS")[0]
    assert autotask.http.post(f"{root}/__sim/faults", json={"kind": "explosion"}).status_code == 400
    assert autotask.http.post(f"{root}/__sim/faults", content=b"{").status_code == 400
    assert autotask.http.post(f"{root}/__sim/advance", json={"seconds": -1}).status_code == 400
