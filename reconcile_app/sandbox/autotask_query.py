"""The query grammar of the simulated Autotask: a filter becomes a predicate over a record's own values."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec

from reconcile_app.core.amounts import AmountError, parse_money
from reconcile_app.sandbox.autotask_errors import PAGE_SIZE, TOO_MANY_OR, ApiError, bad_value
from reconcile_app.sandbox.autotask_tables import Entity, Field

Values = Mapping[str, object]
Predicate = Callable[[Values], bool]
_OR_LIMIT = 500
_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)


@dataclass(slots=True)
class Hints:
    """What a filter lets us skip: values a field must have, and the first and last day that matter for rows with dates."""

    values: dict[str, set[int]] = field(default_factory=dict)
    first: date = date.min
    last: date = date.max


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query that was understood. ``include`` None means every field; ``key`` tells equal filters."""

    page_size: int
    include: frozenset[str] | None
    predicate: Predicate
    hints: Hints
    key: bytes


def keyed(body: Mapping[str, Any]) -> dict[str, Any]:
    """The same object with lower-case keys: the API does not mind the case."""
    return {name.lower(): value for name, value in body.items()}


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object from a request's body.

    Raises:
        ApiError: it is none.
    """
    try:
        value = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_value(body[:1].decode("latin-1")) from error
    if not isinstance(value, dict):
        raise bad_value(body[:1].decode("latin-1"))
    return value


def parse_query(entity: Entity, raw: Mapping[str, Any]) -> Query:
    """Understand a query.

    Raises:
        ApiError: with the text the API has for it.
    """
    body = keyed(raw)
    size = body.get("maxrecords")
    size = 500 if size is None else size
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= 500:
        raise ApiError(PAGE_SIZE)
    filters = body.get("filter")
    if not isinstance(filters, list) or not filters:
        raise ApiError("Invalid query syntax. A query needs a filter.")
    reader = _Filter(entity)
    predicate = _all([reader.condition(item) for item in filters])
    if reader.or_terms > _OR_LIMIT:
        raise ApiError(TOO_MANY_OR)
    if reader.udf_terms > 1:
        raise ApiError("Invalid query syntax. Queries are limited to one user-defined field.")
    return Query(
        page_size=size,
        include=_included(entity, body.get("includefields")),
        predicate=predicate,
        hints=_hints(entity, filters),
        key=msgspec.json.encode(filters),
    )


def _included(entity: Entity, names: object) -> frozenset[str] | None:
    if names is None or names == []:
        return None
    if not isinstance(names, list):
        raise bad_value(names)
    return frozenset(_field(entity, name).name for name in names)


def _field(entity: Entity, name: object) -> Field:
    found = entity.fields.get(name.lower()) if isinstance(name, str) else None
    if found is None:
        raise ApiError(f"Unable to find {name} in the {entity.record} Entity.")
    return found


class _Filter:
    """Turns conditions into predicates and counts what is limited."""

    def __init__(self, entity: Entity) -> None:
        self.entity = entity
        self.or_terms = 0
        self.udf_terms = 0

    def condition(self, raw: object) -> Predicate:
        if not isinstance(raw, dict):
            raise bad_value(raw)
        item = keyed(raw)
        name = str(item.get("op", "")).lower()
        if name in {"and", "or"}:
            return self._group(name, item.get("items"))
        make = _OPERATORS.get(name)
        if make is None:
            raise ApiError(f"Invalid query syntax. The operator {item.get('op')} is not supported.")
        if item.get("udf") is True:
            self.udf_terms += 1
            return _udf(str(item.get("field")), make, item.get("value"))
        target = _field(self.entity, item.get("field"))
        if name in {"in", "notin"} and isinstance(item.get("value"), list):
            self.or_terms += len(item["value"])
        return make(target, item.get("value"))

    def _group(self, name: str, items: object) -> Predicate:
        if not isinstance(items, list) or not items:
            raise ApiError("Invalid query syntax. A group needs items.")
        parts = [self.condition(item) for item in items]
        if name == "and":
            return _all(parts)
        self.or_terms += len(parts)
        return lambda values: any(part(values) for part in parts)


def _all(parts: Sequence[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]
    return lambda values: all(part(values) for part in parts)


def _udf(name: str, make: Callable[[Field, object], Predicate], wanted: object) -> Predicate:
    test = make(Field(name="value", type="string", write="RO"), wanted)

    def check(values: Values) -> bool:
        fields = values.get("userDefinedFields")
        found = [item for item in fields if item["name"].lower() == name.lower()] if isinstance(fields, list) else []
        return any(test(item) for item in found)

    return check


def comparable(kind: str, value: object) -> Any:
    """A record's value in a form that compares; None stays None."""
    if isinstance(value, str):
        return value.casefold()
    if kind == "datetime" and isinstance(value, date):
        return value if isinstance(value, datetime) else datetime.combine(value, time(), UTC)
    return value


