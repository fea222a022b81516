"""The judge of what follows an attempt: what recovery made of the journal, what the operator was told, and what the history says.

Shares no code with the program, as ``judge``.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.kill.judge import DONE, OPEN, Fault, Records, Row
from tests.kill.pairs import gap_words, gaps

HELD_BACK = frozenset({"STALE", "BLOCKED", "CANCELLED", "NOT_SENT", "PLANNED"})
SENT_IN_VAIN = frozenset({"REJECTED", "NOT_APPLIED", "CLOSED_AS_NOT_APPLIED"})
WRITTEN = DONE - {"SKIPPED_ALREADY"}


def judge_recovery(before: Records, after: Records, told: Mapping[str, Any], excused: frozenset[str]) -> list[Fault]:
    """What recovery made of a journal, and what it told the operator.

    Args:
        before: the journal as the interrupted push left it.
        after: the journal after recovery.
        told: what the recovering process showed.
        excused: contracts on which somebody else worked, whose ops may need a person.
    """
    faults = []
    for op in after.unfinished:
        if op["state"] != "NEEDS_REVIEW":
            faults.append(Fault("recovery", f"{op['op_id']} is still {op['state']}"))
        elif json.loads(op["change"])["contract_id"] not in excused:
            faults.append(Fault("recovery", f"{op['op_id']} needs a person, and nobody else touched its contract"))
    expected = [words] if (words := sentence(before, after)) else []
    if told["words"] != expected or told["problems"]:
        faults.append(Fault("words", f"told {told['words']} {told['problems']}, expected {expected}"))
    if told["open"] != sorted(op["op_id"] for op in after.unfinished):
        faults.append(Fault("words", f"shown as open: {told['open']}"))
    if after.events[: len(before.events)] != before.events:
        faults.append(Fault("chain", "recovery changed what was in the journal"))
    return faults


def sentence(before: Records, after: Records) -> str:
    """What the operator must read at the start, or nothing."""
    found = before.unfinished
    if not found:
        return ""
    runs = {op["run_id"] for op in found}
    states = [op["state"] for op in after.ops.values() if op["run_id"] in runs]
    review = states.count("NEEDS_REVIEW")
    counts = {
        "done": sum(state in DONE for state in states), "being checked": sum(state in OPEN for state in states) - review,
        "to be looked at by you": review, "not sent": sum(state not in DONE | OPEN | SENT_IN_VAIN for state in states),
        "without effect": sum(state in SENT_IN_VAIN for state in states),
    }
    cut_off = any(op["state"] != "NEEDS_REVIEW" for op in found)
    start = "The last push was interrupted: " if cut_off else "Left from earlier pushes: "
    told = start + ", ".join(f"{count} {words}" for words, count in counts.items() if count) + "."
    missing = gaps(after, runs)
    return f"{told} {gap_words(missing)}: make what is missing in the PSA." if missing else told


def judge_history(records: Records, source: str, result: str, workspace: Path) -> list[Fault]:
    """What the program tells of a comparison outside the journal: its result, and the quantities that were pushed."""
    expected = _result(records, source)
    faults = [] if result == expected else [Fault("history", f"the history says {result!r}, the journal {expected!r}")]
    connection = sqlite3.connect(workspace)
    known = set(connection.execute("SELECT line_id, run_id, quantity FROM pushed"))
    connection.close()
    for op_id, op in records.ops.items():
        change = json.loads(op["change"])
        if op["state"] in ("VERIFIED", "CONFIRMED_BY_STATE") and change["kind"] != "set_unit_cost":
            line = change["line_id"] or op["line_key"]
            if (line, op["run_id"], op["quantity_after"]) not in known:
                faults.append(Fault("history", f"the quantity that {op_id} wrote is not known as pushed"))
    return faults


def _result(records: Records, source: str) -> str:
    """What the history must say of a comparison after all pushes from it."""
    pushes = {run_id for run_id, run in records.runs.items() if run["source_run"] == source}
    states = [op["state"] for op in records.ops.values() if op["run_id"] in pushes]
    if not states:
        return "compared"
    still = sum(state in OPEN for state in states)
    if still:
        return f"finished, {still} open"
    if missing := gaps(records, pushes):
        return f"finished, {gap_words(missing)}"
    if all(state in HELD_BACK for state in states):
        return "refused"
    return "finished" + _undone(records, pushes)


def _undone(records: Records, runs: set[str]) -> str:
    """Whether what was pushed was taken back again: all of it, a part, or nothing."""
    written = [op for op in records.ops.values() if op["run_id"] in runs and op["state"] in WRITTEN]
    pushed = [op for op in written if records.runs[op["run_id"]]["kind"] == "push"]
    taken_back = {
        (records.runs[op["run_id"]]["undoes_run"], *_subject(op)) for op in written if records.runs[op["run_id"]]["kind"] == "undo"
    }
    undone = [(op["run_id"], *_subject(op)) in taken_back for op in pushed]
    return "" if not any(undone) else ", undone" if all(undone) else ", partly undone"


def _subject(op: Row) -> tuple[str, bool]:
    """What an op is about: its row, and whether that row's unit cost."""
    change = json.loads(op["change"])
    return change["key"], change["kind"] == "set_unit_cost"
