"""Writing to the simulated Autotask. Everything is checked first and then committed in one step, with one ledger entry."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from reconcile_app.core.amounts import SCALE
from reconcile_app.sandbox.autotask_errors import (
    DUPLICATE_PERIOD,
    NOTHING_MATCHES,
    OUTSIDE_CONTRACT,
    POSTED_PERIOD,
    ApiError,
    bad_reference,
    bad_value,
)
from reconcile_app.sandbox.autotask_query import keyed, wanted_value
from reconcile_app.sandbox.autotask_state import OTHER_RESOURCE, RECURRING, ApiUser, AutotaskState, Contract, Record
from reconcile_app.sandbox.autotask_tables import COST_FIELDS, ENTITIES, Entity, Field
from reconcile_app.sandbox.autotask_units import Line, Term
from reconcile_app.sandbox.ledger import Origin


@dataclass(frozen=True, slots=True)
class Write:
    """One request to write: who, in which books, and where it came from."""

    state: AutotaskState
    user: ApiUser
    origin: Origin

    def commit(self, kind: str, record: int, **amounts: Any) -> None:
        """Record what has been done."""
        self.state.touch()
        self.state.ledger.append("autotask", kind, self.origin, line=str(record), **amounts)


def read_fields(entity: Entity, raw: Mapping[str, Any], user: ApiUser) -> dict[str, Any]:
    """The body's fields by their proper names and in their types; unknown names are ignored, as the service does."""
    found = {field: keyed(raw)[name] for name, field in entity.fields.items() if name in keyed(raw)}
    hidden = frozenset() if user.sees_costs else COST_FIELDS
    return {field.name: _typed(field, value) for field, value in found.items() if field.name not in hidden}


def _typed(field: Field, value: object) -> object:
    if value is None or field.type == "array":
        return value
    if field.type == "string":
        if not isinstance(value, str):
            raise bad_value(value)
        if field.length and len(value) > field.length:
            raise ApiError(f"The value of field {field.name} exceeds the maximum length of {field.length}.")
        return value
    typed = wanted_value(field, value)
    # date-only fields keep the date that was sent and drop the time
    return datetime.fromisoformat(str(value)).date() if field.type == "datetime" else typed


