"""Reading from the simulated Autotask: queries page by page, counts, single records and the children of a parent."""

import re
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from reconcile_app.sandbox.autotask_errors import ApiError, method_missing
from reconcile_app.sandbox.autotask_query import Hints, Query, parse_query, read_object
from reconcile_app.sandbox.autotask_state import ApiUser, AutotaskState
from reconcile_app.sandbox.autotask_tables import Entity, wire
from reconcile_app.sandbox.autotask_units import Line
from reconcile_app.sandbox.gate import Reply, Request, json_reply

ROOT = "/ATServicesRest/V1.0/"
_ESCAPE = re.compile(r"%[0-9A-F]{2}")
_WALKS = 24
_PREVIOUS_KEPT = 50
_URL_LIMIT = 2048


class Found(NamedTuple):
    """A record that matches: its id and its own values."""

    id: int
    values: Mapping[str, object]


class Cursor(NamedTuple):
    """Where a walk stands: rows with a greater id follow. None is the very start."""

    size: int
    after: int | None
    previous: tuple[int | None, ...]


def candidates(state: AutotaskState, entity: Entity, hints: Hints) -> Iterable[Found]:
    """Every record that may match, cut down by what the filter fixes; in any order."""
    if entity.name.startswith("ContractService"):
        bundle = "Bundle" in entity.name
        lines = _lines(state, hints, bundle)
        if not entity.name.endswith("Units"):
            return (Found(line.id, line.values()) for line in lines)
        return (Found(row.id, line.row_values(row)) for line in lines for row in line.rows_between(hints.first, hints.last))
    if "id" in hints.values:
        known = state.contracts if entity.name == "Contracts" else state.records[entity.name]
        return (Found(known[number].id, known[number].values) for number in hints.values["id"] if number in known)
    if entity.name == "Contracts" and "companyID" in hints.values:
        owned = (contract for company in hints.values["companyID"] for contract in state.of_company.get(company, ()))
        return (Found(contract.id, contract.values) for contract in owned)
    if "contractID" in hints.values:
        parts = (part for contract in hints.values["contractID"] for part in state.of_contract.get((entity.name, contract), ()))
        return (Found(record.id, record.values) for record in parts)
    return (Found(record.id, record.values) for record in state.all_of(entity.name))


def _lines(state: AutotaskState, hints: Hints, bundle: bool) -> Iterable[Line]:
    known = state.bundles if bundle else state.lines
    by_id = hints.values.get("contractServiceBundleID" if bundle else "contractServiceID")
    if by_id is not None:
        return [known[number] for number in by_id if number in known]
    if "contractID" in hints.values:
        return [line for contract in hints.values["contractID"] for line in state.lines_of(contract, bundle=bundle)]
    return list(known.values())


