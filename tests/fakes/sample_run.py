"""A believable run, built straight from the frame schemas: every status, most codes, and as many rows as wanted.

``sample_run()`` has about sixty rows that read like a real provider's; ``sample_run(rows=N)`` repeats them for more customers.
"""

import json
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd

from reconcile_app.core.changes import ChangeKind, Status
from reconcile_app.core.codes import render
from reconcile_app.core.findings import Level, blocks
from reconcile_app.core.frames import (
    BILLED_LINES,
    COMPANIES,
    COMPARISON,
    CONTRACT_LINES,
    CONTRACTS,
    CUSTOMERS,
    FINDINGS,
    IGNORED,
    LOG,
    MAPPED_LINES,
    REJECTED,
    SERVICES,
)
from reconcile_app.core.ids import row_key
from reconcile_app.core.mapping import IgnoreRule, MappingRules
from reconcile_app.core.period import Period
from reconcile_app.core.run import Basis, BillingSnapshot, LastPush, PsaSnapshot, Run, Side, Summary
from reconcile_app.core.settings import CompareOptions
from tests.fakes.sample_world import BY_ID, CASES, CUSTOMERS_SERVED, SERVICES_SOLD, Case

U = 10_000
PERIOD = Period(date(2026, 10, 26), date(2026, 11, 25))
OPEN_PERIOD = Period(date(2026, 11, 26), date(2026, 12, 25))
EARLIER = Period(date(2026, 9, 26), date(2026, 10, 25))
EFFECTIVE = date(2026, 11, 26)
TODAY = date(2026, 11, 27)
CREATED = datetime(2026, 11, 27, 8, 15, tzinfo=UTC)

_CHANGES = {
    Status.RAISE: ChangeKind.SET_QUANTITY.value, Status.LOWER: ChangeKind.SET_QUANTITY.value,
    Status.ADD: ChangeKind.CREATE_LINE.value,
    Status.ZERO: ChangeKind.ZERO_LINE.value,
}
_PLACEHOLDERS = {
    "reason": "the connection broke after the request was sent", "psa": "Autotask", "side": "Autotask", "count": "2",
    "error": "timed out after 3 attempts", "contract_name": "Managed Services", "billing_identifier": "999", "old_quantity": "1",
    "new_quantity": "2", "end_date": "2026-12-25", "pending_quantity": "3", "pending_date": "2026-12-01",
}
_BY_CODE = {customer.code: customer for customer in CUSTOMERS_SERVED}
_BY_SERVICE = {service.id: service for service in SERVICES_SOLD}


def sample_run(rows: int | None = None, run_id: str = "20261127-081500-3fa9c1") -> Run:
    """The run; with ``rows``, that many, over as many customers as needed."""
    frame = _comparison()
    if rows is not None:
        frame = _repeated(frame, rows)
    return build_run(frame, run_id)


def build_run(frame: pd.DataFrame, run_id: str = "20261127-081500-3fa9c1", rules: MappingRules | None = None) -> Run:
    """A run around a comparison frame: findings, log, sides and summary that fit it."""
    COMPARISON.check(frame)
    coded = frame[frame["codes"].fillna("") != ""]
    mapped = _mapped(frame)
    part_row = pd.Series(np.flatnonzero(frame["billed_quantity"].notna().to_numpy()), dtype="int64")
    ignored = frame[frame["status"] == Status.IGNORED]["key"]
    rules = rules or MappingRules(ignores={
        key: IgnoreRule(key=key, reason="Included in the flat fee", by="Alex", created=date(2026, 9, 27)) for key in ignored})
    return Run(
        basis=_basis(frame, run_id, rules), rows=frame, mapped=mapped, part_row=part_row, findings=_findings(coded),
        log=_log(frame, coded), summary=summary_of(frame),
        ignored=IGNORED.build({"key": list(ignored), "reason": [rules.ignores[key].reason for key in ignored],
                               "until": [None] * len(ignored), "by": [rules.ignores[key].by for key in ignored]}),
    )


def _comparison() -> pd.DataFrame:
    columns: dict[str, list[Any]] = {name: [] for name in COMPARISON.columns}
    for case in CASES:
        for name, value in _row(case).items():
            columns[name].append(value)
    return COMPARISON.build(columns)


def _units(quantity: float | None) -> int | None:
    return None if quantity is None else round(quantity * U)


