"""Findings: what needs a person, as small rules over whole columns.

A rule gives batches (what the log tells, one entry each) and marks rows (what the row's codes show and what holds it back). Rows
that an ignore rule holds back get neither.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import pandas as pd

from reconcile_app.core.accounts import KINDS, NUMBER
from reconcile_app.core.amounts import MAX_QUANTITY, SCALE, format_fixed
from reconcile_app.core.basis import Basis, Prepared
from reconcile_app.core.billed import line_texts
from reconcile_app.core.changes import Proposals
from reconcile_app.core.compare import Rows, as_objects
from reconcile_app.core.findings import Kind, Scope, blocks
from reconcile_app.core.frames import FINDINGS
from reconcile_app.core.mapping import Ways
from reconcile_app.core.texts import BoolArray, IntArray, amount_column, day_texts, fixed_texts, pick, take, take_flags, text_column

Extra = Mapping[str, Sequence[str]]

_NO_ROWS = np.array([], dtype=np.int64)
_STOPS = (Scope.ROW, Scope.CUSTOMER, Scope.RUN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Findings of one kind: about rows (``rows`` holds their positions) or about customers and the run (``rows`` is empty).

    ``extra`` holds the placeholders that neither the row nor the run itself has, one text per finding; a customer's finding has the
    customer's name and identifier there. The customer code of the run's own findings is blank.
    """

    kind: Kind
    scope: Scope
    rows: IntArray = field(default_factory=lambda: _NO_ROWS)
    customers: Sequence[str] = ()
    extra: Extra = field(default_factory=dict)
    of_psa: bool = False
    """A finding of the run that is about the PSA's side."""

    def __len__(self) -> int:
        return len(self.rows) or len(self.customers)


