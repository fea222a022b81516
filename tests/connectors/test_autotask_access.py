import json
from datetime import date

import httpx
import pytest

from reconcile_app.connectors.autotask import SPEC, Autotask
from reconcile_app.connectors.autotask.keys import api_origin
from reconcile_app.core.errors import ConnectionFailed, PermissionDenied, SecretsUnavailable, SettingsError, SignInFailed
from reconcile_app.core.findings import Kind
from reconcile_app.core.ports import CheckResult
from reconcile_app.core.settings import Connection, Secret
from tests.fakes.autotask_world import KEYS, LOOKUP, ZONE, AutotaskWorld, connection, context, errors, on, reply

AT = date(2026, 11, 26)


def make(world: AutotaskWorld, **values: str) -> Autotask:
    return Autotask(connection(**values), context()[0], client=world.client)


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("https://webservices14.autotask.net/ATServicesRest/", "https://webservices14.autotask.net/ATServicesRest/V1.0"),
        ("https://webservices14.autotask.net/atservicesrest/v1.0/", "https://webservices14.autotask.net/atservicesrest/V1.0"),
        (" https://webservices14.autotask.net/ ", "https://webservices14.autotask.net/ATServicesRest/V1.0"),
        ("http://127.0.0.1:8101", "http://127.0.0.1:8101/ATServicesRest/V1.0"),
        ("https://gateway.example/autotask", "https://gateway.example/autotask/V1.0"),
    ],
)
def test_an_address_is_understood_with_and_without_its_path(address, origin):
    assert api_origin(address) == origin


async def test_the_zone_is_found_by_the_zone_user_without_any_key():
    world = AutotaskWorld()
    await make(world).services()
    assert world.requests[0][:2] == ("GET", "/atservicesrest/v1.0/zoneInformation")
    assert not any(name.lower() in world.headers[0] for name in ("ApiIntegrationCode", "UserName", "Secret"))
    assert world.requests[1][1] == "/ATServicesRest/V1.0/Services/query"
    assert [world.headers[1][name] for name in ("ApiIntegrationCode", "UserName", "Secret")] == [
        KEYS["integration_code"],
        KEYS["username"],
        KEYS["secret"],
    ]


async def test_a_given_address_is_used_as_it_is():
    world = AutotaskWorld()
    await make(world, base_url=f"{ZONE}/ATServicesRest/", zone_user="").services()
    assert [path for _, path, _ in world.requests] == ["/ATServicesRest/V1.0/Services/query"]


@pytest.mark.parametrize(
    "url",
    [
        "https://webservices14.evil.example/ATServicesRest/",
        "http://webservices14.autotask.net/ATServicesRest/",
        "https://autotask.net.evil.example/",
        "https://evilautotask.net/",
        "https://user@webservices14.autotask.net/",
        "https://webservices14.autotask.net:8443/",
        "//webservices14.autotask.net/",
        "file:///etc/passwd",
        "https://webservices14.autotask.net\\@evil.example/",
        "https://wеbservices.autotask.net.example/",
        "",
    ],
)
async def test_a_zone_that_is_not_the_vendors_is_refused(url):
    world = AutotaskWorld()
    world.zone_url = url
    with pytest.raises(ConnectionFailed, match="refused") as caught:
        await make(world).services()
    assert caught.value.kind is Kind.PSA_UNREACHABLE
    assert world.calls == 1


async def test_a_loopback_zone_needs_a_loopback_look_up():
    world = AutotaskWorld()
    with pytest.raises(ConnectionFailed, match="refused"):
        await make(world, zone_lookup_url="https://webservices.autotask.net").services()


async def test_any_host_below_the_vendors_domain_is_accepted():
    world = AutotaskWorld()
    world.zone_url = "https://webservices314.autotask.net/ATServicesRest/"
    assert len((await make(world).services()).frame) == 0


async def test_an_unknown_zone_user_is_told():
    world = AutotaskWorld()
    with pytest.raises(SignInFailed, match="does not know this user") as caught:
        await make(world, zone_user="nobody@northwind.example").services()
    assert "Zone information could not be determined" in caught.value.happened


async def test_a_refused_sign_in_looks_the_zone_up_once_more_and_follows_a_move():
    world = AutotaskWorld()
    psa = make(world)
    world.faults.append(lambda request: httpx.Response(401) if "/old/" in request.url.path else None)
    world.zone_url = f"{ZONE}/old/ATServicesRest/"
    found = []

    def move(request: httpx.Request) -> httpx.Response | None:
        if "zoneInformation" in request.url.path:
            found.append(request)
            if len(found) == 2:
                world.zone_url = f"{ZONE}/ATServicesRest/"
        return None

    world.faults.append(move)
    await psa.contracts(["174"], AT)
    assert len(found) == 2
    assert psa.calls == world.calls


