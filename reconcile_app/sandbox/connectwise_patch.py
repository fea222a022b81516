"""JSON Patch as the simulated ConnectWise PSA takes it: an array of add, replace and remove, plain names instead of pointers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from reconcile_app.core.amounts import SCALE
from reconcile_app.sandbox.connectwise_conditions import read_date
from reconcile_app.sandbox.connectwise_errors import ApiError, Flaw, bad_type, invalid, not_json, unknown_member
from reconcile_app.sandbox.connectwise_state import ConnectWiseState
from reconcile_app.sandbox.connectwise_tables import Entity, Member

_OPERATIONS = {"add", "replace", "remove"}
_WANTED = {
    "number": "System.Nullable`1[System.Double]",
    "int": "System.Nullable`1[System.Int32]",
    "bool": "System.Nullable`1[System.Boolean]",
    "date": "System.Nullable`1[System.DateTime]",
    "text": "System.String",
}
_MOST = 10**12


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a patch; ``path`` is the member, ``below`` what follows it."""

    op: str
    path: str
    below: str
    value: object


def read_json(body: bytes) -> Any:
    """A body; numbers with decimals come as ``Decimal``.

    Raises:
        ApiError: it is no JSON.
    """
    try:
        return msgspec.json.Decoder(float_hook=Decimal).decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise not_json(
            f"Unexpected character encountered while parsing value: {body[:1].decode('latin-1')}. Path '', line 1."
        ) from error


def read_object(body: bytes, title: str) -> dict[str, Any]:
    """A body that is one record.

    Raises:
        ApiError: it is no JSON object.
    """
    value = read_json(body)
    if not isinstance(value, dict):
        raise not_json(
            f"Cannot deserialize the current JSON into type '{title}' because the type requires a JSON object. Path '', line 1."
        )
    return value


def read_patch(body: bytes, state: ConnectWiseState) -> list[Operation]:
    """The operations of a patch.

    Raises:
        ApiError: no array of operations, or one the server does not offer.
    """
    value = read_json(body)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise not_json(
            "Cannot deserialize the current JSON object into type 'PatchOperation[]' because the type requires a JSON array."
        )
    return [_operation(item, state) for item in value]


def _operation(item: Mapping[str, Any], state: ConnectWiseState) -> Operation:
    op, path = item.get("op"), item.get("path")
    allowed = _OPERATIONS if state.switches["patch_test"] == "refused" else _OPERATIONS | {"test"}
    if op not in allowed:
        raise invalid("patchOperation", Flaw("InvalidField", f"The operation {op} is not supported.", "patchOperation", "op"))
    if not isinstance(path, str) or not path.strip("/"):
        raise invalid("patchOperation", Flaw("MissingRequiredField", "The path field is required.", "patchOperation", "path"))
    if path.startswith("/") and state.switches["patch_slash"] == "refused":
        raise invalid("patchOperation", Flaw("InvalidField", f"The path {path} is not valid.", "patchOperation", "path"))
    name, _, below = path.removeprefix("/").partition("/")
    return Operation(str(op), name, below, item.get("value"))


def member_of(entity: Entity, name: str) -> Member:
    """The member a patch names; the case counts.

    Raises:
        ApiError: there is none.
    """
    if name not in entity.members:
        raise invalid(entity.word, Flaw("InvalidField", f"The field {name} does not exist.", entity.word, name))
    return entity.members[name]


def known_members(state: ConnectWiseState, entity: Entity, body: Mapping[str, Any], raw: bytes) -> dict[str, Any]:
    """The members of a new or replaced record, in their types; those the server sets are passed over.

    Raises:
        ApiError: a member the type does not have, or a value of the wrong type.
    """
    strange = [name for name in body if name not in entity.members]
    if strange and state.switches["unknown_member"] == "refused":
        raise unknown_member(strange[0], entity.name, raw)
    kept = {name: value for name, value in body.items() if name in entity.members and not entity.members[name].derived}
    return {name: typed(state, entity, entity.members[name], value) for name, value in kept.items()}


def typed(state: ConnectWiseState, entity: Entity, member: Member, value: object) -> object:
    """A value as it is stored.

    Raises:
        ApiError: the wrong type, too long, or a reference to nothing.
    """
    if value is None:
        return None
    if member.parts:
        return reference(state, entity, member, value)
    if member.choices and value not in member.choices:
        raise bad_type(_plain(value), f"ConnectWise.{member.name}", member.name)
    read = _READ.get(member.type)
    if read is None:
        return _plain(value)
    try:
        found = read(value)
    except (ValueError, TypeError, ArithmeticError, ApiError) as error:
        raise bad_type(_plain(value), _WANTED[member.type], member.name) from error
    if member.type == "text" and member.length and len(str(found)) > member.length:
        text = f"The field {member.name} must be a string with a maximum length of {member.length}."
        raise invalid(entity.word, Flaw("MaxLengthField", text, entity.word, member.name))
    return found


def _number(value: object) -> int:
    if isinstance(value, bool):
        raise TypeError(value)
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise ValueError(value) from error
    if not amount.is_finite() or abs(amount) > _MOST:
        raise ValueError(value)
    return int((amount * SCALE).to_integral_value())


def _int(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(value)
    return int(value)


def _bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _date(value: object) -> date:
    """Only the day is kept, whatever time came with it."""
    text = str(value)
    return read_date(text).date() if text.endswith("Z") or len(text) == 10 else datetime.fromisoformat(text).date()


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


_READ = {"number": _number, "int": _int, "bool": _bool, "date": _date, "text": _text}


def _plain(value: object) -> Any:
    """A value without ``Decimal``, so that it can be shown again."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return {name: _plain(item) for name, item in value.items()} if isinstance(value, dict) else value


def reference(state: ConnectWiseState, entity: Entity, member: Member, value: object) -> object:
    """The id of a linked record that is named by id or identifier; what has no books here is kept as it came.

    Raises:
        ApiError: no such record, or no reference at all.
    """
    if not isinstance(value, dict):
        raise bad_type(_plain(value), member.type, member.name)
    target = entity.links.get(member.name)
    if target is None:
        return {part: value[part] for part in member.parts if part in value}
    known = state.records[target]
    key = next((part for part in ("id", "identifier", "name") if value.get(part) is not None), "")
    if key == "id" and value["id"] in known:
        return value["id"]
    wanted = str(value.get(key, "")).casefold()
    found = [record.id for record in known.values() if key not in {"", "id"} and str(record.get(key)).casefold() == wanted]
    if len(found) != 1:
        path = f"{member.name}/{key or 'id'}"
        raise invalid(
            entity.word, Flaw("InvalidField" if key else "MissingRequiredField", f"{path} is required.", entity.word, path)
        )
    return found[0]
