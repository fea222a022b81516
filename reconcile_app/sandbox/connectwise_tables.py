"""The entities of the simulated ConnectWise PSA: their members, where they are found, and which right each of them takes."""

from collections.abc import Mapping
from dataclasses import dataclass

from reconcile_app.sandbox.connectwise_fields import FIELDS

DERIVED: Mapping[str, frozenset[str]] = {
    "Addition": frozenset(
        (
            *("id", "agreementId", "description", "billedQuantity", "uom", "extPrice", "extCost", "margin", "prorateCost"),
            *("proratePrice", "extendedProrateCost", "extendedProratePrice", "agreementStatus", "additionStatus", "_info"),
        )
    ),
    "Agreement": frozenset({"id", "nextInvoiceDate", "agreementStatus", "_info"}),
    "CatalogItem": frozenset({"id", "calculatedPrice", "calculatedCost", "connectWiseID", "_info"}),
    "Company": frozenset({"id", "dateDeleted", "deletedBy", "_info"}),
}
"""Members that the server sets or works out; what a client writes to them is passed over."""

_SUBFIELDS = {"ref": ("id", "name"), "ref+": ("id", "identifier", "name"), "item": ("id", "identifier", "serializedFlag")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of an entity. ``parts`` are the members of a reference, ``choices`` the words of an enumeration."""

    name: str
    type: str
    required: bool
    derived: bool
    length: int = 0
    choices: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One entity.

    ``links`` maps members to the entity they refer to; ``right`` is module and function of the security role, None where every
    signed-in member may read; ``methods`` are the letters g (get), c (create), u (change), d (delete). ``count`` and ``forward``:
    whether it can be counted and walked forward only. ``shown_as``: the entity whose records it shows.
    """

    name: str
    route: str
    members: Mapping[str, Member]
    links: Mapping[str, str]
    right: tuple[str, str] | None
    methods: str
    count: bool
    forward: bool
    shown_as: str

    @property
    def word(self) -> str:
        """The camel-case name in messages."""
        return self.name[0].lower() + self.name[1:]


AGREEMENTS = ("Finance", "Agreements")
COMPANIES = ("Companies", "Company Maintenance")
CATALOG = ("Procurement", "Product Catalog")
INVOICING = ("Finance", "Agreement Invoicing")
REPORTS = ("System", "API Reports")
SECURITY = ("System", "Security Roles")
RIGHTS = (COMPANIES, AGREEMENTS, INVOICING, ("Finance", "Invoicing"), CATALOG, ("System", "Table Setup"), SECURITY, REPORTS)
"""The functions of a security role that are listed, in the order of the list."""


def _member(entity: str, text: str) -> Member:
    name, _, kind = text.partition(":")
    required, kind = kind.endswith("!"), kind.rstrip("!")
    derived = name in DERIVED.get(entity, ())
    if kind.startswith("="):
        return Member(name=name, type="choice", required=required, derived=derived, choices=tuple(kind[1:].split("|")))
    length = kind.removeprefix("text") if kind.startswith("text") else ""
    return Member(
        name=name,
        type="text" if kind.startswith("text") else kind,
        required=required,
        derived=derived,
        length=int(length or 0),
        parts=_SUBFIELDS.get(kind, ()),
    )


def _entity(
    name: str,
    route: str,
    fields: str = "",
    *,
    links: Mapping[str, str] | None = None,
    right: tuple[str, str] | None = None,
    methods: str = "g",
    count: bool = True,
    forward: bool = True,
    shown_as: str = "",
) -> Entity:
    return Entity(
        name=name,
        route=route,
        members={member.name: member for member in (_member(name, text) for text in FIELDS[fields or name].split())},
        links=links or {},
        right=right,
        methods=methods,
        count=count,
        forward=forward,
        shown_as=shown_as,
    )


_AGREEMENT_LINKS = {"type": "AgreementType", "company": "Company", "billingCycle": "BillingCycle", "parentAgreement": "Agreement"}
_CATALOG_LINKS = {
    "subcategory": "SubCategory",
    "type": "ProductType",
    "category": "Category",
    "unitOfMeasure": "UnitOfMeasure",
    "recurringBillCycle": "BillingCycle",
    "agreementType": "AgreementType",
}
_ADDITION_LINKS = {"product": "CatalogItem"}

ENTITIES: Mapping[str, Entity] = {
    entity.name: entity
    for entity in (
        _entity("Company", "company/companies", links={"status": "CompanyStatus"}, right=COMPANIES, methods="gcud"),
        _entity("CompanyStatus", "company/companies/statuses"),
        _entity("Agreement", "finance/agreements", links=_AGREEMENT_LINKS, right=AGREEMENTS, methods="gcud"),
        _entity("AgreementType", "finance/agreements/types", links={"billingCycle": "BillingCycle"}),
        _entity("AgreementTypeInfo", "finance/agreements/types/info", shown_as="AgreementType"),
        _entity("Addition", "finance/agreements/{}/additions", links=_ADDITION_LINKS, right=AGREEMENTS, methods="gcud"),
        _entity("AgreementAdjustment", "finance/agreements/{}/adjustments", right=AGREEMENTS),
        _entity("AgreementRecap", "finance/agreementrecap", right=INVOICING, count=False, shown_as="Agreement"),
        _entity("BillingCycle", "finance/billingCycles"),
        _entity("Invoice", "finance/invoices", links={"company": "Company", "agreement": "Agreement"}, right=INVOICING),
        _entity("CatalogItem", "procurement/catalog", links=_CATALOG_LINKS, right=CATALOG, methods="gcud"),
        _entity("CatalogItemInfo", "procurement/catalog/info", right=CATALOG, shown_as="CatalogItem"),
        _entity("Category", "procurement/categories"),
        _entity("SubCategory", "procurement/subcategories", links={"category": "Category"}),
        _entity("ProductType", "procurement/types"),
        _entity("UnitOfMeasure", "procurement/unitOfMeasures"),
        _entity("ApiMember", "system/apiMembers", links={"securityRole": "SecurityRole"}, right=SECURITY),
        _entity("Member", "system/members", links={"securityRole": "SecurityRole"}, right=SECURITY),
        _entity("MyMember", "system/myMembers", "Member", links={"securityRole": "SecurityRole"}, count=False),
        _entity("MySecurity", "system/mySecurity", count=False),
        _entity("SecurityRole", "system/securityroles", right=SECURITY),
        _entity("SecurityRoleSetting", "system/securityroles/{}/settings", right=SECURITY),
        _entity("AuditTrailEntry", "system/audittrail", forward=False),
        _entity("CompanyReport", "", right=REPORTS, forward=False, shown_as="Company"),
    )
}
_BY_ROUTE = {entity.route.lower(): entity for entity in ENTITIES.values() if entity.route}
_INFO = {"CatalogItem": "CatalogItemInfo", "AgreementType": "AgreementTypeInfo"}


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes: the entity, the record above it, and the record itself; ``counts`` for the number of records."""

    entity: Entity
    parent: int | None = None
    record: int | None = None
    counts: bool = False


def is_id(text: str) -> bool:
    """Whether a part of a path is the number of a record."""
    return text.isascii() and text.isdigit() and len(text) < 11


def find_route(path: str) -> Route | None:
    """Understand a path below ``apis/3.0/``, whatever its case and with or without a final slash; None: no such route."""
    parts = path.strip("/").lower().split("/")
    if len(parts) > 3 and is_id(parts[2]):
        child = _BY_ROUTE.get("/".join((*parts[:2], "{}", parts[3])))
        return _below(child, parts[4:], int(parts[2])) if child else _below(_entity_at(parts[:2]), parts[2:])
    for length in (4, 3, 2):
        entity = _entity_at(parts[:length]) if len(parts) >= length else None
        if entity is not None:
            return _below(entity, parts[length:])
    return None


def _entity_at(parts: list[str]) -> Entity | None:
    return _BY_ROUTE.get("/".join(parts))


def _below(entity: Entity | None, rest: list[str], parent: int | None = None) -> Route | None:
    if entity is None:
        return None
    if not rest:
        return Route(entity, parent)
    if rest == ["count"] and entity.count:
        return Route(entity, parent, counts=True)
    if not is_id(rest[0]):
        return None
    if len(rest) == 1:
        return Route(entity, parent, int(rest[0]))
    light = _INFO.get(entity.name)
    return Route(ENTITIES[light], None, int(rest[0])) if light and rest[1:] == ["info"] else None
