"""A run: one comparison with everything in it, from what was fetched to what was decided."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from reconcile_app.core.accounts import Known
from reconcile_app.core.basis import Basis, LastPush, Prepared, Run, Summary, prepare
from reconcile_app.core.changes import Proposals, Verdicts, propose
from reconcile_app.core.compare import Rows, as_objects, compare, row_keys
from reconcile_app.core.comparison import comparison_frame
from reconcile_app.core.findings import CodeTable
from reconcile_app.core.frames import COMPARISON, FINDINGS, IGNORED, LOG, MAPPED_LINES
from reconcile_app.core.log import LogSource, write_log
from reconcile_app.core.mapping import frame_of, ways_of
from reconcile_app.core.overview import facets, groups, summarize
from reconcile_app.core.reading import Unread, find_unread, gaps_of
from reconcile_app.core.rules import (
    Findings,
    Subject,
    find_customers,
    find_history,
    find_items,
    find_proposed,
    find_run,
    findings_frame,
)
from reconcile_app.core.snapshot import BillingSnapshot, PsaSnapshot, Side
from reconcile_app.core.texts import BoolArray, filled

__all__ = [
    "Basis",
    "BillingSnapshot",
    "LastPush",
    "Prepared",
    "PsaSnapshot",
    "Run",
    "Side",
    "Summary",
    "assemble",
    "facets",
    "groups",
    "with_decisions",
]


def assemble(basis: Basis, codes: CodeTable, earlier: Run | None = None) -> Run:
    """The comparison of a basis. Pure: the same basis gives the same run.

    ``earlier`` is a run of the same fetch, whose coded sides are used again.
    """
    prepared = _prepared(basis, earlier)
    offered = prepared.offered
    known = Known(companies=offered.companies, contracts=offered.contracts, unread=basis.psa.side.unread, claims=prepared.claims)
    ways = ways_of(prepared.billed, offered, known, basis.rules, basis.effective_date)
    rows, group = compare(basis, prepared, ways)
    keys = row_keys(prepared, rows)
    ignored, held_back = _ignored(basis, prepared, rows, keys)
    subject = Subject(basis=basis, prepared=prepared, ways=ways, rows=rows, group=group)
    found = Findings(ignored)
    proposals, unread = _find(found, subject)
    table = comparison_frame(basis, prepared, rows, as_objects(keys), proposals, found, unread, codes)
    usual = table["selected"].to_numpy(dtype=bool)
    _decide(table, basis.decisions)
    source = LogSource(basis=basis, prepared=prepared, rows=rows, table=table, proposals=proposals, found=found)
    return Run(
        basis=basis,
        rows=COMPARISON.check(table),
        mapped=MAPPED_LINES.check(frame_of(prepared.billed, offered, ways)),
        part_row=pd.Series(group[: prepared.billed.now], dtype="int64"),
        log=LOG.check(write_log(source, codes)),
        findings=FINDINGS.check(findings_frame(found, filled(table["customer_code"]))),
        ignored=IGNORED.check(held_back),
        summary=summarize(table, usual),
        prepared=prepared,
    )


def with_decisions(run: Run, decisions: Mapping[str, bool]) -> Run:
    """The same run with other ticks; nothing is mapped or compared again. ``decisions`` replace the earlier ones."""
    table = run.rows.copy(deep=False)
    usual = _preselected(table, run.findings)
    table["selected"] = usual
    _decide(table, decisions)
    basis = replace(run.basis, decisions=dict(decisions))
    return replace(run, basis=basis, rows=COMPARISON.check(table), summary=summarize(table, usual))


def _prepared(basis: Basis, earlier: Run | None) -> Prepared:
    if earlier is None or earlier.prepared is None:
        return prepare(basis)
    old = earlier.basis
    same = old.billing is basis.billing and old.psa is basis.psa and old.customer_key == basis.customer_key
    same &= old.options.customers_filter == basis.options.customers_filter
    return earlier.prepared if same else prepare(basis)


def _ignored(basis: Basis, prepared: Prepared, rows: Rows, keys: list[str]) -> tuple[BoolArray, pd.DataFrame]:
    """Rows that are left alone, and why: by an ignore rule that still holds, or because the SKU is no product of the PSA."""
    told: dict[int, tuple[str, str, str]] = {}
    for row in np.flatnonzero(rows.excluded).tolist():
        told[row] = f"SKU {prepared.billed.skus[rows.item[row]]} is no product of {basis.psa.side.title}", "", ""
    position = {key: row for row, key in enumerate(keys)} if basis.rules.ignores else {}
    for key, rule in basis.rules.ignores.items():
        row = position.get(key, -1)
        woken = rule.wake_above is not None and rows.billed_known[row] and rows.billed[row] > rule.wake_above
        if row >= 0 and not woken and (rule.until is None or rule.until >= basis.today):
            told[row] = rule.reason, rule.until.isoformat() if rule.until else "", rule.by
    ignored = np.zeros(len(rows), dtype=bool)
    ignored[list(told)] = True
    order = sorted(told)
    return ignored, IGNORED.build(
        {
            "key": [keys[row] for row in order],
            "reason": [told[row][0] for row in order],
            "until": [told[row][1] or pd.NA for row in order],
            "by": [told[row][2] or pd.NA for row in order],
        }
    )


def _find(found: Findings, subject: Subject) -> tuple[Proposals, Unread]:
    gaps = gaps_of(subject.basis)
    find_run(found, subject)
    unread = find_unread(found, subject, gaps)
    find_customers(found, subject, gaps.tellable)
    find_items(found, subject, gaps.tellable)
    find_history(found, subject)
    verdicts = Verdicts(ignored=found.ignored, unknown=unread.rows, blocked=found.blocked)
    proposals = propose(subject.basis, subject.prepared, subject.rows, verdicts)
    find_proposed(found, subject, proposals)
    return proposals, unread


def _preselected(table: pd.DataFrame, findings: pd.DataFrame) -> BoolArray:
    wanted = table["change"].isin(["set_quantity", "create_line"]).to_numpy(dtype=bool, copy=True)
    held = findings.loc[findings["scope"] == "selection", "row"].dropna().to_numpy(dtype=np.int64)
    wanted[held] = False
    return wanted


def _decide(table: pd.DataFrame, decisions: Mapping[str, bool]) -> None:
    """Ticks and unticks of the operator, where a row can be ticked."""
    if not decisions:
        return
    selected = table["selected"].to_numpy(dtype=bool, copy=True)
    decided = np.flatnonzero(table["key"].isin(list(decisions)).to_numpy(dtype=bool) & table["selectable"].to_numpy(dtype=bool))
    selected[decided] = [decisions[key] for key in table["key"].take(decided)]
    table["selected"] = selected
