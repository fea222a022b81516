"""The sandbox as a process of its own: ``python -m tests.kill.sandbox_process SCENE LEDGER``.

Prints the fields of every connection, then answers one JSON order per line on standard input until that ends.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

from reconcile_app.sandbox.faults import Fault, Kind
from reconcile_app.sandbox.gate import Request
from reconcile_app.sandbox.server import Sandbox
from tests.kill.scenes import SCENES, Scene

LOOPS = 12
"""Turns of the sandbox's loop after which a request that lies in its socket has certainly been read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals(Fault):
    """A fault that never strikes and notes every request that would change something, the refused ones too.

    ``reads`` are the requests that read the lines of a contract, where ``line_read`` tells them.
    """

    kind: Kind = "latency"
    line_read: re.Pattern[str] | None = None
    seen: list[dict[str, Any]] = field(default_factory=list)
    reads: list[dict[str, Any]] = field(default_factory=list)

    def fits(self, product: str, request: Request, changes: bool) -> bool:
        if product != self.product:
            return False
        if changes:
            self.seen.append({
                "at": time.time(), "connection": request.connection, "method": request.method, "path": request.path,
                "body_sha256": sha256(request.body).hexdigest(),
            })
        elif self.line_read and (found := self.line_read.search(request.path)):
            self.reads.append({"at": time.time(), "contract": found[1]})
        return False


class Desk:
    """Carries out the orders."""

    def __init__(self, box: Sandbox, scene: Scene, arrivals: Arrivals) -> None:
        self._box, self._scene, self._arrivals = box, scene, arrivals
        self._orders: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
            "reset": self._reset, "fault": self._fault, "quantities": self._quantities, "ledger": self._ledger,
            "arrivals": self._seen, "reads": lambda order: self._box.call(lambda: list(self._arrivals.reads)),
            "calm": lambda order: self._box.call(self._calm),
            "places": lambda order: self._box.call(lambda: self._scene.places(self._box.world)),
            "ends": lambda order: self._box.call(lambda: self._scene.ends(self._box.world)),
        }

    def answer(self, order: Mapping[str, Any]) -> Any:
        return self._orders[order["do"]](order)

    def _reset(self, order: Mapping[str, Any]) -> None:
        self._settle()

        def again() -> None:
            self._calm()
            self._arrivals.seen.clear()
            self._arrivals.reads.clear()
            self._box.world.rebuild()

        self._box.call(again)

    def _calm(self) -> None:
        """Nothing goes wrong any more."""
        self._box.faults.clear()
        self._box.faults.add(self._arrivals)

    def _fault(self, order: Mapping[str, Any]) -> None:
        fault = Fault(product=self._scene.kind, **order["fault"])
        self._box.call(lambda: self._box.faults.add(fault))

    def _quantities(self, order: Mapping[str, Any]) -> dict[str, int]:
        return self._box.call(lambda: self._scene.quantities(self._box.world, date.fromisoformat(order["day"])))

    def _ledger(self, order: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What was committed since the last reset."""
        entries: list[dict[str, Any]] = self._box.call(self._box.ledger.records)
        last = max((number for number, entry in enumerate(entries) if entry["kind"] == "reset"), default=-1)
        return entries[last + 1 :]

    def _seen(self, order: Mapping[str, Any]) -> list[dict[str, Any]]:
        self._settle()
        return self._box.call(lambda: list(self._arrivals.seen))

    def _settle(self) -> None:
        """Whatever a process sent before it died has been read after this."""
        for _ in range(LOOPS):
            self._box.call(lambda: None)


def main(name: str, ledger: str) -> None:
    scene = SCENES[name]
    arrivals = Arrivals(product=scene.kind, line_read=scene.line_read)
    with Sandbox(scene.fill, psas=(scene.kind,), ledger_file=Path(ledger), faults=(arrivals,)) as box:
        desk = Desk(box, scene, arrivals)
        _say({kind: {**fields, **(scene.fields if kind == scene.kind else {})} for kind, fields in box.settings.items()})
        for line in sys.stdin:
            _say(desk.answer(json.loads(line)))


def _say(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
