"""Writing to the simulated ConnectWise PSA. Everything is checked first and then committed in one step, with one ledger entry."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from reconcile_app.core.amounts import SCALE, format_amount
from reconcile_app.sandbox.connectwise_additions import STORED, Addition, Record
from reconcile_app.sandbox.connectwise_errors import ApiError, Flaw, invalid, not_found
from reconcile_app.sandbox.connectwise_patch import Operation, known_members, member_of, read_object, read_patch, reference, typed
from reconcile_app.sandbox.connectwise_state import OTHER, ApiUser, ConnectWiseState
from reconcile_app.sandbox.connectwise_tables import ENTITIES, Entity, Member
from reconcile_app.sandbox.ledger import Origin

Values = dict[str, Any]
_REQUIRED_ON_PUT = ("employeeCompRate", "invoicingCycle", "billTime", "billExpenses", "billProducts")
_FROM_PRODUCT = {
    "unitPrice": "price",
    "unitCost": "cost",
    "taxableFlag": "taxableFlag",
    "invoiceDescription": "customerDescription",
}
_INVOICED = (
    "The period of the effectiveDate has already been invoiced. Either prorate the agreement, or set the effectiveDate to the next "
    "invoice date or later."
)
_USUAL: Mapping[str, Values] = {
    "Agreement": {"cancelledFlag": False, "prorateFlag": False, "invoiceProratedAdditionsFlag": False, "billingCycle": 1},
    "CatalogItem": {"inactiveFlag": False, "productClass": "NonInventory", "unitOfMeasure": 1, "price": 0, "cost": 0},
    "Company": {"deletedFlag": False, "status": 1},
}
_UNIQUE = {"CatalogItem": "identifier", "Company": "identifier"}


@dataclass(frozen=True, slots=True)
class Write:
    """One request to write: who, in which books, and where it came from."""

    state: ConnectWiseState
    user: ApiUser
    origin: Origin

    @property
    def who(self) -> str:
        """The member that records show as the last to have changed them."""
        return OTHER if self.origin.actor == "other" else self.user.identifier

    def commit(self, entity: Entity, record: Record | Addition, before: Values, after: Values, touched: Collection[str]) -> None:
        """Store what differs, and say so in the ledger and in the audit trail."""
        for name in entity.members:
            if after.get(name) != before.get(name):
                record.put(name, after.get(name))
        self._stamp(record)
        kind, amounts = _entry(entity, before, after, touched)
        note = ", ".join(sorted(touched))
        self.state.ledger.append("connectwise", kind, self.origin, line=str(record.id), note=note, **amounts)
        for name in touched:
            text = f"{name[0].upper()}{name[1:]} changed from {_told(before.get(name))} to {_told(after.get(name))}"
            self.state.note(_AUDITED.get(entity.name, entity.name), record.id, text, self.who)

    def _stamp(self, record: Record | Addition) -> None:
        record.updated, record.updated_by = self.state.clock.now(), self.who
        if isinstance(record, Addition) and self.state.switches["agreement_touched"] == "yes":
            agreement = self.state.records["Agreement"][record.agreement_id]
            agreement.updated, agreement.updated_by = record.updated, record.updated_by
        self.state.touch()


_AUDITED = {"Addition": "AgreementAddition", "CatalogItem": "ProductCatalog"}


def _told(value: object) -> str:
    return format_amount(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _entry(entity: Entity, before: Values, after: Values, touched: Collection[str]) -> tuple[str, dict[str, Any]]:
    """The ledger's word for a change, with the number before and after."""
    if entity.name != "Addition":
        return f"update_{entity.word.lower()}", {}
    for name, kind in (("quantity", "set_quantity"), ("unitCost", "set_cost")):
        if name in touched:
            return kind, {"before": before.get(name), "after": after.get(name)}
    return "cancel_line" if "cancelledDate" in touched else "update_line", {}


def create(write: Write, entity: Entity, raw: bytes, parent: int | None) -> Record | Addition:
    """Create a record.

    Raises:
        ApiError: refused, nothing was stored.
    """
    state = write.state
    values = known_members(state, entity, read_object(raw, entity.name), raw)
    if entity.name == "Addition":
        return _create_addition(write, values, parent or 0)
    values = {name: value for name, value in {**_USUAL[entity.name], **values}.items() if value is not None}
    _check_required(entity, values)
    key = _UNIQUE.get(entity.name, "")
    if key and any(record.get(key) == values[key] for record in state.records[entity.name].values()):
        raise invalid(entity.word, Flaw("ObjectExists", f"The {key} {values[key]} exists already.", entity.word, key))
    if entity.name == "Agreement":
        values.setdefault("billStartDate", values.get("startDate"))
    record = state.add(entity.name, **values)
    record.updated, record.updated_by = state.clock.now(), write.who
    state.ledger.append("connectwise", f"create_{entity.word.lower()}", write.origin, line=str(record.id))
    return record


