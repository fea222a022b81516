"""A push from the frozen plan to the result, when the PSA answers."""

import logging
from dataclasses import replace

import pytest

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.changes import ChangeKind
from reconcile_app.core.errors import PlanRefused
from reconcile_app.core.judge import OpState
from reconcile_app.core.plan import Plan
from reconcile_app.core.ports import Budget, WriteSemantics
from reconcile_app.core.settings import Limits
from reconcile_app.services.desk import PushView
from reconcile_app.services.outcome import result_of, words_of
from tests.fakes.clock import VirtualClock
from tests.fakes.planning import change_of, cost_of, plan_of
from tests.fakes.psa import FakePsa, Fault, unreachable
from tests.fakes.pushing import Bench


async def test_a_change_is_written_once_and_read_back() -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    view = await bench.push([change_of()])
    assert view.result == "finished"
    assert view.message == "1 written and confirmed"
    assert [op.state for op in view.ops] == [OpState.VERIFIED]
    assert view.ops[0].quantity_after == 13 * SCALE
    assert bench.psa.quantity("L1") == 13 * SCALE
    assert len(bench.psa.commits()) == 1
    assert bench.psa.requests == ["tenant", "read", "write", "read"]
    assert bench.kinds() == ["ARMED", "APPLIED", "VERIFIED"]


async def test_the_armed_event_holds_everything_a_recovery_needs() -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    await bench.push([change_of()])
    body = await bench.journal.armed_body("P1-0001")
    assert body is not None
    before = body["before"]
    assert isinstance(before, dict)
    assert before["quantity"] == 10 * SCALE
    assert len(before["evidence"]) == 2
    assert (body["method"], body["path"], body["attempt"], body["epoch"]) == ("POST", "contracts/C1", 1, 1)
    assert body["body_sha256"] == bench.psa.commits()[0].body_sha256
    assert str(body["deadline"]) > str(body["armed"])
    (run,) = await bench.journal.runs()
    assert (run.operator, run.machine, run.tenant, run.psa, run.kind) == ("Ada", "desk-1", "tenant-1", "autotask", "push")


async def test_the_plan_is_on_disk_before_the_first_line_is_read() -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    seen: list[tuple[str, list[OpState]]] = []
    bench.psa.on_access = lambda name: seen.append((name, bench.states()))
    await bench.push([change_of()])
    assert seen == [
        ("tenant", []), ("read", [OpState.PLANNED]), ("write", [OpState.ARMED]), ("read", [OpState.APPLIED]),
    ]


async def test_the_journal_knows_before_the_listener() -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    told: list[tuple[OpState, OpState, str]] = []

    def listener(view: PushView) -> None:
        told.append((view.ops[0].state, bench.states()[0], view.stages["P1-0001"]))

    await bench.engine.run(await bench.plan([change_of()]), "", listener)
    assert all(shown is stored for shown, stored, _ in told)
    assert list(dict.fromkeys(stage for _, _, stage in told)) == ["waiting", "checking", "sending", "confirming", "done"]


async def test_views_never_change_after_they_were_told() -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    view = await bench.push([change_of()])
    assert bench.views[0].ops[0].state is OpState.PLANNED
    assert bench.views[0].stages["P1-0001"] == "waiting"
    assert [v.result for v in bench.views[:-1]] == [""] * (len(bench.views) - 1)
    assert bench.views[-1] == view


async def test_a_listener_that_fails_does_not_stop_the_push(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)

    def listener(view: PushView) -> None:
        raise RuntimeError("cannot draw")

    with caplog.at_level(logging.ERROR):
        view = await bench.engine.run(await bench.plan([change_of()]), "", listener)
    assert view.result == "finished"
    assert "telling about a push failed" in caplog.text


async def test_customers_go_in_code_order_and_each_change_costs_three_calls() -> None:
    bench = Bench()
    for name in ("L1", "L2", "L3"):
        bench.psa.add_line(name, 10, contract_id=name)
    changes = [change_of(name, contract_id=name, customer=code) for name, code in (("L3", "B"), ("L2", "A"), ("L1", "B"))]
    await bench.push(changes)
    assert [entry.line_id for entry in bench.psa.commits()] == ["L2", "L3", "L1"]
    assert bench.psa.calls == 1 + 3 * 3


async def test_raising_lowering_and_zeroing_inside_a_period() -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    bench.psa.add_line("L2", 10, service_id="S2")
    view = await bench.push([
        change_of("L1", 10, 4), change_of("L2", 10, 0, service_id="S2", kind=ChangeKind.ZERO_LINE),
    ])
    assert {op.state for op in view.ops} == {OpState.VERIFIED}
    assert (bench.psa.quantity("L1"), bench.psa.quantity("L2")) == (4 * SCALE, 0)


async def test_a_psa_that_sets_quantities() -> None:
    clock = VirtualClock()
    psa = FakePsa(clock, semantics=WriteSemantics.SET)
    psa.add_line("L1", 10)
    view = await Bench(psa=psa).push([change_of()])
    assert view.ops[0].state is OpState.VERIFIED
    assert view.ops[0].semantics == "set"


