"""Billing and PSA side by side: the Autotask bench with an Atria beside it that bills for the same customers."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time
from random import Random
from typing import Any

import httpx

from reconcile_app.connectors.atria import SPEC, Atria
from reconcile_app.connectors.http import ApiClient
from reconcile_app.core.amounts import SCALE
from reconcile_app.core.ports import BillingPort, BuildContext, ConnectorSpec
from reconcile_app.core.redact import Redactor
from reconcile_app.core.settings import Connection
from reconcile_app.sandbox.atria import AtriaSimulator
from reconcile_app.sandbox.faults import FaultPlan
from reconcile_app.sandbox.gate import Request
from reconcile_app.sandbox.scenarios import fill_accounts
from reconcile_app.sandbox.world import World
from tests.simulation.bench_autotask import AutotaskBench

PORT = 8102
_PARTS = ((10_000,), (5_000, 5_000), (1_000, 2_000, 7_000), (3_333, 3_333, 3_334), (700, 9_300))
"""How one unit is billed: in parts that make a whole, but not in binary fractions."""


class ComparedBench(AutotaskBench):
    """A provider with a few customers. ``billed`` is what each row ought to have, by row key: contract and billing."""

    def __init__(self, dice: Random) -> None:
        self.billed: dict[str, tuple[int, int]] = {}
        super().__init__(dice, lambda world: self._fill_both(world, dice))
        atria = AtriaSimulator(self.world, FaultPlan())
        atria.base_url = f"http://127.0.0.1:{PORT}"
        self.products = {**self.products, PORT: atria}
        settings = atria.settings()
        self.billing_secrets = {name: str(value) for name, value in settings.pop("secrets").items()}
        self.billing_values = {name: str(value) for name, value in settings.items()}
        self.secrets = {**self.secrets, **self.billing_secrets}

    def _fill_both(self, world: World, dice: Random) -> None:
        fill_accounts(world)
        state, atria = world.autotask, world.atria
        began = datetime.combine(date(2026, 6, 26), time(9))
        costs = {"price": 9 * SCALE, "cost": 5 * SCALE}
        self.services = [state.add_service(f"Service {each}", service_id=601 + each, **costs) for each in range(4)]
        plans = [atria.add_plan(f"S{service.id}", f"Service {service.id}", "Standard", sku=str(service.id), level="Customer")
                 for service in self.services]
        for number in range(dice.choice((2, 3))):
            company = state.add_company(f"Customer {number} Ltd")
            contract = state.add_contract(company, "Cloud", start=date(2026, 6, 26), end=date(2027, 6, 25))
            customer = atria.add_customer(f"C{number}", f"Customer {number} Ltd", identifier=str(company.id))
            for service, plan in zip(self.services, plans, strict=True):
                held, billed = dice.randrange(0, 30), dice.choice((0, 1, 2, dice.randrange(1, 30)))
                if dice.random() < 0.85:
                    state.add_line(contract, service, held)
                else:
                    held = 0
                for part in (part for _ in range(billed) for part in dice.choice(_PARTS)):
                    atria.assign(customer, plan, start=began, quantity=part)
                self.billed[f"{customer.code}/{contract.id}/{service.id}"] = held * SCALE, billed * SCALE

    def specs(self, transport: Callable[[BuildContext], httpx.AsyncBaseTransport]) -> tuple[ConnectorSpec, ...]:
        """The real connectors of both sides."""

        async def build(connection: Connection, context: BuildContext) -> BillingPort:
            token = connection.secrets["token"].reveal()
            client = ApiClient(
                origin=connection.value("base_url"), side="billing", title="Atria", clock=context.clock, progress=context.progress,
                redactor=Redactor([token]), headers=lambda: {"Authorization": f"Bearer {token}"}, transport=transport(context),
            )
            return Atria(client, context, token_expires=None)

        return replace(SPEC, build_billing=build), self.spec(transport)

    def connection_values(self) -> dict[str, dict[str, str]]:
        """What the two connections are set to."""
        return {"atria": self.billing_values, "autotask": self.values}

    def connection_secrets(self) -> dict[tuple[str, str], str]:
        """Every secret by connection and field."""
        own = {("atria", name): value for name, value in self.billing_secrets.items()}
        return own | {("autotask", name): value for name, value in self.secrets.items() if name not in self.billing_secrets}

    def customer_of(self, request: Request) -> str:
        return "" if request.port == PORT else super().customer_of(request)


def changes_of(run: Any) -> list[str]:
    """Keys of the rows that can be pushed."""
    return [str(key) for key in run.rows.loc[run.rows["selectable"], "key"]]
