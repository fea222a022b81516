"""The simulated ConnectWise PSA over HTTP: discovery, addresses, sign-in, rights, limits, headers."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from tests.fakes.sandbox_connectwise import ConnectWiseClient, SmallTenant, basic, connectwise_sandbox

TODAY = date(2026, 12, 3)
AGREEMENTS = "/finance/agreements"


@pytest.fixture
def small() -> Iterator[SmallTenant]:
    with connectwise_sandbox("empty", seed=2, today=TODAY) as box:
        yield SmallTenant(box)


@pytest.fixture
def connectwise(small: SmallTenant) -> Iterator[ConnectWiseClient]:
    with ConnectWiseClient(small.box) as client:
        yield client


def test_the_settings_are_the_fields_of_a_connection(connectwise: ConnectWiseClient) -> None:
    names = {
        "base_url",
        "company",
        "agreement_type",
        "company_field",
        "api_version",
        "settle_seconds",
        "calls_per_hour_share",
        "secrets",
    }
    assert set(connectwise.settings) == names
    assert set(connectwise.settings["secrets"]) == {"public_key", "private_key", "client_id"}
    assert connectwise.settings["agreement_type"] == "Hosting and Cloud Services"


def test_discovery_needs_no_credentials(connectwise: ConnectWiseClient) -> None:
    told = connectwise.http.get(f"{connectwise.site}/login/companyinfo/Northgate").json()
    assert {name: told[name] for name in ("Codebase", "VersionNumber", "CompanyID", "IsCloud")} == {
        "Codebase": "v2026_4/",
        "VersionNumber": "v2026.4.101",
        "CompanyID": "northgate",
        "IsCloud": True,
    }
    unknown = connectwise.http.get(f"{connectwise.site}/login/companyinfo/nobody")
    assert (unknown.status_code, unknown.content) == (200, b"null")


@pytest.mark.parametrize(
    "path",
    [
        "/v4_6_release/apis/3.0/finance/agreements",
        "/v4_6_release/apis/3.0/finance/agreements/",
        "/v2026_4/apis/3.0/finance/agreements",
        "/V4_6_RELEASE/APIS/3.0/Finance/Agreements",
    ],
)
def test_addresses_that_lead_there(connectwise: ConnectWiseClient, path: str) -> None:
    assert [row["name"] for row in connectwise.get(connectwise.site + path)] == ["Hosting - Northwind"]


@pytest.mark.parametrize(
    "path", ["/finance/agreements", "/apis/3.0/finance/agreements", "/old/apis/3.0/x", "/v4_6_release/apis/2.0/x"]
)
def test_addresses_the_gateway_cannot_route(connectwise: ConnectWiseClient, path: str) -> None:
    answer = connectwise.call("GET", connectwise.site + path)
    assert (answer.status_code, answer.text) == (400, "Cannot route. Codebase/company is invalid")
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_doubled_path_and_an_old_codebase(connectwise: ConnectWiseClient) -> None:
    doubled = connectwise.call("GET", f"{connectwise.root}/v4_6_release/apis/3.0/finance/agreements")
    assert (doubled.status_code, doubled.text) == (400, "Cannot route. Codebase/company is invalid")
    old = connectwise.call("GET", f"{connectwise.site}/v2025_1/apis/3.0/finance/agreements")
    assert old.status_code == 404
    assert old.headers["content-type"].startswith("text/html")


def test_a_move_to_another_codebase(connectwise: ConnectWiseClient) -> None:
    exact = f"{connectwise.site}/v2026_4/apis/3.0{AGREEMENTS}"
    connectwise.control("switch", codebase="v2026_5")
    assert connectwise.call("GET", exact).status_code == 404
    assert connectwise.call("GET", AGREEMENTS).status_code == 200
    connectwise.control("switch", codebase="v2026_5_after_discovery")
    assert connectwise.call("GET", AGREEMENTS).status_code == 404
    assert connectwise.http.get(f"{connectwise.site}/login/companyinfo/northgate").json()["Codebase"] == "v2026_5/"
    assert connectwise.call("GET", AGREEMENTS).status_code == 200


def test_headers_of_an_answer(connectwise: ConnectWiseClient) -> None:
    first, second = (connectwise.call("GET", AGREEMENTS).headers for _ in range(2))
    assert first["content-type"].startswith("application/vnd.connectwise.com+json; version=2026.4")
    assert (first["cache-control"], first["api-current-version"]) == ("no-cache", "2026.4")
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first["x-cw-request-id"])
    assert first["x-cw-request-id"] != second["x-cw-request-id"]
    assert not {"etag", "x-total-count", "link"} & set(first)
    plain = connectwise.call("GET", AGREEMENTS, headers={"Accept": "application/json"})
    assert plain.headers["content-type"] == "application/json; charset=utf-8"
    old = connectwise.call("GET", AGREEMENTS, headers={"Accept": "application/vnd.connectwise.com+json; version=2020.1"})
    assert (old.status_code, old.headers["content-type"].split(";")[1].strip()) == (200, "version=2020.1")


def test_refusals_are_indented_with_windows_line_ends(connectwise: ConnectWiseClient) -> None:
    answer = connectwise.call("GET", f"{AGREEMENTS}/9")
    assert answer.status_code == 404
    assert answer.content == b'{\r\n  "code": "NotFound",\r\n  "message": "Agreement 9 not found"\r\n}'


def test_sign_in(connectwise: ConnectWiseClient) -> None:
    secrets = connectwise.settings["secrets"]
    wrong = basic("northgate", secrets["public_key"], "nonsense")
    assert connectwise.refusal("GET", AGREEMENTS, headers={"Authorization": wrong})[:2] == (401, "Unauthorized")
    for header in ("", "Basic !!!", "Basic bm9wbHVzOmtleQ==", "Bearer x"):
        assert connectwise.refusal("GET", AGREEMENTS, headers={"Authorization": header}) == (
            401,
            "Unauthorized",
            "UserNotAuthenticated",
        )
    other = basic("elsewhere", secrets["public_key"], secrets["private_key"])
    assert connectwise.call("GET", AGREEMENTS, headers={"Authorization": other}).text.startswith("Cannot route")
    assert connectwise.refusal("GET", AGREEMENTS, headers={"clientId": ""})[:2] == (403, "ConnectWiseApi")
    status, _, message = connectwise.refusal("GET", AGREEMENTS, headers={"clientId": "00000000-0000-0000-0000-000000000000"})
    assert (status, "clientId" in message) == (400, True)


@pytest.mark.parametrize(("switch", "value", "status"), [("missing_client_id", "401", 401), ("missing_client_id", "400", 400)])
def test_a_missing_client_id_is_told_in_three_ways(connectwise: ConnectWiseClient, switch: str, value: str, status: int) -> None:
    connectwise.control("switch", **{switch: value})
    assert connectwise.call("GET", AGREEMENTS, headers={"clientId": ""}).status_code == status


def test_bad_keys_and_company_may_be_a_bare_404(connectwise: ConnectWiseClient) -> None:
    connectwise.control("switch", bad_keys="404", bad_company="404")
    for company, secret in (("northgate", "wrong"), ("elsewhere", connectwise.settings["secrets"]["private_key"])):
        header = basic(company, connectwise.settings["secrets"]["public_key"], secret)
        answer = connectwise.call("GET", AGREEMENTS, headers={"Authorization": header})
        assert (answer.status_code, answer.content) == (404, b"")


def test_the_version_may_be_open_to_everybody(connectwise: ConnectWiseClient) -> None:
    headers = {"Authorization": "", "clientId": ""}
    assert connectwise.get("/system/info")["version"] == "v2026.4.101"
    assert connectwise.call("GET", "/system/info", headers=headers).status_code == 403
    connectwise.control("switch", info_without_keys="answered")
    assert connectwise.call("GET", "/system/info/", headers=headers).json()["cloudRegion"] == "NA"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/finance/additions", 404),
        ("GET", "/finance/agreements/additions/search", 404),
        ("POST", "/finance/agreements/search", 404),
        ("GET", "/finance/agreements/1207/colors", 404),
        ("GET", "/finance/agreementrecap/count", 404),
        ("GET", "/finance", 404),
        ("GET", "/finance/agreements/x1", 404),
        ("GET", "/finance/agreements/1207/additions/1/more", 404),
        ("POST", "/finance/agreementrecap/", 405),
        ("POST", "/finance/agreements/1207", 405),
        ("PATCH", "/finance/agreements", 405),
        ("POST", "/finance/agreements/count", 405),
        ("DELETE", "/system/mySecurity", 405),
        ("POST", "/system/info", 405),
        ("GET", "/system/bundles", 405),
        ("OPTIONS", "/finance/agreements", 405),
        ("POST", "/procurement/types", 405),
    ],
)
def test_routes_and_methods_that_do_not_exist(connectwise: ConnectWiseClient, method: str, path: str, status: int) -> None:
    answer = connectwise.call(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, "ConnectWiseApi")


def test_bodies_must_be_json(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    def send(content: bytes, kind: str) -> httpx.Response:
        headers = {**connectwise.headers, "Content-Type": kind}
        return connectwise.http.post(connectwise.root + small.list, content=content, headers=headers)

    assert send(b"{}", "text/xml").status_code == 415
    assert send(b"", "application/json").status_code == 400
    assert send(b"{", "application/json").json()["code"] == "ConnectWiseApi"
    assert send(b"[]", "application/json").status_code == 400
    assert small.entries() == []


def test_addresses_that_are_too_long(connectwise: ConnectWiseClient) -> None:
    room = 2_000 - len(f"{connectwise.root}{AGREEMENTS}?junk=")
    assert connectwise.call("GET", f"{AGREEMENTS}?junk={'x' * room}").status_code == 200
    assert connectwise.call("GET", f"{AGREEMENTS}?junk={'x' * (room + 1)}").status_code == 414
    connectwise.control("limit", url=10_000)
    assert connectwise.call("GET", f"{AGREEMENTS}?junk={'x' * (room + 1)}").status_code == 200


def test_too_many_requests(connectwise: ConnectWiseClient) -> None:
    connectwise.control("limit", per_minute=2, retry_after=7)
    answers = [connectwise.call("GET", AGREEMENTS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["Retry-After"] == "7"
    assert answers[2].json() == {
        "error": "ConnectWiseAPI",
        "message": "You have exceeded the allowed number of requests. Please try again in 7 seconds.",
    }
    connectwise.control("switch", too_many="no_header")
    assert "Retry-After" not in connectwise.call("GET", AGREEMENTS).headers
    connectwise.control("switch", too_many="html")
    assert connectwise.call("GET", AGREEMENTS).headers["content-type"].startswith("text/html")
    connectwise.control("advance", seconds=61)
    assert connectwise.call("GET", AGREEMENTS).status_code == 200


def test_the_database_times_out_now_and_then(connectwise: ConnectWiseClient) -> None:
    connectwise.control("switch", timeouts="on")
    answers = [connectwise.call("GET", AGREEMENTS) for _ in range(10)]
    assert sorted(answer.status_code for answer in answers) == [200] * 8 + [500] * 2
    assert answers[4].json()["message"] == "A timeout has occured. Please try again."


def rights(connectwise: ConnectWiseClient) -> dict[str, dict[str, Any]]:
    return {row["moduleFunctionName"]: row for row in connectwise.get("/system/mySecurity")}


def test_rights_are_listed_and_kept(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    assert {"Company Maintenance", "Agreements", "Product Catalog", "Agreement Invoicing", "API Reports"} <= set(
        rights(connectwise)
    )
    assert rights(connectwise)["Agreements"]["moduleName"] == "Finance"
    for right, method, path, body in (
        ("edit", "PATCH", small.line, []),
        ("add", "POST", small.list, {}),
        ("delete", "DELETE", small.line, None),
        ("inquire", "GET", AGREEMENTS, None),
    ):
        connectwise.control("permission", function="Agreements", right=right, level="None")
        assert rights(connectwise)["Agreements"][f"{right}Level"] == "None"
        refused = connectwise.refusal(method, path, body)
        assert refused == (403, "Security", "You do not have security permission to perform this action.")
    assert connectwise.get("/company/companies")[0]["identifier"] == "NORTHWIND"
    connectwise.control("permission", function="API Reports", right="inquire", level="None")
    assert connectwise.call("GET", "/system/reports").status_code == 403
    assert small.entries() == []


def test_the_level_my_hides_what_others_own(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    connectwise.control("permission", function="Agreements", right="edit", level="My")
    assert connectwise.patch(small.line, ("replace", "quantity", 1)).status_code == 403
    connectwise.control("permission", function="Agreements", right="inquire", level="My")
    assert connectwise.get(AGREEMENTS) == []
    assert connectwise.call("GET", small.line).status_code == 404
    answer = connectwise.http.post(f"{connectwise.site}/__sim/permission", json={"function": "x", "right": "edit", "level": "Some"})
    assert answer.status_code == 400


def test_prices_and_costs_may_be_hidden(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    connectwise.control("member", block_price=True)
    assert connectwise.get("/system/apiMembers")[0]["blockPriceFlag"] is True
    line = connectwise.get(small.line)
    assert not {"unitPrice", "extPrice", "margin"} & set(line)
    assert line["unitCost"] == 7.1
    connectwise.control("member", block_cost=True, block_price=False)
    line = connectwise.get(small.line)
    assert not {"unitCost", "extCost", "margin"} & set(line)
    assert line["unitPrice"] == 12.5


def test_the_member_behind_the_keys(connectwise: ConnectWiseClient) -> None:
    [member] = connectwise.get("/system/apiMembers")
    assert (member["identifier"], member["securityRole"]["name"]) == ("Reconcile", "Reconcile")
    assert connectwise.get("/system/myMembers")["licenseClass"] == "A"
    [role] = connectwise.get("/system/securityroles")
    settings = connectwise.get(f"/system/securityRoles/{role['id']}/settings")
    assert [row["moduleFunctionName"] for row in settings] == list(rights(connectwise))
