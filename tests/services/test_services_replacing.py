"""Review and push of a connection whose lines end and are made anew."""

from dataclasses import replace

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.judge import OpState
from reconcile_app.core.ports import Capabilities, ConnectorSpec, WriteSemantics
from tests.fakes.comparing import row_of
from tests.fakes.office import NO_LIMITS, Office
from tests.fakes.psa import Fault


class Replacing(Office):
    """ASP rises by two, BIR falls by one; the connection replaces lines where it says so."""

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = Capabilities(
            writes=WriteSemantics.SET, creates_lines=True, sets_unit_cost=True, has_effective_dates=False, whole_units=False
        )
        self.psa.semantics = WriteSemantics.SET
        self.new_session()
        self.bill("ASP", "650", 12, held=10)
        self.bill("BIR", "712", 3, held=4)

    def specs(self) -> tuple[ConnectorSpec, ...]:
        return tuple(
            replace(spec, replaces=lambda connection: connection.value("zone_user") == "replace") for spec in super().specs()
        )

    def turn_on(self) -> None:
        self.session.save_connection("autotask", "autotask", {"zone_user": "replace"}, {})


async def test_lines_are_changed_in_place_unless_the_connection_says_otherwise() -> None:
    desk = Replacing()
    await desk.compare()
    assert [each.change.kind.value for each in (await desk.session.review()).changes] == ["set_quantity", "set_quantity"]
    asked = desk.psa.asked[-1]
    assert asked == ("read_lines", ("line:L-ASP-650", "line:L-BIR-712"))


async def test_lines_that_are_replaced_are_reviewed_in_one_reading_and_pushed_in_pairs() -> None:
    desk = Replacing()
    desk.turn_on()
    run = await desk.compare()
    plan = await desk.session.review(NO_LIMITS)
    assert desk.psa.names().count("read_lines") == 1
    assert [each.change.kind.value for each in plan.changes] == ["cancel_line", "replace_line"] * 2
    assert (plan.totals.lines, plan.totals.units_up, plan.totals.units_down) == (2, 2 * SCALE, -SCALE)
    view = await desk.session.push(plan, "", desk.views.append)
    assert {op.state for op in view.ops} == {OpState.VERIFIED}
    assert desk.workspace.runs()[0].result == "finished"
    assert len(desk.psa.commits()) == 4
    desk.psa.lines_by_id = {name: line for name, line in desk.psa.lines_by_id.items() if line.ended is None}
    again = await desk.compare()
    assert row_of(again, "ASP/C174/650")["last_pushed_quantity"] == 12 * SCALE
    assert run.run_id != again.run_id


async def test_a_line_that_ended_without_a_new_one_stands_in_the_list_of_runs() -> None:
    desk = Replacing()
    desk.turn_on()
    await desk.compare()
    plan = await desk.session.review(NO_LIMITS)
    desk.psa.writes += [Fault.NONE, Fault.REFUSED]
    view = await desk.session.push(plan, "", desk.views.append)
    assert [op.state for op in view.ops] == [OpState.VERIFIED, OpState.REJECTED, OpState.VERIFIED, OpState.VERIFIED]
    assert desk.workspace.runs()[0].result == view.result == "finished, 1 line ended without a new one"
