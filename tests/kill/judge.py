"""The judge of one attempt: reads the journal by its documented schema with plain SQLite, and holds it against the ledger.

Shares no code with the program: hashes, states and sentences are computed here again.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

Row = dict[str, Any]

EXACT = 0.001
"""Seconds to which the ledger tells times, always rounded down."""

STEPS: Mapping[str, frozenset[str]] = {
    "": frozenset({"PLANNED"}),
    "PLANNED": frozenset({"STALE", "BLOCKED", "SKIPPED_ALREADY", "CANCELLED", "ARMED"}),
    "ARMED": frozenset({"PLANNED", "NOT_SENT", "REJECTED", "APPLIED", "UNKNOWN"}),
    "APPLIED": frozenset({"VERIFIED", "NEEDS_REVIEW"}),
    "UNKNOWN": frozenset({"CONFIRMED_BY_STATE", "NOT_APPLIED", "NEEDS_REVIEW"}),
    "REJECTED": frozenset({"NEEDS_REVIEW"}),
    "CONFIRMED_BY_STATE": frozenset({"NEEDS_REVIEW"}),
    "NOT_APPLIED": frozenset({"NEEDS_REVIEW"}),
    "NEEDS_REVIEW": frozenset({"CLOSED_AS_APPLIED", "CLOSED_AS_NOT_APPLIED"}),
}
"""The steps an op may take; a state that is not listed is an end."""

UNFINISHED = frozenset({"PLANNED", "ARMED", "UNKNOWN", "APPLIED", "NEEDS_REVIEW"})
OPEN = UNFINISHED - {"PLANNED"}
DONE = frozenset({"VERIFIED", "CONFIRMED_BY_STATE", "SKIPPED_ALREADY", "CLOSED_AS_APPLIED"})
WITHOUT_EFFECT = frozenset({
    "PLANNED", "STALE", "BLOCKED", "SKIPPED_ALREADY", "CANCELLED", "NOT_SENT", "REJECTED", "NOT_APPLIED", "CLOSED_AS_NOT_APPLIED",
})


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. ``kind``: one of those that ``loop.FAULTS`` lists."""

    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class Records:
    """A journal's tables as they are in the file; ``faults`` is what the file itself shows."""

    runs: dict[str, Row] = field(default_factory=dict)
    ops: dict[str, Row] = field(default_factory=dict)
    events: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    @property
    def unfinished(self) -> list[Row]:
        return [op for op in self.ops.values() if op["state"] in UNFINISHED]

    @property
    def head(self) -> bytes:
        """The last hash of the chain."""
        return bytes(self.events[-1]["hash"]) if self.events else bytes(32)

    def armed(self, op_id: str) -> list[Row]:
        """The bodies of an op's ARMED events."""
        return [event["body"] for event in self.events if event["op_id"] == op_id and event["kind"] == "ARMED"]


def read_journal(path: Path) -> Records:
    """The journal in a file, which SQLite brings to its last commit; with everything that is wrong with its chain."""
    if not path.exists():
        return Records()
    connection = sqlite3.connect(path)
    try:
        if not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            return Records()
        checked = connection.execute("PRAGMA quick_check").fetchone()[0]
        runs, ops, events = (_rows(connection, f"SELECT * FROM {name} ORDER BY {key}") for name, key in _TABLES)
        start = _anchor(connection)
    finally:
        connection.close()
    faults = [] if checked == "ok" else [Fault("chain", f"quick_check says {checked}")]
    faults += [Fault("chain", words) for words in _chain(events, *start)]
    for event in events:
        event["body"] = json.loads(event["body"])
    ops_by_id = {op["op_id"]: op for op in ops}
    faults += [Fault("chain", words) for words in _walks(ops_by_id, events)]
    runs_by_id = {run["run_id"]: run for run in runs}
    faults += [Fault("unexplained", words) for words in _plans(runs_by_id, ops_by_id)]
    return Records(runs_by_id, ops_by_id, events, faults)


