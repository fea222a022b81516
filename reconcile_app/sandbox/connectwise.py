"""The simulated ConnectWise PSA over HTTP: discovery, the gateway's routing, sign-in, limits, rights, and the routes."""

import base64
import binascii
import re
from dataclasses import replace
from typing import Any, ClassVar

import msgspec

from reconcile_app.core.ids import sha256_hex
from reconcile_app.sandbox.connectwise_errors import (
    TIMED_OUT,
    ApiError,
    cannot_route,
    no_endpoint,
    no_method,
    no_right,
    not_json,
    too_many,
)
from reconcile_app.sandbox.connectwise_others import Others
from reconcile_app.sandbox.connectwise_read import Reader
from reconcile_app.sandbox.connectwise_state import HOSTING, ApiUser, ConnectWiseState
from reconcile_app.sandbox.connectwise_tables import REPORTS, Entity, Route, find_route
from reconcile_app.sandbox.connectwise_tenant import bundle, codebase, discovery, information, report
from reconcile_app.sandbox.connectwise_wire import Site
from reconcile_app.sandbox.connectwise_write import Write, change, create, delete
from reconcile_app.sandbox.faults import Fault
from reconcile_app.sandbox.gate import Deliver, Reply, Request
from reconcile_app.sandbox.ledger import Origin
from reconcile_app.sandbox.moments import Moments
from reconcile_app.sandbox.simulator import Control, Simulator
from reconcile_app.sandbox.switches import Switches

VERSION = "2026.4"
_ROUTER = "v4_6_release"
_FOLDER = re.compile(r"v4_6_release|v20\d\d_\d+", re.ASCII)
_PATH = re.compile(r"/([^/]+)/apis/3\.0(?:/(.*))?", re.IGNORECASE)
_DISCOVERY = re.compile(r"/login/companyinfo/([^/]+)/?", re.IGNORECASE)
_VENDOR = re.compile(r"application/vnd\.connectwise\.com\+json(?:;\s*version=([\w.]+))?", re.IGNORECASE)
_RIGHT = {"POST": "add", "PATCH": "edit", "PUT": "edit", "DELETE": "delete", "GET": "inquire"}
_LETTER = {"POST": "c", "PATCH": "u", "PUT": "u", "DELETE": "d", "GET": "g"}
_JSON = "application/json; charset=utf-8"
_ALWAYS = {
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Frame-Options": "SAMEORIGIN",
    "x-server-name": "SANDBOX-01",
    "api-current-version": VERSION,
}


