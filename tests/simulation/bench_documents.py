"""A small store of agreements: whole documents with fields that nobody here knows, and lines with exact decimal quantities."""

import copy
import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

import httpx
import msgspec

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.ports import BuildContext, Capabilities, ConnectorSpec, PsaPort, Role, WriteSemantics
from reconcile_app.core.settings import Connection, SettingField
from reconcile_app.sandbox.clock import stamp
from reconcile_app.sandbox.gate import Reply, Request
from reconcile_app.sandbox.ledger import Ledger, Origin
from reconcile_app.sandbox.world import World
from tests.simulation.bench import EFFECTIVE, Act
from tests.simulation.document_port import TITLE, Document, DocumentPort, decode, encode, exact, scaled, with_quantity
from tests.simulation.process import START
from tests.simulation.story import Truth

PORT = 8201
_LINE = re.compile(r"/documents/([^/]+)/lines/([^/]+)")
_DOCUMENT = re.compile(r"/documents/([^/]+)")


class DocumentBench:
    """The store, and a few agreements in it. ``documents`` are noted as the checker wants them."""

    def __init__(self, dice: Random, kind: str) -> None:
        self.kind = kind
        self.semantics = "document" if kind == "document" else "set"
        self.modes: frozenset[str] = frozenset()
        self.world = World(None, seed=1, now=START, ticking=False)
        self.products = {PORT: self}
        self.values = {"base_url": f"http://127.0.0.1:{PORT}", "settle_seconds": "180"}
        self.secrets = {"token": f"token-{dice.getrandbits(64):016x}"}
        self.documents: list[tuple[str, Document, Document, str]] = []
        self.held: dict[str, Document] = {}
        self._served: dict[str, Document] = {}
        self._sent: dict[str, Document] = {}
        for number in range(dice.choice((1, 2, 3))):
            document = _document(f"D{number}", dice)
            self.held[document["id"]] = document

    @property
    def ledger(self) -> Ledger:
        return self.world.ledger

    def truth(self) -> dict[str, Truth]:
        return {
            line["id"]: Truth(present=True, quantity=scaled(line["quantity"]), customer=document["id"])
            for document in self.held.values() for line in document["lines"]
        }

    # the product -------------------------------------------------------------------------------------------------------------

    def changes(self, request: Request) -> bool:
        return request.method != "GET"

    def sending(self, request: Request) -> None:
        """A write leaves: this is what its sender knows of the document."""
        number = self._number(request)
        if number in self._served:
            self._sent[request.connection] = self._served[number]

    def handle(self, request: Request, origin: Origin) -> Reply:
        if request.headers.get("authorization") != f"Bearer {self.secrets['token']}":
            return self._reply({"errors": ["Not signed in."]}, 401)
        if request.path == "/tenant":
            return self._reply({"tenant": "agreements-1"})
        number = self._number(request)
        if number not in self.held:
            return self._reply({"errors": ["There is no such agreement."]}, 404)
        if request.method == "GET":
            self._served[number] = copy.deepcopy(self.held[number])
            return self._reply(self.held[number])
        return self._post(number, request, origin) if request.method == "POST" else self._patch(number, request, origin)

    def _number(self, request: Request) -> str:
        if request.method == "POST":
            return str(json.loads(request.body)[0].get("id"))
        found = _DOCUMENT.match(request.path)
        return found[1] if found else ""

    def _post(self, number: str, request: Request, origin: Origin) -> Reply:
        self._commit(number, decode(request.body)[0], origin)
        return self._reply({"saved": number})

    def _patch(self, number: str, request: Request, origin: Origin) -> Reply:
        found = _LINE.match(request.path)
        line = next((line for line in self.held[number]["lines"] if found and line["id"] == found[2]), None)
        if line is None:
            return self._reply({"errors": ["There is no such line."]}, 404)
        target = line["quantity"]
        for step in decode(request.body):
            if step["op"] == "test" and step["value"] != line["quantity"]:
                return self._reply({"errors": ["The quantity is another one."]}, 412)
            target = step["value"]
        self._commit(number, with_quantity(self.held[number], line["id"], target), origin, line["id"])
        return self._reply({"saved": number})

    def _commit(self, number: str, document: Document, origin: Origin, about: str = "") -> None:
        """Whatever is left out is gone, as with products of this kind."""
        before = {line["id"]: line for line in self.held[number]["lines"]}
        who = "reconcile" if origin.actor != "other" else "hana"
        now = stamp(self.world.clock.now())
        self.held[number] = {**document, "stamp": {"by": who, "at": now, "n": len(self.ledger.entries)}}
        after = {line["id"]: line for line in document["lines"]}
        changed = [line for line in after if line not in before or before[line] != after[line]] or [about or next(iter(after))]
        for line in changed:
            was, is_now = (scaled(each[line]["quantity"]) if line in each else 0 for each in (before, after))
            self.ledger.append("agreements", "document", origin, line=line, before=was, after=is_now, effective=EFFECTIVE)
        if self.kind == "document" and origin.connection in self._sent:
            for line in [line for line, value in after.items() if value != _line(self._sent[origin.connection], line)][:1]:
                self.documents.append((origin.connection, self._sent[origin.connection], document, line))

    def _reply(self, value: object, status: int = 200) -> Reply:
        return Reply(status=status, body=encode(value), content_type="application/json")

    # the bench ---------------------------------------------------------------------------------------------------------------

    def spec(self, transport: Callable[[BuildContext], httpx.AsyncBaseTransport]) -> ConnectorSpec:
        async def build(connection: Connection, context: BuildContext) -> PsaPort:
            return DocumentPort(connection, context, transport(context), self.kind)

        writes = WriteSemantics.DOCUMENT if self.kind == "document" else WriteSemantics.SET
        return ConnectorSpec(
            key="agreements", title=TITLE, role=Role.PSA, build_psa=build,
            fields=(SettingField(name="base_url", label="Address", help=""),
                    SettingField(name="settle_seconds", label="Settle time", help=""),
                    SettingField(name="token", label="Token", help="", secret=True, required=True)),
            capabilities=Capabilities(
                writes=writes, creates_lines=False, sets_unit_cost=False, has_effective_dates=False, whole_units=False
            ),
        )

    def customer_of(self, request: Request) -> str:
        found = _DOCUMENT.match(request.path)
        return found[1] if found else self._number(request) if request.method == "POST" else ""

    def refusal(self, text: str) -> bytes:
        return msgspec.json.encode({"errors": [text]})

    def wishes(self, dice: Random) -> list[Change]:
        changes = []
        for document in self.held.values():
            for line in document["lines"]:
                before = scaled(line["quantity"])
                target = dice.choice((0, before + SCALE, before + dice.randrange(1, 40_000), max(0, before - 25_000), before))
                if target != before:
                    changes.append(_change(document, line, before, target))
        dice.shuffle(changes)
        return changes

    def others(self, dice: Random, wanted: Sequence[Change]) -> list[Act]:
        if not wanted:
            return []
        change = dice.choice(wanted)
        number, line = change.contract_id, change.line_id
        ours = partial(self._set, number, line, change.quantity_target)
        old = partial(self._set, number, line, change.quantity_before)
        some = partial(self._set, number, line, dice.randrange(0, 500_000))
        kinds: list[list[Act]] = [
            [("another user changes the line", some)],
            [("another user makes our change", ours)],
            [("another user makes our change", ours), ("another user takes it back", old)],
            [("another user sets the old quantity", old)],
            [("another user renames the agreement", partial(self._rename, number, dice.getrandbits(30)))],
            [("another user closes the agreement", partial(self._close, number))],
            [("another user deletes the line", partial(self._delete, number, line))],
            [("another user deletes the agreement", lambda: self.held.pop(number, None))],
        ]
        return dice.choices(kinds, (4, 3, 3, 3, 2, 1, 1, 1))[0]

    def _set(self, number: str, line: str, quantity: int) -> None:
        if line in {each["id"] for each in self.held[number]["lines"]}:
            self._commit(number, with_quantity(self.held[number], line, exact(quantity)), Origin())

    def _rename(self, number: str, name: int) -> None:
        self.held[number] = {**self.held[number], "name": f"Renamed {name}"}

    def _close(self, number: str) -> None:
        self.held[number] = {**self.held[number], "active": False}

    def _delete(self, number: str, line: str) -> None:
        document = self.held[number]
        self.held[number] = {**document, "lines": [each for each in document["lines"] if each["id"] != line]}


