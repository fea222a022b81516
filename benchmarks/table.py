"""P3, P4 and P5: loading a comparison into the window, sorting it by a click, searching it by keystrokes."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt
from PySide6.QtWidgets import QTableView

from benchmarks.measure import FRAME, Result, Scale, median, seconds
from benchmarks.window import BenchWindow, Painted, compared, run_in_window_loop
from benchmarks.worlds import basis
from reconcile_app.core.basis import Run

_SHOWN = 12
_SORTED = ("customer_name", "service_name", "difference", "mark", "money_difference", "contract_name")
_WORDS = ("har", "den", "mail", "c0000", "174")
"""Found at every size: a table without rows would not be painted."""
_BETWEEN_KEYS = 0.2
"""Seconds; somebody who types well."""


def p3(scale: Scale) -> Iterator[Result]:
    """From a finished run to the painted table, against the same rows going into sqlite."""
    for rows in scale.sizes:
        run = compared(basis(rows))
        ours = run_in_window_loop(partial(_load_times, run, scale.times))
        reference = median([seconds(partial(_sqlite, run)) * 1000 for _ in range(scale.times)])
        yield Result(
            line="P3",
            what=f"load {rows:,} rows into the window",
            ours=ours,
            reference=reference,
            at_most=1.5 if rows == scale.rows else 1.6,
            note="reference: sqlite in memory, the same rows and columns",
        )


async def _load_times(run: Run, times: int) -> float:
    taken = []
    for _ in range(times):
        bench = BenchWindow()
        page = bench.page()
        painted = Painted(page.pane.table.viewport())
        await asyncio.sleep(0.1)
        bench.desk.held = run
        start = time.perf_counter()
        bench.controller.run_changed.emit(run)
        await painted.wait()
        taken.append((time.perf_counter() - start) * 1000)
        await bench.close()
        await asyncio.sleep(0.1)
    return median(taken)


def _sqlite(run: Run) -> int:
    names = list(run.rows.columns)
    store = sqlite3.connect(":memory:")
    store.execute(f"CREATE TABLE rows ({', '.join(names)})")
    columns = [run.rows[name].astype(object).where(run.rows[name].notna(), None).tolist() for name in names]
    store.executemany(f"INSERT INTO rows VALUES ({','.join('?' * len(names))})", zip(*columns, strict=True))
    shown = store.execute("SELECT * FROM rows ORDER BY rowid LIMIT 40").fetchall()
    store.close()
    return len(shown)


def p4(scale: Scale) -> Iterator[Result]:
    """A click on a header until the table is painted."""
    for rows in scale.sizes:
        run = compared(basis(rows))
        ours, keys = run_in_window_loop(partial(_sort_times, run, scale.times))
        reference = median([seconds(partial(np.argsort, key, kind="stable")) for key in keys for _ in range(scale.times)])
        yield Result(
            line="P4",
            what=f"sort {rows:,} rows, click to painted",
            ours=ours,
            reference=(reference + 2 * FRAME) * 1000,
            at_most=1.5,
            note=f"reference: argsort {reference * 1000:.1f} ms + 2 frames of 1/60 s",
        )
        if rows == scale.rows:
            yield Result(
                line="P4",
                what="  against list model + QSortFilterProxyModel",
                ours=ours,
                at_most=1 / 200,
                reference=run_in_window_loop(partial(_proxy_times, run, _click, scale.times)),
            )


async def _sort_times(run: Run, times: int) -> tuple[float, list[Any]]:
    bench = BenchWindow()
    await bench.load(run.basis)
    table = bench.page().pane.table
    model, taken = bench.page().pane.model, []
    rows = model.rows
    assert rows is not None
    for _ in range(times):
        for name in _SORTED:
            await asyncio.sleep(_BETWEEN_KEYS)
            start = time.perf_counter()
            table.horizontalHeader().sectionClicked.emit(model.place(name))
            await bench.painted.wait()
            taken.append((time.perf_counter() - start) * 1000)
    keys = [rows.columns[model.place(name)].ranks for name in _SORTED]
    await bench.close()
    return median(taken), keys


def p5(scale: Scale) -> Iterator[Result]:
    """The third character of a word, until the table is painted."""
    for rows in scale.sizes:
        run = compared(basis(rows))
        ours = run_in_window_loop(partial(_key_times, run, scale.times))
        texts = _search_texts(run)
        reference = median([seconds(partial(_bare_mask, texts, "har")) * 1000 for _ in range(scale.times)])
        yield Result(
            line="P5",
            what=f"keystroke in search, {rows:,} rows",
            ours=ours,
            reference=reference + 2 * FRAME * 1000,
            at_most=1.5,
            note=f"reference: numpy mask {reference:.1f} ms + 2 frames of 1/60 s",
        )
        if rows == scale.rows:
            yield Result(
                line="P5",
                what="  against list model + QSortFilterProxyModel",
                ours=ours,
                at_most=1 / 150,
                reference=run_in_window_loop(partial(_proxy_times, run, _type, scale.times)),
            )


async def _key_times(run: Run, times: int) -> float:
    bench = BenchWindow()
    await bench.load(run.basis)
    page, taken = bench.page(), []
    for _ in range(times):
        for word in _WORDS:
            for length in range(1, 4):
                await asyncio.sleep(_BETWEEN_KEYS)
                start = time.perf_counter()
                page.search.setText(word[:length])
                await bench.painted.wait()
                taken.append((time.perf_counter() - start) * 1000)
            page.search.clear()
            await asyncio.sleep(_BETWEEN_KEYS)
    await bench.close()
    return median(taken)


def _search_texts(run: Run) -> list[str]:
    """All text columns of a row in one lower-case text."""
    names = ("customer_code", "customer_name", "service_name", "description", "sku", "codes", "company_name", "contract_name")
    columns = [run.rows[name].fillna("").str.lower().tolist() for name in names]
    return [" ".join(texts) for texts in zip(*columns, strict=True)]


def _bare_mask(texts: list[str], word: str) -> Any:
    """Quicker than ``numpy.strings.find``, which looks at every text through a buffer of its own."""
    return np.fromiter((word in text for text in texts), dtype=np.bool_, count=len(texts))


class _ListModel(QAbstractTableModel):
    """What a table over lists of texts usually looks like."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        super().__init__()
        self._rows = rows

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008 - as Qt has it
        return len(self._rows)

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008 - as Qt has it
        return _SHOWN

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        return self._rows[index.row()][index.column()] if role == Qt.ItemDataRole.DisplayRole else None


