"""The JSON of the command line: keys and shapes that other programs rely on."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile_app.connectors.autotask.codes import CODES
from reconcile_app.core.amounts import parse_quantity
from reconcile_app.core.basis import Run
from reconcile_app.core.changes import build_changes
from reconcile_app.core.entries import run_log_for_error
from reconcile_app.core.findings import Kind
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.plan import Dropped
from reconcile_app.core.push_log import push_log
from reconcile_app.core.report import (
    PushReport,
    compare_json,
    decimal_texts,
    dropped_json,
    failed_json,
    push_json,
    source_json,
)
from reconcile_app.core.snapshot import Side
from tests.fakes.comparing import provider
from tests.fakes.sample_run import sample_run

AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)


def run() -> Run:
    world = provider().bill("ASP", "650", "12").bill_before("ASP", "650", "10").bill("BIR", "999", "1").bill("CED", None, "2")
    return world.line("8001", "C174", "650", 10).line("8002", "C176", "800", None).run()


def row(compared: Run, key: str) -> dict[str, Any]:
    return next(each for each in compare_json(compared)["rows"] if each["key"] == key)


def test_a_comparison_has_exactly_these_keys() -> None:
    told = compare_json(run())
    assert list(told) == ["run_id", "schema", "period", "effective_date", "sources", "summary", "rows", "log"]
    assert told["schema"] == 1
    assert told["period"] == {"start": "2026-10-26", "end": "2026-11-25"}
    assert told["effective_date"] == "2026-11-26"
    assert told["sources"] == {
        "billing": {"connection": "atria", "complete": True, "rows": 3, "calls": 3},
        "psa": {"connection": "autotask", "complete": True, "rows": 2, "calls": 4},
    }
    published = ["rows", "equal", "raise", "lower", "add", "zero", "blocked"]
    further = ["missing", "ignored", "unknown", "psa_only", "selected"]
    assert list(told["summary"]) == [*published, *further, "money_per_period"]
    assert told["summary"]["money_per_period"] == "9"
    assert json.loads(json.dumps(told)) == told


def test_a_row_has_exactly_these_keys_and_decimal_text() -> None:
    compared = run()
    assert row(compared, "ASP/C174/650") == {
        "key": "ASP/C174/650", "customer_code": "ASP", "customer_name": "ASP Limited", "company_id": "174",
        "company_name": "Company 174", "contract_id": "C174", "contract_name": "Contract C174", "line_id": "8001",
        "service_id": "650", "service_name": "Hosted Exchange", "sku": "650", "description": "Plan 650", "billed_quantity": "12",
        "previous_quantity": "10", "contract_quantity": "10", "last_pushed_quantity": None, "difference": "2",
        "unit_price": "4.5", "money_difference": "9", "status": "raise", "change": "set_quantity", "codes": [], "selected": True,
        "selectable": True,
    }


def test_what_is_unknown_or_absent_is_null() -> None:
    compared = run()
    blocked = row(compared, "BIR/C175/sku:999")
    assert (blocked["line_id"], blocked["service_id"], blocked["contract_quantity"], blocked["difference"]) == (None,) * 4
    assert (blocked["change"], blocked["codes"], blocked["selected"], blocked["selectable"]) == (None, ["AT08"], False, False)
    without_sku = next(each for each in compare_json(compared)["rows"] if each["customer_code"] == "CED")
    assert (without_sku["sku"], without_sku["status"]) == (None, "blocked")


def test_a_log_entry_has_exactly_these_keys() -> None:
    log = compare_json(run())["log"]
    entry = next(each for each in log if each["code"] == "AT09")
    assert entry == {
        "code": "AT09", "level": "Info", "planned": True, "time": "2026-11-27T08:15:00+00:00", "customer_code": "ASP",
        "customer_name": "ASP Limited", "sku": "650", "old_quantity": "10", "new_quantity": "12",
        "message": "ASP Limited Quantity Update : Line located for Plan 650 with Product ID 650 and updated from 10.00 to 12.00",
        "resolution": "Review only.",
    }
    start = next(each for each in log if each["code"] == "AT01")
    assert (start["customer_code"], start["sku"], start["old_quantity"], start["planned"]) == (None, None, None, False)
    assert all(isinstance(each["resolution"], str) for each in log)


def test_a_side_that_is_not_whole_says_what_is_missing() -> None:
    side = Side(
        connection="autotask", kind="autotask", title="Autotask", complete=False, rows=3, calls=9, error="timed out",
        unread={"contract:C1": "timed out"},
    )
    assert source_json(side) == {
        "connection": "autotask", "complete": False, "rows": 3, "calls": 9, "error": "timed out",
        "unread": {"contract:C1": "timed out"},
    }


def test_a_run_that_stopped_has_the_same_shape() -> None:
    log = run_log_for_error(Kind.PERIOD_INVALID, CODES, run_id="R1", at=AT)
    side = Side(connection="atria", kind="", title="", complete=False, rows=0, calls=0, error="no answer")
    told = failed_json("R1", {"billing": side, "psa": side}, log)
    whole = compare_json(run())
    assert list(told) == list(whole)
    assert list(told["summary"]) == list(whole["summary"])
    assert set(told["summary"].values()) == {0, "0"}
    assert (told["period"], told["effective_date"], told["rows"]) == (None, None, [])
    assert [entry["code"] for entry in told["log"]] == ["AT22", "AT19", "AT24"]
    assert told["sources"]["psa"]["error"] == "no answer"


def test_a_push_has_exactly_these_keys() -> None:
    compared = run()
    change = build_changes(compared, ["ASP/C174/650"])[0]
    op = OpRecord(
        op_id="P1-0001", run_id="P1", seq=1, change=change, semantics="delta", evidence_sha256="0" * 64, state=OpState.VERIFIED,
        message="Written.", quantity_after=120_000, updated=AT,
    )
    half = replace(change, line_id="", sku="", quantity_target=5_000)
    waiting = replace(op, change=half, state=OpState.UNKNOWN, quantity_after=None)
    report = PushReport(
        push_id="P1", result="finished, 1 open", ops=[op, waiting], operator="Ada on desk-1", finished=AT, journal_head="ab",
        log=push_log(compared, [op], (), CODES, "Autotask", AT),
    )
    told = push_json("R1", report)
    assert list(told) == ["run_id", "schema", "push_id", "result", "ops", "log", "journal_head"]
    assert (told["run_id"], told["schema"], told["push_id"], told["result"]) == ("R1", 1, "P1", "finished, 1 open")
    assert told["ops"][0] == {
        "key": "ASP/C174/650", "op_id": "P1-0001", "change": "set_quantity", "customer_code": "ASP", "line_id": "8001",
        "sku": "650", "state": "VERIFIED", "qty_before": "10", "qty_target": "12", "qty_after": "12",
        "effective_date": "2026-11-26", "message": "Written.",
    }
    second = told["ops"][1]
    assert (second["line_id"], second["sku"], second["qty_target"], second["qty_after"]) == (None, None, "0.5", None)
    assert [entry["code"] for entry in told["log"]] == ["AT09", "AT24"]
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize(("kind", "state"), [
    (Kind.UNCHANGED, "SKIPPED_ALREADY"), (Kind.CHANGED_MEANWHILE, "STALE"), (Kind.IN_DOUBT, "BLOCKED"),
])
def test_what_was_left_out_looks_like_an_op_that_was_never_sent(kind: Kind, state: str) -> None:
    compared = run()
    change = build_changes(compared, ["ASP/C174/650"])[0]
    (told,) = dropped_json([Dropped(change=change, kind=kind, reason="Why.")])
    assert told == {
        "key": "ASP/C174/650", "op_id": None, "change": "set_quantity", "customer_code": "ASP", "line_id": "8001", "sku": "650",
        "state": state, "qty_before": "10", "qty_target": "12", "qty_after": None, "effective_date": "2026-11-26",
        "message": "Why.",
    }
    (other,) = dropped_json([Dropped(change=replace(change, line_id="", sku=""), kind=kind, reason="")])
    assert (other["line_id"], other["sku"]) == (None, None)


@given(st.lists(st.none() | st.integers(min_value=-(10**12), max_value=10**12)))
def test_decimal_text_is_exact(amounts: list[int | None]) -> None:
    texts = decimal_texts(pd.Series(pd.array(amounts, dtype="Int64")))
    assert [text is None for text in texts] == [amount is None for amount in amounts]
    for text, amount in zip(texts, amounts, strict=True):
        if text is not None and amount is not None and abs(amount) <= 10**10:
            assert parse_quantity(text) == amount


def test_every_status_of_the_sample_run_is_told() -> None:
    told = compare_json(sample_run())
    statuses = {each["status"] for each in told["rows"]}
    assert statuses == {"equal", "raise", "lower", "add", "zero", "missing", "blocked", "ignored", "unknown", "psa_only"}
    counts = told["summary"]
    assert counts["rows"] == len(told["rows"]) == sum(counts[name] for name in statuses)
