"""The books of the simulated Autotask and the small interface that scenarios and tests build them with."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from itertools import count

from reconcile_app.core.amounts import SCALE
from reconcile_app.sandbox.autotask_paging import PageFaults
from reconcile_app.sandbox.autotask_tables import ENTITIES, MONTHS
from reconcile_app.sandbox.autotask_units import Line, Term, UnitRow
from reconcile_app.sandbox.clock import Clock
from reconcile_app.sandbox.ledger import Ledger, Origin
from reconcile_app.sandbox.switches import Switches

SWITCHES = {
    "adjustment_answer": ("null", "id"),
    "missing_item": ("null", "404"),
    "cut_row_ends": ("day_before", "same_day"),
    "same_day_adjustment": ("refused", "accepted"),
    "zero_units": ("accepted", "refused"),
    "negative_units": ("refused", "accepted"),
    "patch_collection": ("accepted", "html_404"),
    "hourly_limit": ("429", "500"),
    "thread_limit": ("429", "500"),
    "missing_permission": ("500", "403"),
    "latency_tiers": ("off", "on"),
    "zone_moved": ("off", "on"),
    "versions": ("both", "v1"),
    "lost_answer": ("off", "on"),
    "page_rows": ("500", "1", "2", "10"),
}
RECURRING = 7
_VERSIONS = count(1)
API_RESOURCE, OTHER_RESOURCE = 29_682_885, 29_682_901
_FIRST_IDS = {
    "Companies": 174,
    "Contracts": 29_684_183,
    "ContractServices": 8_001,
    "ContractServiceBundles": 4_001,
    "ContractServiceUnits": 91_001,
    "ContractServiceBundleUnits": 61_001,
    "ContractServiceAdjustments": 30_001,
    "Services": 601,
    "ServiceBundles": 301,
    "BillingCodes": 29_683_278,
    "BillingItems": 551_200,
    "ContractNotes": 70_001,
}


@dataclass(slots=True)
class Record:
    """One record of a plain entity. ``values`` holds the fields that are not null; decimals are ten-thousandths."""

    id: int
    values: dict[str, object]


@dataclass(slots=True)
class Contract(Record):
    """A contract with its lines; every line shares the contract's term."""

    lines: list[Line] = field(default_factory=list)

    @property
    def term(self) -> Term:
        """The dates and the billing period as they are now."""
        start, end, kind = self.values["startDate"], self.values["endDate"], self.values.get("contractPeriodType")
        if not isinstance(start, date) or not isinstance(end, date):
            raise TypeError("a contract has two dates")
        return Term(start, end, MONTHS[kind if isinstance(kind, int) else 2])


@dataclass(slots=True)
class ApiUser:
    """An API user. ``rights`` maps (entity, right) to 0 none, 1 all or 2 restricted; what is not listed is 1."""

    username: str
    secret: str
    resource_id: int = API_RESOURCE
    api_only: bool = True
    sees_costs: bool = True
    rights: dict[tuple[str, str], int] = field(default_factory=dict)

    def access(self, entity: str, right: str) -> int:
        """How far a right (query, create, update, delete) goes; 0 where the entity does not offer it at all."""
        offered: bool = getattr(ENTITIES[entity], right)
        return self.rights.get((entity, right), 1) if offered else 0


