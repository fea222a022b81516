"""Plans, ops and history lines that fit the sample run."""

from collections.abc import Hashable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from reconcile_app.core.changes import Change, ChangeKind, Status
from reconcile_app.core.findings import Kind
from reconcile_app.core.ids import canonical_json, sha256_hex
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.plan import Dropped, Plan, PlannedChange
from reconcile_app.core.plan_size import Totals
from reconcile_app.core.ports import Budget, LineState
from reconcile_app.services.desk import RunView
from tests.fakes.sample_run import CREATED, EFFECTIVE, PERIOD, sample_run

_APPROVED = datetime(2026, 11, 27, 9, 10, tzinfo=UTC)


def sample_change(row: Mapping[Hashable, Any]) -> Change:
    """The change of a comparison row, given as a dict."""
    def text(name: str) -> str:
        return "" if pd.isna(row[name]) else str(row[name])

    def amount(name: str) -> int:
        return 0 if pd.isna(row[name]) else int(row[name])

    return Change(
        key=text("key"), kind=ChangeKind(text("change")), customer_code=text("customer_code"),
        customer_name=text("customer_name"), company_id=text("company_id"), contract_id=text("contract_id"),
        contract_name=text("contract_name"), line_id=text("line_id"),
        service_id=text("service_id"), service_name=text("service_name"), sku=text("sku"), description=text("description"),
        quantity_before=amount("contract_quantity"), quantity_target=amount("billed_quantity"), effective_date=EFFECTIVE,
        unit_price=amount("unit_price"),
    )


def sample_plan(chosen: pd.DataFrame, confirm: tuple[str, ...] = (), dropped: int = 0) -> Plan:
    """A frozen plan of these comparison rows; the first ``dropped`` of them had changed meanwhile."""
    changes = [sample_change(row) for row in chosen.to_dict("records")]
    kept = changes[dropped:]
    planned = tuple(
        PlannedChange(op_id=f"op-{number:03d}", change=change, semantics="delta",
                      state=LineState(line_id=change.line_id, present=bool(change.line_id), quantity=change.quantity_before))
        for number, change in enumerate(kept))
    canonical = canonical_json([change.key for change in kept])
    return Plan(
        run_id="20261127-091000-aa11bb", source_run="20261127-081500-3fa9c1", tenant="f" * 64, psa_kind="autotask",
        created=_APPROVED, expires=_APPROVED + timedelta(minutes=30),
        effective_date=EFFECTIVE, changes=planned, confirm_reasons=confirm, canonical=canonical,
        dropped=tuple(Dropped(change=change, kind=Kind.CHANGED_MEANWHILE, reason="The quantity in Autotask is 11 now, not 10.")
                      for change in changes[:dropped]),
        totals=Totals(
            lines=len(kept), customers=len({change.customer_code for change in kept}),
            units_up=sum(change.delta for change in kept if change.delta > 0),
            units_down=sum(change.delta for change in kept if change.delta < 0),
            to_zero=sum(change.kind is ChangeKind.ZERO_LINE for change in kept),
            created=sum(change.kind is ChangeKind.CREATE_LINE for change in kept),
            money=sum(change.delta * (change.unit_price or 0) // 10_000 for change in kept)),
        sha256=sha256_hex(canonical), snapshot_sha256="0" * 64,
        budget=Budget(used=1200, allowed=10_000, window_minutes=60, share=0.5), calls_needed=3 * len(kept),
    )


def planned_op(plan: Plan, number: int, change: Change) -> OpRecord:
    return OpRecord(op_id=f"op-{number:03d}", run_id=plan.run_id, seq=number, change=change, semantics="delta",
                    evidence_sha256="0" * 64, state=OpState.PLANNED)


def open_op(state: OpState = OpState.UNKNOWN, message: str = "The connection broke after the request was sent.") -> OpRecord:
    """An op that is not settled."""
    rows = sample_run().rows
    change = sample_change(rows[rows["status"] == Status.RAISE].to_dict("records")[0])
    return OpRecord(op_id="op-open", run_id="20261126-160000-cc22dd", seq=0, change=change, semantics="delta",
                    evidence_sha256="0" * 64, state=state, message=message, updated=CREATED)


def saved_run(number: int = 0) -> RunView:
    """A line of the history."""
    return RunView(run_id=f"2026{11 - number:02d}27-081500-3fa9c1", created=CREATED, period=PERIOD, billing="atria", psa="autotask",
                   rows=220, warnings=15, money_per_period=6_124_000, complete=number != 1,
                   result=("compared", "finished", "finished, 2 open", "refused")[number % 4])
