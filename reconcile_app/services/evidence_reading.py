"""The users, services, dates and actors behind a billed quantity, asked of the billing source when somebody wants to see them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pandas as pd

from reconcile_app.core.basis import Run
from reconcile_app.core.errors import NotFound
from reconcile_app.core.period import Period
from reconcile_app.core.ports import BillingPort, Progress
from reconcile_app.services.connections import Connections

COLUMNS = {
    "user": ("user_name", "user_upn"),
    "service": ("service_name",),
    "plan": ("plan_name",),
    "line": ("line_description",),
    "billed": ("billable",),
    "reason": ("override_reason",),
    "action": ("action",),
    "from": ("start",),
    "until": ("end",),
    "by": ("actioned_by",),
    "share": ("duration_percent",),
}
"""Columns of the evidence and the billing source's columns they come from, in order of preference. All text."""


async def read_evidence(connections: Connections, run: Run, row_key: str) -> pd.DataFrame:
    """Evidence of one row; columns as ``COLUMNS``, no rows where the source keeps none.

    Raises:
        NotFound: the run has no such row.
        SideUnreadable: the billing source could not be read.
    """
    rows = run.rows[run.rows["key"] == row_key]
    if not len(rows):
        raise NotFound("There is no such line in this comparison.", next_step="Compare again.")
    place = int(rows.index[0])
    mine = run.mapped[(run.part_row == place).to_numpy()]
    customers = [str(code) for code in mine["customer_code"].dropna().unique()] or [str(rows["customer_code"].iloc[0])]
    skus = {str(sku).strip().casefold() for sku in mine["sku"].dropna()} | {str(sku).casefold() for sku in rows["sku"].dropna()}
    _, _, billing = await connections.open_billing(run.basis.billing.side.connection, _unwatched)
    try:
        found = [await _of_customer(billing, run.basis.billing.period, code) for code in customers]
    finally:
        await billing.aclose()
    told = pd.concat(found, ignore_index=True)
    if skus:
        told = told[told["sku"].str.strip().str.casefold().isin(skus).to_numpy(dtype=bool)]
    return told.drop(columns="sku").reset_index(drop=True)


async def _of_customer(billing: BillingPort, period: Period, customer: str) -> pd.DataFrame:
    detail, analysis = await asyncio.gather(billing.detail(period, customer), billing.analysis(period, customer))
    shares = {_identity(row): row.get("duration_percent") for row in analysis.to_dict("records")}
    rows = detail.to_dict("records")
    columns: dict[str, list[Any]] = {name: [_first(row, sources) for row in rows] for name, sources in COLUMNS.items()}
    columns["share"] = [shares.get(_identity(row)) for row in rows]
    columns["sku"] = [row.get("sku") for row in rows]
    return pd.DataFrame({name: pd.array(values, dtype=pd.StringDtype("python")) for name, values in columns.items()})


def _identity(row: dict[Any, Any]) -> tuple[str, ...]:
    """What makes one use of a service by one user the same in both answers."""
    return tuple(str(row.get(name)) for name in ("user_upn", "service_code", "plan_name", "sku", "start"))


def _first(row: dict[Any, Any], sources: Sequence[str]) -> Any:
    return next((row[name] for name in sources if not pd.isna(row.get(name))), None)


def _unwatched(progress: Progress) -> None:
    """The evidence pane shows its own waiting sign."""
