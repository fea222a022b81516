"""A ConnectWise tenant in memory: a transport with state that answers the calls of the connector from lists of rows."""

import asyncio
import json
import re
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from reconcile_app.connectors.http import ApiClient
from reconcile_app.core.ports import BuildContext, Progress
from reconcile_app.core.settings import Connection, Secret
from tests.fakes.clock import VirtualClock

Row = dict[str, Any]
Fault = Callable[[httpx.Request], httpx.Response | None]

SITE = "http://127.0.0.1:8200"
KEYS = {"public_key": "pubKey-of-the-member", "private_key": "privKey-of-the-member", "client_id": "5f0c1a52-client-id"}
WIRE = Path(__file__).parents[1] / "connectors" / "wire" / "connectwise"


def recorded(name: str) -> Any:
    """A recorded answer."""
    return json.loads((WIRE / f"{name}.json").read_text(encoding="utf-8"))


class ConnectWiseWorld(httpx.AsyncBaseTransport):
    """Answers requests to ``SITE``. ``faults`` may answer instead; the first that gives a response wins.

    ``codebase`` is where the API lives now; ``router`` says whether ``v4_6_release`` leads there too. ``by_cursor``: lists can be
    read forward-only. ``tests``: the operation *test* is honored. ``bundles``: bundles of additions are answered. ``hidden``: how
    many rows more than lists show are counted.
    """

    def __init__(self) -> None:
        self.companies: list[Row] = recorded("companies")
        self.types: list[Row] = recorded("agreement_types")
        self.agreements: list[Row] = recorded("agreements")
        self.catalog: list[Row] = recorded("catalog")
        self.additions: dict[int, list[Row]] = {1207: recorded("additions")}
        self.security: list[Row] = recorded("my_security")
        self.info: Any = recorded("company_info")
        self.codebase, self.router, self.by_cursor = "v2026_4", True, True
        self.tests = self.bundles = False
        self.page_limit = 1000
        self.hidden = 0
        self.faults: list[Fault] = []
        self.requests: list[httpx.Request] = []
        self.most_at_once = self._at_once = 0
        self.latency = 0.0
        self.date = datetime(2026, 11, 26, 8, 15, tzinfo=UTC)
        self.edits = 0

    def client(self, **values: Any) -> ApiClient:
        """An HTTP client whose network is this world."""
        return ApiClient(**values, transport=self)

    # Building

    def agreement(self, id_: int, company: int, **more: Any) -> int:
        row = {"id": id_, "name": f"Cloud {id_}", "type": {"id": 14, "name": "Managed Services"}, "company": {"id": company}}
        self.agreements.append(row | {"startDate": "2025-01-01T00:00:00Z", "noEndingDateFlag": True, "cancelledFlag": False} | more)
        self.additions.setdefault(id_, [])
        return id_

    def addition(self, id_: int, agreement: int, product: int, quantity: Any = 1, **more: Any) -> Row:
        row = {"id": id_, "product": {"id": product, "identifier": f"P-{product}"}, "quantity": quantity, "unitPrice": 2.5}
        row |= {"unitCost": 1.5, "billCustomer": "Billable", "effectiveDate": "2025-01-01T00:00:00Z", "agreementId": agreement}
        row |= more
        self.additions.setdefault(agreement, []).append(row)
        return row

    # Looking

    @property
    def calls(self) -> int:
        return len(self.requests)

    def asked(self, part: str) -> list[httpx.Request]:
        """Requests whose path ends with ``part``."""
        return [request for request in self.requests if request.url.path.endswith(part)]

    # Answering

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self.latency)
            answer = next((given for fault in self.faults if (given := fault(request)) is not None), None) or self._answer(request)
        finally:
            self._at_once -= 1
        answer.headers["Date"] = self.date.strftime("%a, %d %b %Y %H:%M:%S GMT")
        return answer

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.startswith("/login/companyinfo/"):
            return reply(self.info)
        _, codebase, _, _, *parts = path.split("/")
        if codebase != self.codebase and not (self.router and codebase == "v4_6_release"):
            return httpx.Response(404, html="<html>no such code base</html>")
        return self._resource(request, "/".join(parts))

    def _resource(self, request: httpx.Request, path: str) -> httpx.Response:
        lists = {
            "company/companies": self.companies,
            "finance/agreements": self.agreements,
            "procurement/catalog": self.catalog,
            "finance/agreements/types": self.types,
            "system/mySecurity": self.security,
        }
        if path.endswith("/count"):
            whole = self._resource(httpx.Request("GET", f"{SITE}/x?{request.url.query.decode()}&pageSize=1000000"), path[:-6])
            return whole if whole.status_code != 200 else reply({"count": len(whole.json()) + self.hidden})
        if path in lists:
            return self._list(request, lists[path])
        if path == "system/bundles":
            return self._bundle(json.loads(request.content)) if self.bundles else no_endpoint()
        found = re.fullmatch(r"finance/agreements/(\d+)/additions(?:/(\d+))?", path)
        if found is None:
            return no_endpoint()
        agreement = int(found[1])
        if agreement not in self.additions:
            return error(404, "NotFound", f"Agreement {agreement} not found")
        if request.method == "GET":
            return self._list(request, self.additions[agreement])
        if request.method == "POST":
            return self._create(agreement, exactly(request.content))
        return self._patch(agreement, int(found[2]), exactly(request.content))

    def _list(self, request: httpx.Request, rows: list[Row]) -> httpx.Response:
        params = dict(request.url.params)
        rows = sorted((row for row in rows if fits(row, params.get("conditions", ""))), key=lambda row: row.get("id", 0))
        size = int(params.get("pageSize", "25"))
        size = size if size > 1000 else min(size, self.page_limit)
        forward = self.by_cursor and request.headers.get("pagination-type") == "forward-only"
        if forward:
            assert not {"orderBy", "page"} & set(params)
            rows = [row for row in rows if row["id"] > int(params.get("pageId", "0"))]
            more = {"pageId": str(rows[size - 1]["id"])} if len(rows) > size else None
        else:
            page = int(params.get("page", "1"))
            more = {"page": str(page + 1)} if len(rows) > page * size else None
            rows = rows[(page - 1) * size :]
        answer = reply([picked(row, params.get("fields", "")) for row in rows[:size]])
        if more is not None:
            answer.headers["Link"] = f'<{next_url(request, more)}>; rel="next", <{next_url(request, more)}>; rel="last"'
        elif forward:
            answer.headers["Link"] = ""
        return answer

    def _patch(self, agreement: int, id_: int, ops: list[Row]) -> httpx.Response:
        row = next((row for row in self.additions[agreement] if row["id"] == id_), None)
        if row is None:
            return error(404, "NotFound", f"Addition {id_} not found")
        for op in ops:
            if op["op"] == "test" and self.tests and Decimal(str(row[op["path"]])) != op["value"]:
                return error(400, "InvalidObject", "addition object is invalid")
        value = ops[-1]["value"]
        row[ops[-1]["path"]] = value if isinstance(value, str) else float(value)
        self.touch(row, "AtriaSync")
        return reply(row)

    def touch(self, row: Row, who: str) -> None:
        """Note an edit, and compute what follows from the quantity."""
        self.edits += 1
        row["_info"] = {"lastUpdated": f"2026-11-26T08:{self.edits:02d}:00Z", "updatedBy": who}
        row["billedQuantity"] = row["quantity"]
        row["extPrice"] = row["quantity"] * row.get("unitPrice", 0)

    def _create(self, agreement: int, body: Row) -> httpx.Response:
        row = self.addition(99001, agreement, int(body["product"]["id"]), float(body["quantity"]))
        row |= json.loads(json.dumps({name: value for name, value in body.items() if name != "product"}, default=float))
        self.touch(row, "AtriaSync")
        return reply(row, 201)

    def _bundle(self, body: Row) -> httpx.Response:
        results: list[Row] = []
        for each in body["requests"]:
            rows = self.additions.get(each["apiRequest"]["parentId"])
            told = {"success": False, "statusCode": 404} if rows is None else {"success": True, "statusCode": 200}
            results.append({"sequenceNumber": each["sequenceNumber"], **told, "entities": rows or [], "count": len(rows or [])})
        return reply({"results": results})


