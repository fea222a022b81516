"""Small worlds with Atria on one side and ConnectWise on the other, built customer by customer."""

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from reconcile_app.core.amounts import SCALE
from reconcile_app.sandbox.connectwise_additions import Addition, Record
from reconcile_app.sandbox.connectwise_scenarios import kind_of
from reconcile_app.sandbox.connectwise_state import HOSTING
from reconcile_app.sandbox.scenarios import fill_accounts
from reconcile_app.sandbox.world import World

SEAT, STORE = "ATR-SEAT", "ATR-STORE"
"""Two products, per month 12.50 and 40.00, that Atria knows as SKUs."""

HELD, BILLED = 20_000, 30_000
"""What ``two_customers`` has on each agreement, and what Atria bills, in ten-thousandths."""


class Books:
    """Fills a world."""

    def __init__(self, world: World) -> None:
        fill_accounts(world)
        self.world, self.state = world, world.connectwise
        self.start = world.atria.periods()[-3].start
        self.products = {
            SEAT: self.state.add_product(SEAT, "Seat", price=125_000, cost=71_000),
            STORE: self.state.add_product(STORE, "Store", price=400_000, cost=200_000),
        }
        self.plans = {
            sku: world.atria.add_plan("HE", "Hosting", sku, sku=sku, level="Customer", pattern=sku) for sku in self.products
        }

    def customer(self, code: str, identifier: str, billed: Mapping[str, int]) -> Record:
        """A customer of Atria with its billed quantities in ten-thousandths, and its company."""
        customer = self.world.atria.add_customer(code, f"{code.title()} Ltd", identifier=identifier)
        began = datetime.combine(self.start, time(9))
        for sku, quantity in billed.items():
            self.world.atria.assign(customer, self.plans[sku], start=began, quantity=quantity)
        return self.state.add_company(f"{code.title()} Ltd", identifier=identifier)

    def agreement(
        self, company: Record, name: str = "Hosting", *, kind: str = HOSTING, start: date | None = None, **more: Any
    ) -> Record:
        """An agreement of a company."""
        return self.state.add_agreement(company, name, kind_of(self.state, kind), start=start or self.start, **more)

    def line(self, agreement: Record, sku: str, quantity: int, **more: Any) -> Addition:
        """An addition, its quantity in ten-thousandths."""
        return self.state.add_addition(agreement, self.products[sku], quantity, **more)


def two_customers(world: World) -> None:
    """Customers ONE and TWO (companies NORTH and SOUTH) with one line of two seats each, of which Atria bills three."""
    books = Books(world)
    for code, identifier in (("ONE", "NORTH"), ("TWO", "SOUTH")):
        books.line(books.agreement(books.customer(code, identifier, {SEAT: BILLED})), SEAT, HELD)


def whole(units: int) -> int:
    """Whole units in ten-thousandths."""
    return units * SCALE
