"""The worlds that pushes are killed in. A further PSA, or another way to write to one, is one more entry of ``SCENES``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Any

from reconcile_app.core.amounts import SCALE
from reconcile_app.sandbox.atria_state import Customer, Plan
from reconcile_app.sandbox.autotask_units import months_on
from reconcile_app.sandbox.connectwise_scenarios import kind_of
from reconcile_app.sandbox.connectwise_state import HOSTING
from reconcile_app.sandbox.scenarios import Fill, fill_accounts
from reconcile_app.sandbox.world import World

CUSTOMERS = ("ALDER", "BIRCH", "CEDAR", "DATES", "ELMS", "FIR", "GUM")
SERVICES = ((601, "Mailbox"), (602, "Backup"), (603, "Archive"))
NEW_SERVICE = (604, "Firewall")
DIFFERENCES = (3, -2, 1, 4, -1, 2, 5)
"""What is billed above the contract, by customer; the lines of one customer differ by their position besides."""

OLD_COSTS = (("ALDER", 2), ("ELMS", 1))
"""Lines, by customer and position, whose unit cost is not the catalog's; the second differs in nothing else."""

PRICE, COST, OLD_COST = 50_000, 30_000, 28_000

HALF = "GUM"
"""The customer who is billed half a unit more, where the PSA takes fractions."""

IN_PLACE = frozenset({"DATES", "ELMS"})
"""Customers whose agreements do not prorate, so that their lines keep their place where those of the others are replaced."""

Values = dict[str, int]
Texts = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One kind of PSA, and one way to write to it.

    ``fields`` is what its connection says besides the sandbox's own settings, ``replaced`` the customers whose lines end and are
    made anew by that. ``places`` tells for every line what it stands for, where several lines can stand for the same one after
    another, and ``ends`` on which day lines end.

    ``quantities`` tells what every line holds on a day, ten-thousandths, and ``moves`` which entries of the ledger change that.
    ``meddle`` is the control call by which another user changes a line, and ``order`` its content; ``control`` names the address
    that takes it among the connection's fields. ``semantics`` is how the PSA takes a quantity. Where it is set, ``line_read``
    finds the contract in the path of a request that reads the lines of one.
    """

    name: str
    kind: str
    semantics: str
    fill: Fill
    quantities: Callable[[World, date], Values]
    moves: frozenset[str]
    control: str
    meddle: str
    order: Callable[[str, int, date], dict[str, Any]]
    line_read: re.Pattern[str] | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    replaced: frozenset[str] = frozenset()
    places: Callable[[World], Texts] = lambda world: {}
    ends: Callable[[World], Texts] = lambda world: {}

    def is_replaced(self, row: Mapping[str, Any]) -> bool:
        """Whether the change of a row is two changes: its line ends, and another one takes its place."""
        return bool(row["line_id"]) and row["customer_code"] in self.replaced


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a customer: its place, what the contract has, and the unit cost where that is an old one."""

    position: int
    units: int
    cost: int | None


def _lines(index: int, code: str) -> Iterator[Line]:
    for position in range(len(SERVICES)):
        yield Line(position=position, units=10 + index + position, cost=OLD_COST if (code, position) in OLD_COSTS else None)


def _bill(world: World, customer: Customer, plans: Sequence[Plan], index: int, code: str, more: int = 0) -> None:
    """What the customer is billed: more or less than the contract has, and one service that it lacks. ``more``: ten-thousandths."""
    began = datetime.combine(months_on(world.atria.periods()[-1].start, -4), time(9))
    for line in _lines(index, code):
        quantity = (line.units + DIFFERENCES[index] + line.position % 2) * SCALE + more
        world.atria.assign(customer, plans[line.position], start=began, quantity=quantity)
    if code == CUSTOMERS[-1]:
        world.atria.assign(customer, plans[-1], start=began, quantity=2 * SCALE)


