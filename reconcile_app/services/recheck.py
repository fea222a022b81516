"""One customer again: a fresh reading of a few customers laid over an earlier reading of all of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pandas as pd

from reconcile_app.core.errors import PlanRefused, SideUnreadable
from reconcile_app.core.frames import BILLED_LINES, COMPANIES, CONTRACT_LINES, CONTRACTS, CUSTOMERS, REJECTED, Schema
from reconcile_app.core.snapshot import BillingSnapshot, PsaSnapshot, Side
from reconcile_app.services.fetch import Reading, matched_codes, matched_identifiers


def lay_over(before: Reading, fresh: Reading, customers: Collection[str], customer_key: str = "customer") -> Reading:
    """The earlier reading with everything of these customers replaced by the fresh one.

    A side is complete again only when everything that was missing has been read meanwhile. What the fresh reading misses of a
    customer's bill stays as it was and is marked as not read.

    Raises:
        SideUnreadable: a side could not be read at all this time; there is nothing to lay over.
        PlanRefused: the fresh reading is of another PSA.
    """
    _check_same(before, fresh)
    for side in (fresh.billing.side, fresh.psa.side):
        if not _known_by_name(side):
            raise SideUnreadable(
                f"{side.title} could not be read again.", side.error, meaning="The comparison is as it was.",
                next_step="Try again when it can be reached.", kind=side.failure,
            )
    chosen = set(customers)
    return Reading(
        billing=_billing(before.billing, fresh.billing, chosen, customer_key),
        psa=_psa(before.psa, fresh.psa, _identifiers(before.billing, fresh.billing, chosen, customer_key)),
        effective_date=before.effective_date,
    )


def _check_same(before: Reading, fresh: Reading) -> None:
    """Quantities of another tenant do not belong beside those of the comparison."""
    if before.psa.tenant and fresh.psa.tenant and before.psa.tenant != fresh.psa.tenant:
        raise PlanRefused(
            "These credentials belong to another PSA.", "The comparison was made with another one.",
            meaning="The comparison is as it was.", next_step="Check the connection, then compare again.",
        )


def _known_by_name(side: Side) -> bool:
    """Whether everything that is missing of a side is named; otherwise the whole side is unknown."""
    return side.complete or (bool(side.unread) and side.failure is None)


def _identifiers(before: BillingSnapshot, fresh: BillingSnapshot, chosen: set[str], key: str) -> set[str]:
    """The billing identifiers that these customers have, or had."""
    found: set[str] = set()
    for billing in (before, fresh):
        for lines in (billing.lines, billing.previous_lines):
            mine = matched_codes(lines, key).isin(chosen).to_numpy(dtype=bool)
            found |= set(matched_identifiers(lines, key)[mine].dropna())
        customers = billing.customers
        found |= set(customers.loc[customers["customer_code"].isin(chosen).to_numpy(dtype=bool), "billing_identifier"].dropna())
    return found


def _billing(before: BillingSnapshot, fresh: BillingSnapshot, chosen: set[str], key: str) -> BillingSnapshot:
    def of_others(frame: pd.DataFrame, codes: pd.Series[str]) -> pd.DataFrame:
        return frame[~codes.isin(chosen).to_numpy(dtype=bool)]

    def bills(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
        return _below(BILLED_LINES, of_others(old, matched_codes(old, key)), new)

    lines = bills(before.lines, fresh.lines)
    rejected = of_others(before.rejected, before.rejected["customer_code"])
    return replace(
        before,
        side=_side(before.side, fresh.side, chosen, len(lines)),
        previous_complete=before.previous_complete and fresh.previous_complete,
        lines=lines,
        previous_lines=bills(before.previous_lines, fresh.previous_lines),
        customers=_below(CUSTOMERS, of_others(before.customers, before.customers["customer_code"]), fresh.customers),
        rejected=_below(REJECTED, rejected, fresh.rejected).drop_duplicates(ignore_index=True),
    )


def _psa(before: PsaSnapshot, fresh: PsaSnapshot, identifiers: set[str]) -> PsaSnapshot:
    """A company that was asked for and did not come back is gone, and so is everything below it."""
    asked = before.companies["match_value"].isin(identifiers).to_numpy(dtype=bool)
    unread = {name.removeprefix("company:") for name in fresh.side.unread if name.startswith("company:")}
    companies = {*fresh.companies["company_id"], *before.companies["company_id"][asked], *unread}
    gone = before.contracts["company_id"].isin(companies).to_numpy(dtype=bool)
    contracts = set(before.contracts["contract_id"][gone]) | set(fresh.contracts["contract_id"])

    def without(frame: pd.DataFrame, column: str, ids: set[str]) -> pd.DataFrame:
        return frame[~frame[column].isin(ids).to_numpy(dtype=bool)]

    read_again = {f"company:{name}" for name in companies} | {f"contract:{name}" for name in contracts}
    lines = _below(CONTRACT_LINES, without(before.lines, "contract_id", contracts), fresh.lines)
    return replace(
        before,
        side=_side(before.side, fresh.side, read_again, len(lines)),
        tenant=before.tenant or fresh.tenant,
        companies=_below(COMPANIES, without(before.companies, "company_id", companies), fresh.companies),
        contracts=_below(CONTRACTS, without(before.contracts, "company_id", companies), fresh.contracts),
        services=fresh.services,
        lines=lines,
        rejected=_below(REJECTED, before.rejected, fresh.rejected).drop_duplicates(ignore_index=True),
    )


def _side(before: Side, fresh: Side, read_again: Collection[str], rows: int) -> Side:
    """Where the earlier reading does not say what it missed, nothing tells whether that has been read meanwhile."""
    named = _known_by_name(before)
    missing = {name: why for name, why in before.unread.items() if name not in read_again}
    unread = {**missing, **fresh.unread} if named else {}
    complete = named and not unread
    return replace(
        before,
        complete=complete,
        rows=rows,
        calls=before.calls + fresh.calls,
        error="" if complete else fresh.error or before.error,
        unread=unread,
        failure=None if named else before.failure,
        permissions=fresh.permissions,
    )


def _below(schema: Schema, first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    filled = [frame for frame in (first, second) if len(frame)]
    return schema.check(pd.concat(filled, ignore_index=True)) if filled else schema.empty()
