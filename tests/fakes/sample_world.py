"""The small world behind the sample run: codes, customers, services and the cases its rows show."""

from dataclasses import dataclass
from typing import Any

from reconcile_app.core.changes import Status
from reconcile_app.core.codes import RC_CODES
from reconcile_app.core.findings import Code, CodeTable, Kind, Level

CODES: CodeTable = {
    Kind.NO_BILLING_IDENTIFIER: Code(
        id="AT04", level=Level.WARNING, title="no identifier",
        template="{customer_code} CompanyID Missing Unable to process records for Atria Customer {customer_name} – "
                 "Please add CompanyNumber from Autotask into Billing Identifier field on Customer.",
        resolution="In Autotask find the account and copy its Account ID; in Atria open the customer, paste it as Billing "
                   "Identifier, save, and reprocess. Or map the customer here."),
    Kind.COMPANY_NOT_FOUND: Code(
        id="AT05", level=Level.ERROR, title="no company",
        template="No Company with Customer Number for {billing_identifier} Found. Check Autotask to see if the customer: "
                 "{customer_name} with Company Number: {billing_identifier} exists in Autotask.",
        resolution="Correct the Billing Identifier, or create the account in Autotask."),
    Kind.NO_CONTRACT: Code(
        id="AT06", level=Level.WARNING, title="no contract",
        template="No Contract exists for the Customer {customer_name}. Check Autotask to see if customer {customer_name} and a "
                 "Recurring Service Contract with Contract Number : {billing_identifier} exists in Autotask.",
        resolution="Make sure the account has an active contract of type Recurring Services."),
    Kind.NO_SKU: Code(
        id="AT07", level=Level.WARNING, title="no SKU",
        template="{customer_name} SKU Missing in Atria : {customer_name} : Skipped Line {line_description} for Customer "
                 "{customer_name} as no SKU was provided",
        resolution="If the item should not be billed, ignore it; if it should, store the SKU of the service in Atria."),
    Kind.SERVICE_NOT_FOUND: Code(
        id="AT08", level=Level.WARNING, title="service missing",
        template="{customer_name} Service Missing in Autotask : {customer_name} : Skipped Line {line_description} for Customer "
                 "{customer_name} as no SKU was provided",
        resolution="Correct the SKU in Atria or add the service to Autotask."),
    Kind.QUANTITY_UPDATED: Code(
        id="AT09", level=Level.INFO, title="quantity updated",
        template="{customer_name} Quantity Update : Line located for {line_description} with Product ID {sku} and updated from "
                 "{old_quantity} to {new_quantity}", resolution="Review only."),
    Kind.UNCHANGED: Code(
        id="AT10", level=Level.VERBOSE, title="unchanged",
        template="{customer_name} Contract Line for {line_description} located – quantity is unchanged"),
    Kind.LINE_CREATED: Code(
        id="AT11", level=Level.INFO, title="line created",
        template="{customer_name} Contract Line Added : New Line added for {line_description} with Service ID {sku}",
        resolution="Review only."),
    Kind.LINE_MISSING: Code(
        id="AT12", level=Level.WARNING, title="line missing",
        template="{customer_name} Contract Line Missing in Autotask : Skipped Line {line_description} with Product ID {sku} for "
                 "Customer {customer_name} as the Contract Service SKU could not be located in Autotask",
        resolution="Add the service to the contract, or allow creation."),
    Kind.REDUCED_TO_ZERO: Code(
        id="AT13", level=Level.INFO, title="to zero",
        template="{customer_name} Line located for {line_description} with Service Name {service_name} is been removed in the "
                 "selected billing period. The Quantity is updated from {old_quantity} to 0.00"),
}
BY_ID = {code.id: (kind, code) for kind, code in (CODES | RC_CODES).items()}


@dataclass(frozen=True)
class Customer:
    code: str
    name: str
    identifier: str | None
    company: str | None
    company_name: str | None
    contract: str | None
    contract_name: str | None


@dataclass(frozen=True)
class Service:
    id: str
    name: str
    description: str
    price: int
    cost: int


SERVICES_SOLD = (
    Service("650", "Hosted Exchange", "Hosted Exchange, Advanced", 45_000, 30_000),
    Service("712", "M365 Business Premium", "Microsoft 365 Business Premium (NCE, monthly)", 231_000, 198_000),
    Service("713", "M365 Business Standard", "Microsoft 365 Business Standard (NCE, monthly)", 132_500, 110_000),
    Service("805", "Backup 1 TB", "Cloud Backup, 1 TB", 390_000, 250_000),
    Service("811", "Endpoint Protection", "Managed Endpoint Protection", 52_500, 31_000),
    Service("820", "Remote Desktop", "Remote Desktop, standard user", 280_000, 190_000),
    Service("834", "SharePoint Storage", "SharePoint Online Storage, 10 GB", 19_950, 12_000),
    Service("840", "Email Signature", "Email Signature Management", 12_500, 7_500),
    Service("902", "Managed Firewall", "Managed Firewall, small office", 850_000, 610_000),
)
CUSTOMERS_SERVED = (
    Customer("ASP", "ASP Limited", "174", "174", "ASP Ltd", "29684183", "Cloud Services"),
    Customer("BIR", "Birch & Rowe Dental", "201", "201", "Birch & Rowe Dental", "29684190", "Managed Services"),
    Customer("CED", "Cedar & Co", None, None, None, None, None),
    Customer("COA", "Coastal Freight", "233", "233", "Coastal Freight Inc", "29684201", "Cloud Services"),
    Customer("DEL", "Delaney Architects", "240", "240", "Delaney Architects", "29684207", "Managed Services"),
    Customer("FOX", "Foxglove Veterinary", "999", None, None, None, None),
    Customer("GRN", "Greenline Logistics", "258", "258", "Greenline Logistics", "29684222", "Cloud Services"),
    Customer("HAR", "Harbor Street Legal", "263", "263", "Harbor Street Legal LLP", "29684230", "Managed Services"),
    Customer("KES", "Kestrel Engineering", "270", "270", "Kestrel Engineering", None, None),
    Customer("LUM", "Lumen Optics", "281", "281", "Lumen Optics", "29684245", "Cloud Services"),
    Customer("MAP", "Maple Hill School", "290", "290", "Maple Hill School", "29684251", "Education Agreement"),
    Customer("NOR", "Northwind Property", "301", "301", "Northwind Property", "29684260", "Cloud Services"),
    Customer("ORC", "Orchard Foods", "312", "312", "Orchard Foods", "29684266", "Managed Services"),
)


