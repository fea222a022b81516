"""The ConnectWise simulator as a bench: the real connector talks to it, and its books are the truth."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from random import Random
from typing import Any

import httpx

from reconcile_app.connectors.connectwise import SPEC, ConnectWise
from reconcile_app.connectors.http import ApiClient
from reconcile_app.core.amounts import SCALE
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.ports import BuildContext, ConnectorSpec, PsaPort
from reconcile_app.core.settings import Connection
from reconcile_app.sandbox.connectwise import ConnectWiseSimulator
from reconcile_app.sandbox.connectwise_additions import Addition
from reconcile_app.sandbox.connectwise_scenarios import fill_tenant, kind_of
from reconcile_app.sandbox.connectwise_state import HOSTING
from reconcile_app.sandbox.faults import FaultPlan
from reconcile_app.sandbox.gate import Request
from reconcile_app.sandbox.ledger import Ledger
from reconcile_app.sandbox.world import World
from tests.simulation.bench import EFFECTIVE, Act
from tests.simulation.process import START
from tests.simulation.story import Truth

PORT = 8103
_COMPARE = ("honored", "honored_400", "ignored", "refused")
_AGREEMENT = re.compile(r"/finance/agreements/([0-9]+)", re.IGNORECASE)
_SEED = 7


class ConnectWiseBench:
    """A tenant with a few customers; quantities may be fractions."""

    kind = "connectwise"
    semantics = "set"

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self.documents: list[Any] = []
        self.world = World(self._fill, seed=_SEED, now=START, ticking=False)
        self.state = self.world.connectwise
        self.simulator = ConnectWiseSimulator(self.world, FaultPlan())
        self.simulator.base_url = f"http://127.0.0.1:{PORT}"
        self.products = {PORT: self.simulator}
        settings = self.simulator.settings()
        self.secrets = {name: str(value) for name, value in settings.pop("secrets").items()}
        self.values = {name: str(value) for name, value in settings.items()} | {"settle_seconds": "180"}
        self.modes = self._set_up(dice)

    def _set_up(self, dice: Random) -> frozenset[str]:
        """How the connection is set, drawn after the world, so that the world of a seed is the same with either setting."""
        modes = set()
        self.replaces = dice.random() < 0.35
        if self.replaces:
            modes.add("replace")
            self.values["change_by"] = "replace"
            self._prorate(dice)
        if dice.random() < 0.35:
            answer = dice.choices(_COMPARE, (4, 3, 2, 1))[0]
            modes.add(f"compare {answer}")
            self.values["server_compare"] = "yes"
            self.state.switches.set("patch_test", answer)
            if dice.random() < 0.3:
                modes.add("faster user")
                self.state.switches.set("second_writer", "before")
        return frozenset(modes)

    def _prorate(self, dice: Random) -> None:
        """Most agreements prorate, and their lines say more than the catalog does."""
        for agreement in self.state.records["Agreement"].values():
            agreement.put("prorateFlag", dice.random() < 0.85)
        for line in self.state.additions.values():
            line.unit_price, line.unit_cost = dice.choice((90_000, 85_500)), dice.choice((50_000, 45_000))
            line.taxable, line.less_included = dice.random() < 0.5, dice.choice((0, 0, 5_000))
            line.invoice_description = dice.choice((line.invoice_description, "As agreed"))

    @property
    def ledger(self) -> Ledger:
        return self.world.ledger

    def _fill(self, world: World) -> None:
        dice, state = self._dice, world.connectwise
        fill_tenant(state, _SEED)
        self.catalog = [state.add_product(f"{601 + each}", f"Product {each}", price=9 * SCALE, cost=5 * SCALE) for each in range(5)]
        for number in range(dice.choice((1, 2, 3, 3))):
            company = state.add_company(f"Customer {number} Ltd", identifier=f"C{number}")
            for _ in range(dice.choice((1, 1, 2))):
                agreement = state.add_agreement(company, "Hosting", kind_of(state, HOSTING), start=date(2026, 1, 26))
                for product in dice.sample(self.catalog, dice.randrange(1, 4)):
                    state.add_addition(agreement, product, dice.choice((0, 5, 60)) * SCALE + dice.choice((0, 0, 2_500, 1)))

    def truth(self) -> dict[str, Truth]:
        return {
            str(number): Truth(
                present=True, quantity=line.quantity or 0, cost=line.unit_cost or 0, customer=self._customer(line.agreement_id),
                ends=line.cancelled.isoformat() if line.cancelled else "", place=f"{line.agreement_id}/{line.product_id}",
                terms=repr((line.unit_price, line.less_included, line.bill_customer, line.taxable, line.invoice_description)),
            )
            for number, line in self.state.additions.items()
        }

    def _customer(self, agreement: int) -> str:
        record = self.state.records["Agreement"].get(agreement)
        return str(record.get("company")) if record else ""

    # the wire ----------------------------------------------------------------------------------------------------------------

    def spec(self, transport: Callable[[BuildContext], httpx.AsyncBaseTransport]) -> ConnectorSpec:
        async def build(connection: Connection, context: BuildContext) -> PsaPort:
            return ConnectWise(connection, context, client=partial(ApiClient, transport=transport(context)))

        return replace(SPEC, build_psa=build)

    def customer_of(self, request: Request) -> str:
        found = _AGREEMENT.search(request.path)
        return self._customer(int(found[1])) if found else ""

    def sending(self, request: Request) -> None:
        """Nothing has to be noted."""

    def refusal(self, text: str) -> bytes:
        return json.dumps({"code": "InvalidObject", "message": text, "errors": []}).encode()

    # wishes ------------------------------------------------------------------------------------------------------------------

    def wishes(self, dice: Random) -> list[Change]:
        changes: list[Change] = []
        for agreement in list(self.state.records["Agreement"]):
            changes += self._wishes_of(agreement, dice)
        dice.shuffle(changes)
        return changes

    def _wishes_of(self, agreement: int, dice: Random) -> list[Change]:
        changes = []
        lines = [line for line in self.state.additions_of[agreement] if not self.replaces or _in_force(line)]
        for line in lines:
            before = line.quantity or 0
            target = dice.choice((0, before + SCALE, before + dice.randrange(1, 40_000), max(0, before - 25_000), before))
            if target != before:
                kind = ChangeKind.SET_QUANTITY if target else ChangeKind.ZERO_LINE
                changes.append(self._change(agreement, kind, str(line.id), line.product_id, before, target))
                changes += self._costs(changes[-1], line.unit_cost, dice)
        free = [product.id for product in self.catalog if product.id not in {line.product_id for line in lines}]
        if free and dice.random() < 0.4:
            changes.append(self._change(agreement, ChangeKind.CREATE_LINE, "", dice.choice(free), 0, dice.randrange(1, 90_000)))
        return changes

    def _costs(self, change: Change, held: int | None, dice: Random) -> list[Change]:
        """The unit cost of the same line; a line that is replaced gets it by being made with it."""
        if not self.replaces or change.kind is not ChangeKind.SET_QUANTITY or dice.random() >= 0.2:
            return []
        cost = {"unit_cost_before": held, "unit_cost_target": (held or 0) + 2_500}
        return [replace(change, kind=ChangeKind.SET_UNIT_COST, quantity_target=change.quantity_before, **cost)]

    def _change(self, agreement: int, kind: ChangeKind, line: str, product: int, before: int, target: int) -> Change:
        customer = self._customer(agreement)
        return Change(
            key=f"{customer}/{agreement}/{product}", kind=kind, customer_code=customer, customer_name=f"Customer {customer}",
            company_id=customer, contract_id=str(agreement), contract_name="Hosting", line_id=line, service_id=str(product),
            service_name=f"Product {product}", sku=str(product), description="", quantity_before=before, quantity_target=target,
            effective_date=EFFECTIVE, unit_price=SCALE,
        )

    # other users -------------------------------------------------------------------------------------------------------------

    def others(self, dice: Random, wanted: Sequence[Change]) -> list[Act]:
        if not wanted:
            return []
        change = dice.choice(wanted)
        if self.replaces and dice.random() < 0.6:
            return self._around(change, dice)
        control, line = self.simulator.controls(), change.line_id
        if not line:
            identifier = self.state.records["CatalogItem"][int(change.service_id)].get("identifier")
            adds = {"agreement": change.contract_id, "product": identifier, "quantity": dice.choice((1, 2))}
            return [("another user creates the line", lambda: control["add-line"](adds))]
        ours, old, some = (partial(self._set, line, quantity) for quantity in
                           (change.quantity_target, change.quantity_before, dice.randrange(0, 500_000)))
        agreement = {"agreement": change.contract_id}
        kinds: list[list[Act]] = [
            [("another user changes the line", some)],
            [("another user makes our change", ours)],
            [("another user makes our change", ours), ("another user takes it back", old)],
            [("another user sets the old quantity", old)],
            [("another user deletes the line", lambda: control["remove-line"]({"line": line}))],
            [("another user cancels the line", lambda: control["cancel-line"]({"line": line, "date": "2026-11-01"}))],
            [("another user cancels the agreement", lambda: control["cancel-agreement"](agreement))],
        ]
        return dice.choices(kinds, (4, 3, 3, 4, 1, 1, 1))[0]

    def _set(self, line: str, quantity: int) -> None:
        self.simulator.controls()["set-quantity"]({"line": line, "quantity": quantity / SCALE})

    def _around(self, change: Change, dice: Random) -> list[Act]:
        """What somebody may do to a line that ends, to the one that takes its place, and to their agreement."""
        line, agreement, control = change.replaces or change.line_id, change.contract_id, self.simulator.controls()
        product = self.state.records["CatalogItem"][int(change.service_id)].get("identifier")
        adds = {"agreement": agreement, "product": product, "quantity": dice.choice((1, change.quantity_target / SCALE))}
        other_day = {"line": line, "date": dice.choice(("2026-11-20", "2026-12-05"))}
        whole_period = {"agreement": agreement, "prorateFlag": False}
        kinds: list[Act] = [
            ("another user takes the end of the line back", lambda: control["change-line"]({"line": line, "cancelledDate": None})),
            ("another user ends the line", lambda: control["cancel-line"]({"line": line, "date": EFFECTIVE.isoformat()})),
            ("another user ends the line on another day", lambda: control["cancel-line"](other_day)),
            ("another user changes the price", lambda: control["change-line"]({"line": line, "unitPrice": 7.5})),
            ("another user creates the line", lambda: control["add-line"]({**adds, "effectiveDate": EFFECTIVE.isoformat()})),
            ("another user stops the prorating", lambda: control["change-agreement"](whole_period)),
            ("another user changes the newest line", lambda: self._set_newest(change, dice.randrange(0, 500_000))),
        ]
        return [dice.choices(kinds, (4, 3, 2, 2, 3, 1, 3))[0]]

    def _set_newest(self, change: Change, quantity: int) -> None:
        lines = [line for line in self.state.additions_of[int(change.contract_id)] if str(line.product_id) == change.service_id]
        self._set(str(lines[-1].id), quantity)


def _in_force(line: Addition) -> bool:
    return line.cancelled is None or line.cancelled > EFFECTIVE
