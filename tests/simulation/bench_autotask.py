"""The Autotask simulator as a bench: the real connector talks to it, and its books are the truth."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from random import Random
from typing import Any

import httpx

from reconcile_app.connectors.autotask import SPEC, Autotask
from reconcile_app.connectors.http import ApiClient
from reconcile_app.core.amounts import SCALE
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.ports import BuildContext, ConnectorSpec, PsaPort
from reconcile_app.core.settings import Connection
from reconcile_app.sandbox.autotask import AutotaskSimulator
from reconcile_app.sandbox.autotask_state import Contract, Record
from reconcile_app.sandbox.faults import FaultPlan
from reconcile_app.sandbox.gate import Request
from reconcile_app.sandbox.ledger import Ledger
from reconcile_app.sandbox.scenarios import fill_accounts
from reconcile_app.sandbox.world import World
from tests.simulation.bench import EFFECTIVE, Act
from tests.simulation.process import START
from tests.simulation.story import Truth

PORT = 8101
_CONTRACT = re.compile(r"/contracts/([0-9]+)/", re.IGNORECASE)
_SWITCHES = {
    "adjustment_answer": ("null", "id"), "cut_row_ends": ("day_before", "same_day"),
    "same_day_adjustment": ("accepted", "accepted", "refused"),
    "zero_units": ("accepted", "accepted", "refused"), "missing_permission": ("500", "403"), "hourly_limit": ("429", "500"),
}


class _Listener:
    """Stands for the simulator's socket: the wire hands requests over by itself."""

    async def listen(self, port: int) -> int:
        return port


