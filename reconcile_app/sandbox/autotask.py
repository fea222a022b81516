"""The simulated Autotask over HTTP: zones, sign-in, limits, and the routes of every entity."""

import contextlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from reconcile_app.sandbox.autotask_acts import ACTS
from reconcile_app.sandbox.autotask_errors import (
    BAD_INTEGRATION_CODE,
    HOURLY,
    HTML_404,
    NO_PERMISSION,
    THREADS,
    UNKNOWN_USER,
    ApiError,
    method_missing,
    route_missing,
)
from reconcile_app.sandbox.autotask_metadata import all_information, metadata_reply
from reconcile_app.sandbox.autotask_query import read_object
from reconcile_app.sandbox.autotask_read import Reader
from reconcile_app.sandbox.autotask_state import ApiUser, AutotaskState
from reconcile_app.sandbox.autotask_tables import BY_NAME, CHILDREN, Entity
from reconcile_app.sandbox.autotask_write import Write, create, update
from reconcile_app.sandbox.faults import Fault
from reconcile_app.sandbox.gate import Deliver, Reply, Request, json_reply
from reconcile_app.sandbox.ledger import Origin
from reconcile_app.sandbox.moments import Moments
from reconcile_app.sandbox.simulator import Control, Order, Simulator
from reconcile_app.sandbox.switches import Switches

