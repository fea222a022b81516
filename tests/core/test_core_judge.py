"""States, and what the answer to a write proves."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_app.core.judge import (
    FINAL,
    LONGEST_WAIT,
    OPEN,
    TRANSITIONS,
    OpState,
    OutcomeClass,
    Shape,
    Transport,
    classify,
    parse_retry_after,
)

NOW = datetime(2026, 11, 26, 8, 15, tzinfo=UTC)


def test_every_state_has_its_place_in_the_table() -> None:
    assert set(TRANSITIONS) == set(OpState)
    assert OPEN | FINAL | {OpState.PLANNED} == set(OpState)
    assert not OPEN & FINAL
    assert {state for state in OpState if not TRANSITIONS[state]} <= FINAL


def test_after_a_send_that_may_have_worked_nothing_leads_back_to_a_send() -> None:
    reached, todo = set(), [OpState.UNKNOWN, OpState.APPLIED]
    while todo:
        state = todo.pop()
        reached.add(state)
        todo += TRANSITIONS[state] - reached
    assert not reached & {OpState.PLANNED, OpState.ARMED}


def test_a_send_is_reached_only_from_planned() -> None:
    assert [state for state in OpState if OpState.ARMED in TRANSITIONS[state]] == [OpState.PLANNED]
    assert [state for state in OpState if OpState.PLANNED in TRANSITIONS[state]] == [OpState.ARMED]


@pytest.mark.parametrize(("status", "shape", "expected"), [
    (200, Shape.SUCCESS, OutcomeClass.APPLIED),
    (201, Shape.SUCCESS, OutcomeClass.APPLIED),
    (204, Shape.SUCCESS, OutcomeClass.APPLIED),
    (200, Shape.OTHER, OutcomeClass.UNKNOWN),
    (200, Shape.ERROR, OutcomeClass.UNKNOWN),
    (202, Shape.SUCCESS, OutcomeClass.UNKNOWN),
    (100, Shape.SUCCESS, OutcomeClass.UNKNOWN),
    (301, Shape.OTHER, OutcomeClass.UNKNOWN),
    (303, Shape.SUCCESS, OutcomeClass.UNKNOWN),
    (307, Shape.ERROR, OutcomeClass.UNKNOWN),
    (400, Shape.ERROR, OutcomeClass.REJECTED),
    (404, Shape.ERROR, OutcomeClass.REJECTED),
    (405, Shape.ERROR, OutcomeClass.REJECTED),
    (415, Shape.ERROR, OutcomeClass.REJECTED),
    (422, Shape.ERROR, OutcomeClass.REJECTED),
    (404, Shape.OTHER, OutcomeClass.UNKNOWN),
    (400, Shape.SUCCESS, OutcomeClass.UNKNOWN),
    (401, Shape.ERROR, OutcomeClass.REFRESH),
    (401, Shape.OTHER, OutcomeClass.UNKNOWN),
    (403, Shape.ERROR, OutcomeClass.FORBIDDEN),
    (403, Shape.OTHER, OutcomeClass.UNKNOWN),
    (408, Shape.ERROR, OutcomeClass.UNKNOWN),
    (409, Shape.ERROR, OutcomeClass.WAIT),
    (409, Shape.OTHER, OutcomeClass.WAIT),
    (412, Shape.ERROR, OutcomeClass.WAIT),
    (425, Shape.ERROR, OutcomeClass.UNKNOWN),
    (429, Shape.OTHER, OutcomeClass.WAIT),
    (500, Shape.ERROR, OutcomeClass.UNKNOWN),
    (500, Shape.SUCCESS, OutcomeClass.UNKNOWN),
    (502, Shape.OTHER, OutcomeClass.UNKNOWN),
    (503, Shape.ERROR, OutcomeClass.UNKNOWN),
])
def test_answers(status: int, shape: Shape, expected: OutcomeClass) -> None:
    assert classify(status, shape) is expected


@pytest.mark.parametrize(("status", "transport", "expected"), [
    (None, Transport.NEVER_LEFT, OutcomeClass.NOT_SENT),
    (None, Transport.BROKEN, OutcomeClass.UNKNOWN),
    (None, None, OutcomeClass.UNKNOWN),
    (200, Transport.BROKEN, OutcomeClass.UNKNOWN),
    (200, Transport.NEVER_LEFT, OutcomeClass.UNKNOWN),
    (409, Transport.BROKEN, OutcomeClass.UNKNOWN),
])
def test_broken_transmissions(status: int | None, transport: Transport | None, expected: OutcomeClass) -> None:
    assert classify(status, Shape.SUCCESS, transport) is expected


@given(
    st.one_of(st.none(), st.integers(-1, 1_000)), st.sampled_from(Shape), st.one_of(st.none(), st.sampled_from(Transport)),
)
@settings(max_examples=500, deadline=None)
def test_only_the_listed_answers_prove_anything(status: int | None, shape: Shape, transport: Transport | None) -> None:
    outcome = classify(status, shape, transport)
    if outcome is OutcomeClass.APPLIED:
        assert transport is None
        assert shape is Shape.SUCCESS
        assert status is not None
        assert 200 <= status < 300
    elif outcome is not OutcomeClass.UNKNOWN:
        assert status in {None, 400, 401, 403, 404, 405, 409, 412, 415, 422, 429}


@pytest.mark.parametrize(("text", "expected"), [
    ("7", 7.0),
    (" 7 ", 7.0),
    ("0", 0.0),
    ("99999", LONGEST_WAIT),
    ("-1", None),
    ("2.5", None),
    ("٣", None),
    ("soon", None),
    ("", None),
    (None, None),
    ("Thu, 26 Nov 2026 08:15:30 GMT", 30.0),
    ("Thu, 26 Nov 2026 08:15:30 -0000", 30.0),
    ("Thu, 26 Nov 2026 08:00:00 GMT", 0.0),
    ("Thu, 26 Nov 2027 08:00:00 GMT", LONGEST_WAIT),
    ("Thu, 99 Nov 2026 08:00:00 GMT", None),
])
def test_retry_after(text: str | None, expected: float | None) -> None:
    assert parse_retry_after(text, NOW) == expected


@given(st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_retry_after_survives_anything(text: str) -> None:
    wait = parse_retry_after(text, NOW + timedelta(hours=1))
    assert wait is None or 0 <= wait <= LONGEST_WAIT