def _check_references(state: AutotaskState, entity: Entity, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        target = entity.fields[name.lower()].reference
        if value is not None and target in ENTITIES and not _usable(state, target, value):
            raise bad_reference(name, ENTITIES[target].record)


def _usable(state: AutotaskState, entity: str, number: int) -> bool:
    if entity == "Contracts":
        return number in state.contracts
    if entity == "ContractServices":
        return number in state.lines
    if entity == "ContractServiceBundles":
        return number in state.bundles
    record = state.records[entity].get(number)
    return record is not None and record.values.get("isActive") is not False


def create(write: Write, entity: Entity, raw: Mapping[str, Any], parent: int | None) -> object:
    """Create a record; returns what ``itemId`` shows.

    Raises:
        ApiError: refused, nothing was stored.
    """
    fields = read_fields(entity, raw, write.user)
    if parent is not None and fields.setdefault("contractID", parent) != parent:
        raise bad_reference("contractID", "Contract")
    _check_references(write.state, entity, fields)
    if entity.name.endswith("Adjustments"):
        return _adjustment(write, entity, fields)
    missing = [field.name for field in entity.fields.values() if field.required and fields.get(field.name) is None]
    if missing:
        raise ApiError(*(f"Missing Required Field: {name}." for name in missing))
    if entity.name in {"ContractServices", "ContractServiceBundles"}:
        return _add_line(write, entity, fields)
    writable = {name: value for name, value in fields.items() if entity.fields[name.lower()].write != "RO"}
    if entity.name == "Contracts":
        number = write.state.put_contract({**writable, "lastModifiedDateTime": write.state.clock.now()}).id
    else:
        automatic = {"createDateTime": write.state.clock.now(), "creatorResourceID": write.user.resource_id}
        usual = automatic if entity.name == "ContractNotes" else {"isActive": True}
        number = write.state.add(entity.name, {**usual, **writable}).id
    write.commit(f"create_{entity.record.lower()}", number)
    return number


def _add_line(write: Write, entity: Entity, fields: Mapping[str, Any]) -> int:
    state, bundle = write.state, "Bundle" in entity.name
    contract = _recurring(state, fields["contractID"])
    item = state.records["ServiceBundles" if bundle else "Services"][fields["serviceBundleID" if bundle else "serviceID"]]
    line = state.new_line(contract, item, bundle=bundle, line_id=state.new_id(entity.name))
    _set_texts(line, fields)
    if fields.get("adjustedPrice") is not None:
        line.unit_price = fields["adjustedPrice"]
    if fields.get("unitCost") is not None:
        line.unit_cost = fields["unitCost"]
    state.register(contract, line)
    write.commit("create_line", line.id, note="without units")
    return line.id


def _recurring(state: AutotaskState, number: int) -> Contract:
    contract = state.contracts[number]
    if contract.values["contractType"] != RECURRING:
        raise ApiError("The Contract referenced by contractID must be of type Recurring Service.")
    return contract


def _set_texts(line: Line, fields: Mapping[str, Any]) -> None:
    if fields.get("invoiceDescription") is not None:
        line.invoice_description = fields["invoiceDescription"]
    if fields.get("internalDescription") is not None:
        line.internal_description = fields["internalDescription"]


def _adjustment(write: Write, entity: Entity, fields: Mapping[str, Any]) -> object:
    bundle = "Bundle" in entity.name
    day, change = fields.get("effectiveDate"), fields.get("unitChange")
    price = None if bundle else fields.get("adjustedUnitPrice")
    cost = None if bundle else fields.get("adjustedUnitCost")
    if day is None:
        raise ApiError("Missing Required Field: effectiveDate.")
    if change is None and price is None and cost is None:
        raise ApiError("Missing Required Field: unitChange.")
    contract, line, new = _target(write.state, bundle, fields)
    adjust(write, contract, line, day, change or 0, price=price, cost=cost, new=new)
    number = write.state.new_id("ContractServiceAdjustments")
    return number if write.state.switches["adjustment_answer"] == "id" else None


def _target(state: AutotaskState, bundle: bool, fields: Mapping[str, Any]) -> tuple[Contract, Line, bool]:
    """The contract and line an adjustment means, and whether the line has yet to be made."""
    line_field, item_field = ("contractServiceBundleID", "serviceBundleID") if bundle else ("contractServiceID", "serviceID")
    number, item, owner = fields.get(line_field), fields.get(item_field), fields.get("contractID")
    if number is not None:
        line = (state.bundles if bundle else state.lines)[number]
        if owner not in {None, line.contract_id} or item not in {None, line.item_id}:
            raise bad_reference(line_field, "ContractServiceBundle" if bundle else "ContractService")
        return state.contracts[line.contract_id], line, False
    if owner is None or item is None:
        raise ApiError(f"Either {line_field}, or contractID and {item_field}, must be given.")
    contract = _recurring(state, owner)
    found = [line for line in state.lines_of(owner, bundle=bundle) if line.item_id == item]
    if found and not fields.get("allowRepeatServiceBundle" if bundle else "allowRepeatService"):
        return contract, found[0], False
    record = state.records["ServiceBundles" if bundle else "Services"][item]
    entity = "ContractServiceBundles" if bundle else "ContractServices"
    return contract, state.new_line(contract, record, bundle=bundle, line_id=state.new_id(entity)), True


def adjust(
    write: Write,
    contract: Contract,
    line: Line,
    day: date,
    change: int,
    *,
    price: int | None = None,
    cost: int | None = None,
    new: bool = False,
) -> None:
    """Change a line's units from a day on, after every check the service makes.

    Raises:
        ApiError: refused, nothing was changed.
    """
    state = write.state
    if not contract.term.start <= day <= contract.term.end:
        raise ApiError(OUTSIDE_CONTRACT)
    if day in line.adjusted and state.switches["same_day_adjustment"] == "refused":
        raise ApiError(DUPLICATE_PERIOD)
    results = line.would_be(day, change)
    if min(results) < 0 and state.switches["negative_units"] == "refused":
        raise ApiError("ContractServiceAdjustment unitChange must not make the units of a period negative.")
    if change and 0 in results and state.switches["zero_units"] == "refused":
        raise ApiError("ContractServiceAdjustment unitChange must not make the units of a period 0.")
    before = line.units_on(day)
    line.adjust(day, change, price=price, cost=cost, cut_on_day=state.switches["cut_row_ends"] == "same_day")
    if new:
        state.register(contract, line)
    after = line.units_on(day)
    contract.values["lastModifiedDateTime"] = state.clock.now()
    resource = OTHER_RESOURCE if write.origin.actor == "other" else write.user.resource_id
    name = state.records["ServiceBundles" if line.bundle else "Services"][line.item_id].values["name"]
    state.note(contract.id, "Contract Service Units Adjusted", f"{name}: {before} -> {after} units, effective {day}", resource)
    amounts = {"before": None if new else before * SCALE, "after": after * SCALE}
    write.commit("create_line" if new else "adjustment", line.id, effective=day, **amounts)


def update(write: Write, entity: Entity, raw: Mapping[str, Any], parent: int | None, *, replace: bool) -> int:
    """Change fields of a record; with ``replace`` every writable field that is left out becomes null.

    Raises:
        ApiError: refused, nothing was changed.
    """
    fields = read_fields(entity, raw, write.user)
    number = fields.pop("id", None)
    if number is None:
        raise ApiError("Missing Required Field: id.")
    changes = {name: value for name, value in fields.items() if "U" in entity.fields[name.lower()].write}
    if replace:
        changes = {field.name: changes.get(field.name) for field in entity.fields.values() if "U" in field.write}
    required = [name for name, value in changes.items() if value is None and entity.fields[name.lower()].required]
    if required:
        raise ApiError(*(f"Missing Required Field: {name}." for name in required))
    _check_references(write.state, entity, changes)
    if entity.name in {"ContractServices", "ContractServiceBundles"}:
        _update_line(write, "Bundle" in entity.name, number, parent, changes)
    elif entity.name == "Contracts":
        _update_contract(write, number, changes)
    else:
        _update_record(write, entity, number, parent, changes)
    return int(number)


def _update_line(write: Write, bundle: bool, number: int, parent: int | None, changes: Mapping[str, Any]) -> None:
    line = (write.state.bundles if bundle else write.state.lines).get(number)
    if line is None or parent not in {None, line.contract_id}:
        raise ApiError(NOTHING_MATCHES)
    _set_texts(line, changes)
    cost, before = changes.get("unitCost"), line.unit_cost
    line.set_amounts(write.state.clock.today(), price=changes.get("adjustedPrice"), cost=cost)
    if cost is None:
        write.commit("update_line", number)
        return
    write.commit("set_cost", number, before=before, after=cost)


def _update_contract(write: Write, number: int, changes: Mapping[str, Any]) -> None:
    contract = write.state.contracts.get(number)
    if contract is None:
        raise ApiError(NOTHING_MATCHES)
    old, new = (
        contract.term,
        Term(changes.get("startDate", contract.term.start), changes.get("endDate", contract.term.end), contract.term.months),
    )
    if new.start > new.end:
        raise ApiError("endDate must be later than startDate.")
    outside = (row for line in contract.lines for row in line.rows if row.end > new.end or row.start < new.start)
    if any(row.posted for row in outside) and (new.end < old.end or new.start != old.start):
        raise ApiError(POSTED_PERIOD)
    contract.values.update(changes)
    contract.values["lastModifiedDateTime"] = write.state.clock.now()
    if new != old:
        for line in contract.lines:
            line.refit(new)
    write.commit("update_contract", number)


def _update_record(write: Write, entity: Entity, number: int, parent: int | None, changes: Mapping[str, Any]) -> None:
    record: Record | None = write.state.records[entity.name].get(number)
    if record is None or parent not in {None, record.values.get("contractID")}:
        raise ApiError(NOTHING_MATCHES)
    record.values.update(changes)
    write.commit(f"update_{entity.record.lower()}", number)
