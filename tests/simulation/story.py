"""What happened in one simulation, as plain values: all that the checker is told. Nothing of the program is in it."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(kw_only=True)
class Transmission:
    """One write on the wire. ``synced``: the last journal event that was certain to survive a power cut when its first byte left.

    Times are seconds; ``carried_out`` are the moments at which the server really did it, counted on the world's clock.
    """

    connection: str
    profile: str
    phase: str
    start: float
    method: str
    path: str
    body: bytes
    body_sha256: str
    synced: int
    end: float | None = None
    arrived: float | None = None
    carried_out: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Truth:
    """A line as it really is: its own quantity and unit cost, ten-thousandths.

    ``ends``: the first day on which it no longer counts, empty while it goes on. ``place``: its contract and service. ``terms``:
    everything else that says how it is invoiced, without the unit cost.
    """

    present: bool
    quantity: int
    cost: int = 0
    customer: str = ""
    ends: str = ""
    place: str = ""
    terms: str = ""

    def on(self, day: str) -> int:
        """What it counts for on a day."""
        return 0 if self.ends and self.ends <= day else self.quantity


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the program said of a run when it had ended: ``result``, ``message`` and the journal's head; ``event``: the last event
    by then.

    ``whole``: it ended by itself, not by an error or a crash.
    """

    profile: str
    run_id: str
    result: str
    head: str
    event: int
    whole: bool = True
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """What recovery said: about which ops, in which words; ``event``: the last event by then."""

    profile: str
    ops: tuple[str, ...]
    words: str
    event: int


@dataclass(frozen=True, kw_only=True)
class Book:
    """What an exported workbook says: rows of its Changes sheet, its header, and what the journal held at that moment."""

    profile: str
    run_id: str
    changes: list[dict[str, Any]]
    header: dict[str, str]
    event: int
    data: bytes = b""


@dataclass(kw_only=True)
class Story:
    """Everything about one seed.

    ``witness``: (profile, event number) → truth of every line, in the moments before that event was committed. ``cancels``:
    (profile, run, last event when the stop was acknowledged). ``alarms``: (profile, op) the watch list spoke of;
    ``looks``: (profile, moment) at which it was asked. ``recoveries``:
    (profile, events before, events after) of the second of two recoveries in a row; ``recovered``: what every one said.
    ``modes``: how the connection is set, and what the PSA makes of it. ``expected``: what contract and billing really
    say, by row key. ``documents``: (connection, as its sender had read it, as committed, the line that changed) of a write of a
    whole document. ``promised``: the last event that a sync has made safe.
    """

    seed: int
    kind: str
    effective: str
    journals: dict[str, Path] = field(default_factory=dict)
    copies: list[Path] = field(default_factory=list)
    sent: list[Transmission] = field(default_factory=list)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    initial: dict[str, Truth] = field(default_factory=dict)
    final: dict[str, Truth] = field(default_factory=dict)
    witness: dict[tuple[str, int], list[dict[str, Truth]]] = field(default_factory=dict)
    cancels: list[tuple[str, str, int]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    alarms: set[tuple[str, str]] = field(default_factory=set)
    looks: list[tuple[str, float]] = field(default_factory=list)
    recoveries: list[tuple[str, str, str]] = field(default_factory=list)
    recovered: list[Recovered] = field(default_factory=list)
    modes: frozenset[str] = frozenset()
    promised: dict[str, int] = field(default_factory=dict)
    shown_open: dict[str, set[str]] = field(default_factory=dict)
    expected: dict[str, tuple[int, int]] = field(default_factory=dict)
    books: list[Book] = field(default_factory=list)
    documents: list[tuple[str, dict[str, Any], dict[str, Any], str]] = field(default_factory=list)
    secrets: tuple[str, ...] = ()
    artefacts: list[tuple[str, bytes]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    hits: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)
    commits: int = 0
    virtual: float = 0.0
