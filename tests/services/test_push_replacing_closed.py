"""A person who closes the change that was to make a new line is told what is left to do, as everywhere else."""

import pytest

from reconcile_app.core.judge import OpState
from reconcile_app.core.ports import WriteSemantics
from reconcile_app.services.recovery import close_op
from tests.fakes.clock import VirtualClock
from tests.fakes.planning import change_of, plan_of
from tests.fakes.psa import FakePsa, Fault
from tests.fakes.pushing import Bench

GAP = "Line L1 ends on 2026-11-26 and nothing takes its place. In the PSA, create 13 of Hosted Exchange on Cloud from that day on."


@pytest.mark.parametrize(("applied", "words"), [(True, ""), (False, f" {GAP}")])
async def test_closing_a_new_line_that_was_not_made_says_what_to_make(applied: bool, words: str) -> None:
    bench = Bench(psa=FakePsa(VirtualClock(), semantics=WriteSemantics.SET))
    bench.psa.add_line("L1", 10)
    bench.psa.writes += [Fault.NONE, Fault.ACKNOWLEDGED_NOT_DONE]
    view = await bench.engine.run(await plan_of(bench.psa, bench.clock, [change_of()], replaces=True), "", bench.views.append)
    assert [op.state for op in view.ops] == [OpState.VERIFIED, OpState.NEEDS_REVIEW]
    await close_op(bench.journal, view.ops[1].op_id, applied=applied, by="Ada", reason="looked")
    word = "applied" if applied else "not applied"
    assert bench.messages()[1] == f"Closed as {word} by Ada: looked{words}"
