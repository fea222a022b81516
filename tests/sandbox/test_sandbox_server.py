"""Starting and stopping, the command's server, and the scenarios by name."""

import io
import os
import signal
import socket
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from reconcile_app.sandbox.ledger import Origin
from reconcile_app.sandbox.scenarios import SCENARIOS, scenario
from reconcile_app.sandbox.server import PSAS, Sandbox, serve
from reconcile_app.sandbox.world import World
from tests.fakes.sandbox_clients import AtriaClient, AutotaskClient

TODAY = date(2026, 12, 3)
AUTOTASK_FIELDS = {
    "base_url",
    "zone_user",
    "zone_lookup_url",
    "sku_field",
    "company_field",
    "settle_seconds",
    "calls_per_hour_share",
    "secrets",
}


def free_ports(count: int) -> int:
    """The first of some ports in a row that were free a moment ago."""
    for first in range(20_000 + os.getpid() % 10_000, 60_000, count):
        try:
            for port in range(first, first + count):
                with socket.create_server(("127.0.0.1", port)):
                    pass
        except OSError:
            continue
        return first
    raise AssertionError("no free ports")


def test_a_sandbox_leaves_no_thread_and_no_open_port() -> None:
    before = set(threading.enumerate())
    with Sandbox("empty", today=TODAY) as box, AtriaClient(box) as atria:
        port = httpx.URL(box.settings["atria"]["base_url"]).port
        assert atria.call("/API/").status_code == 200  # leaves a kept-alive connection behind
        assert set(threading.enumerate()) - before
    assert set(threading.enumerate()) == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port or 0), timeout=5)


def test_stopping_ends_a_request_that_hangs() -> None:
    before = set(threading.enumerate())
    box = Sandbox("empty", today=TODAY, latency=60).start()
    address = ("127.0.0.1", httpx.URL(box.settings["atria"]["base_url"]).port or 0)
    with socket.create_connection(address, timeout=20) as client:
        client.sendall(b"GET /API/ HTTP/1.1\r\nHost: x\r\n\r\n")
        threading.Event().wait(0.1)
        box.stop()
        box.stop()
        assert client.recv(100) == b""
    assert set(threading.enumerate()) == before


def test_every_product_has_its_port_in_order() -> None:
    first = free_ports(2)
    with Sandbox("empty", today=TODAY, port=first) as box:
        assert box.settings["atria"]["base_url"] == f"http://127.0.0.1:{first}"
        assert box.settings["autotask"]["zone_lookup_url"] == f"http://127.0.0.1:{first + 1}"
        assert set(box.settings["autotask"]) == AUTOTASK_FIELDS
        assert set(box.settings["autotask"]["secrets"]) == {"username", "secret", "integration_code"}
        assert set(box.settings["atria"]) == {"base_url", "customer_key", "ca_file", "secrets"}


def test_a_taken_port_is_an_error_and_nothing_stays() -> None:
    before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="address"):
        Sandbox("empty", today=TODAY, port=taken.getsockname()[1]).start()
    assert set(threading.enumerate()) == before


def test_what_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="no scenario 'grand'; there are: demo, empty, large, huge, sized"):
        Sandbox("grand")
    with pytest.raises(ValueError, match="no simulated PSA 'other'; there are: autotask"):
        Sandbox("empty", psas=("other",))
    with pytest.raises(RuntimeError, match="not running"):
        Sandbox("empty").call(lambda: None)


def test_work_is_done_between_requests_and_switches_are_set() -> None:
    with Sandbox("empty", today=TODAY) as box:
        assert box.call(threading.current_thread).name == "sandbox"
        box.switch("atria", casing="pascal")
        assert box.world.atria.switches["casing"] == "pascal"
        with pytest.raises(ValueError, match="camel, pascal"):
            box.switch("atria", casing="upper")


def test_without_a_psa_only_atria_answers() -> None:
    with Sandbox("empty", today=TODAY, psas=()) as box:
        assert set(box.settings) == {"atria"}