class AutotaskBench:
    """A tenant with a few customers."""

    kind = "autotask"
    semantics = "delta"
    modes: frozenset[str] = frozenset()

    def __init__(self, dice: Random, fill: Callable[[World], None] | None = None) -> None:
        self._dice = dice
        self.documents: list[Any] = []
        self.world = World(fill or self._fill, seed=dice.randrange(10**6), now=START, ticking=False)
        self.simulator = AutotaskSimulator(self.world, FaultPlan())
        self.simulator.gate = _Listener()  # type: ignore[assignment]  # there is no socket to listen on
        _finish(self.simulator.start(PORT))
        self.products = {PORT: self.simulator}
        settings = self.simulator.settings()
        self.secrets = {name: str(value) for name, value in settings.pop("secrets").items()}
        self.values = {name: str(value) for name, value in settings.items()} | {"settle_seconds": "180"}

    @property
    def ledger(self) -> Ledger:
        return self.world.ledger

    # the world ---------------------------------------------------------------------------------------------------------------

    def _fill(self, world: World) -> None:
        fill_accounts(world)
        dice, state = self._dice, world.autotask
        for name, values in _SWITCHES.items():
            state.switches.set(name, dice.choice(values))
        prices = [dice.randrange(1, 90) * SCALE for _ in range(5)]
        self.services = [state.add_service(f"Service {each}", price=price, cost=5 * SCALE) for each, price in enumerate(prices)]
        for each in range(dice.choice((1, 2, 3, 3, 4))):
            company = state.add_company(f"Customer {each} Ltd", number=f"C{each}")
            for _ in range(dice.choice((1, 1, 2))):
                self._contract(world, company)

    def _contract(self, world: World, company: Record) -> None:
        dice, state = self._dice, world.autotask
        start = dice.choice((date(2026, 1, 26), date(2026, 6, 26), date(2026, 6, 1), date(2026, 9, 10)))
        contract = state.add_contract(
            company, f"Cloud {company.id}", start=start, end=date(2027, 6, 30), period_type=dice.choice((2, 2, 2, 3))
        )
        for service in dice.sample(self.services, dice.randrange(1, 4)):
            posted = dice.choice((None, None, EFFECTIVE - timedelta(days=1), EFFECTIVE + timedelta(days=40)))
            units = None if dice.random() < 0.08 else dice.randrange(0, 60)
            line = state.add_line(contract, service, units, posted_through=posted)
            if units is not None and dice.random() < 0.2:
                state.plan_change(line, EFFECTIVE + timedelta(days=dice.choice((1, 10, 30, 61))), dice.randrange(0, 60))

    def truth(self) -> dict[str, Truth]:
        return {
            str(number): Truth(
                present=True, quantity=line.units_on(EFFECTIVE) * SCALE, cost=line.unit_cost,
                customer=str(self.world.autotask.contracts[line.contract_id].values["companyID"]),
            )
            for number, line in self.world.autotask.lines.items()
        }

    # the wire ----------------------------------------------------------------------------------------------------------------

    def spec(self, transport: Callable[[BuildContext], httpx.AsyncBaseTransport]) -> ConnectorSpec:
        async def build(connection: Connection, context: BuildContext) -> PsaPort:
            return Autotask(connection, context, client=partial(ApiClient, transport=transport(context)))

        return replace(SPEC, build_psa=build)

    def customer_of(self, request: Request) -> str:
        found = _CONTRACT.search(request.path)
        number = int(found[1]) if found else _asked(request.body)
        contract = self.world.autotask.contracts.get(number)
        return str(contract.values["companyID"]) if contract else ""

    def sending(self, request: Request) -> None:
        """Nothing has to be noted."""

    def refusal(self, text: str) -> bytes:
        return json.dumps({"errors": [text]}).encode()

    # wishes ------------------------------------------------------------------------------------------------------------------

    def wishes(self, dice: Random) -> list[Change]:
        changes: list[Change] = []
        for contract in self.world.autotask.contracts.values():
            changes += self._wishes_of(contract, dice)
        dice.shuffle(changes)
        return changes

    def _wishes_of(self, contract: Contract, dice: Random) -> list[Change]:
        changes = []
        for line in contract.lines:
            before = line.units_on(EFFECTIVE)
            target = dice.choice((0, before + 1, before + dice.randrange(1, 9), max(0, before - dice.randrange(1, 9)), before))
            given: dict[str, Any] = {"line_id": str(line.id), "service_id": str(line.item_id), "before": before}
            if target != before:
                kind = ChangeKind.SET_QUANTITY if target else ChangeKind.ZERO_LINE
                changes.append(self._change(contract, kind=kind, target=target, **given))
            if dice.random() < 0.15:
                cost = {"unit_cost_before": line.unit_cost, "unit_cost_target": line.unit_cost + dice.randrange(1, 9_999)}
                final = target if target != before else before
                change = self._change(contract, kind=ChangeKind.SET_UNIT_COST, target=final, **given)
                changes.append(replace(change, quantity_target=change.quantity_before, **cost))
        held = {line.item_id for line in contract.lines}
        free = [service.id for service in self.services if service.id not in held]
        if free and dice.random() < 0.4:
            new = {"line_id": "", "service_id": str(dice.choice(free)), "before": 0, "target": dice.randrange(1, 9)}
            changes.append(self._change(contract, kind=ChangeKind.CREATE_LINE, **new))
        return changes

    def _change(self, contract: Contract, *, kind: ChangeKind, line_id: str, service_id: str, before: int, target: int) -> Change:
        company = str(contract.values["companyID"])
        return Change(
            key=f"{company}/{contract.id}/{service_id}", kind=kind, customer_code=company, customer_name=f"Customer {company}",
            company_id=company, contract_id=str(contract.id), contract_name="Cloud", line_id=line_id, service_id=service_id,
            service_name=f"Service {service_id}", sku=service_id, description="", quantity_before=before * SCALE,
            quantity_target=target * SCALE, effective_date=EFFECTIVE, unit_price=SCALE,
        )

    # other users -------------------------------------------------------------------------------------------------------------

    def others(self, dice: Random, wanted: Sequence[Change]) -> list[Act]:
        if not wanted:
            return []
        change = dice.choice(wanted)
        if not change.line_id:
            adds = {"contract": change.contract_id, "service": change.service_id}
            return [("another user creates the line", partial(self._create, dice.randrange(1, 5), **adds))]
        line, delta = change.line_id, (change.quantity_target - change.quantity_before) // SCALE
        same, back = partial(self._adjust, line, delta), partial(self._adjust, line, -delta)
        some = partial(self._adjust, line, dice.choice((1, 2, -1, 5)))
        later = partial(self._adjust, line, dice.choice((1, 3)), EFFECTIVE + timedelta(days=dice.choice((1, 9))))
        control = self.simulator.controls()
        contract = {"contract": change.contract_id}
        kinds: list[tuple[int, list[Act]]] = [
            (4, [("another user changes the line", some)]),
            (3, [("another user makes our change", same)]),
            (3, [("another user makes our change", same), ("another user takes it back", back)]),
            (6, [("another user takes our change back", back)]),
            (2, [("another user changes the line later on", later)]),
            (1, [("another user deletes the line", lambda: control["remove-line"]({"line": line}))]),
            (1, [("another user deletes the contract", lambda: control["remove-contract"](contract))]),
            (2, [("another user posts the period", lambda: control["post"](contract | {"through": "2026-11-26"}))]),
        ]
        return dice.choices([acts for _, acts in kinds], [weight for weight, _ in kinds])[0]

    def _adjust(self, line: str, change: int, day: date = EFFECTIVE) -> None:
        self.simulator.controls()["adjust"]({"line": line, "change": change, "date": day.isoformat()})

    def _create(self, units: int, contract: str, service: str) -> None:
        held = self.world.autotask.contracts[int(contract)]
        line = self.world.autotask.add_line(held, self.world.autotask.records["Services"][int(service)], None)
        self._adjust(str(line.id), units)


def _asked(body: bytes) -> int:
    """The contract that a query asks for."""
    if not body:
        return 0
    asked = json.loads(body)
    conditions = asked.get("Filter", ()) if isinstance(asked, dict) else ()
    for condition in conditions:
        if str(condition.get("field")).lower() in ("contractid", "id"):
            value = condition.get("value")
            return value if isinstance(value, int) else next(iter(value), 0)
    return 0


def _finish(work: Any) -> None:
    """Run a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise RuntimeError("it waits")