class ConnectWiseSimulator(Simulator):
    """Answers like the REST API of one tenant."""

    name: ClassVar[str] = "connectwise"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._reader = Reader()
        self._moments = Moments()
        self._count = 0

    @property
    def state(self) -> ConnectWiseState:
        """The books, looked up anew: a reset replaces them."""
        return self.world.connectwise

    @property
    def switches(self) -> Switches:
        """The product's variants."""
        return self.state.switches

    def settings(self) -> dict[str, Any]:
        """The connection's fields."""
        user = self.state.user
        return {
            "base_url": self.base_url,
            "company": self.state.company,
            "agreement_type": HOSTING,
            "company_field": "identifier",
            "api_version": VERSION,
            "settle_seconds": "5",
            "calls_per_hour_share": "0.5",
            "secrets": {"public_key": user.public_key, "private_key": user.private_key, "client_id": min(self.state.client_ids)},
        }

    def controls(self) -> dict[str, Control]:
        """What other users, the invoicing clerk and the administrator do."""
        return {**Others(self.state).controls(), "moment": self._moments.plan, "paging": self.state.paging.plan}

    def changes(self, request: Request) -> bool:
        """A bundle is a POST that only reads."""
        found = _PATH.fullmatch(request.path)
        return super().changes(request) and not (found and (found.group(2) or "").lower().startswith("system/bundles"))

    def spoil(self, request: Request) -> Deliver | None:
        """The switch that loses the answer to every write after it was stored."""
        lost = self.switches["lost_answer"] == "on" and self.changes(request)
        return Fault(kind="lost_answer").deliver() if lost else None

    def handle(self, request: Request, origin: Origin) -> Reply:
        """Carry out one request, and what other people do right before and after it."""
        struck = self._moments.due(request)
        self._moments.act(struck, "before", self.controls())
        reply = self._answered(request, origin)
        self._moments.act(struck, "after", self.controls())
        return reply

    def _answered(self, request: Request, origin: Origin) -> Reply:
        """Route one request; every refusal is an answer."""
        self._count += 1
        found = _DISCOVERY.fullmatch(request.path)
        if found and request.method == "GET":
            return discovery(self.state, found.group(1))
        try:
            reply = self._tenant(request, origin)
        except ApiError as refusal:
            reply = refusal.reply()
        number = sha256_hex(f"{self.world.seed}/{self._count}".encode())
        told = f"{number[:8]}-{number[8:12]}-{number[12:16]}-{number[16:20]}-{number[20:32]}"
        return replace(_dressed(request, reply), headers={**_ALWAYS, "x-cw-request-id": told, **reply.headers})

    def _tenant(self, request: Request, origin: Origin) -> Reply:
        path = self._routed(request)
        if isinstance(path, Reply):
            return path
        if len(self._address(request)) + len(request.target) > self.state.url_limit:
            return Reply(status=414, body=b"Request URI Too Long", content_type="text/plain; charset=utf-8")
        bare = path.strip("/").lower()
        if bare == "system/info" and self.switches["info_without_keys"] == "answered":
            return information(self.state)
        user = self._signed_in(request)
        if isinstance(user, Reply):
            return user
        limit = self._limited()
        if limit is not None:
            return limit
        site = Site(self.state, user, self._address(request), request.path.split("/")[1])
        return self._special(site, request, bare) or self._entity(site, request, path, origin)

    def _routed(self, request: Request) -> str | Reply:
        """What follows ``apis/3.0/``, or the gateway's answer where it does not know the way.

        A folder of another version is lost; after a move every folder may be, until discovery is asked again.
        """
        found = _PATH.fullmatch(request.path)
        folder, path = (found.group(1).lower(), found.group(2) or "") if found else ("", "")
        if not _FOLDER.fullmatch(folder) or "/apis/3.0" in f"/{path}".lower():
            return cannot_route()
        moved = self.switches["codebase"] == "v2026_5_after_discovery" and not self.state.discovered
        return path if not moved and folder in {_ROUTER, codebase(self.state)} else _lost_page()

    def _address(self, request: Request) -> str:
        """Scheme and host as the client called them."""
        return f"{self.scheme}://{request.headers.get('host', f'127.0.0.1:{request.port}')}"

    def _signed_in(self, request: Request) -> ApiUser | Reply:
        """The API member of the request, or the refusal."""
        client = request.headers.get("clientid", "")
        if not client:
            status = int(self.switches["missing_client_id"])
            raise ApiError(status, "ConnectWiseApi", "The clientId header is required.")
        company, key, secret = _credentials(request.headers.get("authorization", ""))
        if company.lower() != self.state.company.lower():
            return cannot_route() if self.switches["bad_company"] == "400" else Reply(status=404)
        user = self.state.users.get(key)
        if user is None or user.private_key != secret:
            if self.switches["bad_keys"] == "404":
                return Reply(status=404)
            raise ApiError(401, "Unauthorized", "Incorrect public/private key")
        if client.lower() not in self.state.client_ids:
            raise ApiError(400, "ConnectWiseApi", "The clientId is not registered.")
        return user

    def _limited(self) -> Reply | None:
        """The refusal of a request too many, and the database's time-out where it is switched on."""
        state = self.state
        if state.per_minute and state.count_request() > state.per_minute:
            return too_many(self.switches["too_many"], state.retry_after)
        if self.switches["timeouts"] == "on" and self._count % 5 == 0:
            raise ApiError(500, "ConnectWiseApi", TIMED_OUT)
        return None

    def _special(self, site: Site, request: Request, path: str) -> Reply | None:
        """Answers that are no records."""
        if path in {"system/bundles", "system/bundles/count"}:
            if request.method != "POST":
                raise no_method(request.method)
            self._check_body(request)
            return bundle(site, self._reader, request, counts=path.endswith("count"))
        reports = path == "system/reports" or path.startswith("system/reports/")
        if path != "system/info" and not reports:
            return None
        if request.method != "GET":
            raise no_method(request.method)
        if not reports:
            return information(self.state)
        if site.user.level(REPORTS[1], "inquire") == "None":
            raise no_right()
        return report(site, self._reader, request, path.removeprefix("system/reports").strip("/"))

    def _entity(self, site: Site, request: Request, path: str, origin: Origin) -> Reply:
        route = find_route(path)
        if route is None:
            raise no_endpoint()
        _check_method(route, request.method)
        self._allowed(site.user, route.entity, request.method)
        if request.method == "GET":
            read = self._reader.count if route.counts else self._reader.item if route.record else self._reader.list
            return read(site, route, request)
        return self._change(site, route, request, origin)

    def _allowed(self, user: ApiUser, entity: Entity, method: str) -> None:
        if entity.right is not None and user.level(entity.right[1], _RIGHT[method]) == "None":
            raise no_right()

    def _change(self, site: Site, route: Route, request: Request, origin: Origin) -> Reply:
        write, entity = Write(self.state, site.user, origin), route.entity
        if request.method != "DELETE":
            self._check_body(request)
        if request.method == "POST":
            made = create(write, entity, request.body, route.parent)
            place = f"{self._address(request)}{request.path.rstrip('/')}/{made.id}"
            return Reply(status=201, body=msgspec.json.encode(site.show(entity, made)), headers={"Location": place})
        record = self._reader.record(site, route)
        if site.user.level((entity.right or ("", ""))[1], _RIGHT[request.method]) == "My":
            raise no_right()
        if request.method == "DELETE":
            delete(write, entity, record)
            return Reply(status=204)
        self._another_writes("before", route, origin)
        change(write, entity, record, request.body, whole=request.method == "PUT")
        reply = Reply(body=msgspec.json.encode(site.show(entity, record)))
        self._another_writes("after", route, origin)
        return reply

    def _another_writes(self, when: str, route: Route, origin: Origin) -> None:
        """The switch that lets another user raise a line by one around every write of ours."""
        if self.switches["second_writer"] == when and route.entity.name == "Addition" and origin.actor == "us":
            Others(self.state).adjust({"line": route.record, "change": 1})

    def _check_body(self, request: Request) -> None:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in {"application/json", "text/json", "application/vnd.connectwise.com+json"}:
            raise ApiError(415, "ConnectWiseApi", f"The request entity's media type '{kind}' is not supported for this resource.")
        if not request.body:
            raise not_json("A body is required.")


