"""The ``COMPARISON`` frame: coded rows become the columns that table, workbook and search read."""

from typing import Any

import numpy as np
import pandas as pd

from reconcile_app.core.amounts import SCALE, multiply
from reconcile_app.core.basis import Basis, Prepared
from reconcile_app.core.billed import Billed
from reconcile_app.core.changes import CHANGE_KINDS, STATUSES, ChangeKind, Proposals
from reconcile_app.core.codes import RC_CODES
from reconcile_app.core.compare import Rows
from reconcile_app.core.findings import CodeTable, Level
from reconcile_app.core.frames import COMPARISON
from reconcile_app.core.reading import Unread
from reconcile_app.core.rules import Findings
from reconcile_app.core.texts import (
    BoolArray,
    IntArray,
    ObjectArray,
    amount_column,
    objects,
    pick,
    picked,
    take,
    take_flags,
    text_column,
)

_EXACT = 2**62
_PRESELECTED = [CHANGE_KINDS.index(kind) for kind in (ChangeKind.SET_QUANTITY, ChangeKind.CREATE_LINE)]


def comparison_frame(
    basis: Basis,
    prepared: Prepared,
    rows: Rows,
    keys: ObjectArray,
    proposals: Proposals,
    found: Findings,
    unread: Unread,
    codes: CodeTable,
) -> pd.DataFrame:
    """``COMPARISON`` with what is pre-selected; the operator's decisions come on top."""
    return COMPARISON.build(
        {
            "key": text_column(keys),
            **_texts_of(prepared, rows),
            **_amounts_of(basis, prepared, rows, proposals, unread),
            "status": picked([each.value for each in STATUSES], proposals.status),
            "change": picked([kind.value for kind in CHANGE_KINDS], proposals.change),
            "codes": text_column(_codes(found, codes, len(rows))),
            "selected": np.isin(proposals.change, _PRESELECTED) & ~found.held,
            "selectable": proposals.change >= 0,
        }
    )


def _texts_of(prepared: Prepared, rows: Rows) -> dict[str, Any]:
    billed, offered = prepared.billed, prepared.offered
    return {
        "customer_code": picked(billed.customers, rows.customer),
        "customer_name": picked(billed.customer_names, rows.customer),
        "billing_identifier": _identifiers(prepared, rows),
        "company_id": picked(offered.companies.ids, rows.company),
        "company_name": picked(offered.companies.names, rows.company),
        "contract_id": picked(offered.contracts.ids, rows.contract),
        "contract_name": picked(offered.contracts.names, rows.contract),
        "line_id": picked(offered.lines.ids, rows.line),
        "service_id": picked(offered.services.ids, rows.service),
        "service_name": text_column(_service_names(prepared, rows)),
        "sku": text_column(_skus(prepared, rows)),
        "description": text_column(_descriptions(prepared, rows)),
    }


def _amounts_of(basis: Basis, prepared: Prepared, rows: Rows, proposals: Proposals, unread: Unread) -> dict[str, Any]:
    lines, services = prepared.offered.lines, prepared.offered.services
    line, service = rows.line, rows.service
    price, price_known = _either(lines.price, lines.price_known, line, services.price, services.price_known, service)
    cost, cost_known = _either(lines.cost, lines.cost_known, line, services.cost, services.cost_known, service)
    return {
        "billed_quantity": amount_column(rows.billed, rows.billed_known & ~unread.billed),
        "previous_quantity": amount_column(rows.previous, rows.previous_known & basis.billing.previous_complete),
        "contract_quantity": amount_column(take(lines.quantity, line, 0), take_flags(lines.quantity_known, line)),
        "last_pushed_quantity": _last_pushed(basis, prepared, rows),
        "difference": amount_column(proposals.difference, proposals.difference_known),
        "unit_price": amount_column(price, price_known),
        "unit_cost": amount_column(cost, cost_known),
        "new_unit_cost": amount_column(proposals.new_cost, proposals.new_cost_known),
        "money_difference": amount_column(*money_of(proposals.difference, proposals.difference_known, price, price_known)),
        "parts": amount_column(rows.parts, np.ones(len(rows), dtype=bool)),
    }


