"""What a mapping dialog shows: whole lists, likely targets, and what a rule would do before it is saved."""

import pytest

from reconcile_app.core.errors import ConnectionFailed, NotFound, SideUnreadable
from reconcile_app.core.history import StoredRun
from reconcile_app.core.mapping_rules import CustomerRule, LineRule, ProductRule
from reconcile_app.core.settings import CompareOptions, Connection, Secret
from reconcile_app.services.desk import RuleEffect
from reconcile_app.services.line_history import LineHistory, run_document
from tests.fakes.comparing import units
from tests.fakes.office import Office, unwatched
from tests.fakes.sample_run import CREATED, PERIOD, sample_run
from tests.fakes.stores import MemoryWorkspace


async def office() -> Office:
    """ASP has an ambiguous contract, BIR a SKU nobody knows, CED two lines of one service, DOV no identifier."""
    desk = Office()
    desk.world.contract("C174b", "174")
    desk.bill("ASP", "650", 12, held=10)
    desk.bill("BIR", "712", 3, held=3)
    desk.world.bill("BIR", "999", 1, line_description="Hosted Exchange Plan").bill("CED", "999", 2)
    desk.bill("CED", "800", 4, held=4)
    desk.psa.add_line("L-CED-2", 6, contract_id="C176", service_id="800")
    desk.world.bill("DOV", "650", 1, customer_name="Dover, Inc.")
    desk.world.company("500", "Dover Incorporated").company("501", "Dover Street").company("502")
    desk.world.contract("C500", "500").contract("C501", "501")
    desk.psa.add_line("L500", 1, contract_id="C500", service_id="650")
    desk.psa.add_line("L501", 1, contract_id="C500", service_id="77")
    await desk.compare()
    desk.psa.asked.clear()
    return desk


async def test_companies_are_asked_once() -> None:
    desk = await office()
    companies = await desk.session.companies()
    assert {"174", "500", "501"} <= set(companies["company_id"])
    assert (await desk.session.companies()) is companies
    assert desk.psa.names() == ["companies"]
    assert desk.everything_released()


async def test_a_list_that_is_not_whole_is_no_list_to_choose_from() -> None:
    desk = await office()
    desk.psa.unread["companies"] = {"company:174": "timed out"}
    with pytest.raises(SideUnreadable) as caught:
        await desk.session.companies()
    assert "timed out" in caught.value.happened
    desk.psa.unread.clear()
    assert len(await desk.session.companies())
    desk.psa.failures["contracts"] = ConnectionFailed("Gone.")
    with pytest.raises(ConnectionFailed):
        await desk.session.contracts_of("500")
    assert desk.everything_released()


async def test_contracts_that_were_read_are_not_asked_again() -> None:
    desk = await office()
    assert (await desk.session.contracts_of("174"))["contract_id"].tolist() == ["C174", "C174b"]
    assert desk.psa.asked == []
    assert (await desk.session.contracts_of("500"))["contract_id"].tolist() == ["C500"]
    assert desk.psa.asked == [("contracts", ("500",))]


async def test_lines_come_with_the_names_of_their_services() -> None:
    desk = await office()
    lines = await desk.session.lines_of("C176")
    assert lines["line_id"].tolist() == ["L-CED-800", "L-CED-2"]
    assert lines["service_name"].tolist() == ["Backup", "Backup"]
    assert desk.psa.asked == []
    lines = await desk.session.lines_of("C500")
    assert desk.psa.asked == [("lines", ("C500",))]
    assert lines["service_name"].isna().tolist() == [False, True]


async def test_a_name_that_the_line_has_itself_is_kept() -> None:
    desk = await office()
    run = desk.session.run
    assert run is not None
    run.basis.psa.lines.loc[run.basis.psa.lines["line_id"] == "L-CED-2", "service_name"] = "Backup, special"
    assert (await desk.session.lines_of("C176"))["service_name"].tolist() == ["Backup", "Backup, special"]


async def test_likely_companies_of_a_customer() -> None:
    desk = await office()
    companies = await desk.session.companies()
    best, other = desk.session.suggest_companies("DOV", companies)[:2]
    assert (best.target_id, best.score, best.exact) == ("500", 100, True)
    assert best.reason.startswith("same name")
    assert (other.target_id, other.exact) == ("501", False)
    assert desk.session.suggest_companies("NOBODY", companies) == []


async def test_a_customer_without_lines_is_known_by_the_list_of_customers() -> None:
    desk = Office()
    desk.bill("ASP", "650", 1, held=1)
    names = {"ASP": "ASP Limited", "NEW": "Dover"}
    desk.world.customers = [{"customer_code": code, "customer_name": name} for code, name in names.items()]
    desk.world.company("500", "Dover Ltd")
    await desk.compare()
    (found,) = desk.session.suggest_companies("NEW", await desk.session.companies())
    assert found.target_id == "500"