def _check_method(route: Route, method: str) -> None:
    """Whether the route takes the method: lists are read and added to, records are read, changed and deleted.

    Raises:
        ApiError: 405.
    """
    letter = _LETTER.get(method, "")
    fits = letter in route.entity.methods if letter else False
    placed = method == "GET" or ((method == "POST") == (route.record is None) and not route.counts)
    if not fits or not placed:
        raise no_method(method)


def _credentials(header: str) -> tuple[str, str, str]:
    """Company, public key and private key of a Basic header.

    Raises:
        ApiError: 401, there is none that can be read.
    """
    scheme, _, coded = header.partition(" ")
    try:
        plain = base64.b64decode(coded, validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        plain = ""
    name, _, secret = plain.partition(":")
    company, plus, key = name.partition("+")
    if not plus:
        raise ApiError(401, "Unauthorized", "UserNotAuthenticated")
    return company, key, secret


def _dressed(request: Request, reply: Reply) -> Reply:
    """With the content type that was asked for."""
    wanted = _VENDOR.search(request.headers.get("accept", ""))
    if wanted is None or reply.content_type != _JSON:
        return reply
    return replace(reply, content_type=f"application/vnd.connectwise.com+json; version={wanted.group(1) or VERSION}; charset=utf-8")


def _lost_page() -> Reply:
    page = b"<!DOCTYPE html><html><head><title>404 - File or directory not found.</title></head><body>Server Error</body></html>"
    return Reply(status=404, body=page, content_type="text/html; charset=utf-8")
