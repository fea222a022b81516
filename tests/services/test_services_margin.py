"""What the session keeps and tells beside the rows: notes, alarms, and reviews of some customers only."""

import pytest

from reconcile_app.core.errors import NotFound, PlanRefused
from reconcile_app.core.judge import OpState
from tests.fakes.office import NO_LIMITS, Office
from tests.fakes.psa import Late


def office() -> Office:
    desk = Office()
    desk.bill("ASP", "650", 12, held=10)
    desk.bill("BIR", "712", 3, held=4)
    return desk


async def test_notes_belong_to_the_pair_of_connections_and_outlive_the_run() -> None:
    desk = office()
    assert desk.session.notes() == {}
    with pytest.raises(NotFound):
        desk.session.save_note("ASP/C174/650", "too early")
    await desk.compare()
    desk.session.save_note("ASP/C174/650", "ask Ana")
    await desk.compare()
    assert desk.session.notes() == {"ASP/C174/650": "ask Ana"}
    kept = desk.workspace.notes("atria", "autotask")["ASP/C174/650"]
    assert (kept.by, kept.created) == ("Ada", desk.clock.now())
    assert desk.workspace.notes("atria", "other") == {}
    desk.session.save_note("ASP/C174/650", "")
    assert desk.session.notes() == {}


async def test_alarms_are_told_for_the_run_on_the_desk() -> None:
    desk = office()
    assert await desk.session.alarms() == {}
    await desk.compare()
    assert await desk.session.alarms() == {}
    await desk.session.decide(["BIR/C175/712"], False)
    desk.psa.writes.append(Late(seconds=900))
    assert (await desk.push()).ops[0].state is OpState.NOT_APPLIED
    desk.clock.advance(900)
    await desk.compare()
    alarms = await desk.session.alarms()
    assert list(alarms) == ["L-ASP-650"]
    assert "may have come late" in alarms["L-ASP-650"]


async def test_a_review_can_be_of_some_customers_only() -> None:
    desk = office()
    await desk.compare()
    plan = await desk.session.review(NO_LIMITS, ["BIR"])
    assert [planned.change.key for planned in plan.changes] == ["BIR/C175/712"]
    assert len((await desk.session.review(NO_LIMITS)).changes) == 2
    with pytest.raises(PlanRefused, match=r"Nothing is selected\."):
        await desk.session.review(NO_LIMITS, ["CED"])