def _create_addition(write: Write, values: Values, parent: int) -> Addition:
    state = write.state
    agreement = state.records["Agreement"].get(parent)
    if agreement is None:
        raise not_found("Agreement", parent)
    lines = state.additions_of[parent]
    number = max((line.sequence or 0 for line in lines), default=0) + SCALE
    usual: Values = {"quantity": 0, "lessIncluded": 0, "effectiveDate": state.clock.today(), "sequenceNumber": number}
    product = state.records["CatalogItem"].get(values.get("product") or 0)
    if product is not None:
        usual |= {name: product.get(source) for name, source in _FROM_PRODUCT.items()}
    given = {name: value for name, value in values.items() if value is not None}
    after = {**usual, **given}
    _check_addition(state, agreement, {}, after)
    named = {STORED[name]: after.get(name) for name in STORED if name not in {"id", "agreementId", "product"}}
    addition = Addition(
        id=state.new_id("Addition"),
        agreement_id=parent,
        product_id=after["product"],
        updated=state.clock.now(),
        updated_by=write.who,
        extra={name: value for name, value in after.items() if name not in STORED},
        **named,
    )
    state.register(addition)
    effective, amount = after["effectiveDate"], after["quantity"]
    state.ledger.append("connectwise", "create_line", write.origin, line=str(addition.id), after=amount, effective=effective)
    state.note("AgreementAddition", addition.id, f"Addition created with quantity {format_amount(amount)}", write.who)
    return addition


def change(write: Write, entity: Entity, record: Record | Addition, raw: bytes, *, whole: bool) -> None:
    """Change a record: by a patch, or with ``whole`` by replacing every member that can be written.

    Raises:
        ApiError: refused; nothing was stored, unless the switch ``patch_part`` says so.
    """
    before = record.stored()
    if whole:
        body = known_members(write.state, entity, read_object(raw, entity.name), raw)
        after = {name: before.get(name) for name, member in entity.members.items() if member.derived} | body
        required = [name for name in _REQUIRED_ON_PUT if entity.name == "Agreement" and after.get(name) is None]
        _check(write.state, entity, record, before, after, required)
        write.commit(entity, record, before, after, [name for name, member in entity.members.items() if not member.derived])
        return
    _patch(write, entity, record, before, read_patch(raw, write.state))


def _patch(write: Write, entity: Entity, record: Record | Addition, before: Values, operations: list[Operation]) -> None:
    after, touched = dict(before), list[str]()
    pinned = {operation.path for operation in operations}
    try:
        for operation in operations:
            member = member_of(entity, operation.path)
            if _apply(write.state, entity, member, after, operation):
                touched.append(member.name)
                if member.name == "product":
                    _price_anew(write.state, after, pinned)
        _check(write.state, entity, record, before, after, ())
    except ApiError:
        if touched and write.state.switches["patch_part"] == "stored":
            write.commit(entity, record, before, after, touched)
        raise
    if touched:
        write.commit(entity, record, before, after, touched)


def _apply(state: ConnectWiseState, entity: Entity, member: Member, after: Values, operation: Operation) -> bool:
    """Carry out one operation on a copy; says whether it touched anything."""
    if operation.op == "test":
        _test(state, entity, member, after, operation)
        return False
    if member.derived:
        return False
    if operation.below:
        return _apply_below(state, entity, member, after, operation)
    after[member.name] = None if operation.op == "remove" else typed(state, entity, member, operation.value)
    return True


def _test(state: ConnectWiseState, entity: Entity, member: Member, after: Values, operation: Operation) -> None:
    answer = state.switches["patch_test"]
    if answer == "ignored" or typed(state, entity, member, operation.value) == after.get(member.name):
        return
    flaw = Flaw("InvalidField", f"The current value of {member.name} is not the tested value.", entity.word, member.name)
    raise replace(invalid(entity.word, flaw), status=400 if answer == "honored_400" else 409)


