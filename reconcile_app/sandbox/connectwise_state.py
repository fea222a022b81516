"""The books of the simulated ConnectWise PSA and the small interface that scenarios and tests build them with."""

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.ids import sha256_hex
from reconcile_app.sandbox.autotask_paging import PageFaults
from reconcile_app.sandbox.clock import Clock
from reconcile_app.sandbox.connectwise_additions import Addition, Period, Record, month_around, status
from reconcile_app.sandbox.connectwise_tables import RIGHTS
from reconcile_app.sandbox.ledger import Ledger, Origin
from reconcile_app.sandbox.switches import Switches

SWITCHES = {
    "missing_client_id": ("403", "401", "400"),
    "bad_keys": ("401", "404"),
    "bad_company": ("400", "404"),
    "info_without_keys": ("refused", "answered"),
    "missing_page_link": ("absent", "empty"),
    "too_many": ("header", "no_header", "html"),
    "addition_status": ("present", "absent"),
    "unknown_member": ("refused", "ignored"),
    "patch_slash": ("accepted", "refused"),
    "patch_reference": ("ignored", "applied", "refused"),
    "patch_test": ("refused", "ignored", "honored", "honored_400"),
    "patch_part": ("nothing", "stored"),
    "bundles": ("supported", "refused"),
    "bundle_status": ("200", "207"),
    "product_condition": ("supported", "refused"),
    "derived_condition": ("refused", "supported"),
    "condition_dates": ("cloud", "self_hosted"),
    "timeouts": ("off", "on"),
    "codebase": ("v2026_4", "v2026_5", "v2026_5_after_discovery"),
    "second_writer": ("off", "before", "after"),
    "lost_answer": ("off", "on"),
    "invoiced_period": ("refused", "accepted"),
    "quantity_after_invoice": ("silent", "refused"),
    "cancelled_day": ("unbilled", "billed"),
    "less_included": ("off_amount", "off_quantity_only"),
    "agreement_touched": ("no", "yes"),
}
"""What the sources leave open, the default first.

``patch_test``: a ``test`` operation that does not hold is a 409, or a 400. ``patch_part``: whether operations before a failing one
stay. ``derived_condition``: conditions on what the server works out. ``timeouts``: one request in five ends in the 500 of a
database timeout. ``second_writer``: another user raises a line just before, or just after, every PATCH of it. ``less_included``:
whether the extended amounts leave the included quantity out.
"""
HOSTING = "Hosting and Cloud Services"
_VERSIONS = count(1)
_FIRST_IDS = {"Company": 305, "Agreement": 1207, "Addition": 88_431, "CatalogItem": 411, "AgreementType": 14, "Invoice": 10_221}
_DAY = timedelta(days=1)
OTHER = "hwhitford"


@dataclass(slots=True)
class ApiUser:
    """An API member with its keys. ``rights`` maps (function, right) to None, My or All; what is not listed is All."""

    identifier: str
    public_key: str
    private_key: str
    block_price: bool = False
    block_cost: bool = False
    rights: dict[tuple[str, str], str] = field(default_factory=dict)

    def level(self, function: str, right: str) -> str:
        """How far a right (add, edit, delete, inquire) of a function goes."""
        return self.rights.get((function, right), "All")


