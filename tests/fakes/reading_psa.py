"""The PSA in memory with its reading side: companies, contracts and catalogue from a ``World``, lines as they are now."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from reconcile_app.core.changes import Change
from reconcile_app.core.errors import ReconcileError
from reconcile_app.core.frames import COMPANIES, CONTRACT_LINES, CONTRACTS, REJECTED, SERVICES
from reconcile_app.core.ports import CheckResult, Fetched, LineState, PermissionCheck, Tenant
from tests.fakes.clock import VirtualClock
from tests.fakes.comparing import World, frame_of, units
from tests.fakes.psa import FakePsa


class ReadingPsa(FakePsa):
    """Adds the reading side to ``FakePsa``.

    ``failures``: what a call raises, by its name. ``unread``: parts that a call leaves out, with the reason, by its name; an empty
    mapping leaves out nothing it could name. ``asked`` lists the calls with what was asked for; ``closed`` counts releases.
    """

    def __init__(self, clock: VirtualClock, world: World) -> None:
        super().__init__(clock)
        self.world = world
        self.failures: dict[str, ReconcileError] = {}
        self.unread: dict[str, Mapping[str, str]] = {}
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.checks = [PermissionCheck(name="Contracts: query", needed_for="compare", result=CheckResult.OK)]
        self.closed = 0

    def names(self) -> list[str]:
        """The reading calls, in order."""
        return [name for name, _ in self.asked]

    async def check(self) -> list[PermissionCheck]:
        self._ask("check", ())
        return self.checks

    async def tenant(self) -> Tenant:
        if "tenant" in self.failures:
            raise self.failures["tenant"]
        return await super().tenant()

    async def companies(self, identifiers: Collection[str] | None, ids: Collection[str] = ()) -> Fetched:
        self._ask("companies", [*(identifiers or ()), *ids])
        rows = [
            row for row in self.world.companies
            if identifiers is None or row["match_value"] in identifiers or row["company_id"] in ids
        ]
        return self._fetched("companies", Fetched(frame=frame_of(COMPANIES, rows), rejected=REJECTED.empty()), "company")

    async def contracts(self, company_ids: Collection[str], at: date) -> Fetched:
        self._ask("contracts", company_ids)
        rows = [row for row in self.world.contracts if row["company_id"] in company_ids]
        return self._fetched("contracts", Fetched(frame=frame_of(CONTRACTS, rows), rejected=REJECTED.empty()), "company")

    async def services(self) -> Fetched:
        self._ask("services", ())
        return self._fetched("services", Fetched(frame=frame_of(SERVICES, self.world.services), rejected=REJECTED.empty()), "")

    async def lines(self, contract_ids: Collection[str], at: date) -> Fetched:
        self._ask("lines", contract_ids)
        rows: list[dict[str, Any]] = [
            {
                "line_id": line.line_id, "contract_id": line.contract_id, "service_id": line.service_id,
                "quantity": self.quantity(line.line_id, at), "unit_price": units("4.5"), "unit_cost": line.cost,
            }
            for line in self.lines_by_id.values() if line.contract_id in contract_ids
        ]
        rejected = frame_of(REJECTED, self.world.psa_rejected)
        return self._fetched("lines", Fetched(frame=frame_of(CONTRACT_LINES, rows), rejected=rejected), "contract")

    async def read_lines(self, changes: Sequence[Change]) -> dict[str, LineState]:
        self._ask("read_lines", [change.line_key for change in changes])
        return await super().read_lines(changes)

    async def aclose(self) -> None:
        self.closed += 1

    @property
    def calls(self) -> int:
        return super().calls + len(self.asked)

    def _ask(self, name: str, wanted: Collection[str]) -> None:
        self.asked.append((name, tuple(sorted(wanted))))
        if name in self.failures:
            raise self.failures[name]

    def _fetched(self, name: str, fetched: Fetched, part: str) -> Fetched:
        unread = self.unread.get(name)
        if unread is None:
            return fetched
        gone = [each.partition(":")[2] for each in unread]
        frame = fetched.frame
        if part and name != "companies":
            frame = frame[~frame[f"{part}_id"].isin(gone).to_numpy(dtype=bool)].reset_index(drop=True)
        return replace(fetched, frame=frame, complete=False, error=next(iter(unread.values()), ""), unread=unread)