def wanted_value(target: Field, value: object) -> Any:
    """A filter's value in the type of its field.

    Raises:
        ApiError: it cannot be read as that.
    """
    if value is None and target.type != "boolean":
        return None
    if target.type == "boolean":
        return _boolean(value)
    if target.type == "datetime":
        return _moment(value)
    if target.type == "decimal":
        return _amount(value)
    if target.type in {"int", "long", "short"}:
        return _integer(value)
    return str(value).casefold()


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise bad_value(value)


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(value))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise bad_value(value) from error


def _amount(value: object) -> int:
    if isinstance(value, bool):
        raise bad_value(value)
    try:
        return parse_money(str(value))
    except AmountError as error:
        raise bad_value(value) from error


def _integer(value: object) -> int:
    if isinstance(value, bool) or not _WHOLE.fullmatch(str(value)):
        raise bad_value(value)
    return int(str(value))


def _comparison(compare: Callable[[Any, Any], bool]) -> Callable[[Field, object], Predicate]:
    def make(target: Field, value: object) -> Predicate:
        wanted, name, kind = wanted_value(target, value), target.name, target.type

        def check(values: Values) -> bool:
            actual = values.get(name)
            return actual is not None and wanted is not None and compare(comparable(kind, actual), wanted)

        return check

    return make


def _equal(target: Field, value: object) -> Predicate:
    if value is None and target.type != "boolean":
        return lambda values: values.get(target.name) is None
    return _comparison(lambda actual, wanted: bool(actual == wanted))(target, value)


def _membership(inside: bool) -> Callable[[Field, object], Predicate]:
    def make(target: Field, value: object) -> Predicate:
        if not isinstance(value, list):
            raise bad_value(value)
        wanted = {wanted_value(target, item) for item in value}
        name, kind = target.name, target.type

        def check(values: Values) -> bool:
            actual = values.get(name)
            return actual is not None and (comparable(kind, actual) in wanted) == inside

        return check

    return make


def _presence(present: bool) -> Callable[[Field, object], Predicate]:
    return lambda target, value: lambda values: (values.get(target.name) is not None) == present


def _text(compare: Callable[[str, str], bool]) -> Callable[[Field, object], Predicate]:
    return _comparison(lambda actual, wanted: compare(str(actual), str(wanted)))


_OPERATORS: Mapping[str, Callable[[Field, object], Predicate]] = {
    "eq": _equal,
    "noteq": _comparison(lambda actual, wanted: bool(actual != wanted)),
    "gt": _comparison(lambda actual, wanted: bool(actual > wanted)),
    "gte": _comparison(lambda actual, wanted: bool(actual >= wanted)),
    "lt": _comparison(lambda actual, wanted: bool(actual < wanted)),
    "lte": _comparison(lambda actual, wanted: bool(actual <= wanted)),
    "beginswith": _text(str.startswith),
    "endswith": _text(str.endswith),
    "contains": _text(lambda actual, wanted: wanted in actual),
    "exist": _presence(True),
    "notexist": _presence(False),
    "in": _membership(True),
    "notin": _membership(False),
}


def _hints(entity: Entity, filters: list[Any]) -> Hints:
    hints = Hints()
    for raw in filters:
        item = keyed(raw)
        target = entity.fields.get(str(item.get("field")).lower())
        if target is not None and item.get("udf") is not True:
            _hint(hints, target, str(item.get("op")).lower(), item.get("value"))
    return hints


def _hint(hints: Hints, target: Field, operator: str, value: object) -> None:
    if operator in {"eq", "in"} and target.type in {"int", "long"}:
        items = value if isinstance(value, list) else [value]
        wanted = {_integer(item) for item in items if item is not None}
        hints.values[target.name] = hints.values.get(target.name, wanted) & wanted
    elif target.name == "startDate" and operator in {"lte", "lt"} and value is not None:
        hints.last = min(hints.last, _moment(value).date())
    elif target.name == "endDate" and operator in {"gte", "gt"} and value is not None:
        hints.first = max(hints.first, _moment(value).date())
