"""Writes to ConnectWise: the one request of a change, and what its answer is. Pure functions.

A quantity is replaced on the addition, alone (JSON Patch); or the addition is cancelled and another one takes its place. An
addition is never replaced as a whole (``PUT``), because every member that is left out would lose its value, and never deleted.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from reconcile_app.connectors.connectwise.frames import cancelled_on
from reconcile_app.connectors.connectwise.states import number_of, refused, target_blocks
from reconcile_app.connectors.connectwise.successors import body_of
from reconcile_app.connectors.connectwise.wire import TITLE, Reference, day, error_of
from reconcile_app.connectors.doubled import doubled_key
from reconcile_app.connectors.http import Answer, decode
from reconcile_app.core.amounts import AmountError, format_amount, parse_money, parse_quantity
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.errors import AnswerUnreadable
from reconcile_app.core.judge import Shape
from reconcile_app.core.ports import LineState, PreparedWrite

_PATH = re.compile(r"/finance/agreements/([0-9]+)/additions(?:/([0-9]+))?", re.ASCII)


def prepare(change: Change, state: LineState, *, compare: bool) -> PreparedWrite:
    """The one request that makes the change.

    ``compare``: the value that was read goes along as a ``test``, so that the server itself refuses a change that comes too late.

    Raises:
        PlanRefused: ConnectWise cannot take this change.
    """
    stop = state.blocked or target_blocks(change) or _presence_stops(change, state)
    if stop:
        raise refused(stop)
    path = f"/finance/agreements/{number_of(change.contract_id, 'Agreement')}/additions"
    if change.kind is ChangeKind.REPLACE_LINE:
        return PreparedWrite(method="POST", path=path, body=body_of(change, state.takes_over))
    if change.kind is ChangeKind.CREATE_LINE:
        return PreparedWrite(method="POST", path=path, body=creation_body(change))
    line = f"{path}/{number_of(change.line_id, 'Addition')}"
    if change.kind is ChangeKind.CANCEL_LINE:
        return PreparedWrite(method="PATCH", path=line, body=ending_body(change, state.quantity if compare else None))
    cost = change.kind is ChangeKind.SET_UNIT_COST
    before, target = (state.unit_cost, change.unit_cost_target) if cost else (state.quantity, change.quantity_target)
    assert target is not None  # noqa: S101 - target_blocks has refused it
    if before == target:
        raise refused(f"The line already has this {'unit cost' if cost else 'quantity'}.")
    body = patch_body("unitCost" if cost else "quantity", target, before if compare else None)
    return PreparedWrite(method="PATCH", path=line, body=body)


def _presence_stops(change: Change, state: LineState) -> str:
    if change.creates:
        if change.line_id:
            return "A line that is to be created cannot have an id yet."
        return "The product is on the agreement already." if state.present else state.unmet
    return "" if state.present and change.line_id else "The line is not on the agreement."


def patch_body(member: str, target: int, before: int | None = None) -> bytes:
    """A JSON Patch of one member, in ten-thousandths, as exact JSON numbers; with ``before`` after a test of what it is."""
    replace = f'{{"op":"replace","path":"{member}","value":{format_amount(target)}}}'
    return f"[{_test(member, before)}{replace}]".encode("ascii")


def ending_body(change: Change, before: int | None = None) -> bytes:
    """A JSON Patch that cancels an addition, so that it bills no more from the effective date on; with ``before`` after a test of
    its quantity."""
    day_value = f"{cancelled_on(change.effective_date).isoformat()}T00:00:00Z"
    return f'[{_test("quantity", before)}{{"op":"replace","path":"cancelledDate","value":"{day_value}"}}]'.encode("ascii")


def _test(member: str, before: int | None) -> str:
    return "" if before is None else f'{{"op":"test","path":"{member}","value":{format_amount(before)}}},'


def compares(prepared: PreparedWrite) -> bool:
    """Whether the server is asked to compare first; then a refusal may say that somebody else was faster."""
    return prepared.body.startswith(b'[{"op":"test"')


def creation_body(change: Change) -> bytes:
    """A new addition: product, quantity, start, and that it is billed. Price, cost and texts are the catalog's."""
    return (
        f'{{"product":{{"id":{number_of(change.service_id, "Product")}}},"billCustomer":"Billable",'
        f'"quantity":{format_amount(change.quantity_target)},"effectiveDate":"{change.effective_date.isoformat()}T00:00:00Z"}}'
    ).encode("ascii")


def _day_number(text: str) -> int:
    found = day(text.strip('"'))
    if found is None:
        raise AmountError("no date")
    return found.toordinal()


_PARSERS: Mapping[str, Callable[[str], int]] = {"quantity": parse_quantity, "unitCost": parse_money, "cancelledDate": _day_number}
"""How the value of a member is read; a quantity is never rounded."""


class _Op(msgspec.Struct):
    op: str
    path: str
    value: msgspec.Raw


class _Echo(msgspec.Struct, rename="camel"):
    id: int
    product: Reference | None = None
    quantity: msgspec.Raw = msgspec.Raw()
    unit_cost: msgspec.Raw = msgspec.Raw()
    cancelled_date: msgspec.Raw = msgspec.Raw()
    agreement_id: int | None = None


class _Created(msgspec.Struct):
    product: Reference
    quantity: msgspec.Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What a request asked for, read back from the request itself."""

    agreement_id: int
    line_id: int | None
    product_id: int | None
    member: str
    value: int


def _asked(prepared: PreparedWrite) -> _Asked:
    found = _PATH.fullmatch(prepared.path)
    assert found is not None  # noqa: S101 - made by ``prepare``
    agreement_id = int(found[1])
    if found[2] is None:
        created = decode(prepared.body, _Created, title=TITLE)
        value = parse_quantity(bytes(created.quantity).decode())
        return _Asked(agreement_id=agreement_id, line_id=None, product_id=created.product.id, member="quantity", value=value)
    last = decode(prepared.body, list[_Op], title=TITLE)[-1]
    value = _PARSERS[last.path](bytes(last.value).decode())
    return _Asked(agreement_id=agreement_id, line_id=int(found[2]), product_id=None, member=last.path, value=value)


def write_shape(answer: Answer, prepared: PreparedWrite) -> tuple[Shape, str]:
    """What the answer to a write is, and its receipt: the id of the addition.

    Success is the whole addition, and it must be ours: the same line, agreement and product, with the value that was sent. A cost
    that the API member may not see is left out of the echo and then not compared.
    """
    if error_of(answer) is not None:
        return Shape.ERROR, ""
    if not answer.is_json or doubled_key(answer.content):
        return Shape.OTHER, ""
    try:
        echo = decode(answer.content, _Echo, title=TITLE)
    except AnswerUnreadable:
        return Shape.OTHER, ""
    return (Shape.SUCCESS, str(echo.id)) if _is_ours(echo, _asked(prepared)) else (Shape.FOREIGN, "")


def _is_ours(echo: _Echo, asked: _Asked) -> bool:
    if asked.line_id is not None and echo.id != asked.line_id:
        return False
    if echo.agreement_id is not None and echo.agreement_id != asked.agreement_id:
        return False
    if asked.product_id is not None and (echo.product is None or echo.product.id != asked.product_id):
        return False
    shown = bytes({"unitCost": echo.unit_cost, "cancelledDate": echo.cancelled_date}.get(asked.member, echo.quantity))
    if asked.member == "unitCost" and shown in (b"", b"null"):
        return True
    try:
        return _PARSERS[asked.member](shown.decode("ascii")) == asked.value
    except ValueError:
        return False
