"""Counts over a comparison: the summary cards, the groups of warnings, the facets."""

import numpy as np
import pandas as pd

from reconcile_app.core.basis import Run, Summary
from reconcile_app.core.changes import Status
from reconcile_app.core.codes import RC_CODES
from reconcile_app.core.findings import CodeTable, Kind, Level
from reconcile_app.core.texts import BoolArray, amounts_of, objects, take_flags

_UNCOMPARED = [Status.BLOCKED.value, Status.UNKNOWN.value]
_DIRECTIONS = {Status.RAISE: "up", Status.LOWER: "down", Status.ADD: "new", Status.ZERO: "to zero"}


def summarize(table: pd.DataFrame, usual: BoolArray) -> Summary:
    """The counts of the summary cards from a ``COMPARISON`` frame; ``usual`` are the rows that are pre-selected."""
    status, named = pd.factorize(objects(table["status"]))
    sizes = np.bincount(status, minlength=len(named)).tolist()
    counts = {**dict.fromkeys(Status, 0), **{Status(name): size for name, size in zip(named, sizes, strict=True)}}
    difference, _ = amounts_of(table["difference"])
    money, _ = amounts_of(table["money_difference"])
    selected = table["selected"].to_numpy(dtype=bool)
    return Summary(
        rows=len(table),
        equal=counts[Status.EQUAL],
        raised=counts[Status.RAISE],
        lowered=counts[Status.LOWER],
        add=counts[Status.ADD],
        zero=counts[Status.ZERO],
        missing=counts[Status.MISSING],
        blocked=counts[Status.BLOCKED],
        ignored=counts[Status.IGNORED],
        unknown=counts[Status.UNKNOWN],
        psa_only=counts[Status.PSA_ONLY],
        selected=int(selected.sum()),
        raised_units=int(difference[usual & (difference > 0)].sum()),
        lowered_units=int(difference[usual & (difference < 0)].sum()),
        money_per_period=int(money[selected].sum()),
        compared_value_percent=_compared_percent(table, ~np.isin(status, np.flatnonzero(np.isin(named, _UNCOMPARED)))),
    )


def _compared_percent(table: pd.DataFrame, compared: BoolArray) -> int:
    """Share of the billed value in the rows that could be compared, rounded down. What has no price weighs the average price."""
    billed, _ = amounts_of(table["billed_quantity"])
    price, priced = amounts_of(table["unit_price"])
    # Floats: a share in whole percent needs no ten-thousandths, and quantity times price may outgrow a whole number.
    quantity = np.maximum(billed, 0).astype(np.float64)
    known = quantity[priced].sum()
    average = float((quantity * price)[priced].sum() / known) if known else 1.0
    value = quantity * np.where(priced, price, average)
    total = float(value.sum())
    return int(100 * float(value[compared].sum()) / total + 1e-9) if total else 100


def groups(run: Run, codes: CodeTable) -> pd.DataFrame:
    """Errors and warnings by code: ``code``, ``kind``, ``title``, ``level``, ``rows``, ``customers``, ``money``.

    ``rows`` and ``money`` (ten-thousandths, sizes without sign added up) are those of the rows that show the code, ``customers``
    those concerned, with or without rows. Errors first, then by code.
    """
    table = {**RC_CODES, **codes}
    found = run.findings
    names = objects(run.rows["customer_code"])
    money = np.abs(amounts_of(run.rows["money_difference"])[0])
    shown = run.rows["codes"]
    listed = []
    for value in found["kind"].unique():
        code = table.get(Kind(value))
        if code is None or code.level not in (Level.ERROR, Level.WARNING):
            continue
        rows = _showing(shown, code.id)
        told = found.loc[(found["kind"] == value).to_numpy(dtype=bool), "customer_code"]
        concerned = {str(name) for name in (*told.unique(), *names[rows]) if name}
        size = int(rows.sum()), len(concerned), int(money[rows].sum())
        listed.append((code.level.rank, code.id, str(value), code.title, code.level.value, *size))
    columns = ["code", "kind", "title", "level", "rows", "customers", "money"]
    return pd.DataFrame([entry[1:] for entry in sorted(listed)], columns=columns)


def _showing(shown: "pd.Series[str]", code: str) -> BoolArray:
    """Rows that show a code; every distinct list of codes is looked at once."""
    which, distinct = pd.factorize(objects(shown))
    return take_flags(np.array([code in str(text).split() for text in distinct], dtype=bool), which)


def facets(run: Run, mask: BoolArray | None = None) -> pd.DataFrame:
    """Values to filter by, counted over the rows of ``mask`` (absent: all): ``facet``, ``value``, ``label``, ``count``.

    Facets are ``status``, ``customer``, ``service`` and ``direction`` (up, down, new, to zero); in each the most frequent first.
    """
    rows = run.rows if mask is None else run.rows[mask]
    names = dict(zip(objects(rows["customer_code"]), objects(rows["customer_name"]), strict=True))
    direction = rows["status"].map(_DIRECTIONS)
    columns = {"status": rows["status"], "customer": rows["customer_code"], "service": rows["service_name"], "direction": direction}
    parts = []
    for facet, values in columns.items():
        labels = names if facet == "customer" else {}
        counts = sorted(values.dropna().value_counts().items(), key=lambda entry: (-entry[1], str(entry[0])))
        parts += [(facet, str(value), str(labels.get(value, value)), count) for value, count in counts]
    return pd.DataFrame(parts, columns=["facet", "value", "label", "count"])