class AutotaskState:
    """All books. Every builder returns the record it made; ids grow in the order of creation."""

    def __init__(self, clock: Clock, ledger: Ledger) -> None:
        self.clock = clock
        self.ledger = ledger
        self.born = datetime.combine(clock.today(), time(), UTC)
        self.records: dict[str, dict[int, Record]] = {
            name: {}
            for name in ("Companies", "Services", "ServiceBundles", "BillingCodes", "BillingItems", "Resources", "ContractNotes")
        }
        self.contracts: dict[int, Contract] = {}
        self.lines: dict[int, Line] = {}
        self.bundles: dict[int, Line] = {}
        self.of_company: defaultdict[int, list[Contract]] = defaultdict(list)
        self.of_contract: defaultdict[tuple[str, int], list[Record]] = defaultdict(list)
        self.users: dict[str, ApiUser] = {}
        self.integration_codes: set[str] = set()
        self.switches = Switches(SWITCHES)
        self.paging = PageFaults()
        self.requests: deque[datetime] = deque()
        self.hourly_limit = 10_000
        self.foreign_requests = 0
        self.zone_name = "Sandbox"
        self.tenant = 512_345
        self.version = next(_VERSIONS)
        self._ids = {name: count(first) for name, first in _FIRST_IDS.items()}

    def new_id(self, entity: str) -> int:
        """The next id of an entity."""
        return next(self._ids[entity])

    def touch(self) -> None:
        """Something changed: walks over several pages see it from now on."""
        self.version = next(_VERSIONS)

    def add(self, entity: str, values: dict[str, object], *, record_id: int | None = None) -> Record:
        """Add a record of a plain entity."""
        number = self.new_id(entity) if record_id is None else record_id
        record = Record(number, {"id": number, **values})
        self.records[entity][number] = record
        contract = values.get("contractID")
        if isinstance(contract, int):
            self.of_contract[entity, contract].append(record)
        self.touch()
        return record

    def add_company(
        self, name: str, *, number: str = "", company_id: int | None = None, active: bool = True, **values: object
    ) -> Record:
        """Add a company; id 0 is the provider's own."""
        fields: dict[str, object] = {
            "companyName": name,
            "companyNumber": number,
            "companyType": 1,
            "isActive": active,
            "ownerResourceID": OTHER_RESOURCE,
            "phone": "+64 9 555 0100",
            "invoiceNonContractItemsToParentCompany": False,
            "isTaxExempt": False,
            "createDate": self.born,
        }
        return self.add("Companies", {**fields, **values}, record_id=company_id)

    def add_service(
        self, name: str, *, price: int, cost: int, service_id: int | None = None, active: bool = True, **values: object
    ) -> Record:
        """Add a service to the catalogue; price and cost in ten-thousandths."""
        fields: dict[str, object] = {
            "name": name,
            "description": "",
            "invoiceDescription": "",
            "isActive": active,
            "periodType": 2,
            "unitPrice": price,
            "unitCost": cost,
            "markupRate": (price - cost) * 100 * SCALE // cost if cost else None,
            "billingCodeID": 29_683_278,
            "createDate": self.born,
            "creatorResourceID": OTHER_RESOURCE,
        }
        return self.add("Services", {**fields, **values}, record_id=service_id)

    def add_bundle(self, name: str, *, price: int, **values: object) -> Record:
        """Add a service bundle to the catalogue."""
        fields: dict[str, object] = {"name": name, "isActive": True, "periodType": 2, "unitPrice": price}
        return self.add("ServiceBundles", {**fields, "billingCodeID": 29_683_278, **values})

    def add_contract(
        self,
        company: Record,
        name: str,
        *,
        start: date,
        end: date,
        contract_type: int = RECURRING,
        status: int = 1,
        period_type: int = 2,
        **values: object,
    ) -> Contract:
        """Add a contract; both dates belong to it."""
        fields: dict[str, object] = {
            "companyID": company.id,
            "contractName": name,
            "contractType": contract_type,
            "contractPeriodType": period_type,
            "status": status,
            "startDate": start,
            "endDate": end,
        }
        return self.put_contract({**fields, **values})

    def put_contract(self, values: dict[str, object]) -> Contract:
        """Add a contract from its fields."""
        number = self.new_id("Contracts")
        usual: dict[str, object] = {
            "id": number,
            "billingPreference": 2,
            "contactName": "",
            "contractCategory": 15,
            "contractNumber": "",
            "description": "",
            "estimatedCost": 0,
            "estimatedHours": 0,
            "estimatedRevenue": 0,
            "internalCurrencySetupFee": 0,
            "isCompliant": True,
            "isDefaultContract": False,
            "lastModifiedDateTime": self.born,
            "organizationalLevelAssociationID": 18,
            "purchaseOrderNumber": "",
            "setupFee": 0,
            "timeReportingRequiresStartAndStopTimes": 0,
        }
        contract = Contract(number, {**usual, **values})
        self.contracts[number] = contract
        company = contract.values["companyID"]
        if isinstance(company, int):
            self.of_company[company].append(contract)
        self.touch()
        return contract

    def add_line(
        self,
        contract: Contract,
        item: Record,
        units: int | None = None,
        *,
        price: int | None = None,
        cost: int | None = None,
        posted_through: date | None = None,
        description: str = "",
        bundle: bool = False,
    ) -> Line:
        """Put a service (or a bundle) on a contract, with the same units in every period; None: no unit rows yet.

        Rows that end on or before ``posted_through`` count as approved and posted.
        """
        entity = "ContractServiceBundles" if bundle else "ContractServices"
        line = self.new_line(contract, item, bundle=bundle, line_id=self.new_id(entity))
        line.unit_price = line.unit_price if price is None else price
        line.unit_cost = line.unit_cost if cost is None else cost
        line.invoice_description = description
        line.posted_through = posted_through
        if units is not None:
            ids = [line.new_row_id() for _ in contract.term.periods]
            line.seed_units, line.seed_row_id = units, ids[0]
        self.register(contract, line)
        return line

    def new_line(self, contract: Contract, item: Record, *, bundle: bool, line_id: int) -> Line:
        """A line at list price that is on no contract yet."""
        rows = "ContractServiceBundleUnits" if bundle else "ContractServiceUnits"
        price, cost, vendor = item.values.get("unitPrice"), item.values.get("unitCost"), item.values.get("vendorCompanyID")
        amount = price if isinstance(price, int) else 0
        return Line(
            id=line_id,
            contract_id=contract.id,
            item_id=item.id,
            bundle=bundle,
            term=contract.term,
            list_price=amount,
            unit_price=amount,
            unit_cost=cost if isinstance(cost, int) else 0,
            vendor_id=vendor if isinstance(vendor, int) else None,
            new_row_id=self._row_ids(rows),
        )

    def _row_ids(self, entity: str) -> Callable[[], int]:
        return self._ids[entity].__next__

    def register(self, contract: Contract, line: Line) -> None:
        """Put a line on its contract."""
        contract.lines.append(line)
        (self.bundles if line.bundle else self.lines)[line.id] = line
        self.touch()

    def plan_change(self, line: Line, day: date, units: int) -> None:
        """Let a line have other units from a day on, as if somebody had planned it before the world began."""
        line.adjust(day, units - line.units_on(day), price=None, cost=None, cut_on_day=False)
        line.adjusted.clear()
        self.touch()

    def remove_line(self, line: Line) -> None:
        """Take a line off its contract, which only another user can do."""
        self.contracts[line.contract_id].lines.remove(line)
        del (self.bundles if line.bundle else self.lines)[line.id]
        self.ledger.append("autotask", "remove_line", Origin(), line=str(line.id), before=line.units_on(self.clock.today()) * SCALE)
        self.touch()

    def remove_contract(self, contract: Contract) -> None:
        """Delete a contract with its lines, which only another user can do; a renewal made from scratch often ends so."""
        for line in list(contract.lines):
            self.remove_line(line)
        del self.contracts[contract.id]
        for own in self.of_company.values():
            own[:] = [other for other in own if other is not contract]
        self.ledger.append("autotask", "remove_contract", Origin(), line=str(contract.id))
        self.touch()

    def remove_company(self, company: Record) -> None:
        """Delete a company with its contracts, which only another user can do."""
        for contract in list(self.of_company.get(company.id, ())):
            self.remove_contract(contract)
        del self.records["Companies"][company.id]
        self.ledger.append("autotask", "remove_company", Origin(), line=str(company.id))
        self.touch()

    def lines_of(self, contract: int, *, bundle: bool = False) -> Iterator[Line]:
        """The service lines (or the bundle lines) of a contract."""
        known = self.contracts.get(contract)
        return (line for line in known.lines if line.bundle == bundle) if known else iter(())

    def approve_and_post(self, contract: Contract, through: date) -> list[Record]:
        """Post every row that starts on or before a day; gives the billing items this makes."""
        due = [(line, row) for line in contract.lines for row in line.rows if row.posted is None and row.start <= through]
        return [self._post(contract, line, row) for line, row in due]

    def _post(self, contract: Contract, line: Line, row: UnitRow) -> Record:
        row.posted = self.clock.today()
        kind = "Bundle" if line.bundle else ""
        name = self.records["ServiceBundles" if line.bundle else "Services"][line.item_id].values["name"]
        return self.add(
            "BillingItems",
            {
                "billingItemType": 7,
                "companyID": contract.values["companyID"],
                "contractID": contract.id,
                f"contractService{kind}ID": line.id,
                f"contractService{kind}PeriodID": row.id,
                f"service{kind}ID": line.item_id,
                "extendedPrice": row.price,
                "totalAmount": row.price,
                "ourCost": row.cost,
                "itemDate": row.start,
                "itemName": name,
                "nonBillable": 0,
                "postedDate": row.posted,
                "quantity": row.units * SCALE,
                "rate": row.unit_price,
                "subType": 6,
            },
        )

    def note(self, contract: int, title: str, text: str, resource: int) -> None:
        """The note a contract gets by itself when one of its lines changes."""
        now = self.clock.now()
        fields = {"contractID": contract, "title": title, "description": text, "creatorResourceID": resource}
        self.add("ContractNotes", {**fields, "createDateTime": now, "lastActivityDate": now})

    def count_request(self, now: datetime) -> int:
        """Count a request and say how many there were in the last 60 minutes, other programs' included."""
        self.requests.append(now)
        while (now - self.requests[0]).total_seconds() > 3600:
            self.requests.popleft()
        return len(self.requests) + self.foreign_requests

    def all_of(self, entity: str) -> Iterable[Record]:
        """Every record of a plain entity or contract."""
        return self.contracts.values() if entity == "Contracts" else self.records[entity].values()
