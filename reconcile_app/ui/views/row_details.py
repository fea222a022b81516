"""Evidence, history and raw rows behind a line of the comparison."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QSplitter, QVBoxLayout, QWidget

from reconcile_app.ui.messages import NONE, Numbers, guarded, join, plural, shown
from reconcile_app.ui.models.comparison_rows import ComparisonRows, field
from reconcile_app.ui.models.prepared import text_of
from reconcile_app.ui.models.record_table import RecordColumn, RecordTable
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.fittings import RecordView, button, muted_label
from reconcile_app.ui.views.step_chart import StepChart

if TYPE_CHECKING:
    import pandas as pd

Record = Mapping[Hashable, Any]

_EVIDENCE = (
    ("user", "User"), ("service", "Service"), ("plan", "Plan"), ("action", "Action"), ("from", "From"), ("until", "Until"),
    ("by", "By"), ("share", "Share of period"),
)


class EvidencePane(QWidget):
    """The users behind the billed number, read on demand, and the billed rows that were summed."""

    wanted = Signal()

    def __init__(self, numbers: Numbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._numbers = numbers
        self._title = ""
        self.words = muted_label("Choose a row to see what is behind it.", wrap=True)
        self.read = button("Read evidence  E", self.wanted.emit, kind="primary", name="Read evidence")
        self.copy = button("Copy as text", self.copy_text, name="Copy the evidence as text for the customer")
        self.users = RecordTable([RecordColumn(title=title, text=_cell(name)) for name, title in _EVIDENCE], key=_whole)
        self.parts = RecordTable((
            RecordColumn(title="Billed row", text=_cell("line_description")), RecordColumn(title="SKU", text=_cell("sku")),
            RecordColumn(title="Quantity", text=lambda part: _amount(part["quantity"], numbers), right=True),
        ), key=_whole)
        head = QHBoxLayout()
        head.addWidget(self.words, 1)
        head.addWidget(self.copy)
        head.addWidget(self.read)
        self._user_view = RecordView(self.users, "Users behind the billed quantity", stretch=0)
        self._part_view = RecordView(self.parts, "Billed rows that were summed", stretch=0)
        self._user_view.set_widths({1: 18, 2: 13, 3: 11, 4: 13, 5: 13, 6: 26, 7: 16})
        self._part_view.set_widths({1: 8, 2: 10})
        for view in (self._user_view, self._part_view):
            copy_with_keys(view, self.copy_text)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self._user_view)
        split.addWidget(self._part_view)
        split.setStretchFactor(0, 4)
        split.setStretchFactor(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.addLayout(head)
        layout.addWidget(split, 1)

    def show_row(self, rows: ComparisonRows | None, row: int) -> None:
        """Another row: its summed parts at once, its users when they are asked for."""
        self.users.set_records([])
        parts = list(parts_of(rows, row)) if rows is not None and row >= 0 else []
        self.parts.set_records(parts)
        self.read.setEnabled(rows is not None and row >= 0)
        self.copy.setEnabled(bool(parts))
        if rows is None or row < 0:
            self.words.setText("Choose a row to see what is behind it.")
            return
        self._title = join([field(rows.run, row, "customer_name"), field(rows.run, row, "service_name")
                            or field(rows.run, row, "description")])
        summed = f"{plural(len(parts), 'billed row was', 'billed rows were')} summed." if parts else "The source has no row for it."
        self.words.setText(f"{summed} Press E to read the users and dates behind the number.")

    def show_waiting(self) -> None:
        """While the source is asked."""
        self.words.setText("Reading the evidence …")
        self.read.setEnabled(False)

    def show_evidence(self, frame: pd.DataFrame) -> None:
        """Users, plans and dates."""
        names = [name for name, _ in _EVIDENCE]
        records = [{name: record.get(name, "") for name in names} for record in frame.to_dict("records")]
        self.users.set_records(records)
        self.read.setEnabled(True)
        self.copy.setEnabled(True)
        self.words.setText(f"{plural(len(records), 'record', numbers=self._numbers)} behind the billed number." if records
                           else "The source keeps no users behind this number.")

    def copy_text(self) -> None:
        """What is behind the number, as text a customer can read."""
        lines = [self._title, ""]
        lines += [f"{_cell('line_description')(part)}: {_amount(part['quantity'], self._numbers)}" for part in self.parts.records()]
        users = self.users.records()
        if users:
            lines += ["", "\t".join(title for _, title in _EVIDENCE)]
            lines += ["\t".join(guarded(_cell(name)(user)) for name, _ in _EVIDENCE) for user in users]
        QGuiApplication.clipboard().setText("\n".join(lines) + "\n")


class HistoryPane(QWidget):
    """Runs and pushes that touched the line."""

    def __init__(self, theme: Theme, numbers: Numbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = RecordTable((
            RecordColumn(title="Time", text=_cell("time")), RecordColumn(title="Period to", text=_cell("period_end")),
            RecordColumn(title="Billed", text=lambda entry: _amount(entry["billed"], numbers), right=True),
            RecordColumn(title="PSA", text=lambda entry: _amount(entry["contract"], numbers), right=True),
            RecordColumn(title="Pushed", text=lambda entry: _amount(entry["pushed"], numbers), right=True),
            RecordColumn(title="Result", text=_cell("result")),
        ), key=_whole)
        self.view = RecordView(self.model, "Runs and pushes that touched this line", stretch=5)
        self.view.set_widths({0: 20, 1: 13, 2: 8, 3: 8, 4: 8})
        self.chart = StepChart(theme, numbers)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.addWidget(self.view, 3)
        layout.addWidget(self.chart, 2)

    def show_history(self, frame: pd.DataFrame | None, psa: str) -> None:
        """Newest first in the list, oldest first in the chart."""
        records = frame.to_dict("records") if frame is not None else []
        self.model.set_records(records[::-1])
        self.chart.show_steps(
            [text_of(entry["period_end"]) for entry in records], [_whole_number(entry["billed"]) for entry in records],
            [_whole_number(entry["contract"]) for entry in records], psa)


class RawPane(QWidget):
    """Both sides' rows as they were received."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = RecordTable((
            RecordColumn(title="Side", text=lambda pair: pair[0]), RecordColumn(title="Field", text=lambda pair: pair[1]),
            RecordColumn(title="Value", text=lambda pair: shown(pair[2], 2000)),
        ), key="/".join)
        self.view = RecordView(self.model, "Fields as received", stretch=2)
        self.view.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.view.set_widths({1: 24})
        self.copy = button("Copy all", self.copy_text, name="Copy all fields")
        copy_with_keys(self.view, self.copy_text)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignTop)

    def show_row(self, rows: ComparisonRows | None, row: int, billing: str, psa: str) -> None:
        """Another row."""
        pairs: list[tuple[str, str, str]] = []
        if rows is not None and row >= 0:
            raws = [text_of(part["raw"]) for part in parts_of(rows, row)]
            for place, raw in enumerate(raws):
                pairs += _pairs(billing if len(raws) == 1 else f"{billing} {place + 1}", raw)
            lines = rows.run.basis.psa.lines
            line_id = field(rows.run, row, "line_id")
            for raw in lines[(lines["line_id"] == line_id).fillna(False)]["raw"].tolist() if line_id else ():
                pairs += _pairs(psa, text_of(raw))
        self.model.set_records(pairs)

    def copy_text(self) -> None:
        """All fields, tab-separated."""
        lines = ["\t".join(guarded(shown(text, 32_000)) for text in pair) for pair in self.model.records()]
        QGuiApplication.clipboard().setText("\n".join(["Side\tField\tValue", *lines]) + "\n")


