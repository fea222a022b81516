"""The virtual time the simulation stands on: nothing waits, nothing leaks out, a dead process does nothing more."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from reconcile_app.core.errors import Busy
from tests.simulation.disk import Disk
from tests.simulation.loop import Stuck, VirtualLoop
from tests.simulation.process import Computer, Process
from tests.simulation.run import simulate
from tests.simulation.scenario import Scenario, draw
from tests.simulation.wire import Weather


def test_waiting_moves_the_clock_and_takes_no_time() -> None:
    loop = VirtualLoop()
    began = time.monotonic()
    loop.run_until_complete(asyncio.sleep(86_400))
    assert loop.time() == 1_000.0 + 86_400
    assert time.monotonic() - began < 60
    loop.close()


def test_a_deadlock_is_an_error() -> None:
    loop = VirtualLoop()
    with pytest.raises(Stuck):
        loop.run_until_complete(loop.create_future())
    loop.close()


def test_nothing_reaches_the_network() -> None:
    loop = VirtualLoop()
    with pytest.raises((NotImplementedError, AttributeError)):
        loop.run_until_complete(asyncio.open_connection("127.0.0.1", 9))
    loop.close()


def test_what_would_go_to_a_thread_is_done_at_once() -> None:
    async def threads() -> list[object]:
        return [await asyncio.to_thread(lambda: 5), await asyncio.gather(asyncio.to_thread(int, "x"), return_exceptions=True)]

    loop = VirtualLoop()
    five, failed = loop.run_until_complete(threads())
    assert five == 5
    assert isinstance(failed, list)
    assert isinstance(failed[0], ValueError)
    loop.close()


def test_a_dead_process_takes_no_further_step() -> None:
    steps: list[float] = []

    async def life() -> None:
        try:
            while True:
                await asyncio.sleep(1)
                steps.append(loop.time())
        finally:
            await asyncio.sleep(1)
            steps.append(-1.0)

    async def scene() -> str | None:
        process = Process(loop, "A")
        process.start(life())
        await asyncio.sleep(2.5)
        process.doom("power")
        death = await process.ended
        await asyncio.sleep(10)
        return death

    loop = VirtualLoop()
    assert loop.run_until_complete(scene()) == "power"
    assert steps == [1_001.0, 1_002.0]
    loop.close()


def test_a_disk_gives_its_journal_to_one_at_a_time(tmp_path: Path) -> None:
    loop = VirtualLoop()
    computer, disk = Computer(loop), Disk(tmp_path / "disk", "A", Random(1))
    process = Process(loop, "A")
    journal = disk.opened(disk.journal("t"), computer, process)
    with pytest.raises(Busy):
        disk.opened(disk.journal("t"), computer, process)
    loop.run_until_complete(journal.aclose())
    loop.run_until_complete(disk.opened(disk.journal("t"), computer, process).aclose())
    loop.close()


def test_a_clean_seed_writes_everything_and_a_dead_network_nothing() -> None:
    calm = Scenario(seed=1, kind="autotask", clean=True, weather=Weather())
    assert set(simulate(calm).states) <= {"VERIFIED", "NOT_APPLIED", "CANCELLED"}
    assert "VERIFIED" in simulate(calm).states
    lost = Scenario(seed=1, kind="autotask", clean=False, weather=Weather(outages=((0.0, 1e6),)))
    assert simulate(lost).states == []


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_a_seed_is_the_same_in_every_process(hash_seed: str) -> None:
    seed = next(seed for seed in range(1, 50) if draw(seed).dyings and draw(seed).acts)
    code = f"from tests.simulation.run import simulate; print(simulate({seed}).digest)"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=100)
    assert told.stdout.strip() == simulate(seed).digest
