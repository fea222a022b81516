"""What a tenant is and allows: the check of rights and agreement type, its fingerprint, its call allowance."""

import httpx
import pytest

from reconcile_app.connectors.connectwise import ConnectWise
from reconcile_app.core.errors import SignInFailed
from reconcile_app.core.ports import CheckResult
from tests.fakes.connectwise_world import SITE, ConnectWiseWorld, always, connection, context, error


def make(world: ConnectWiseWorld, **values: str) -> ConnectWise:
    return ConnectWise(connection(**values), context()[0], client=world.client)


async def test_the_check_names_module_function_and_level():
    checks = {check.name: check for check in await make(ConnectWiseWorld()).check()}
    assert {name: check.result for name, check in checks.items()} == {
        "Company acme_training": CheckResult.OK,
        "Companies, Company Maintenance: inquire": CheckResult.OK,
        "Finance, Agreements: inquire": CheckResult.OK,
        "Finance, Agreements: edit": CheckResult.MISSING,
        "Finance, Agreements: add": CheckResult.MISSING,
        "Procurement, Product Catalog: inquire": CheckResult.CANNOT_TELL,
        "Agreement type Managed Services": CheckResult.OK,
    }
    edit = checks["Finance, Agreements: edit"]
    assert "Finance › Agreements: Edit level All" in edit.grant
    assert "left out without an error" in edit.detail
    assert checks["Finance, Agreements: add"].detail == "The level is None."
    assert checks["Company acme_training"].detail == "version 2026.4.101"


async def test_the_check_offers_the_agreement_types():
    last = (await make(ConnectWiseWorld(), agreement_type="Cloud").check())[-1]
    assert last.result is CheckResult.MISSING
    assert last.grant == "Enter one of: Cloud and Backup, Managed Services, Hardware (inactive)."


async def test_a_check_without_the_right_to_look_cannot_tell():
    world = ConnectWiseWorld()
    world.faults += [
        always("/system/mySecurity", lambda: error(403, "Security", "You do not have security permission.")),
        always("/agreements/types", lambda: error(403, "Security", "You do not have security permission.")),
        always("/login/", lambda: httpx.Response(404, text="")),
    ]
    assert {check.result for check in await make(world).check()} == {CheckResult.CANNOT_TELL}


async def test_an_unknown_company_is_told_before_anything_else():
    world = ConnectWiseWorld()
    world.info = None
    with pytest.raises(SignInFailed, match="does not know the company"):
        await make(world).check()
    assert world.calls == 1


async def test_the_tenant_is_site_and_company_however_the_address_is_written():
    world = ConnectWiseWorld()
    first = await make(world).tenant()
    other = await make(world, base_url=f"{SITE}/v4_6_release/apis/3.0/", company="ACME_Training").tenant()
    assert first.fingerprint == other.fingerprint
    assert first.label == "ConnectWise acme_training (version 2026.4.101) at 127.0.0.1:8200"
    assert first.clock_skew == 0
    world.info["CompanyID"] = "contoso"
    assert (await make(world).tenant()).fingerprint != first.fingerprint


async def test_without_discovery_the_tenant_is_told_only_after_the_sign_in():
    world = ConnectWiseWorld()
    world.faults.append(always("/login/", lambda: httpx.Response(404, text="")))
    told = await make(world).tenant()
    assert (world.calls, told.label) == (2, "ConnectWise acme_training at 127.0.0.1:8200")
    world.faults.append(always("/system/", lambda: error(401, "Unauthorized", "Wrong keys")))
    with pytest.raises(SignInFailed):
        await make(world).tenant()


async def test_there_is_no_budget_unless_it_was_told():
    world = ConnectWiseWorld()
    assert await make(world).budget() is None
    psa = make(world, calls_per_hour="1000", calls_per_hour_share="0.25")
    await psa.tenant()
    budget = await psa.budget()
    assert budget is not None
    assert (budget.used, budget.allowed, budget.window_minutes, budget.remaining) == (1, 1000, 60, 250)


async def test_renewing_asks_for_the_code_base():
    world = ConnectWiseWorld()
    psa = make(world)
    await psa.renew()
    await psa.renew()
    assert [request.url.path for request in world.requests] == ["/login/companyinfo/acme_training"]


async def test_nothing_shows_the_keys():
    world = ConnectWiseWorld()
    psa = make(world)
    assert repr(psa) == "ConnectWise()"
    assert psa.calls == 0
    await psa.aclose()
    await psa.aclose()
