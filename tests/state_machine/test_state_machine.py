"""A round of the state machine in every run of the suite, and proof that it bites."""

from typing import ClassVar

import pytest

from reconcile_app.core.judge import OpState
from reconcile_app.core.ports import Outcome, PreparedWrite
from tests.state_machine import machine as machines
from tests.state_machine.__main__ import main
from tests.state_machine.machine import DiskMachine, Machine
from tests.state_machine.office import Office
from tests.state_machine.playing import play

ENDS = {
    OpState.VERIFIED,
    OpState.CONFIRMED_BY_STATE,
    OpState.NOT_APPLIED,
    OpState.NEEDS_REVIEW,
    OpState.REJECTED,
    OpState.STALE,
    OpState.SKIPPED_ALREADY,
    OpState.CANCELLED,
    OpState.BLOCKED,
}


def test_whatever_happens_nothing_is_written_twice_or_unseen() -> None:
    play(Machine, 100, 30, shrink=False)
    # Every end is reached, and undo too, so that the invariants are about something.
    assert {state.value for state in ENDS} <= set(Machine.ends), Machine.ends
    assert Machine.ends["undo"] > 0


def test_the_journal_on_disk_keeps_the_same_promises() -> None:
    play(DiskMachine, 12, 20, shrink=False)
    assert DiskMachine.ends[OpState.VERIFIED.value] > 0


class Hasty(Machine):
    """Decides after five seconds what became of a lost answer."""

    settle_seconds: ClassVar[float] = 5.0


class ResendingOffice(Office):
    """Its PSA connection repeats what was lost."""

    def __post_init__(self) -> None:
        super().__post_init__()
        once = self.psa.write

        async def twice(prepared: PreparedWrite) -> Outcome:
            outcome = await once(prepared)
            return await once(prepared) if outcome.status is None else outcome

        self.psa.write = twice  # type: ignore[method-assign]  # the mistake


def test_a_short_settle_window_is_found() -> None:
    with pytest.raises(AssertionError, match="NOT_APPLIED, and was applied"):
        play(Hasty, 2_000, 30, shrink=False)


def test_sending_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "Office", ResendingOffice)
    with pytest.raises(AssertionError, match=r"written twice|\(I4\)|\(I5\)|I1"):
        play(Machine, 2_000, 30, shrink=False)


def test_the_command_tells_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--examples", "3", "--steps", "5"]) == 0
    assert "no violation" in capsys.readouterr().out
