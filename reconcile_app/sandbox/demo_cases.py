"""The customers of the demo: what each one has, and what is wrong with it.

``services`` reads ``plan:count`` with the count at the end of the period before; ``+n`` came in the closed period, ``-n`` left in
it. The contract line carries the count before unless the situation says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCase:
    """A plan of the portal: SKU None or text as an operator may have left it."""

    key: str
    service_code: str
    service_name: str
    name: str
    sku: str | None
    level: str = "User"
    pattern: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerCase:
    """One customer. ``situation`` names what is special; the builder in ``demo`` knows what to do."""

    code: str
    name: str
    services: str
    situation: str = ""
    billed_by: str = ""
    city: str = "Auckland"


CATALOG: tuple[tuple[int, str, int, int], ...] = (
    (601, "Hosted Exchange Basic", 550, 310),
    (602, "Hosted Exchange Advanced", 950, 560),
    (603, "Microsoft 365 Business Basic", 1090, 870),
    (604, "Microsoft 365 Business Standard", 2290, 1880),
    (605, "Microsoft 365 Business Premium", 3990, 3310),
    (606, "Hosted Desktop Standard", 4900, 2900),
    (607, "Hosted Desktop Power User", 7900, 4700),
    (608, "Hosted Voice Extension", 1850, 990),
    (609, "Workstation Backup", 700, 280),
    (610, "Server Backup", 6500, 2600),
    (611, "Endpoint Protection", 480, 210),
    (612, "Sign-in Security", 350, 140),
    (613, "Cloud Storage per TB", 4500, 2300),
)
"""Id, name, price and cost in cents of the services that are sold every month."""

PLANS: tuple[PlanCase, ...] = (
    PlanCase(key="basic", service_code="HE", service_name="Hosted Exchange", name="Basic", sku="601"),
    PlanCase(key="advanced", service_code="HE", service_name="Hosted Exchange", name="Advanced", sku="602"),
    PlanCase(key="archive", service_code="HE", service_name="Hosted Exchange", name="Advanced with Archive", sku="602"),
    PlanCase(key="m365b", service_code="M365", service_name="Microsoft 365", name="Business Basic", sku="603"),
    PlanCase(key="m365s", service_code="M365", service_name="Microsoft 365", name="Business Standard", sku="604"),
    PlanCase(key="m365p", service_code="M365", service_name="Microsoft 365", name="Business Premium", sku="605"),
    PlanCase(key="desktop", service_code="HD", service_name="Hosted Desktop", name="Standard", sku="606"),
    PlanCase(key="power", service_code="HD", service_name="Hosted Desktop", name="Power User", sku="607"),
    PlanCase(key="voice", service_code="HV", service_name="Hosted Voice", name="Extension", sku="608"),
    PlanCase(key="backup", service_code="BU", service_name="Cloud Backup", name="Workstation", sku="609"),
    PlanCase(key="server", service_code="BUS", service_name="Server Backup", name="Server", sku="610", level="Customer"),
    PlanCase(key="endpoint", service_code="EP", service_name="Endpoint Protection", name="Managed", sku="611"),
    PlanCase(key="signin", service_code="SIS", service_name="Sign-in Security", name="Standard", sku="612"),
    PlanCase(key="storage", service_code="CS", service_name="Cloud Storage", name="Terabyte", sku="613", level="Customer"),
    PlanCase(key="temporary", service_code="HE", service_name="Hosted Exchange", name="Temporary Mailbox", sku=None),
    PlanCase(key="spam", service_code="SF", service_name="Spam Filter", name="Legacy", sku="699"),
    PlanCase(key="text", service_code="HE", service_name="Hosted Exchange", name="Resource Mailbox", sku="HE-RESOURCE"),
    PlanCase(key="pager", service_code="PG", service_name="Pager Gateway", name="Standard", sku="614"),
    PlanCase(key="users", service_code="USR", service_name="Users", name="User", sku=None, pattern="Users"),
    PlanCase(key="tenants", service_code="T", service_name="Tenants", name="Tenant", sku=None, level="Customer", pattern="Tenants"),
    PlanCase(
        key="domains", service_code="DOM", service_name="Domains", name="Domain", sku=None, level="Customer", pattern="Domain Names"
    ),
)

ORDINARY: tuple[str, ...] = (
    "advanced:12+2 backup:12 endpoint:14 signin:14",
    "m365s:18 endpoint:18 signin:18 server:2",
    "m365p:31+3 endpoint:34 backup:8 voice:12",
    "desktop:22 basic:25 signin:22",
    "advanced:9 archive:4 endpoint:13",
    "m365b:16-3 m365s:10+4 endpoint:26 signin:26",
    "advanced:7 backup:7 server:1",
    "m365s:14+1 signin:15 voice:6",
    "power:5+1 desktop:11 advanced:16 endpoint:16",
    "m365p:44-2 endpoint:42 backup:20 storage:4 server:3+1",
    "basic:8 endpoint:8 backup:8",
    "m365s:27+9 endpoint:27 signin:27",
    "advanced:11-1 voice:9 signin:11",
    "m365b:21 backup:12 server:1",
    "desktop:17-5 advanced:17 endpoint:17 storage:2",
    "m365p:9 endpoint:9 signin:9 voice:4+2",
    "archive:6 basic:13-1 endpoint:19 backup:6",
)
"""Services of the customers with nothing special about them, in the order of ``names.CUSTOMERS``."""

SPECIAL: tuple[CustomerCase, ...] = (
    CustomerCase(code="MAPLE", name="Maple Leaf Childcare Ltd", services="m365b:11 signin:11", situation="no identifier"),
    CustomerCase(code="STONE", name="Stonebridge Legal", services="m365p:13 endpoint:13", situation="unknown identifier"),
    CustomerCase(code="EQUALS", name="=Equals Architecture Ltd", services="m365s:8 backup:8", situation="no recurring contract"),
    CustomerCase(code="ORCHARD", name="Orchard Lane Design Studio", services="advanced:6 temporary:1+1"),
    CustomerCase(code="PHOENIX", name="Phoenix Courier Services", services="m365b:19 spam:12"),
    CustomerCase(code="WILLOW", name="Willow Creek Surveyors", services="advanced:10 text:3"),
    CustomerCase(code="LUKASZ", name="Łukasz Fine Foods", services="advanced:5+1 endpoint:5", situation="blanks around a SKU"),
    CustomerCase(code="TOTARA", name="Totara Grove Care", services="m365s:24 endpoint:24 signin:0+24", situation="line missing"),
    CustomerCase(code="VULCAN", name="Vulcan Steel Limited", services="m365b:15 pager:0+2", situation="inactive service missing"),
    CustomerCase(code="SILVER", name="Silver Birch Travel", services="m365s:12 endpoint:12 voice:6-6"),
    CustomerCase(code="BYGONE", name="Bygone Antiques Ltd", services="basic:4-4 backup:3-3"),
    CustomerCase(code="HARLEQ", name="Harlequin Events", services="m365s:9+1 voice:5", situation="two contracts"),
    CustomerCase(code="NORDIC", name='Müller & Søn "Nordic" Joinery', services="m365p:0+7 signin:0+7", situation="future contract"),
    CustomerCase(code="ELAPSE", name="Elapsed Time Clockmakers", services="advanced:6+1", situation="expired contract"),
    CustomerCase(code="SMITH", name="Smith, Jones and Partners", services="m365p:8+1 advanced:8", situation="duplicate service"),
    CustomerCase(code="TWINA", name="Gemini Labs Limited", services="m365b:6 endpoint:6", situation="shared identifier"),
    CustomerCase(code="TWINB", name="Gemini Labs (Trading) Limited", services="m365b:3", situation="shared identifier"),
    CustomerCase(code="KOWHAI", name="Kōwhai IT Partners", services="m365p:6 endpoint:6"),
    CustomerCase(code="BELLA", name="Bella Vista Apartments", services="m365s:5+2 signin:5", billed_by="KOWHAI"),
    CustomerCase(code="LAKES", name="Lakes District Plumbing", services="advanced:9 backup:9", situation="line without record"),
    CustomerCase(code="MERID", name="Meridian Orthodontics", services="m365p:15+2 endpoint:15", situation="posted period"),
    CustomerCase(code="PIONEER", name="Pioneer Seeds Research", services="m365s:20+2 signin:20", situation="planned change"),
    CustomerCase(code="FRACT", name="O'Brien & Daughters Film", services="m365s:7 storage:2", situation="fraction"),
    CustomerCase(code="NEGAT", name="Redwood Print Works", services="m365b:10 endpoint:10", situation="negative"),
    CustomerCase(code="TIAKI", name="Tiaki Wellness Collective", services="m365b:0+8 signin:0+8", situation="new customer"),
    CustomerCase(code="RATA", name="Rātā Coffee Roasters", services="m365s:6+1 endpoint:6", situation="old cost"),
)

AGREEMENTS: Mapping[str, str] = {
    "BRIGHT": "child",
    "CEDAR": "less included",
    "COASTAL": "followed line",
    "DELTA": "renewed",
    "EASTGATE": "ending line",
    "FERN": "future line",
    "GLEN": "cancelled beside",
    "HARBOUR": "not billed",
    "KAURI": "prorates",
    "LANTERN": "cancelled",
    "OAK": "yearly",
}
"""What is special about customers in ConnectWise alone; the builder in ``connectwise_scenarios`` knows what to do."""
