"""The log: published texts in the published order."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from reconcile_app.connectors.autotask.codes import CODES
from reconcile_app.core.changes import ChangeKind, build_changes
from reconcile_app.core.entries import Entry, entries, not_selected
from reconcile_app.core.findings import Code, Kind, Level
from reconcile_app.core.log import Completion, run_log_for_error, visible
from reconcile_app.core.run import assemble
from reconcile_app.core.settings import LogLevel
from tests.fakes.comparing import World, day, log_of, provider, units

AT = datetime(2026, 11, 27, 10, 15, 30, 999, tzinfo=timezone(timedelta(hours=2)))


def everything() -> World:
    """Every kind of entry that a comparison with one customer per problem can have."""
    world = (
        provider().line("1", "C174", "650", 10).line("2", "C174", "712", 5).line("3", "C175", "650", 4).line("4", "C176", "650", 2)
    )
    world.both("ASP", "650", 12, 9).both("ASP", "712", 5, 5).bill("ASP", "800", 1).bill("ASP", None, 1).bill("ASP", "999", 1)
    world.bill("BIR", "800", 1).bill_before("BIR", "650", 4).bill_before("CED", "650", 2).bill("ZED", "650", 1)
    world.bill("AAA", "650", 1, billing_identifier="999")
    return world


def test_entries_come_in_the_published_order() -> None:
    assert [code for code, _ in log_of(everything().run())] == [
        "AT22",
        "AT01",
        "AT05",
        "AT12",
        "AT09",
        "AT10",
        "AT08",
        "AT07",
        "AT12",
        "AT13",
        "AT04",
        "AT20",
        "AT13",
        "AT21",
        "AT24",
    ]


def test_texts_are_the_published_ones() -> None:
    told = dict(log_of(everything().run()))
    assert told["AT01"] == "Billing Process Started: For Billing Period2026-11-25"
    assert (
        told["AT09"]
        == "ASP Limited Quantity Update : Line located for Plan 650 with Product ID 650 and updated from 10.00 to 12.00"
    )
    assert told["AT10"] == "ASP Limited Contract Line for Plan 712 located – quantity is unchanged"
    assert told["AT20"] == "Started Processing Deprovisioned Customers"
    assert told["AT22"] == "Autotask Worker Task Service 20261127-081500-3fa9c1 started."
    assert told["AT24"] == "Billing Process Completed with status CompletedWithWarnings"


def test_columns_say_who_what_and_whether_it_is_only_planned() -> None:
    log = everything().run().log.set_index("code")
    update = log.loc["AT09"]
    assert (update["customer_code"], update["customer_name"], update["billing_identifier"]) == ("ASP", "ASP Limited", "174")
    assert (update["line_description"], update["sku"], update["old_quantity"], update["new_quantity"]) == (
        "Plan 650",
        "650",
        100_000,
        120_000,
    )
    assert (update["time"], update["level"], update["kind"]) == ("2026-11-27T08:15:00+00:00", "Info", "quantity_updated")
    assert log["planned"].groupby(level=0).any().to_dict() == {
        **dict.fromkeys(("AT01", "AT04", "AT05", "AT07", "AT08", "AT10", "AT12", "AT20", "AT21", "AT22", "AT24"), False),
        "AT09": True,
        "AT13": True,
    }
    missing = log.loc["AT05"]
    assert (missing["customer_code"], missing["customer_name"], missing["billing_identifier"]) == ("AAA", "AAA Limited", "999")
    assert missing[["row", "sku", "line_description", "old_quantity"]].isna().all()
    assert log.loc["AT22", ["customer_code", "customer_name", "row"]].isna().all()
    assert log.loc["AT07", "resolution"] != ""


def test_rows_of_entries_lead_to_the_comparison() -> None:
    run = everything().run()
    about = run.log.dropna(subset=["row"])
    assert about["customer_code"].tolist() == run.rows["customer_code"].take(about["row"].astype(int).tolist()).tolist()


@pytest.mark.parametrize(
    ("world", "status"),
    [
        (provider().line("1", "C174", "650", 1).bill("ASP", "650", 1), "Success"),
        (provider().line("1", "C174", "650", 1).bill("ASP", "650", 2), "Success"),
        (provider().bill("ASP", "650", 2), "CompletedWithWarnings"),
        (provider(), "CompletedWithWarnings"),
    ],
)
def test_the_last_entry_says_how_it_went(world: World, status: str) -> None:
    assert log_of(world.run())[-1] == ("AT24", f"Billing Process Completed with status {status}")


def test_kinds_without_code_are_left_out_and_braces_in_values_stay() -> None:
    world = provider().line("1", "C174", "650", 1).bill("ASP", "650", 2, line_description="100 % {sku}").bill("ZED", "650", 1)
    few = {kind: CODES[kind] for kind in (Kind.QUANTITY_UPDATED, Kind.COMPLETED)}
    run = assemble(world.basis(), few)
    assert (
        log_of(run)[0][1]
        == "ASP Limited Quantity Update : Line located for 100 % {sku} with Product ID 650 and updated from 1.00 to 2.00"
    )
    assert len(run.log) == 2
    assert run.rows["codes"].tolist() == ["", ""]


def test_a_code_table_may_name_the_new_quantity_of_a_zeroing() -> None:
    world = provider().line("1", "C174", "650", 3).bill("ASP", "650", 0)
    code = Code(id="XX1", level=Level.INFO, title="zero", template="{sku} to {new_quantity} {service_description}{nothing}")
    run = assemble(world.basis(), {Kind.REDUCED_TO_ZERO: code, Kind.COMPLETED: CODES[Kind.COMPLETED]})
    assert log_of(run)[0] == ("XX1", "650 to 0.00 Hosted Exchange mailbox")


def test_a_template_without_placeholders_is_a_constant() -> None:
    code = Code(id="XX1", level=Level.INFO, title="same", template="100 % the same")
    run = assemble(provider().line("1", "C174", "650", 3).bill("ASP", "650", 3).basis(), {Kind.UNCHANGED: code})
    assert log_of(run) == [("XX1", "100 % the same")]


def test_a_blank_description_falls_back_to_the_service() -> None:
    world = provider().line("1", "C174", "650", 3).bill("ASP", "650", 3, line_description=None)
    assert ("AT10", "ASP Limited Contract Line for Hosted Exchange located – quantity is unchanged") in log_of(world.run())
    world.lines[0]["description"] = "Mailbox of the contract"
    assert ("AT10", "ASP Limited Contract Line for Mailbox of the contract located – quantity is unchanged") in log_of(world.run())


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        (LogLevel.VERBOSE, {"Error", "Warning", "Info", "Verbose"}),
        (LogLevel.INFO, {"Error", "Warning", "Info"}),
        (LogLevel.WARNING, {"Error", "Warning"}),
        (LogLevel.ERROR, {"Error"}),
    ],
)
def test_a_log_level_hides_what_is_less_serious(level: LogLevel, shown: set[str]) -> None:
    log = visible(everything().run().log, level)
    assert set(log["level"]) == shown
    assert log.index.tolist() == list(range(len(log)))


@pytest.mark.parametrize(
    ("kind", "fields", "codes", "message", "status"),
    [
        (
            Kind.PSA_UNREACHABLE,
            {"error": "refused"},
            ["AT22", "AT02", "AT24"],
            "Failed to connect to Autotask: Error reported was : refused",
            "Failed",
        ),
        (
            Kind.SECRET_MISSING,
            {"secret_name": "Secret"},
            ["AT22", "AT18", "AT24"],
            "Failed to validate Autotask secrets. Secret must have a valid value",
            "Failed",
        ),
        (Kind.PERIOD_INVALID, None, ["AT22", "AT19", "AT24"], "Incorrect billing period date or format recognized.", "Failed"),
        (
            Kind.NO_RECORDS,
            {"period_end": "2020-01-01"},
            ["AT22", "AT15", "AT24"],
            "No records found in Atria for billing period: 2020-01-01",
            "CompletedWithWarnings",
        ),
    ],
)
def test_a_run_that_never_got_to_a_comparison_has_a_log(
    kind: Kind, fields: dict[str, str] | None, codes: list[str], message: str, status: str
) -> None:
    log = run_log_for_error(kind, CODES, run_id="r1", at=AT, fields=fields)
    assert log["code"].tolist() == codes
    assert log["message"].tolist() == [
        "Autotask Worker Task Service r1 started.",
        message,
        f"Billing Process Completed with status {status}",
    ]
    assert set(log["time"]) == {"2026-11-27T08:15:30+00:00"}


def test_a_run_that_was_stopped_later_says_so() -> None:
    log = run_log_for_error(
        Kind.PSA_UNREACHABLE,
        CODES,
        run_id="r1",
        at=AT,
        fields={"period_end": "2026-11-25"},
        started=True,
        status=Completion.CANCELLED,
    )
    assert log["code"].tolist() == ["AT22", "AT01", "AT02", "AT24"]
    assert log["message"].tolist()[-1].endswith("Cancelled")
    assert log["message"].tolist()[2] == "Failed to connect to Autotask: Error reported was :"


def test_a_reason_without_code_leaves_the_frame() -> None:
    assert run_log_for_error(Kind.CONTRACT_TYPE_INVALID, CODES, run_id="r", at=AT)["code"].tolist() == ["AT22", "AT24"]


def test_entries_take_their_texts_from_the_change_and_their_fields() -> None:
    world = (
        provider().line("1", "C174", "650", 10, unit_cost=units("1.25")).bill("ASP", "650", 12).with_options(overwrite_cost=True)
    )
    quantity, cost = build_changes(world.run(), ["ASP/C174/650"])
    log = entries(
        CODES,
        datetime(2026, 11, 27, tzinfo=UTC),
        [
            Entry(kind=Kind.QUANTITY_UPDATED, change=quantity, row=0),
            Entry(kind=Kind.COST_UPDATED, change=cost),
            Entry(kind=Kind.WRITE_REFUSED, change=quantity, fields={"error": "timeout", "sku": "127"}, planned=True),
            Entry(kind=Kind.CONTRACT_TYPE_INVALID),
        ],
    )
    assert log["message"].tolist() == [
        "ASP Limited Quantity Update : Line located for Plan 650 with Product ID 650 and updated from 10.00 to 12.00",
        "ASP Cost Update : Plan 650 with SKU 650 cost updated from 1.25 to 2.00",
        "ASP Limited ContractService 127, Error Details timeout",
    ]
    assert log["row"].fillna(-1).tolist() == [0, -1, -1]
    assert log["planned"].tolist() == [False, False, True]
    assert (cost.kind, log["old_quantity"].tolist()[0]) == (ChangeKind.SET_UNIT_COST, 100_000)
    assert len(entries(CODES, AT, [])) == 0


def test_changes_left_unticked_are_told_once_each() -> None:
    world = (
        provider().line("1", "C174", "650", 10, unit_cost=units("1")).line("2", "C175", "650", 3).with_options(overwrite_cost=True)
    )
    world.map_customer("ZED", "176").line("3", "C176", "650", 1, posted_until=day("2027-01-01"))
    run = world.bill("ASP", "650", 12).bill("BIR", "650", 4).bill("ZED", "650", 2).run()
    log = not_selected(run, CODES, AT, ["BIR/C175/650"])
    assert log["message"].tolist() == [
        "ASP Not Selected : Plan 650 with SKU 650 stays at 10.00 (Atria 12.00)",
        "ZED Not Selected : Plan 650 with SKU 650 stays at 1.00 (Atria 2.00)",
    ]
    assert log["billing_identifier"].fillna("").tolist() == ["174", ""]
    assert log["row"].tolist() == [0, 2]
