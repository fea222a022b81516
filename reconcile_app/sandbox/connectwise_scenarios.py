"""The ConnectWise side of the scenarios: the same customers, products and quantities as agreements with additions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from reconcile_app.core.amounts import SCALE
from reconcile_app.sandbox.atria_state import Period
from reconcile_app.sandbox.autotask_units import months_on
from reconcile_app.sandbox.connectwise_additions import Addition, Record
from reconcile_app.sandbox.connectwise_state import HOSTING, ConnectWiseState
from reconcile_app.sandbox.demo_cases import AGREEMENTS, CATALOG, CustomerCase

_DAY = timedelta(days=1)
_MANAGED = "Managed Services"
_RESOURCE, _ONSITE, _PAGER = "HE-RESOURCE", "690", "614"


def fill_tenant(state: ConnectWiseState, seed: int) -> None:
    """What every tenant has: setup tables, agreement types, the API member."""
    state.add_setup()
    state.add_user("Reconcile", seed)
    for name, inactive, prorate in (
        (HOSTING, False, False),
        (_MANAGED, False, True),
        ("Block Time", False, False),
        ("Web Hosting", True, False),
    ):
        state.add_type(name, inactive=inactive, prorate=prorate)


def kind_of(state: ConnectWiseState, name: str) -> Record:
    """An agreement type by its name.

    Raises:
        StopIteration: there is none.
    """
    return next(record for record in state.records["AgreementType"].values() if record.get("name") == name)


def plain_agreement(
    state: ConnectWiseState, company: str, identifier: str, start: date, lines: Iterable[tuple[Record, int]]
) -> None:
    """A customer with one agreement and a line for each product and whole quantity, for worlds of any size."""
    owner = state.add_company(company, identifier=identifier)
    agreement = state.add_agreement(owner, HOSTING, kind_of(state, HOSTING), start=start)
    for product, quantity in lines:
        state.add_addition(agreement, product, quantity * SCALE)


@dataclass(slots=True)
class AgreementDemo:
    """Builds the ConnectWise side of the demo, customer by customer. ``start`` is when most agreements began."""

    state: ConnectWiseState
    opened: Period
    closed: Period
    start: date
    products: dict[str, Record] = field(default_factory=dict)
    companies: dict[str, Record] = field(default_factory=dict)

    def catalog(self) -> None:
        """Products whose identifiers are Atria's SKUs, and some that nobody bills."""
        for number, name, price, cost in CATALOG:
            self._product(str(number), name, price, cost)
        self._product(_RESOURCE, "Hosted Exchange Resource Mailbox", 200, 90)
        self._product(_ONSITE, "Onsite Support Block", 45_000, 28_000)
        # a bundle is a product like any other until somebody puts it on an agreement
        self._product(_PAGER, "Pager Gateway", 800, 500, productClass="Bundle")
        self._product("650", "Legacy Fax Line", 1_500, 900, inactiveFlag=True)

    def _product(self, identifier: str, name: str, price: int, cost: int, **more: Any) -> None:
        cents = SCALE // 100
        self.products[identifier] = self.state.add_product(identifier, name, price=price * cents, cost=cost * cents, **more)

    def company(self, case: CustomerCase, identifier: str) -> None:
        """The company of a customer; its identifier is what the portal has as billing identifier."""
        self.companies[case.code] = self.state.add_company(case.name, identifier=identifier, city=case.city)

    def units(self, counts: Iterable[tuple[str | None, int]]) -> dict[str, int]:
        """What the lines carry by product, from SKUs and counts."""
        found: dict[str, int] = {}
        for sku, count in counts:
            identifier = (sku or "").strip()
            if identifier in self.products:
                found[identifier] = found.get(identifier, 0) + count
        return found

    def customer(self, case: CustomerCase, units: Mapping[str, int]) -> None:
        """The agreements of a customer."""
        situation = case.situation
        company = self.companies[case.code]
        if situation == "no recurring contract":
            self._agreement(company, _MANAGED, name="Support")
            return
        start, end = self._term(situation)
        special = AGREEMENTS.get(case.code, "")
        terms: dict[str, Any] = {"prorateFlag": special == "prorates", "billingCycle": 2 if special == "yearly" else 1}
        agreement = self._agreement(company, HOSTING, start=start, end=end, **terms)
        missing = situation in {"line missing", "inactive service missing"}
        for identifier, count in {**units, **({"610": 1} if situation == "negative" else {})}.items():
            if count or not missing:
                self._line(agreement, identifier, count, situation)
        self._situation(situation, company, agreement)
        self._special(special, company, agreement)
        through = self.opened.end if situation == "posted period" else self.closed.end
        self.state.invoice(agreement, through)

    def _term(self, situation: str) -> tuple[date, date | None]:
        if situation == "future contract":
            return months_on(self.opened.start, 1), None
        if situation == "expired contract":
            return self.start, months_on(self.opened.start, -1) - _DAY
        return (self.closed.start if situation == "new customer" else self.start), None

    def _agreement(self, company: Record, kind: str, *, name: str = "", start: date | None = None, **more: Any) -> Record:
        kinds = kind_of(self.state, kind)
        return self.state.add_agreement(
            company, name or f"{kind} - {company.get('name')}"[:100], kinds, start=start or self.start, **more
        )

    def _line(self, agreement: Record, identifier: str, count: int, situation: str = "", **more: Any) -> Addition:
        product = self.products[identifier]
        old = product.get("cost") * 95 // 100 // 100 * 100 if situation == "old cost" else None
        return self.state.add_addition(agreement, product, count * SCALE, cost=old, **more)

    def _situation(self, situation: str, company: Record, agreement: Record) -> None:
        """What is wrong with the customer in every PSA."""
        if situation == "two contracts":
            self._line(self._agreement(company, HOSTING, name=f"{HOSTING} - Warehouse"), "604", 4)
        elif situation == "duplicate service":
            self._line(agreement, "605", 2, invoice_description="Premium, added by hand")
        elif situation == "line without record":
            self._line(agreement, "608", 4)
        elif situation == "planned change":
            following = months_on(self.opened.start, 1)
            self._of(agreement, "604").cancelled = following
            self._line(agreement, "604", 25, effective=following)

    def _special(self, special: str, company: Record, agreement: Record) -> None:
        """What only agreements and additions can have."""
        following = months_on(self.opened.start, 1)
        if special == "renewed":
            before = self._agreement(company, HOSTING, start=months_on(self.start, -24), end=self.start - _DAY)
            self._line(before, "602", 5)
        elif special == "cancelled beside":
            values: dict[str, Any] = {"cancelledFlag": True, "dateCancelled": self.start, "reasonCancelled": "Signed twice"}
            self._line(self._agreement(company, HOSTING, **values), "608", 3)
        elif special == "cancelled":
            agreement.values |= {"cancelledFlag": True, "dateCancelled": self.closed.start, "reasonCancelled": "Moved away"}
        elif special == "child":
            self._agreement(company, _MANAGED, name=f"{_MANAGED} - Workshop", parentAgreement=agreement.id)
        elif special == "ending line":
            self._of(agreement, "609").cancelled = following
        elif special == "future line":
            self._of(agreement, "608").effective = following
        else:
            self._special_line(special, agreement)

    def _special_line(self, special: str, agreement: Record) -> None:
        if special == "less included":
            line = self._of(agreement, "606")
            line.quantity, line.less_included = (line.quantity or 0) + 3 * SCALE, 3 * SCALE
        elif special == "followed line":
            line = self._of(agreement, "602")
            line.effective = self.closed.start
            self._line(agreement, "602", 10, effective=self.start, cancelled=self.closed.start)
        elif special == "not billed":
            self._line(agreement, _ONSITE, 1, bill_customer="DoNotBill")

    def _of(self, agreement: Record, identifier: str) -> Addition:
        product = self.products[identifier].id
        return next(line for line in self.state.additions_of[agreement.id] if line.product_id == product)

    def surroundings(self, codes: Iterable[str]) -> None:
        """What belongs to the tenant but is none of the comparison's business."""
        for code in codes:
            company = self.companies[code]
            first = next(one for one in self.state.records["Agreement"].values() if one.get("company") == company.id)
            self._line(first, _ONSITE, 2)
            self._line(self._agreement(company, _MANAGED), _ONSITE, 1)
        self.state.add_company("Dormant Holdings Limited", identifier="DORMANT", deleted=True)
