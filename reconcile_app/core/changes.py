"""Changes: what would make the PSA right, and the status of every row."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from reconcile_app.core.basis import Basis, Prepared, Run
from reconcile_app.core.change import Change, ChangeKind, Status
from reconcile_app.core.compare import Rows
from reconcile_app.core.texts import BoolArray, IntArray, take, take_flags

__all__ = ["CHANGE_KINDS", "STATUSES", "Change", "ChangeKind", "Proposals", "Status", "Verdicts", "build_changes", "propose"]

STATUSES = tuple(Status)
CHANGE_KINDS = tuple(ChangeKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposals:
    """Status and change of every row, as positions in ``STATUSES`` and ``CHANGE_KINDS`` (−1: no change).

    ``difference`` is billed − contract where both sides were read; an absent line counts as 0 where it would be created, an absent
    billing record where the line would be set to zero. ``new_cost`` is the catalogue's unit cost where it is to be written.
    """

    status: IntArray
    change: IntArray
    difference: IntArray
    difference_known: BoolArray
    new_cost: IntArray
    new_cost_known: BoolArray

    def has(self, status: Status) -> BoolArray:
        """The rows of a status."""
        rows: BoolArray = self.status == STATUSES.index(status)
        return rows

    @property
    def missing(self) -> BoolArray:
        """Rows whose line is absent and may not be created."""
        return self.has(Status.MISSING)

    @property
    def zero(self) -> BoolArray:
        """Rows whose line would be set to zero."""
        return self.has(Status.ZERO)

    @property
    def psa_only(self) -> BoolArray:
        """Lines of ours without a billing record."""
        return self.has(Status.PSA_ONLY)

    @property
    def quantity(self) -> BoolArray:
        """Rows whose quantity would be changed on an existing line."""
        return np.isin(self.change, [CHANGE_KINDS.index(ChangeKind.SET_QUANTITY), CHANGE_KINDS.index(ChangeKind.ZERO_LINE)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What the rules say of every row."""

    ignored: BoolArray
    unknown: BoolArray
    blocked: BoolArray


def propose(basis: Basis, prepared: Prepared, rows: Rows, verdicts: Verdicts) -> Proposals:
    """The change that would mend each row that nothing stands against, and the status of every row."""
    lines = prepared.offered.lines
    held, has_line = take(lines.quantity, rows.line, 0), rows.line >= 0
    status = _judge(basis, prepared, rows, held)
    status[verdicts.blocked] = STATUSES.index(Status.BLOCKED)
    status[verdicts.unknown] = STATUSES.index(Status.UNKNOWN)
    status[verdicts.ignored] = STATUSES.index(Status.IGNORED)
    change = np.array([CHANGE_KINDS.index(_CHANGE[s]) if s in _CHANGE else -1 for s in STATUSES], dtype=np.int64)[status]
    new_cost, new_cost_known = _new_costs(basis, prepared, rows, status)
    change[new_cost_known & (status == STATUSES.index(Status.EQUAL))] = CHANGE_KINDS.index(ChangeKind.SET_UNIT_COST)
    comparable = rows.billed_known | np.isin(status, _WITHOUT_RECORD)
    known = comparable & ~verdicts.unknown & (has_line | np.isin(status, _WITHOUT_LINE))
    known &= ~has_line | take_flags(lines.quantity_known, rows.line)
    return Proposals(
        status=status,
        change=change,
        difference=rows.billed - held,
        difference_known=known,
        new_cost=new_cost,
        new_cost_known=new_cost_known,
    )


_CHANGE = {
    Status.RAISE: ChangeKind.SET_QUANTITY,
    Status.LOWER: ChangeKind.SET_QUANTITY,
    Status.ZERO: ChangeKind.ZERO_LINE,
    Status.ADD: ChangeKind.CREATE_LINE,
}
_WITHOUT_RECORD = [STATUSES.index(Status.ZERO), STATUSES.index(Status.PSA_ONLY)]
_WITHOUT_LINE = [STATUSES.index(Status.ADD), STATUSES.index(Status.MISSING)]


def _judge(basis: Basis, prepared: Prepared, rows: Rows, held: IntArray) -> IntArray:
    """What the numbers say. ``held`` is the contract quantity."""
    has_line, billed, current = rows.line >= 0, rows.billed, rows.current
    creatable = basis.options.allow_create & take_flags(prepared.offered.services.active, rows.service)
    removed = rows.gone & has_line & (held != 0)
    cases = [
        (rows.psa_only, Status.PSA_ONLY),
        (removed & basis.options.zero_removed, Status.ZERO),
        (removed, Status.PSA_ONLY),
        (rows.gone, Status.EQUAL),
        (current & has_line & (billed == 0) & (held != 0), Status.ZERO),
        (current & has_line & (billed > held), Status.RAISE),
        (current & has_line & (billed < held), Status.LOWER),
        (current & ~has_line & (billed > 0) & creatable, Status.ADD),
        (current & ~has_line & (billed > 0), Status.MISSING),
    ]
    return np.select([mask for mask, _ in cases], [STATUSES.index(status) for _, status in cases], STATUSES.index(Status.EQUAL))


def _new_costs(basis: Basis, prepared: Prepared, rows: Rows, status: IntArray) -> tuple[IntArray, BoolArray]:
    services, lines = prepared.offered.services, prepared.offered.lines
    wanted = take(services.cost, rows.service, 0)
    known = take_flags(services.cost_known, rows.service) & take_flags(lines.cost_known, rows.line)
    differs = wanted != take(lines.cost, rows.line, 0)
    kept = np.isin(status, [STATUSES.index(s) for s in (Status.EQUAL, Status.RAISE, Status.LOWER)]) & rows.current
    return wanted, known & differs & kept & basis.options.overwrite_cost


def build_changes(run: Run, keys: Collection[str]) -> list[Change]:
    """The changes of these rows, in the order of the comparison; a row with a new cost gives two, the quantity first.

    A key without a change gives none.
    """
    asked = run.rows["key"].isin(list(keys)).to_numpy(dtype=bool) & run.rows["selectable"].to_numpy(dtype=bool)
    changes: list[Change] = []
    for row in run.rows[asked].to_dict("records"):
        kind = ChangeKind(row["change"])
        if kind is not ChangeKind.SET_UNIT_COST:
            changes.append(_change(run, row, kind))
        if not pd.isna(row["new_unit_cost"]):
            changes.append(_change(run, row, ChangeKind.SET_UNIT_COST))
    return changes


def _change(run: Run, row: dict[Any, Any], kind: ChangeKind) -> Change:
    cost = kind is ChangeKind.SET_UNIT_COST
    before = 0 if kind is ChangeKind.CREATE_LINE else int(row["contract_quantity"])
    targets = {ChangeKind.ZERO_LINE: 0, ChangeKind.SET_UNIT_COST: before}
    return Change(
        key=row["key"],
        kind=kind,
        **{name: _text(row[name]) for name in _TEXTS},
        quantity_before=before,
        quantity_target=targets[kind] if kind in targets else int(row["billed_quantity"]),
        effective_date=run.basis.effective_date,
        unit_price=_amount(row["unit_price"]),
        unit_cost_before=_amount(row["unit_cost"]) if cost else None,
        unit_cost_target=_amount(row["new_unit_cost"]) if cost else None,
    )


_TEXTS = (
    "customer_code",
    "customer_name",
    "company_id",
    "contract_id",
    "contract_name",
    "line_id",
    "service_id",
    "service_name",
    "sku",
    "description",
)


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)


def _amount(value: Any) -> int | None:
    return None if pd.isna(value) else int(value)
