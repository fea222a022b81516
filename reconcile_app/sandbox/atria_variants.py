"""The ways a real Atria may differ from our reading of it: casing, nesting, envelopes, absent values, dates, scales, names."""

from collections.abc import Mapping

from reconcile_app.sandbox.atria_billing import Wire
from reconcile_app.sandbox.switches import Switches

PARAMETERS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "summary": (("billable", "boolean"), ("AggregateByCustomer", "boolean")),
    "detail": (("customer", "string"), ("billable", "boolean"), ("service", "string"), ("user", "string")),
    "invoice": (("customer", "string"),),
    "analysis": (("customer", "string"),),
}
_PARENT = ("customer", "billTo")


def shape(rows: list[Wire], switches: Switches, *, invoice: bool = False) -> object:
    """Rows as the wire shows them under the present switches."""
    if not switches.changed():
        return rows
    shaped = [_values(row, switches) for row in rows]
    if invoice and switches["bill_to"] == "object":
        shaped = [_payer_object(row) for row in shaped]
    if invoice and switches["nesting"] == "nested":
        shaped = _nest(shaped)
    shaped = [_absent(row, switches["absent"]) for row in shaped]
    if switches["casing"] == "pascal":
        shaped = [_pascal(row) for row in shaped]
    envelope = switches["envelope"]
    if envelope == "bare":
        return shaped
    wrapped: Wire = {envelope: shaped, **_told_of(len(shaped), switches["total"])}
    return _pascal(wrapped) if switches["casing"] == "pascal" else wrapped


def _told_of(count: int, total: str) -> Wire:
    """What an envelope says of its list: how long it is, and where it goes on."""
    if total == "none":
        return {}
    more = {"nextLink": "/api/Billing/next?page=2"} if total == "more" else {}
    return {"totalCount": count + (total != "right"), **more}


def shape_object(value: Wire, switches: Switches) -> Wire:
    """The same for an answer that is an object."""
    plain = {name: [_absent(_values(row, switches), switches["absent"]) for row in rows] for name, rows in _lists(value)}
    return _pascal(dict(plain)) if switches["casing"] == "pascal" else dict(plain)


def _lists(value: Wire) -> list[tuple[str, list[Wire]]]:
    return [(name, rows) for name, rows in value.items() if isinstance(rows, list)]


def _values(row: Wire, switches: Switches) -> Wire:
    return {name: _value(name, value, switches) for name, value in row.items()}


def _value(name: str, value: object, switches: Switches) -> object:
    if name == "durationPercent" and switches["duration"] == "one" and isinstance(value, float):
        return round(value / 100, 4)
    if isinstance(value, str) and name.endswith("Date"):
        return {"time": value, "date": value[:10], "zulu": f"{value}Z"}[switches["dates"]]
    return value


def _absent(row: Wire, how: str) -> Wire:
    if how == "missing":
        row = {name: value for name, value in row.items() if value is not None}
    elif how == "empty":
        row = {name: "" if value is None else value for name, value in row.items()}
    return {name: _absent_below(value, how) for name, value in row.items()}


def _absent_below(value: object, how: str) -> object:
    if isinstance(value, dict):
        return _absent(value, how)
    if isinstance(value, list):
        return [_absent(item, how) for item in value]
    return value


def _payer_object(row: Wire) -> Wire:
    prefix = "billToCustomer"
    payer = {f"customer{name[len(prefix) :]}": value for name, value in row.items() if name.startswith(prefix)}
    rest = {name: value for name, value in row.items() if not name.startswith(prefix)}
    return {**rest, prefix: payer}


def _nest(rows: list[Wire]) -> list[Wire]:
    parents: dict[object, Wire] = {}
    for row in rows:
        head = {name: value for name, value in row.items() if name.startswith(_PARENT)}
        parent = parents.setdefault(row["customerCode"], {**head, "lines": []})
        lines = parent["lines"]
        if isinstance(lines, list):
            lines.append({name: value for name, value in row.items() if name not in head})
    return list(parents.values())


def _pascal(value: Wire) -> Wire:
    return {name[:1].upper() + name[1:]: _pascal_below(item) for name, item in value.items()}


def _pascal_below(value: object) -> object:
    if isinstance(value, dict):
        return _pascal(value)
    if isinstance(value, list):
        return [_pascal(item) for item in value]
    return value


def swagger(prefix: str, names: Mapping[str, str]) -> Wire:
    """The machine-readable description of the calls, with the parameter names that are in force."""
    paths: Wire = {f"{prefix}/api/Billing/parameters": _operation("parameters", (), names, dated=False)}
    for call, parameters in PARAMETERS.items():
        tail = "" if call == "summary" else f"/{call}"
        paths[f"{prefix}/api/Billing/{{endDate}}{tail}"] = _operation(call, parameters, names)
    return {
        "openapi": "3.0.1",
        "info": {"title": "Atria External API", "version": "v1"},
        "paths": paths,
        "components": {"securitySchemes": {"Bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}},
    }


def _operation(call: str, parameters: tuple[tuple[str, str], ...], names: Mapping[str, str], *, dated: bool = True) -> Wire:
    date: list[Wire] = [{"name": "endDate", "in": "path", "required": True, "schema": {"type": "string", "format": "date-time"}}]
    query: list[Wire] = [{"name": names.get(name, name), "in": "query", "schema": {"type": kind}} for name, kind in parameters]
    answer = {"200": {"description": "Success"}, "401": {"description": "Unauthorized"}, "403": {"description": "Forbidden"}}
    return {"get": {"operationId": call, "tags": ["Billing"], "parameters": (date if dated else []) + query, "responses": answer}}
