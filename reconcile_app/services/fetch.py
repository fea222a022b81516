"""Reading both sides of a comparison at once, as far as they can be read.

The customers' billing identifiers come with the list of periods, so the PSA is asked for companies while the invoices are still
on their way; contracts follow companies, lines follow contracts. A side that breaks off is returned as incomplete with its reason:
unknown is not zero, and the other side is still worth seeing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Self

import pandas as pd

from reconcile_app.core.errors import PermissionDenied, ReconcileError
from reconcile_app.core.findings import Kind
from reconcile_app.core.frames import BILLED_LINES, COMPANIES, CONTRACT_LINES, CONTRACTS, CUSTOMERS, REJECTED, SERVICES, Schema
from reconcile_app.core.mapping_rules import MappingRules
from reconcile_app.core.period import Period, effective_date, open_period, period_before, select_period
from reconcile_app.core.ports import BillingPort, ConnectorSpec, Fetched, PsaPort
from reconcile_app.core.settings import CompareOptions, Connection
from reconcile_app.core.snapshot import BillingSnapshot, PsaSnapshot, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The two opened ends of a comparison. ``missing``: the permissions that the last check found missing, by connection."""

    billing: BillingPort
    billing_connection: Connection
    billing_spec: ConnectorSpec
    psa: PsaPort
    psa_connection: Connection
    psa_spec: ConnectorSpec
    missing: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def permissions(self, connection: Connection, failure: ReconcileError | None) -> tuple[str, ...]:
        """The permissions that are known to be missing: by the last check, and by a reading that was refused."""
        refused = [denied_permission(failure)] if isinstance(failure, PermissionDenied) else []
        return tuple(dict.fromkeys([*refused, *self.missing.get(connection.name, ())]))

    @property
    def customer_key(self) -> str:
        """Which customer is matched with a company: ``customer`` or ``bill_to``."""
        return self.billing_connection.value("customer_key", "customer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Both sides, and the date that the PSA's quantities are for."""

    billing: BillingSnapshot
    psa: PsaSnapshot
    effective_date: date


async def read_both(ends: Ends, options: CompareOptions, rules: MappingRules, today: date) -> Reading:
    """Read both sides.

    Raises:
        SideUnreadable: the billing source does not even tell its periods; there is nothing to compare.
        PeriodInvalid, NotFound: the period entry means nothing.
    """
    billing_calls = ends.billing.calls
    async with _PsaReading(ends, rules) as reading:
        periods = await ends.billing.periods()
        period = select_period(options.billing_period, periods, today)
        current = open_period(periods, today)
        at = effective_date(options, current, today)
        async with asyncio.TaskGroup() as group:
            customers = group.create_task(_customers(ends.billing, options.customers_filter))
            invoices = group.create_task(_invoices(ends, options.customers_filter, period, period_before(period, periods)))
            psa = group.create_task(reading.run(customers, invoices, at))
    billing = _finish_billing(ends, period, current, customers.result(), invoices.result(), billing_calls)
    return Reading(billing=billing, psa=psa.result(), effective_date=at)


def side_failure(error: ReconcileError, side: str) -> Kind:
    """The kind that tells of a side that could not be reached or understood."""
    if error.kind is not None:
        return error.kind
    return Kind.BILLING_UNREACHABLE if side == "billing" else Kind.PSA_UNREACHABLE


def denied_permission(error: PermissionDenied) -> str:
    """The permission that a refusal asks for, as the vendor calls it; what happened where it is not named."""
    return error.subject or error.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class _Invoices:
    lines: Fetched
    previous_period: Period | None
    previous: Fetched
    failure: ReconcileError | None


def _nothing(schema: Schema, error: ReconcileError | None = None) -> Fetched:
    reason = error.reason if error else ""
    return Fetched(frame=schema.empty(), rejected=REJECTED.empty(), complete=error is None, error=reason)


async def _customers(billing: BillingPort, wanted: Collection[str]) -> Fetched:
    try:
        fetched = await billing.customers()
    except ReconcileError as error:
        return _nothing(CUSTOMERS, error)
    if not wanted:
        return fetched
    return _of_wanted(fetched, fetched.frame["customer_code"], wanted)


def _of_wanted(fetched: Fetched, codes: pd.Series[str], wanted: Collection[str]) -> Fetched:
    """Only rows whose code is wanted, without regard to case."""
    keep = codes.str.casefold().isin({code.strip().casefold() for code in wanted}).to_numpy(dtype=bool)
    return replace(fetched, frame=fetched.frame[keep].reset_index(drop=True))


async def _invoices(ends: Ends, wanted: Collection[str], period: Period, previous: Period | None) -> _Invoices:
    paying = ends.customer_key == "bill_to"

    async def read(which: Period | None) -> tuple[Fetched, ReconcileError | None]:
        if which is None:
            return _nothing(BILLED_LINES), None
        try:
            # The source filters by who consumes; what a wanted customer pays for others would be missing.
            fetched = await ends.billing.invoice(which, () if paying else wanted)
        except ReconcileError as error:
            return _nothing(BILLED_LINES, error), error
        return _of_wanted(fetched, matched_codes(fetched.frame, "bill_to"), wanted) if paying and wanted else fetched, None

    (lines, failure), (before, _) = await asyncio.gather(read(period), read(previous))
    return _Invoices(lines=lines, previous_period=previous, previous=before, failure=failure)


def matched_codes(lines: pd.DataFrame, customer_key: str) -> pd.Series[str]:
    """Who of a billed line is matched with a company: the consuming customer, or the paying one where there is one."""
    return _matched(lines, customer_key, "customer_code", "bill_to_code")


def matched_identifiers(lines: pd.DataFrame, customer_key: str) -> pd.Series[str]:
    """Billing identifier of the customer that is matched."""
    return _matched(lines, customer_key, "billing_identifier", "bill_to_identifier")


def _matched(lines: pd.DataFrame, customer_key: str, own: str, payer: str) -> pd.Series[str]:
    return lines[payer].where(lines["bill_to_code"].notna(), lines[own]) if customer_key == "bill_to" else lines[own]


def _unread(parts: Sequence[Fetched]) -> dict[str, str]:
    """What is missing by name, and nothing at all where a part is missing that has no name: then the whole side is unknown."""
    if any(not part.complete and not part.unread for part in parts):
        return {}
    return {name: reason for part in parts for name, reason in part.unread.items()}


def _first_error(parts: Sequence[Fetched]) -> str:
    return next((part.error or "Parts are missing." for part in parts if not part.complete), "")


def _finish_billing(
    ends: Ends, period: Period, current: Period, customers: Fetched, invoices: _Invoices, calls_before: int
) -> BillingSnapshot:
    parts = (invoices.lines, customers)
    side = Side(
        connection=ends.billing_connection.name,
        kind=ends.billing_spec.key,
        title=ends.billing_spec.title,
        complete=all(part.complete for part in parts),
        rows=len(invoices.lines.frame),
        calls=ends.billing.calls - calls_before,
        error=_first_error(parts),
        unread=_unread(parts),
        failure=side_failure(invoices.failure, "billing") if invoices.failure else None,
        permissions=ends.permissions(ends.billing_connection, invoices.failure),
    )
    return BillingSnapshot(
        side=side,
        period=period,
        current=current,
        previous=invoices.previous_period,
        previous_complete=invoices.previous_period is not None and invoices.previous.complete,
        lines=BILLED_LINES.check(invoices.lines.frame),
        previous_lines=BILLED_LINES.check(invoices.previous.frame),
        customers=CUSTOMERS.check(customers.frame),
        rejected=_joined(REJECTED, [invoices.lines.rejected, invoices.previous.rejected, customers.rejected]),
    )


class _PsaReading:
    """The PSA's side, level by level, each level started as soon as its ids are known.

    A context manager: what needs nothing of the billing source, the catalog and the tenant, is asked for on entering already.
    """

    def __init__(self, ends: Ends, rules: MappingRules) -> None:
        self._ends = ends
        self._psa = ends.psa
        self._rules = rules
        self._calls_before = ends.psa.calls
        self._parts: dict[str, list[Fetched]] = {"companies": [], "contracts": [], "lines": []}
        self._fingerprint = ""

    async def __aenter__(self) -> Self:
        self._catalog = asyncio.create_task(self._psa.services())
        self._tenant = asyncio.create_task(self._psa.tenant())
        return self

    async def __aexit__(self, *failure: object) -> None:
        for task in (self._catalog, self._tenant):
            task.cancel()
        await asyncio.gather(self._catalog, self._tenant, return_exceptions=True)

    async def run(self, customers: asyncio.Task[Fetched], invoices: asyncio.Task[_Invoices], at: date) -> PsaSnapshot:
        """Read everything that the customers lead to; what breaks off leaves an incomplete side."""
        self._at = at
        failure: ReconcileError | None = None
        services = _nothing(SERVICES)
        try:
            await self._follow(customers, invoices)
            services = await self._catalog
            self._fingerprint = (await self._tenant).fingerprint
        except ReconcileError as error:
            failure = error
        return self._snapshot(services, failure)

    async def _follow(self, customers: asyncio.Task[Fetched], invoices: asyncio.Task[_Invoices]) -> None:
        key, asked = self._ends.customer_key, set[str]()
        # Who pays is known only when the invoices are there.
        known = _texts((await customers).frame["billing_identifier"]) if key == "customer" else []
        await self._companies(known, asked, self._ruled_companies())
        told = await invoices
        frames = told.lines.frame, told.previous.frame
        later = await asyncio.to_thread(lambda: [text for frame in frames for text in _texts(matched_identifiers(frame, key))])
        await self._companies(later, asked, set())

    def _ruled_companies(self) -> set[str]:
        return {rule.company_id for rule in self._rules.customers.values()}

    async def _companies(self, identifiers: Collection[str], asked: set[str], ids: set[str]) -> None:
        """Companies → contracts → lines for the identifiers that were not asked for before."""
        fresh = sorted(set(identifiers) - asked)
        asked.update(fresh)
        if not fresh and not ids:
            return
        companies = await self._psa.companies(fresh, sorted(ids))
        self._parts["companies"].append(companies)
        company_ids = _texts(companies.frame["company_id"])
        if not company_ids:
            return
        contracts = await self._psa.contracts(company_ids, self._at)
        self._parts["contracts"].append(contracts)
        contract_ids = _texts(contracts.frame["contract_id"])
        if contract_ids:
            self._parts["lines"].append(await self._psa.lines(contract_ids, self._at))

    def _snapshot(self, services: Fetched, failure: ReconcileError | None) -> PsaSnapshot:
        spec, connection = self._ends.psa_spec, self._ends.psa_connection
        parts = [*(part for found in self._parts.values() for part in found), services]
        lines = _joined(CONTRACT_LINES, [part.frame for part in self._parts["lines"]], "line_id")
        side = Side(
            connection=connection.name,
            kind=spec.key,
            title=spec.title,
            complete=failure is None and all(part.complete for part in parts),
            rows=len(lines),
            calls=self._psa.calls - self._calls_before,
            error=failure.reason if failure else _first_error(parts),
            unread={} if failure else _unread(parts),
            failure=side_failure(failure, "psa") if failure else None,
            permissions=self._ends.permissions(connection, failure),
        )
        return PsaSnapshot(
            side=side,
            tenant=self._fingerprint,
            contract_type=spec.contract_type(connection),
            whole_units=spec.capabilities is not None and spec.capabilities.whole_units,
            sku_is_number=spec.sku_is_number(connection),
            sku_field=spec.sku_field(connection),
            companies=_joined(COMPANIES, [part.frame for part in self._parts["companies"]], "company_id"),
            contracts=_joined(CONTRACTS, [part.frame for part in self._parts["contracts"]], "contract_id"),
            services=SERVICES.check(services.frame),
            lines=lines,
            rejected=_joined(REJECTED, [part.rejected for part in parts]),
        )


def _texts(column: pd.Series[str]) -> list[str]:
    """The distinct texts of a column, in order."""
    # Not ``unique``: one long call would keep the window's thread waiting.
    return [str(text) for text in dict.fromkeys(column.array) if text is not pd.NA]


def _joined(schema: Schema, frames: Sequence[pd.DataFrame], key: str = "") -> pd.DataFrame:
    """Frames of one schema below each other; a key that came twice is kept once."""
    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return schema.empty()
    joined = filled[0] if len(filled) == 1 else pd.concat(filled, ignore_index=True)
    if key and len(filled) > 1:
        joined = joined.drop_duplicates(subset=key, ignore_index=True)
    return schema.check(joined)
