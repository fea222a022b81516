"""The log of a comparison, in the published order and with the published texts."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

import numpy as np
import pandas as pd

from reconcile_app.core.accounts import NUMBER
from reconcile_app.core.basis import Basis, Prepared
from reconcile_app.core.changes import STATUSES, Proposals, Status
from reconcile_app.core.codes import RC_CODES
from reconcile_app.core.compare import Rows, as_objects
from reconcile_app.core.entries import PLANNED, Completion, run_log_for_error, time_text, visible
from reconcile_app.core.findings import Code, CodeTable, Kind, Level, Scope
from reconcile_app.core.frames import LOG
from reconcile_app.core.rules import Batch, Findings
from reconcile_app.core.texts import (
    IntArray,
    ObjectArray,
    amount_column,
    blanked,
    fixed_texts,
    packed,
    pick,
    picked,
    take,
    take_flags,
    text_column,
)

__all__ = ["Completion", "LogSource", "run_log_for_error", "visible", "write_log"]

_SECTIONS = ("worker", "billing", "start", "psa", "customers", "deprovisioned start", "deprovisioned", "deprovisioned end", "end")
_STATUS_KINDS = {
    Kind.UNCHANGED: (Status.EQUAL,),
    Kind.QUANTITY_UPDATED: (Status.RAISE, Status.LOWER),
    Kind.LINE_CREATED: (Status.ADD,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSource:
    """What a log is written from; ``table`` is the ``COMPARISON`` frame of the rows."""

    basis: Basis
    prepared: Prepared
    rows: Rows
    table: pd.DataFrame
    proposals: Proposals
    found: Findings


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Entries of one kind. ``rows`` is −1 for entries of customers and of the run, whose texts stand in ``own``."""

    kind: Kind
    code: Code
    section: IntArray
    customer: IntArray
    stage: IntArray
    rows: IntArray
    messages: list[str]
    own: Mapping[str, Sequence[str]]


def write_log(source: LogSource, codes: CodeTable) -> pd.DataFrame:
    """``LOG``: every entry of a comparison. A kind that the PSA has no code for is left out."""
    writer = _Writer(source, codes)
    for batch in source.found.batches:
        writer.batch(batch)
    for kind, statuses in _STATUS_KINDS.items():
        wanted = np.isin(source.proposals.status, [STATUSES.index(status) for status in statuses])
        if kind is Kind.UNCHANGED:
            wanted &= source.rows.line >= 0
        writer.about_rows(kind, np.flatnonzero(wanted), {})
    writer.about_run(Kind.WORKER_STARTED, "worker")
    writer.about_run(Kind.STARTED, "start")
    writer.about_run(Kind.DEPROVISIONED_START, "deprovisioned start")
    writer.about_run(Kind.DEPROVISIONED_END, "deprovisioned end")
    writer.about_run(Kind.COMPLETED, "end", status=writer.completion().value)
    return writer.frame()


