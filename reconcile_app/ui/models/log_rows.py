"""The log of a run made ready for the screen. Runs off the main thread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from reconcile_app.core.findings import Kind, Level
from reconcile_app.core.run import Run
from reconcile_app.ui.messages import Numbers
from reconcile_app.ui.models.prepared import (
    Column,
    ColumnTexts,
    Flags,
    PreparedRows,
    SearchIndex,
    amount_column,
    amounts_of,
    coded,
    fixed_column,
    positions,
    searchable,
    shared_decimals,
    text_column,
)

LEVELS = tuple(level.value for level in Level)
LOG_COLUMNS = (
    Column(key="time", title="Time", tip="Time of the entry (UTC)", width=19),
    Column(key="level", title="Level", tip="Error, Warning, Info, Verbose", width=9),
    Column(key="code", title="Code", tip="Code of the log entry", width=7),
    Column(key="customer_code", title="Customer", tip="Code of the customer", width=12),
    Column(key="sku", title="SKU", width=9),
    Column(key="old_quantity", title="Old", tip="Quantity before", numeric=True, width=9),
    Column(key="new_quantity", title="New", tip="Quantity after", numeric=True, width=9),
    Column(key="planned", title="State", tip="Planned: reported, not made yet; written: made", width=9),
    Column(key="message", title="Message", width=30),
)
_WRITES = frozenset(kind.value for kind in (Kind.QUANTITY_UPDATED, Kind.LINE_CREATED, Kind.REDUCED_TO_ZERO, Kind.COST_UPDATED))
_STATES = ("", "planned", "written")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRows(PreparedRows):
    """The log ready for table and filters. ``row``: position in the comparison, −1 for none."""

    row: npt.NDArray[np.int64]
    search: SearchIndex


def prepare_log(run: Run, numbers: Numbers) -> LogRows:
    """Make the log of a run ready."""
    log = run.log
    keys = [str(place) for place in range(len(log))]
    level = _places(log["level"], LEVELS)
    quantities = {name: amounts_of(log[name]) for name in ("old_quantity", "new_quantity")}
    decimals = shared_decimals(list(quantities.values()))
    built: list[ColumnTexts] = []
    for column in LOG_COLUMNS:
        if column.key in quantities:
            built.append(amount_column(column, quantities[column.key], numbers, decimals))
        elif column.key == "level":
            built.append(fixed_column(column, LEVELS, level))
        elif column.key == "planned":
            built.append(fixed_column(column, _STATES, _states(log)))
        elif column.key == "time":
            built.append(text_column(column, log["time"].str.slice(0, 19).str.replace("T", "  ")))
        else:
            built.append(text_column(column, log[column.key], ""))
    return LogRows(
        columns=tuple(built), keys=keys, position=positions(keys), levels=level.astype(np.int8),
        row=log["row"].to_numpy(dtype=np.int64, na_value=-1),
        search=SearchIndex([searchable(log[name]) for name in ("code", "message", "customer_code", "sku")]),
    )


def _places(series: pd.Series[str], known: tuple[str, ...]) -> npt.NDArray[np.int8]:
    codes, distinct = coded(series)
    places = np.array([known.index(value) for value in distinct], dtype=np.int8)
    return places[codes] if len(codes) else np.empty(0, dtype=np.int8)


def _states(log: pd.DataFrame) -> npt.NDArray[np.int8]:
    planned = log["planned"].to_numpy()
    written = log["kind"].isin(_WRITES).to_numpy()
    return np.where(planned, 1, np.where(written, 2, 0)).astype(np.int8)


def log_mask(rows: LogRows, text: str, level: int) -> Flags:
    """Entries up to this level (place in ``LEVELS``) that contain every word."""
    mask: Flags = rows.levels <= level
    found = rows.search.mask(text)
    return mask if found is None else mask & found
