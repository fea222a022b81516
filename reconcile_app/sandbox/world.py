"""One small world: its clock, its dice, its ledger, and the books of every product in it."""

import heapq
import random
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

from reconcile_app.sandbox.atria_state import AtriaState
from reconcile_app.sandbox.autotask_state import AutotaskState
from reconcile_app.sandbox.clock import Clock
from reconcile_app.sandbox.connectwise_state import ConnectWiseState
from reconcile_app.sandbox.ledger import Ledger, Origin


class World:
    """Everything the simulators answer from.

    Args:
        fill: the scenario; it is called once now and again by ``rebuild``.
        seed: decides every choice a scenario leaves to chance.
        today: the date the world starts on; the computer's local date when left out.
        now: the exact instant instead of ``today``.
        ticking: whether time passes by itself.
        ledger_file: where the ledger is also written as JSON lines.
    """

    atria: AtriaState
    autotask: AutotaskState
    connectwise: ConnectWiseState
    dice: random.Random

    def __init__(
        self,
        fill: Callable[["World"], None] | None = None,
        *,
        seed: int = 1,
        today: date | None = None,
        now: datetime | None = None,
        ticking: bool = True,
        ledger_file: Path | None = None,
    ) -> None:
        self.seed = seed
        self.clock = Clock(today=today, now=now, ticking=ticking)
        self.ledger = Ledger(self.clock.now, ledger_file)
        self._fill = fill
        self._due: list[tuple[datetime, int, Callable[[], object]]] = []
        self._planned = 0
        self._build()

    @property
    def today(self) -> date:
        """The world's calendar date."""
        return self.clock.today()

    def rebuild(self) -> None:
        """Put everything back to how the scenario began. Time goes on, and the ledger says so."""
        self._due.clear()
        self._build()
        self.ledger.append("world", "reset", Origin())

    def later(self, delay: timedelta, action: Callable[[], object]) -> None:
        """Do something when the world's clock has moved on by ``delay``."""
        self._planned += 1
        heapq.heappush(self._due, (self.clock.now() + delay, self._planned, action))

    def run_due(self) -> None:
        """Do what has become due."""
        while self._due and self._due[0][0] <= self.clock.now():
            heapq.heappop(self._due)[2]()

    def advance(self, step: timedelta) -> None:
        """Let time pass at once, and do what becomes due in it."""
        self.clock.advance(step)
        self.run_due()

    def _build(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311 (a repeatable world, not secrecy)
        self.atria = AtriaState(self.clock, self.ledger)
        self.autotask = AutotaskState(self.clock, self.ledger)
        self.connectwise = ConnectWiseState(self.clock, self.ledger)
        if self._fill is not None:
            self._fill(self)
        self.atria.reprocess()