class _Writer:
    """Collects entries and puts them in order."""

    def __init__(self, source: LogSource, codes: CodeTable) -> None:
        self._source = source
        self._codes = {**RC_CODES, **codes}
        self._parts: list[_Part] = []
        self._columns: dict[str, ObjectArray] = {}
        basis = source.basis
        self._constant = {
            "psa": basis.psa.side.title,
            "contract_type": basis.psa.contract_type,
            "match_field": basis.psa.sku_field,
            "period_end": basis.billing.period.end.isoformat(),
            "worker_id": basis.run_id,
        }

    def batch(self, batch: Batch) -> None:
        """The entries of findings."""
        if len(batch.rows):
            self.about_rows(batch.kind, batch.rows, batch.extra)
            return
        section = "customers"
        if batch.scope is Scope.RUN:
            section = "psa" if batch.of_psa else "billing"
        self._add(batch.kind, np.full(len(batch), _SECTIONS.index(section)), {"customer_code": batch.customers, **batch.extra})

    def about_run(self, kind: Kind, section: str, **fields: str) -> None:
        """One entry of the run itself."""
        own = {"customer_code": [""], **{name: [text] for name, text in fields.items()}}
        self._add(kind, np.array([_SECTIONS.index(section)]), own)

    def _add(self, kind: Kind, section: IntArray, own: Mapping[str, Sequence[str]]) -> None:
        if kind not in self._codes:
            return
        known = self._source.prepared.billed.customers
        places = [self._place(known, code) for code in own["customer_code"]]
        nothing = np.full(len(section), -1, dtype=np.int64)
        self._parts.append(
            _Part(
                kind=kind,
                code=self._codes[kind],
                section=section,
                customer=np.array(places, dtype=np.int64),
                stage=np.zeros_like(nothing),
                rows=nothing,
                messages=self._messages(kind, own, nothing),
                own=own,
            )
        )

    @staticmethod
    def _place(known: list[str], code: str) -> int:
        """Where a customer stands; one without rows stands between those that have some."""
        at = bisect_left(known, code)
        return 2 * at + 1 if at < len(known) and known[at] == code else 2 * at

    def about_rows(self, kind: Kind, those: IntArray, extra: Mapping[str, Sequence[str]]) -> None:
        """One entry for each of these rows."""
        if not len(those) or kind not in self._codes:
            return
        rows = self._source.rows
        gone = rows.gone[those]
        apart = gone & rows.deprovisioned[those]
        self._parts.append(
            _Part(
                kind=kind,
                code=self._codes[kind],
                section=np.where(apart, _SECTIONS.index("deprovisioned"), _SECTIONS.index("customers")),
                customer=2 * rows.customer[those] + 1,
                stage=np.where(gone, 2, 1),
                rows=those,
                messages=self._messages(kind, extra, those),
                own={},
            )
        )

    def completion(self) -> Completion:
        """How the run ended: failed where a side could not be reached, with warnings where anything needs a person."""
        run_kinds = {batch.kind for batch in self._source.found.batches if batch.scope is Scope.RUN}
        if run_kinds - {Kind.NO_RECORDS}:
            return Completion.FAILED
        serious = any(part.code.level in (Level.ERROR, Level.WARNING) for part in self._parts)
        return Completion.WITH_WARNINGS if serious else Completion.SUCCESS

    def _messages(self, kind: Kind, own: Mapping[str, Sequence[str]], rows: IntArray) -> list[str]:
        pattern, names = _pattern(self._codes[kind].template)
        if not names:
            return [pattern % ()] * len(rows)
        columns = [self._texts(kind, name, own, rows) for name in names]
        messages = list(map(pattern.__mod__, zip(*columns, strict=True)))
        # Only a blank first or last placeholder leaves blanks at the ends.
        return [message.strip() for message in messages] if "" in columns[0] or "" in columns[-1] else messages

    def _texts(self, kind: Kind, name: str, own: Mapping[str, Sequence[str]], rows: IntArray) -> Sequence[str]:
        if name == "object" and self._codes[kind].words:
            words = self._codes[kind].words
            return [" ".join(words.get(word, word) for word in text.split()) for text in own[name]]
        if name in own:
            return own[name]
        if kind is Kind.REDUCED_TO_ZERO and name == "new_quantity":
            return ["0.00"] * len(rows)
        if name in self._constant:
            return [self._constant[name]] * len(rows)
        texts: list[str] = self._column(name)[rows].tolist()
        return texts

    def _column(self, name: str) -> ObjectArray:
        """A placeholder for every row, and behind them the blank for entries without row."""
        if name not in self._columns:
            self._columns[name] = np.append(self._row_texts(name), as_objects([""]))
        return self._columns[name]

    def _row_texts(self, name: str) -> ObjectArray:
        table, services = self._source.table, self._source.prepared.offered.services
        if name in ("old_quantity", "new_quantity"):
            column = table["contract_quantity" if name == "old_quantity" else "billed_quantity"]
            return fixed_texts(column.to_numpy(dtype=np.int64, na_value=0), column.notna().to_numpy(dtype=bool))
        if name == "service_description":
            texts = pick(services.descriptions, self._source.rows.service, "")
            return np.where(texts == "", self._row_texts("line_description"), texts)
        column_name = "description" if name == "line_description" else name
        if column_name not in table.columns:
            return np.full(len(table), "", dtype=object)
        return blanked(table[column_name])

    def frame(self) -> pd.DataFrame:
        """All entries in order."""
        parts = self._parts
        which = np.repeat(np.arange(len(parts)), [len(part.messages) for part in parts])
        rows, customer = _joined(parts, "rows"), _joined(parts, "customer")
        kinds = np.array([NUMBER[part.kind] for part in parts], dtype=np.int64)[which]
        key = packed(
            (_joined(parts, "section"), len(_SECTIONS)),
            (customer, int(customer.max(initial=0)) + 1),
            (_joined(parts, "stage"), 3),
            (rows + 1, len(self._source.rows) + 1),
            (kinds, len(NUMBER)),
        )
        order = np.argsort(key, kind="stable")
        which, rows = which[order], rows[order]
        messages = as_objects([message for part in parts for message in part.messages])[order]

        def of_part(values: list[str]) -> Any:
            return picked(values, which)

        return LOG.build(
            {
                "time": picked([time_text(self._source.basis.created)], np.zeros_like(which)),
                "level": of_part([part.code.level.value for part in parts]),
                "code": of_part([part.code.id for part in parts]),
                "kind": of_part([part.kind.value for part in parts]),
                "planned": np.array([part.kind in PLANNED for part in parts], dtype=bool)[which],
                "row": amount_column(rows, rows >= 0),
                **self._texts_of_entries(rows, order),
                **self._quantities(rows, which),
                "message": text_column(messages),
                "resolution": of_part([part.code.resolution for part in parts]),
            }
        )

    def _texts_of_entries(self, rows: IntArray, order: IntArray) -> dict[str, Any]:
        names = {
            "customer_code": "customer_code",
            "customer_name": "customer_name",
            "billing_identifier": "billing_identifier",
            "line_description": "description",
            "sku": "sku",
        }
        columns: dict[str, Any] = {}
        alone = np.flatnonzero(rows < 0)
        ranks = np.cumsum(_joined(self._parts, "rows") < 0)[order[alone]] - 1
        apart = [part for part in self._parts if part.own]
        for name, source in names.items():
            texts = self._source.table[source].array.take(rows, allow_fill=True)
            if name not in ("line_description", "sku"):
                own = [text or pd.NA for part in apart for text in part.own.get(name, [""] * len(part.messages))]
                texts[alone] = text_column(as_objects(own)[ranks])
            columns[name] = texts
        return columns

    def _quantities(self, rows: IntArray, which: IntArray) -> dict[str, Any]:
        table = self._source.table
        zeroed = np.array([part.kind is Kind.REDUCED_TO_ZERO for part in self._parts], dtype=bool)[which]
        columns: dict[str, Any] = {}
        for name, source in (("old_quantity", "contract_quantity"), ("new_quantity", "billed_quantity")):
            values = take(table[source].to_numpy(dtype=np.int64, na_value=0), rows, 0)
            known = take_flags(table[source].notna().to_numpy(dtype=bool), rows)
            to_zero = zeroed & (name == "new_quantity")
            columns[name] = amount_column(np.where(to_zero, 0, values), known | to_zero)
        return columns


def _joined(parts: list[_Part], name: str) -> IntArray:
    return np.concatenate([np.asarray(getattr(part, name), dtype=np.int64) for part in parts])


def _pattern(template: str) -> tuple[str, list[str]]:
    """A template with its placeholders as ``%s``, and their names."""
    pieces = list(Formatter().parse(template))
    pattern = "".join(text.replace("%", "%%") + ("%s" if name is not None else "") for text, name, _, _ in pieces)
    return pattern, [name for _, name, _, _ in pieces if name is not None]
