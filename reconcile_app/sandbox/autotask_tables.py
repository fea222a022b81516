"""The entities of the simulated Autotask: every field with its type, its rights and what it refers to.

One line per field: name, type, write (``C`` on create, ``CU`` create and update, ``U`` update, ``RO`` never), then ``!`` when it
is required, a number for the greatest length, ``>Entity`` for a reference, ``#name`` for a picklist.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache

from reconcile_app.sandbox.autotask_fields import FIELDS

PICKLISTS: Mapping[str, tuple[tuple[int, str], ...]] = {
    "contractType": (
        (1, "Time & Materials"),
        (3, "Fixed Price"),
        (4, "Block Hours"),
        (6, "Retainer"),
        (7, "Recurring Service"),
        (8, "Incident"),
    ),
    "status": ((1, "Active"), (0, "Inactive")),
    "periodType": ((2, "Monthly"), (3, "Quarterly"), (4, "Semi-Annual"), (5, "Yearly")),
    "yesNo": ((0, "No"), (1, "Yes")),
    "billingPreference": ((1, "Immediately without reconciling"), (2, "Reconcile in Approve & Post"), (3, "On timesheet approval")),
    "companyType": ((1, "Customer"), (2, "Lead"), (3, "Prospect"), (4, "Dead"), (6, "Cancelation"), (7, "Vendor"), (8, "Partner")),
    "useType": (
        (1, "Work Type"),
        (3, "Internal Time"),
        (4, "Expense Category"),
        (5, "Recurring Contract Service"),
        (6, "Milestone"),
    ),
    "contractCategory": ((15, "Cloud Services"), (16, "Managed Services")),
    "billToAddress": ((1, "Account"), (2, "Account Billing"), (3, "Parent"), (4, "Parent Billing")),
}
MONTHS = {2: 1, 3: 3, 4: 6, 5: 12}
"""Length of a billing period in months by period type."""

DATA_TYPES = {"int": "integer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of an entity."""

    name: str
    type: str
    write: str
    required: bool = False
    length: int = 0
    reference: str = ""
    picklist: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One entity: its collection name, the name of one record, its fields by lower-case name and what may be done with it."""

    name: str
    record: str
    fields: Mapping[str, Field]
    create: bool
    update: bool
    query: bool
    delete: bool = False
    udf: bool = False
    parent: str = ""
    child: str = ""
    blank: Mapping[str, object] = field(default_factory=dict)
    convert: Mapping[str, Callable[[object], object]] = field(default_factory=dict)


COST_FIELDS = frozenset({"unitCost", "cost", "adjustedUnitCost", "ourCost", "internalCost"})
"""Empty on reading and ignored on writing without the permission to see costs."""


def decimal_value(amount: object) -> object:
    """Ten-thousandths as a JSON number; a double holds every amount of the sandbox to the last of its digits."""
    return amount / 10_000 if isinstance(amount, int) else amount


@lru_cache(maxsize=4096)
def _date_text(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def moment_value(moment: object) -> object:
    """A date at midnight, or an instant in UTC with milliseconds."""
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    return _date_text(moment) if isinstance(moment, date) else moment


def wire(entity: Entity, values: Mapping[str, object], *, costs: bool = True) -> dict[str, object]:
    """A record as it stands on the wire: every field of the entity, absent ones null."""
    record = dict(entity.blank)
    for name, value in values.items():
        convert = entity.convert.get(name)
        record[name] = convert(value) if convert is not None and value is not None else value
    if not costs:
        record.update((name, None) for name in COST_FIELDS & record.keys())
    return record


def _parse(text: str) -> dict[str, Field]:
    return {field.name.lower(): field for field in map(_field, text.strip().splitlines())}


def _field(line: str) -> Field:
    name, kind, write, *rest = line.split()
    return Field(
        name=name,
        type=kind,
        write=write,
        required="!" in rest,
        length=next((int(mark) for mark in rest if mark.isdigit()), 0),
        reference=next((mark[1:] for mark in rest if mark.startswith(">")), ""),
        picklist=next((mark[1:] for mark in rest if mark.startswith("#")), ""),
    )


_CONVERT: Mapping[str, Callable[[object], object]] = {"decimal": decimal_value, "datetime": moment_value}


def _entity(name: str, record: str, rights: str, *, udf: bool = False, route: str = "") -> Entity:
    fields = _parse(FIELDS[name])
    parent, _, child = route.partition("/")
    return Entity(
        name=name,
        record=record,
        fields=fields,
        create="c" in rights,
        update="u" in rights,
        query="q" in rights,
        delete="d" in rights,
        udf=udf,
        parent=parent,
        child=child,
        blank={field.name: [] if field.type == "array" else None for field in fields.values()},
        convert={field.name: _CONVERT[field.type] for field in fields.values() if field.type in _CONVERT},
    )


ENTITIES: Mapping[str, Entity] = {
    entity.name: entity
    for entity in (
        _entity("Companies", "Company", "cuq", udf=True),
        _entity("Contracts", "Contract", "cuq", udf=True),
        _entity("ContractServices", "ContractService", "cuq", route="Contracts/Services"),
        _entity("ContractServiceUnits", "ContractServiceUnit", "q", route="Contracts/ServiceUnits"),
        _entity("ContractServiceAdjustments", "ContractServiceAdjustment", "c", route="Contracts/ServiceAdjustments"),
        _entity("ContractServiceBundles", "ContractServiceBundle", "cuq", route="Contracts/ServiceBundles"),
        _entity("ContractServiceBundleUnits", "ContractServiceBundleUnit", "q", route="Contracts/ServiceBundleUnits"),
        _entity(
            "ContractServiceBundleAdjustments", "ContractServiceBundleAdjustment", "c", route="Contracts/ServiceBundleAdjustments"
        ),
        _entity("Services", "Service", "cuq", udf=True),
        _entity("ServiceBundles", "ServiceBundle", "cuqd", udf=True),
        _entity("BillingCodes", "BillingCode", "q"),
        _entity("BillingItems", "BillingItem", "uq"),
        _entity("Resources", "Resource", "uq", udf=True),
        _entity("ContractNotes", "ContractNote", "cuq", route="Contracts/Notes"),
    )
}
BY_NAME = {name.lower(): entity for name, entity in ENTITIES.items()}
CHILDREN = {(entity.parent.lower(), entity.child.lower()): entity for entity in ENTITIES.values() if entity.parent}
