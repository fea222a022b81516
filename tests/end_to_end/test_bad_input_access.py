"""Tokens, keys, rights and addresses that are wrong: who refused, what it means, what to do; and nothing is sent anywhere else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconcile_app.core.errors import ReconcileError
from reconcile_app.core.ports import CheckResult
from reconcile_app.services.comparing import RunStopped
from reconcile_app.services.desk import Health
from tests.end_to_end.desk_fixture import Bench, row_of, told, two_customers


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, two_customers) as made:
        yield made


async def refused(bench: Bench, **options: Any) -> RunStopped:
    """A comparison that stops; it says what failed, what it means and what to do."""
    with pytest.raises(RunStopped) as caught:
        await bench.compare(**options)
    error = caught.value
    assert error.title
    assert error.meaning
    assert len(error.next_step) > 10
    return error


# Atria -----------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-32", "R")
@pytest.mark.parametrize(
    "order", [{"expired": True}, {"enabled": False}, {"deleted": True}], ids=["expired", "disabled", "deleted"]
)
async def test_a_token_that_stopped_working_is_told_with_where_to_get_another(bench: Bench, order: dict[str, bool]) -> None:
    assert (await bench.compare()).basis.billing.side.complete
    bench.control("atria", "token", **order)
    error = await refused(bench)
    assert error.exit_code == 3
    assert error.log["code"].tolist() == ["AT22", "AT03", "AT24"]
    assert "API Tokens › Generate" in error.next_step
    view = await bench.session.verify("atria")
    assert view.health is Health.FAILED
    assert {check.result for check in view.checks} == {CheckResult.MISSING}
    # The run from before is still there, and still opens.
    (kept,) = bench.session.runs()
    assert len((await bench.session.open_run(kept.run_id)).rows) == 2


async def test_a_token_that_ran_out_by_its_own_account_is_told_with_its_date(bench: Bench) -> None:
    bench.control("atria", "token", expired=True)
    bench.clock.advance(400 * 86_400)
    error = await refused(bench)
    (entry,) = told(error.log, "AT03")
    assert "The token expired on 2027-09-29." in entry.message


async def test_a_right_that_is_missing_in_atria_is_told_with_where_to_grant_it(bench: Bench) -> None:
    bench.control("atria", "token", developer=False)
    error = await refused(bench)
    assert "tick Service Provider Developer" in error.next_step
    view = await bench.session.verify("atria")
    missing = [check for check in view.checks if check.result is CheckResult.MISSING]
    assert [check.name for check in missing] == ["Service Provider Developer"]
    assert "Edit User" in missing[0].grant


@pytest.mark.parametrize(
    "address", ["http://atria.example.net", "atria.example.net", "ftp://127.0.0.1", "https://user:pw@127.0.0.1", "", "  "]
)
async def test_an_address_that_may_not_be_used_is_refused_before_anything_is_sent(bench: Bench, address: str) -> None:
    bench.connect("atria", base_url=address)
    error = await refused(bench)
    assert error.exit_code == 2
    assert "pw" not in str(error)


async def test_the_address_of_something_else_is_not_taken_for_an_empty_atria(bench: Bench) -> None:
    bench.connect("atria", base_url=bench.box.simulators["autotask"].base_url)
    error = await refused(bench)
    assert error.exit_code == 3
    assert told(error.log, "AT15") == []


# Autotask --------------------------------------------------------------------------------------------------------------------
async def check_all_unknown(bench: Bench, *codes: str) -> None:
    run = await bench.compare()
    assert set(run.rows["status"]) == {"unknown"}
    assert not run.rows["selectable"].any()
    assert run.rows["change"].isna().all()
    assert set(codes) <= set(run.log["code"])
    entries = run.log[run.log["code"].isin(codes).to_numpy(dtype=bool)]
    assert (entries["resolution"].str.len() > 20).all()
    assert bench.ledger() == []


@pytest.mark.parametrize("key", ["username", "secret", "integration_code"])
async def test_each_wrong_key_leaves_the_psa_unknown(bench: Bench, key: str) -> None:
    bench.connect("autotask", {key: "wrong-value-4711"})
    await check_all_unknown(bench, "AT02", "RC19")
    view = await bench.session.verify("autotask")
    assert view.health is Health.FAILED
    assert "wrong-value-4711" not in view.words


@pytest.mark.fault("F-33", "R")
@pytest.mark.parametrize("entity", ["Companies", "Contracts", "ContractServices", "ContractServiceUnits", "Services"])
async def test_each_missing_right_is_named_by_the_run_and_by_the_check(bench: Bench, entity: str) -> None:
    bench.control("autotask", "permission", entity=entity, right="query", access=0)
    await check_all_unknown(bench, "AT02", "RC05")
    view = await bench.session.verify("autotask")
    missing = [check for check in view.checks if check.result is CheckResult.MISSING]
    assert [check.name for check in missing] == [f"{entity}: query"]
    assert "Security Levels" in missing[0].grant
    run = await bench.compare()
    assert [entry.message for entry in told(run.log, "RC05")] == [f"Missing permission on Autotask: {entity}: query"]


async def test_a_zone_user_that_nobody_knows_leaves_the_psa_unknown(bench: Bench) -> None:
    bench.connect("autotask", zone_user="stranger@example.net")
    await check_all_unknown(bench, "AT02", "RC19")


async def test_a_tenant_that_moved_to_another_zone_is_found_again(bench: Bench) -> None:
    assert row_of(await bench.compare(), "ONE", "601")["status"] == "raise"
    bench.control("autotask", "switch", zone_moved="on")
    assert row_of(await bench.compare(), "ONE", "601")["status"] == "raise"


async def test_the_fixed_address_of_a_zone_that_the_tenant_left_is_refused(bench: Bench) -> None:
    bench.connect("autotask", base_url=bench.box.simulators["autotask"].base_url)
    assert row_of(await bench.compare(), "ONE", "601")["status"] == "raise"
    bench.control("autotask", "switch", zone_moved="on")
    await check_all_unknown(bench, "AT02", "RC19")


async def test_a_zone_at_a_strange_address_gets_no_keys(bench: Bench) -> None:
    body = '{"zoneName":"Evil","url":"https://autotask.example.org/ATServicesRest/","webUrl":"https://x/","ci":1}'
    bench.control("autotask", "faults", kind="status", status=200, path="zoneinformation", body=body, times=None)
    await check_all_unknown(bench, "AT02", "RC19")
    run = bench.session.run
    assert run is not None
    assert "autotask.example.org" in run.basis.psa.side.error


async def test_a_short_settle_time_is_refused_for_anything_but_a_simulator(bench: Bench) -> None:
    bench.connect("autotask", base_url="https://webservices14.autotask.net", zone_lookup_url="", settle_seconds="5")
    error = await refused(bench)
    assert error.exit_code == 2
    assert "180" in error.next_step
    assert error.log["code"].tolist() == ["AT22", "AT02", "AT24"]


# a right that goes away between comparing and pushing ------------------------------------------------------------------------
async def test_a_key_that_stops_working_before_the_review_sends_nothing(bench: Bench) -> None:
    run = await bench.compare()
    bench.connect("autotask", {"secret": "wrong-value-4711"})
    with pytest.raises(ReconcileError) as caught:
        await bench.push(row_of(run, "ONE", "601")["key"])
    assert caught.value.exit_code == 3
    assert len(caught.value.next_step) > 20
    assert bench.ledger() == []
    assert row_of(bench.session.run, "ONE", "601")["status"] == "raise"  # type: ignore[arg-type]  # the run is on the desk
