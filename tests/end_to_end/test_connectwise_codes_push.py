"""Codes of what is written to ConnectWise, refused, left out or left open; the sandbox's ledger is the judge."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile_app.core.changes import ChangeKind
from reconcile_app.core.judge import OpState
from reconcile_app.core.settings import Limits
from tests.end_to_end.desk_fixture import Bench, Told, row_of, told


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, psa="connectwise") as made:
        yield made


async def test_what_was_written_is_told_as_it_was_planned(bench: Bench) -> None:
    run = await bench.compare(allow_create=True, overwrite_cost=True)
    picked = (("ASP", "602"), ("BYGONE", "601"), ("FRACT", "613"), ("RATA", "604"), ("TOTARA", "612"))
    view = await bench.push(*(row_of(run, *row)["key"] for row in picked))
    assert {op.state for op in view.ops} == {OpState.VERIFIED}
    assert [op.change.kind for op in view.ops] == [
        ChangeKind.SET_QUANTITY, ChangeKind.ZERO_LINE, ChangeKind.SET_QUANTITY, ChangeKind.SET_QUANTITY, ChangeKind.SET_UNIT_COST,
        ChangeKind.CREATE_LINE,
    ]  # fmt: skip
    log = bench.pushed_log
    written = [
        Told(
            "CW07",
            "Info",
            "ASP Quantity Update : Line located for Hosted Exchange, Advanced with Product ID 602 and updated from 12.00 to 14.00",
        ),
        Told(
            "CW20",
            "Info",
            "Bygone Antiques Ltd| Line located for Hosted Exchange, Basic with Product ID 601 is been removed in the selected "
            "billing period. The Quantity is updated from 4.00 to 0.00",
        ),
        Told("CW08", "Info", "TOTARA Contract Line Added : New Line added for Sign-in Security, Standard with Product ID 612"),
    ]
    for expected in written:
        assert expected in told(log, expected.code)
        assert expected.message in [each.message for each in told(run.log, expected.code) if each.planned]
    assert told(log, "RC09") == [
        Told("RC09", "Info", "RATA Cost Update : Microsoft 365, Business Standard with SKU 604 cost updated from 17.86 to 18.80")
    ]
    assert told(log, "CW23") == [Told("CW23", "Info", "Billing Process Completed with status Success")]
    assert [(entry["kind"], entry["before"], entry["after"]) for entry in bench.ledger()] == [
        ("set_quantity", 120_000, 140_000),
        ("set_quantity", 40_000, 0),
        ("set_quantity", 20_000, 25_000),
        ("set_quantity", 60_000, 70_000),
        ("set_cost", 178_600, 188_000),
        ("create_line", None, 240_000),
    ]
    again = await bench.compare()
    assert {row_of(again, *row)["status"] for row in picked[2:]} == {"equal"}
    assert row_of(again, "ASP", "602")["last_pushed_quantity"] == 140_000


async def test_a_creation_that_connectwise_refuses_is_told_with_its_words(bench: Bench) -> None:
    run = await bench.compare(allow_create=True)
    product = int(row_of(run, "TOTARA", "612")["service_id"])
    bench.box.call(lambda: bench.box.world.connectwise.records["CatalogItem"][product].values.update(inactiveFlag=True))
    view = await bench.push(row_of(run, "TOTARA", "612")["key"], row_of(run, "ASP", "602")["key"])
    assert {op.change.customer_code: op.state for op in view.ops} == {"ASP": OpState.VERIFIED, "TOTARA": OpState.REJECTED}
    assert told(bench.pushed_log, "CW12") == [
        Told(
            "CW12",
            "Error",
            "Totara Grove Care Addition 612, Error Details The PSA refused the change. It said: addition object is invalid "
            "product/id: The product 612 cannot be added to an agreement.",
        )
    ]
    assert told(bench.pushed_log, "CW23") == [Told("CW23", "Info", "Billing Process Completed with status CompletedWithWarnings")]
    assert [entry["kind"] for entry in bench.ledger()] == ["set_quantity"]


async def test_a_creation_before_the_invoiced_period_is_refused_with_the_reason(bench: Bench) -> None:
    run = await bench.compare(allow_create=True)
    row = row_of(run, "TOTARA", "612")
    bench.control("connectwise", "invoice", agreement=int(row["contract_id"]), through="2026-12-25")
    view = await bench.push(row["key"])
    assert [op.state for op in view.ops] == [OpState.REJECTED]
    (entry,) = told(bench.pushed_log, "CW12")
    assert "already" in entry.message
    assert bench.ledger() == []


async def test_a_right_that_was_taken_away_refuses_the_write_and_stops_the_push(bench: Bench) -> None:
    run = await bench.compare()
    bench.control("connectwise", "permission", function="Agreements", right="edit", level="None")
    view = await bench.push(row_of(run, "ASP", "602")["key"], row_of(run, "CANTER", "605")["key"])
    assert [op.state for op in view.ops] == [OpState.REJECTED, OpState.CANCELLED]
    assert told(bench.pushed_log, "CW12") == [
        Told(
            "CW12",
            "Error",
            "Aspen Street Physiotherapy Ltd Addition 602, Error Details The PSA refused the API user. It said: You do not have "
            "security permission to perform this action.",
        )
    ]
    assert bench.ledger() == []


async def test_another_users_change_is_told_after_our_push_and_left_alone_before_the_next(bench: Bench) -> None:
    run = await bench.compare()
    line = row_of(run, "ASP", "602")
    await bench.push(line["key"])
    bench.control("connectwise", "set-quantity", line=line["line_id"], quantity=17)
    run = await bench.compare()
    assert told(run.log, "RC17") == [
        Told(
            "RC17",
            "Info",
            "ASP Changed In ConnectWise : Hosted Exchange, Advanced with SKU 602 was 14.00 after our push on 2026-12-03 and is "
            "17.00 now",
        )
    ]
    changed, steady = row_of(run, "CANTER", "605"), row_of(run, "BELLA", "604")
    await bench.select(changed["key"], steady["key"])
    plan = await bench.session.review(Limits())
    bench.control("connectwise", "set-quantity", line=changed["line_id"], quantity=29)
    view = await bench.session.push(plan, "2", lambda view: None)
    assert {op.change.customer_code: op.state for op in view.ops} == {"BELLA": OpState.VERIFIED, "CANTER": OpState.STALE}
    assert told(bench.pushed_log, "RC20") == [
        Told(
            "RC20",
            "Warning",
            "CANTER Changed Meanwhile : Microsoft 365, Business Premium with SKU 605 was 31.00 and is 29.00 now; nothing was "
            "written",
        )
    ]
    assert [entry["line"] for entry in bench.ledger()] == [line["line_id"], steady["line_id"]]


async def test_a_lost_answer_that_cannot_be_settled_stays_in_doubt_and_locks_its_line(bench: Bench) -> None:
    run = await bench.compare()
    row = row_of(run, "CANTER", "605")
    bench.control("connectwise", "faults", kind="lost_answer", method="PATCH")
    # The review and the reading right before the write still succeed; no reading after it does.
    bench.control("connectwise", "faults", kind="status", status=503, path=f"{row['contract_id']}/additions$", nth=3, times=None)
    view = await bench.push(row["key"])
    assert [op.state for op in view.ops] == [OpState.UNKNOWN]
    server = bench.settings["connectwise"]["base_url"].removeprefix("http://")
    expected = Told(
        "RC21",
        "Error",
        "CANTER In Doubt : Microsoft 365, Business Premium with SKU 605: It is not known yet whether the PSA made the change. It "
        f"said: ConnectWise could not be reached. {server} closed the connection without a usable answer.",
    )
    assert told(bench.pushed_log, "RC21") == [expected]
    bench.control("connectwise", "clear-faults")
    again = await bench.compare()
    assert told(again.log, "RC21") == [expected]
    assert row_of(again, "CANTER", "605")["status"] == "blocked"
    await bench.session.recover()
    assert await bench.session.open_ops() == []
    assert len(bench.ledger()) == 1
    assert row_of(await bench.compare(), "CANTER", "605")["status"] == "equal"
