"""A journal and a story made by hand, right in every respect until a test breaks one of them."""

import hashlib
import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.simulation.journal_reading import GENESIS, canonical
from tests.simulation.story import Story, Told, Transmission, Truth

DAY = "2026-11-26"
_TABLES = """
CREATE TABLE run(run_id TEXT, source_run TEXT, plan_json BLOB, plan_sha256 TEXT, kind TEXT, undoes_run TEXT);
CREATE TABLE op(op_id TEXT, run_id TEXT, line_key TEXT, semantics TEXT, effective_date TEXT, evidence_sha256 TEXT, change BLOB,
  state TEXT, message TEXT);
CREATE TABLE op_event(n INTEGER, op_id TEXT, epoch INTEGER, kind TEXT, utc TEXT, mono_ns INTEGER, body BLOB, prev_hash BLOB,
  hash BLOB);
"""


def reading(quantity: int = 100_000, row: str = "91") -> dict[str, Any]:
    """A line as the journal keeps it."""
    return {
        "line": "8001", "present": True, "quantity": quantity, "cost": None, "evidence": [[row, DAY, "2026-12-25", quantity, ""]],
        "neighbours": "n", "attribution": "",
    }


def evidence_of(value: dict[str, Any]) -> str:
    """The digest under which a reading is frozen."""
    frozen = {name: value[name] for name in ("line", "present", "quantity", "cost", "evidence")}
    return hashlib.sha256(canonical(frozen)).hexdigest()


def change(**values: Any) -> dict[str, Any]:
    """A frozen change of ten units to thirteen."""
    return {
        "key": "C/5/650", "kind": "set_quantity", "customer_code": "C", "contract_id": "5", "line_id": "8001", "service_id": "650",
        "quantity_before": 100_000, "quantity_target": 130_000, "effective_date": DAY, "unit_cost_target": None, **values,
    }


BODY = json.dumps(
    {"contractID": 5, "contractServiceID": 8001, "serviceID": 650, "effectiveDate": f"{DAY}T00:00:00", "unitChange": 3}
).encode()
PATH = "/Contracts/5/ServiceAdjustments"


@dataclass
class Handmade:
    """One push of one change that went well. Tests change what they need before ``story`` is asked for."""

    folder: Path
    changes: dict[str, dict[str, Any]] = field(default_factory=lambda: {"P1-0001": change()})
    states: dict[str, str] = field(default_factory=lambda: {"P1-0001": "VERIFIED"})
    events: list[list[Any]] = field(default_factory=list)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    undoes: str = ""
    told: Story = field(default_factory=lambda: Story(seed=1, kind="autotask", effective=DAY))
    spoil: str = ""
    messages: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        armed = {"before": reading(), "path": PATH, "body_sha256": hashlib.sha256(BODY).hexdigest()}
        self.events = [
            ["P1-0001", 1, "PLANNED", {}], ["P1-0001", 1, "ARMED", armed], ["P1-0001", 1, "APPLIED", {}],
            ["P1-0001", 1, "VERIFIED", {"reading": reading(130_000), "attributed": True}],
        ]
        self.ledger = [self.entry()]
        story = self.told
        story.sent = [self.sent("c1")]
        story.initial = {"8001": Truth(present=True, quantity=100_000, customer="C")}
        story.final = {"8001": Truth(present=True, quantity=130_000, customer="C")}
        story.witness = {("A", 4): [dict(story.final)]}
        story.told = [Told(profile="A", run_id="P1", result="finished", head="", event=4)]
        story.shown_open = {"A": set()}
        story.promised = {"A": 4}

    @staticmethod
    def entry(**values: Any) -> dict[str, Any]:
        """A line of the ledger."""
        return {
            "actor": "us", "time": "12:00", "connection": "c1", "kind": "adjustment", "line": "8001", "before": 100_000,
            "after": 130_000, "effective_date": DAY, **values,
        }

    @staticmethod
    def sent(connection: str, **values: Any) -> Transmission:
        """A write on the wire."""
        given: dict[str, Any] = {
            "connection": connection, "profile": "A", "phase": "push", "method": "POST", "start": 10.0, "end": 11.0,
            "arrived": 10.5,
            "path": f"/ATServicesRest/V1.0{PATH}", "body": BODY, "body_sha256": hashlib.sha256(BODY).hexdigest(), "synced": 2,
            "carried_out": [10.6], **values,
        }
        return Transmission(**given)

    def story(self) -> Story:
        """The story, its journal written."""
        path = self.folder / "handmade.db"
        self._write(path)
        self.told.journals, self.told.ledger = {"A": path}, self.ledger
        return self.told

    def _write(self, path: Path) -> None:
        with sqlite3.connect(path) as db:
            db.executescript(_TABLES)
            rows = [{"op": op_id, "change": each} for op_id, each in self.changes.items()]
            plan = canonical({"rows": rows})
            for run_id in sorted({op_id.partition("-")[0] for op_id in self.changes}):
                kind = "undo" if self.undoes and run_id == "U1" else "push"
                values = (run_id, "R1", plan, hashlib.sha256(plan).hexdigest(), kind, self.undoes if kind == "undo" else None)
                db.execute("INSERT INTO run VALUES(?,?,?,?,?,?)", values)
            for op_id, each in self.changes.items():
                db.execute("INSERT INTO op VALUES(?,?,?,?,?,?,?,?,?)", self._op(op_id, each))
            self._chain(db)
        db.close()

    def _op(self, op_id: str, each: dict[str, Any]) -> tuple[Any, ...]:
        before = reading(each["quantity_before"])
        return (op_id, op_id.partition("-")[0], f"line:{each['line_id']}", "delta", each["effective_date"], evidence_of(before),
                canonical(each), self.states[op_id], self.messages.get(op_id, ""))

    def _chain(self, db: sqlite3.Connection) -> None:
        previous = GENESIS
        for n, (op_id, epoch, kind, body) in enumerate(self.events, start=1):
            event = {"n": n, "op_id": op_id, "epoch": epoch, "kind": kind, "utc": "12:00", "mono_ns": n}
            event["body"] = canonical(body).decode()
            own = hashlib.sha256(previous + canonical(event)).digest()
            stored = b'{"spoiled":1}' if self.spoil == kind else canonical(body)
            db.execute("INSERT INTO op_event VALUES(?,?,?,?,?,?,?,?,?)", (n, op_id, epoch, kind, "12:00", n, stored, previous, own))
            previous = own
