"""A billing source in memory: lines by period, evidence by customer, and every way to fail."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from reconcile_app.core.errors import ReconcileError
from reconcile_app.core.frames import BILLED_LINES, CUSTOMERS, REJECTED
from reconcile_app.core.period import Period
from reconcile_app.core.ports import CheckResult, Fetched, PermissionCheck
from tests.fakes.comparing import BEFORE, OPEN, PERIOD, World, frame_of


@dataclass
class FakeBilling:
    """Implements ``core.ports.BillingPort`` over a ``World``.

    ``failures``: what a call raises, by its name (``invoice`` for the selected period, ``previous`` for the one before).
    ``unread``: customers that a call leaves out, with the reason, by its name; a blank code leaves out nothing but says so.
    ``asked`` lists the calls, ``closed`` counts how often the port was released.
    """

    world: World
    known: list[Period] = field(default_factory=lambda: [OPEN, PERIOD, BEFORE])
    failures: dict[str, ReconcileError] = field(default_factory=dict)
    unread: dict[str, Mapping[str, str]] = field(default_factory=dict)
    evidence: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    shares: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    checks: list[PermissionCheck] = field(
        default_factory=lambda: [PermissionCheck(name="Developer", needed_for="read", result=CheckResult.OK)]
    )
    asked: list[str] = field(default_factory=list)
    closed: int = 0

    async def check(self) -> list[PermissionCheck]:
        self._ask("check")
        return self.checks

    async def periods(self) -> list[Period]:
        self._ask("periods")
        return list(self.known)

    async def customers(self) -> Fetched:
        self._ask("customers")
        lines = {row["customer_code"]: row for row in [*self.world.earlier, *self.world.billed]}
        rows = self.world.customers or [{name: row[name] for name in CUSTOMERS.columns} for row in lines.values()]
        return self._fetched("customers", Fetched(frame=frame_of(CUSTOMERS, rows), rejected=REJECTED.empty()))

    async def invoice(self, period: Period, customers: Collection[str] = ()) -> Fetched:
        name = {PERIOD: "invoice", BEFORE: "previous"}.get(period, "open")
        self._ask(name)
        rows = {"invoice": self.world.billed, "previous": self.world.earlier}.get(name, [])
        wanted = {code.strip().casefold() for code in customers}
        mine = [row for row in rows if not wanted or row["customer_code"].casefold() in wanted]
        rejected = frame_of(REJECTED, self.world.rejected if name == "invoice" else [])
        return self._fetched(name, Fetched(frame=frame_of(BILLED_LINES, mine), rejected=rejected))

    async def summary(self, period: Period) -> pd.DataFrame:
        raise AssertionError("nothing here reads the summary")

    async def detail(self, period: Period, customer: str) -> pd.DataFrame:
        self._ask("detail")
        return pd.DataFrame(self.evidence.get(customer, []))

    async def analysis(self, period: Period, customer: str) -> pd.DataFrame:
        self._ask("analysis")
        return pd.DataFrame(self.shares.get(customer, []))

    @property
    def calls(self) -> int:
        return len(self.asked)

    async def aclose(self) -> None:
        self.closed += 1

    def _ask(self, name: str) -> None:
        self.asked.append(name)
        if name in self.failures:
            raise self.failures[name]

    def _fetched(self, name: str, fetched: Fetched) -> Fetched:
        unread = self.unread.get(name)
        if unread is None:
            return fetched
        keep = ~fetched.frame["customer_code"].isin(list(unread)).to_numpy(dtype=bool)
        named = {code: why for code, why in unread.items() if code}
        frame = fetched.frame[keep].reset_index(drop=True)
        return replace(fetched, frame=frame, complete=False, error=next(iter(unread.values())), unread=named)