async def test_a_sign_in_that_stays_refused_is_an_error():
    world = AutotaskWorld()
    world.faults.append(lambda request: httpx.Response(401) if request.url.port == 8101 else None)
    with pytest.raises(SignInFailed, match="refused the sign-in"):
        await make(world).services()
    assert [path.rsplit("/", 1)[-1] for _, path, _ in world.requests] == ["zoneInformation", "query", "zoneInformation"]
    with pytest.raises(SignInFailed):
        await make(world, base_url=ZONE).services()


async def test_a_wrong_integration_code_is_a_refused_sign_in():
    world = AutotaskWorld()
    world.faults.append(on("Services", errors("IntegrationCode is invalid.")))
    with pytest.raises(SignInFailed, match="IntegrationCode is invalid"):
        await make(world).services()


async def test_every_right_is_checked_in_one_pass():
    world = AutotaskWorld()
    checks = await make(world).check()
    assert [check.result for check in checks] == [CheckResult.OK] * 9
    assert "124 of 10000" in checks[-1].detail
    world.rights = {
        "ContractServiceAdjustments": {"userAccessForCreate": 0},
        "Contracts": {"userAccessForQuery": 2},
        "ContractServices": {"userAccessForUpdate": 0, "userAccessForCreate": None},
    }
    world.faults += [
        on(
            "ContractServiceUnits/entityInformation",
            errors("The logged in Resource does not have the adequate permissions to do this."),
        ),
        on("/Services/entityInformation", errors("An unexpected error has occurred.")),
        on("Threshold", reply({}, 404)),
    ]
    told = {check.name: check for check in await make(world).check()}
    assert {name: check.result.value for name, check in told.items()} == {
        "Companies: query": "ok",
        "Contracts: query": "ok",
        "ContractServices: query": "ok",
        "ContractServices: create": "cannot tell",
        "ContractServices: update": "missing",
        "ContractServiceUnits: query": "missing",
        "ContractServiceAdjustments: create": "missing",
        "Services: query": "cannot tell",
        "ThresholdInformation: query": "cannot tell",
    }
    assert "Restricted" in told["Contracts: query"].detail
    assert "Contracts" in told["ContractServiceAdjustments: create"].grant
    assert told["Companies: query"].grant == ""


async def test_a_refused_sign_in_is_no_missing_right():
    world = AutotaskWorld()
    world.faults.append(lambda request: httpx.Response(401) if request.url.port == 8101 else None)
    with pytest.raises(SignInFailed):
        await make(world).check()


async def test_nothing_can_be_said_about_rights_when_nothing_answers():
    world = AutotaskWorld()
    world.faults.append(lambda request: errors("down") if request.url.port == 8101 else None)
    with pytest.raises(ConnectionFailed):
        await make(world).check()


async def test_the_budget_is_the_tenants():
    budget = await make(AutotaskWorld(), calls_per_hour_share="0.25").budget()
    assert budget is not None
    assert (budget.used, budget.allowed, budget.window_minutes, budget.remaining) == (124, 10000, 60, 2500)


async def test_two_connections_to_one_tenant_have_one_fingerprint():
    world = AutotaskWorld()
    found, given = await make(world).tenant(), await make(world, base_url=ZONE, zone_user="").tenant()
    assert found.fingerprint == given.fingerprint
    assert "512345" in found.label
    assert found.clock_skew == 0.0
    world.users[KEYS["username"].lower()] = 777
    assert (await make(world).tenant()).fingerprint != found.fingerprint


async def test_the_look_up_that_found_the_tenant_also_names_it_and_is_made_anew_the_next_time():
    world = AutotaskWorld()
    autotask = make(world, zone_user=KEYS["username"])
    first = await autotask.tenant()
    assert len(world.asked("zoneInformation")) == 1
    world.users[KEYS["username"].lower()] = 777
    assert (await autotask.tenant()).fingerprint != first.fingerprint
    assert len(world.asked("zoneInformation")) == 2