def _line(document: Document, line: str) -> Any:
    return next((each for each in document["lines"] if each["id"] == line), None)


def _document(number: str, dice: Random) -> Document:
    lines = [
        {
            "id": f"{number}L{each}", "product": f"P{each}",
            "quantity": exact(dice.choice((0, 5, 100, 12_345)) * dice.choice((1, 25, 500))),
            "price": Decimal(f"{dice.randrange(1, 99)}.10"), "note": f"note {dice.getrandbits(20)}",
            "custom": {"tags": ["a", each]},
        }
        for each in range(dice.randrange(1, 5))
    ]
    return {
        "id": number, "name": f"Agreement {number}", "active": True, "discount": Decimal("0.050"),
        "owner": {"id": 7, "since": "2019"},
        "lines": lines, "stamp": {"by": "hana", "at": "2026-01-01"}, "unknown_to_us": [1, {"deep": Decimal("1.230")}],
    }


def _change(document: Document, line: dict[str, Any], before: int, target: int) -> Change:
    return Change(
        key=f"{document['id']}/{line['id']}", kind=ChangeKind.SET_QUANTITY if target else ChangeKind.ZERO_LINE,
        customer_code=document["id"], customer_name=document["name"], company_id="1", contract_id=document["id"],
        contract_name=document["name"], line_id=line["id"], service_id=line["product"], service_name=line["product"],
        sku=line["product"], description="", quantity_before=before, quantity_target=target, effective_date=EFFECTIVE,
    )
