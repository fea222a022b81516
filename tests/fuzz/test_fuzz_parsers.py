"""A small round of the fuzzing in every run of the suite, and proof that it would find something."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from reconcile_app.core.ports import Fetched
from tests.fuzz import autotask_targets
from tests.fuzz.__main__ import main
from tests.fuzz.recording import Recording, record
from tests.fuzz.replay import Replay
from tests.fuzz.runner import Order, drawn_target, work
from tests.fuzz.target import ACCEPTED, HttpTarget, Sample, Wrong

ANSWERS = 1_200


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record()


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.run_until_complete(made.shutdown_default_executor())
    made.close()


def test_damaged_answers_are_refused_or_taken_for_what_they_say(recording: Recording) -> None:
    result = work(Order(seed=20261126, answers=ANSWERS), recording)
    assert not result.failures, [f"{each.target} {each.number}: {each.words}" for each in result.failures]
    assert result.fed.total() == ANSWERS
    assert len(result.fed) >= 30, "every target was fed"
    assert 0 < result.refused.total() < ANSWERS


def test_recordings_and_samples_are_the_same_every_time(recording: Recording, loop: asyncio.AbstractEventLoop) -> None:
    assert record() == recording
    targets = autotask_targets.targets(recording.autotask, recording.autotask_known, loop)
    for number in range(20):
        one, other = drawn_target(7, number, targets), drawn_target(7, number, targets)
        assert one is other
        assert one.draw(Random(f"7:{number}")) == other.draw(Random(f"7:{number}"))


def lines_target(recording: Recording, loop: asyncio.AbstractEventLoop) -> HttpTarget:
    every = autotask_targets.targets(recording.autotask, recording.autotask_known, loop)
    return next(each for each in every if each.name == "autotask lines")


class Careless:
    """The true connector, and then a mistake."""

    def __init__(self, mistake: str) -> None:
        self.mistake = mistake

    async def __call__(self, transport: Replay) -> Fetched:
        fetched = await self.true(transport)
        frame = fetched.frame
        if self.mistake == "row left out":
            return replace(fetched, frame=frame.iloc[1:].reset_index(drop=True))
        if self.mistake == "unknown is zero":
            return replace(fetched, frame=frame.assign(quantity=frame["quantity"].fillna(0)))
        if self.mistake == "float":
            return replace(fetched, frame=frame.assign(unit_cost=0.5))
        return replace(fetched, frame=frame.assign(quantity=frame["quantity"] + 10_000))


@pytest.mark.parametrize(
    ("mistake", "was", "now"),
    [
        ("row left out", b'"units":', b'"units": '),
        ("one too many", b'"units":', b'"units": '),
        ("unknown is zero", b'"units":', b'"units":-'),
        ("float", b'"units":', b'"units": '),
    ],
)
def test_a_connector_with_a_mistake_is_found_out(
    recording: Recording, loop: asyncio.AbstractEventLoop, mistake: str, was: bytes, now: bytes
) -> None:
    target = lines_target(recording, loop)
    place = next(number for number, asked in enumerate(target.asked) if asked.path.endswith("Units/query"))
    sample = Sample(place, replace(target.asked[place].wire, content=target.asked[place].wire.content.replace(was, now)))
    assert target.feed(sample) == ACCEPTED
    careless = Careless(mistake)
    careless.true = target._call
    target._call = careless
    with pytest.raises((Wrong, TypeError)):
        target.feed(sample)


def test_the_command_prints_what_it_did_and_how_to_do_it_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--answers", "40", "--processes", "1", "--target", "next page"]) == 0
    told = capsys.readouterr().out
    assert "40 answers in" in told
    assert "foreign exceptions 0, wrong accepts 0" in told
    with pytest.raises(SystemExit):
        main(["--answers", "1", "--processes", "1", "--target", "no such target"])
