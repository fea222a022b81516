"""The comparison made ready for the screen: columns, statuses, facets, codes, totals. Runs off the main thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reconcile_app.core.changes import Status
from reconcile_app.core.run import Run
from reconcile_app.ui.messages import NONE, NOT_READ, STATUS_WORDS, Numbers, day_text
from reconcile_app.ui.models.prepared import (
    ABSENT,
    Amounts,
    Column,
    ColumnTexts,
    Flags,
    Ints,
    PreparedRows,
    SearchIndex,
    amount_column,
    amounts_of,
    coded,
    fixed_column,
    narrowed,
    positions,
    searchable,
    shared_decimals,
    text_column,
    text_of,
)
from reconcile_app.ui.theme import MARKS

STATUSES = tuple(Status)
STATUS_PLACE = {status.value: place for place, status in enumerate(STATUSES)}
LOOKS = (*STATUSES, "doubt")
"""What a row may look like; the place of a status is its place in ``STATUSES``."""
IN_DOUBT = "RC21"
_SORTED_STATUSES = (
    Status.UNKNOWN, Status.BLOCKED, Status.MISSING, Status.PSA_ONLY, Status.ZERO, Status.LOWER, Status.RAISE, Status.ADD,
    Status.EQUAL, Status.IGNORED,
)
DIRECTIONS = ("Source higher", "PSA higher", "Same", "Unknown")

TICK = Column(key="tick", title="✓", tip="Ticked rows are pushed", width=4)
FROZEN = ("tick", "customer_name", "service_name")
COLUMNS = (
    TICK,
    Column(key="customer_name", title="Customer", tip="Customer in the billing source", width=14),
    Column(key="service_name", title="Service / line", tip="Name in the PSA, or the line's description", width=15),
    Column(key="sku", title="SKU", tip="SKU in the billing source", width=4.6),
    Column(key="billed_quantity", title="Billed", tip="Quantity the source bills in this period", numeric=True, width=7),
    Column(key="previous_quantity", title="was", tip="Quantity billed in the period before", numeric=True, width=4.9),
    Column(key="mark", title="Change", tip="What the row says", width=12.4),
    Column(key="contract_quantity", title="PSA", tip="Quantity in the PSA on the effective date", numeric=True, width=7),
    Column(key="last_pushed_quantity", title="last", tip="Quantity we last pushed and confirmed", numeric=True, width=4.9),
    Column(key="difference", title="Δ", tip="Billed quantity minus quantity in the PSA", numeric=True, width=5.7),
    Column(key="money_difference", title="$/month", tip="Difference in money per billing period", numeric=True, width=8.2),
    Column(key="codes", title="Codes", tip="Warnings and errors of the row", width=5),
    Column(key="contract_name", title="Contract", tip="Where the line stands in the PSA", width=15),
    Column(key="company_name", title="Company", tip="Company in the PSA", width=16),
    Column(key="customer_code", title="Customer code", tip="Code of the customer in the billing source", width=12),
    Column(key="description", title="Description", tip="Description in the billing source", width=28),
    Column(key="unit_price", title="Unit price", tip="Price of one unit in the PSA", numeric=True, width=8.5),
    Column(key="contract_id", title="Contract ID", tip="Its id in the PSA", width=10),
)
HIDDEN_AT_FIRST = ("company_name", "customer_code", "description", "unit_price", "contract_id")
_ABSENT_TEXTS = (NONE, NOT_READ)
_QUANTITIES = ("billed_quantity", "previous_quantity", "contract_quantity", "last_pushed_quantity", "difference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """One facet: its name, its distinct values, and per row a place in them."""

    title: str
    values: list[str]
    codes: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRows(PreparedRows):
    """The comparison ready for table, cards, facets and totals. Units and money in ten-thousandths."""

    run: Run
    status: npt.NDArray[np.int8]
    look: npt.NDArray[np.int8]
    """Place in ``LOOKS``: the status, or in doubt."""
    selected: Flags
    selectable: Flags
    todo: Flags
    changed_since_push: Flags
    units: Amounts
    money: Amounts
    money_known: Flags
    customer: Ints
    customer_codes: list[str]
    combo: Ints
    combos: list[tuple[str, ...]]
    facets: dict[str, Facet]
    search: SearchIndex
    log_row: npt.NDArray[np.int64]
    """Per log entry the row of the comparison, −1 for none."""
    customer_log: dict[str, list[int]]
    """Customer code → log entries about the customer as a whole."""


def prepare_comparison(run: Run, numbers: Numbers, billing: str = "", psa: str = "") -> ComparisonRows:
    """Make a run ready. ``billing`` and ``psa`` are the titles of the two sides."""
    frame = run.rows
    status = _status_places(frame)
    keys = frame["key"].tolist()
    amounts = {name: amounts_of(frame[name]) for name in (*_QUANTITIES, "money_difference", "unit_price")}
    combo, combos = _combos(frame)
    doubt = np.array([IN_DOUBT in codes for codes in combos], dtype=np.bool_)[combo]
    look = np.where(doubt, len(STATUSES), status).astype(np.int8)
    texts = _columns(frame, status, look, amounts, numbers)
    customer, customers = coded(frame["customer_code"])
    units = _units(status, amounts)
    money = np.where(amounts["money_difference"] == ABSENT, 0, amounts["money_difference"])
    by_key = {text.column.key: text for text in texts}
    return ComparisonRows(
        columns=texts, keys=keys, position=positions(keys), run=run, status=status, look=look,
        selected=frame["selected"].to_numpy(), selectable=frame["selectable"].to_numpy(), todo=_todo(status, combo, combos),
        changed_since_push=_changed_since_push(amounts), units=units, money=money,
        money_known=amounts["money_difference"] != ABSENT, customer=customer, customer_codes=customers, combo=combo, combos=combos,
        facets=_facets(status, by_key, amounts["difference"], billing or "Source", psa or "PSA"),
        search=SearchIndex(_search_columns(frame, status)), log_row=run.log["row"].to_numpy(dtype=np.int64, na_value=-1),
        customer_log=_customer_log(run.log),
    )


def _customer_log(log: pd.DataFrame) -> dict[str, list[int]]:
    places = np.flatnonzero(log["row"].isna().to_numpy())
    found: dict[str, list[int]] = {}
    for place, code in zip(places.tolist(), log["customer_code"].array[places], strict=True):
        found.setdefault(text_of(code), []).append(place)
    found.pop("", None)
    return found


def _status_places(frame: pd.DataFrame) -> npt.NDArray[np.int8]:
    codes, distinct = coded(frame["status"])
    places = np.array([STATUS_PLACE[value] for value in distinct], dtype=np.int8)
    return places[codes] if len(codes) else np.empty(0, dtype=np.int8)


def _columns(
    frame: pd.DataFrame, status: npt.NDArray[np.int8], look: npt.NDArray[np.int8], amounts: dict[str, Amounts], numbers: Numbers,
) -> tuple[ColumnTexts, ...]:
    decimals = shared_decimals([amounts[name] for name in _QUANTITIES])
    unread = (status == STATUS_PLACE[Status.UNKNOWN]).astype(np.int8)
    service = frame["service_name"].fillna(frame["description"])
    built: list[ColumnTexts] = []
    for column in COLUMNS:
        if column.key in ("billed_quantity", "contract_quantity"):
            built.append(amount_column(column, amounts[column.key], numbers, decimals, absent=_ABSENT_TEXTS, absent_place=unread))
        elif column.key in _QUANTITIES:
            built.append(amount_column(column, amounts[column.key], numbers, decimals, signed=column.key == "difference"))
        elif column.key == "money_difference":
            built.append(amount_column(column, amounts[column.key], numbers, 2, signed=True, cents=True))
        elif column.key == "unit_price":
            built.append(amount_column(column, amounts[column.key], numbers, shared_decimals([amounts["unit_price"]], 2)))
        elif column.key == "mark":
            built.append(_mark_column(column, look))
        elif column.key == "tick":
            built.append(_tick_column(frame))
        else:
            absent = "" if column.key == "codes" else NONE
            built.append(text_column(column, service if column.key == "service_name" else frame[column.key], absent))
    return tuple(built)


def _mark_column(column: Column, look: npt.NDArray[np.int8]) -> ColumnTexts:
    words = [*(STATUS_WORDS[entry] for entry in STATUSES), "In doubt"]
    marked = [f"{MARKS[entry]} {word}" for entry, word in zip(LOOKS, words, strict=True)]
    ranks = [*(1 + _SORTED_STATUSES.index(entry) for entry in STATUSES), 0]
    text = fixed_column(column, marked, look, ranks)
    return ColumnTexts(column=column, texts=text.texts, copies=words, codes=text.codes, ranks=text.ranks)


def _tick_column(frame: pd.DataFrame) -> ColumnTexts:
    state = np.where(frame["selected"].to_numpy(), 1, np.where(frame["selectable"].to_numpy(), 0, 2))
    ranks = narrowed(np.array([1, 0, 2])[state]) if len(state) else narrowed(state)
    return ColumnTexts(column=TICK, texts=["", "", ""], copies=["no", "yes", ""], codes=state.astype(np.int32), ranks=ranks)


def _combos(frame: pd.DataFrame) -> tuple[Ints, list[tuple[str, ...]]]:
    """Per row a place in the distinct combinations of codes; the last one is the empty combination."""
    codes, distinct = coded(frame["codes"])
    combos = [tuple(text.split()) for text in distinct]
    return np.where(codes < 0, len(combos), codes).astype(np.int32), [*combos, ()]


def _todo(status: npt.NDArray[np.int8], combo: Ints, combos: list[tuple[str, ...]]) -> Flags:
    """What needs a person: everything but equal rows without codes and ignored rows."""
    has_codes = np.array([bool(codes) for codes in combos], dtype=np.bool_)[combo]
    equal = status == STATUS_PLACE[Status.EQUAL]
    needed: Flags = (has_codes | ~equal) & (status != STATUS_PLACE[Status.IGNORED])
    return needed


def _changed_since_push(amounts: dict[str, Amounts]) -> Flags:
    last, now = amounts["last_pushed_quantity"], amounts["contract_quantity"]
    changed: Flags = (last != ABSENT) & (now != ABSENT) & (last != now)
    return changed


def _units(status: npt.NDArray[np.int8], amounts: dict[str, Amounts]) -> Amounts:
    """What a push would change, in units: also where one side has no line."""
    billed, contract, difference = (amounts[name] for name in ("billed_quantity", "contract_quantity", "difference"))
    billed, contract = np.where(billed == ABSENT, 0, billed), np.where(contract == ABSENT, 0, contract)
    units: Amounts = np.where(difference == ABSENT, 0, difference)
    units = np.where(status == STATUS_PLACE[Status.ADD], billed, units)
    return np.where(status == STATUS_PLACE[Status.ZERO], -contract, units)


def _facets(
    status: npt.NDArray[np.int8], texts: dict[str, ColumnTexts], difference: Amounts, billing: str, psa: str,
) -> dict[str, Facet]:
    direction = np.where(difference == ABSENT, 3, np.where(difference > 0, 0, np.where(difference < 0, 1, 2)))
    customer, service = texts["customer_name"], texts["service_name"]
    return {
        "status": Facet(title="Status", values=[STATUS_WORDS[entry] for entry in STATUSES], codes=status),
        "customer": _text_facet("Customer", customer),
        "service": _text_facet("Service", service),
        "direction": Facet(title="Direction", codes=direction,
                           values=[f"{billing} higher", f"{psa} higher", "Same", "Unknown"]),
    }


def _text_facet(title: str, text: ColumnTexts) -> Facet:
    codes = np.where(text.codes < 0, len(text.texts) - 1, text.codes)
    return Facet(title=title, values=text.texts, codes=codes)


def _search_columns(frame: pd.DataFrame, status: npt.NDArray[np.int8]) -> list[tuple[list[str], Ints]]:
    names = ("customer_code", "customer_name", "service_name", "description", "sku", "codes", "company_name", "contract_name",
             "contract_id", "billing_identifier")
    words = ([STATUS_WORDS[entry] for entry in STATUSES], status)
    return [*(searchable(frame[name]) for name in names), words]


def row_sentence(rows: ComparisonRows, row: int, billing: str, psa: str) -> str:
    """A row of the frame in words, for a screen reader."""
    texts = {column.column.key: column.texts[column.codes[row]] for column in rows.columns}
    status = STATUSES[rows.status[row]]
    parts = [
        f"{texts['customer_name']}, {texts['service_name']}: {STATUS_WORDS[status]}.",
        f"{billing} bills {_spoken(texts['billed_quantity'])}, {_spoken_psa(texts['contract_quantity'], status, psa)}.",
    ]
    if texts["difference"] not in (NONE, "0"):
        parts.append(f"Difference {texts['difference']}.")
    if texts["codes"]:
        parts.append(f"Codes {texts['codes']}.")
    if rows.selectable[row]:
        parts.append("Ticked." if rows.selected[row] else "Not ticked.")
    return " ".join(parts)


def _spoken_psa(text: str, status: Status, psa: str) -> str:
    """A blocked row without a line is not a line without a quantity."""
    return f"its line in {psa} is open" if status is Status.BLOCKED and text == NONE else f"{psa} has {_spoken(text)}"


def _spoken(text: str) -> str:
    return {NONE: "none", NOT_READ: "an unknown quantity"}.get(text, text)


def changed_words(rows: ComparisonRows, row: int, psa: str) -> str:
    """That the PSA differs from what we last pushed; empty where it does not."""
    if not rows.changed_since_push[row]:
        return ""
    pushed = rows.run.basis.last_pushed.get(field(rows.run, row, "line_id"))
    day = f" on {day_text(pushed.pushed_on, rows.run.basis.today)}" if pushed is not None else ""
    return f"Changed in {psa} since our push{day}."


def field(run: Run, row: int, name: str) -> str:
    """A text of the comparison; empty where absent."""
    return text_of(run.rows[name].array[row])


def amount(run: Run, row: int, name: str) -> int | None:
    """An amount of the comparison in ten-thousandths, or ``None``."""
    value: Any = run.rows[name].array[row]
    return None if value is pd.NA else int(value)
