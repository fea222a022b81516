"""Codes of what is written, refused, left out or left open; the sandbox's ledger is the judge of what really happened."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile_app.core.changes import ChangeKind
from reconcile_app.core.errors import PlanRefused
from reconcile_app.core.judge import OpState
from reconcile_app.core.settings import Limits
from tests.end_to_end.desk_fixture import Bench, Told, row_of, told


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        yield made


async def test_what_was_written_is_told_as_it_was_planned(bench: Bench) -> None:
    run = await bench.compare(allow_create=True, overwrite_cost=True)
    keys = [row_of(run, *row)["key"] for row in (("ASP", "602"), ("BYGONE", "601"), ("RATA", "604"), ("TOTARA", "612"))]
    planned = run.log
    view = await bench.push(*keys)
    assert {op.state for op in view.ops} == {OpState.VERIFIED}
    assert [op.change.kind for op in view.ops] == [
        ChangeKind.SET_QUANTITY, ChangeKind.ZERO_LINE, ChangeKind.SET_QUANTITY, ChangeKind.SET_UNIT_COST, ChangeKind.CREATE_LINE,
    ]  # fmt: skip
    log = bench.pushed_log
    written = [
        Told(
            "AT09",
            "Info",
            "Aspen Street Physiotherapy Ltd Quantity Update : Line located for Hosted Exchange, Advanced with Product ID 602 and "
            "updated from 12.00 to 14.00",
        ),
        Told(
            "AT13",
            "Info",
            "Bygone Antiques Ltd Line located for Hosted Exchange Basic, per month with Service Name Hosted Exchange Basic is been "
            "removed in the selected billing period. The Quantity is updated from 4.00 to 0.00",
        ),
        Told(
            "AT11",
            "Info",
            "Totara Grove Care Contract Line Added : New Line added for Sign-in Security, Standard with Service ID 612",
        ),
    ]
    for expected in written:
        assert expected in told(log, expected.code)
        assert expected.message in [each.message for each in told(planned, expected.code) if each.planned]
    assert told(log, "RC09") == [
        Told("RC09", "Info", "RATA Cost Update : Microsoft 365, Business Standard with SKU 604 cost updated from 17.86 to 18.80")
    ]
    assert told(log, "AT24") == [Told("AT24", "Info", "Billing Process Completed with status Success")]
    assert [(entry["kind"], entry["before"], entry["after"]) for entry in bench.ledger()] == [
        ("adjustment", 120_000, 140_000),
        ("adjustment", 40_000, 0),
        ("adjustment", 60_000, 70_000),
        ("set_cost", 178_600, 188_000),
        ("create_line", None, 240_000),
    ]


async def test_what_was_left_unticked_is_told_and_stays(bench: Bench) -> None:
    run = await bench.compare()
    await bench.push(row_of(run, "ASP", "602")["key"])
    assert told(bench.pushed_log, "RC12", "CANTER") == [
        Told("RC12", "Info", "CANTER Not Selected : Microsoft 365, Business Premium with SKU 605 stays at 31.00 (Atria 34.00)")
    ]
    assert told(bench.pushed_log, "RC12", "ASP") == []
    assert len(bench.ledger()) == 1


async def test_a_creation_that_autotask_refuses_is_told_with_its_words(bench: Bench) -> None:
    run = await bench.compare(allow_create=True)
    bench.box.call(lambda: bench.box.world.autotask.records["Services"][612].values.update(isActive=False))
    view = await bench.push(row_of(run, "TOTARA", "612")["key"], row_of(run, "ASP", "602")["key"])
    assert {op.change.customer_code: op.state for op in view.ops} == {"ASP": OpState.VERIFIED, "TOTARA": OpState.NOT_APPLIED}
    (entry,) = told(bench.pushed_log, "AT14")
    assert entry == Told(
        "AT14",
        "Error",
        "Totara Grove Care ContractService 612, Error Details Not applied as of 12:00 UTC. Nothing was sent again. Plan it "
        "again if "
        "you still want it. The PSA had said: Reference value on field: serviceID of type: Service does not exist or is invalid.",
    )
    assert told(bench.pushed_log, "AT24") == [Told("AT24", "Info", "Billing Process Completed with status CompletedWithWarnings")]
    assert [entry["kind"] for entry in bench.ledger()] == ["adjustment"]


@pytest.mark.fault("F-33", "W", "before")
async def test_a_right_that_was_taken_away_refuses_the_write(bench: Bench) -> None:
    run = await bench.compare()
    bench.control("autotask", "switch", missing_permission="403")
    bench.control("autotask", "permission", entity="ContractServiceAdjustments", right="create", access=0)
    view = await bench.push(row_of(run, "ASP", "602")["key"], row_of(run, "CANTER", "605")["key"])
    assert [op.state for op in view.ops] == [OpState.REJECTED, OpState.CANCELLED]
    assert told(bench.pushed_log, "AT14") == [
        Told(
            "AT14",
            "Error",
            "Aspen Street Physiotherapy Ltd ContractService 602, Error Details The PSA refused the API user. It said: The "
            "logged in "
            "Resource does not have the adequate permissions to create this entity type.",
        )
    ]
    assert told(bench.pushed_log, "AT24") == [Told("AT24", "Info", "Billing Process Completed with status Cancelled")]
    assert bench.ledger() == []


@pytest.mark.fault("F-41", "W", "after")
async def test_another_users_change_after_our_push_is_told(bench: Bench) -> None:
    run = await bench.compare()
    row = row_of(run, "ASP", "602")
    await bench.push(row["key"])
    same = await bench.compare()
    assert told(same.log, "RC17") == []
    assert row_of(same, "ASP", "602")["last_pushed_quantity"] == 140_000
    bench.control("autotask", "adjust", line=row["line_id"], change=3, date="2026-11-20")
    run = await bench.compare()
    assert told(run.log, "RC17") == [
        Told(
            "RC17",
            "Info",
            "ASP Changed In Autotask : Hosted Exchange, Advanced with SKU 602 was 14.00 after our push on 2026-12-03 and is "
            "17.00 now",
        )
    ]
    row = row_of(run, "ASP", "602")
    assert (row["status"], row["selectable"], row["selected"]) == ("lower", True, True)


@pytest.mark.fault("F-41", "W", "before")
async def test_a_line_that_changed_before_the_review_is_left_out(bench: Bench) -> None:
    run = await bench.compare()
    changed, steady = row_of(run, "CANTER", "605"), row_of(run, "ASP", "602")
    bench.control("autotask", "adjust", line=changed["line_id"], change=5, date="2026-11-26")
    await bench.push(changed["key"], steady["key"])
    assert told(bench.pushed_log, "RC20") == [
        Told(
            "RC20",
            "Warning",
            "CANTER Changed Meanwhile : Microsoft 365, Business Premium with SKU 605 was 31.00 and is 36.00 now; nothing was "
            "written",
        )
    ]
    assert [entry["line"] for entry in bench.ledger()] == [steady["line_id"]]


async def test_a_line_that_changed_after_the_review_is_not_written(bench: Bench) -> None:
    run = await bench.compare()
    changed, steady = row_of(run, "CANTER", "605"), row_of(run, "ASP", "602")
    await bench.select(changed["key"], steady["key"])
    plan = await bench.session.review(Limits())
    bench.control("autotask", "adjust", line=changed["line_id"], change=-2, date="2026-11-26")
    view = await bench.session.push(plan, "2", lambda view: None)
    assert {op.change.customer_code: op.state for op in view.ops} == {"ASP": OpState.VERIFIED, "CANTER": OpState.STALE}
    assert told(bench.pushed_log, "RC20") == [
        Told(
            "RC20",
            "Warning",
            "CANTER Changed Meanwhile : Microsoft 365, Business Premium with SKU 605 was 31.00 and is 29.00 now; nothing was "
            "written",
        )
    ]
    assert [entry["line"] for entry in bench.ledger()] == [steady["line_id"]]


async def test_a_plan_whose_only_line_changed_is_refused(bench: Bench) -> None:
    run = await bench.compare()
    row = row_of(run, "CANTER", "605")
    bench.control("autotask", "adjust", line=row["line_id"], change=5, date="2026-11-26")
    with pytest.raises(PlanRefused, match="Was 31 when you compared, is 36 now"):
        await bench.push(row["key"])
    assert bench.ledger() == []


async def test_a_lost_answer_is_settled_by_reading_and_nothing_is_sent_twice(bench: Bench) -> None:
    run = await bench.compare()
    bench.control("autotask", "faults", kind="lost_answer", path="adjustments")
    view = await bench.push(row_of(run, "CANTER", "605")["key"])
    assert [op.state for op in view.ops] == [OpState.CONFIRMED_BY_STATE]
    assert told(bench.pushed_log, "AT09") == [
        Told(
            "AT09",
            "Info",
            "Canterbury Timber Frames Ltd Quantity Update : Line located for Microsoft 365, Business Premium with Product ID "
            "605 and "
            "updated from 31.00 to 34.00",
        )
    ]
    assert len(bench.ledger()) == 1


async def test_a_lost_answer_that_cannot_be_settled_stays_in_doubt_and_locks_its_line(bench: Bench) -> None:
    run = await bench.compare()
    bench.control("autotask", "faults", kind="lost_answer", path="adjustments")
    # The review and the reading right before the write still succeed; no reading after it does.
    bench.control("autotask", "faults", kind="status", status=503, path="contractserviceunits/query", nth=3, times=None)
    view = await bench.push(row_of(run, "CANTER", "605")["key"])
    assert [op.state for op in view.ops] == [OpState.UNKNOWN]
    assert view.result == "finished, 1 open"
    server = bench.settings["autotask"]["zone_lookup_url"].removeprefix("http://")
    expected = Told(
        "RC21",
        "Error",
        "CANTER In Doubt : Microsoft 365, Business Premium with SKU 605: It is not known yet whether the PSA made the change. "
        "It said: "
        f"Autotask could not be reached. {server} closed the connection without a usable answer.",
    )
    assert told(bench.pushed_log, "RC21") == [expected]
    assert told(bench.pushed_log, "AT24") == [Told("AT24", "Info", "Billing Process Completed with status Failed")]

    bench.control("autotask", "clear-faults")
    again = await bench.compare()
    assert told(again.log, "RC21") == [expected]
    row = row_of(again, "CANTER", "605")
    assert (row["status"], row["selectable"], row["codes"]) == ("blocked", False, "RC21")

    # Looking again settles it without another write, and frees the line.
    (settled,) = await bench.session.recover()
    assert settled.state is OpState.CONFIRMED_BY_STATE
    assert await bench.session.open_ops() == []
    assert len(bench.ledger()) == 1
    free = await bench.compare()
    assert told(free.log, "RC21") == []
    assert row_of(free, "CANTER", "605")["status"] == "equal"


async def test_a_line_that_somebody_touched_while_the_answer_was_lost_needs_a_person(bench: Bench) -> None:
    run = await bench.compare()
    row = row_of(run, "CANTER", "605")
    bench.control("autotask", "faults", kind="lost_answer", path="adjustments")
    await bench.select(row["key"])
    plan = await bench.session.review(Limits())

    def touch(view: object) -> None:
        if bench.ledger() and not bench.ledger("other"):
            bench.control("autotask", "adjust", line=row["line_id"], change=7, date="2026-11-20")

    view = await bench.session.push(plan, "1", touch)
    (op,) = view.ops
    assert op.state is OpState.NEEDS_REVIEW
    server = bench.settings["autotask"]["zone_lookup_url"].removeprefix("http://")
    (entry,) = told(bench.pushed_log, "RC21")
    assert (entry.level, entry.planned) == ("Error", False)
    assert re.fullmatch(
        r"CANTER In Doubt : Microsoft 365, Business Premium with SKU 605: The line shows something that neither our change nor its "
        r"absence explains\. Before 31, intended 34, now 41\. Last touched by an edit of the contract at 2026-12-03 [\d:.]+ UTC\. "
        rf"The PSA had said: Autotask could not be reached\. {server} closed the connection without a usable answer\.",
        entry.message,
    )
    assert row_of(await bench.compare(), "CANTER", "605")["status"] == "blocked"
    await bench.session.close_op(op.op_id, applied=True, reason="Agreed with Hana: 41 is right.")
    assert row_of(await bench.compare(), "CANTER", "605")["status"] == "lower"
