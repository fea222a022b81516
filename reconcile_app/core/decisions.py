"""Decisions taken back from the Changes sheet of the Excel log: only for exactly the changes that the sheet was written with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconcile_app.core.basis import Run
from reconcile_app.core.errors import PlanRefused
from reconcile_app.core.ids import canonical_json, sha256_hex


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSheet:
    """What a Changes sheet says, by row key: push (true) or leave, and the quantity after the change (ten-thousandths)."""

    checksum: str
    decisions: Mapping[str, bool]
    targets: Mapping[str, int]


def change_targets(run: Run) -> dict[str, int]:
    """The changes of a run by row key, in order, with the quantity each line is to get (ten-thousandths)."""
    rows = run.rows[run.rows["change"].notna()]
    return dict(zip(rows["key"].tolist(), (int(value) for value in rows["billed_quantity"].fillna(0)), strict=True))


def decisions_digest(keys: Sequence[str], targets: Sequence[int], run_id: str) -> str:
    """Checksum of the Changes sheet: an edited Decision column is taken back only for exactly these changes of this run."""
    return sha256_hex(canonical_json([run_id, list(keys), list(targets)]))[:16]


def taken_back(run: Run, sheet: DecisionSheet) -> dict[str, bool]:
    """The decisions of a sheet that differ from the ticks of the run, for the rows that may be ticked.

    Raises:
        PlanRefused: the sheet was written for another comparison, for other mappings, or more than its decisions was edited.
    """
    targets = change_targets(run)
    if sheet.checksum != decisions_digest(list(targets), list(targets.values()), run.run_id):
        raise PlanRefused(
            "The decisions were not taken over.",
            "The workbook belongs to another comparison, or mappings have changed since it was written.",
            meaning="No tick was changed and nothing was sent.",
            next_step="Open the comparison that the workbook was written from, or export the Excel log again and decide there.",
        )
    changed = sorted(key for key in targets.keys() | sheet.targets.keys() if targets.get(key) != sheet.targets.get(key))
    if changed:
        raise PlanRefused(
            "The decisions were not taken over.",
            f"More than the Decision column was edited: {len(changed)} rows are missing, were added or have another quantity "
            f"in the column After, such as {changed[0][:120]}.",
            meaning="No tick was changed and nothing was sent.",
            next_step="Export the Excel log again and edit only the Decision column.",
        )
    rows = run.rows[run.rows["selectable"]]
    ticks = zip(rows["key"].tolist(), rows["selected"].tolist(), strict=True)
    return {key: sheet.decisions[key] for key, ticked in ticks if sheet.decisions.get(key, ticked) != ticked}
