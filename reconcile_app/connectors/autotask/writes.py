"""Writes to Autotask: the one request of a change, and what its answer is. Pure functions."""

import json
from datetime import date

import msgspec

from reconcile_app.connectors.autotask.states import number_of, refused, target_blocks
from reconcile_app.connectors.autotask.wire import TITLE, day_start, error_texts
from reconcile_app.connectors.doubled import doubled_key
from reconcile_app.connectors.http import Answer, decode
from reconcile_app.core.amounts import SCALE, format_amount, is_whole
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.errors import AnswerUnreadable
from reconcile_app.core.judge import Shape
from reconcile_app.core.ports import LineState, PreparedWrite


def prepare(change: Change, state: LineState) -> PreparedWrite:
    """The one request that makes the change.

    A quantity is a signed difference (``ContractServiceAdjustments``), computed from the reading just made. A missing line is
    created by its first adjustment, which Autotask does by itself when the contract does not hold the service: one request, so that
    there is never a new line without its quantity. A unit cost is a partial update of the contract service.

    Raises:
        PlanRefused: Autotask cannot take this change.
    """
    stop = state.blocked or target_blocks(change) or _presence_stops(change, state)
    if stop:
        raise refused(stop)
    contract_id = number_of(change.contract_id, "Contract")
    if change.kind is ChangeKind.SET_UNIT_COST:
        assert change.unit_cost_target is not None  # noqa: S101 - target_blocks has refused it
        body = cost_body(line_id=number_of(change.line_id, "Line"), unit_cost=change.unit_cost_target)
        return PreparedWrite(method="PATCH", path=f"/Contracts/{contract_id}/Services", body=body)
    delta = change.quantity_target - state.quantity
    if delta == 0 or not is_whole(delta):
        raise refused("The line already has this quantity." if delta == 0 else "Autotask takes whole units only.")
    body = adjustment_body(
        contract_id=contract_id,
        line_id=number_of(change.line_id, "Line") if change.line_id else None,
        service_id=number_of(change.service_id, "Service"),
        effective=change.effective_date,
        unit_change=int(delta // SCALE),
    )
    return PreparedWrite(method="POST", path=f"/Contracts/{contract_id}/ServiceAdjustments", body=body)


def _presence_stops(change: Change, state: LineState) -> str:
    if change.kind is ChangeKind.CREATE_LINE:
        if change.line_id:
            return "A line that is to be created cannot have an id yet."
        return "The service is on the contract already." if state.present else ""
    # Without the line's id Autotask would add a new, paid service instead of refusing.
    return "" if state.present and change.line_id else "The line is not on the contract."


def adjustment_body(*, contract_id: int, line_id: int | None, service_id: int, effective: date, unit_change: int) -> bytes:
    """The body of a ``ContractServiceAdjustments`` create, and nothing that could touch a price.

    Without ``line_id`` Autotask creates the line with its first adjustment.
    """
    body: dict[str, object] = {"contractID": contract_id}
    if line_id is not None:
        body["contractServiceID"] = line_id
    body |= {"serviceID": service_id, "effectiveDate": day_start(effective), "unitChange": unit_change}
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def cost_body(*, line_id: int, unit_cost: int) -> bytes:
    """The body of a ``ContractServices`` update of the unit cost (ten-thousandths), as an exact JSON number."""
    return f'{{"id":{line_id},"unitCost":{format_amount(unit_cost)}}}'.encode("ascii")


def write_shape(answer: Answer, line_id: int | None = None) -> tuple[Shape, str]:
    """What the answer to a write is, and its receipt.

    Success is ``{"itemId": …}`` with null or a number, or an empty object: a successful adjustment may well carry no id. Where
    ``line_id`` is given (an update), a number must repeat it.
    """
    if not answer.is_json or doubled_key(answer.content):
        return Shape.OTHER, ""
    if error_texts(answer.content):
        return Shape.ERROR, ""
    try:
        body = {name.casefold(): raw for name, raw in decode(answer.content, dict[str, msgspec.Raw], title=TITLE).items()}
        item = decode(bytes(body["itemid"]), int | None, title=TITLE) if body else None  # type: ignore[arg-type]  # a union is decodable
    except (AnswerUnreadable, KeyError):
        return Shape.OTHER, ""
    if item is not None and line_id is not None and item != line_id:
        return Shape.FOREIGN, ""
    return Shape.SUCCESS, "" if item is None else str(item)