async def _proxy_times(run: Run, act: Callable[[QSortFilterProxyModel, int], None], times: int) -> float:
    names = [*run.rows.columns[:9], "billed_quantity", "difference", "status"]
    columns = [run.rows[name].astype(object).where(run.rows[name].notna(), None).tolist() for name in names]
    model, proxy, view = _ListModel(list(zip(*columns, strict=True))), QSortFilterProxyModel(), QTableView()
    proxy.setSourceModel(model)
    proxy.setFilterKeyColumn(-1)
    view.verticalHeader().hide()
    view.setModel(proxy)
    view.resize(1280, 800)
    view.show()
    painted, taken = Painted(view.viewport()), []
    await asyncio.sleep(0.1)
    for number in range(times):
        start = time.perf_counter()
        act(proxy, number)
        view.viewport().update()
        await painted.wait()
        taken.append((time.perf_counter() - start) * 1000)
    view.hide()
    view.deleteLater()
    return median(taken)


def _click(proxy: QSortFilterProxyModel, number: int) -> None:
    proxy.sort((2, 10, 4)[number % 3], (Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder)[number % 2])


def _type(proxy: QSortFilterProxyModel, number: int) -> None:
    proxy.setFilterFixedString(("har", "den", "mai", "c00", "174")[number % 5])
