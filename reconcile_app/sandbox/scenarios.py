"""Worlds to start from. Each is the same for the same seed and the same date."""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from reconcile_app.core.amounts import SCALE
from reconcile_app.sandbox.autotask_state import API_RESOURCE, OTHER_RESOURCE, ApiUser
from reconcile_app.sandbox.autotask_units import months_on
from reconcile_app.sandbox.connectwise_scenarios import fill_tenant, plain_agreement
from reconcile_app.sandbox.demo import fill_demo
from reconcile_app.sandbox.world import World

Fill = Callable[[World], None]
_SIZED = re.compile(r"sized:([0-9]{1,6})x([0-9]{1,4})")
_BULK = (
    *("Mailbox", "Desktop", "File Share", "Backup", "Endpoint Protection", "Voice Extension", "Archive", "Firewall"),
    *("Monitoring", "Patch Service", "Sign-in Security", "Web Filter", "Print Service", "Virtual Server", "Help Desk Seat"),
)


def fill_accounts(world: World) -> None:
    """What every world has: the portal account, the API user, the provider's own company, billing codes."""
    world.atria.add_token("api@northgate.example", seed=world.seed)
    state = world.autotask
    code = "".join(world.dice.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", k=27))
    state.integration_codes.add(code)
    user = ApiUser(username="reconcile.k3v7q2n5@NORTHGATE.EXAMPLE", secret=f"sandbox-{world.dice.getrandbits(48):012x}")
    state.users[user.username] = user
    for number, given, family in ((API_RESOURCE, "Reconcile", "API"), (OTHER_RESOURCE, "Hana", "Whitford")):
        state.add("Resources", _resource(given, family), record_id=number)
    state.add_company("Northgate Managed Services", number="OWN", company_id=0)
    for name, use in (("Recurring Cloud Services", 5), ("Remote Support", 1)):
        state.add("BillingCodes", {"name": name, "useType": use, "isActive": True, "unitCost": 0, "unitPrice": 0})
    fill_tenant(world.connectwise, world.seed)


def _resource(given: str, family: str) -> dict[str, object]:
    name = f"{given}.{family}".lower()
    return {
        "firstName": given,
        "lastName": family,
        "email": f"{name}@northgate.example",
        "emailTypeCode": "PRIMARY",
        "userName": name,
        "isActive": True,
        "licenseType": 7 if family == "API" else 1,
        "userType": 17 if family == "API" else 10,
        "locationID": 1,
        "hireDate": date(2021, 3, 1),
        "numberFormat": "X,XXX.XX",
        "payrollType": 1,
        "resourceType": "Employee",
    }


def demo(world: World) -> None:
    """A believable provider with about 40 customers and at least one case of everything a comparison can show."""
    fill_accounts(world)
    fill_demo(world)


def empty(world: World) -> None:
    """Accounts and nothing else: for tests that build their own small world."""
    fill_accounts(world)


def sized(customers: int, lines: int) -> Fill:
    """A plain world for measuring: every customer has one contract and the same number of lines, one in five lines differs."""

    def fill(world: World) -> None:
        fill_accounts(world)
        _fill_bulk(world, customers, lines)

    return fill


def _fill_bulk(world: World, customers: int, lines: int) -> None:
    atria, autotask, connectwise, dice = world.atria, world.autotask, world.connectwise, world.dice
    opened = atria.periods()[-1].start
    start, end = months_on(opened, -6), months_on(opened, 6) - timedelta(days=1)
    began = datetime.combine(months_on(opened, -4), time(9))
    services, products, plans = [], [], []
    for index in range(lines):
        name = _BULK[index % len(_BULK)] + (f" {index // len(_BULK) + 1}" if index >= len(_BULK) else "")
        price = dice.randrange(300, 6000) * SCALE // 100
        service = autotask.add_service(name, price=price, cost=price * 7 // 10)
        services.append(service)
        products.append(connectwise.add_product(str(service.id), name, price=price, cost=price * 7 // 10))
        plans.append(atria.add_plan(f"S{index + 1}", name, "Standard", sku=str(service.id), level="Customer"))
    for index in range(customers):
        company = autotask.add_company(f"Customer {index + 1:05d} Limited", number=f"C-{index + 1:05d}")
        contract = autotask.add_contract(company, "Cloud Services", start=start, end=end)
        customer = atria.add_customer(f"C{index + 1:05d}", f"Customer {index + 1:05d} Limited", identifier=str(company.id))
        counts = []
        for service, plan in zip(services, plans, strict=True):
            units = dice.randrange(1, 60)
            billed = units + dice.randrange(1, 4) if dice.random() < 0.2 else units
            autotask.add_line(contract, service, units, posted_through=opened - timedelta(days=1))
            atria.assign(customer, plan, start=began, quantity=billed * SCALE)
            counts.append(units)
        plain_agreement(connectwise, customer.name, str(company.id), start, zip(products, counts, strict=True))


SCENARIOS: dict[str, Fill] = {"demo": demo, "empty": empty, "large": sized(1_000, 15), "huge": sized(10_000, 10)}


def scenario(name: str) -> Fill:
    """A scenario by name; ``sized:200x20`` gives any size.

    Raises:
        ValueError: there is none of that name.
    """
    size = _SIZED.fullmatch(name)
    if size:
        return sized(int(size.group(1)), int(size.group(2)))
    if name not in SCENARIOS:
        raise ValueError(f"no scenario {name!r}; there are: {', '.join(SCENARIOS)}, sized:CUSTOMERSxLINES")
    return SCENARIOS[name]
