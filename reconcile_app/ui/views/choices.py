"""Lists to choose one thing from: suggestions first with score and reason, a search, Enter accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from numbers import Integral
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from reconcile_app.ui.dialogs import strong_label
from reconcile_app.ui.messages import Numbers, day_text, join, shown
from reconcile_app.ui.models.record_table import RecordColumn, RecordTable
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.fittings import RecordView, SearchField, muted_label, painter_of

if TYPE_CHECKING:
    import pandas as pd

    from reconcile_app.services.desk import Suggestion


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One thing to choose. An empty id is a choice of its own ("whichever is in force"). ``why`` says why it is suggested."""

    id: str
    name: str
    why: str = ""
    detail: str = ""


def _text(value: object) -> str:
    # pandas' missing text is neither None nor a str
    return value if isinstance(value, str) else ""


def company_choices(frame: pd.DataFrame, suggestions: Sequence[Suggestion]) -> list[Choice]:
    """Suggested companies first, then all others by name."""
    numbers = dict(zip(frame["company_id"], frame["company_number"], strict=True))
    first = [
        Choice(id=found.target_id, name=shown(found.target_name), why=_why(found), detail=_text(numbers.get(found.target_id)))
        for found in suggestions
    ]
    suggested = {found.id for found in first}
    rest = [
        Choice(id=_text(id_), name=shown(_text(name)), detail=_text(number))
        for id_, name, number in zip(frame["company_id"], frame["company_name"], frame["company_number"], strict=True)
        if id_ not in suggested
    ]
    return first + sorted(rest, key=lambda choice: choice.name.casefold())


def service_choices(frame: pd.DataFrame, suggestions: Sequence[Suggestion], none_of_them: str) -> list[Choice]:
    """Suggested services first, then the catalogue by name, then the choice that it is none of them."""
    described = dict(zip(frame["service_id"], frame["description"], strict=True))
    first = [
        Choice(id=found.target_id, name=shown(found.target_name), why=_why(found),
               detail=shown(_text(described.get(found.target_id))))
        for found in suggestions
    ]
    suggested = {found.id for found in first}
    live = frame[frame["active"]]
    rest = [
        Choice(id=_text(id_), name=shown(_text(name)), detail=shown(_text(text)))
        for id_, name, text in zip(live["service_id"], live["service_name"], live["description"], strict=True)
        if id_ not in suggested
    ]
    return [*first, *sorted(rest, key=lambda choice: choice.name.casefold()), Choice(id="", name=none_of_them)]


def _why(found: Suggestion) -> str:
    return f"{'= ' if found.exact else ''}{found.score} · {shown(found.reason, 120)}"


def contract_choices(frame: pd.DataFrame, today: date, automatic: str) -> list[Choice]:
    """Contracts in force first; each with its dates. ``automatic`` is the choice to leave it to the program; empty: not offered."""
    made = []
    for row in frame.itertuples():
        start, end = _date(row.start_date), _date(row.end_date)
        late, early = end is not None and end < today, start is not None and start > today
        state = "ended" if late else "not started" if early else "" if row.active else "inactive"
        dates = join([f"from {day_text(start)}" if start else "", f"until {day_text(end)}" if end else "no end"])
        made.append((bool(state), Choice(id=_text(row.contract_id), name=shown(_text(row.contract_name)), why=state, detail=dates)))
    made.sort(key=lambda pair: (pair[0], pair[1].name.casefold()))
    choices = [choice for _, choice in made]
    return [Choice(id="", name=automatic), *choices] if automatic and choices else choices


def _date(value: object) -> date | None:
    day = getattr(value, "date", None)
    return day() if day is not None and value == value else None  # noqa: PLR0124  NaT is the one value unequal to itself


def _whole(value: object) -> int | None:
    # pandas hands out numpy's integers, and a missing one that is no number at all
    return int(value) if isinstance(value, Integral) else None


def line_choices(frame: pd.DataFrame, numbers: Numbers) -> list[Choice]:
    """Lines of a contract with their quantity and price."""
    made = []
    for row in frame.itertuples():
        quantity, price = _whole(row.quantity), _whole(row.unit_price)
        made.append(Choice(
            id=_text(row.line_id), name=shown(_text(row.service_name) or _text(row.description) or _text(row.line_id)),
            detail=join([
                "quantity not read" if quantity is None else f"quantity {numbers.fixed(quantity)}",
                "" if price is None else f"{numbers.money(price)} each",
            ]),
        ))
    return sorted(made, key=lambda choice: choice.name.casefold())


class ChoiceList(QWidget):
    """One step of a choice.

    Signals:
        chosen: the choice under the cursor, or None.
        accepted: Enter or double-click on a choice.
    """

    chosen = Signal(object)
    accepted = Signal(object)

    def __init__(self, theme: Theme, title: str, prompt: str, detail: str) -> None:
        super().__init__()
        self.model = RecordTable([
            RecordColumn(title="Name", text=lambda choice: choice.name),
            RecordColumn(title=detail, text=lambda choice: join([choice.why, choice.id, choice.detail]),
                         style=lambda choice: "ok" if choice.why.startswith("=") else "muted"),
        ], key=lambda choice: choice.id, paint=painter_of(theme))
        self.view = RecordView(self.model, title, stretch=1)
        self.view.set_widths({0: 32, 1: 16})
        self.search = SearchField(self.model, self.view, prompt)
        self.words = muted_label(wrap=True)
        heading = strong_label(title, larger=1.1)
        heading.setBuddy(self.search)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(heading)
        layout.addWidget(self.search)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.words)
        self.view.current_changed.connect(self._tell)
        self.view.current_changed.connect(self.chosen.emit)
        self.view.opened.connect(self.accepted.emit)
        self.clear()

    @property
    def choice(self) -> Choice | None:
        """The choice under the cursor."""
        found = self.view.current()
        return found if isinstance(found, Choice) else None

    def _tell(self, choice: Choice | None) -> None:
        """The whole of what is known about the choice; the column may be too narrow for it."""
        text = "" if choice is None else join([choice.name, choice.why, choice.id, choice.detail])
        self.words.setText(text)
        self.words.setVisible(bool(text))

    def offer(self, choices: Sequence[Choice], wanted: str, *, first: bool) -> None:
        """Show these choices; the cursor goes to the wanted one, else to the first if ``first``."""
        self.words.setText("")
        self.words.hide()
        self.model.set_records(choices)
        self.setEnabled(True)
        row = self.model.row_of(wanted) if wanted else -1
        if row >= 0 or (first and choices):
            self.view.select_row(max(row, 0))

    def say(self, words: str) -> None:
        """Say why there is nothing to choose from."""
        self.words.setText(words)
        self.words.show()

    def clear(self) -> None:
        """Nothing to choose from yet."""
        self.model.set_records([])
        self.search.clear()
        self.words.hide()
        self.setEnabled(False)

    def start_focus(self) -> None:
        """Put the cursor into the list when something is chosen in it, else into its search."""
        (self.view if self.choice is not None else self.search).setFocus()