def _row(case: Case) -> dict[str, Any]:
    customer = _BY_CODE[case.customer]
    service = _BY_SERVICE.get(case.service)
    sku = case.service if case.sku == "=" else case.sku
    billed, contract = _units(case.billed), _units(case.contract)
    known = case.status not in (Status.UNKNOWN, Status.BLOCKED) or contract is not None
    difference = (billed or 0) - (contract or 0) if known else None
    price = service.price if service else None
    has_line = contract is not None or case.status is Status.UNKNOWN
    item = case.service if service and sku else f"sku:{sku}" if sku else f"text:{case.service}"
    return {
        "key": row_key(case.customer, customer.contract or "", item),
        "customer_code": customer.code, "customer_name": customer.name, "billing_identifier": customer.identifier,
        "company_id": customer.company, "company_name": customer.company_name, "contract_id": customer.contract,
        "contract_name": customer.contract_name, "line_id": f"80{case.service}{customer.company}" if has_line else None,
        "service_id": service.id if service and sku else None, "service_name": service.name if service and sku else None,
        "sku": sku, "description": service.description if service else "Legacy Fax Gateway", "billed_quantity": billed,
        "previous_quantity": _units(case.previous), "contract_quantity": contract, "last_pushed_quantity": _units(case.last),
        "difference": difference, "unit_price": price, "unit_cost": service.cost if service else None, "new_unit_cost": None,
        "money_difference": None if difference is None or price is None else difference * price // U,
        "parts": None if billed is None else 1, "status": case.status.value,
        "change": _CHANGES.get(case.status), "codes": case.codes or None,
        "selected": case.selected and case.selectable and case.status in _CHANGES,
        "selectable": case.selectable and case.status in _CHANGES,
    }


def _repeated(frame: pd.DataFrame, rows: int) -> pd.DataFrame:
    position = np.arange(rows) % len(frame)
    copy = np.arange(rows) // len(frame)
    big = frame.iloc[position].reset_index(drop=True)
    suffix = pd.Series([f"{number:05d}" if number else "" for number in copy], dtype="string")
    for name in ("customer_code", "customer_name", "contract_id", "line_id"):
        big[name] = (big[name] + suffix).astype(frame[name].dtype)
    big["key"] = (big["key"] + "~" + suffix).astype(frame["key"].dtype)
    big["billed_quantity"] = big["billed_quantity"] + pd.Series(copy % 40, dtype="Int64") * U
    big["difference"] = big["billed_quantity"] - big["contract_quantity"]
    big["money_difference"] = big["difference"] * big["unit_price"] // U
    return big


def _mapped(frame: pd.DataFrame) -> pd.DataFrame:
    billed = frame[frame["billed_quantity"].notna()]
    raw = [
        json.dumps({"CustomerCode": code, "SKU": None if sku is pd.NA else sku, "LineDescription": text, "Quantity": quantity / U})
        for code, sku, text, quantity in zip(
            billed["customer_code"], billed["sku"], billed["description"], billed["billed_quantity"], strict=True)
    ]
    return MAPPED_LINES.build({
        "customer_code": billed["customer_code"], "customer_name": billed["customer_name"],
        "billing_identifier": billed["billing_identifier"], "sku": billed["sku"], "service_name": billed["service_name"],
        "line_description": billed["description"], "quantity": billed["billed_quantity"], "raw": raw,
        "raw_quantity": [str(quantity / U) for quantity in billed["billed_quantity"]],
        "matched_identifier": billed["billing_identifier"], "company_id": billed["company_id"],
        "company_name": billed["company_name"], "contract_id": billed["contract_id"], "contract_name": billed["contract_name"],
        "service_id": billed["service_id"], "line_id": billed["line_id"],
    })


def _findings(coded: pd.DataFrame) -> pd.DataFrame:
    kinds = [BY_ID[codes.split()[0]][0] for codes in coded["codes"]]
    return FINDINGS.build({
        "kind": [kind.value for kind in kinds], "scope": [blocks(kind).value for kind in kinds],
        "row": list(coded.index), "customer_code": coded["customer_code"], "fields": ["{}"] * len(coded),
    })


def _log(frame: pd.DataFrame, coded: pd.DataFrame) -> pd.DataFrame:
    """Warnings of coded rows, planned updates of changing rows, in order of the rows."""
    changing = frame[frame["status"].isin([Status.RAISE, Status.LOWER]) & (frame["codes"].fillna("") == "")]
    picked = pd.concat([coded, changing]).sort_index(kind="stable")
    entries = [BY_ID[str(codes).split()[0] if codes is not pd.NA and codes else "AT09"] for codes in picked["codes"]]
    names = picked["customer_name"].tolist()
    texts = [
        render(code.template, _PLACEHOLDERS | {"customer_name": name, "customer_code": short, "line_description": text,
                                               "sku": "" if pd.isna(sku) else sku})
        for (_, code), name, short, text, sku in zip(
            entries, names, picked["customer_code"], picked["description"], picked["sku"], strict=True)
    ]
    return LOG.build({
        "time": [CREATED.isoformat()] * len(picked), "level": [code.level.value for _, code in entries],
        "code": [code.id for _, code in entries], "kind": [kind.value for kind, _ in entries],
        "planned": np.array([code.level is Level.INFO for _, code in entries], dtype=bool), "row": list(picked.index),
        "customer_code": picked["customer_code"], "customer_name": picked["customer_name"],
        "billing_identifier": picked["billing_identifier"], "line_description": picked["description"], "sku": picked["sku"],
        "old_quantity": picked["contract_quantity"], "new_quantity": picked["billed_quantity"], "message": texts,
        "resolution": [code.resolution or None for _, code in entries],
    })


