"""Turns: the allowance, the waits a server asks for, and that many who wait come one by one."""

import asyncio
from itertools import pairwise

from reconcile_app.connectors.pace import Pace
from tests.fakes.clock import VirtualClock


class Bench:
    def __init__(self, calls_per_second: float | None = None, unnamed_wait: float | None = None) -> None:
        self.clock = VirtualClock(monotonic=0.0)
        self.told: list[tuple[float, bool]] = []
        self.pace = Pace(self.clock, calls_per_second, lambda seconds, asked: self.told.append((seconds, asked)), unnamed_wait)

    async def turns(self, count: int) -> list[float]:
        """When so many turns came that were asked for at once."""
        at: list[float] = []

        async def one() -> None:
            await self.pace.turn()
            at.append(self.clock.monotonic())

        await asyncio.gather(*(one() for _ in range(count)))
        return at


async def test_without_an_allowance_nobody_waits() -> None:
    bench = Bench()
    assert await bench.turns(5) == [0.0] * 5
    assert bench.told == []


async def test_the_allowance_spaces_turns() -> None:
    bench = Bench(2.0)
    assert await bench.turns(4) == [0.0, 0.5, 1.0, 1.5]
    assert bench.told == []


async def test_after_a_refusal_many_come_one_by_one_until_the_server_answers() -> None:
    bench = Bench()
    bench.pace.hold(7.0, 1)
    assert await bench.turns(3) == [7.0, 12.0, 17.0]
    bench.pace.answered()
    assert await bench.turns(3) == [22.0, 22.0, 22.0]


async def test_the_wait_is_counted_down() -> None:
    bench = Bench()
    bench.pace.hold(7.0, 1)
    await bench.turns(1)
    assert bench.told == [(7.0, True), (6.0, True), (5.0, True), (4.0, True), (3.0, True), (2.0, True), (1.0, True)]


async def test_a_refusal_while_waiting_makes_everybody_wait_longer() -> None:
    bench = Bench()
    bench.pace.hold(6.0, 1)
    waiting = asyncio.ensure_future(bench.turns(2))
    while bench.clock.monotonic() < 3.0:
        await asyncio.sleep(0)
    bench.pace.hold(20.0, 1)
    first, second = await waiting
    assert 23.0 <= first <= 24.0
    assert second - first == 5.0


async def test_waits_of_our_own_grow_and_have_a_limit() -> None:
    for number, most in ((1, 10.0), (2, 20.0), (12, 300.0)):
        bench = Bench()
        bench.pace.hold(None, number)
        (at,) = await bench.turns(1)
        assert 5.0 <= at <= most + 1e-6
        assert {asked for _, asked in bench.told} == {False}


async def test_where_the_maker_says_how_long_a_wait_without_a_length_is_that_long() -> None:
    for number in (1, 5):
        bench = Bench(unnamed_wait=30.0)
        bench.pace.hold(None, number)
        (at,) = await bench.turns(1)
        assert 30.0 <= at <= 35.0 + 1e-6
        assert {asked for _, asked in bench.told} == {False}
    bench = Bench(unnamed_wait=30.0)
    bench.pace.hold(7.0, 1)
    assert await bench.turns(1) == [7.0]


async def test_a_shorter_wait_never_takes_back_a_longer_one_and_none_is_too_short() -> None:
    bench = Bench()
    bench.pace.hold(30.0, 1)
    bench.pace.hold(0.0, 1)
    assert await bench.turns(1) == [30.0]
    bench.pace.hold(0.0, 1)
    (at,) = await bench.turns(1)
    assert at >= 35.0


async def test_one_that_is_cancelled_lets_the_others_go_on() -> None:
    bench = Bench()
    bench.pace.hold(50.0, 1)
    first, second = (asyncio.ensure_future(bench.pace.turn()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert bench.clock.monotonic() >= 50.0
    later = await bench.turns(2)
    assert all(b - a >= 5.0 for a, b in pairwise(later))
