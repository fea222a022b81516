"""Facets as one flat list: a title, its most frequent values with their counts, and a line that shows the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, Qt

from reconcile_app.ui.messages import Numbers
from reconcile_app.ui.models.filtering import FacetChoice
from reconcile_app.ui.models.frame_table import Index, Role
from reconcile_app.ui.models.prepared import Ints

_FIRST = 6
_MOST = 300
_NOWHERE = QModelIndex()


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetLine:
    """One line. ``kind``: ``title``, ``value`` or ``more``; ``state``: empty, ``in`` or ``out``."""

    kind: str
    facet: str
    text: str
    count: str = ""
    state: str = ""


class FacetLines(QAbstractListModel):
    """The lines of all facets."""

    def __init__(self, numbers: Numbers, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._numbers = numbers
        self._lines: list[FacetLine] = []
        self._open: set[str] = set()

    def line(self, row: int) -> FacetLine:
        """The line in a row."""
        return self._lines[row]

    def toggle_open(self, facet: str) -> None:
        """Show all values of a facet, or the first few; takes effect with the next ``show``."""
        self._open ^= {facet}

    def show(self, facets: Mapping[str, tuple[str, list[str], Ints]], choices: Mapping[str, FacetChoice]) -> None:
        """Facet name → title, values and counts."""
        lines: list[FacetLine] = []
        for name, (title, values, counts) in facets.items():
            lines.append(FacetLine(kind="title", facet=name, text=title))
            lines += self._values(name, values, counts, choices.get(name, FacetChoice()))
        if len(lines) == len(self._lines):
            self._lines = lines
            self.dataChanged.emit(self.index(0), self.index(len(lines) - 1))
            return
        self.beginResetModel()
        self._lines = lines
        self.endResetModel()

    def _values(self, name: str, values: list[str], counts: Ints, choice: FacetChoice) -> list[FacetLine]:
        wanted = choice.included | choice.excluded
        chosen = [place for place, value in enumerate(values) if value in wanted] if wanted else []
        frequent = [int(place) for place in np.argsort(-counts, kind="stable")[: _MOST] if counts[place]]
        shown = frequent if name in self._open else frequent[:_FIRST]
        shown += [place for place in chosen if place not in shown]
        lines = [
            FacetLine(kind="value", facet=name, text=values[place], count=self._numbers.count(int(counts[place])),
                      state="in" if values[place] in choice.included else "out" if values[place] in choice.excluded else "")
            for place in shown
        ]
        rest = len(frequent) - min(len(frequent), _FIRST)
        if rest:
            text = "Show fewer" if name in self._open else f"{self._numbers.count(rest)} more …"
            lines.append(FacetLine(kind="more", facet=name, text=text))
        return lines

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Titles, values and lines that show more."""
        return 0 if parent.isValid() else len(self._lines)

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        """The text; for screen readers with its count and state."""
        if not index.isValid():
            return None
        line = self._lines[index.row()]
        if role == Role.DisplayRole:
            return line.text
        if role == Role.AccessibleTextRole and line.kind == "value":
            state = {"in": ", included", "out": ", excluded"}.get(line.state, "")
            return f"{line.text}, {line.count} rows{state}"
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Titles cannot be chosen."""
        if index.isValid() and self._lines[index.row()].kind == "title":
            return Qt.ItemFlag.ItemIsEnabled
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