class Reader:
    """Answers reads. Matches of a walk are kept until anything changes, so that its pages need no new search."""

    def __init__(self) -> None:
        self._walks: OrderedDict[tuple[int, str, bytes], list[Found]] = OrderedDict()

    def query(self, state: AutotaskState, entity: Entity, user: ApiUser, request: Request, base: str) -> Reply:
        """First page of a query by POST or GET."""
        body = self._body(request)
        query = parse_query(entity, body)
        search = request.parameter("search") if request.method == "GET" else None
        return self._page(state, entity, user, query, Cursor(query.page_size, None, ()), base, search)

    def count(self, state: AutotaskState, entity: Entity, user: ApiUser, request: Request) -> Reply:
        """How many records match."""
        query = parse_query(entity, self._body(request))
        wrong = state.paging.strike(entity.name, 0) is not None
        return json_reply({"queryCount": len(self._matches(state, entity, user, query)) + wrong})

    def following(self, state: AutotaskState, entity: Entity, user: ApiUser, request: Request, base: str) -> Reply:
        """A page by its address. A walk that began with POST goes on with POST."""
        search = request.parameter("search")
        if request.method == "GET" and search is None:
            return method_missing("GET")
        query = parse_query(entity, self._body(request))
        return self._page(state, entity, user, query, _cursor(request.parameter("paging")), base, search)

    def item(self, state: AutotaskState, entity: Entity, user: ApiUser, number: int, contract: int | None = None) -> Reply:
        """One record by id; nothing there (or nothing this user may see) is a null item."""
        hints = Hints(values={} if entity.name.startswith("ContractService") else {"id": {number}})
        if contract is not None:
            hints.values = {"contractID": {contract}}
        found = self._single(state, entity, number, hints) if user.access(entity.name, "query") == 1 else None
        belongs = found is not None and contract in {None, found.values.get("contractID")}
        if found is None or not belongs:
            if state.switches["missing_item"] == "404":
                return json_reply({"Message": "Not found."}, 404)
            return json_reply({"item": None})
        return json_reply({"item": wire(entity, found.values, costs=user.sees_costs)})

    def _single(self, state: AutotaskState, entity: Entity, number: int, hints: Hints) -> Found | None:
        if not hints.values and not entity.name.endswith("Units"):
            line = (state.bundles if "Bundle" in entity.name else state.lines).get(number)
            return Found(number, line.values()) if line else None
        return next((found for found in candidates(state, entity, hints) if found.id == number), None)

    def children(self, state: AutotaskState, entity: Entity, user: ApiUser, contract: int, base: str) -> Reply:
        """All children of a contract; they cannot be filtered."""
        body = {"MaxRecords": 500, "Filter": [{"op": "eq", "field": "contractID", "value": contract}]}
        search = msgspec.json.encode(body).decode()
        return self._page(state, entity, user, parse_query(entity, body), Cursor(500, None, ()), base, search)

    def _body(self, request: Request) -> dict[str, Any]:
        if request.method != "GET":
            return read_object(request.body)
        if len(request.target) > _URL_LIMIT:
            raise ApiError("The request URI is too long.", status=414)
        return read_object((request.parameter("search") or "").encode())

    def _matches(self, state: AutotaskState, entity: Entity, user: ApiUser, query: Query) -> list[Found]:
        if user.access(entity.name, "query") != 1:
            return []
        key = (state.version, entity.name, query.key)
        if key not in self._walks:
            found = [record for record in candidates(state, entity, query.hints) if query.predicate(record.values)]
            self._walks[key] = sorted(found, key=lambda record: record.id)
            if len(self._walks) > _WALKS:
                self._walks.popitem(last=False)
        return self._walks[key]

    def _page(
        self, state: AutotaskState, entity: Entity, user: ApiUser, query: Query, cursor: Cursor, base: str, search: str | None
    ) -> Reply:
        matches = self._matches(state, entity, user, query)
        size = min(cursor.size, int(state.switches["page_rows"]))
        begin = 0 if cursor.after is None else bisect_right(matches, cursor.after, key=lambda record: record.id)
        fault = state.paging.strike(entity.name, len(cursor.previous) + 1)
        begin += size if fault is not None and fault.jumps else 0
        page = matches[begin : begin + size]
        following = _next(base, entity, cursor, page[-1].id, search) if begin + size < len(matches) else None
        items, count = [_item(entity, found, user, query) for found in page], len(page)
        if fault is not None:
            before = _item(entity, matches[begin - 1], user, query) if begin else None
            items, count = fault.rows(items, before)
            first = _url(base, entity, Cursor(cursor.size, None, ()), search)
            following = fault.link(following, own=_url(base, entity, cursor, search), first=first)
        details = {
            "count": count,
            "requestCount": cursor.size,
            "prevPageUrl": _previous(base, entity, cursor, search),
            "nextPageUrl": following,
        }
        return json_reply({"items": items, "pageDetails": details})


def _item(entity: Entity, found: Found, user: ApiUser, query: Query) -> dict[str, object]:
    return _cut(wire(entity, found.values, costs=user.sees_costs), query.include)


def _cut(record: dict[str, object], include: frozenset[str] | None) -> dict[str, object]:
    if include is None:
        return record
    return {name: value for name, value in record.items() if name in include or name == "userDefinedFields"}


def _next(base: str, entity: Entity, cursor: Cursor, last: int, search: str | None) -> str:
    return _url(base, entity, Cursor(cursor.size, last, (*cursor.previous, cursor.after)[-_PREVIOUS_KEPT:]), search)


def _previous(base: str, entity: Entity, cursor: Cursor, search: str | None) -> str | None:
    if not cursor.previous:
        return None
    return _url(base, entity, Cursor(cursor.size, cursor.previous[-1], cursor.previous[:-1]), search)


def _url(base: str, entity: Entity, cursor: Cursor, search: str | None) -> str:
    paging = {
        "pageSize": cursor.size,
        "previousIds": [number for number in cursor.previous if number is not None],
        "nextIds": [] if cursor.after is None else [cursor.after],
    }
    tail = "" if search is None else f"&search={_quoted(search.encode())}"
    return f"{base}{ROOT}{entity.name}/query/next?paging={_quoted(msgspec.json.encode(paging))}{tail}"


def _quoted(data: bytes) -> str:
    return _ESCAPE.sub(lambda escape: escape.group().lower(), quote(data, safe=""))


class _Paging(msgspec.Struct, rename="camel"):
    page_size: int
    previous_ids: list[int]
    next_ids: list[int]


def _cursor(text: str | None) -> Cursor:
    try:
        paging = msgspec.json.decode((text or "").encode(), type=_Paging)
    except msgspec.DecodeError as error:
        raise ApiError("The paging information cannot be read.") from error
    previous: tuple[int | None, ...] = (None, *paging.previous_ids) if paging.next_ids else ()
    return Cursor(paging.page_size, paging.next_ids[0] if paging.next_ids else None, previous)
