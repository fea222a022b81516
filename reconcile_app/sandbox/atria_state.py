"""The books of the simulated Atria: customers, users, services, what is assigned to whom, and what of it has been processed.

There are two layers. Everything is edited in the *live* layer; answers come from the *processed* one, which ``reprocess`` makes
from it. Quantities are ten-thousandths.
"""

import base64
import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import count, pairwise

import msgspec

from reconcile_app.core.amounts import SCALE
from reconcile_app.sandbox.clock import Clock
from reconcile_app.sandbox.ledger import Ledger, Origin
from reconcile_app.sandbox.switches import Switches

SWITCHES = {
    "casing": ("camel", "pascal"),
    "nesting": ("flat", "nested"),
    "bill_to": ("flat", "object"),
    "envelope": ("bare", "data", "value", "items", "results", "invoices"),
    "absent": ("null", "missing", "empty"),
    "duration": ("hundred", "one"),
    "dates": ("time", "date", "zulu"),
    "prefix": ("single", "double"),
    "total": ("none", "right", "wrong", "more"),
}
_ID_BASE = 24_181
_VERSIONS = count(1)
DUPLICATE_IDENTIFIER = "The Billing ID is in use by a different customer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """One customer. ``identifier`` is the Billing Identifier; ``billed_by`` the code of the reseller who pays, or empty."""

    id: int
    code: str
    name: str
    identifier: str | None
    billed_by: str = ""
    kind: str = "Standard"
    address: str = ""
    city: str = ""
    zip_code: str = ""
    country: str = ""
    contact_name: str = ""
    contact_email: str = ""
    domain: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person at a customer."""

    customer: str
    full_name: str
    principal_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What can be assigned. ``level`` is ``User`` or ``Customer``; ``pattern`` is the summary text of its billing rows."""

    id: int
    service_code: str
    service_name: str
    name: str
    sku: str | None
    level: str
    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One plan for one user or customer from ``start`` until ``end`` (None: still there). ``quantity`` is in ten-thousandths."""

    id: int
    customer: str
    plan: int
    user: User | None
    start: datetime
    end: datetime | None
    quantity: int
    added_by: str
    removed_by: str = ""
    instance: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A billing rule: makes matching items non-billable with a reason.

    ``field`` is ``plan``, ``customer``, ``customer_kind``, ``user`` (part of the sign-in name) or ``sku``; an empty ``value``
    with ``sku`` means items without one.
    """

    description: str
    reason: str
    order: int
    field: str
    value: str
    valid_from: date = date.min
    valid_to: date = date.max


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A billing period, both days included."""

    id: int
    start: date
    end: date

    @property
    def days(self) -> int:
        """Its length."""
        return (self.end - self.start).days + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token and the state of the account that owns it."""

    value: str
    owner: str
    developer: bool = True
    enabled: bool = True
    expires: datetime


@dataclass(frozen=True, slots=True)
class Layer:
    """What bill processing knows: one consistent copy of everything that can be edited."""

    customers: dict[str, Customer]
    plans: dict[int, Plan]
    skus: dict[tuple[str, int], str | None]
    rules: tuple[Rule, ...]
    assignments: tuple[Assignment, ...]


@dataclass(slots=True)
class CortexRequest:
    """An asynchronous change that was asked for through the provisioning interface."""

    id: int
    description: str
    polls: int = 0


@dataclass(slots=True)
class AtriaState:
    """All books of Atria and the small interface that scenarios and tests build them with."""

    clock: Clock
    ledger: Ledger
    end_day: int = 25
    customers: dict[str, Customer] = field(default_factory=dict)
    plans: dict[int, Plan] = field(default_factory=dict)
    skus: dict[tuple[str, int], str | None] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    assignments: dict[int, Assignment] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    requests: dict[int, CortexRequest] = field(default_factory=dict)
    portal_users: dict[str, str] = field(default_factory=lambda: {"cortex@northgate.example": "portal-password"})
    names: dict[str, str] = field(default_factory=dict)
    switches: Switches = field(default_factory=lambda: Switches(SWITCHES))
    closed_periods: int = 5
    first_start: date = date.min
    version: int = 0
    processed: Layer = field(default_factory=lambda: Layer({}, {}, {}, (), ()))

    def __post_init__(self) -> None:
        self.first_start = _months_on(self._start_of_open(), -self.closed_periods)

    def periods(self) -> list[Period]:
        """Every period since the books began, oldest first; the last one is open."""
        opened = self._start_of_open()
        count = (opened.year - self.first_start.year) * 12 + opened.month - self.first_start.month + 2
        starts = [_months_on(self.first_start, step) for step in range(count)]
        return [
            Period(id=first.year * 12 + first.month - _ID_BASE, start=first, end=following - timedelta(days=1))
            for first, following in pairwise(starts)
        ]

    def _start_of_open(self) -> date:
        today = self.clock.today()
        this_month = today.replace(day=self.end_day)
        end = this_month if today <= this_month else _months_on(this_month, 1)
        return _months_on(end, -1) + timedelta(days=1)

    def add_customer(
        self, code: str, name: str, *, identifier: str | None = None, billed_by: str = "", kind: str = "Standard", **details: str
    ) -> Customer:
        """Create a customer; ``details`` are the address fields."""
        customer = Customer(
            id=23 + len(self.customers), code=code, name=name, identifier=identifier, billed_by=billed_by, kind=kind, **details
        )
        self.customers[code] = customer
        return customer

    def add_plan(
        self, service_code: str, service_name: str, name: str, *, sku: str | None, level: str = "User", pattern: str = ""
    ) -> Plan:
        """Create a plan of a service. Without ``pattern`` it gets the product's default summary text."""
        default = f"{service_name}, {name}" if level == "User" else f"{service_name} (Assigned to Customer)"
        plan = Plan(
            id=1 + len(self.plans),
            service_code=service_code,
            service_name=service_name,
            name=name,
            sku=sku,
            level=level,
            pattern=pattern or default,
        )
        self.plans[plan.id] = plan
        return plan

    def assign(
        self,
        customer: Customer,
        plan: Plan,
        *,
        start: datetime,
        user: User | None = None,
        end: datetime | None = None,
        quantity: int = SCALE,
        actor: str = "Bob Jones",
        instance: str | None = None,
    ) -> Assignment:
        """Provision a plan. The times are local to the portal, known to the minute."""
        assignment = Assignment(
            id=1 + len(self.assignments),
            customer=customer.code,
            plan=plan.id,
            user=user,
            start=start,
            end=end,
            quantity=quantity,
            added_by=actor,
            removed_by=actor if end else "",
            instance=instance,
        )
        self.assignments[assignment.id] = assignment
        return assignment

    def remove(self, assignment: int, *, end: datetime, actor: str = "Bob Jones") -> None:
        """De-provision an assignment. Shows after the next processing."""
        self.assignments[assignment] = replace(self.assignments[assignment], end=end, removed_by=actor)

    def add_token(self, owner: str, *, seed: int, days: int = 300, **account: bool) -> Token:
        """Create an access token shaped like a JWT that expires at midnight in ``days`` days."""
        expires = datetime.combine(self.clock.today() + timedelta(days=days), time(), UTC)
        parts = (
            _base64(msgspec.json.encode({"alg": "HS256", "typ": "JWT"})),
            _base64(msgspec.json.encode({"sub": owner, "iss": "atria", "exp": int(expires.timestamp())})),
            _base64(hashlib.sha256(f"{owner}/{seed}".encode()).digest()),
        )
        token = Token(value=".".join(parts), owner=owner, expires=expires, **account)
        self.tokens[token.value] = token
        return token

    def set_identifier(self, code: str, identifier: str | None, origin: Origin) -> None:
        """Change a customer's Billing Identifier in the live layer.

        Raises:
            LookupError: no such customer.
            ValueError: another customer has it.
        """
        customer = self.customers[code]
        taken = any(other.identifier == identifier for other in self.customers.values() if other.code != code)
        if identifier and taken:
            raise ValueError(DUPLICATE_IDENTIFIER)
        self.customers[code] = replace(customer, identifier=identifier)
        note = f"{customer.identifier or ''} -> {identifier or ''}"
        self.ledger.append("atria", "set_identifier", origin, line=code, note=note)

    def set_sku(self, plan: int, sku: str | None, origin: Origin, customer: str = "") -> None:
        """Change the SKU of a plan, for one customer or for all, in the live layer."""
        before = self.plans[plan].sku
        if customer:
            self.skus[self.customers[customer].code, plan] = sku
        else:
            self.plans[plan] = replace(self.plans[plan], sku=sku)
        self.ledger.append("atria", "set_sku", origin, line=f"{customer}/{plan}", note=f"{before or ''} -> {sku or ''}")

    def reprocess(self) -> None:
        """Run the bill processing: what is live becomes what is answered."""
        self.processed = Layer(
            dict(self.customers), dict(self.plans), dict(self.skus), tuple(self.rules), tuple(self.assignments.values())
        )
        self.version = next(_VERSIONS)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _months_on(day: date, months: int) -> date:
    """The same day of another month; only used with days that every month has."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return day.replace(year=year, month=month + 1)
