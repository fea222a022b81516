"""An Autotask tenant in memory: a transport with state that answers the calls of the connector from lists of rows."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote

import httpx

from reconcile_app.connectors.http import ApiClient
from reconcile_app.core.ports import BuildContext, Progress
from reconcile_app.core.settings import Connection, Secret
from tests.fakes.clock import VirtualClock

Row = dict[str, Any]
Fault = Callable[[httpx.Request], httpx.Response | None]

LOOKUP = "http://127.0.0.1:8100"
ZONE = "http://127.0.0.1:8101"
KEYS = {
    "username": "apiuser@NORTHWIND.EXAMPLE",
    "secret": "s3cret-key-of-the-api-user",
    "integration_code": "ABCDEFGHIJKLMNOPQRSTUVWXYZ1",
}
PREFIX = "/ATServicesRest/V1.0"


class AutotaskWorld(httpx.AsyncBaseTransport):
    """Answers requests to ``ZONE`` and ``LOOKUP``. ``faults`` may answer instead; the first that gives a response wins."""

    def __init__(self) -> None:
        self.tables: dict[str, list[Row]] = {
            name: [] for name in ("Companies", "Contracts", "Services", "ContractServices", "ContractServiceUnits")
        }
        self.rights: dict[str, Row] = {}
        self.fields: dict[str, Row] = {"Contracts": contract_fields()}
        self.zone_url = f"{ZONE}/ATServicesRest/"
        self.users = {KEYS["username"].lower(): 512345, "zone@northwind.example": 512345}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, Any]] = []
        self.headers: list[httpx.Headers] = []
        self.most_at_once: Counter[str] = Counter()
        self.latency = 0.0
        self.date = datetime(2026, 11, 26, 8, 15, tzinfo=UTC)
        self.cut_ends_on_effective_day = False
        self._now: Counter[str] = Counter()
        self._pages: dict[str, list[Row]] = {}

    def client(self, **values: Any) -> ApiClient:
        """An HTTP client whose network is this world."""
        return ApiClient(**values, transport=self)

    # Building

    def company(self, id_: int, name: str, **more: Any) -> int:
        self.tables["Companies"].append({"id": id_, "companyName": name, "companyNumber": "", "isActive": True, **more})
        return id_

    def contract(self, id_: int, company: int, **more: Any) -> int:
        row = {
            "id": id_,
            "companyID": company,
            "contractName": f"Cloud {id_}",
            "contractNumber": "",
            "contractType": 7,
            "status": 1,
            "startDate": "2026-01-26T00:00:00Z",
            "endDate": "2027-01-25T00:00:00Z",
            "renewedContractID": None,
        }
        self.tables["Contracts"].append(row | more)
        return id_

    def line(self, id_: int, contract: int, service: int, **more: Any) -> int:
        row = {
            "id": id_,
            "contractID": contract,
            "serviceID": service,
            "invoiceDescription": f"Service {service}",
            "internalDescription": "",
            "unitPrice": 23.1,
            "unitCost": 18.0,
            "internalCurrencyUnitPrice": 23.1,
            "internalCurrencyAdjustedPrice": 22.0,
        }
        self.tables["ContractServices"].append(row | more)
        return id_

    def units(self, id_: int, line: int, count: Any, start: str = "2026-11-26", end: str = "2026-12-25", **more: Any) -> int:
        of = next(row for row in self.tables["ContractServices"] if row["id"] == line)
        row = {
            "id": id_,
            "contractID": of["contractID"],
            "contractServiceID": line,
            "serviceID": of["serviceID"],
            "units": count,
            "startDate": f"{start}T00:00:00Z",
            "endDate": f"{end}T00:00:00Z",
            "approveAndPostDate": None,
        }
        self.tables["ContractServiceUnits"].append(row | more)
        return id_

    def service(self, id_: int, name: str, **more: Any) -> int:
        row = {
            "id": id_,
            "name": name,
            "description": "",
            "invoiceDescription": "",
            "sku": "",
            "isActive": True,
            "unitPrice": 23.1,
            "unitCost": 18.0,
        }
        self.tables["Services"].append(row | more)
        return id_

    # Answering

    @property
    def calls(self) -> int:
        return len(self.requests)

    def asked(self, part: str) -> list[Any]:
        """Bodies of the requests whose path holds ``part``."""
        return [body for _, path, body in self.requests if part in path]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        entity = request.url.path.removeprefix(PREFIX).strip("/").split("/")[0]
        self.requests.append((request.method, request.url.path, json.loads(request.content) if request.content else None))
        self.headers.append(request.headers)
        self._now[entity] += 1
        self.most_at_once[entity] = max(self.most_at_once[entity], self._now[entity])
        try:
            await asyncio.sleep(self.latency)
            answer = next((given for fault in self.faults if (given := fault(request)) is not None), None)
            if answer is None:
                answer = self._answer(request)
        finally:
            self._now[entity] -= 1
        answer.headers["Date"] = self.date.strftime("%a, %d %b %Y %H:%M:%S GMT")
        return answer

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/old")
        if path.lower().endswith("/zoneinformation"):
            return self._zone(request)
        parts = path.removeprefix(PREFIX).strip("/").split("/")
        if parts == ["ThresholdInformation"]:
            return reply({"externalRequestThreshold": 10000, "requestThresholdTimeframe": 60, "currentTimeframeRequestCount": 124})
        if parts[-1] == "entityInformation":
            every = {"userAccessForQuery": 1, "userAccessForCreate": 1, "userAccessForUpdate": 1}
            return reply({"info": {"name": parts[0], **every, **self.rights.get(parts[0], {})}})
        if parts[-2:] == ["entityInformation", "fields"]:
            return reply(self.fields[parts[0]])
        if parts[-2:] == ["query", "next"]:
            return self._next(request, parts[0])
        if parts[-1] == "query":
            return self._query(parts[0], json.loads(request.content))
        if parts[-2:] == ["query", "count"]:
            return reply({"queryCount": len(self._found(parts[0], json.loads(request.content)))})
        return self._write(request.method, parts, json.loads(request.content))

    def _zone(self, request: httpx.Request) -> httpx.Response:
        user = parse_qs(request.url.query.decode())["user"][0]
        if user.lower() not in self.users:
            return errors("Zone information could not be determined")
        return reply({"zoneName": "America East 2", "url": self.zone_url, "webUrl": ZONE, "ci": self.users[user.lower()]})

    def _query(self, entity: str, body: Row) -> httpx.Response:
        found = sorted(self._found(entity, body), key=lambda row: row["id"])
        return self._page(entity, [_picked(row, body["IncludeFields"]) for row in found])

    def _found(self, entity: str, body: Row) -> list[Row]:
        return [row for row in self.tables[entity] if all(_fits(row, each) for each in body["Filter"])]

    def _next(self, request: httpx.Request, entity: str) -> httpx.Response:
        if request.method != "POST":
            return reply({"Message": "The requested resource does not support http method 'GET'."}, 405)
        return self._page(entity, self._pages[parse_qs(request.url.query.decode())["paging"][0]])

    def _page(self, entity: str, rows: list[Row]) -> httpx.Response:
        following = None
        if len(rows) > 500:
            token = json.dumps({"pageSize": 500, "nextIds": [rows[499]["id"]], "n": len(self._pages)})
            self._pages[token] = rows[500:]
            following = f"{ZONE}{PREFIX}/{entity}/query/next?paging={quote(token)}"
        page = rows[:500]
        return reply(
            {"items": page, "pageDetails": {"count": len(page), "requestCount": 500, "prevPageUrl": None, "nextPageUrl": following}}
        )

    def _write(self, method: str, parts: list[str], body: Row) -> httpx.Response:
        if method == "PATCH" and parts[2] == "Services":
            row = next(row for row in self.tables["ContractServices"] if row["id"] == body["id"])
            row.update(body)
            return reply({"itemId": body["id"]})
        if method == "POST" and parts[2] == "ServiceAdjustments":
            self._adjust(body)
            return reply({"itemId": None})
        return reply({"Message": "No HTTP resource was found that matches the request URI."}, 404)

    def _adjust(self, body: Row) -> None:
        line = body.get("contractServiceID")
        if line is None:
            line = self.line(9000 + len(self.tables["ContractServices"]), body["contractID"], body["serviceID"])
            self.units(99000 + line, line, 0)
        day = body["effectiveDate"][:10]
        for row in [row for row in self.tables["ContractServiceUnits"] if row["contractServiceID"] == line]:
            if row["startDate"][:10] >= day:
                row["units"] += body["unitChange"]
            elif row["endDate"][:10] >= day:
                self.tables["ContractServiceUnits"].append(
                    row | {"id": row["id"] + 100000, "startDate": f"{day}T00:00:00Z", "units": row["units"] + body["unitChange"]}
                )
                last = date.fromisoformat(day) - timedelta(days=0 if self.cut_ends_on_effective_day else 1)
                row["endDate"] = f"{last.isoformat()}T00:00:00Z"


def _fits(row: Row, condition: Row) -> bool:
    value, wanted = row[condition["field"]], condition["value"]
    if condition["op"] == "in":
        assert len(wanted) <= 500
        return value in wanted
    if condition["op"] == "eq" or value is None:
        return value in (wanted, None)
    if isinstance(value, str):
        value, wanted = value[:19], wanted[:19]
    return bool(value >= wanted if condition["op"] == "gte" else value <= wanted)


def _picked(row: Row, fields: list[str]) -> Row:
    return {name: row.get(name) for name in fields} | {"userDefinedFields": []}


def reply(body: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=body)


def errors(*texts: str) -> httpx.Response:
    return reply({"errors": list(texts)}, 500)


def contract_fields(recurring: str = "7", label: str = "Recurring Service", active: str = "1") -> Row:
    kinds = [{"value": "1", "label": "Time & Materials"}, {"value": recurring, "label": label}]
    states = [{"value": "0" if active != "0" else "1", "label": "Inactive"}, {"value": active, "label": "Active"}]
    return {
        "fields": [
            {"name": "id", "dataType": "long", "picklistValues": None},
            {"name": "contractType", "dataType": "integer", "picklistValues": kinds},
            {"name": "status", "dataType": "integer", "picklistValues": states},
        ]
    }


def on(part: str, *answers: httpx.Response | Exception) -> Fault:
    """A fault that answers the next requests whose path holds ``part``, one answer each, then nothing more."""
    left = list(answers)

    def fault(request: httpx.Request) -> httpx.Response | None:
        if part not in str(request.url) or not left:
            return None
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return fault


def connection(**values: str) -> Connection:
    settings = {"zone_user": "zone@northwind.example", "zone_lookup_url": LOOKUP, **values}
    return Connection(name="psa", kind="autotask", values=settings, secrets={name: Secret(value) for name, value in KEYS.items()})


def context() -> tuple[BuildContext, list[Progress], VirtualClock]:
    heard: list[Progress] = []
    clock = VirtualClock()
    return BuildContext(clock=clock, progress=heard.append), heard, clock