async def test_the_providers_own_company_names_the_tenant_where_the_look_up_cannot():
    world = AutotaskWorld()
    del world.users[KEYS["username"].lower()]
    with pytest.raises(PermissionDenied):
        await make(world).tenant()
    world.company(0, "Northwind", createDate="2019-01-01T00:00:00Z")
    first = await make(world).tenant()
    world.tables["Companies"][0]["companyName"] = "Northwind Ltd"
    assert (await make(world).tenant()).fingerprint == first.fingerprint
    assert "Northwind" in first.label
    world.tables["Companies"][0]["createDate"] = "2020-02-02T00:00:00Z"
    assert (await make(world).tenant()).fingerprint != first.fingerprint


async def test_a_simulator_is_never_asked_about_at_the_vendors():
    world = AutotaskWorld()
    world.company(0, "Northwind")
    await make(world, base_url=ZONE, zone_lookup_url="https://webservices.autotask.net").tenant()
    assert not world.asked("zoneInformation")


async def test_a_wrong_clock_shows():
    world = AutotaskWorld()
    world.date = world.date.replace(hour=7)
    assert (await make(world).tenant()).clock_skew == 3600.0


@pytest.mark.parametrize("user", ["", "apiuser", "two words@x", "@", "a@b@c"])
def test_without_address_the_zone_user_must_be_an_email_address(user):
    with pytest.raises(SettingsError) as caught:
        make(AutotaskWorld(), zone_user=user)
    assert caught.value.kind is Kind.ADDRESS_INVALID


@pytest.mark.parametrize(
    "values",
    [
        {"sku_field": "colour"},
        {"company_field": "name"},
        {"calls_per_hour_share": "2"},
        {"calls_per_hour_share": "half"},
        {"calls_per_hour_share": "-1"},
        {"settle_seconds": "soon"},
        {"base_url": "http://webservices14.autotask.net"},
        {"zone_lookup_url": "http://webservices.autotask.net"},
        {"base_url": "https://user@webservices14.autotask.net"},
        {"base_url": "https://webservices14.autotask.net", "settle_seconds": "60"},
    ],
)
def test_settings_that_cannot_be_used_are_refused(values):
    with pytest.raises(SettingsError):
        make(AutotaskWorld(), **values)


def test_a_simulator_may_settle_faster():
    assert make(AutotaskWorld(), settle_seconds="5").calls == 0


@pytest.mark.parametrize("name", list(KEYS))
def test_a_missing_key_is_named(name):
    secrets = {key: Secret(value) for key, value in KEYS.items() if key != name}
    given = Connection(name="psa", kind="autotask", values={"zone_user": "a@b"}, secrets=secrets)
    with pytest.raises(SecretsUnavailable) as caught:
        Autotask(given, context()[0], client=AutotaskWorld().client)
    assert caught.value.kind is Kind.SECRET_MISSING


async def test_keys_show_nowhere():
    world = AutotaskWorld()
    said = f"bad {KEYS['secret']} {KEYS['username']} {json.dumps(KEYS['integration_code'])}"
    world.faults.append(on("Services", errors(said)))
    psa = make(world)
    with pytest.raises(ConnectionFailed) as caught:
        await psa.services()
    shown = repr(psa) + repr(vars(psa)) + str(caught.value) + caught.value.details
    assert not any(value in shown for value in KEYS.values())


def test_the_description_tells_how_skus_are_compared():
    assert SPEC.sku_is_number(connection())
    assert not SPEC.sku_is_number(connection(sku_field="sku"))
    assert (SPEC.sku_field(connection()), SPEC.contract_type(connection())) == ("ServiceId", "Recurring Service")
    assert [field.log_name for field in SPEC.fields if field.secret][:2] == ["UserName", "Secret"]


async def test_closing_twice_is_fine_and_renewing_without_a_zone_does_nothing():
    world = AutotaskWorld()
    assert SPEC.build_psa is not None
    psa = await SPEC.build_psa(connection(base_url=ZONE, zone_lookup_url=LOOKUP), context()[0])
    await psa.renew()
    await psa.aclose()
    await psa.aclose()
    with pytest.raises(ConnectionFailed):
        await psa.services()
    assert world.calls == 0


async def test_requests_that_meet_a_move_side_by_side_look_the_zone_up_once():
    world = AutotaskWorld()
    world.zone_url = f"{ZONE}/old/ATServicesRest/"
    psa = make(world)
    await psa.budget()
    world.faults.append(lambda request: httpx.Response(401) if "/old/" in request.url.path else None)
    world.zone_url = f"{ZONE}/ATServicesRest/"
    assert all(check.result is CheckResult.OK for check in await psa.check())
    assert len(world.asked("zoneInformation")) == 2
    await psa.renew()
    assert len(world.asked("zoneInformation")) == 3
