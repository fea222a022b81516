"""What a mapping dialog needs: everything of the PSA that a line could belong to, likely targets, and what a rule would do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pandas as pd

from reconcile_app.core.basis import Run
from reconcile_app.core.errors import SideUnreadable
from reconcile_app.core.findings import Kind, Scope, blocks
from reconcile_app.core.frames import CONTRACT_LINES
from reconcile_app.core.mapping_rules import CustomerRule, LineRule, ProductRule
from reconcile_app.core.ports import Fetched, Progress, PsaPort
from reconcile_app.core.suggest import suggest
from reconcile_app.services.connections import Connections
from reconcile_app.services.desk import RuleEffect, Suggestion

_ITEM_KINDS = (Kind.NO_SKU, Kind.SKU_NOT_VALID, Kind.SERVICE_NOT_FOUND, Kind.SERVICE_DUPLICATED, Kind.MAPPING_BROKEN)
_CUSTOMER_KINDS = (*(kind for kind in Kind if blocks(kind) is Scope.CUSTOMER), Kind.MAPPING_BROKEN)


class Targets:
    """Companies, contracts and lines of the PSA, asked when a dialog needs them; companies are kept for the session."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._companies: dict[str, pd.DataFrame] = {}

    async def companies(self, run: Run) -> pd.DataFrame:
        """Every active company of the PSA (``COMPANIES``)."""
        name = run.basis.psa.side.connection
        if name not in self._companies:
            async with self._open(run) as psa:
                self._companies[name] = _whole(await psa.companies(None))
        return self._companies[name]

    async def contracts_of(self, run: Run, company_id: str) -> pd.DataFrame:
        """Contracts of the wanted kind of a company (``CONTRACTS``)."""
        known = run.basis.psa.contracts
        known = known[known["company_id"] == company_id]
        if len(known):
            return known.reset_index(drop=True)
        async with self._open(run) as psa:
            return _whole(await psa.contracts([company_id], run.basis.effective_date))

    async def lines_of(self, run: Run, contract_id: str) -> pd.DataFrame:
        """Lines of a contract (``CONTRACT_LINES``), with the names of their services."""
        known = run.basis.psa.lines
        lines = known[known["contract_id"] == contract_id].reset_index(drop=True)
        if not len(lines):
            async with self._open(run) as psa:
                lines = _whole(await psa.lines([contract_id], run.basis.effective_date))
        services = run.basis.psa.services
        names = dict(zip(services["service_id"], services["service_name"], strict=True))
        told = lines["service_name"].astype(object).where(lines["service_name"].notna(), lines["service_id"].map(names))
        return CONTRACT_LINES.build({**{name: lines[name] for name in CONTRACT_LINES.columns}, "service_name": told.tolist()})

    @asynccontextmanager
    async def _open(self, run: Run) -> AsyncIterator[PsaPort]:
        _, _, psa = await self._connections.open_psa(run.basis.psa.side.connection, _unwatched)
        try:
            yield psa
        finally:
            await psa.aclose()


def suggest_companies(run: Run, customer_code: str, companies: pd.DataFrame) -> list[Suggestion]:
    """Companies a customer is likely to be, best first."""
    rows = run.rows[run.rows["customer_code"] == customer_code]
    customers = run.basis.billing.customers
    names = [*rows["customer_name"].dropna(), *customers.loc[customers["customer_code"] == customer_code, "customer_name"].dropna()]
    if not names:
        return []
    return _suggestions(str(names[0]), companies, "company_id", "company_name")


def suggest_services(run: Run, sku: str) -> list[Suggestion]:
    """Services a SKU is likely to mean, best first, by the text of the lines that carry it."""
    rows = run.rows[run.rows["sku"] == sku]
    texts = rows["description"].dropna().tolist()
    return _suggestions(str(texts[0]) if texts else sku, run.basis.psa.services, "service_id", "service_name")


def effect_of(run: Run, rule: CustomerRule | ProductRule | LineRule) -> RuleEffect:
    """What a rule would do to the billed lines of the run, before it is saved."""
    mapped = run.mapped
    mine, kinds, target, column = _reach(mapped, rule)
    stopped = mapped["finding"].isin([kind.value for kind in kinds]).to_numpy(dtype=bool)
    leads = mapped[column].notna().to_numpy(dtype=bool)
    elsewhere = (mapped[column] != target).fillna(False).to_numpy(dtype=bool) if target else leads
    return RuleEffect(
        matched=int((mine & stopped).sum()),
        lost=int((mine & leads & elsewhere & ~stopped).sum()),
        left=int((stopped & ~mine).sum()),
    )


def _reach(mapped: pd.DataFrame, rule: CustomerRule | ProductRule | LineRule) -> tuple[Any, tuple[Kind, ...], str, str]:
    """The lines a rule speaks of, the findings it may resolve, and the target column."""
    if isinstance(rule, CustomerRule):
        mine = (mapped["customer_code"] == rule.customer_code).to_numpy(dtype=bool, na_value=False)
        return mine, _CUSTOMER_KINDS, rule.contract_id or rule.company_id, "contract_id" if rule.contract_id else "company_id"
    mine = (mapped["sku"] == rule.sku).to_numpy(dtype=bool, na_value=False)
    if isinstance(rule, ProductRule):
        return mine, _ITEM_KINDS, rule.service_id, "service_id"
    return (
        mine & (mapped["customer_code"] == rule.customer_code).to_numpy(dtype=bool, na_value=False),
        _ITEM_KINDS,
        rule.line_id,
        "line_id",
    )


def _suggestions(name: str, candidates: pd.DataFrame, id_column: str, name_column: str) -> list[Suggestion]:
    named = candidates[candidates[name_column].notna()]
    pairs = list(zip(named[id_column].tolist(), named[name_column].tolist(), strict=True))
    return [
        Suggestion(target_id=id_, target_name=target, score=score, exact=exact, reason=reason)
        for id_, target, score, exact, reason in suggest(name, pairs)
    ]


def _whole(fetched: Fetched) -> pd.DataFrame:
    """A list to choose from must be whole: what is missing could be the right one.

    Raises:
        SideUnreadable: part of it could not be read.
    """
    if not fetched.complete:
        raise SideUnreadable("The list could not be read completely.", fetched.error, next_step="Try again.")
    return fetched.frame


def _unwatched(progress: Progress) -> None:
    """A dialog shows its own waiting sign."""
