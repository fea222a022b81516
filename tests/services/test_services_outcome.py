"""What a push came to, and how it stands while it is being settled, in words."""

from datetime import date

import pytest

from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.services.outcome import so_far
from tests.fakes.planning import change_of

WHY = "3 changes in a row had no usable answer."


def ops(*states: OpState) -> list[OpRecord]:
    change = change_of(day=date(2026, 11, 26))
    return [
        OpRecord(
            op_id=f"P1-{seq:04}", run_id="P1", seq=seq, change=change, semantics="delta", evidence_sha256="0" * 64, state=state
        )
        for seq, state in enumerate(states, start=1)
    ]


@pytest.mark.parametrize(
    ("states", "words"),
    [
        ([], WHY),
        ([OpState.VERIFIED, OpState.REJECTED], WHY),
        ([OpState.UNKNOWN], f"{WHY} 1 change is being checked."),
        ([OpState.UNKNOWN, OpState.ARMED, OpState.PLANNED], f"{WHY} 2 changes are being checked, 1 was not sent."),
        ([OpState.UNKNOWN, OpState.CANCELLED, OpState.BLOCKED], f"{WHY} 1 change is being checked, 2 were not sent."),
        ([OpState.VERIFIED, OpState.CANCELLED], f"{WHY} 1 was not sent."),
    ],
)
def test_how_a_stopped_run_stands_while_it_is_settled(states: list[OpState], words: str) -> None:
    assert so_far(ops(*states), WHY) == words
