"""What is tried: for every number, from the seed alone, which lines are pushed, where the push ends, and what else goes wrong."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.kill.trail import POINTS, STEPS

Row = Mapping[str, Any]
Order = dict[str, Any]

OPS = 5
"""Lines of one push."""

BOUNDARIES = 38
"""Commit boundaries of a push of so many quantities that nothing disturbs: before and after 19 commits."""

PAIRS = 2
PAIR_BOUNDARIES = 32
"""Lines that a push at a boundary replaces, each by two ops, and the boundaries of that push: before and after 16 commits."""

UNDOS = 0.2
"""How many of the attempts at a step or a random moment end an undo instead of a push."""

ANSWERS: Mapping[str, Order] = {
    "answer lost": {"kind": "lost_answer"},
    "request lost": {"kind": "cut", "keep_bytes": 0, "when": "before"},
    "committed late": {"kind": "cut", "keep_bytes": 0, "when": "late", "seconds": 0.12},
    "500 after commit": {"kind": "status", "status": 500, "when": "after"},
    "503 before commit": {"kind": "status", "status": 503, "when": "before"},
}
"""What can happen to the answer of a write; ``late`` comes well within the settle window."""

MEDDLING = ("frozen", "read after", "send", "answer", "between")
"""When another user changes a line: at a place of the push, or between the kill and the next start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One push that is ended.

    ``kill`` and ``recovery_kills`` are orders of ``Trail``; ``share`` is the moment of a random kill as a share of the time that an
    undisturbed push takes. ``at`` and ``line`` say when another user changes which line. ``look_kill`` ends the look at the watch
    list after a push that was not ended. ``undo``: what is ended is the undo of a push that has finished before. ``finish``: the
    operator compares and pushes (or undoes) again in the end.
    """

    number: int
    kind: str
    step: str
    rows: tuple[Row, ...]
    faults: tuple[Order, ...] = ()
    fault_names: tuple[str, ...] = ()
    kill: Order = field(default_factory=dict)
    share: float | None = None
    recovery_kills: tuple[Order, ...] = ()
    look_kill: Order = field(default_factory=dict)
    at: Order = field(default_factory=dict)
    line: str = ""
    between: bool = False
    finish: bool = False
    undo: bool = False

    @property
    def life(self) -> str:
        """What is ended: a push or an undo."""
        return "undo" if self.undo else "push"

    @property
    def told_kind(self) -> str:
        """What chose the moment; an undo is told as such."""
        return "undo" if self.undo else self.kind

    @property
    def excused(self) -> frozenset[str]:
        """Contracts on which somebody else works."""
        return frozenset(row["contract_id"] for row in self.rows if self.line and row["line_id"] == self.line)


def attempt_of(seed: int, number: int, rows: Sequence[Row]) -> Attempt:
    """The attempt with this number: three of five at a chosen step, one at a commit boundary, one at a random moment.

    The boundaries are those of pushes; some of the others end an undo.
    """
    dice = random.Random(f"{seed}/{number}")
    turn, place = divmod(number, 5)
    if place == 3:
        return _boundary(number, turn, rows, dice)
    made = _random(number, rows, dice) if place == 4 else _step(number, STEPS[(turn * 3 + place) % len(STEPS)], rows, dice)
    return replace(made, undo=True, finish=dice.random() < 0.5) if dice.random() < UNDOS else made


def _chosen(rows: Sequence[Row], dice: random.Random) -> tuple[Row, ...]:
    return tuple(dice.sample(list(rows), OPS))


def _boundary(number: int, turn: int, rows: Sequence[Row], dice: random.Random) -> Attempt:
    """Boundary by boundary, over quantities only, so that the count of boundaries is known."""
    plain = [row for row in rows if row["quantity_only"]]
    pairs = [row for row in plain if row["replaced"]]
    chosen = tuple(dice.sample(pairs, PAIRS)) if pairs else _chosen(plain, dice)
    kill = {"point": "commit*", "nth": turn % (PAIR_BOUNDARIES if pairs else BOUNDARIES) + 1}
    # What ends between the two is looked at more closely: the operator makes up for it.
    finish = dice.random() < (0.5 if pairs else 0.1)
    return Attempt(number=number, kind="boundary", step="", rows=chosen, kill=kill, finish=finish)


def _random(number: int, rows: Sequence[Row], dice: random.Random) -> Attempt:
    chosen = _chosen(rows, dice)
    return Attempt(
        number=number, kind="random", step="", rows=chosen, share=dice.uniform(0.05, 1.05), finish=dice.random() < 0.1,
        **_faults(dice, 0.4), **_other(dice, chosen, 0.15),
    )


def _step(number: int, step: str, rows: Sequence[Row], dice: random.Random) -> Attempt:
    chosen = _chosen(rows, dice)
    common: dict[str, Any] = {"number": number, "kind": "step", "step": step, "rows": chosen, "finish": dice.random() < 0.1}
    special = {"7": _on_the_wire, "9": _result, "10": _settling, "12": _sweep, "13": _watching, "recovery": _recovering}
    made = special[step](dice) if step in special else {"kill": _at(dice, dice.choice(POINTS[step]))} | _faults(dice, 0.3)
    return Attempt(**common, **made, **_other(dice, chosen, 0.15))


def _at(dice: random.Random, point: str) -> Order:
    """An order to end at a place; what happens once has one turn, what happens for every op several."""
    return {"point": point, "nth": dice.randint(1, OPS - 1) if point in _PER_OP else 1}


_TURNS = ("check", "read", "commit ARMED", "commit APPLIED", "commit VERIFIED", "back")
_PER_OP = {f"{name} {when}" for when in ("before", "after") for name in _TURNS} | {"send", "answer"}


def _faults(dice: random.Random, chance: float) -> dict[str, Any]:
    if dice.random() >= chance:
        return {}
    return _fault(dice, dice.choice(list(ANSWERS)))


def _fault(dice: random.Random, name: str, nth: int | None = None) -> dict[str, Any]:
    nth = dice.randint(1, OPS - 1) if nth is None else nth
    return {"faults": ({**ANSWERS[name], "writes": True, "nth": nth},), "fault_names": (f"{name} at write {nth}",)}


def _other(dice: random.Random, rows: Sequence[Row], chance: float) -> dict[str, Any]:
    lines = [row["line_id"] for row in rows if row["line_id"]]
    if dice.random() >= chance or not lines:
        return {}
    when, line = dice.choice(MEDDLING), dice.choice(lines)
    if when == "between":
        return {"between": True, "line": line}
    return {"at": {"point": when, "nth": 1 if when == "frozen" else dice.randint(1, 3)}, "line": line}


def _on_the_wire(dice: random.Random) -> dict[str, Any]:
    """While the sandbox takes its time, or right before the request leaves."""
    nth = dice.randint(1, OPS - 1)
    if dice.random() < 0.3:
        return {"kill": {"point": "send", "nth": nth}}
    seconds = dice.uniform(0.04, 0.1)
    return {
        "faults": ({"kind": "latency", "seconds": seconds, "writes": True, "nth": nth},),
        "fault_names": (f"answer {seconds * 1000:.0f} ms late at write {nth}",),
        "kill": {"wire": nth, "delay": dice.uniform(0.0, 0.9) * seconds},
    }


def _result(dice: random.Random) -> dict[str, Any]:
    when = dice.choice(("before", "after"))
    if dice.random() < 0.5:
        return {"kill": _at(dice, f"commit APPLIED {when}")}
    return _fault(dice, dice.choice(list(ANSWERS))) | {"kill": {"point": f"commit UNKNOWN {when}", "nth": 1}}


def _settling(dice: random.Random) -> dict[str, Any]:
    name = dice.choice(list(ANSWERS))
    state = "NOT_APPLIED" if "before" in name or name == "request lost" else "CONFIRMED_BY_STATE"
    point = dice.choice(("settle before", "settle after", f"commit {state} before", f"commit {state} after"))
    return _fault(dice, name) | {"kill": {"point": point, "nth": 1}}


def _sweep(dice: random.Random) -> dict[str, Any]:
    point = dice.choice(POINTS["12"])
    return _fault(dice, dice.choice(list(ANSWERS))) | {"kill": {"point": point, "nth": 1}}


def _watching(dice: random.Random) -> dict[str, Any]:
    """The push ends well, with a line to watch; the look at it later does not."""
    return _fault(dice, dice.choice(list(ANSWERS))) | {"look_kill": {"point": "*", "nth": dice.randint(1, 6)}}


def _recovering(dice: random.Random) -> dict[str, Any]:
    """Ended in flight, and ended again once or twice while that is being settled."""
    point = dice.choice(("commit ARMED after", "send", "answer", "commit APPLIED after", "settle after"))
    made = _fault(dice, dice.choice(list(ANSWERS))) if point == "settle after" else {}
    again = tuple({"point": "*", "nth": dice.randint(1, 16)} for _ in range(dice.randint(1, 2)))
    return made | {"kill": _at(dice, point), "recovery_kills": again}
