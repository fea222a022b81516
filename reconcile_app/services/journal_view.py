"""What a journal says of the lines of a comparison: which are not settled, which are watched, which may have been hit twice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from reconcile_app.core.basis import Run
from reconcile_app.core.journal import JournalPort, OpRecord
from reconcile_app.core.ports import Clock
from reconcile_app.services.watch import alarm, watch_items


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalView:
    """What the journal says of a tenant: lines that may not be touched, and the newest watched attempts.

    ``open_lines`` is line key → what is open, ``watched`` line key → what became of it, ``alarms`` is line id → words.
    """

    open_lines: Mapping[str, str]
    watched: Mapping[str, str]
    alarms: Mapping[str, str]


NOTHING = JournalView(open_lines={}, watched={}, alarms={})
"""There is no journal, or it cannot be looked into."""


async def view_of(journal: JournalPort, run: Run, clock: Clock) -> JournalView:
    """Look at the journal with the quantities that a comparison has read."""
    quantities = await asyncio.to_thread(_quantities, run)
    unfinished = await journal.unfinished()
    items = await watch_items(journal, clock)
    told = [(item, alarm(item, quantities.get(item.change.line_id) if _read_after(run, item.op) else None)) for item in items]
    return JournalView(
        open_lines={op.change.line_key: open_words(op) for op in unfinished},
        watched={item.change.line_key: f"{item.op.message} {words}".strip() for item, words in told},
        alarms={item.change.line_id: words for item, words in told if words},
    )


def open_words(op: OpRecord) -> str:
    """What is open about an op."""
    return op.message or "An earlier change of this line is not settled."


def _read_after(run: Run, op: OpRecord) -> bool:
    """Whether the comparison read the line after the attempt: an older reading says nothing about what became of it."""
    basis = run.basis
    return op.updated is None or basis.created >= op.updated or op.change.customer_code in basis.retried


def _quantities(run: Run) -> dict[str, int]:
    lines = run.basis.psa.lines
    read = lines[lines["quantity"].notna()]
    return dict(zip(read["line_id"].tolist(), read["quantity"].tolist(), strict=True))