def _fill_autotask(world: World) -> None:
    """Seven customers with three lines each, and one service that a contract lacks: 21 quantities and two unit costs differ.

    The simulator takes several adjustments of a line on one day: otherwise it would refuse the second of two that should never
    have been sent.
    """
    fill_accounts(world)
    books = world.autotask
    books.switches.set("same_day_adjustment", "accepted")
    services = [
        books.add_service(name, price=PRICE + number, cost=COST, service_id=number) for number, name in (*SERVICES, NEW_SERVICE)
    ]
    plans = [world.atria.add_plan(f"S{s.id}", str(s.values["name"]), "Basic", sku=str(s.id), level="Customer") for s in services]
    opened = world.atria.periods()[-1].start
    for index, code in enumerate(CUSTOMERS):
        company = books.add_company(f"{code.title()} Limited")
        # Every other contract does not begin on the effective day, so that a change cuts its unit rows.
        start = months_on(opened, -6) + timedelta(days=index % 2 * 9)
        contract = books.add_contract(company, "Cloud", start=start, end=months_on(start, 24) - timedelta(days=1))
        customer = world.atria.add_customer(code, f"{code.title()} Limited", identifier=str(company.id))
        for line in _lines(index, code):
            books.add_line(contract, services[line.position], line.units, cost=line.cost)
        _bill(world, customer, plans, index, code)


def _autotask_quantities(world: World, day: date) -> Values:
    return {str(line.id): line.units_on(day) * SCALE for line in world.autotask.lines.values()}


def _fill_connectwise(world: World, replaced: frozenset[str] = frozenset()) -> None:
    """The same customers with agreements and additions; one of them is billed half units besides. ``replaced``: those whose
    agreements prorate."""
    fill_accounts(world)
    books = world.connectwise
    catalog = (*SERVICES, NEW_SERVICE)
    products = [books.add_product(f"S{number}", name, price=PRICE + number, cost=COST) for number, name in catalog]
    plans = [world.atria.add_plan(f"S{number}", name, "Basic", sku=f"S{number}", level="Customer") for number, name in catalog]
    opened = world.atria.periods()[-1].start
    for index, code in enumerate(CUSTOMERS):
        company = books.add_company(f"{code.title()} Limited", identifier=code)
        start = months_on(opened, -6) + timedelta(days=index % 2 * 9)
        agreement = books.add_agreement(company, "Cloud", kind_of(books, HOSTING), start=start, prorateFlag=code in replaced)
        customer = world.atria.add_customer(code, f"{code.title()} Limited", identifier=code)
        for line in _lines(index, code):
            books.add_addition(agreement, products[line.position], line.units * SCALE, cost=line.cost)
        _bill(world, customer, plans, index, code, SCALE // 2 if code == HALF else 0)


def _connectwise_quantities(world: World, day: date) -> Values:
    lines = world.connectwise.additions.values()
    return {str(line.id): (line.quantity or 0) if line.bills_on(day, last_day_counts=False) else 0 for line in lines}


def _additions(world: World) -> Texts:
    """Additions of one product on one agreement stand for the same line; ``-`` is in no id."""
    return {str(line.id): f"{line.agreement_id}-{line.product_id}" for line in world.connectwise.additions.values()}


def _cancelled(world: World) -> Texts:
    return {str(line.id): line.cancelled.isoformat() for line in world.connectwise.additions.values() if line.cancelled}


def _raise(line: str, change: int, day: date) -> dict[str, Any]:
    return {"line": line, "change": change, "date": day.isoformat()}


_AUTOTASK = Scene(
    name="autotask", kind="autotask", semantics="delta", fill=_fill_autotask, quantities=_autotask_quantities,
    moves=frozenset({"adjustment", "create_line"}), control="zone_lookup_url", meddle="adjust", order=_raise,
)
_CONNECTWISE = Scene(
    name="connectwise", kind="connectwise", semantics="set", fill=_fill_connectwise, quantities=_connectwise_quantities,
    moves=frozenset({"set_quantity", "create_line"}), control="base_url", meddle="adjust", order=_raise,
    line_read=re.compile(r"/finance/agreements/([0-9]+)/additions"), places=_additions, ends=_cancelled,
)
_REPLACED = frozenset(CUSTOMERS) - IN_PLACE
_REPLACING = replace(
    _CONNECTWISE, name="connectwise-replace", fill=partial(_fill_connectwise, replaced=_REPLACED), replaced=_REPLACED,
    fields={"change_by": "replace"}, moves=_CONNECTWISE.moves | {"cancel_line"},
)

SCENES: Mapping[str, Scene] = {scene.name: scene for scene in (_AUTOTASK, _CONNECTWISE, _REPLACING)}