@dataclass(frozen=True)
class Case:
    """One row: customer, service, quantities in units (None: the side has none), status, codes."""

    customer: str
    service: str
    billed: float | None
    previous: float | None
    contract: float | None
    status: Status
    codes: str = ""
    last: float | None = None
    selectable: bool = True
    selected: bool = True
    sku: str | None = "="


def _equal(customer: str, service: str, quantity: float) -> Case:
    return Case(customer, service, quantity, quantity, quantity, Status.EQUAL, last=quantity, selectable=False, selected=False)


def _blocked(customer: str, service: str, billed: float | None, contract: float | None, codes: str, **more: Any) -> Case:
    return Case(customer, service, billed, billed, contract, Status.BLOCKED, codes, selectable=False, selected=False, **more)


CASES = (
    Case("ASP", "650", 12, 10, 10, Status.RAISE, last=10),
    _equal("ASP", "712", 48), _equal("ASP", "811", 60), _equal("ASP", "834", 14),
    Case("ASP", "805", 5, 4, 4, Status.RAISE, "RC15", last=4, selected=False),
    Case("BIR", "712", 50, 50, 55, Status.LOWER, last=50),
    Case("BIR", "811", 62, 55, 55, Status.RAISE, last=55),
    _equal("BIR", "650", 31), _equal("BIR", "902", 1),
    Case("BIR", "840", None, 30, 30, Status.ZERO, "AT13", last=30, selected=False),
    _blocked("CED", "805", 3, None, "AT04"), _blocked("CED", "712", 18, None, "AT04"), _blocked("CED", "811", 18, None, "AT04"),
    _equal("COA", "712", 120), _equal("COA", "811", 131),
    Case("COA", "650", 22, 20, 20, Status.RAISE, last=20),
    Case("COA", "834", 7.5, 6, 6, Status.RAISE, last=6),
    Case("COA", "820", 9, None, None, Status.ADD),
    Case("DEL", "713", 15, 15, None, Status.MISSING, "AT12", selectable=False, selected=False),
    _equal("DEL", "811", 15), _equal("DEL", "650", 16),
    Case("DEL", "902", 2, 1, 1, Status.RAISE, "RC16", last=1, selected=False),
    _blocked("DEL", "999", 4, None, "AT08", sku="9999"),
    _blocked("FOX", "712", 9, None, "AT05"), _blocked("FOX", "811", 9, None, "AT05"),
    _equal("GRN", "712", 210), _equal("GRN", "820", 40),
    Case("GRN", "650", 88, 92, 92, Status.LOWER, last=92),
    Case("GRN", "811", 240, 210, 225, Status.RAISE, last=210),
    _blocked("GRN", "805", 6, None, "AT07", sku=None),
    Case("GRN", "840", 1250, 1180, 1180, Status.RAISE, last=1180),
    _equal("HAR", "712", 37), _equal("HAR", "811", 37),
    _blocked("HAR", "650", 35, 30, "RC04"),
    Case("HAR", "834", 20, 20, 20, Status.IGNORED, selectable=False, selected=False, last=20),
    Case("HAR", "902", None, None, 1, Status.PSA_ONLY, "RC13", selectable=False, selected=False),
    _blocked("KES", "712", 26, None, "AT06"), _blocked("KES", "820", 12, None, "AT06"),
    _equal("LUM", "650", 8), _equal("LUM", "713", 11),
    Case("LUM", "712", 7, None, None, Status.ADD),
    Case("LUM", "811", 18, 18, 25, Status.LOWER, last=25),
    Case("LUM", "840", 19, None, None, Status.MISSING, "AT12", selectable=False, selected=False),
    _equal("MAP", "713", 340), _equal("MAP", "811", 355),
    Case("MAP", "834", 52, 48, None, Status.UNKNOWN, "RC19", selectable=False, selected=False),
    Case("MAP", "650", 12, 12, None, Status.UNKNOWN, "RC19", selectable=False, selected=False),
    _blocked("MAP", "820", -2, 6, "RC18"),
    _equal("NOR", "712", 64), _equal("NOR", "811", 64), _equal("NOR", "650", 5),
    Case("NOR", "805", 8, 6, 6, Status.RAISE, last=6),
    Case("NOR", "713", 4, None, None, Status.ADD),
    _blocked("NOR", "902", 1, 1, "RC21"),
    Case("ORC", "712", 33, 35, 35, Status.LOWER, last=35),
    _equal("ORC", "811", 41), _equal("ORC", "834", 9),
    Case("ORC", "820", None, 3, 3, Status.ZERO, "AT13", last=3, selected=False),
    Case("ORC", "840", 44, 41, 41, Status.RAISE, last=41),
    _blocked("ORC", "650", 6, None, "AT07", sku=None),
)