async def test_likely_services_of_a_sku() -> None:
    desk = await office()
    (found,) = desk.session.suggest_services("999")
    assert (found.target_id, found.target_name, found.exact) == ("650", "Hosted Exchange", False)
    assert desk.session.suggest_services("premium")[0].target_id == "712"


async def test_the_catalog_is_that_of_the_run() -> None:
    desk = await office()
    assert desk.session.services()["service_id"].tolist() == ["650", "712", "800"]


@pytest.mark.parametrize(("rule", "effect"), [
    # DOV has no identifier, ASP has two contracts; BIR's and CED's 999 are item findings.
    (CustomerRule(customer_code="DOV", company_id="500"), RuleEffect(matched=1, lost=0, left=1)),
    (CustomerRule(customer_code="ASP", company_id="174", contract_id="C174b"), RuleEffect(matched=1, lost=0, left=1)),
    (CustomerRule(customer_code="BIR", company_id="500"), RuleEffect(matched=0, lost=2, left=2)),
    (CustomerRule(customer_code="BIR", company_id="175"), RuleEffect(matched=0, lost=0, left=2)),
    (ProductRule(sku="999", service_id="712"), RuleEffect(matched=2, lost=0, left=1)),
    (ProductRule(sku="712", service_id="650"), RuleEffect(matched=0, lost=1, left=3)),
    (ProductRule(sku="712", service_id="712"), RuleEffect(matched=0, lost=0, left=3)),
    (ProductRule(sku="712", service_id=""), RuleEffect(matched=0, lost=1, left=3)),
    (LineRule(customer_code="CED", sku="999", contract_id="C176", line_id="L-CED-2"), RuleEffect(matched=1, lost=0, left=2)),
    (LineRule(customer_code="CED", sku="800", contract_id="C176", line_id="L-CED-2"), RuleEffect(matched=1, lost=0, left=2)),
    (LineRule(customer_code="BIR", sku="712", contract_id="C175", line_id="other"), RuleEffect(matched=0, lost=1, left=3)),
])
async def test_what_a_rule_would_do(rule: CustomerRule | ProductRule | LineRule, effect: RuleEffect) -> None:
    desk = await office()
    before = desk.session.run
    assert desk.session.effect(rule) == effect
    assert desk.session.run is before


async def test_without_a_run_there_is_nothing_to_choose_for() -> None:
    session = Office().session
    with pytest.raises(NotFound, match="There is no comparison yet"):
        await session.companies()
    with pytest.raises(NotFound):
        session.services()


# evidence ----------------------------------------------------------------------------------------------------------------------


def use(user: str, sku: str, plan: str = "Plan", **more: str | None) -> dict[str, str | None]:
    return {
        "user_name": user, "user_upn": f"{user}@example.net", "service_name": "Exchange", "service_code": "HE", "plan_name": plan,
        "line_description": "Mailbox", "billable": "Yes", "action": "Create", "start": "2026-10-26", "end": None,
        "actioned_by": "kim", "sku": sku, **more,
    }


async def test_the_users_behind_a_row() -> None:
    desk = Office()
    desk.bill("ASP", "650", 2, held=2)
    desk.billing.evidence["ASP"] = [use("ada", " 650"), use("bob", "650", user_name=None), use("cyd", "712")]
    desk.billing.shares["ASP"] = [{**use("ada", " 650"), "duration_percent": "50"}]
    await desk.compare()
    told = await desk.session.evidence("ASP/C174/650")
    assert list(told.columns) == ["user", "service", "plan", "line", "billed", "reason", "action", "from", "until", "by", "share"]
    assert told["user"].tolist() == ["ada", "bob@example.net"]
    assert told["share"].fillna("").tolist() == ["50", ""]
    assert told["reason"].isna().all()
    assert told["until"].isna().all()
    assert desk.billing.asked[-2:] == ["detail", "analysis"]
    assert desk.everything_released()


async def test_evidence_of_everybody_who_is_paid_for() -> None:
    desk = Office()
    desk.match_by_payer()
    payer = {"bill_to_code": "BIR", "bill_to_name": "BIR Limited", "bill_to_identifier": "175"}
    desk.world.bill("ASP", "650", 5, **payer).bill("BIR", "650", 7)
    desk.psa.add_line("L1", 12, contract_id="C175", service_id="650")
    desk.billing.evidence = {"ASP": [use("ada", "650")], "BIR": [use("bob", "650")]}
    await desk.compare()
    assert sorted((await desk.session.evidence("BIR/C175/650"))["user"]) == ["ada", "bob"]


