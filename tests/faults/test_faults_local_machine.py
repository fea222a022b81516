"""This computer itself: it sleeps, its keyring fails, the program meets an error of its own, in the middle of a real push."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from reconcile_app.core.errors import ReconcileError, SecretsUnavailable
from reconcile_app.core.judge import FINAL, OpState
from reconcile_app.core.settings import CompareOptions, Limits
from reconcile_app.services.comparing import RunStopped
from reconcile_app.services.desk import PushView
from reconcile_app.storage.secrets import SecretStore
from tests.end_to_end.desk_fixture import Bench, row_of, two_customers
from tests.fakes.keyrings import MemoryKeyring, RaisingKeyring

STEPS = range(7)
"""Views of the first change: planned, checked, armed, answered, being confirmed, confirmed; and the second one being checked."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, two_customers) as made:
        yield made


def at(step: int, act: Callable[[], None]) -> Callable[[PushView], None]:
    """Acts when this many views were shown."""
    shown: list[PushView] = []

    def listen(view: PushView) -> None:
        shown.append(view)
        if len(shown) == step + 1:
            act()

    return listen


async def pushed(bench: Bench, listen: Callable[[PushView], None]) -> PushView:
    run = await bench.compare()
    await bench.select(*(row_of(run, code, "601")["key"] for code in ("ONE", "TWO")))
    return await bench.session.push(await bench.session.review(Limits()), "2", listen)


async def check_settled(bench: Bench) -> None:
    """Nothing was written twice, and nothing is left open after another look."""
    lines = [entry["line"] for entry in bench.ledger()]
    assert len(lines) == len(set(lines))
    await bench.session.recover()
    assert await bench.session.open_ops() == []
    assert [entry["line"] for entry in bench.ledger()] == lines


# sleep -----------------------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-59", "W", "before")
@pytest.mark.fault("F-59", "W", "after")
@pytest.mark.parametrize(("seconds", "steps"), [(60, (1, 2, 3)), (8 * 3_600, STEPS)], ids=["a minute", "a night"])
async def test_a_computer_that_sleeps_at_any_step_writes_nothing_twice_and_nothing_late(
    tmp_path: Path, seconds: int, steps: Sequence[int]
) -> None:
    for step in steps:
        with Bench(tmp_path / str(step), two_customers) as bench:

            def sleep(bench: Bench = bench) -> None:
                bench.clock.suspend(seconds)
                bench.control("autotask", "advance", seconds=seconds)

            view = await pushed(bench, at(step, sleep))
            if seconds == 60:
                assert {op.state for op in view.ops} == {OpState.VERIFIED}, step
            else:
                assert all(op.state is OpState.VERIFIED or op.state in FINAL for op in view.ops), step
                assert "The plan has expired." in view.message or len(bench.ledger()) == 2, step
            await check_settled(bench)


# errors of the program -------------------------------------------------------------------------------------------------------
@pytest.mark.fault("F-60", "W", "before")
@pytest.mark.fault("F-60", "W", "after")
async def test_an_error_in_the_window_at_any_step_leaves_nothing_in_doubt(tmp_path: Path) -> None:
    def broken() -> None:
        raise RuntimeError("the window met an error")

    for step in STEPS[::2]:
        with Bench(tmp_path / str(step), two_customers) as bench:
            view = await pushed(bench, at(step, broken))
            assert {op.state for op in view.ops} == {OpState.VERIFIED}, "the window's error is not the push's"
            assert len(bench.ledger()) == 2
            await check_settled(bench)


@pytest.mark.fault("F-60", "W", "after")
async def test_a_log_off_in_the_middle_ends_after_the_current_change(bench: Bench) -> None:
    tasks: list[asyncio.Task[PushView]] = []
    bench.control("autotask", "faults", kind="latency", seconds=0.05, path="serviceadjustments$")
    task = asyncio.create_task(pushed(bench, at(2, lambda: tasks[0].cancel() and None)))
    tasks.append(task)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(bench.ledger()) == 1
    assert await bench.session.open_ops() == []
    await check_settled(bench)


# the keyring -----------------------------------------------------------------------------------------------------------------
class KeyringLocked(Exception):
    """What the library raises for a keyring that is locked."""


class SlowKeyring(MemoryKeyring):
    """Answers after the deadline."""

    def get_password(self, service: str, username: str) -> str | None:
        time.sleep(0.3)
        return super().get_password(service, username)


KEYRINGS: dict[str, tuple[MemoryKeyring, str]] = {
    "locked": (RaisingKeyring(KeyringLocked()), "The keyring is locked."),
    "denied": (RaisingKeyring(PermissionError()), "The keyring failed (PermissionError)."),
    "slow": (SlowKeyring(), "The keyring did not answer within 0.1 seconds."),
    "empty": (MemoryKeyring(), "API token is missing."),
}


@pytest.mark.fault("F-61", "R")
@pytest.mark.parametrize("name", sorted(KEYRINGS))
async def test_a_keyring_that_fails_is_told_and_the_rest_of_the_program_works(tmp_path: Path, name: str) -> None:
    keyring, words = KEYRINGS[name]
    with Bench(tmp_path, two_customers, secrets=SecretStore(backend=keyring, environ={}, deadline=0.1)) as bench:
        for kind, fields in bench.settings.items():
            bench.connect(kind, **{field: str(value) for field, value in fields.items() if field != "secrets"})
        with pytest.raises(RunStopped) as caught:
            await bench.compare()
        error = caught.value
        assert isinstance(error.cause, SecretsUnavailable)
        assert words in str(error)
        assert error.meaning == "Nothing was read and nothing was sent."
        assert "secure storage" in error.next_step or "Connections page" in error.next_step
        assert len(bench.session.connections()) == 2
        assert bench.session.runs() == []
        assert bench.ledger() == []


@pytest.mark.fault("F-61", "R")
async def test_a_secret_typed_for_the_session_is_enough_and_reaches_no_disk(tmp_path: Path) -> None:
    keyring = RaisingKeyring(KeyringLocked())
    with Bench(tmp_path, two_customers, secrets=SecretStore(backend=keyring, environ={})) as bench:
        for kind, fields in bench.settings.items():
            plain = {field: str(value) for field, value in fields.items() if field != "secrets"}
            bench.connect(kind, {field: str(value) for field, value in fields["secrets"].items()}, **plain)
        assert "They are kept until the program ends." in bench.session.secrets_note
        assert row_of(await bench.compare(), "ONE", "601")["status"] == "raise"
        token = bench.settings["atria"]["secrets"]["token"].encode()
        assert not any(token in path.read_bytes() for path in bench.folder.rglob("*") if path.is_file())
        bench.open_without_connecting()


@pytest.mark.fault("F-60", "R")
async def test_an_error_in_the_progress_of_a_reading_is_not_taken_for_an_answer(bench: Bench) -> None:
    def broken(news: object) -> None:
        raise RuntimeError("the window met an error")

    with pytest.raises(Exception, match=r"the window met an error|unhandled errors") as caught:
        await bench.session.compare("atria", "autotask", CompareOptions(), broken)
    assert not isinstance(caught.value, ReconcileError)
    assert bench.session.runs() == []
    assert row_of(await bench.compare(), "ONE", "601")["status"] == "raise"
