"""What other people do in the simulated Autotask: users, the clerk in Approve & Post, the administrator.

Each act is a control call: it takes the books and an order with the fields its description names.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from reconcile_app.core.amounts import SCALE
from reconcile_app.sandbox.autotask_errors import ApiError
from reconcile_app.sandbox.autotask_state import AutotaskState, Contract
from reconcile_app.sandbox.autotask_tables import ENTITIES
from reconcile_app.sandbox.autotask_write import Write, adjust
from reconcile_app.sandbox.ledger import Origin

Order = Mapping[str, Any]


def _adjust(state: AutotaskState, order: Order) -> dict[str, int]:
    """Another user changes a line: ``line``, ``change`` (whole units), ``date``."""
    line = state.lines[int(order["line"])]
    day = date.fromisoformat(order["date"]) if "date" in order else state.clock.today()
    write = Write(state, next(iter(state.users.values())), Origin())
    try:
        adjust(write, state.contracts[line.contract_id], line, day, int(order["change"]))
    except ApiError as refusal:
        raise ValueError(str(refusal)) from refusal
    return {"units": line.units_on(day)}


def _remove_line(state: AutotaskState, order: Order) -> None:
    """Take a service off its contract: ``line``."""
    state.remove_line(state.lines[int(order["line"])])


def _remove_contract(state: AutotaskState, order: Order) -> None:
    """Delete a contract: ``contract``."""
    state.remove_contract(_contract(state, order))


def _remove_company(state: AutotaskState, order: Order) -> None:
    """Delete a company with its contracts: ``company``."""
    state.remove_company(state.records["Companies"][int(order["company"])])


def _change_contract(state: AutotaskState, order: Order) -> None:
    """Change a contract: ``contract``, and ``status`` (1 active, 0 inactive)."""
    contract = _contract(state, order)
    contract.values["status"] = int(order["status"])
    state.ledger.append("autotask", "update_contract", Origin(), line=str(contract.id), note=f"status {order['status']}")
    state.touch()


def _add_line(state: AutotaskState, order: Order) -> dict[str, int]:
    """Put a service on a contract: ``contract``, ``service``, ``units``."""
    service, units = state.records["Services"][int(order["service"])], int(order["units"])
    line = state.add_line(_contract(state, order), service, units)
    state.ledger.append("autotask", "create_line", Origin(), line=str(line.id), after=units * SCALE)
    return {"line": line.id}


def _post(state: AutotaskState, order: Order) -> dict[str, int]:
    """Approve and post a contract's rows: ``contract``, ``through``."""
    return {"billing_items": len(state.approve_and_post(_contract(state, order), date.fromisoformat(order["through"])))}


def _permission(state: AutotaskState, order: Order) -> None:
    """Change the first API user: ``entity``, ``right``, ``access`` (0, 1, 2), or ``sees_costs``."""
    user = next(iter(state.users.values()))
    user.sees_costs = bool(order.get("sees_costs", user.sees_costs))
    if "entity" in order:
        user.rights[ENTITIES[order["entity"]].name, str(order["right"])] = int(order["access"])
    state.touch()


def _keys(state: AutotaskState, order: Order) -> None:
    """Revoke the keys of the first API user (``revoked``), or give them back."""
    next(iter(state.users.values())).api_only = not order.get("revoked", True)


def _tenant(state: AutotaskState, order: Order) -> None:
    """Become another tenant of the same vendor, with the same keys: ``ci``."""
    state.tenant = int(order["ci"])


def _usage(state: AutotaskState, order: Order) -> None:
    """Pretend that other programs made requests in the last hour: ``requests``."""
    state.foreign_requests = int(order["requests"])


def _contract(state: AutotaskState, order: Order) -> Contract:
    return state.contracts[int(order["contract"])]


ACTS: Mapping[str, Callable[[AutotaskState, Order], object]] = {
    "adjust": _adjust,
    "remove-line": _remove_line,
    "remove-contract": _remove_contract,
    "remove-company": _remove_company,
    "contract": _change_contract,
    "add-line": _add_line,
    "post": _post,
    "permission": _permission,
    "keys": _keys,
    "tenant": _tenant,
    "usage": _usage,
}
"""Every act by the name of its control call."""
