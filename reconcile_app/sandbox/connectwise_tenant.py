"""What the simulated ConnectWise PSA says of itself: discovery, version, bundles of reads, reports."""

from collections.abc import Mapping
from typing import Any

import msgspec

from reconcile_app.sandbox.connectwise_errors import ApiError, invalid, no_endpoint, no_right
from reconcile_app.sandbox.connectwise_patch import read_object
from reconcile_app.sandbox.connectwise_read import LARGEST_PAGE, Query, Reader, page_size, query_of, report_route, whole
from reconcile_app.sandbox.connectwise_state import ConnectWiseState
from reconcile_app.sandbox.connectwise_tables import ENTITIES, Entity, Route
from reconcile_app.sandbox.connectwise_wire import Site
from reconcile_app.sandbox.gate import Reply, Request, json_reply

_BUNDLED = {
    entity.name.lower(): entity
    for entity in ENTITIES.values()
    if entity.name in {"Addition", "Agreement", "Company", "CatalogItem"}
}
_REPORTS = ("ChargeCode", "Company", "Holiday", "InvoiceTemplate", "Service")
_COLUMNS = {"Company_RecID": ("Numeric", "id"), "Company_ID": ("Text", "identifier"), "Company_Name": ("Text", "name")}


def codebase(state: ConnectWiseState) -> str:
    """The folder of the version that runs now."""
    return "v2026_4" if state.switches["codebase"] == "v2026_4" else "v2026_5"


def discovery(state: ConnectWiseState, company: str) -> Reply:
    """What anybody may ask about a company; the literal null when there is none of that name."""
    state.discovered = True
    if company.lower() != state.company.lower():
        return json_reply(None)
    number = codebase(state).replace("_", ".")
    return json_reply(
        {
            "CompanyName": state.company,
            "Codebase": f"{codebase(state)}/",
            "VersionCode": number,
            "VersionNumber": f"{number}.101",
            "CompanyID": state.company,
            "IsCloud": True,
            "SiteUrl": "localhost",
        }
    )


def information(state: ConnectWiseState) -> Reply:
    """``/system/info``."""
    return json_reply(
        {
            "version": f"{codebase(state).replace('_', '.')}.101",
            "isCloud": True,
            "serverTimeZone": "Eastern Standard Time",
            "licenseBits": [{"name": "AgreementBilling", "activeFlag": True}],
            "cloudRegion": state.region,
        }
    )


def bundle(site: Site, reader: Reader, request: Request, *, counts: bool) -> Reply:
    """Several reads in one call; keys in any case.

    Raises:
        ApiError: no list of requests, or more of them than the server takes.
    """
    body = _keyed(read_object(request.body, "BundleRequestsCollection"))
    asked = body.get("requests")
    if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise invalid("bundleRequestsCollection")
    if len(asked) > site.state.bundle_limit:
        raise ApiError(400, "InvalidObject", f"A bundle takes at most {site.state.bundle_limit} requests.")
    results = [_one(site, reader, _keyed(one), counts=counts) for one in asked]
    mixed = any(not result["success"] for result in results) and site.state.switches["bundle_status"] == "207"
    return json_reply({"results": results}, 207 if mixed else 200)


def _keyed(value: Any) -> dict[str, Any]:
    return {str(name).lower(): item for name, item in value.items()} if isinstance(value, Mapping) else {}


def _one(site: Site, reader: Reader, asked: Mapping[str, Any], *, counts: bool) -> dict[str, Any]:
    told = {"sequenceNumber": asked.get("sequencenumber", 0), "resourceType": asked.get("resourcetype", "")}
    version = str(asked.get("version", "2026.4"))
    try:
        entity = _BUNDLED.get(str(told["resourceType"]).lower())
        if entity is None or site.state.switches["bundles"] == "refused":
            raise ApiError(400, "InvalidObject", f"The resource type {told['resourceType']} is not valid.")
        found = _read(site, reader, entity, _keyed(asked.get("apirequest")), counts=counts)
    except ApiError as refusal:
        return {**told, "success": False, "statusCode": refusal.status, "version": version, "error": refusal.body()}
    return {**told, **found, "version": version, "success": True, "statusCode": 200}


def _read(site: Site, reader: Reader, entity: Entity, asked: Mapping[str, Any], *, counts: bool) -> dict[str, Any]:
    if entity.right and site.user.level(entity.right[1], "inquire") == "None":
        raise no_right()
    filters, page = _keyed(asked.get("filters")), _keyed(asked.get("page"))
    query = Query(
        conditions=filters.get("conditions") or "",
        child=filters.get("childconditions") or "",
        custom=filters.get("customfieldconditions") or "",
        order=filters.get("orderby") or "",
        fields=asked.get("fields"),
        page=max(whole(page.get("page"), "page", 1), 1),
        size=page_size(page.get("pagesize")),
    )
    route = Route(entity, whole(asked.get("parentid"), "parentId", 0) or None)
    if counts:
        return {"count": len(reader.matches(site, route, query))}
    rows, _, _ = reader.page(site, route, query)
    return {"entities": rows, "count": len(rows)}


def report(site: Site, reader: Reader, request: Request, path: str) -> Reply:
    """The list of reports, one of them, its columns or its number of rows.

    Raises:
        ApiError: no such report.
    """
    name, _, rest = path.partition("/")
    if not name:
        return json_reply([{"name": one} for one in _REPORTS])
    if name.lower() not in {one.lower() for one in _REPORTS} or rest not in {"", "columns", "count"}:
        raise no_endpoint()
    route, query = report_route(), query_of(ENTITIES["CompanyReport"], request)
    matches = reader.matches(site, route, query) if name.lower() == "company" else []
    if rest == "count":
        return json_reply({"count": len(matches)})
    wanted = [one.strip() for one in (request.parameter("columns") or ",".join(_COLUMNS)).split(",")]
    if rest == "columns":
        return json_reply(_definitions(list(_COLUMNS)))
    if any(one not in _COLUMNS for one in wanted):
        raise ApiError(400, "ConnectWiseApi", f"{', '.join(wanted)}: not all of these are columns.")
    size = min(query.size, LARGEST_PAGE)
    shown = matches[(query.page - 1) * size : query.page * size]
    rows = [[record.get(_COLUMNS[column][1]) for column in wanted] for record in shown]
    return Reply(body=msgspec.json.encode({"column_definitions": _definitions(wanted), "row_values": rows}))


def _definitions(columns: list[str]) -> list[dict[str, object]]:
    return [
        {column: {"type": _COLUMNS[column][0], "isNullable": False, "identityColumn": column == "Company_RecID"}}
        for column in columns
    ]