def parts_of(rows: ComparisonRows, row: int) -> Iterator[Record]:
    """The billed rows that were summed into a row of the comparison."""
    mapped = rows.run.mapped[(rows.run.part_row == row).to_numpy()]
    yield from mapped.to_dict("records")


def copy_with_keys(view: QWidget, action: Any) -> None:
    """Ctrl+C inside a list copies what its button copies."""
    shortcut = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), view)
    shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
    shortcut.activated.connect(action)


def _pairs(side: str, raw: str) -> list[tuple[str, str, str]]:
    try:
        value = json.loads(raw)
    except ValueError:
        return [(side, "as received", raw)] if raw else []
    if not isinstance(value, dict):
        return [(side, "as received", raw)]
    return [(side, shown(str(name), 120), item if isinstance(item, str) else json.dumps(item, ensure_ascii=False))
            for name, item in value.items()]


def _cell(name: str) -> Any:
    return lambda record: shown(text_of(record[name]))


def _whole(record: Record) -> str:
    return json.dumps({str(name): text_of(value) for name, value in record.items()}, sort_keys=True)


def _whole_number(value: Any) -> int | None:
    text = text_of(value)
    return int(text) if text and text != "nan" else None


def _amount(value: Any, numbers: Numbers) -> str:
    number = _whole_number(value)
    return NONE if number is None else numbers.fixed(number)