async def test_a_row_without_bills_and_one_without_sku_show_what_there_is() -> None:
    desk = Office()
    desk.world.bill_before("ASP", "650", 2).bill("ASP", None, 1, line_description="Fax").bill("BIR", "712", 1)
    desk.psa.add_line("L1", 2, contract_id="C174", service_id="650")
    desk.billing.evidence["ASP"] = [use("ada", "650"), use("bob", "712")]
    run = await desk.compare()
    assert (await desk.session.evidence("ASP/C174/650"))["user"].tolist() == ["ada"]
    fax = next(key for key in run.rows["key"] if key.startswith("ASP/C174/text:"))
    assert (await desk.session.evidence(fax))["user"].tolist() == ["ada", "bob"]
    assert (await desk.session.evidence(next(key for key in run.rows["key"] if key.startswith("BIR")))).empty


async def test_evidence_that_cannot_be_had() -> None:
    desk = Office()
    desk.bill("ASP", "650", 2, held=2)
    await desk.compare()
    with pytest.raises(NotFound, match="no such line"):
        await desk.session.evidence("ASP/C174/999")
    desk.billing.failures["detail"] = ConnectionFailed("Gone.")
    with pytest.raises(ConnectionFailed):
        await desk.session.evidence("ASP/C174/650")
    assert desk.everything_released()


# history -----------------------------------------------------------------------------------------------------------------------


async def test_the_history_of_a_line_tells_runs_and_pushes() -> None:
    desk = Office()
    desk.bill("ASP", "650", 12, held=10)
    first = await desk.compare()
    desk.clock.advance(60)
    await desk.push()
    desk.clock.advance(2 * 86_400)
    desk.world.billed[0]["quantity"] = units(15)
    second = await desk.compare()
    told = desk.session.line_history("ASP/C174/650")
    assert list(told.columns) == ["time", "run_id", "period_end", "result", "billed", "contract", "pushed"]
    assert told["result"].tolist() == ["finished", "pushed and confirmed", "compared"]
    assert told["billed"].fillna(-1).tolist() == [120_000, -1, 150_000]
    assert told["contract"].fillna(-1).tolist() == [100_000, -1, 120_000]
    assert told["pushed"].fillna(-1).tolist() == [-1, 120_000, -1]
    assert told["run_id"].tolist()[::2] == [first.run_id, second.run_id]
    assert told["period_end"].tolist() == ["2026-11-25", "", "2026-11-25"]
    opened = await desk.new_session().open_run(first.run_id)
    assert desk.session.line_history("ASP/C174/650").equals(told)
    assert opened.run_id == first.run_id


async def test_the_push_that_created_a_line_is_part_of_its_history() -> None:
    desk = Office()
    desk.bill("CED", "800", 4, held=None)
    await desk.compare(allow_create=True)
    await desk.push()
    run = await desk.compare()
    assert run.rows["last_pushed_quantity"].tolist() == [40_000]
    assert desk.session.line_history("CED/C176/800")["pushed"].dropna().tolist() == [40_000]


async def test_of_two_lines_of_one_service_nobody_knows_which_was_created() -> None:
    desk = Office()
    desk.bill("CED", "800", 4, held=4)
    desk.psa.add_line("L2", 1, contract_id="C176", service_id="800")
    desk.workspace.save_pushed("tenant-1", "contract:C176:service:800", 40_000, desk.clock.today(), "old")
    assert (await desk.compare()).rows["last_pushed_quantity"].isna().all()


async def test_a_line_that_nobody_knows_has_no_history() -> None:
    desk = Office()
    desk.bill("ASP", "650", 12, held=10)
    await desk.compare()
    told = desk.session.line_history("nobody/x/y")
    assert told.empty
    assert str(told["billed"].dtype) == "Int64"


async def test_only_so_many_runs_are_looked_at_and_only_of_this_pair() -> None:
    desk = Office()
    desk.bill("ASP", "650", 12, held=10)
    desk.connections_store.save(Connection(name="second", kind="atria"))
    desk.secrets.set("second", "token", Secret("t"))
    for billing in ("second", *["atria"] * 3):
        desk.clock.advance(60)
        await desk.session.compare(billing, "autotask", CompareOptions(), unwatched)
    assert len(desk.session.line_history("ASP/C174/650")) == 3
    for _ in range(10):
        desk.clock.advance(60)
        await desk.compare()
    assert len(desk.session.line_history("ASP/C174/650")) == 12


def test_a_very_large_run_keeps_no_history_of_single_lines() -> None:
    assert run_document(sample_run(rows=20_001)) == ""
    small = sample_run()
    document = run_document(small)
    store = MemoryWorkspace()
    for run_id, text in (("large", ""), ("small", document)):
        store.save_run(StoredRun(
            run_id=run_id, created=CREATED, period_start=PERIOD.start, period_end=PERIOD.end, billing="atria", psa="autotask",
            rows=1, warnings=0, money=0, complete=True, document=text,
        ))
    history = LineHistory(store)
    history.load("atria", "autotask")
    assert history.of(small, small.rows["key"].iloc[0])["run_id"].tolist() == ["small"]