_ROUTE = re.compile(r"/atservicesrest/(?:v(\d\.\d)/)?(.*?)/?", re.IGNORECASE)
_READS = {"query", "query/count", "query/next"}
_OPEN = {"zoneinformation", "versioninformation"}
_THREAD_LIMIT = 3
_HOURLY_WAIT = 60
_HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes: the entity, the contract above it, and what follows (lower case)."""

    entity: Entity
    parent: int | None
    rest: str


def find_route(path: str) -> Route | None:
    """Understand the part of the path after the version; None when there is no such route."""
    first, _, rest = path.partition("/")
    entity = BY_NAME.get(first.lower())
    if entity is None:
        return None
    number, _, below = rest.partition("/")
    if not _is_id(number) or not below:
        return Route(entity, None, rest.lower())
    name, _, tail = below.partition("/")
    child = CHILDREN.get((first.lower(), name.lower()))
    return Route(child, int(number), tail.lower()) if child else None


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


class AutotaskSimulator(Simulator):
    """Answers like the REST API of one tenant."""

    name: ClassVar[str] = "autotask"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._reader = Reader()
        self._moments = Moments()
        self._running: Counter[tuple[str, str]] = Counter()
        self._zone_port = 0
        self._zone_url = ""

    @property
    def state(self) -> AutotaskState:
        """The books, looked up anew: a reset replaces them."""
        return self.world.autotask

    @property
    def switches(self) -> Switches:
        """The product's variants."""
        return self.state.switches

    def settings(self) -> dict[str, Any]:
        """The connection's fields."""
        user = next(iter(self.state.users.values()))
        return {
            "base_url": "",
            "zone_user": user.username,
            "zone_lookup_url": self.base_url,
            "sku_field": "ServiceId",
            "company_field": "id",
            "settle_seconds": "5",
            "calls_per_hour_share": "0.5",
            "secrets": {"username": user.username, "secret": user.secret, "integration_code": min(self.state.integration_codes)},
        }

    async def start(self, port: int) -> int:
        """Listen; the first zone lives behind the same port as the discovery."""
        self._zone_port = await super().start(port)
        self._zone_url = self.base_url
        return self._zone_port

    def changes(self, request: Request) -> bool:
        """Queries by POST change nothing."""
        if request.method != "POST":
            return super().changes(request)
        route = self._route(request)
        return route is None or route.rest not in _READS

    def _route(self, request: Request) -> Route | None:
        found = _ROUTE.fullmatch(request.path)
        return find_route(found.group(2)) if found else None

    @contextlib.contextmanager
    def admit(self, request: Request) -> Iterator[Reply | None]:
        """At most three requests at a time per integration code and entity endpoint."""
        found = _ROUTE.fullmatch(request.path)
        endpoint = found.group(2).partition("/")[0].lower() if found else ""
        if not endpoint or endpoint in _OPEN:
            yield None
            return
        route = self._route(request)
        key = (request.headers.get("apiintegrationcode", ""), route.entity.name if route else endpoint)
        if self._running[key] >= _THREAD_LIMIT:
            yield ApiError(THREADS, status=int(self.switches["thread_limit"])).reply()
            return
        self._running[key] += 1
        try:
            yield None
        finally:
            self._running[key] -= 1

    def delay(self, request: Request) -> float:
        """The latency tiers: half a second from half of the hourly allowance on, a second from three quarters on."""
        if self.switches["latency_tiers"] == "off":
            return 0.0
        share = (len(self.state.requests) + self.state.foreign_requests) / self.state.hourly_limit
        return 1.0 if share >= 0.75 else 0.5 if share >= 0.5 else 0.0

    def spoil(self, request: Request) -> Deliver | None:
        """The switch that loses the answer to every adjustment after it was stored."""
        lost = self.switches["lost_answer"] == "on" and request.path.lower().endswith("adjustments")
        return Fault(kind="lost_answer").deliver() if lost else None

    def handle(self, request: Request, origin: Origin) -> Reply:
        """Carry out one request, and what other people do right before and after it."""
        struck = self._moments.due(request)
        self._moments.act(struck, "before", self.controls())
        reply = self._carry_out(request, origin)
        self._moments.act(struck, "after", self.controls())
        return reply

    def _carry_out(self, request: Request, origin: Origin) -> Reply:
        """Route one request; every refusal is an answer."""
        found = _ROUTE.fullmatch(request.path)
        version, path = (found.group(1), found.group(2)) if found else (None, "")
        if path.lower() == "versioninformation" and request.method == "GET":
            return json_reply({"apiVersions": ["V1.0"] if self.switches["versions"] == "v1" else ["V1.0", "V2.0"]})
        if not path or version != "1.0":
            return route_missing(request.target)
        try:
            if path.lower() == "zoneinformation":
                return self._zone(request)
            user = self._signed_in(request)
            return self._tenant(request, path, user) or self._entity(request, path, user, origin)
        except ApiError as refusal:
            return refusal.reply()
        except PermissionError:
            return Reply(status=401)

    def _zone(self, request: Request) -> Reply:
        wanted = (request.parameter("user") or "").lower()
        people = (record.values.get("email") for record in self.state.records["Resources"].values())
        if wanted not in {name.lower() for name in (*self.state.users, *people) if isinstance(name, str)}:
            raise ApiError(UNKNOWN_USER)
        return json_reply(
            {
                "zoneName": self.state.zone_name,
                "url": f"{self._zone_url}/ATServicesRest/",
                "webUrl": f"{self._zone_url}/",
                "ci": self.state.tenant,
            }
        )

    def _signed_in(self, request: Request) -> ApiUser:
        """The API user of the request, after sign-in and the hourly count."""
        headers = request.headers
        user = self.state.users.get(headers.get("username", ""))
        if request.port != self._zone_port or user is None or not user.api_only or user.secret != headers.get("secret"):
            raise PermissionError
        if headers.get("apiintegrationcode", "") not in self.state.integration_codes:
            raise ApiError(BAD_INTEGRATION_CODE)
        if self.state.count_request(self.world.clock.now()) > self.state.hourly_limit:
            status = int(self.switches["hourly_limit"])
            text = HOURLY.format(limit=self.state.hourly_limit)
            raise ApiError(text, status=status, retry_after=_HOURLY_WAIT if status == 429 else 0)
        return user

    def _tenant(self, request: Request, path: str, user: ApiUser) -> Reply | None:
        """Answers about the tenant as a whole."""
        name = path.lower()
        if name not in {"thresholdinformation", "entityinformation"}:
            return None
        if request.method != "GET":
            return method_missing(request.method)
        if name == "entityinformation":
            return json_reply({"items": all_information(user)})
        used = len(self.state.requests) + self.state.foreign_requests
        return json_reply(
            {
                "externalRequestThreshold": self.state.hourly_limit,
                "requestThresholdTimeframe": 60,
                "currentTimeframeRequestCount": used,
            }
        )

    def _entity(self, request: Request, path: str, user: ApiUser, origin: Origin) -> Reply:
        route = find_route(path)
        if route is None:
            return route_missing(request.target)
        if route.rest.startswith("entityinformation"):
            part = route.rest.removeprefix("entityinformation").strip("/")
            found = metadata_reply(route.entity, user, part) if request.method == "GET" else method_missing(request.method)
            return found or route_missing(request.target)
        if route.rest in _READS:
            return self._query(request, route, user)
        if request.method == "GET":
            return self._get(request, route, user)
        return self._change(request, route, user, origin)

    def _allowed(self, user: ApiUser, entity: Entity, right: str) -> None:
        if user.access(entity.name, right) == 0:
            raise ApiError(NO_PERMISSION.format(right=right), status=int(self.switches["missing_permission"]))

    def _query(self, request: Request, route: Route, user: ApiUser) -> Reply:
        entity = route.entity
        if route.parent is not None or not entity.query:
            return route_missing(request.target)
        if request.method not in {"GET", "POST"}:
            return method_missing(request.method)
        self._allowed(user, entity, "query")
        if route.rest == "query/count":
            return self._reader.count(self.state, entity, user, request)
        if route.rest == "query/next":
            return self._reader.following(self.state, entity, user, request, self._zone_url)
        return self._reader.query(self.state, entity, user, request, self._zone_url)

    def _get(self, request: Request, route: Route, user: ApiUser) -> Reply:
        if not route.entity.query or (not route.rest and route.parent is None):
            return method_missing("GET")
        self._allowed(user, route.entity, "query")
        if not route.rest and route.parent is not None:
            return self._reader.children(self.state, route.entity, user, route.parent, self._zone_url)
        if not _is_id(route.rest):
            return route_missing(request.target)
        return self._reader.item(self.state, route.entity, user, int(route.rest), route.parent)

    def _change(self, request: Request, route: Route, user: ApiUser, origin: Origin) -> Reply:
        entity, right = route.entity, "create" if request.method == "POST" else "update"
        if route.rest or request.method not in {"POST", "PATCH", "PUT"} or not self._writable(route, right):
            return method_missing(request.method)
        if request.method == "PATCH" and route.parent is None and self.switches["patch_collection"] == "html_404":
            return Reply(status=404, body=HTML_404, content_type=_HTML)
        self._allowed(user, entity, right)
        write, body = Write(self.state, user, origin), read_object(request.body)
        if right == "create":
            return json_reply({"itemId": create(write, entity, body, route.parent)})
        return json_reply({"itemId": update(write, entity, body, route.parent, replace=request.method == "PUT")})

    def _writable(self, route: Route, right: str) -> bool:
        """Children are written under their parent only; adjustments also at the root."""
        entity = route.entity
        offered = entity.create if right == "create" else entity.update
        return offered and (route.parent is not None or not entity.parent or entity.name.endswith("Adjustments"))

    def controls(self) -> dict[str, Control]:
        """What other users and the clerk in Approve & Post do, and what an administrator may change."""
        acts = {name: partial(act, self.state) for name, act in ACTS.items()}
        return {**acts, "moment": self._moments.plan, "paging": self.state.paging.plan, "switch": self._switch_zone}

    async def _switch_zone(self, order: Order) -> object:
        """Set switches; ``zone_moved`` opens the new zone, after which the old one refuses everybody."""
        values = self._switch(order)
        if order.get("zone_moved") == "on" and self._zone_url == self.base_url:
            self._zone_port = await self.gate.listen()
            self._zone_url = f"http://127.0.0.1:{self._zone_port}"
        return values
