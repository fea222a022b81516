"""Reading from the simulated ConnectWise PSA: lists with conditions, order and both kinds of paging, counts, single records."""

import builtins
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from reconcile_app.sandbox.connectwise_conditions import Grammar, Predicate, Subject, any_child, comparable, parse
from reconcile_app.sandbox.connectwise_errors import TIMED_OUT, ApiError, bad_condition, bad_type, not_found, unknown_name
from reconcile_app.sandbox.connectwise_tables import ENTITIES, Entity, Route
from reconcile_app.sandbox.connectwise_wire import Site, cut, field_tree
from reconcile_app.sandbox.gate import Reply, Request

DEFAULT_PAGE, LARGEST_PAGE = 25, 1_000
_WALKS = 24
_WORKED_OUT = {"AgreementRecap", "CompanyReport", "MySecurity", "SecurityRoleSetting"}
_REFERENCE_TYPES = {"id": "int", "serializedFlag": "bool"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What a list is asked for. ``after`` is the cursor of forward-only paging, ``page`` counts from 1."""

    conditions: str = ""
    child: str = ""
    custom: str = ""
    order: str = ""
    fields: str | None = None
    page: int = 1
    size: int = DEFAULT_PAGE
    forward: bool = False
    after: int = 0
    subject: tuple[str, int] = ("", 0)


def query_of(entity: Entity, request: Request) -> Query:
    """The query of a request; parameters the API does not know are passed over.

    Raises:
        ApiError: a number that is none, or an order together with forward-only paging.
    """
    asked = request.parameter
    forward = request.headers.get("pagination-type", "").lower() == "forward-only" and entity.forward
    if forward and asked("orderBy"):
        raise ApiError(400, "ConnectWiseApi", "orderBy is not supported with forward-only pagination.")
    return Query(
        conditions=asked("conditions") or "",
        child=asked("childConditions") or "",
        custom=asked("customFieldConditions") or "",
        order=asked("orderBy") or "",
        fields=asked("fields"),
        page=max(whole(asked("page"), "page", 1), 1),
        size=page_size(asked("pageSize")),
        forward=forward,
        after=whole(asked("pageId"), "pageId", 0) if forward else 0,
        subject=(asked("type") or "", whole(asked("id"), "id", 0)) if entity.name == "AuditTrailEntry" else ("", 0),
    )


def whole(text: object, name: str, usual: int) -> int:
    """A whole number of a query.

    Raises:
        ApiError: it is none.
    """
    if text is None or not str(text).strip():
        return usual
    try:
        return int(str(text))
    except ValueError as error:
        raise bad_type(text, "System.Int32", name) from error


def page_size(text: object) -> int:
    """25 when nothing is said; what is above 1,000 is cut to 1,000 without a word."""
    size = whole(text, "pageSize", DEFAULT_PAGE)
    return min(size, LARGEST_PAGE) if size > 0 else DEFAULT_PAGE


def subject_of(site: Site, entity: Entity, path: str) -> Subject:
    """What a name in a condition or an order stands for.

    Raises:
        LookupError: the entity has no such name, or the server does not filter by it.
    """
    if path == "lastUpdated":
        return Subject("date", lambda record: record.updated)
    name, _, part = path.partition("/")
    member = entity.members[name]
    switches = site.state.switches
    if member.parts:
        if part not in member.parts or (name == "product" and switches["product_condition"] == "refused"):
            raise LookupError(path)
        return Subject(_REFERENCE_TYPES.get(part, "text"), _reference(site, entity, name, part))
    if part or member.type in {"info", "custom", "array", "object"}:
        raise LookupError(path)
    if member.derived and name != "id":
        if switches["derived_condition"] == "refused":
            raise LookupError(path)
        return Subject(member.type, lambda record: site.values(entity, record).get(name))
    if entity.name in _WORKED_OUT:
        return Subject(member.type, lambda record: site.values(entity, record).get(name))
    return Subject(member.type, lambda record: record.get(name))


def _reference(site: Site, entity: Entity, name: str, part: str) -> Callable[[Any], object]:
    target = entity.links.get(name)
    if target is None:
        return lambda record: (record.get(name) or {}).get(part)
    if part == "id":
        return lambda record: record.get(name)
    known = site.state.records[target]

    def read(record: Any) -> object:
        found = known.get(record.get(name))
        return found.get(part) if found else None

    return read


class Reader:
    """Answers reads. Matches of a walk are kept until anything changes, so that its pages need no new search."""

    def __init__(self) -> None:
        self._walks: OrderedDict[tuple[object, ...], list[Any]] = OrderedDict()

    def list(self, site: Site, route: Route, request: Request) -> Reply:
        """One page of a list, with the addresses of its neighbors in ``Link``."""
        query = query_of(route.entity, request)
        before = len([record for record in self.matches(site, route, query) if record.id <= query.after]) if query.forward else 0
        fault = site.state.paging.strike(route.entity.name, before // query.size + 1 if query.forward else query.page)
        if route.entity.name == "MyMember":
            return Reply(body=msgspec.json.encode(self.page(site, route, query)[0][0]))
        rows, more, last = self.page(site, route, self._jumped(site, route, query) if fault and fault.jumps else query)
        if query.forward:
            links = {"next": _address(site, request, "pageId", last)} if more else {}
        else:
            pages = _neighbors(query.page, self._pages(site, route, query))
            links = {relation: _address(site, request, "page", number) for relation, number in pages.items()}
        if fault is not None:
            rows, _ = fault.rows(rows, self._before(site, route, query))
            name, here = ("pageId", query.after) if query.forward else ("page", query.page)
            first = _address(site, request, name, 0 if query.forward else 1)
            following = fault.link(links.pop("next", None), own=_address(site, request, name, here), first=first)
            links |= {"next": following} if following else {}
        absent = not query.forward and (site.state.switches["missing_page_link"] == "absent" or not route.entity.forward)
        told = ", ".join(f'<{address}>; rel="{relation}"' for relation, address in links.items())
        return Reply(body=msgspec.json.encode(rows), headers={} if absent and not links else {"Link": told})

    def _jumped(self, site: Site, route: Route, query: Query) -> Query:
        """The page that follows, as the query that asks for it."""
        _, _, last = self.page(site, route, query)
        return replace(query, after=last, page=query.page + 1)

    def _before(self, site: Site, route: Route, query: Query) -> dict[str, object] | None:
        """The row in front of a page."""
        ahead = self.matches(site, route, query)
        number = sum(record.id <= query.after for record in ahead) if query.forward else (query.page - 1) * query.size
        shown = site.show(route.entity, ahead[number - 1]) if 0 < number <= len(ahead) else None
        return {name: float(bytes(one)) if isinstance(one, msgspec.Raw) else one for name, one in shown.items()} if shown else None

    def page(self, site: Site, route: Route, query: Query) -> tuple[builtins.list[dict[str, object]], bool, int]:
        """The rows of a page as they are shown, whether more follow, and the last id."""
        tree = field_tree(route.entity, query.fields)
        matches = self.matches(site, route, query)
        if query.forward:
            matches = [record for record in matches if record.id > query.after]
        begin = 0 if query.forward else (query.page - 1) * query.size
        found = matches[begin : begin + query.size]
        rows = [cut(site.show(route.entity, record), tree) for record in found]
        return rows, begin + query.size < len(matches), found[-1].id if found else 0

    def _pages(self, site: Site, route: Route, query: Query) -> int:
        return max(-(-len(self.matches(site, route, query)) // query.size), 1)

    def count(self, site: Site, route: Route, request: Request) -> Reply:
        """How many records match."""
        wrong = site.state.paging.strike(route.entity.name, 0) is not None
        number = len(self.matches(site, route, query_of(route.entity, request))) + wrong
        return Reply(body=msgspec.json.encode({"count": number}))

    def item(self, site: Site, route: Route, request: Request) -> Reply:
        """One record.

        Raises:
            ApiError: 404, there is none below that parent.
        """
        tree = field_tree(route.entity, request.parameter("fields"))
        return Reply(body=msgspec.json.encode(cut(site.show(route.entity, self.record(site, route)), tree)))

    def record(self, site: Site, route: Route) -> Any:
        """The record a route names.

        Raises:
            ApiError: 404.
        """
        number = route.record or 0
        if route.entity.name == "Addition":
            found: Any = site.state.additions.get(number)
            found = found if found and found.agreement_id == route.parent else None
        else:
            found = next((one for one in candidates(site, route, Query()) if one.id == number), None)
        if found is None or not visible(site, route.entity):
            raise not_found(route.entity.shown_as or route.entity.name, number)
        return found

    def matches(self, site: Site, route: Route, query: Query) -> builtins.list[Any]:
        """Every record that matches, in order."""
        state = site.state
        if route.entity.name == "Addition" and route.parent in state.unreadable:
            raise ApiError(500, "ConnectWiseApi", TIMED_OUT)
        asked = (route.entity.name, route.parent, query.conditions, query.child, query.custom, query.order, query.subject)
        key = (state.version, state.clock.today(), tuple(state.switches.values().values()), site.user.public_key, asked)
        if key not in self._walks or not visible(site, route.entity):
            self._walks[key] = self._search(site, route, query)
            if len(self._walks) > _WALKS:
                self._walks.popitem(last=False)
        return self._walks[key]

    def _search(self, site: Site, route: Route, query: Query) -> builtins.list[Any]:
        tests = _tests(site, route.entity, query)
        keys = _order(site, route.entity, query.order)
        records = candidates(site, route, query) if visible(site, route.entity) else ()
        found = sorted((record for record in records if all(test(record) for test in tests)), key=lambda record: record.id)
        for key, falling in reversed(keys):
            found.sort(key=key, reverse=falling)
        return found


def visible(site: Site, entity: Entity) -> bool:
    """Whether the member sees records at all: with the level My it only sees its own, and it owns none."""
    return entity.right is None or site.user.level(entity.right[1], "inquire") == "All"


def candidates(site: Site, route: Route, query: Query) -> Iterable[Any]:
    """Every record a list may show.

    Raises:
        ApiError: 404, there is no such parent.
    """
    state, name = site.state, route.entity.name
    if name in {"Addition", "AgreementAdjustment"} and route.parent not in state.records["Agreement"]:
        raise not_found("Agreement", route.parent or 0)
    if name == "Addition":
        return list(state.additions_of[route.parent or 0])
    if name == "AuditTrailEntry":
        return list(state.audit[query.subject])
    if name == "MyMember":
        return [one for one in state.records["Member"].values() if one.get("identifier") == site.user.identifier]
    if name == "SecurityRoleSetting":
        return list(state.records["MySecurity"].values())
    if name == "AgreementAdjustment":
        return [one for one in state.records[name].values() if one.get("agreementId") == route.parent]
    stored = route.entity.shown_as or name
    known = state.records[stored]
    return [known[route.record]] if route.record in known else list(known.values())


def _tests(site: Site, entity: Entity, query: Query) -> list[Predicate]:
    strict = site.state.switches["condition_dates"] == "self_hosted"
    tests = []
    if query.conditions:
        tests.append(parse(query.conditions, Grammar(resolve=lambda path: subject_of(site, entity, path), strict_dates=strict)))
    if query.child:
        tests.append(_child_test(entity, query.child))
    if query.custom:
        inside = parse(query.custom, Grammar(resolve=_custom_subject, allow_in=False))
        tests.append(any_child(lambda record: record.get("customFields") or (), inside))
    return tests


def _child_test(entity: Entity, text: str) -> Predicate:
    """A condition on the members of one child array, such as ``types/name = "Client"``."""
    arrays: set[str] = set()

    def resolve(path: str) -> Subject:
        name, _, part = path.partition("/")
        if entity.members[name].type not in {"array", "custom"} or not part:
            raise LookupError(path)
        arrays.add(name)
        return Subject("any", lambda item: item.get(part) if isinstance(item, dict) else None)

    inside = parse(text, Grammar(resolve=resolve, allow_in=False))
    if len(arrays) != 1:
        raise bad_condition("A child condition is about one child array.")
    name = arrays.pop()
    return any_child(lambda record: record.get(name) or (), inside)


def _custom_subject(path: str) -> Subject:
    if path not in {"caption", "value", "id", "type"}:
        raise LookupError(path)
    return Subject("any", lambda item: item.get(path) if isinstance(item, dict) else None)


def _order(site: Site, entity: Entity, text: str) -> Sequence[tuple[Callable[[Any], Any], bool]]:
    keys = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        path, _, way = part.partition(" ")
        if way.strip().lower() not in {"", "asc", "desc"}:
            raise bad_condition(f"{way.strip()} is not an order.")
        try:
            subject = subject_of(site, entity, path)
        except LookupError as error:
            raise unknown_name(path) from error
        keys.append((_sort_key(subject), way.strip().lower() == "desc"))
    return keys


def _sort_key(subject: Subject) -> Callable[[Any], Any]:
    def key(record: Any) -> tuple[bool, Any]:
        value = comparable(subject, record)
        return (False, 0) if value is None else (True, value)

    return key


def _neighbors(page: int, last: int) -> dict[str, int]:
    found = {"next": page + 1, "last": last} if page < last else {}
    return found | ({"first": 1, "prev": min(page - 1, last)} if page > 1 else {})


def _address(site: Site, request: Request, name: str, number: int) -> str:
    """The same list on another page: an absolute address, the page last."""
    kept = [(key, value) for key, value in request.query if key.lower() not in {"page", "pageid"}]
    return f"{site.origin}{quote(request.path)}?{urlencode([*kept, (name, number)], quote_via=quote)}"


def report_route() -> Route:
    """The route of the one report that has rows here."""
    return Route(ENTITIES["CompanyReport"])
