"""What could not be read, and which rows are unknown because of it. Unknown is not zero."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reconcile_app.core.accounts import NUMBER
from reconcile_app.core.basis import Basis
from reconcile_app.core.findings import Kind, Scope
from reconcile_app.core.rules import Findings, Subject
from reconcile_app.core.snapshot import Side
from reconcile_app.core.texts import BoolArray, IntArray, filled

_NEED_NO_PSA = frozenset({Kind.NO_BILLING_IDENTIFIER, Kind.IDENTIFIER_SHARED, Kind.NO_SKU, Kind.SKU_NOT_VALID, Kind.NOT_READ})
_NOT_ABOUT_QUANTITIES = ("customers", "parameters")
"""Calls whose rejected rows say nothing about billed quantities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """What is missing. ``billing`` and ``psa``: the whole side. ``customers``: customer code → reason.

    ``removals`` says why nothing can be taken for removed, ``lines`` why a line that was not found may still exist; blank where
    neither is so.
    """

    billing: bool
    psa: bool
    customers: Mapping[str, str]
    removals: str
    lines: str

    def tellable(self, kind: Kind) -> bool:
        """Whether a finding of the mapping is proven by what was read."""
        return not self.psa or kind in _NEED_NO_PSA


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """``rows`` are unknown; in ``billed`` ones it is the billed quantity that is not known."""

    rows: BoolArray
    billed: BoolArray


def gaps_of(basis: Basis) -> Gaps:
    """What the fetch of a comparison left out."""
    billing, psa = basis.billing.side, basis.psa.side
    # Which paying customer an unread consuming customer belongs to is not known, so none of them is complete.
    billing_whole = not billing.complete and (not billing.unread or basis.customer_key == "bill_to")
    psa_whole = not psa.complete and not (psa.unread and all(part.startswith(("company:", "contract:")) for part in psa.unread))
    rejected, nameless = _rejected(basis)
    return Gaps(
        billing=billing_whole,
        psa=psa_whole,
        customers={**rejected, **({} if billing_whole else billing.unread)},
        removals=_why_nothing_is_removed(basis, nameless),
        lines="some of its rows could not be read" if len(basis.psa.rejected) else "",
    )


def _rejected(basis: Basis) -> tuple[dict[str, str], bool]:
    """Customers with rows that could not be read, and whether there are such rows without a customer."""
    frame = basis.billing.rejected
    counted = ~frame["source"].fillna("").isin(_NOT_ABOUT_QUANTITIES).to_numpy(dtype=bool)
    codes, reasons = filled(frame.loc[counted, "customer_code"]), filled(frame.loc[counted, "reason"])
    customers = {code: f"a row could not be read: {reason}" for code, reason in zip(codes, reasons, strict=True) if code}
    return customers, "" in codes


def _why_nothing_is_removed(basis: Basis, nameless: bool) -> str:
    if not basis.billing.side.complete:
        return basis.billing.side.error or "the selected period was not read completely"
    if basis.billing.previous is not None and not basis.billing.previous_complete:
        return "the period before was not read completely"
    return "rows without a customer could not be read" if nameless else ""


def find_unread(found: Findings, subject: Subject, gaps: Gaps) -> Unread:
    """RC19, the codes of sides that failed, and RC05."""
    _find_sides(found, subject.basis, gaps)
    _find_unread_customers(found, subject, gaps)
    rows, title = subject.rows, subject.basis.psa.side.title
    _, quantity_known = subject.lines_known
    _find_unreadable_lines(found, subject, rows.account_finding == NUMBER[Kind.NOT_READ])
    unread = rows.account_finding == NUMBER[Kind.NOT_READ]
    by_customer = np.array([code in gaps.customers for code in subject.prepared.billed.customers], dtype=bool)[rows.customer]
    told = unread | by_customer | gaps.billing | gaps.psa
    parts = [
        (~told & (rows.item_finding == NUMBER[Kind.NOT_READ]), title, None),
        (~told & (rows.line >= 0) & ~quantity_known, title, "the quantity of this line"),
        (~told & ~rows.current & (gaps.removals != ""), subject.basis.billing.side.title, gaps.removals),
        (~told & _absent(subject) & (gaps.lines != ""), title, gaps.lines),
    ]
    unknown = told
    for mask, side, error in parts:
        fresh = mask & ~unknown
        unknown = unknown | mask
        _find_rows(found, subject, fresh, side, error)
    found.mark(Kind.NOT_READ, unknown)
    return Unread(rows=unknown, billed=by_customer | gaps.billing)


def _find_unreadable_lines(found: Findings, subject: Subject, customers_unread: BoolArray) -> None:
    """Lines whose contract was found and whose own reading failed. It comes beside RC19, and only some PSAs have a code for it."""
    rows, known = subject.rows, subject.prepared.offered.contracts.index
    unread = {name.removeprefix("contract:"): error for name, error in subject.basis.psa.side.unread.items()}
    reasons = {known[name]: error for name, error in unread.items() if name in known}
    lost = np.isin(rows.contract, list(reasons)) & (customers_unread | (rows.item_finding == NUMBER[Kind.NOT_READ]))
    _, quantity_known = subject.lines_known
    vague = ~lost & (rows.line >= 0) & ~quantity_known

    def fields(those: IntArray) -> dict[str, list[str]]:
        return {"error": [reasons.get(contract, "its quantity cannot be used") for contract in rows.contract[those].tolist()]}

    found.rows_found(Kind.LINES_UNREADABLE, lost | vague, fields)


def _find_rows(found: Findings, subject: Subject, rows: BoolArray, side: str, error: str | None) -> None:
    details, detail = subject.ways.details, subject.rows.detail

    def fields(those: IntArray) -> dict[str, list[str]]:
        told = [details[i]["error"] for i in detail[those].tolist()] if error is None else [error] * len(those)
        return {"side": [side] * len(those), "error": told}

    found.rows_found(Kind.NOT_READ, rows, fields)


def _absent(subject: Subject) -> BoolArray:
    rows = subject.rows
    return rows.current & (rows.line < 0) & (rows.account_finding < 0) & (rows.item_finding < 0) & ~rows.excluded


def _find_sides(found: Findings, basis: Basis, gaps: Gaps) -> None:
    for side, whole in ((basis.billing.side, gaps.billing), (basis.psa.side, gaps.psa)):
        of_psa = side is basis.psa.side
        if side.failure is not None:
            found.customers_found(side.failure, Scope.RUN, [("", {"error": side.error})], of_psa=of_psa)
        if whole:
            found.customers_found(Kind.NOT_READ, Scope.RUN, [("", _told(side, side.error))], of_psa=of_psa)
        found.customers_found(
            Kind.PERMISSION_MISSING,
            Scope.NOTHING,
            [("", {"psa": side.title, "permission": permission}) for permission in side.permissions],
        )


def _find_unread_customers(found: Findings, subject: Subject, gaps: Gaps) -> None:
    billed, side = subject.prepared.billed, subject.basis.billing.side
    names = dict(zip(billed.customers, billed.customer_names, strict=True))
    found.customers_found(
        Kind.NOT_READ,
        Scope.CUSTOMER,
        [
            (code, {"customer_name": names.get(code, code), **_told(side, reason)})
            for code, reason in sorted(gaps.customers.items())
        ],
    )


def _told(side: Side, error: str) -> dict[str, str]:
    return {"side": side.title, "error": " ".join(error.split())}
