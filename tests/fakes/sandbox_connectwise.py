"""A plain client for the simulated ConnectWise PSA, and a check of its answers against the published description."""

import base64
import json
import os
import re
import ssl
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from reconcile_app.core.amounts import SCALE
from reconcile_app.sandbox.connectwise_scenarios import kind_of
from reconcile_app.sandbox.connectwise_state import HOSTING
from reconcile_app.sandbox.server import Sandbox

_NEXT = re.compile(r'<([^>]*)>; rel="next"')
_SPEC = "specs/connectwise.openapi.patched.json"


def connectwise_sandbox(scenario: str, *, tls: ssl.SSLContext | None = None, **options: Any) -> Sandbox:
    """A sandbox with Atria and ConnectWise and no other PSA."""
    return Sandbox(scenario, psas=("connectwise",), tls=tls, **options)


class ConnectWiseClient:
    """Calls a sandbox's ConnectWise with the credentials it hands out."""

    def __init__(self, box: Sandbox, folder: str = "v4_6_release") -> None:
        self.settings = box.settings["connectwise"]
        self.site = self.settings["base_url"]
        self.root = f"{self.site}/{folder}/apis/3.0"
        secrets = self.settings["secrets"]
        self.headers = {
            "Authorization": basic(self.settings["company"], secrets["public_key"], secrets["private_key"]),
            "clientId": secrets["client_id"],
            "Accept": "application/vnd.connectwise.com+json; version=2026.4",
        }
        self.http = httpx.Client(timeout=20)

    def __enter__(self) -> "ConnectWiseClient":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.http.close()

    def call(self, method: str, path: str, body: object = None, **options: Any) -> httpx.Response:
        url = path if path.startswith("http") else f"{self.root}{path}"
        headers = {**self.headers, **options.pop("headers", {})}
        return self.http.request(method, url, json=body, headers=headers, **options)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.call("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def every(self, path: str, *, forward: bool = False, **params: Any) -> list[dict[str, Any]]:
        """All pages of a list, by the addresses in its Link headers."""
        headers = {"pagination-type": "forward-only"} if forward else {}
        answer = self.call("GET", path, params=params, headers=headers)
        found = answer.json()
        while (following := _NEXT.search(answer.headers.get("link", ""))) is not None:
            answer = self.call("GET", following.group(1), headers=headers)
            found += answer.json()
        return found

    def patch(self, path: str, *operations: tuple[Any, ...]) -> httpx.Response:
        """Operations as (op, path) or (op, path, value)."""
        return self.call("PATCH", path, [dict(zip(("op", "path", "value"), operation, strict=False)) for operation in operations])

    def refusal(self, method: str, path: str, body: object = None, **options: Any) -> tuple[int, str, str]:
        """Status, code and message; the text of the first flaw where there are any."""
        answer = self.call(method, path, body, **options)
        told = answer.json()
        flaws = told.get("errors")
        return answer.status_code, told["code"], flaws[0]["message"] if flaws else told["message"]

    def control(self, name: str, **order: Any) -> Any:
        answer = self.http.post(f"{self.site}/__sim/{name}", json=order)
        assert answer.status_code == 200, answer.text
        return answer.json()


class SmallTenant:
    """One company with one agreement since 1 January 2026, two products on it, and one that is not; today is 3 December 2026."""

    def __init__(self, box: Sandbox) -> None:
        self.box, self.state = box, box.world.connectwise
        self.company = self.state.add_company("Northwind Traders", identifier="NORTHWIND")
        self.kind = kind_of(self.state, HOSTING)
        self.agreement = self.state.add_agreement(self.company, "Hosting - Northwind", self.kind, start=date(2026, 1, 1))
        self.products = [
            self.state.add_product(f"SEAT-{letter}", f"Seat {letter}", price=125_000, cost=71_000) for letter in ("A", "B", "C")
        ]
        self.lines = [self.state.add_addition(self.agreement, product, 40 * SCALE) for product in self.products[:2]]
        self.list = f"/finance/agreements/{self.agreement.id}/additions"
        self.line = f"{self.list}/{self.lines[0].id}"

    def entries(self) -> list[tuple[str, str, int | None, int | None]]:
        """The ledger: kind, who, before and after."""
        return [(entry.kind, entry.actor, entry.before, entry.after) for entry in self.box.ledger.entries]


def basic(company: str, public: str, private: str) -> str:
    """The Authorization header."""
    return "Basic " + base64.b64encode(f"{company}+{public}:{private}".encode()).decode()


def description() -> dict[str, Any] | None:
    """The published description of the API; None where this computer has no copy of it."""
    folder = os.environ.get("RECONCILE_SHARED")
    file = (Path(folder) if folder else Path(__file__).parents[3] / "shared") / _SPEC
    return json.loads(file.read_bytes()) if file.is_file() else None


class Described:
    """Checks values against schemas of a description: types, words of enumerations, required and unknown members."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.schemas: Mapping[str, Any] = document["components"]["schemas"]

    def answer(self, method: str, path: str, status: int = 200) -> Mapping[str, Any]:
        """The schema of an answer."""
        contents = self.document["paths"][path][method]["responses"][str(status)]["content"]
        schema: Mapping[str, Any] = contents["application/json"]["schema"]
        return schema

    def flaws(self, value: object, schema: Mapping[str, Any], at: str = "$") -> list[str]:
        """What does not fit, each with its place."""
        if "$ref" in schema:
            schema = self.schemas[schema["$ref"].rsplit("/", 1)[1]]
        if value is None:
            return [] if schema.get("nullable") else [f"{at} is null"]
        if "enum" in schema and value not in schema["enum"]:
            return [f"{at} is {value!r}"]
        kind = schema.get("type", "")
        if kind and not isinstance(value, _KINDS[kind]):
            return [f"{at} is no {kind}"]
        if isinstance(value, list):
            inner = schema.get("items", {})
            return [flaw for index, item in enumerate(value) for flaw in self.flaws(item, inner, f"{at}[{index}]")]
        return self._members(value, schema, at) if isinstance(value, dict) else _format(value, schema, at)

    def _members(self, value: Mapping[str, Any], schema: Mapping[str, Any], at: str) -> list[str]:
        known, more = schema.get("properties", {}), schema.get("additionalProperties")
        found = [f"{at}.{name} is missing" for name in schema.get("required", ()) if name not in value]
        if not known and more is None:
            return found
        for name, item in value.items():
            if name in known:
                found += self.flaws(item, known[name], f"{at}.{name}")
            elif isinstance(more, dict):
                found += self.flaws(item, more, f"{at}.{name}")
            else:
                found.append(f"{at}.{name} is not described")
        return found


_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


def _format(value: object, schema: Mapping[str, Any], at: str) -> list[str]:
    if schema.get("type") in {"integer", "number"} and isinstance(value, bool):
        return [f"{at} is a boolean"]
    wanted = schema.get("format") == "date-time" and _DATE_TIME.fullmatch(str(value)) is None
    return [f"{at} is no date and time"] if wanted else []