_TABLES = (("run", "created_utc"), ("op", "run_id, seq"), ("op_event", "n"))


def _rows(connection: sqlite3.Connection, query: str) -> list[Row]:
    cursor = connection.execute(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _anchor(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """The event before the first one in the file: none, or the last of those that were let go."""
    named = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name='anchor'").fetchone()[0]
    number, own = connection.execute("SELECT n, hash FROM anchor").fetchone() if named else (0, bytes(32))
    return number, own


def _chain(events: Sequence[Row], before: int, previous: bytes) -> Iterator[str]:
    epoch = 0
    for number, event in enumerate(events, start=before + 1):
        told = {name: event[name] for name in ("n", "op_id", "epoch", "kind", "utc", "mono_ns")} | {"body": event["body"].decode()}
        canonical = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
        if event["n"] != number or event["prev_hash"] != previous:
            yield f"event {event['n']} does not follow the one before it"
        if hashlib.sha256(previous + canonical).digest() != event["hash"]:
            yield f"event {event['n']} is not what was hashed"
        if event["epoch"] < epoch:
            yield f"event {event['n']} has an older epoch than the one before it"
        previous, epoch = event["hash"], event["epoch"]


def _walks(ops: Mapping[str, Row], events: Sequence[Row]) -> Iterator[str]:
    """Every op went from state to state by allowed steps, and is where its last event says."""
    state = dict.fromkeys(ops, "")
    for event in events:
        before = state.get(event["op_id"], "")
        if event["kind"] not in STEPS.get(before, ()):
            yield f"{event['op_id']} went from {before or 'nothing'} to {event['kind']}"
        state[event["op_id"]] = event["kind"]
    for op_id, last in state.items():
        if op_id not in ops or ops[op_id]["state"] != last:
            yield f"{op_id} is not in the state of its last event, {last}"


def _plans(runs: Mapping[str, Row], ops: Mapping[str, Row]) -> Iterator[str]:
    """Every approved change has its op, and there is no other."""
    for run_id, run in runs.items():
        if hashlib.sha256(run["plan_json"]).hexdigest() != run["plan_sha256"]:
            yield f"the plan of {run_id} is not what its digest says"
        approved = {row["op"]: row["change"] for row in json.loads(run["plan_json"])["rows"]}
        kept = {op_id: json.loads(op["change"]) for op_id, op in ops.items() if op["run_id"] == run_id}
        if approved != kept:
            yield f"the ops of {run_id} are not the approved changes"


# journal and ledger -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the sandbox knows after an attempt. Quantities are ten-thousandths, by line.

    ``moves`` are the kinds of ledger entries that change a quantity, ``arrivals`` all requests that would change something, and
    ``reads`` those that read the lines of a contract, where the PSA takes a quantity as it is to be; ``settle`` is the settle
    window in seconds. ``places``: what a line stands for, where another one can take its place; ``ends``: the days on which lines
    end.
    """

    product: str
    moves: frozenset[str]
    initial: Mapping[str, int]
    final: Mapping[str, int]
    ledger: Sequence[Row]
    arrivals: Sequence[Row]
    settle: float
    reads: Sequence[Row] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    ends: Mapping[str, str] = field(default_factory=dict)

    @property
    def ours(self) -> list[Row]:
        """What was committed for us, answered or not."""
        return [entry for entry in self.ledger if entry["product"] == self.product and entry["actor"] in ("us", "late")]

    def place(self, line: str) -> str:
        """What a line stands for."""
        return self.places.get(line, line)

    def held_at(self, line: str) -> int:
        """What the place of a line holds, whichever lines stand there."""
        return sum(quantity for each, quantity in self.final.items() if self.place(each) == self.place(line))


def judge(records: Records, world: World) -> list[Fault]:
    """Everything that is wrong between a journal and the world it was written against. Several journals may be judged together."""
    owners = owners_of(records, world.ours)
    return [
        *records.faults, *_commits(records, owners), *_strangers(owners), *_states(records, owners, world.settle),
        *_quantities(world), *_erased(records, owners, world), *_unarmed(records, world.arrivals),
    ]


Owned = list[tuple[Row, str]]


def owners_of(records: Records, ours: Sequence[Row]) -> Owned:
    """Every commit of ours with the op that sent it; empty where no op did.

    It is known by its path, the digest of its body and its line. Where the same was approved again later, the op that was armed
    last before the commit is meant.
    """
    lines = {op_id: json.loads(op["change"])["line_id"] for op_id, op in records.ops.items()}
    armed = [(_moment(event["utc"]), event["op_id"], event["body"]) for event in records.events if event["kind"] == "ARMED"]
    armed.sort(key=lambda each: each[0])
    return [(entry, _sender(entry, armed, lines)) for entry in ours]


def _sender(entry: Row, armed: Sequence[tuple[float, str, Row]], lines: Mapping[str, str]) -> str:
    at = _moment(entry["time"]) + EXACT
    fits = [
        op_id for moment, op_id, body in armed
        if moment <= at and _is_request(entry, body) and lines[op_id] in (entry["line"], "")
    ]
    return fits[-1] if fits else ""


def _is_request(arrived: Row, armed: Row) -> bool:
    """Whether what arrived is what was armed; new lines of two contracts can differ by their paths alone."""
    same: bool = armed["body_sha256"] == arrived["body_sha256"]
    return same and str(arrived["path"]).endswith(armed["path"])


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _strangers(owners: Owned) -> Iterator[Fault]:
    for entry, op_id in owners:
        if not op_id:
            yield Fault("unexplained", f"no op of the journal sent the commit {entry['seq']} of line {entry['line']}")


def _commits(records: Records, owners: Owned) -> Iterator[Fault]:
    for op_id, count in Counter(op_id for _, op_id in owners if op_id).items():
        if count > 1:
            yield Fault("doubled", f"{op_id} was committed {count} times")
    for entry, op_id in owners:
        if op_id and not _as_approved(records.ops[op_id], entry):
            yield Fault("unexplained", f"the commit {entry['seq']} is not what {op_id} was approved for")


def _as_approved(op: Row, entry: Row) -> bool:
    change = json.loads(op["change"])
    if change["kind"] == "set_unit_cost":
        return int(entry["after"]) == int(change["unit_cost_target"])
    if "cancel_line" in (change["kind"], entry["kind"]):
        return bool(change["kind"] == entry["kind"])
    target, before = (int(Decimal(op[name]) * 10_000) for name in ("qty_target", "qty_before"))
    if entry["effective_date"] not in (None, op["effective_date"]):
        return False
    delta, after = int(entry["after"]) - int(entry["before"] or 0), int(entry["after"])
    return delta == target - before if op["semantics"] == "delta" else after == target


def _states(records: Records, owners: Owned, settle: float) -> Iterator[Fault]:
    committed = {op_id: entry for entry, op_id in owners if op_id}
    for op_id, op in records.ops.items():
        entry = committed.get(op_id)
        if entry is None and (op["state"] == "VERIFIED" or _attributed(records, op)):
            yield Fault("lost", f"{op_id} is said to be {op['state']}, and was never committed")
        if entry is not None and op["state"] in WITHOUT_EFFECT and not _too_late(records, op, entry, settle):
            yield Fault("lost", f"{op_id} is said to be {op['state']}, and was committed")


def _attributed(records: Records, op: Row) -> bool:
    """Whether the journal says that the change was seen to be ours."""
    last = next(event["body"] for event in reversed(records.events) if event["op_id"] == op["op_id"])
    return op["state"] == "CONFIRMED_BY_STATE" and last["attributed"] is True


def overdue(records: Records, world: World) -> frozenset[str]:
    """Contracts on which the sandbox committed for us after the settle window, because this computer stood still meanwhile."""
    owners = owners_of(records, world.ours)
    late = [op_id for entry, op_id in owners if op_id and _after_window(records, op_id, entry, world.settle)]
    return frozenset(json.loads(records.ops[op_id]["change"])["contract_id"] for op_id in late)


def _after_window(records: Records, op_id: str, entry: Row, settle: float) -> bool:
    return _moment(entry["time"]) >= _moment(records.armed(op_id)[-1]["armed"]) + settle


def _too_late(records: Records, op: Row, entry: Row, settle: float) -> bool:
    """Whether the sandbox committed after the settle window, which no protocol can know."""
    return op["state"] == "NOT_APPLIED" and _after_window(records, op["op_id"], entry, settle)


def _quantities(world: World) -> Iterator[Fault]:
    """Final = initial + the others' changes + ours, step by step as the ledger has them."""
    now, over = dict(world.initial), set()
    for entry in world.ledger:
        if entry["product"] != world.product or entry["kind"] not in world.moves:
            continue
        if entry["kind"] == "cancel_line":
            # The line keeps its own quantity, which others can still change, and counts as nothing.
            over.add(entry["line"])
            continue
        if now.get(entry["line"], 0) != (entry["before"] or 0):
            yield Fault("unexplained", f"line {entry['line']} had moved without an entry before {entry['seq']}")
        now[entry["line"]] = entry["after"]
    for line, quantity in world.final.items():
        led = 0 if line in over else now.get(line, 0)
        if led != quantity:
            yield Fault("unexplained", f"line {line} holds {quantity}, and the ledger leads to {led}")


def _erased(records: Records, owners: Owned, world: World) -> Iterator[Fault]:
    """Where a PSA sets a quantity, a change of ours can erase another's; but none that was there when the line was last read.

    The last writer counts then, which ``_quantities`` follows; a difference would have been refused by ``_as_approved``.
    """
    for entry, op_id in owners:
        if not op_id or not _sets_another(records.ops[op_id], entry, world):
            continue
        contract = json.loads(records.ops[op_id]["change"])["contract_id"]
        armed = max(at for body in records.armed(op_id) if (at := _moment(body["armed"])) <= _moment(entry["time"]) + EXACT)
        read = max((read["at"] for read in world.reads if read["contract"] == contract and read["at"] <= armed), default=0.0)
        moved = [each for each in world.ledger if each["line"] == entry["line"] and each["seq"] < entry["seq"]]
        if not moved or _moment(moved[-1]["time"]) + EXACT < read:
            yield Fault("unexplained", f"{op_id} wrote over {entry['before']} on line {entry['line']}, which it must have read")


def _sets_another(op: Row, entry: Row, world: World) -> bool:
    """Whether a line was changed or ended that no longer had the quantity that was approved."""
    kind = json.loads(op["change"])["kind"]
    if op["semantics"] != "set" or kind == "set_unit_cost":
        return False
    had = _held_before(entry, world) if kind == "cancel_line" else int(entry["before"] or 0)
    return had != int(Decimal(op["qty_before"]) * 10_000)


def _held_before(entry: Row, world: World) -> int:
    """The quantity of a line as the ledger leads to it before an entry that tells none."""
    earlier = [
        each["after"] for each in world.ledger
        if each["line"] == entry["line"] and each["seq"] < entry["seq"] and each["kind"] in world.moves - {"cancel_line"}
    ]
    return int(earlier[-1] if earlier else world.initial.get(entry["line"], 0))


def _unarmed(records: Records, arrivals: Sequence[Row]) -> Iterator[Fault]:
    """No request without an ARMED event before it."""
    armed: dict[str, list[tuple[float, Row]]] = {}
    for event in records.events:
        if event["kind"] == "ARMED":
            armed.setdefault(event["body"]["body_sha256"], []).append((_moment(event["utc"]), event["body"]))
    for arrival in arrivals:
        known = armed.get(arrival["body_sha256"], ())
        if not any(moment <= arrival["at"] and _is_request(arrival, body) for moment, body in known):
            yield Fault("sent unarmed", f"{arrival['method']} {arrival['path']} arrived without being armed")
