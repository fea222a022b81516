"""The judge of lines that end while others take their place: never a new one without that end, never two, never a silent gap.

Shares no code with the program, as ``judge``.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from tests.kill.judge import DONE, UNFINISHED, Fault, Records, Row, World, overdue, owners_of

UNWRITTEN = frozenset({
    "STALE", "BLOCKED", "CANCELLED", "NOT_SENT", "REJECTED", "NOT_APPLIED", "CLOSED_AS_NOT_APPLIED",
})


def judge_pairs(records: Records, world: World) -> list[Fault]:
    """Everything that is wrong with the lines that were to be replaced."""
    late = overdue(records, world)
    return [*_in_order(records, world, late), *_on_their_days(records, world), *_two(world, late)]


def endings_of(records: Records) -> dict[tuple[str, str], Row]:
    """The ops that end lines, by run and line."""
    changes = ((op, json.loads(op["change"])) for op in records.ops.values())
    return {(op["run_id"], change["line_id"]): op for op, change in changes if change["kind"] == "cancel_line"}


def gaps(records: Records, runs: set[str]) -> int:
    """How many lines of these runs have ended without a new one, as far as the journal knows."""
    endings = endings_of(records)
    return sum(
        op["run_id"] in runs and op["state"] in UNWRITTEN
        and endings.get((op["run_id"], json.loads(op["change"])["replaces"]), {}).get("state") in DONE
        for op in records.ops.values()
    )


def gap_words(count: int) -> str:
    """How a result and a sentence tell of that."""
    return f"{count} line{'' if count == 1 else 's'} ended without a new one"


def _in_order(records: Records, world: World, late: frozenset[str]) -> Iterator[Fault]:
    endings = endings_of(records)
    committed = {op_id: entry for entry, op_id in owners_of(records, world.ours) if op_id}
    for op_id, op in records.ops.items():
        change = json.loads(op["change"])
        if change["kind"] != "replace_line":
            continue
        ending = endings[op["run_id"], change["replaces"]]
        ended, made = committed.get(ending["op_id"]), committed.get(op_id)
        if made and (ended is None or ended["seq"] > made["seq"]):
            yield Fault("unexplained", f"{op_id} made a new line, and line {change['replaces']} had not ended")
        if made and world.place(made["line"]) != world.place(change["replaces"]):
            yield Fault("unexplained", f"{op_id} made line {made['line']}, which does not stand for line {change['replaces']}")
        if ended and not made and change["contract_id"] not in late and not _openly(op, ending, change):
            yield Fault("lost", f"line {change['replaces']} ended without a new one, and {op_id} says {op['message']!r}")


def _openly(op: Row, ending: Row, change: Row) -> bool:
    """Whether the journal tells the operator that a line ended and what to create, or that it is still open."""
    if op["state"] in UNFINISHED:
        return True
    ends, quantity = f"line {change['replaces']} ends on {op['effective_date']}", Decimal(op["qty_target"]).normalize()
    told = op["message"].lower()
    known = f"{ends} and nothing takes its place." if ending["state"] in DONE else f"whether {ends} is not known yet."
    return known in told and f"create {quantity:f} of " in told and "from that day on." in told


def _on_their_days(records: Records, world: World) -> Iterator[Fault]:
    for entry, op_id in owners_of(records, world.ours):
        if op_id and entry["kind"] == "cancel_line" and world.ends.get(entry["line"]) != records.ops[op_id]["effective_date"]:
            yield Fault("unexplained", f"line {entry['line']} ends on {world.ends.get(entry['line'])}, which nobody approved")


def _two(world: World, late: frozenset[str]) -> Iterator[Fault]:
    standing = Counter(world.place(line) for line, quantity in world.final.items() if quantity)
    for place, count in standing.items():
        if count > 1 and place.partition("-")[0] not in late:
            yield Fault("doubled", f"{count} lines stand for {place}")