def test_a_world_of_any_size_by_name_or_function() -> None:
    world = World(scenario("sized:7x3"), today=TODAY)
    assert (len(world.atria.customers), len(world.autotask.lines)) == (7, 21)
    large = World(SCENARIOS["large"], today=TODAY)
    assert (len(large.atria.customers), len(large.autotask.lines)) == (1_000, 15_000)
    many = World(scenario("sized:1x40"), today=TODAY)
    assert len({record.values["name"] for record in many.autotask.records["Services"].values()}) == 40

    def own(target: World) -> None:
        scenario("empty")(target)
        target.atria.add_customer("ONE", "One Ltd")

    with Sandbox(own, today=TODAY) as box, AtriaClient(box) as atria:
        assert [row["customerCode"] for row in atria.get("/api/Billing/parameters")["customers"]] == ["ONE"]


def snapshot(world: World) -> bytes:
    state = world.autotask
    parts: list[Any] = [
        world.atria.processed.customers,
        world.atria.processed.assignments,
        list(world.atria.tokens),
        [record.values for entity in state.records.values() for record in entity.values()],
        [contract.values for contract in state.contracts.values()],
        [[line.row_values(row) for row in line.rows] for line in state.lines.values()],
        sorted(state.integration_codes),
    ]
    return msgspec.json.encode(parts, enc_hook=str, order="deterministic")


@pytest.mark.parametrize("name", ["demo", "sized:20x4"])
def test_the_same_seed_and_day_give_the_same_world(name: str) -> None:
    first, second = (World(scenario(name), seed=5, today=TODAY) for _ in range(2))
    assert snapshot(first) == snapshot(second)
    assert snapshot(first) != snapshot(World(scenario(name), seed=6, today=TODAY))


def test_serve_prints_one_line_and_serves_until_stopped(tmp_path: Path) -> None:
    stop, out, file = threading.Event(), io.StringIO(), tmp_path / "ledger.jsonl"
    options: dict[str, Any] = {"scenario": "empty", "out": out, "stop": stop, "ledger_file": file}
    thread = threading.Thread(target=serve, kwargs=options)
    thread.start()
    while not out.getvalue().endswith("\n"):
        assert thread.is_alive()
    settings = msgspec.json.decode(out.getvalue())
    assert out.getvalue().count("\n") == 1
    assert list(settings) == ["atria", *PSAS] == ["atria", "autotask", "connectwise"], "the first PSA is the one of the demo"
    answer = httpx.get(f"{settings['atria']['base_url']}/API/")
    assert answer.status_code == 200
    stop.set()
    thread.join()
    assert file.read_bytes() == b""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
def test_serve_ends_at_a_signal() -> None:
    code = "from reconcile_app.sandbox.server import serve; serve((), scenario='empty')"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert set(msgspec.json.decode(process.stdout.readline())) == {"atria"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def test_dates_of_answers_follow_the_world() -> None:
    with Sandbox("empty", today=TODAY) as box, AutotaskClient(box) as client:
        assert client.call("GET", "Companies/0").headers["date"].startswith("Thu, 03 Dec 2026 12:0")


def test_requests_that_are_no_http_end_the_connection() -> None:
    with Sandbox("empty", today=TODAY) as box:
        address = ("127.0.0.1", httpx.URL(box.settings["atria"]["base_url"]).port or 0)
        for garbage in (b"\x16\x03\x01\x00\x00 hello\r\n\r\n", b"GET /API/ HTTP/1.1\r\n"):
            with socket.create_connection(address, timeout=20) as client:
                client.sendall(garbage)
                client.shutdown(socket.SHUT_WR)
                assert client.recv(100) == b""
        with socket.create_connection(address, timeout=20) as client:
            client.sendall(b"GET /API/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert client.makefile("rb").read().endswith(b"</html>")


def test_the_ledger_closes_with_the_sandbox(tmp_path: Path) -> None:
    with Sandbox("empty", today=TODAY, ledger_file=tmp_path / "ledger.jsonl") as box:
        box.call(lambda: box.ledger.append("world", "note", Origin()))
    assert len((tmp_path / "ledger.jsonl").read_bytes().splitlines()) == 1