def exactly(content: bytes) -> Any:
    return json.loads(content, parse_float=Decimal, parse_int=Decimal)


def next_url(request: httpx.Request, more: dict[str, str]) -> str:
    params = {key: value for key, value in request.url.params.items() if key not in more} | more
    return f"{SITE}{request.url.path}?" + "&".join(f"{key}={quote(value)}" for key, value in params.items())


def fits(row: Row, conditions: str) -> bool:
    """The few forms of conditions that the connector uses."""
    return all(_holds(row, each) for each in re.split(r" and (?![^(]*\))", conditions) if each)


def _holds(row: Row, condition: str) -> bool:
    found = re.fullmatch(r"([\w/]+) (=|in) (.*)", condition)
    assert found is not None, condition
    value: Any = row
    for name in found[1].split("/"):
        value = value[name]
    if found[2] == "=":
        return bool(value == json.loads(found[3]))
    wanted = json.loads(f"[{found[3][1:-1]}]")
    return (value.casefold() if isinstance(value, str) else value) in [
        each.casefold() if isinstance(each, str) else each for each in wanted
    ]


def picked(row: Row, fields: str) -> Row:
    """The row with only the fields that were asked for; nested ones keep their shape."""
    if not fields:
        return row
    found: Row = {}
    for path in fields.split(","):
        name, _, inner = path.partition("/")
        if inner and inner in row.get(name, {}):
            found.setdefault(name, {})[inner] = row[name][inner]
        elif not inner and name in row:
            found[name] = row[name]
    return found


def reply(body: object, status: int = 200) -> httpx.Response:
    text = json.dumps(body)
    return httpx.Response(status, text=text, headers={"Content-Type": "application/vnd.connectwise.com+json; version=2026.4"})


def error(status: int, code: str, message: str) -> httpx.Response:
    text = json.dumps({"code": code, "message": message}, indent=2).replace("\n", "\r\n")
    return httpx.Response(status, text=text, headers={"Content-Type": "application/json; charset=utf-8"})


def no_endpoint() -> httpx.Response:
    return error(404, "ConnectWiseApi", "The endpoint does not exist.")


def on(part: str, *answers: httpx.Response | Exception) -> Fault:
    """A fault that answers the next requests whose address holds ``part``, one answer each, then nothing more."""
    left = list(answers)

    def fault(request: httpx.Request) -> httpx.Response | None:
        if part not in f"{request.method} {request.url}" or not left:
            return None
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return deepcopy(answer)

    return fault


def always(part: str, answer: Callable[[], httpx.Response]) -> Fault:
    """A fault that answers every request whose address holds ``part``."""
    return lambda request: answer() if part in f"{request.method} {request.url}" else None


def connection(**values: str) -> Connection:
    settings = {"base_url": SITE, "company": "acme_training", "agreement_type": "Managed Services", **values}
    secrets = {name: Secret(value) for name, value in KEYS.items()}
    return Connection(name="psa", kind="connectwise", values=settings, secrets=secrets)


def context() -> tuple[BuildContext, list[Progress], VirtualClock]:
    heard: list[Progress] = []
    clock = VirtualClock()
    return BuildContext(clock=clock, progress=heard.append), heard, clock
