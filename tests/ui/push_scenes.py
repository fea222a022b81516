"""Scenes of a push and of what it may leave, for pictures: ``python -m tests.ui.push_scenes FOLDER [SCENE …]``."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.plan import Plan
from reconcile_app.core.plan_kinds import Way
from reconcile_app.core.undo import UndoReview
from reconcile_app.services.desk import PushView
from reconcile_app.ui.theme import Theme
from tests.fakes.desk import FakeDesk, sample_plan
from tests.fakes.plans import planned_op
from tests.fakes.sample_run import sample_run
from tests.fakes.undoing import sample_undo
from tests.ui.drawing import Scenes, main
from tests.ui.window_scenes import WindowScene

_SAID = {
    OpState.STALE: "The quantity in Autotask is 11 now, not 10.",
    OpState.UNKNOWN: "The connection broke after the request was sent.",
    OpState.NEEDS_REVIEW: "The line shows neither the old quantity nor the new one.",
    OpState.REJECTED: "The server said: “unitChange must not be zero”",
}


def _plan(**how: object) -> Plan:
    rows = sample_run().rows
    return sample_plan(rows[rows["change"].notna() & (rows["status"] != "blocked")], **how)  # type: ignore[arg-type]  # as there


def _ops(plan: Plan, states: Sequence[OpState]) -> tuple[OpRecord, ...]:
    ended = []
    for number, planned in enumerate(plan.changes):
        state = states[number % len(states)]
        ended.append(replace(planned_op(plan, number, planned.change), state=state, message=_SAID.get(state, "")))
    return tuple(ended)


def _scene(theme: Theme) -> WindowScene:
    return WindowScene(theme, FakeDesk(sample_run()))


async def push_review(theme: Theme) -> WindowScene:
    scene = _scene(theme)
    plan = _plan(confirm=("2 lines go to zero", "one line changes by more than 50 % and 10 units"), dropped=2)
    changes = list(plan.changes)
    changes[3] = replace(changes[3], notes=("Period posted until 25 Nov: a separate item will appear",))
    scene.controller.plan_ready.emit(replace(plan, changes=tuple(changes)))
    return await scene.settled()


async def push_review_small(theme: Theme) -> WindowScene:
    scene = _scene(theme)
    rows = sample_run().rows
    scene.controller.plan_ready.emit(sample_plan(rows[rows["selected"]].head(3)))
    return await scene.settled()


async def push_running(theme: Theme) -> WindowScene:
    scene = await _pushing(theme)
    plan = _plan()
    stages = ["done", "done", "was changed meanwhile", "done", "in doubt", "sending"]
    ops = _ops(plan, [OpState.PLANNED])
    scene.controller.push_changed.emit(PushView(
        plan=plan, ops=ops, calls_left=4120, result="",
        stages={op.op_id: stages[number] if number < len(stages) else "waiting" for number, op in enumerate(ops)}))
    return await scene.settled()


async def _pushing(theme: Theme) -> WindowScene:
    scene = _scene(theme)
    scene.desk.push_gate = asyncio.Event()
    plan = _plan()
    scene.controller.plan_ready.emit(plan)
    assert scene.window.push.review is not None
    scene.window.push.review.confirmed.emit(plan, "")
    return await scene.settled()


async def push_result(theme: Theme) -> WindowScene:
    written = OpState.VERIFIED
    states = [written] * 4 + [OpState.STALE, written, written, OpState.UNKNOWN, OpState.REJECTED]
    return await _result(theme, states, "finished, 2 open")


async def push_result_good(theme: Theme) -> WindowScene:
    return await _result(theme, [OpState.VERIFIED], "finished")


async def _result(theme: Theme, states: Sequence[OpState], result: str) -> WindowScene:
    scene = _scene(theme)
    plan = _plan()
    scene.controller.push_changed.emit(PushView(plan=plan, ops=_ops(plan, states), stages={}, calls_left=10, result=result))
    return await scene.settled()


async def push_decide(theme: Theme) -> WindowScene:
    scene = await _result(theme, [OpState.VERIFIED, OpState.NEEDS_REVIEW], "finished, 4 open")
    assert scene.window.push.result is not None
    scene.window.push.result.decide.click()
    return await scene.with_dialog()


async def undo_review(theme: Theme) -> WindowScene:
    ways = [Way.EXACT, Way.EXACT, Way.COMPENSATING, Way.TOO_LATE, Way.EXACT, Way.DONE]
    return await _undo(theme, sample_undo(ways, confirm=("2 lines go to zero",), others=("20261126-160000-cc22dd-push",)))


async def undo_review_exact(theme: Theme) -> WindowScene:
    return await _undo(theme, sample_undo())


async def undo_review_too_late(theme: Theme) -> WindowScene:
    return await _undo(theme, sample_undo([Way.TOO_LATE, Way.DONE]))


async def undo_review_empty(theme: Theme) -> WindowScene:
    return await _undo(theme, sample_undo([]))


async def _undo(theme: Theme, review: UndoReview) -> WindowScene:
    scene = _scene(theme)
    scene.controller.undo_ready.emit(review)
    page = scene.window.push.undo
    assert page is not None
    if len(review.of(Way.COMPENSATING)):
        page.lines.setCurrentItem(page.lines.topLevelItem(1).child(0))
    return await scene.settled()


async def undo_result(theme: Theme) -> WindowScene:
    scene = _scene(theme)
    plan = sample_undo().plan
    assert plan is not None
    ops = _ops(plan, [OpState.VERIFIED, OpState.VERIFIED, OpState.STALE])
    scene.controller.push_changed.emit(PushView(plan=plan, ops=ops, stages={}, calls_left=10, result="finished"))
    return await scene.settled()


async def journal_damaged(theme: Theme) -> WindowScene:
    scene = _scene(theme)
    scene.desk.journal_problems = (
        "The journal is damaged. Its chain of hashes is broken at event 211. Nothing can be pushed to this PSA until the journal "
        "can be used. Call support with this file.",)
    scene.controller.refresh_open_ops()
    return await scene.settled()


async def recovery(theme: Theme) -> WindowScene:
    scene = _scene(theme)
    scene.desk.recovery_words = "The last push was interrupted: 12 done, 1 being checked, 27 not sent."
    states = [OpState.CONFIRMED_BY_STATE, OpState.UNKNOWN, OpState.NEEDS_REVIEW]
    scene.controller.recovered.emit(list(_ops(_plan(), states)[:6]))
    return await scene.with_dialog()


async def closing(theme: Theme) -> WindowScene:
    scene = await _pushing(theme)
    scene.window.close()
    return await scene.with_dialog()


SCENES: Scenes = {
    scene.__name__.replace("_", "-"): scene for scene in (
        push_review, push_review_small, push_running, push_result, push_result_good, push_decide, recovery, closing,
        undo_review, undo_review_exact, undo_review_too_late, undo_review_empty, undo_result, journal_damaged)
}


if __name__ == "__main__":
    main(SCENES, "")
