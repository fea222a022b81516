"""P6: the longest time the window does not react, while the program does what takes long."""

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measure import Heart, Result, Scale, median
from benchmarks.sandbox import installation, served
from benchmarks.window import BenchWindow, run_in_window_loop
from benchmarks.worlds import STRANGE_SKU, basis
from reconcile_app.app import SWITCH_INTERVAL
from reconcile_app.core.basis import Basis
from reconcile_app.core.mapping_rules import ProductRule
from reconcile_app.core.settings import CompareOptions

_WORDS = ("har", "dent", "mailbox")
_MOMENT = 0.05
_SETTLE = 0.25
"""Seconds that are watched after a step, for what it still sets going."""

Step = Callable[[], Awaitable[object]]


def p6(scale: Scale) -> Iterator[Result]:
    """Every step ``times`` times; the median of the longest stalls."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    for rows in scale.sizes:
        usual, loading = (25.0, 50.0) if rows == scale.rows else (50.0, 150.0)
        fetched = basis(rows)
        for what, stalls in run_in_window_loop(partial(_watched, fetched, scale)):
            yield Result(
                line="P6",
                what=f"longest stall while {what}, {rows:,} rows",
                ours=median(stalls),
                absolute=True,
                at_most=loading if what.startswith("loading") else usual,
            )
    yield Result(
        line="P6",
        what=f"longest stall while fetching {scale.rows:,} lines",
        absolute=True,
        at_most=25.0,
        ours=median(run_in_window_loop(partial(_fetching, scale))),
    )


async def _watched(fetched: Basis, scale: Scale) -> list[tuple[str, list[float]]]:
    bench = BenchWindow()
    hands = _Hands(bench)
    told = [("loading (compare and show)", await _many(lambda: bench.load(fetched), scale.times))]
    steps: tuple[tuple[str, Step], ...] = (
        ("mapping a SKU", hands.remap),
        ("sorting", hands.sort),
        ("searching", hands.search),
        ("filtering", hands.narrow),
    )
    for what, step in steps:
        told.append((what, await _many(step, scale.times)))
    if len(fetched.billing.lines) <= scale.rows:  # a sheet of Excel holds a million rows
        with tempfile.TemporaryDirectory() as folder:
            told.append(("exporting", await _many(lambda: bench.desk.export(Path(folder, "log.xlsx")), 1)))
    await bench.close()
    return told


class _Hands:
    """What an operator does in the window."""

    def __init__(self, bench: BenchWindow) -> None:
        self._bench = bench
        self._service = 600

    async def remap(self) -> None:
        self._service += 1
        self._bench.controller.map_product(ProductRule(sku=STRANGE_SKU, service_id=str(self._service)))
        await asyncio.sleep(_MOMENT)
        while self._bench.controller.changing:
            await asyncio.sleep(0.01)
        await self._bench.shown()

    async def sort(self) -> None:
        pane = self._bench.page().pane
        for name in ("customer_name", "service_name", "difference"):
            pane.table.horizontalHeader().sectionClicked.emit(pane.model.place(name))
            await asyncio.sleep(_MOMENT)

    async def search(self) -> None:
        field = self._bench.page().search
        for word in _WORDS:
            for length in range(1, len(word) + 1):
                field.setText(word[:length])
                await asyncio.sleep(_MOMENT)
        field.clear()

    async def narrow(self) -> None:
        pane = self._bench.page().pane
        for cards in (frozenset({"raise"}), frozenset({"lower"}), frozenset[str]()):
            pane.change_filters(cards=cards)
            await asyncio.sleep(_MOMENT)


async def _many(step: Step, times: int) -> list[float]:
    heart, stalls = Heart(), []
    for _ in range(times):
        await asyncio.sleep(0.1)
        heart.start()
        await step()
        await asyncio.sleep(_SETTLE)
        stalls.append(heart.stop())
    return stalls


async def _fetching(scale: Scale) -> list[float]:
    """A whole comparison against a sandbox of its own, with the window on the screen."""
    bench, heart, stalls = BenchWindow(), Heart(), []
    scenario = f"sized:{max(1, scale.rows // 10)}x10"
    with served(scenario) as settings, installation(settings) as composition:
        for _ in range(min(scale.times, 3)):
            await asyncio.sleep(0.1)
            heart.start()
            await composition.session.compare("atria", "autotask", CompareOptions(), _ignored)
            stalls.append(heart.stop())
    await bench.close()
    return stalls


def _ignored(progress: Any) -> None:
    """The window shows progress; what that costs is measured with the rest of the page."""
