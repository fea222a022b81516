"""Mapping fixes, ticks and options re-run the comparison without network, are kept, and can be taken back."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from reconcile_app.core.basis import Run
from reconcile_app.core.errors import StorageError
from reconcile_app.core.mapping_rules import CustomerRule, IgnoreRule, LineRule, MappingRules, ProductRule
from reconcile_app.core.settings import CompareOptions
from reconcile_app.services.session import Session
from reconcile_app.services.workspace import Workspace
from tests.fakes.comparing import TODAY, row_of
from tests.fakes.office import Office

PAIR = ("atria", "autotask")
CUSTOMER = CustomerRule(customer_code="ASP", company_id="175")
PRODUCT = ProductRule(sku="999", service_id="712")
LINE = LineRule(customer_code="CED", sku="800", contract_id="C176", line_id="L-CED-2")
IGNORED = IgnoreRule(key="BIR/C175/712", reason="agreed", by="Ada", created=TODAY)


def office() -> Office:
    """ASP rises, BIR has an unknown SKU beside a known one, CED has the same service twice."""
    desk = Office()
    desk.bill("ASP", "650", 12, held=10)
    desk.bill("BIR", "712", 3, held=2)
    desk.world.both("BIR", "999", 1, 1)
    desk.bill("CED", "800", 4, held=4, line="L-CED-1")
    desk.psa.add_line("L-CED-2", 6, contract_id="C176", service_id="800")
    return desk


def status(run: Run, key: str) -> str:
    return str(row_of(run, key)["status"])


async def compared() -> tuple[Office, Run]:
    desk = office()
    run = await desk.compare()
    desk.billing.asked.clear()
    desk.psa.asked.clear()
    desk.psa.requests.clear()
    return desk, run


def asked_nothing(desk: Office) -> bool:
    return not desk.billing.asked and not desk.psa.asked and not desk.psa.requests


Decision = tuple[str, Callable[[Session], Awaitable[Run]], str]
DECISIONS: list[Decision] = [
    ("mapping of customer ASP", lambda desk: desk.map_customer(CUSTOMER), "customers"),
    ("mapping of SKU 999", lambda desk: desk.map_product(PRODUCT), "products"),
    ("mapping of SKU 800 of CED", lambda desk: desk.map_line(LINE), "lines"),
    ("ignoring 1 row", lambda desk: desk.ignore([IGNORED]), "ignores"),
    ("waiting mark of ASP", lambda desk: desk.mark_waiting("ASP", "Billing Identifier"), "waiting"),
    ("ticking 2 rows", lambda desk: desk.decide(["ASP/C174/650", "BIR/C175/712"], True), "decisions"),
    ("unticking 1 row", lambda desk: desk.decide(["ASP/C174/650"], False), "decisions"),
    ("change of options", lambda desk: desk.set_options(CompareOptions(allow_create=True)), "options"),
]


@pytest.mark.parametrize(("words", "decide", "part"), DECISIONS, ids=[words for words, _, _ in DECISIONS])
async def test_every_decision_is_kept_and_can_be_taken_back_and_done_again(
    words: str, decide: Callable[[Session], Awaitable[Run]], part: str
) -> None:
    desk, before = await compared()
    after = await decide(desk.session)
    assert asked_nothing(desk)
    assert desk.session.run is after
    assert (desk.session.can_undo, desk.session.can_redo) == (words, "")
    if part in MappingRules.__slots__:
        assert desk.workspace.rules(*PAIR) == after.basis.rules == desk.session.rules
        assert getattr(after.basis.rules, part) != getattr(before.basis.rules, part)
        assert after.basis.rules.version == 1
    back = await desk.session.undo()
    assert (desk.session.can_undo, desk.session.can_redo) == ("", words)
    assert back.rows.equals(before.rows)
    assert back.log.equals(before.log)
    assert desk.workspace.decisions(back.run_id) == {}
    assert back.basis.options == before.basis.options
    again = await desk.session.redo()
    assert (desk.session.can_undo, desk.session.can_redo) == (words, "")
    assert again.rows.equals(after.rows)
    assert again.log.equals(after.log)
    assert desk.workspace.decisions(again.run_id) == dict(after.basis.decisions)
    assert replace(desk.workspace.rules(*PAIR), version=0) == replace(after.basis.rules, version=0)
    assert asked_nothing(desk)
    opened = await desk.new_session().open_run(after.run_id)
    assert opened.rows.equals(after.rows)
    assert opened.log.equals(after.log)


async def test_what_the_decisions_do() -> None:
    desk, run = await compared()
    assert (status(run, "ASP/C174/650"), status(run, "BIR/C175/sku:999")) == ("raise", "blocked")
    session = desk.session
    assert status(await session.map_product(PRODUCT), "BIR/C175/712") == "raise"
    assert row_of(await session.map_product(PRODUCT), "BIR/C175/712")["billed_quantity"] == 40_000
    assert status(await session.map_line(LINE), "CED/C176/line:L-CED-2") == "lower"
    assert status(await session.ignore([IGNORED]), "BIR/C175/712") == "ignored"
    assert status(await session.unignore(["BIR/C175/712"]), "BIR/C175/712") == "raise"
    assert session.can_undo == "lifting 1 row"
    assert status(await session.mark_waiting("ASP", "SKU"), "ASP/C174/650") == "blocked"
    assert status(await session.mark_waiting("ASP", ""), "ASP/C174/650") == "raise"
    assert "ASP/C175/650" in set((await session.map_customer(CUSTOMER)).rows["key"])


async def test_a_mapping_can_be_taken_back() -> None:
    desk, before = await compared()
    session = desk.session
    for rule in (CUSTOMER, PRODUCT, LINE):
        match rule:
            case CustomerRule():
                await session.map_customer(rule)
            case ProductRule():
                await session.map_product(rule)
            case LineRule():
                await session.map_line(rule)
        run = await session.unmap(rule)
        assert session.can_undo.startswith("unmapping of ")
        assert run.rows.equals(before.rows)
    rules = desk.workspace.rules(*PAIR)
    assert (rules.customers, rules.products, rules.lines, rules.version) == ({}, {}, {}, 6)


async def test_taking_back_and_again_goes_step_by_step() -> None:
    desk, before = await compared()
    session = desk.session
    await session.map_product(PRODUCT)
    await session.decide(["ASP/C174/650"], False)
    last = await session.set_options(CompareOptions(allow_create=True))
    await session.undo()
    await session.undo()
    assert (session.can_undo, session.can_redo) == ("mapping of SKU 999", "unticking 1 row")
    assert (await session.undo()).rows.equals(before.rows)
    for _ in range(3):
        run = await session.redo()
    assert run.rows.equals(last.rows)
    await session.undo()
    await session.decide(["ASP/C174/650"], True)
    assert session.can_redo == ""


async def test_with_nothing_to_take_back_the_run_stays() -> None:
    desk, run = await compared()
    assert await desk.session.undo() is run
    assert await desk.session.redo() is run


async def test_only_so_many_steps_are_kept() -> None:
    desk, _ = await compared()
    for number in range(205):
        await desk.session.decide(["ASP/C174/650"], bool(number % 2))
    for _ in range(200):
        await desk.session.undo()
    assert desk.session.can_undo == ""


async def test_ticks_do_not_touch_the_rules_that_are_kept() -> None:
    desk, _ = await compared()
    await desk.session.decide(["ASP/C174/650"], False)
    await desk.session.undo()
    await desk.session.redo()
    assert "save_rules" not in desk.workspace.saves


async def test_taking_a_tick_back_leaves_what_another_window_has_mapped() -> None:
    desk, _ = await compared()
    await desk.session.map_product(PRODUCT)
    await desk.session.decide(["ASP/C174/650"], False)
    kept = desk.workspace.rules(*PAIR)
    desk.workspace.save_rules(*PAIR, replace(kept, version=2, customers={"ASP": CUSTOMER}))
    await desk.session.undo()
    assert desk.workspace.rules(*PAIR).customers == {"ASP": CUSTOMER}


async def test_a_mapping_comes_on_top_of_what_another_window_has_mapped() -> None:
    desk, _ = await compared()
    desk.workspace.save_rules(*PAIR, MappingRules(version=1, customers={"ASP": CUSTOMER}))
    run = await desk.session.map_product(PRODUCT)
    assert (run.basis.rules.customers, run.basis.rules.products) == ({"ASP": CUSTOMER}, {"999": PRODUCT})
    back = await desk.session.undo()
    assert back.basis.rules.customers == {"ASP": CUSTOMER}
    assert desk.workspace.rules(*PAIR).products == {}


async def test_taking_a_mapping_back_never_overwrites_what_another_window_has_mapped() -> None:
    desk, _ = await compared()
    mapped = await desk.session.map_product(PRODUCT)
    theirs = replace(desk.workspace.rules(*PAIR), version=2, customers={"ASP": CUSTOMER})
    desk.workspace.save_rules(*PAIR, theirs)
    with pytest.raises(StorageError):
        await desk.session.undo()
    assert desk.workspace.rules(*PAIR) == theirs
    assert desk.session.run is mapped
    assert (desk.session.can_undo, desk.session.can_redo) == ("mapping of SKU 999", "")


@pytest.mark.parametrize(("failing", "decide"), [
    ("save_rules", lambda desk: desk.map_product(PRODUCT)),
    ("save_decisions", lambda desk: desk.decide(["ASP/C174/650"], False)),
])
async def test_what_could_not_be_kept_is_not_shown_as_done(failing: str, decide: Callable[[Session], Awaitable[Run]]) -> None:
    desk, before = await compared()
    desk.workspace.failing.add(failing)
    with pytest.raises(StorageError):
        await decide(desk.session)
    assert desk.session.run is before
    assert desk.session.can_undo == ""


async def test_ticks_alone_do_not_rewrite_what_was_fetched() -> None:
    desk, run = await compared()
    await desk.session.decide(["ASP/C174/650"], False)
    assert desk.snapshots.saves == [run.run_id]
    await desk.session.map_product(PRODUCT)
    assert desk.snapshots.saves == [run.run_id] * 2
    await desk.new_session().open_run(run.run_id)
    assert desk.snapshots.saves == [run.run_id] * 2


async def test_a_new_comparison_starts_without_a_past() -> None:
    desk, _ = await compared()
    await desk.session.map_product(PRODUCT)
    await desk.compare()
    assert desk.session.can_undo == ""
    assert desk.session.rules.products == {"999": PRODUCT}


def test_an_empty_desk() -> None:
    desk = Office()
    workspace = Workspace(desk.workspace, desk.snapshots)
    assert workspace.run is None
    assert workspace.rules == MappingRules()
    assert (workspace.can_undo, workspace.can_redo) == ("", "")
    with pytest.raises(LookupError):
        _ = workspace.basis
