"""A stop that comes before a line is ended, and one that comes while the end of a line is being armed."""

import asyncio

import pytest

from reconcile_app.core.judge import OpState
from reconcile_app.core.ports import WriteSemantics
from reconcile_app.services.desk import PushView
from tests.fakes.clock import VirtualClock
from tests.fakes.planning import change_of, plan_of
from tests.fakes.psa import FakePsa
from tests.fakes.pushing import Bench


@pytest.fixture
def bench() -> Bench:
    made = Bench(psa=FakePsa(VirtualClock(), semantics=WriteSemantics.SET))
    made.psa.add_line("L1", 10)
    return made


async def push(bench: Bench) -> PushView:
    plan = await plan_of(bench.psa, bench.clock, [change_of()], replaces=True)
    bench.psa.requests.clear()
    return await bench.engine.run(plan, "", bench.views.append)


async def test_a_stop_while_the_line_is_read_sends_nothing(bench: Bench) -> None:
    plan = await plan_of(bench.psa, bench.clock, [change_of()], replaces=True)
    stopping: list[asyncio.Future[None]] = []

    def stop(name: str) -> None:
        if name == "read":
            stopping.append(asyncio.ensure_future(bench.engine.stop()))

    bench.psa.on_access = stop
    view = await bench.engine.run(plan, "", bench.views.append)
    assert [op.state for op in view.ops] == [OpState.CANCELLED] * 2
    assert not bench.psa.commits()
    assert len(stopping) == 1


async def test_a_stop_while_the_end_is_armed_waits_for_it_and_lets_both_through(bench: Bench) -> None:
    stopping: list[asyncio.Future[None]] = []

    def stop(name: str) -> None:
        if name == "before arm" and not stopping:
            stopping.append(asyncio.ensure_future(bench.engine.stop()))

    bench.journal.boundary = stop
    view = await push(bench)
    assert [op.state for op in view.ops] == [OpState.VERIFIED] * 2
    assert await bench.journal.cancel_requested("P1")
    assert stopping[0].done()