class ConnectWiseState:
    """All books. Every builder returns the record it made; ids grow in the order of creation."""

    def __init__(self, clock: Clock, ledger: Ledger) -> None:
        self.clock = clock
        self.ledger = ledger
        self.company = "northgate"
        self.region = "NA"
        self.born = datetime.combine(clock.today(), time(), UTC) - timedelta(days=200)
        self.records: defaultdict[str, dict[int, Record]] = defaultdict(dict)
        self.additions: dict[int, Addition] = {}
        self.additions_of: defaultdict[int, list[Addition]] = defaultdict(list)
        self.users: dict[str, ApiUser] = {}
        self.client_ids: set[str] = set()
        self.unreadable: set[int] = set()
        self.invoiced_through: dict[int, date] = {}
        self.audit: defaultdict[tuple[str, int], list[Record]] = defaultdict(list)
        self.switches = Switches(SWITCHES)
        self.requests: deque[datetime] = deque()
        self.per_minute = 0
        self.retry_after = 30
        self.url_limit = 2_000
        self.bundle_limit = 50
        self.paging = PageFaults()
        self.discovered = False
        self.version = next(_VERSIONS)
        self._ids: defaultdict[str, count[int]] = defaultdict(lambda: count(1))
        self._ids.update({name: count(first) for name, first in _FIRST_IDS.items()})

    @property
    def user(self) -> ApiUser:
        """The API member of the sandbox's own settings."""
        return next(iter(self.users.values()))

    def touch(self) -> None:
        """Something changed: walks over several pages see it from now on."""
        self.version = next(_VERSIONS)

    def new_id(self, entity: str) -> int:
        """The next id of an entity."""
        return next(self._ids[entity])

    def add(self, entity: str, /, **values: Any) -> Record:
        """Add a record; what is None counts as not set."""
        number = values.pop("id", None) or self.new_id(entity)
        kept = {"id": number} | {name: value for name, value in values.items() if value is not None}
        record = Record(number, kept, self.born, "jdoe")
        self.records[entity][number] = record
        self.touch()
        return record

    def add_user(self, identifier: str, seed: int) -> ApiUser:
        """An API member with keys that follow from the seed, and a client id for its program."""
        digest = sha256_hex(f"{self.company}/{identifier}/{seed}".encode())
        user = ApiUser(identifier=identifier, public_key=digest[:16], private_key=digest[16:32])
        self.users[user.public_key] = user
        parts = (digest[32:40], digest[40:44], digest[44:48], digest[48:52], digest[52:64])
        self.client_ids.add("-".join(parts))
        role = self.add("SecurityRole", id=63, name="Reconcile", adminFlag=False, inactiveFlag=False)
        self.add("ApiMember", id=77, identifier=identifier, name="Reconcile", inactiveFlag=False, securityRole=role.id)
        person = {"firstName": "Reconcile", "lastName": "API", "licenseClass": "A", "inactiveFlag": False, "adminFlag": False}
        usual = {"hireDate": self.born.date(), "defaultEmail": "Office", "defaultPhone": "Office"}
        self.add("Member", id=77, identifier=identifier, securityRole=role.id, **person, **usual)
        for number, (module, function) in enumerate(RIGHTS, start=1):
            self.add("MySecurity", id=number, moduleName=module, moduleFunctionName=function)
        return user

    def add_setup(self) -> None:
        """The setup tables every tenant has."""
        for name in ("Active", "Inactive"):
            self.add("CompanyStatus", name=name, defaultFlag=name == "Active", inactiveFlag=False)
        for short, name in (("M", "Monthly"), ("Y", "Yearly")):
            self.add("BillingCycle", identifier=short, name=name, defaultFlag=short == "M", billingOptions=name)
        self.add("UnitOfMeasure", name="Each", defaultFlag=True, inactiveFlag=False)
        category = self.add("Category", name="Software", inactiveFlag=False)
        self.add("SubCategory", name="Licenses", inactiveFlag=False, category=category.id)
        self.add("ProductType", name="Subscription", inactiveFlag=False, defaultFlag=True)

    def add_type(self, name: str, *, inactive: bool = False, prorate: bool = False) -> Record:
        """Add an agreement type."""
        return self.add(
            "AgreementType",
            name=name,
            defaultFlag=name == HOSTING,
            inactiveFlag=inactive,
            applicationUnits="Amount",
            employeeCompRate="Actual",
            employeeCompNotExceed="Billing",
            billingCycle=1,
            invoicingCycle="ContractYear",
            billTime="Billable",
            billExpenses="Billable",
            billProducts="Billable",
            prorateFlag=prorate,
            invoiceProratedAdditionsFlag=False,
        )

    def add_company(self, name: str, *, identifier: str, deleted: bool = False, **values: Any) -> Record:
        """Add a company; ``identifier`` is what the product calls its company id."""
        return self.add("Company", identifier=identifier, name=name, status=1, deletedFlag=deleted, **values)

    def add_product(self, identifier: str, text: str, *, price: int, cost: int, **values: Any) -> Record:
        """Add a catalogue item; price and cost in ten-thousandths."""
        usual: dict[str, Any] = {
            "description": text[:60],
            "inactiveFlag": False,
            "subcategory": 1,
            "type": 1,
            "productClass": "Agreement",
            "serializedFlag": False,
            "unitOfMeasure": 1,
            "taxableFlag": True,
            "customerDescription": text,
            "category": 1,
            "recurringFlag": True,
        }
        return self.add("CatalogItem", identifier=identifier, price=price, cost=cost, **{**usual, **values})

    def add_agreement(
        self, company: Record, name: str, kind: Record, *, start: date, end: date | None = None, **values: Any
    ) -> Record:
        """Add an agreement; both days belong to it, and without ``end`` it goes on. ``cancelledFlag`` and others as on the wire."""
        usual: dict[str, Any] = {
            "contact": {"id": 900 + company.id, "name": "Accounts"},
            "noEndingDateFlag": end is None,
            "cancelledFlag": False,
            "applicationUnits": "Amount",
            "employeeCompRate": "Actual",
            "billingCycle": 1,
            "billingTerms": {"id": 1, "name": "Net 30 days"},
            "invoicingCycle": "ContractYear",
            "billAmount": 0,
            "taxable": True,
            "billStartDate": start,
            "prorateFlag": bool(kind.get("prorateFlag")),
            "invoiceProratedAdditionsFlag": False,
            "billTime": "Billable",
            "billExpenses": "Billable",
            "billProducts": "Billable",
            "periodType": "Current",
            "autoInvoiceFlag": False,
            "billZeroAmountFlag": False,
        }
        links = {"type": kind.id, "company": company.id, "startDate": start, "endDate": end}
        return self.add("Agreement", name=name, **{**usual, **links, **values})

    def add_addition(
        self,
        agreement: Record,
        product: Record,
        quantity: int,
        *,
        price: int | None = None,
        cost: int | None = None,
        effective: date | None = None,
        **more: Any,
    ) -> Addition:
        """Add a line; ``quantity`` in ten-thousandths, the rest from product and agreement. ``more``: fields of Addition."""
        number = len(self.additions_of[agreement.id]) + 1
        addition = Addition(
            id=self.new_id("Addition"),
            agreement_id=agreement.id,
            product_id=product.id,
            quantity=quantity,
            unit_price=product.get("price") if price is None else price,
            unit_cost=product.get("cost") if cost is None else cost,
            effective=effective or agreement.get("billStartDate"),
            updated=self.born,
            updated_by="jdoe",
            **{"invoice_description": product.get("customerDescription"), "sequence": number * SCALE, **more},
        )
        self.register(addition)
        return addition

    def register(self, addition: Addition) -> None:
        """Put a line into the books."""
        self.additions[addition.id] = addition
        self.additions_of[addition.agreement_id].append(addition)
        self.touch()

    def drop(self, addition: Addition) -> None:
        """Take a line out of the books, as DELETE does."""
        del self.additions[addition.id]
        self.additions_of[addition.agreement_id].remove(addition)
        self.touch()

    def remove_agreement(self, agreement: int, origin: Origin) -> None:
        """Delete an agreement and its lines."""
        for addition in list(self.additions_of[agreement]):
            self.drop(addition)
        del self.records["Agreement"][agreement]
        self.touch()
        self.ledger.append("connectwise", "delete_agreement", origin, line=str(agreement))

    def invoice(self, agreement: Record, through: date) -> Record:
        """Invoice an agreement up to a day."""
        self.invoiced_through[agreement.id] = through
        number = self.new_id("Invoice")
        total = sum(line.billed() * (line.unit_price or 0) // SCALE for line in self.billing(agreement.id, through))
        return self.add(
            "Invoice",
            id=number,
            invoiceNumber=f"INV{number}",
            type="Agreement",
            company=agreement.get("company"),
            date=through,
            total=total,
            agreement=agreement.id,
        )

    def billing(self, agreement: int, day: date) -> Iterable[Addition]:
        """The lines that bill on a day."""
        last = self.switches["cancelled_day"] == "billed"
        return (line for line in self.additions_of[agreement] if line.bills_on(day, last_day_counts=last))

    def period_of(self, agreement: Record, day: date) -> Period:
        """The billing period of an agreement that holds a day."""
        begin = agreement.get("billStartDate") or agreement.get("startDate") or day
        if agreement.get("billingCycle") == 2:
            first = date(day.year, begin.month, min(begin.day, 28))
            first = first if first <= day else first.replace(year=day.year - 1)
            return Period(first, first.replace(year=first.year + 1) - _DAY)
        return month_around(begin, day)

    def agreement_status(self, agreement: Record) -> str:
        """What an agreement shows as its status today."""
        start, end = agreement.get("startDate"), agreement.get("endDate")
        return status(self.clock.today(), start, end, cancelled=bool(agreement.get("cancelledFlag")))

    def addition_status(self, addition: Addition) -> str:
        """What a line shows as its status today."""
        today = self.clock.today()
        last = self.switches["cancelled_day"] == "billed"
        over = addition.cancelled is not None and (addition.cancelled < today or (addition.cancelled == today and not last))
        return status(today, addition.effective, None, cancelled=over)

    def note(self, kind: str, number: int, text: str, who: str) -> None:
        """The line of the audit trail that a change leaves."""
        entries = self.audit[kind, number]
        values = {"text": text, "enteredDate": self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"), "enteredBy": who}
        source = "PSA" if who == OTHER else "API"
        shown = {"AgreementAddition": "Addition"}.get(kind, kind)
        entries.append(Record(len(entries) + 1, values | {"auditType": shown, "auditSource": source}, self.clock.now(), who))

    def count_request(self) -> int:
        """Count a request and say how many there were in the last minute."""
        now = self.clock.now()
        self.requests.append(now)
        while (now - self.requests[0]).total_seconds() > 60:
            self.requests.popleft()
        return len(self.requests)
