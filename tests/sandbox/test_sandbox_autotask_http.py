"""The simulated Autotask over HTTP: zones, sign-in, routes, metadata, permissions, limits."""

import asyncio
from collections.abc import Iterator
from datetime import date

import httpx
import pytest

from reconcile_app.sandbox.autotask_tables import ENTITIES
from reconcile_app.sandbox.server import Sandbox
from tests.fakes.sandbox_clients import EVERYTHING, AutotaskClient

TODAY = date(2026, 12, 3)


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox("sized:3x2", seed=2, today=TODAY) as running:
        yield running


@pytest.fixture
def autotask(box: Sandbox) -> Iterator[AutotaskClient]:
    with AutotaskClient(box) as client:
        yield client


def test_zone_discovery_needs_no_credentials(box: Sandbox, autotask: AutotaskClient) -> None:
    settings = box.settings["autotask"]
    for path in ("/atservicesrest/v1.0/zoneInformation", "/ATServicesRest/V1.0/zoneinformation"):
        answer = autotask.http.get(settings["zone_lookup_url"] + path, params={"user": settings["zone_user"].lower()})
        assert answer.json()["url"] == f"{settings['zone_lookup_url']}/ATServicesRest/"
        assert answer.json()["ci"] == 512_345
    root = f"{settings['zone_lookup_url']}/atservicesrest"
    unknown = autotask.http.get(f"{root}/v1.0/zoneInformation", params={"user": "who@x.example"})
    assert (unknown.status_code, unknown.json()) == (500, {"errors": ["Zone information could not be determined"]})
    assert autotask.http.get(f"{root}/v2.0/zoneInformation", params={"user": settings["zone_user"]}).status_code == 404
    versions = autotask.http.get(f"{root}/versioninformation").json()
    assert versions == {"apiVersions": ["V1.0", "V2.0"]}


def test_header_names_are_read_in_any_case(autotask: AutotaskClient) -> None:
    headers = {name.upper(): value for name, value in autotask.headers.items()}
    assert autotask.http.get(f"{autotask.root}Companies/0", headers=headers).json()["item"]["id"] == 0


@pytest.mark.parametrize(("header", "value"), [("UserName", "nobody@x.example"), ("Secret", "wrong"), ("Secret", "")])
def test_wrong_credentials_are_an_empty_401(autotask: AutotaskClient, header: str, value: str) -> None:
    answer = autotask.call("GET", "Companies/0", headers={header: value})
    assert (answer.status_code, answer.content) == (401, b"")


def test_a_user_without_the_api_licence_is_refused(box: Sandbox, autotask: AutotaskClient) -> None:
    next(iter(box.world.autotask.users.values())).api_only = False
    assert autotask.call("GET", "Companies/0").status_code == 401


def test_a_bad_integration_code_is_a_500(autotask: AutotaskClient) -> None:
    answer = autotask.call("GET", "Companies/0", headers={"ApiIntegrationCode": "X"})
    assert (answer.status_code, answer.json()) == (500, {"errors": ["IntegrationCode is invalid."]})


def test_one_record_by_id(autotask: AutotaskClient, box: Sandbox) -> None:
    contract = autotask.items("Contracts", EVERYTHING)[0]
    assert autotask.call("GET", f"Contracts/{contract['id']}").json() == {"item": contract}
    line = autotask.items("ContractServices", EVERYTHING)[0]
    assert autotask.call("GET", f"ContractServices/{line['id']}").json() == {"item": line}
    row = autotask.items("ContractServiceUnits", EVERYTHING)[0]
    assert autotask.call("GET", f"ContractServiceUnits/{row['id']}").json() == {"item": row}
    assert autotask.call("GET", f"Contracts/{contract['id']}/Services/{line['id']}").json() == {"item": line}
    assert autotask.call("GET", f"Contracts/{contract['id'] + 1}/Services/{line['id']}").json() == {"item": None}
    for missing in ("Companies/999999", "ContractServices/1", "Contracts/77/Services/1"):
        answer = autotask.call("GET", missing)
        assert (answer.status_code, answer.json()) == (200, {"item": None})


def test_children_of_a_contract(autotask: AutotaskClient) -> None:
    contract = autotask.items("Contracts", EVERYTHING)[0]["id"]
    page = autotask.call("GET", f"contracts/{contract}/services").json()
    assert [item["contractID"] for item in page["items"]] == [contract] * 2
    assert page["pageDetails"] == {"count": 2, "requestCount": 500, "prevPageUrl": None, "nextPageUrl": None}
    assert len(autotask.call("GET", f"Contracts/{contract}/ServiceUnits").json()["items"]) == 24
    assert autotask.call("GET", f"Contracts/{contract}/ServiceBundles").json()["items"] == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "Colours/1", 404),
        ("GET", "Contracts/1/Colours", 404),
        ("GET", "Companies/abc", 404),
        ("GET", "ThresholdInformation/x", 404),
        ("POST", "ContractServiceAdjustments/query", 404),
        ("POST", "Contracts/1/Services/query", 404),
        ("GET", "Companies/entityInformation/colours", 404),
        ("GET", "Companies", 405),
        ("GET", "ContractServiceAdjustments/1", 405),
        ("DELETE", "Companies/query", 405),
        ("POST", "ThresholdInformation", 405),
        ("POST", "Companies/entityInformation", 405),
        ("PATCH", "Companies/0", 405),
        ("POST", "ContractServices", 405),
        ("PATCH", "ContractServices", 405),
        ("DELETE", "Contracts", 405),
        ("POST", "ContractServiceUnits", 405),
        ("POST", "BillingCodes", 405),
        ("PATCH", "Contracts/1/ServiceAdjustments", 405),
    ],
)
def test_routes_that_do_not_exist(autotask: AutotaskClient, method: str, path: str, status: int) -> None:
    answer = autotask.call(method, path)
    assert answer.status_code == status
    assert set(answer.json()) == {"Message"}