def _apply_below(state: ConnectWiseState, entity: Entity, member: Member, after: Values, operation: Operation) -> bool:
    """A path into a member: an element of an array, or a part of a reference, which the server may pass over with a 200."""
    index, _, part = operation.below.partition("/")
    if member.type == "custom" and index.isdigit() and part:
        items = [dict(item) for item in after.get(member.name) or []]
        if int(index) >= len(items):
            raise invalid(entity.word, Flaw("InvalidField", "The index is out of range.", entity.word, operation.path))
        items[int(index)][part] = operation.value
        after[member.name] = items
        return True
    rule = state.switches["patch_reference"]
    if not member.parts or operation.below not in member.parts or rule == "refused":
        path = f"{operation.path}/{operation.below}"
        raise invalid(entity.word, Flaw("InvalidField", f"The field {path} does not exist.", entity.word, path))
    if rule == "applied":
        after[member.name] = reference(state, entity, member, {operation.below: operation.value})
    return rule == "applied"


def _price_anew(state: ConnectWiseState, after: Values, pinned: Collection[str]) -> None:
    """Another product brings its own price, cost and texts, except where the same patch says otherwise."""
    product = state.records["CatalogItem"].get(after["product"] or 0)
    if product is not None:
        after.update((name, product.get(source)) for name, source in _FROM_PRODUCT.items() if name not in pinned)


def _check(
    state: ConnectWiseState, entity: Entity, record: Record | Addition, before: Values, after: Values, also: Collection[str]
) -> None:
    if isinstance(record, Addition):
        _check_addition(state, state.records["Agreement"][record.agreement_id], before, after)
    else:
        _check_required(entity, after, also)


def _check_required(entity: Entity, values: Values, also: Collection[str] = ()) -> None:
    missing = [name for name, member in entity.members.items() if values.get(name) is None and (member.required or name in also)]
    if missing:
        flaws = (Flaw("MissingRequiredField", f"The {name} field is required.", entity.word, name) for name in missing)
        raise invalid(entity.word, *flaws)


def _check_addition(state: ConnectWiseState, agreement: Record, before: Values, after: Values) -> None:
    _check_required(ENTITIES["Addition"], after)
    flaws = []
    product = state.records["CatalogItem"][after["product"]]
    if before.get("product") != after["product"] and (product.get("productClass") == "Bundle" or product.get("inactiveFlag")):
        flaws.append(("product/id", f"The product {product.get('identifier')} cannot be added to an agreement."))
    effective, cancelled = after.get("effectiveDate"), after.get("cancelledDate")
    if effective != before.get("effectiveDate"):
        flaws += _check_start(state, agreement, effective)
    if effective is not None and cancelled is not None and cancelled < effective:
        flaws.append(("cancelledDate", "cancelledDate cannot be earlier than effectiveDate"))
    through = state.invoiced_through.get(agreement.id, date.min)
    moved = bool(before) and before.get("quantity") != after.get("quantity")
    if moved and through >= state.clock.today() and state.switches["quantity_after_invoice"] == "refused":
        flaws.append(("quantity", "The current period has already been invoiced."))
    if flaws:
        raise invalid("addition", *(Flaw("InvalidField", text, "addition", name) for name, text in flaws))


def _check_start(state: ConnectWiseState, agreement: Record, effective: date | None) -> list[tuple[str, str]]:
    begin = agreement.get("billStartDate")
    if effective is None:
        return []
    if begin is not None and effective < begin:
        return [("effectiveDate", "effectiveDate cannot be less than the agreement billing start date")]
    invoiced = effective <= state.invoiced_through.get(agreement.id, date.min)
    refused = invoiced and not agreement.get("prorateFlag") and state.switches["invoiced_period"] == "refused"
    return [("effectiveDate", _INVOICED)] if refused else []


def delete(write: Write, entity: Entity, record: Record | Addition) -> None:
    """Remove a record for good."""
    state = write.state
    if isinstance(record, Addition):
        state.drop(record)
        state.ledger.append("connectwise", "delete_line", write.origin, line=str(record.id), before=record.quantity)
        state.note("AgreementAddition", record.id, "Addition deleted", write.who)
    elif entity.name == "Agreement":
        state.remove_agreement(record.id, write.origin)
    else:
        del state.records[entity.name][record.id]
        state.touch()
        state.ledger.append("connectwise", f"delete_{entity.word.lower()}", write.origin, line=str(record.id))
