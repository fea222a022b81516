"""The controller: every request a task, every answer a signal."""

import asyncio
from pathlib import Path

import pytest

from reconcile_app.core.errors import ConnectionFailed
from reconcile_app.core.judge import OpState
from reconcile_app.core.run import Run
from reconcile_app.ui.controller import Controller
from tests.fakes.desk import FakeDesk, open_op
from tests.fakes.sample_run import TODAY, sample_run


class Heard:
    """Collects what the controller says."""

    def __init__(self, controller: Controller) -> None:
        self.runs: list[Run | None] = []
        self.errors: list[BaseException] = []
        self.notes: list[str] = []
        self.busy: list[str] = []
        self.progress: list[int] = []
        controller.run_changed.connect(self.runs.append)
        controller.failed.connect(self.errors.append)
        controller.note.connect(self.notes.append)
        controller.busy_changed.connect(lambda _on, words: self.busy.append(words))
        controller.progress_changed.connect(lambda sides: self.progress.append(len(sides)))


def make(run: Run | None = None) -> tuple[FakeDesk, Controller, Heard]:
    desk = FakeDesk(run)
    controller = Controller(desk, operator="Alex", today=lambda: TODAY)
    controller.select_connections("atria", "autotask")
    return desk, controller, Heard(controller)


def test_comparing_tells_progress_and_then_the_run(in_qt, until):
    desk, controller, heard = make()

    async def steps():
        controller.compare()
        assert controller.reading
        controller.compare()
        await until(lambda: heard.runs)
        await controller.close()

    in_qt(steps())
    assert heard.runs == [desk.run]
    assert heard.progress == [1, 2]
    assert heard.busy == ["Comparing", ""]
    assert [call[0] for call in desk.calls] == ["compare"], "pressing twice reads once"


def test_cancel_leaves_the_comparison_as_it_was(in_qt, until):
    run = sample_run()
    desk, controller, heard = make(run)

    async def steps():
        desk.gate = asyncio.Event()
        controller.compare()
        await until(lambda: controller.busy)
        controller.cancel()
        await until(lambda: not controller.busy)
        await controller.close()

    in_qt(steps())
    assert controller.run is run
    assert heard.runs == []
    assert heard.errors == []
    assert heard.notes == ["Stopped. The comparison on the screen is unchanged."]


def test_a_failed_reading_is_told_once_and_remembered_until_one_succeeds(in_qt, until):
    desk, controller, heard = make()
    desk.fail = ConnectionFailed("Atria cannot be reached.")

    async def steps():
        controller.compare()
        await until(lambda: heard.errors)
        assert controller.failure is heard.errors[0]
        controller.compare()
        await until(lambda: heard.runs)
        await controller.close()

    in_qt(steps())
    assert len(heard.errors) == 1
    assert controller.failure is None


def test_a_refused_decision_puts_the_screen_back(in_qt, until):
    run = sample_run()
    desk, controller, heard = make(run)
    desk.fail = ConnectionFailed("No.")

    async def steps():
        controller.decide([run.rows["key"].iloc[0]], False)
        await until(lambda: heard.errors)
        await controller.close()

    in_qt(steps())
    assert heard.runs == [run]


def test_decisions_wait_their_turn_and_only_the_last_run_is_shown(in_qt, until):
    run = sample_run()
    desk, controller, heard = make(run)
    keys = run.rows[run.rows["selected"]]["key"].tolist()[:3]

    async def steps():
        for key in keys:
            controller.decide([key], False)
        await until(lambda: heard.runs)
        await controller.close()

    in_qt(steps())
    assert len(heard.runs) == 1
    assert heard.runs[0] is desk.run
    assert not desk.run.rows.set_index("key").loc[keys, "selected"].any()


def test_undo_says_what_it_took_back_and_says_when_there_is_nothing(in_qt, until):
    run = sample_run()
    _, controller, heard = make(run)

    async def steps():
        controller.undo()
        controller.decide([run.rows["key"].iloc[0]], False)
        await until(lambda: controller.can_undo)
        controller.undo()
        await until(lambda: controller.can_redo)
        controller.redo()
        await until(lambda: controller.can_undo)
        await controller.close()

    in_qt(steps())
    assert heard.notes == ["Nothing to undo.", "Undone: untick 1 lines", "Done again: untick 1 lines"]


def test_ignoring_signs_with_operator_and_date(in_qt, until):
    run = sample_run()
    _, controller, heard = make(run)
    key = run.rows["key"].iloc[0]

    async def steps():
        controller.ignore([key], "flat fee", wake_above=140_000)
        await until(lambda: heard.runs)
        await controller.close()

    in_qt(steps())
    rule = controller.rules.ignores[key]
    assert (rule.by, rule.created, rule.reason, rule.wake_above) == ("Alex", TODAY, "flat fee", 140_000)
    assert heard.notes == ["Ignored: 1 line."]


def test_codes_are_those_of_the_psa_and_our_own(in_qt):
    _, controller, _ = make(sample_run())
    codes = controller.codes()
    assert codes["AT12"].title == "line missing"
    assert codes["RC01"].id == "RC01"
    assert controller.vocabulary("line") == "contract service"
    assert controller.vocabulary("planet") == "planet"


def test_a_push_tells_every_step_and_then_what_is_open(in_qt, until):
    desk, controller, _ = make(sample_run())
    plans, views, opened = [], [], []
    controller.plan_ready.connect(plans.append)
    controller.push_changed.connect(views.append)
    controller.open_ops_changed.connect(opened.append)
    desk.open = [open_op(OpState.NEEDS_REVIEW)]

    async def steps():
        controller.review()
        await until(lambda: plans)
        controller.push(plans[0], "")
        assert controller.pushing
        await until(lambda: opened)
        controller.close_op("op-open", True, "seen in Autotask")
        await until(lambda: len(opened) == 2)
        await controller.close()

    in_qt(steps())
    assert views[-1].result == "finished"
    assert [len(ops) for ops in opened] == [1, 0]


def test_export_says_where_it_went(in_qt, until):
    _, controller, heard = make(sample_run())
    written = []
    controller.exported.connect(written.append)

    async def steps():
        controller.export(Path("log.xlsx"))
        await until(lambda: written)
        await controller.close()

    in_qt(steps())
    assert written == [Path("log.xlsx")]
    assert heard.busy == ["Writing the Excel log", ""]


@pytest.mark.parametrize("found", [0, 1])
def test_recovery_is_told_only_when_something_was_found(in_qt, until, found):
    desk, controller, _ = make()
    desk.found_at_start = [open_op()] * found
    recovered, opened = [], []
    controller.recovered.connect(recovered.append)
    controller.open_ops_changed.connect(opened.append)

    async def steps():
        controller.recover()
        await until(lambda: opened)
        await controller.close()

    in_qt(steps())
    assert len(recovered) == found


def test_closing_ends_what_is_under_way(in_qt, until):
    desk, controller, heard = make()

    async def steps():
        desk.gate = asyncio.Event()
        controller.compare()
        await until(lambda: controller.busy)
        await controller.close()

    in_qt(steps())
    assert heard.runs == []
    assert not controller.reading
