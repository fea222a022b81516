"""Two processes with two data folders push to one tenant at the same moment."""

from __future__ import annotations

import platform
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.kill.harness import Lane
from tests.kill.judge import Fault, Records, judge
from tests.kill.loop import lanes, side_by_side

OPERATORS = ("kim", "robin")
TICK = 0.0015
"""Seconds that the ledger's times are exact to, and a little."""


@dataclass(slots=True)
class Races:
    """What came of all races. ``outcomes``: how many ended how."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, Fault]] = field(default_factory=list)
    messages: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def race_many(kind: str, races: int, seed: int, count: int = 1) -> Races:
    """So many races."""
    made, lock, started = Races(), threading.Lock(), time.perf_counter()
    with lanes(kind, count, OPERATORS) as opened:

        def work(lane: Lane, number: int) -> bool:
            outcome, message, faults = race(lane, random.Random(f"{seed}/race/{number}"))
            with lock:
                if made.outcomes.total() < races:
                    made.outcomes[outcome] += 1
                    made.messages.update([re.sub(r"[0-9]{2}:[0-9]{2}", "HH:MM", message)] if message else [])
                    made.faults += [(number, fault) for fault in faults]
                return made.outcomes.total() >= races

        side_by_side(opened, work)
    made.seconds = time.perf_counter() - started
    return made


def race(lane: Lane, dice: random.Random) -> tuple[str, str, list[Fault]]:
    """One race: how it ended, what the loser was told, and what was wrong."""
    lane.box.ask("reset")
    initial = lane.quantities()
    lane.box.ask("fault", fault={"kind": "latency", "seconds": dice.uniform(0.002, 0.01), "writes": True, "times": None})
    folders = [lane.copy(f"race-{name}") for name in OPERATORS]
    told = _both(lane, folders, dice)
    records = [lane.records(folder) for folder in folders]
    world = lane.world(initial)
    faults = [*judge(_together(records), world), *overlaps(world.ledger, world.arrivals, records)]
    errors = [each.get("error", "") for each in told]
    faults += [fault for number in (0, 1) if errors[number] for fault in _message(told[number], OPERATORS[1 - number])]
    if all(errors):
        faults.append(Fault("lost", f"nobody pushed: {errors}"))
    refused = [each["error"] for each in told if each.get("kind") == "Busy"]
    return ("one refused" if refused else "one after the other"), next(iter(refused), ""), faults


def _both(lane: Lane, folders: Sequence[Path], dice: random.Random) -> list[dict[str, Any]]:
    """Start both at about the same time: on the same lines, or on lines of their own."""
    chosen = dice.sample(lane.rows, 6)
    keys = [chosen, chosen] if dice.random() < 0.5 else [chosen[:3], chosen[3:]]
    start, apart = time.time() + 0.1, dice.choice((0.003, 0.03, 0.3))
    orders = [
        lane.order("push", folder, run=lane.run, keys=[row["key"] for row in rows], start=start + dice.uniform(0.0, apart))
        for folder, rows in zip(folders, keys, strict=True)
    ]
    for zygote, order in zip(lane.zygotes, orders, strict=True):
        zygote.start(order)
    statuses = [zygote.wait() for zygote in lane.zygotes]
    if any(statuses):
        raise AssertionError(f"the processes ended with {statuses}: {lane.errors.read_text(encoding='utf-8')[-2_000:]}")
    return [lane.told(order) for order in orders]


def _together(records: Sequence[Records]) -> Records:
    """Two journals as one, for the questions that concern the tenant and not one chain."""
    first, second = records
    return Records(
        first.runs | second.runs, first.ops | second.ops, [*first.events, *second.events], [*first.faults, *second.faults]
    )


def overlaps(ledger: Sequence[dict[str, Any]], arrivals: Sequence[dict[str, Any]], records: Sequence[Records]) -> list[Fault]:
    """Never two requests in flight, and never two pushes at once."""
    faults = []
    done = {entry["connection"]: datetime.fromisoformat(entry["time"]).timestamp() for entry in ledger}
    for first, second in pairwise(arrivals):
        if second["at"] + TICK < done.get(first["connection"], first["at"]):
            faults.append(Fault("overlap", f"{second['path']} arrived while {first['path']} was being carried out"))
    spans = [_span(each) for each in records]
    if all(spans) and max(start for start, _ in spans) < min(end for _, end in spans):
        faults.append(Fault("overlap", f"both pushed at once: {spans}"))
    return faults


def _span(records: Records) -> tuple[float, float]:
    """From the first event to the last; nothing where nothing was begun."""
    moments = [datetime.fromisoformat(event["utc"]).timestamp() for event in records.events]
    return (moments[0], moments[-1]) if moments else ()  # type: ignore[return-value]  # an empty span is false


def _message(told: dict[str, Any], winner: str) -> list[Fault]:
    if told["kind"] == "NothingLeft":  # the other had finished, and it was the same lines
        return []
    expected = rf"{winner} on {re.escape(platform.node())} is pushing since [0-9]{{2}}:[0-9]{{2}}\."
    if told["kind"] == "Busy" and re.fullmatch(expected, told["error"]):
        return []
    return [Fault("words", f"the refused one was told {told['error']!r} ({told['kind']})")]
