"""A change as canonical JSON and back: the form in which plans are frozen and the journal keeps them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date
from typing import Any, Final

from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.ids import Json, canonical_json

_AMOUNTS: Final = frozenset({"quantity_before", "quantity_target"})
_OPTIONAL_AMOUNTS: Final = frozenset({"unit_price", "unit_cost_before", "unit_cost_target"})


def change_fields(change: Change) -> dict[str, Json]:
    """The change as plain values; quantities and money stay whole ten-thousandths, the date is ISO 8601."""
    plain: dict[str, Json] = {field.name: getattr(change, field.name) for field in fields(Change)}
    return plain | {"kind": change.kind.value, "effective_date": change.effective_date.isoformat()}


def change_to_json(change: Change) -> bytes:
    """The canonical bytes of a change: the same change always gives the same bytes."""
    return canonical_json(change_fields(change))


def change_from_json(data: bytes) -> Change:
    """The change that was frozen.

    Raises:
        ValueError: not what ``change_to_json`` writes.
    """
    try:
        value = json.loads(data)
        if not isinstance(value, dict):
            raise ValueError("not a frozen change: not an object")
        return Change(**{name: _reader(name)(item) for name, item in value.items()})
    except (TypeError, RecursionError) as error:
        raise ValueError("not a frozen change: other fields than a change has") from error


def _reader(name: str) -> Callable[[object], Any]:
    special: Mapping[str, Callable[[object], Any]] = {"kind": _kind, "effective_date": _date}
    if name in special:
        return special[name]
    if name in _AMOUNTS:
        return _amount
    return _optional_amount if name in _OPTIONAL_AMOUNTS else _text


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a frozen change: a text is expected")
    return value


def _kind(value: object) -> ChangeKind:
    return ChangeKind(_text(value))


def _date(value: object) -> date:
    return date.fromisoformat(_text(value))


def _amount(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("not a frozen change: a whole number is expected")
    return value


def _optional_amount(value: object) -> int | None:
    return None if value is None else _amount(value)
