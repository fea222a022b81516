"""What the body of a write must say, for each PSA: read by the checker, so nothing of the program is used here."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

Change = Mapping[str, Any]
SCALE = 10_000


def wrong_body(kind: str, body: bytes, change: Change, before: Mapping[str, Any]) -> str:
    """Why a body is not what the plan says, or empty."""
    return _BODIES[kind](json.loads(body, parse_float=Decimal), change, before)


def _autotask(body: Any, change: Change, before: Mapping[str, Any]) -> str:
    if change["kind"] == "set_unit_cost":
        wanted = {"id": int(change["line_id"]), "unitCost": Decimal(change["unit_cost_target"]) / SCALE}
        return "" if body == wanted else f"sent {body}, planned {wanted}"
    wanted = {
        "contractID": int(change["contract_id"]), "serviceID": int(change["service_id"]),
        "effectiveDate": f"{change['effective_date']}T00:00:00",
        "unitChange": Decimal(change["quantity_target"] - before["quantity"]) / SCALE,
    }
    if change["line_id"]:
        wanted["contractServiceID"] = int(change["line_id"])
    return "" if body == wanted else f"sent {body}, planned {wanted}"


def _document(body: Any, change: Change, before: Mapping[str, Any]) -> str:
    if not isinstance(body, list) or len(body) != 1 or not body[0].get("id"):
        return "not exactly one document with an id"
    lines = [line for line in body[0]["lines"] if str(line["id"]) == change["line_id"]]
    right = lines and Decimal(str(lines[0]["quantity"])) * SCALE == change["quantity_target"]
    return "" if right else f"the document holds {lines}, planned {change['quantity_target']}"


def _set(body: Any, change: Change, before: Mapping[str, Any]) -> str:
    replaced = [step for step in body if step["op"] == "replace"]
    right = len(replaced) == 1 and Decimal(str(replaced[0]["value"])) * SCALE == change["quantity_target"]
    return "" if right else f"sent {body}, planned {change['quantity_target']}"


def _connectwise(body: Any, change: Change, before: Mapping[str, Any]) -> str:
    right = _patched(body, change, before) if isinstance(body, list) else _created(body, change)
    return "" if right else f"sent {body}, planned {change}"


_PATCHES: Mapping[str, tuple[str, str]] = {
    "set_quantity": ("quantity", "quantity_target"), "zero_line": ("quantity", "quantity_target"),
    "set_unit_cost": ("unitCost", "unit_cost_target"),
}


def _patched(body: Any, change: Change, before: Mapping[str, Any]) -> bool:
    """One member of the line, and before it nothing but what it was."""
    tested = "unitCost" if change["kind"] == "set_unit_cost" else "quantity"
    was = before["cost" if tested == "unitCost" else "quantity"]
    tests = [{**step, "value": step["value"] * SCALE} for step in body[:-1]]
    if tests not in ([], [{"op": "test", "path": tested, "value": was}]):
        return False
    if change["kind"] == "cancel_line":
        return bool(body[-1] == {"op": "replace", "path": "cancelledDate", "value": f"{change['effective_date']}T00:00:00Z"})
    member, target = _PATCHES[change["kind"]]
    return {**body[-1], "value": body[-1]["value"] * SCALE} == {"op": "replace", "path": member, "value": change[target]}


def _created(body: Any, change: Change) -> bool:
    cost = change["unit_cost_target"] if change["kind"] == "replace_line" else None
    return bool(
        body["product"]["id"] == int(change["service_id"]) and body["quantity"] * SCALE == change["quantity_target"]
        and body["effectiveDate"] == f"{change['effective_date']}T00:00:00Z"
        and (cost is None or body["unitCost"] * SCALE == cost)
    )


_BODIES: Mapping[str, Callable[[Any, Change, Mapping[str, Any]], str]] = {
    "autotask": _autotask, "connectwise": _connectwise, "document": _document, "set": _set, "compared_set": _set,
}