@dataclass(slots=True)
class Findings:
    """Everything found so far. ``marks`` are the rows that a kind concerns; ``ignored`` rows are left out of all."""

    ignored: BoolArray
    batches: list[Batch] = field(default_factory=list)
    marks: dict[Kind, BoolArray] = field(default_factory=dict)

    def mark(self, kind: Kind, rows: BoolArray) -> None:
        """These rows are concerned."""
        marked = rows & ~self.ignored
        self.marks[kind] = self.marks[kind] | marked if kind in self.marks else marked

    def rows_found(self, kind: Kind, rows: BoolArray, extra: Callable[[IntArray], Extra] = lambda rows: {}) -> None:
        """One finding per row."""
        those = np.flatnonzero(rows & ~self.ignored)
        if len(those):
            self.mark(kind, rows)
            scope = Scope.ROW if blocks(kind) in _STOPS else blocks(kind)
            self.batches.append(Batch(kind=kind, scope=scope, rows=those, extra=extra(those)))

    def customers_found(
        self, kind: Kind, scope: Scope, found: Sequence[tuple[str, Mapping[str, str]]], *, of_psa: bool = False
    ) -> None:
        """One finding per customer code; a blank code stands for the run."""
        if found:
            names = {name: None for _, fields in found for name in fields}
            extra = {name: [fields.get(name, "") for _, fields in found] for name in names}
            self.batches.append(Batch(kind=kind, scope=scope, customers=[code for code, _ in found], extra=extra, of_psa=of_psa))

    @property
    def blocked(self) -> BoolArray:
        """Rows that no change may be made to. Not read is a status of its own."""
        return self._any(lambda kind: blocks(kind) in _STOPS and kind not in (Kind.NOT_READ, Kind.LINE_MISSING))

    @property
    def held(self) -> BoolArray:
        """Rows that are not pre-selected."""
        return self._any(lambda kind: blocks(kind) is not Scope.NOTHING)

    def _any(self, wanted: Callable[[Kind], bool]) -> BoolArray:
        none = np.zeros(len(self.ignored), dtype=bool)
        return reduce(np.logical_or, (rows for kind, rows in self.marks.items() if wanted(kind)), none)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the rules look at. ``group`` is the row of every billed line of both periods (−1: none)."""

    basis: Basis
    prepared: Prepared
    ways: Ways
    rows: Rows
    group: IntArray

    @property
    def lines_known(self) -> tuple[IntArray, BoolArray]:
        """The contract quantity of every row and whether it is known."""
        lines = self.prepared.offered.lines
        return take(lines.quantity, self.rows.line, 0), take_flags(lines.quantity_known, self.rows.line)


def find_run(found: Findings, subject: Subject) -> None:
    """AT15: the period has no records at all."""
    billing = subject.basis.billing
    if not subject.prepared.billed.now and billing.side.complete:
        found.mark(Kind.NO_RECORDS, np.ones(len(subject.rows), dtype=bool))
        found.customers_found(Kind.NO_RECORDS, Scope.RUN, [("", {})])


def find_customers(found: Findings, subject: Subject, tellable: Callable[[Kind], bool]) -> None:
    """What stopped whole customers, and who is billed to whom. ``tellable`` leaves out what an unread side cannot prove."""
    billed, accounts, rows = subject.prepared.billed, subject.ways.accounts, subject.rows
    shown = (subject.group >= 0) & (subject.ways.account_finding >= 0)
    shown[shown] = ~found.ignored[subject.group[shown]]
    alive = np.unique(billed.account[shown]).tolist()
    kinds = [KINDS[number] for number in np.unique(accounts.finding[alive])]
    for kind in (kind for kind in kinds if tellable(kind)):
        found.mark(kind, rows.account_finding == NUMBER[kind])
        found.customers_found(
            kind,
            Scope.CUSTOMER,
            [
                (billed.customers[billed.account_customer[account]], _account_fields(subject, account))
                for account in alive
                if accounts.finding[account] == NUMBER[kind]
            ],
        )
    paying = subject.basis.customer_key == "bill_to"
    found.customers_found(
        Kind.BILLED_TO_OTHER,
        Scope.NOTHING,
        [
            (code, {"customer_name": name, "bill_to_code": other, "used_code": other if paying else code})
            for code, name, other in billed.billed_to
        ],
    )
    names = dict(zip(billed.customers, billed.customer_names, strict=True))
    found.customers_found(
        Kind.RETRIED, Scope.NOTHING, [(code, {"customer_name": names.get(code, code)}) for code in sorted(subject.basis.retried)]
    )
    _find_waiting(found, subject)


def _account_fields(subject: Subject, account: int) -> dict[str, str]:
    billed, details = subject.prepared.billed, subject.ways.accounts.details[account]
    return {
        "customer_name": billed.customer_names[billed.account_customer[account]],
        "billing_identifier": billed.identifiers[account],
        **({"side": subject.basis.psa.side.title} if "error" in details else {}),
        **details,
    }


def _find_waiting(found: Findings, subject: Subject) -> None:
    billed = subject.prepared.billed
    for code, what in sorted(subject.basis.rules.waiting.items()):
        customer = billed.customers.index(code) if code in billed.customers else -1
        rows = (subject.rows.customer == customer) & ~found.ignored
        if rows.any():
            found.mark(Kind.WAITING_FOR_REPROCESS, rows)
            found.customers_found(
                Kind.WAITING_FOR_REPROCESS,
                Scope.CUSTOMER,
                [(code, {"customer_name": billed.customer_names[customer], "field": what})],
            )


def find_items(found: Findings, subject: Subject, tellable: Callable[[Kind], bool]) -> None:
    """What stopped a SKU or a line of a customer that was not stopped itself."""
    rows = subject.rows
    free = rows.account_finding < 0
    for number in np.unique(rows.item_finding[free & (rows.item_finding >= 0)]).tolist():
        if tellable(KINDS[number]) and KINDS[number] is not Kind.NOT_READ:
            found.rows_found(KINDS[number], free & (rows.item_finding == number), lambda those: _item_fields(subject, those))
    _find_unusable(found, subject, free & (rows.item_finding < 0))
    _find_clashes(found, subject)
    _find_in_doubt(found, subject)


def _item_fields(subject: Subject, those: IntArray) -> Extra:
    rows, details = subject.rows, subject.ways.details
    told = [details[i] if i >= 0 else {} for i in rows.detail[those].tolist()]
    names = sorted({name for fields in told for name in fields})
    extra = {name: [fields.get(name, "") for fields in told] for name in names}
    counts = rows.count[those].tolist()
    if any(count > 1 for count in counts):
        names_of = pick(subject.prepared.offered.contracts.names, rows.contract[those], "")
        extra["count"] = [str(count) for count in counts]
        extra["contract_name"] = [fields.get("contract_name") or name for fields, name in zip(told, names_of, strict=True)]
    return extra


def _find_unusable(found: Findings, subject: Subject, free: BoolArray) -> None:
    rows, whole = subject.rows, subject.basis.psa.whole_units
    beyond = (rows.billed < 0) | (rows.billed > MAX_QUANTITY) | ~rows.billed_known | rows.part_negative
    fraction = rows.part_fraction | (rows.billed % SCALE != 0)
    unusable = free & rows.current & ~rows.excluded & (beyond | (fraction if whole else False))
    found.rows_found(Kind.QUANTITY_NOT_USABLE, unusable, lambda those: {"new_quantity": _offending(subject, those)})


def _offending(subject: Subject, those: IntArray) -> list[str]:
    """The quantities that cannot be used, as the billing source wrote them; where only the sum is unusable, the sum."""
    billed, whole = subject.prepared.billed, subject.basis.psa.whole_units
    mine = np.zeros(len(subject.rows) + 1, dtype=bool)
    mine[those] = True
    bad = ~billed.quantity_known | (billed.quantity < 0) | (billed.quantity > MAX_QUANTITY)
    bad |= (billed.quantity % SCALE != 0) & whole
    parts: dict[int, set[str]] = {}
    raw = line_texts(billed, "raw_quantity")
    for line in np.flatnonzero(bad[: billed.now] & mine[subject.group[: billed.now]]).tolist():
        text = format_fixed(int(billed.quantity[line])) if billed.quantity_known[line] else str(raw[line]).replace("<NA>", "")[:60]
        parts.setdefault(int(subject.group[line]), set()).add(text)
    sums = subject.rows.billed
    return [", ".join(sorted(parts[row])[:3]) if row in parts else format_fixed(int(sums[row])) for row in those.tolist()]


def _find_clashes(found: Findings, subject: Subject) -> None:
    """Two rows that would write the same contract line: neither may."""
    rows, services = subject.rows, len(subject.prepared.offered.services.ids)
    absent = (rows.line < 0) & (rows.contract >= 0) & (rows.service >= 0) & (rows.item_finding < 0) & (rows.account_finding < 0)
    beyond = len(subject.prepared.offered.lines.ids)
    target = np.where(rows.line >= 0, rows.line, np.where(absent, beyond + rows.contract * services + rows.service, -1))
    order = np.argsort(target, kind="stable")
    same = (target[order][1:] == target[order][:-1]) & (target[order][1:] >= 0)
    if not same.any():
        return
    clashing = np.zeros(len(rows), dtype=bool)
    clashing[order[1:][same]] = clashing[order[:-1][same]] = True
    customers = subject.prepared.billed.customers
    owners: dict[int, list[str]] = {}
    for row in np.flatnonzero(clashing).tolist():
        owners.setdefault(int(target[row]), []).append(customers[rows.customer[row]])

    def fields(those: IntArray) -> Extra:
        return {"other_customer_code": [_other(owners[int(target[row])], customers[rows.customer[row]]) for row in those.tolist()]}

    found.rows_found(Kind.IDENTIFIER_SHARED, clashing, fields)


def _other(owners: list[str], own: str) -> str:
    return next((owner for owner in owners if owner != own), own)


def _find_in_doubt(found: Findings, subject: Subject) -> None:
    rows, offered = subject.rows, subject.prepared.offered
    reasons: dict[int, str] = {}
    places = offered.lines.places(name.removeprefix("line:").removesuffix(":cost") for name in subject.basis.open_lines)
    for name, reason in sorted(subject.basis.open_lines.items()):
        touched = name.removeprefix("line:").removesuffix(":cost")
        if touched in places:
            those = rows.line == places[touched]
        elif name.startswith("contract:") and ":service:" in name:
            contract, _, service = name.removeprefix("contract:").partition(":service:")
            those = (rows.contract == offered.contracts.index.get(contract, -2)) & (
                rows.service == offered.services.index.get(service, -2)
            )
        else:
            continue
        reasons.update(dict.fromkeys(np.flatnonzero(those).tolist(), reason))
    doubtful = np.zeros(len(rows), dtype=bool)
    doubtful[list(reasons)] = True
    found.rows_found(Kind.IN_DOUBT, doubtful, lambda those: {"reason": [reasons[row] for row in those.tolist()]})


def find_history(found: Findings, subject: Subject) -> None:
    """RC17: the PSA does not hold any more what we last pushed."""
    lines, pushed = subject.prepared.offered.lines, subject.basis.last_pushed
    last = {place: pushed[line_id] for line_id, place in lines.places(pushed).items()}
    changed = np.zeros(len(lines.ids) + 1, dtype=bool)
    changed[[line for line, push in last.items() if lines.quantity_known[line] and lines.quantity[line] != push.quantity]] = True

    def fields(those: IntArray) -> Extra:
        pushes = [last[line] for line in subject.rows.line[those].tolist()]
        return {
            "last_pushed_quantity": [format_fixed(push.quantity) for push in pushes],
            "push_date": [push.pushed_on.isoformat() for push in pushes],
        }

    found.rows_found(Kind.CHANGED_SINCE_PUSH, changed[subject.rows.line], fields)


def find_proposed(found: Findings, subject: Subject, proposals: Proposals) -> None:
    """What follows from what is proposed: missing lines, zeroing, posted periods, planned changes, lines without record."""
    rows, lines = subject.rows, subject.prepared.offered.lines
    found.rows_found(Kind.LINE_MISSING, proposals.missing)
    found.rows_found(Kind.REDUCED_TO_ZERO, proposals.zero)
    late = lines.posted_until >= np.datetime64(subject.basis.effective_date, "D")
    found.rows_found(
        Kind.PERIOD_POSTED,
        proposals.quantity & take_flags(late, rows.line),
        lambda those: {"end_date": day_texts(lines.posted_until[rows.line[those]])},
    )
    found.rows_found(
        Kind.PENDING_CHANGE,
        proposals.quantity & take_flags(lines.pending_known, rows.line),
        lambda those: {
            "pending_quantity": fixed_texts(lines.pending[rows.line[those]], lines.pending_known[rows.line[those]]).tolist(),
            "pending_date": day_texts(lines.pending_date[rows.line[those]]),
        },
    )
    found.rows_found(Kind.NO_BILLED_RECORD, proposals.psa_only)


def findings_frame(found: Findings, row_customers: Sequence[str]) -> pd.DataFrame:
    """``FINDINGS``: the run's own first, then by customer code and row."""
    kinds, scopes, rows, customers, fields = [], [], [], [], []
    for batch in found.batches:
        kinds += [batch.kind.value] * len(batch)
        scopes += [batch.scope.value] * len(batch)
        rows.append(batch.rows if len(batch.rows) else np.full(len(batch), -1, dtype=np.int64))
        customers += [row_customers[row] for row in batch.rows.tolist()] if len(batch.rows) else list(batch.customers)
        fields += _json(batch)
    position = np.concatenate(rows) if rows else _NO_ROWS
    order = sorted(range(len(position)), key=lambda i: (customers[i], position[i], kinds[i], fields[i]))
    return FINDINGS.build(
        {
            "kind": text_column(as_objects(kinds)[order]),
            "scope": text_column(as_objects(scopes)[order]),
            "row": amount_column(position[order], position[order] >= 0),
            "customer_code": text_column(as_objects(customers)[order]),
            "fields": text_column(as_objects(fields)[order]),
        }
    )


def _json(batch: Batch) -> list[str]:
    if not batch.extra:
        return ["{}"] * len(batch)
    names = list(batch.extra)
    return [
        json.dumps(dict(zip(names, values, strict=True)), sort_keys=True, ensure_ascii=False)
        for values in zip(*batch.extra.values(), strict=True)
    ]
