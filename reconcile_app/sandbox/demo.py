"""Builds the demo: a provider in New Zealand, its customers in Atria, and their contracts in Autotask and ConnectWise."""

import re
import unicodedata
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta

from reconcile_app.core.amounts import SCALE
from reconcile_app.sandbox.atria_state import Customer, Period, Plan, Rule, User
from reconcile_app.sandbox.autotask_state import Contract, Record
from reconcile_app.sandbox.autotask_units import months_on
from reconcile_app.sandbox.connectwise_scenarios import AgreementDemo
from reconcile_app.sandbox.demo_cases import CATALOG, ORDINARY, PLANS, SPECIAL, CustomerCase
from reconcile_app.sandbox.names import CUSTOMERS, person
from reconcile_app.sandbox.world import World

_COUNT = re.compile(r"([a-z0-9]+):([0-9]+)([+-][0-9]+)?")
_STAFF = ("Bob Jones", "Hana Whitford", "Mere Tautahi")
_DAY = timedelta(days=1)
_ONSITE = 690


def fill_demo(world: World) -> None:
    """Fill every side."""
    _Demo(world).build()


@dataclass(slots=True)
class _Demo:
    world: World
    plans: dict[str, Plan] = field(default_factory=dict)
    services: dict[int, Record] = field(default_factory=dict)
    companies: dict[str, Record] = field(default_factory=dict)
    people: int = 0
    opened: Period = field(init=False)
    closed: Period = field(init=False)
    start: date = field(init=False)
    agreements: AgreementDemo = field(init=False)

    def build(self) -> None:
        periods = self.world.atria.periods()
        self.opened, self.closed = periods[-1], periods[-2]
        self.start = months_on(self.opened.start, -14)
        self.agreements = AgreementDemo(self.world.connectwise, self.opened, self.closed, self.start)
        self._catalog()
        self.agreements.catalog()
        ordinary = [
            CustomerCase(code=code, name=name, city=city, services=services)
            for (code, name, city), services in zip(CUSTOMERS, ORDINARY, strict=False)
        ]
        for case in (*ordinary, *SPECIAL):
            self._customer(case)
        self._surroundings(ordinary)
        self.agreements.surroundings(case.code for case in ordinary[:5])

    def _catalog(self) -> None:
        state = self.world.autotask
        vendor = state.add_company("Cloud Wholesale Distribution", number="V-100", companyType=7)
        for number, name, price, cost in CATALOG:
            self.services[number] = state.add_service(
                name,
                service_id=number,
                price=price * SCALE // 100,
                cost=cost * SCALE // 100,
                vendorCompanyID=vendor.id,
                sku=f"NG-{number}",
                description=f"{name}, per month",
                invoiceDescription=name,
            )
        self.services[614] = state.add_service("Pager Gateway", service_id=614, price=8 * SCALE, cost=5 * SCALE, active=False)
        self.services[_ONSITE] = state.add_service("Onsite Support Block", service_id=_ONSITE, price=450 * SCALE, cost=280 * SCALE)
        state.add_bundle("Modern Workplace Bundle", price=52 * SCALE)
        atria = self.world.atria
        for plan in PLANS:
            self.plans[plan.key] = atria.add_plan(
                plan.service_code, plan.service_name, plan.name, sku=plan.sku, level=plan.level, pattern=plan.pattern
            )
        for order, (key, reason) in enumerate(
            (("users", "User accounts are not charged"), ("tenants", "Included"), ("domains", "Included")), start=2
        ):
            value = str(self.plans[key].id)
            atria.rules.append(Rule(description=f"No charge: {key}", reason=reason, order=order, field="plan", value=value))
        atria.rules.append(Rule(description="Test users", reason="Test user", order=1, field="user", value="test."))

    def _customer(self, case: CustomerCase) -> None:
        counts = {key: (int(base), int(change or 0)) for key, base, change in _COUNT.findall(case.services) if key in self.plans}
        identifier = self._identifier(case)
        domain = f"{case.code.lower()}.example"
        customer = self.world.atria.add_customer(
            case.code,
            case.name,
            identifier=identifier,
            billed_by=case.billed_by,
            address=f"{self.world.dice.randrange(1, 180)} {self.world.dice.choice(('Queen', 'Victoria', 'Church', 'High'))} Street",
            city=case.city,
            zip_code=f"{self.world.dice.randrange(600, 9900):04d}",
            country="New Zealand",
            contact_name=" ".join(person(self.people + 5)),
            contact_email=f"accounts@{domain}",
            domain=domain,
        )
        self._provision(customer, counts)
        self._special_billing(customer, case)
        if case.situation != "unknown identifier":
            self._contracts(case, self.companies[case.code], self._units(counts))
            if case.code != "TWINB":
                carried = self.agreements.units((self.plans[key].sku, base) for key, (base, _) in counts.items())
                self.agreements.customer(case, carried)

    def _identifier(self, case: CustomerCase) -> str | None:
        if case.situation == "unknown identifier":
            return "29999999"
        if case.code == "TWINB":
            self.companies[case.code] = self.companies["TWINA"]
        else:
            number = f"C-{1001 + len(self.companies)}"
            self.companies[case.code] = self.world.autotask.add_company(case.name, number=number, city=case.city)
            self.agreements.company(case, str(self.companies[case.code].id))
        return None if case.situation == "no identifier" else str(self.companies[case.code].id)

    def _provision(self, customer: Customer, counts: dict[str, tuple[int, int]]) -> None:
        seats = [max(base, base + change) for key, (base, change) in counts.items() if self.plans[key].level == "User"]
        users = [self._user(customer) for _ in range(max(seats, default=0))]
        for key, (base, change) in counts.items():
            self._blocks(customer, self.plans[key], users, base, change)
        fate = _fate(counts)
        for user in users:
            self._assign(customer, self.plans["users"], user, fate, SCALE)
        for key in ("tenants", "domains"):
            self._assign(customer, self.plans[key], None, fate, SCALE)

    def _blocks(self, customer: Customer, plan: Plan, users: list[User], base: int, change: int) -> None:
        sizes = {"stays": base + min(change, 0), "comes": max(change, 0), "goes": max(-change, 0)}
        if plan.level == "Customer":
            for fate, size in sizes.items():
                if size:
                    self._assign(customer, plan, None, fate, size * SCALE)
            return
        fates = [fate for fate, size in sizes.items() for _ in range(size)]
        for user, fate in zip(users, fates, strict=False):
            self._assign(customer, plan, user, fate, SCALE)

    def _user(self, customer: Customer) -> User:
        given, family = person(self.people)
        self.people += 1
        plain = unicodedata.normalize("NFKD", f"{given}.{family}").encode("ascii", "ignore").decode().lower()
        name = re.sub(r"[^a-z.]", "", plain)
        return User(customer=customer.code, full_name=f"{given} {family}", principal_name=f"{name}{self.people}@{customer.domain}")

    def _assign(self, customer: Customer, plan: Plan, user: User | None, fate: str, quantity: int) -> None:
        dice = self.world.dice
        long_ago = months_on(self.closed.start, -3) + timedelta(days=dice.randrange(55))
        within = self.closed.start + timedelta(days=dice.randrange(2, 26))
        self.world.atria.assign(
            customer,
            plan,
            user=user,
            start=self._at(within if fate == "comes" else long_ago),
            end=self._at(within) if fate == "goes" else None,
            quantity=quantity,
            actor=dice.choice(_STAFF),
        )

    def _at(self, day: date) -> datetime:
        return datetime.combine(day, time(8 + self.world.dice.randrange(9), self.world.dice.randrange(60)))

    def _special_billing(self, customer: Customer, case: CustomerCase) -> None:
        if case.situation == "blanks around a SKU":
            self.world.atria.skus[customer.code, self.plans["advanced"].id] = " 602 "
        elif case.situation == "fraction":
            self._assign(customer, self.plans["storage"], None, "comes", SCALE // 2)
        elif case.situation == "negative":
            self._assign(customer, self.plans["server"], None, "comes", -SCALE)
        elif case.code == "ASP":
            tester = User(customer=customer.code, full_name="Test Account", principal_name=f"test.account@{customer.domain}")
            self._assign(customer, self.plans["advanced"], tester, "stays", SCALE)

    def _units(self, counts: dict[str, tuple[int, int]]) -> dict[int, int]:
        """What the contract's lines carry: the counts before the closed period, by service id."""
        units: dict[int, int] = {}
        for key, (base, _) in counts.items():
            sku = (self.plans[key].sku or "").strip()
            if sku.isdigit() and int(sku) in self.services:
                units[int(sku)] = units.get(int(sku), 0) + base
        return units

    def _contracts(self, case: CustomerCase, company: Record, units: dict[int, int]) -> None:
        state, situation = self.world.autotask, case.situation
        if case.code == "TWINB":
            return
        if situation == "no recurring contract":
            end = self._end(self.start)
            state.add_contract(company, "Support, Time & Materials", start=self.start, end=end, contract_type=1)
            return
        start, end = self._term(situation)
        contract = state.add_contract(company, "Cloud Services", start=start, end=end, contractNumber=f"CS-{case.code}")
        if situation in {"line missing", "inactive service missing"}:
            units = {service: count for service, count in units.items() if count}
        if situation == "negative":
            units[610] = 1
        for service, count in units.items():
            state.add_line(
                contract,
                self.services[service],
                count,
                cost=_old_cost(self.services[service]) if situation == "old cost" else None,
                posted_through=self.opened.end if situation == "posted period" else self.closed.end,
                description=str(self.services[service].values["name"]),
            )
        self._special_contract(situation, company, contract)

    def _term(self, situation: str) -> tuple[date, date]:
        if situation == "future contract":
            start = months_on(self.opened.start, 1)
            return start, self._end(start)
        if situation == "expired contract":
            return self.start, months_on(self.opened.start, -1) - _DAY
        start = self.closed.start if situation == "new customer" else self.start
        return start, self._end(start)

    def _end(self, start: date) -> date:
        return months_on(start, 36) - _DAY

    def _special_contract(self, situation: str, company: Record, contract: Contract) -> None:
        state, through = self.world.autotask, self.closed.end
        if situation == "two contracts":
            second = state.add_contract(company, "Cloud Services (Warehouse)", start=self.start, end=self._end(self.start))
            state.add_line(second, self.services[604], 4, posted_through=through)
        elif situation == "duplicate service":
            state.add_line(contract, self.services[605], 2, posted_through=through, description="Premium, added by hand")
        elif situation == "line without record":
            state.add_line(contract, self.services[608], 4, posted_through=through)
        elif situation == "planned change":
            line = next(line for line in contract.lines if line.item_id == 604)
            state.plan_change(line, months_on(self.opened.start, 1), 25)

    def _surroundings(self, ordinary: list[CustomerCase]) -> None:
        """What belongs to the tenant but is none of the comparison's business, and what is newest."""
        state = self.world.autotask
        for case in ordinary[:5]:
            contract = state.of_company[self.companies[case.code].id][0]
            state.add_line(contract, self.services[_ONSITE], 2, posted_through=self.closed.end)
        bundled = state.of_company[self.companies[ordinary[1].code].id][0]
        bundle = next(iter(state.records["ServiceBundles"].values()))
        state.add_line(bundled, bundle, 3, bundle=True, posted_through=self.closed.end)
        posted = state.of_company[self.companies[ordinary[0].code].id][0]
        for line in posted.lines:
            line.posted_through = self.closed.start - _DAY
        state.approve_and_post(posted, self.closed.end)
        state.add_company("Dormant Holdings Limited", number="C-0900", active=False)
        atria = self.world.atria
        for case, key in zip(ordinary[:3], ("advanced", "m365s", "m365p"), strict=True):
            customer = atria.customers[case.code]
            newest = atria.assign(customer, self.plans[key], user=self._user(customer), start=self._at(self.opened.start))
            atria.assignments[newest.id] = replace(newest, added_by=_STAFF[1])


def _old_cost(service: Record) -> int | None:
    """A twentieth below today's, to the cent, as before the vendor's last increase."""
    cost = service.values["unitCost"]
    return cost * 95 // 100 // 100 * 100 if isinstance(cost, int) else None


def _fate(counts: dict[str, tuple[int, int]]) -> str:
    """What happens to the customer as a whole in the closed period."""
    if all(base + change == 0 for base, change in counts.values()):
        return "goes"
    return "comes" if all(base == 0 for base, _ in counts.values()) else "stays"