def _basis(frame: pd.DataFrame, run_id: str, rules: MappingRules) -> Basis:
    pushed = frame[frame["last_pushed_quantity"].notna() & frame["line_id"].notna()]
    doubtful = frame[frame["codes"].fillna("") == "RC21"]["line_id"].dropna()
    return Basis(
        run_id=run_id, created=CREATED, options=CompareOptions(), effective_date=EFFECTIVE, today=TODAY,
        billing=_billing(frame), psa=_psa(frame), rules=rules,
        last_pushed={
            line: LastPush(quantity=int(quantity), pushed_on=date(2026, 10, 27))
            for line, quantity in zip(pushed["line_id"], pushed["last_pushed_quantity"], strict=True)},
        open_lines=dict.fromkeys(doubtful, "the connection broke after the request was sent"),
    )


def _billing(frame: pd.DataFrame) -> BillingSnapshot:
    customers = frame.drop_duplicates("customer_code")
    side = Side(connection="atria", kind="atria", title="Atria", complete=True, calls=4,
                rows=int(frame["billed_quantity"].notna().sum()))
    return BillingSnapshot(
        side=side, period=PERIOD, current=OPEN_PERIOD, previous=EARLIER, previous_complete=True, lines=BILLED_LINES.empty(),
        previous_lines=BILLED_LINES.empty(), rejected=REJECTED.empty(),
        customers=CUSTOMERS.build({name: customers[name] for name in CUSTOMERS.columns}),
    )


def _psa(frame: pd.DataFrame) -> PsaSnapshot:
    lines = frame[frame["line_id"].notna()]
    contracts = frame[frame["contract_id"].notna()].drop_duplicates("contract_id")
    companies = frame[frame["company_id"].notna()].drop_duplicates("company_id")
    unknown = {f"contract:{contract}": "timed out after 3 attempts"
               for contract in frame[frame["status"] == Status.UNKNOWN]["contract_id"].dropna().unique()[:50]}
    side = Side(connection="autotask", kind="autotask", title="Autotask", complete=not unknown, rows=len(lines), calls=9,
                error="contract units: timed out after 3 attempts" if unknown else "", unread=unknown)
    return PsaSnapshot(
        side=side, tenant="f" * 64, contract_type="Recurring Services", whole_units=True, sku_is_number=True, sku_field="ServiceId",
        companies=COMPANIES.build({
            "company_id": companies["company_id"], "company_name": companies["company_name"],
            "match_value": companies["company_id"], "active": np.ones(len(companies), dtype=bool)}),
        contracts=CONTRACTS.build({
            "contract_id": contracts["contract_id"], "company_id": contracts["company_id"],
            "contract_name": contracts["contract_name"], "active": np.ones(len(contracts), dtype=bool)}),
        services=SERVICES.build({
            "service_id": [s.id for s in SERVICES_SOLD], "service_name": [s.name for s in SERVICES_SOLD],
            "description": [s.description for s in SERVICES_SOLD], "match_value": [s.id for s in SERVICES_SOLD],
            "active": np.ones(len(SERVICES_SOLD), dtype=bool), "unit_price": [s.price for s in SERVICES_SOLD],
            "unit_cost": [s.cost for s in SERVICES_SOLD]}),
        lines=CONTRACT_LINES.build({
            "line_id": lines["line_id"], "contract_id": lines["contract_id"], "company_id": lines["company_id"],
            "service_id": lines["service_id"], "service_name": lines["service_name"], "quantity": lines["contract_quantity"],
            "unit_price": lines["unit_price"],
            "raw": [json.dumps({"id": line, "contractID": contract}) for line, contract in zip(
                lines["line_id"], lines["contract_id"], strict=True)]}),
        rejected=REJECTED.empty(),
    )


def summary_of(frame: pd.DataFrame) -> Summary:
    """The counts of a comparison frame."""
    counts = frame["status"].value_counts()
    selected = frame[frame["selected"]]
    units = selected["difference"].fillna(0)
    return Summary(
        rows=len(frame), selected=len(selected),
        raised_units=int(units[units > 0].sum()), lowered_units=int(units[units < 0].sum()),
        money_per_period=int(selected["money_difference"].fillna(0).sum()), compared_value_percent=97,
        **{field: int(counts.get(status, 0)) for field, status in {
            "equal": "equal", "raised": "raise", "lowered": "lower", "add": "add", "zero": "zero", "missing": "missing",
            "blocked": "blocked", "ignored": "ignored", "unknown": "unknown", "psa_only": "psa_only"}.items()},
    )
