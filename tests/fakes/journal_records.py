"""Runs and ops for journals."""

from datetime import UTC, date, datetime, timedelta

from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.ids import canonical_json, sha256_hex
from reconcile_app.core.journal import OpRecord, RunRecord
from reconcile_app.core.judge import OpState

NOW = datetime(2026, 11, 26, 8, 15, 0, 250_000, tzinfo=UTC)


def change(line_id: str = "8001", *, target: int = 125_000, kind: ChangeKind = ChangeKind.SET_QUANTITY) -> Change:
    return Change(
        key=f"ASP/1/{line_id}",
        kind=kind,
        customer_code="ASP",
        customer_name="ASP Limited",
        company_id="174",
        contract_id="29684183",
        contract_name="Cloud",
        line_id=line_id,
        service_id="650",
        service_name="Hosted Exchange",
        sku="650",
        description="Hosted Exchange, Advanced – Ü",
        quantity_before=100_000,
        quantity_target=target,
        effective_date=date(2026, 11, 26),
        unit_price=45_000,
    )


def run_record(run_id: str = "20261126-081500-aaaaaa", *, kind: str = "push", undoes: str = "", minutes: int = 0) -> RunRecord:
    plan = canonical_json({"run": run_id})
    created = NOW + timedelta(minutes=minutes)
    return RunRecord(
        run_id=run_id,
        source_run="20261126-080000-bbbbbb",
        tenant="a1b2c3",
        psa="autotask",
        operator="Kim",
        machine="desk-7",
        created=created,
        expires=created + timedelta(minutes=30),
        plan_json=plan,
        plan_sha256=sha256_hex(plan),
        snapshot_sha256="0" * 64,
        app_version="1.0",
        kind=kind,
        undoes_run=undoes,
    )


def op_record(op_id: str = "op-1", *, run_id: str = "20261126-081500-aaaaaa", seq: int = 1, line_id: str = "8001") -> OpRecord:
    return OpRecord(
        op_id=op_id,
        run_id=run_id,
        seq=seq,
        change=change(line_id),
        semantics="delta",
        evidence_sha256="e" * 64,
        state=OpState.PLANNED,
    )