def test_paths_outside_the_api_are_not_found(autotask: AutotaskClient) -> None:
    root = autotask.root.split("/ATS")[0]
    for path in ("/", "/atservicesrest", "/atservicesrest/Companies/0", "/atservicesrest/v2.0/Companies/0"):
        assert autotask.http.get(root + path, headers=autotask.headers).status_code == 404


def test_metadata_tells_rights_fields_and_picklists(box: Sandbox, autotask: AutotaskClient) -> None:
    autotask.control("permission", {"entity": "Contracts", "right": "update", "access": 0})
    info = autotask.call("GET", "Contracts/entityInformation").json()["info"]
    assert info == {
        "name": "Contract",
        "canCreate": True,
        "canDelete": False,
        "canQuery": True,
        "canUpdate": True,
        "userAccessForCreate": 1,
        "userAccessForDelete": 0,
        "userAccessForQuery": 1,
        "userAccessForUpdate": 0,
        "hasUserDefinedFields": True,
        "supportsWebhookCallouts": False,
    }
    fields = {field["name"]: field for field in autotask.call("GET", "Contracts/entityInformation/fields").json()["fields"]}
    labels = {value["label"]: value["value"] for value in fields["contractType"]["picklistValues"]}
    assert labels["Recurring Service"] == "7"
    assert (fields["companyID"]["isRequired"], fields["companyID"]["isReadOnly"]) == (True, True)
    assert (fields["companyID"]["isReference"], fields["companyID"]["referenceEntityType"]) == (True, "Companies")
    assert fields["companyID"]["dataType"] == "integer"
    assert "userDefinedFields" not in fields
    assert autotask.call("GET", "Contracts/entityInformation/userDefinedFields").json() == {"fields": []}
    assert len(autotask.call("GET", "EntityInformation").json()["items"]) == len(ENTITIES)


def test_permissions_refuse_hide_or_blank(autotask: AutotaskClient) -> None:
    contract = autotask.items("Contracts", EVERYTHING)[0]["id"]
    autotask.control("permission", {"entity": "Contracts", "right": "query", "access": 2})
    assert autotask.items("Contracts", EVERYTHING) == []
    assert autotask.call("GET", f"Contracts/{contract}").json() == {"item": None}
    autotask.control("permission", {"entity": "Contracts", "right": "query", "access": 0})
    status, text = autotask.refusal("POST", "Contracts/query", {"Filter": EVERYTHING})
    assert status == 500
    assert text.startswith("The logged in Resource does not have the adequate permissions")
    autotask.control("permission", {"entity": "ContractServiceAdjustments", "right": "create", "access": 0})
    assert autotask.refusal("POST", f"Contracts/{contract}/ServiceAdjustments", {})[1].startswith("The logged in Resource")
    assert autotask.items("Services", EVERYTHING)[0]["unitCost"] is not None
    autotask.control("permission", {"sees_costs": False})
    assert {item["unitCost"] for item in autotask.items("Services", EVERYTHING)} == {None}
    assert {item["cost"] for item in autotask.items("ContractServiceUnits", EVERYTHING)} == {None}


def test_requests_are_counted_for_an_hour(box: Sandbox, autotask: AutotaskClient) -> None:
    def used() -> int:
        answer = autotask.call("GET", "ThresholdInformation").json()
        assert (answer["externalRequestThreshold"], answer["requestThresholdTimeframe"]) == (10_000, 60)
        return int(answer["currentTimeframeRequestCount"])

    autotask.call("GET", "Companies/0")
    assert used() == 2
    autotask.control("usage", {"requests": 5_000})
    assert used() == 5_003
    autotask.control("advance", {"hours": 1.1})
    assert used() == 5_001
    autotask.control("usage", {"requests": 10_000})
    answer = autotask.call("GET", "Companies/0")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert "threshold of 10000 requests" in answer.json()["errors"][0]


async def parallel(client: AutotaskClient, paths: list[str]) -> list[int]:
    async with httpx.AsyncClient(headers=client.headers, timeout=20) as http:
        answers = await asyncio.gather(*(http.get(client.root + path) for path in paths))
    return sorted(answer.status_code for answer in answers)


async def test_the_fourth_parallel_request_on_an_entity_is_refused() -> None:
    with Sandbox("empty", today=TODAY, latency=0.4) as box, AutotaskClient(box) as client:
        assert await parallel(client, ["Companies/0"] * 4) == [200, 200, 200, 429]
        mixed = ["Companies/0", "Companies/entityInformation", "companies/entityInformation/fields"]
        assert await parallel(client, [*mixed, "Contracts/1", "Services/1"]) == [200] * 5
        client.control("switch", {"thread_limit": "500"})
        assert await parallel(client, ["ThresholdInformation"] * 4) == [200, 200, 200, 500]


async def test_zone_discovery_has_no_thread_limit(box: Sandbox, autotask: AutotaskClient) -> None:
    box.faults.latency = 0.2
    user = box.settings["autotask"]["zone_user"]
    assert await parallel(autotask, [f"zoneInformation?user={user}"] * 6) == [200] * 6
