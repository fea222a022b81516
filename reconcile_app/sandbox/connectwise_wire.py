"""Records of the simulated ConnectWise PSA as they stand on the wire: members in order, unset ones left out, references, links."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import msgspec

from reconcile_app.core.amounts import SCALE
from reconcile_app.sandbox.connectwise_additions import Addition, Record, amounts
from reconcile_app.sandbox.connectwise_errors import ApiError
from reconcile_app.sandbox.connectwise_state import ApiUser, ConnectWiseState
from reconcile_app.sandbox.connectwise_tables import ENTITIES, Entity, Member

_PRICES = (
    "unitPrice",
    "extPrice",
    "margin",
    "proratePrice",
    "extendedProratePrice",
    "price",
    "recurringRevenue",
    "calculatedPrice",
)
_COSTS = ("unitCost", "extCost", "margin", "prorateCost", "extendedProrateCost", "cost", "recurringCost", "calculatedCost")
Tree = Mapping[str, Any]


@lru_cache(maxsize=8192)
def number_text(amount: int) -> msgspec.Raw:
    """Ten-thousandths as a JSON number with two to four decimals, as the database keeps them."""
    whole, part = divmod(abs(amount), SCALE)
    decimals = f"{part:04d}".rstrip("0").ljust(2, "0")
    return msgspec.Raw(f"{'-' if amount < 0 else ''}{whole}.{decimals}".encode())


@lru_cache(maxsize=4096)
def _day_text(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def moment_text(moment: object) -> object:
    """A date at midnight UTC, or an instant to the second."""
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _day_text(moment) if isinstance(moment, date) else moment


class Site:
    """Who asks, in which books, and under which address: what the shape of an answer depends on.

    Args:
        origin: scheme, host and port as the client called them.
        folder: what stands between that and ``apis/3.0/``; links in records have a second slash after it.
    """

    def __init__(self, state: ConnectWiseState, user: ApiUser, origin: str, folder: str) -> None:
        self.state = state
        self.user = user
        self.origin = origin
        self.root = f"{origin}/{folder}/apis/3.0/"
        self._references: dict[tuple[str, int], dict[str, object] | None] = {}

    def show(self, entity: Entity, record: Record | Addition) -> dict[str, object]:
        """A record with every member that is set."""
        values = self.values(entity, record)
        shown = {name: self._member(entity, member, values) for name, member in entity.members.items()}
        hidden = (*(_PRICES if self.user.block_price else ()), *(_COSTS if self.user.block_cost else ()))
        return {name: value for name, value in shown.items() if value is not None and name not in hidden}

    def values(self, entity: Entity, record: Record | Addition) -> dict[str, Any]:
        """Stored members, and those the server works out."""
        if isinstance(record, Addition):
            return self._addition(record)
        derive = _DERIVE.get(entity.name)
        values = record.values | (derive(self, record) if derive else {})
        if "_info" in entity.members:
            values["_info"] = {"lastUpdated": moment_text(record.updated), "updatedBy": record.updated_by}
        return values

    def _member(self, entity: Entity, member: Member, values: Mapping[str, Any]) -> object:
        value = values.get(member.name)
        if value is None:
            return None
        if member.type == "number" and isinstance(value, int):
            return number_text(value)
        if isinstance(value, date):
            return moment_text(value)
        target = entity.links.get(member.name)
        return self._reference(target, member, value) if target and isinstance(value, int) else value

    def _reference(self, target: str, member: Member, number: int) -> dict[str, object] | None:
        key = (f"{target}/{member.name}", number)
        if key not in self._references:
            record = self.state.records[target].get(number)
            named = {part: record.get(part) for part in member.parts if record and record.get(part) is not None}
            word = {"item": "catalog"}.get(member.type, member.name)
            href = f"{self.root}/{ENTITIES[target].route}/{number}"
            self._references[key] = {"id": number, **named, "_info": {f"{word}_href": href}}
        return self._references[key]

    def _addition(self, addition: Addition) -> dict[str, Any]:
        state = self.state
        agreement = state.records["Agreement"][addition.agreement_id]
        product = state.records["CatalogItem"].get(addition.product_id)
        unit = state.records["UnitOfMeasure"].get(product.get("unitOfMeasure")) if product else None
        values = {
            "purchaseItemFlag": False,
            "specialOrderFlag": False,
            "prorateCurrentPeriodFlag": False,
            **addition.stored(),
            **amounts(addition, self.part(agreement, addition), of_total=state.switches["less_included"] == "off_quantity_only"),
            "description": product.get("description") if product else None,
            "uom": unit.get("name") if unit else None,
            "agreementStatus": state.agreement_status(agreement),
            "_info": {"lastUpdated": moment_text(addition.updated), "updatedBy": addition.updated_by},
        }
        if state.switches["addition_status"] == "present":
            values["additionStatus"] = state.addition_status(addition)
        return values

    def part(self, agreement: Record, addition: Addition) -> tuple[int, int]:
        """Days left and days of the present period where the line is prorated, else (0, 1)."""
        period = self.state.period_of(agreement, self.state.clock.today())
        begin = addition.effective
        if not agreement.get("prorateFlag") or begin is None or not period.start < begin <= period.end:
            return 0, 1
        return (period.end - begin).days + 1, (period.end - period.start).days + 1


def _agreement(site: Site, record: Record) -> dict[str, object]:
    through = site.state.invoiced_through.get(record.id)
    day = through or site.state.clock.today()
    following = site.state.period_of(record, day).end.toordinal() + 1
    return {"agreementStatus": site.state.agreement_status(record), "nextInvoiceDate": date.fromordinal(following).isoformat()}


def _recap(site: Site, record: Record) -> dict[str, object]:
    state = site.state
    through = state.invoiced_through.get(record.id)
    last = [entry for entry in state.records["Invoice"].values() if entry.get("agreement") == record.id] if through else []
    total = sum(line.billed() * (line.unit_price or 0) // SCALE for line in state.billing(record.id, state.clock.today()))
    company = state.records["Company"].get(record.get("company"))
    return {
        "companyName": company.get("name") if company else None,
        "lastInvoiceDate": moment_text(through),
        "lastInvoiceNumber": last[-1].get("invoiceNumber") if last else None,
        "lastInvoiceAmount": bytes(number_text(last[-1].get("total"))).decode() if last else None,
        "nextInvoiceAmount": total,
        "unbilledPeriods": 0,
        "isUnlimited": "No",
        "agreementStatus": state.agreement_status(record),
        "nextInvoiceDate": f"{_agreement(site, record)['nextInvoiceDate']}T00:00:00Z",
    }


def _rights(site: Site, record: Record) -> dict[str, object]:
    function = record.get("moduleFunctionName")
    levels = {f"{right}Level": site.user.level(function, right) for right in ("add", "edit", "delete", "inquire")}
    return {**levels, "moduleFunctionDescription": function, "moduleDescription": record.get("moduleName"), "reportFlag": False}


def _blocks(site: Site, record: Record) -> dict[str, object]:
    return {"blockPriceFlag": site.user.block_price, "blockCostFlag": site.user.block_cost}


def _report_row(site: Site, record: Record) -> dict[str, object]:
    return {"Company_RecID": record.id, "Company_ID": record.get("identifier"), "Company_Name": record.get("name")}


_DERIVE: Mapping[str, Callable[[Site, Record], dict[str, object]]] = {
    "Agreement": _agreement,
    "AgreementRecap": _recap,
    "ApiMember": _blocks,
    "CompanyReport": _report_row,
    "MySecurity": _rights,
    "SecurityRoleSetting": _rights,
}


def field_tree(entity: Entity, text: str | None) -> dict[str, Any] | None:
    """What ``fields`` asks for, by name and below; None: everything.

    Raises:
        ApiError: a name the entity does not have.
    """
    if not text or not text.strip():
        return None
    tree: dict[str, Any] = {}
    for path in text.split(","):
        first, _, rest = path.strip().partition("/")
        if first not in entity.members:
            raise ApiError(400, "ConnectWiseApi", f"{path.strip()} is not a recognized name.")
        below = tree.setdefault(first, {})
        for part in filter(None, rest.split("/")):
            below = below.setdefault(part, {})
    return tree


def cut(value: Any, tree: Tree | None) -> Any:
    """Only the members that were asked for; nested objects keep their shape, and ``_info`` goes unless it was asked for."""
    if tree is None:
        return value
    if isinstance(value, list):
        return [cut(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    wanted = set(tree) or value.keys() - {"_info"}
    return {name: cut(value[name], tree.get(name, {})) for name in value if name in wanted}