async def test_a_line_is_created_once() -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    view = await bench.push([change_of("", 0, 5, service_id="S9", kind=ChangeKind.CREATE_LINE)])
    assert view.ops[0].state is OpState.VERIFIED
    (created,) = [line for line in bench.psa.lines_by_id.values() if line.service_id == "S9"]
    assert bench.psa.quantity(created.line_id) == 5 * SCALE


async def test_a_unit_cost_follows_the_quantity_of_its_line() -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    view = await bench.push([change_of(), cost_of()])
    assert [op.state for op in view.ops] == [OpState.VERIFIED, OpState.VERIFIED]
    assert bench.psa.lines_by_id["L1"].cost == 2 * SCALE


async def test_a_unit_cost_follows_a_quantity_that_somebody_else_set() -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    plan = await bench.plan([change_of(), cost_of()])
    bench.psa.other_user("L1", 3)
    view = await bench.engine.run(plan, "", bench.views.append)
    assert [op.state for op in view.ops] == [OpState.SKIPPED_ALREADY, OpState.VERIFIED]


async def test_a_unit_cost_alone() -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    view = await bench.push([cost_of()])
    assert view.ops[0].state is OpState.VERIFIED
    assert view.ops[0].quantity_after == 10 * SCALE


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.LOST_BEFORE])
async def test_a_unit_cost_stays_when_the_quantity_was_not_written(fault: Fault) -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    bench.psa.writes.append(fault)
    view = await bench.push([change_of(), cost_of()])
    assert view.ops[1].state is OpState.CANCELLED
    assert view.ops[1].message == "Not sent: the quantity of this line was not written."
    assert bench.psa.lines_by_id["L1"].cost == SCALE


async def test_a_unit_cost_does_not_hide_that_the_line_moved_again() -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    reads = iter(range(10))

    def meddle(name: str) -> None:
        if name == "read" and next(reads) == 2:
            bench.psa.other_user("L1", 1)

    bench.psa.on_access = meddle
    view = await bench.push([change_of(), cost_of()])
    assert [op.state for op in view.ops] == [OpState.VERIFIED, OpState.STALE]


async def test_the_calls_that_are_left_go_down() -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    bench.psa.allowance = Budget(used=0, allowed=100, window_minutes=60, share=0.5)
    view = await bench.push([change_of()])
    assert bench.views[0].calls_left == 50
    assert view.calls_left == 47
    blind = Bench()
    blind.psa.add_line("L1", 10)
    blind.psa.allowance = unreachable()
    assert (await blind.push([change_of()])).calls_left is None


async def refused(bench: Bench, plan: Plan, typed: str = "") -> PlanRefused:
    with pytest.raises(PlanRefused) as caught:
        await bench.engine.run(plan, typed, bench.views.append)
    assert not bench.journal.stored.runs
    assert not bench.views
    assert "write" not in bench.psa.requests
    assert caught.value.meaning.startswith("Nothing was sent")
    return caught.value


async def test_nothing_starts_with_a_plan_that_may_not() -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    careful = await plan_of(bench.psa, bench.clock, [change_of("L1", 10, 0, kind=ChangeKind.ZERO_LINE)], limits=Limits())
    assert "confirmation" in (await refused(bench, careful, "7")).title
    plan = await bench.plan([change_of()])
    assert "approved" in (await refused(bench, replace(plan, changes=()))).title
    bench.clock.advance(1_800)
    assert "expired" in (await refused(bench, plan)).title


async def test_nothing_starts_with_another_tenant_or_a_wrong_clock() -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    plan = await bench.plan([change_of()])
    bench.psa.fingerprint = "tenant-2"
    assert "Contoso PSA" in (await refused(bench, plan)).happened
    bench.psa.fingerprint, bench.psa.clock_skew = "tenant-1", -301.0
    assert "5 minutes" in (await refused(bench, plan)).happened
    bench.psa.clock_skew = None
    assert (await bench.engine.run(plan, "", bench.views.append)).result == "finished"


async def test_nothing_starts_without_the_psa() -> None:
    bench = Bench()
    bench.psa.add_line("L1", 10)
    plan = await bench.plan([change_of()])
    bench.psa.tenant_error = unreachable()
    with pytest.raises(type(bench.psa.tenant_error)):
        await bench.engine.run(plan, "", bench.views.append)
    assert not bench.journal.stored.runs


async def test_results_in_words() -> None:
    bench = Bench()
    for name in ("L1", "L2", "L3"):
        bench.psa.add_line(name, 10, contract_id=name)
    bench.psa.writes += [Fault.NONE, Fault.ACKNOWLEDGED_NOT_DONE]
    changes = [change_of(name, contract_id=name, customer=name) for name in ("L1", "L2", "L3")]
    plan = await bench.plan(changes)
    bench.psa.other_user("L3", 1)
    view = await bench.engine.run(plan, "", bench.views.append)
    assert view.result == "finished, 1 open"
    assert view.message == "1 written and confirmed · 1 had changed in the PSA · 1 to be looked at by you"
    first = view.ops[0]
    assert result_of([replace(first, state=OpState.STALE), replace(first, state=OpState.CANCELLED)]) == "refused"
    assert result_of([replace(first, state=OpState.REJECTED)]) == "finished"
    assert words_of([replace(first, state=OpState.UNKNOWN)], "Stopped.") == "1 in doubt, being watched. Stopped."