def money_of(quantity: IntArray, quantity_known: BoolArray, price: IntArray, price_known: BoolArray) -> tuple[IntArray, BoolArray]:
    """Quantity times unit price, rounded half to even to a ten-thousandth; not known where it would not fit into a number."""
    known = quantity_known & price_known
    quantity, price = np.where(known, quantity, 0), np.where(known, price, 0)
    if float(np.abs(quantity).max(initial=0)) * float(np.abs(price).max(initial=0)) < _EXACT:
        whole, rest = np.divmod(quantity * price, SCALE)
        return whole + ((rest * 2 > SCALE) | ((rest * 2 == SCALE) & (whole % 2 == 1))), known
    exact = [multiply(int(q), int(p)) for q, p in zip(quantity, price, strict=True)]
    fits = np.array([abs(money) < _EXACT for money in exact], dtype=bool)
    return np.array([money if fit else 0 for money, fit in zip(exact, fits, strict=True)], dtype=np.int64), known & fits


def _either(
    first: IntArray, first_known: BoolArray, at: IntArray, second: IntArray, second_known: BoolArray, there: IntArray
) -> tuple[IntArray, BoolArray]:
    """What the contract line says, otherwise what the catalogue says."""
    own = take_flags(first_known, at)
    return np.where(own, take(first, at, 0), take(second, there, 0)), own | take_flags(second_known, there)


def _identifiers(prepared: Prepared, rows: Rows) -> Any:
    """The identifier of the account that speaks for the row; for a line without billing record that of the customer."""
    billed = prepared.billed
    by_customer = np.full(len(billed.customers), -1, dtype=np.int64)
    by_customer[billed.account_customer[::-1]] = np.arange(billed.accounts - 1, -1, -1)
    account = np.where(rows.first >= 0, take(billed.account, rows.first, -1), by_customer[rows.customer])
    return picked(billed.identifiers, account)


def _line_texts(billed: Billed, column: str, rows: Rows) -> ObjectArray:
    """A text of the billed line that speaks for the row."""
    now = np.append(objects(billed.lines[column]), np.array([pd.NA], dtype=object))
    texts: ObjectArray = now[np.where(rows.first < billed.now, rows.first, -1)]
    before = np.flatnonzero(rows.first >= billed.now)
    texts[before] = objects(billed.previous_lines[column])[rows.first[before] - billed.now]
    return texts


def _service_names(prepared: Prepared, rows: Rows) -> ObjectArray:
    """The name in the catalogue; where there is none that of the billed line."""
    names = pick([name or pd.NA for name in prepared.offered.services.names], rows.service)
    blank = np.flatnonzero(rows.service < 0)
    if len(blank):
        names[blank] = _line_texts(prepared.billed, "service_name", rows)[blank]
    return names


def _skus(prepared: Prepared, rows: Rows) -> ObjectArray:
    """The SKU of the billed line; without one what the catalogue is matched by."""
    skus = pick(prepared.billed.skus, take(prepared.billed.sku, rows.first, -1))
    alone = np.flatnonzero(rows.first < 0)
    if len(alone):
        skus[alone] = pick([value or pd.NA for value in prepared.offered.services.match_values], rows.service[alone])
    return skus


def _descriptions(prepared: Prepared, rows: Rows) -> ObjectArray:
    """The description of the billed line; without one that of the contract line, or else the service's name."""
    offered = prepared.offered
    texts = _line_texts(prepared.billed, "line_description", rows)
    for row in np.flatnonzero(pd.isna(texts)).tolist():
        line, service = int(rows.line[row]), int(rows.service[row])
        described = offered.lines.descriptions[line] if line >= 0 else ""
        texts[row] = described or (offered.services.names[service] if service >= 0 else "") or pd.NA
    return texts


def _last_pushed(basis: Basis, prepared: Prepared, rows: Rows) -> Any:
    lines = prepared.offered.lines
    quantity, known = np.zeros(len(lines.ids), dtype=np.int64), np.zeros(len(lines.ids), dtype=bool)
    for line_id, place in lines.places(basis.last_pushed).items():
        quantity[place], known[place] = basis.last_pushed[line_id].quantity, True
    return amount_column(take(quantity, rows.line, 0), take_flags(known, rows.line))


def _codes(found: Findings, codes: CodeTable, length: int) -> ObjectArray:
    """The ids of warnings and errors of every row, errors first; blank for none."""
    table = {**RC_CODES, **codes}
    serious = [
        (table[kind].level.rank, table[kind].id, mask)
        for kind, mask in found.marks.items()
        if kind in table and table[kind].level in (Level.ERROR, Level.WARNING)
    ]
    serious.sort(key=lambda entry: entry[:2])
    bits = np.zeros(length, dtype=np.int64)
    for i, (_, _, mask) in enumerate(serious):
        bits |= np.where(mask, np.int64(1) << i, 0)
    shown, distinct = pd.factorize(bits)
    return pick([" ".join(id_ for i, (_, id_, _) in enumerate(serious) if int(bit) >> i & 1) for bit in distinct], shown)
