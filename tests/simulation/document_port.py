"""A PSA port over the store of agreements: whole documents are read, and posted back whole or changed in one place.

It stands for products that this program does not connect to yet, so that the engine meets their way of writing.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import msgspec

from reconcile_app.connectors.http import Answer, ApiClient
from reconcile_app.core.amounts import SCALE
from reconcile_app.core.changes import Change
from reconcile_app.core.errors import AnswerUnreadable
from reconcile_app.core.judge import Shape, Transport, classify, parse_retry_after
from reconcile_app.core.ports import (
    Budget,
    BuildContext,
    EvidenceItem,
    Fetched,
    LineState,
    Outcome,
    PermissionCheck,
    PreparedWrite,
    Tenant,
)
from reconcile_app.core.redact import Redactor
from reconcile_app.core.settings import Connection

TITLE = "Agreements"
Document = dict[str, Any]
decode = msgspec.json.Decoder(float_hook=Decimal).decode
encode = msgspec.json.Encoder(decimal_format="number").encode


class DocumentPort:
    """Implements ``PsaPort``. ``kind``: ``document``, ``set`` or ``compared_set``."""

    def __init__(self, connection: Connection, context: BuildContext, transport: httpx.AsyncBaseTransport, kind: str) -> None:
        token = connection.secrets["token"]
        self._clock, self._kind = context.clock, kind
        self._client = ApiClient(
            origin=connection.value("base_url"), side="psa", title=TITLE, clock=context.clock, progress=context.progress,
            redactor=Redactor([token.reveal()]), headers=lambda: {"Authorization": f"Bearer {token.reveal()}"}, transport=transport,
        )
        self._read: dict[str, Document] = {}

    @property
    def calls(self) -> int:
        return self._client.calls

    async def tenant(self) -> Tenant:
        answer = await self._client.read("GET", "/tenant", entity="tenant")
        seen = self._client.last_server_date
        skew = (self._clock.now() - seen).total_seconds() if seen else None
        return Tenant(fingerprint=str(_object(answer)["tenant"]), label=TITLE, clock_skew=skew)

    async def budget(self) -> Budget | None:
        return None

    async def read_lines(self, changes: Sequence[Change]) -> dict[str, LineState]:
        return {change.line_key: await self.read_line(change) for change in changes}

    async def read_line(self, change: Change) -> LineState:
        answer = await self._client.read("GET", f"/documents/{change.contract_id}", entity="documents", allow=frozenset({404}))
        if answer.status == 404:
            if _shape(answer) is not Shape.ERROR:
                raise AnswerUnreadable(f"Unreadable answer from {TITLE}.", "Not its own.")
            return LineState(line_id=change.line_id, present=False, quantity=0)
        document = _object(answer)
        if str(document.get("id")) != change.contract_id or not isinstance(document.get("lines"), list):
            raise AnswerUnreadable(f"Unreadable answer from {TITLE}.", "It is no agreement.")
        self._read[change.contract_id] = document
        return _state(document, change)

    def prepare(self, change: Change, state: LineState) -> PreparedWrite:
        document = self._read[change.contract_id]
        target = exact(change.quantity_target)
        if self._kind == "document":
            return PreparedWrite(method="POST", path="/documents", body=encode([with_quantity(document, change.line_id, target)]))
        steps: list[dict[str, object]] = [{"op": "replace", "path": "quantity", "value": target}]
        if self._kind == "compared_set":
            steps.insert(0, {"op": "test", "path": "quantity", "value": exact(state.quantity)})
        return PreparedWrite(method="PATCH", path=f"/documents/{change.contract_id}/lines/{change.line_id}", body=encode(steps))

    async def write(self, prepared: PreparedWrite) -> Outcome:
        answer = await self._client.send(prepared)
        if isinstance(answer, Transport):
            return Outcome(outcome=classify(None, Shape.OTHER, answer), message=self._client.last_fault)
        return Outcome(
            outcome=classify(answer.status, _shape(answer)), status=answer.status, message=self._client.quote(answer),
            retry_after=parse_retry_after(answer.headers.get("retry-after", ""), self._clock.now()),
        )

    async def renew(self) -> None:
        return None

    async def aclose(self) -> None:
        await self._client.aclose()

    async def check(self) -> list[PermissionCheck]:
        return []

    async def companies(self, identifiers: Collection[str] | None, ids: Collection[str] = ()) -> Fetched:
        raise NotImplementedError

    async def contracts(self, company_ids: Collection[str], at: date) -> Fetched:
        raise NotImplementedError

    async def services(self) -> Fetched:
        raise NotImplementedError

    async def lines(self, contract_ids: Collection[str], at: date) -> Fetched:
        raise NotImplementedError


def with_quantity(document: Document, line_id: str, quantity: Decimal) -> Document:
    """The same document with one quantity changed, whatever else it holds."""
    lines = [{**line, "quantity": quantity} if str(line["id"]) == line_id else line for line in document["lines"]]
    return {**document, "lines": lines}


def exact(quantity: int) -> Decimal:
    """Ten-thousandths as the shortest exact number."""
    return Decimal(format((Decimal(quantity) / SCALE).normalize(), "f"))


def scaled(value: object) -> int:
    """A quantity of the store in ten-thousandths.

    Raises:
        AnswerUnreadable: it is none.
    """
    good = isinstance(value, Decimal | int) and not isinstance(value, bool) and 0 <= value <= 1_000_000
    number = Decimal(value) * SCALE if good else Decimal("0.5")  # type: ignore[arg-type]  # a bad value is caught by the flag before it
    if number != int(number):
        raise AnswerUnreadable(f"Unreadable answer from {TITLE}.", f"{value!r} is no quantity.")
    return int(number)


def _state(document: Document, change: Change) -> LineState:
    line = next((line for line in document["lines"] if str(line["id"]) == change.line_id), None)
    rest = {**document, "stamp": None, "lines": [each for each in document["lines"] if each is not line]}
    stamp: Mapping[str, Any] = document.get("stamp") or {}
    if line is None:
        return LineState(line_id=change.line_id, present=False, quantity=0, neighbours=_digest(rest))
    quantity = scaled(line["quantity"])
    mark = _digest({**line, "quantity": None})
    return LineState(
        line_id=change.line_id, present=True, quantity=quantity,
        blocked="" if document.get("active") else "The agreement is closed.",
        evidence=(EvidenceItem(id=change.line_id, start="", end="", quantity=quantity, mark=mark),), neighbours=_digest(rest),
        attribution=f"{stamp.get('by')} at {stamp.get('at')}",
    )


def _digest(value: object) -> str:
    return hashlib.sha256(encode(value)).hexdigest()


def _object(answer: Answer) -> Document:
    try:
        value = decode(answer.content)
    except msgspec.DecodeError as error:
        raise AnswerUnreadable(f"Unreadable answer from {TITLE}.", "It is no JSON.") from error
    if not isinstance(value, dict) or "errors" in value:
        raise AnswerUnreadable(f"Unreadable answer from {TITLE}.", "It is no object.")
    return value


def _shape(answer: Answer) -> Shape:
    try:
        value = decode(answer.content) if answer.is_json else None
    except msgspec.DecodeError:
        return Shape.OTHER
    if isinstance(value, dict) and isinstance(value.get("errors"), list) and value["errors"]:
        return Shape.ERROR
    return Shape.SUCCESS if isinstance(value, dict) and isinstance(value.get("saved"), str) else Shape.OTHER


Build = Callable[[Connection, BuildContext], DocumentPort]
