"""Below the table: what to do about the current row, what is behind it, and what happened to it before."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QScrollArea, QTabWidget, QVBoxLayout, QWidget

from reconcile_app.core.findings import Kind
from reconcile_app.ui.controller import Controller
from reconcile_app.ui.dialogs import plain_label, plain_tool_tip, strong_label
from reconcile_app.ui.messages import NONE, Numbers, join, shown, status_word
from reconcile_app.ui.models.comparison_rows import LOOKS, ComparisonRows, field
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.chip import Chip
from reconcile_app.ui.views.fittings import button, muted_label, problem_label
from reconcile_app.ui.views.row_actions import (
    Told,
    corrected_field,
    findings_of,
    identifiers,
    map_words,
    maps_of,
    row_words,
)
from reconcile_app.ui.views.row_details import EvidencePane, HistoryPane, RawPane

EVIDENCE, WHAT_TO_DO, HISTORY, RAW = range(4)


class RowPanel(QTabWidget):
    """Four tabs about one row."""

    map_requested = Signal(str, str)
    """Row key, and what: customer, contract, product or line."""
    ignore_requested = Signal()
    unignore_requested = Signal()

    def __init__(self, controller: Controller, theme: Theme, numbers: Numbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller, self._theme, self._numbers = controller, theme, numbers
        self._rows: ComparisonRows | None = None
        self._row = -1
        self._billing, self._psa = "Source", "PSA"
        self.note = ""
        self.evidence = EvidencePane(numbers)
        self.what = _WhatToDo(theme)
        self.history = HistoryPane(theme, numbers)
        self.raw = RawPane()
        for pane, title in ((self.evidence, "Evidence"), (self.what, "What to do"), (self.history, "History of this line"),
                            (self.raw, "Raw")):
            self.addTab(pane, title)
        self.setDocumentMode(True)
        self.setAccessibleName("About the current row")
        self.setCurrentIndex(WHAT_TO_DO)
        self.evidence.wanted.connect(self.ask_evidence)
        controller.evidence_ready.connect(self._evidence_ready)
        controller.failed.connect(lambda _error: self._evidence_failed())
        controller.history_ready.connect(self._history_ready)
        controller.alarms_changed.connect(self._show_what)
        self.currentChanged.connect(lambda _tab: self._show_tab())

    @property
    def key(self) -> str:
        """The key of the row shown, or empty."""
        return self._rows.keys[self._row] if self._rows is not None and self._row >= 0 else ""

    def show_row(self, rows: ComparisonRows | None, key: str, billing: str, psa: str, note: str = "") -> None:
        """Another row, or the same one of another comparison."""
        row = rows.position.get(key, -1) if rows is not None else -1
        same = rows is self._rows and row == self._row and note == self.note
        self._rows, self._row, self._billing, self._psa, self.note = rows, row, billing, psa, note
        if not same:
            self._show_what()
            self.evidence.show_row(rows, row)
            self._show_tab()

    def _show_tab(self) -> None:
        """Fill the tab in front; the others are filled when they come to the front."""
        if self.currentIndex() == HISTORY:
            self.history.show_history(None, self._psa)
            if self.key:
                self._controller.ask_history(self.key)
        elif self.currentIndex() == RAW:
            self.raw.show_row(self._rows, self._row, self._billing, self._psa)

    def _history_ready(self, key: str, frame: object) -> None:
        if key == self.key:
            self.history.show_history(frame, self._psa)  # type: ignore[arg-type]  # a Qt signal carries it as object

    # evidence ----------------------------------------------------------------------------------------------------------------

    def ask_evidence(self) -> None:
        """Bring the evidence of the row to the front and read it."""
        self.setCurrentIndex(EVIDENCE)
        if self.key:
            self.evidence.show_waiting()
            self._controller.ask_evidence(self.key)

    def _evidence_ready(self, key: str, frame: object) -> None:
        if key == self.key:
            self.evidence.show_evidence(frame)  # type: ignore[arg-type]  # a Qt signal carries it as object

    def _evidence_failed(self) -> None:
        if not self._controller.tasks.running("evidence"):
            self.evidence.show_row(self._rows, self._row)

    # what to do --------------------------------------------------------------------------------------------------------------

    def kinds(self) -> list[Kind]:
        """The kinds of the row's findings."""
        if self._rows is None or self._row < 0:
            return []
        known = self._controller.kinds()
        return [known[code] for code in self._rows.combos[self._rows.combo[self._row]] if code in known]

    def _show_what(self) -> None:
        rows, row = self._rows, self._row
        if rows is None or row < 0:
            self.what.show_nothing()
            return
        codes = self._controller.codes()
        told = [
            Told(code=entry.code, title=codes[entry.code].title if entry.code in codes else "", message=entry.message,
                 resolution=entry.resolution or (codes[entry.code].resolution if entry.code in codes else ""), error=entry.error)
            for entry in findings_of(rows, row)
        ]
        service = field(rows.run, row, "service_name") or field(rows.run, row, "description")
        where = join([field(rows.run, row, "customer_name"), service, field(rows.run, row, "contract_name")])
        self.what.show_alarm(self._controller.alarms.get(field(rows.run, row, "line_id"), ""))
        self.what.tell(LOOKS[rows.look[row]], shown(where), row_words(rows, row, self._billing, self._psa, self._numbers), told,
                       self.note, self._buttons(rows, row))

    def _buttons(self, rows: ComparisonRows, row: int) -> list[QPushButton]:
        kinds, key = self.kinds(), rows.keys[row]
        customer = field(rows.run, row, "customer_code")
        made = [
            button(words, partial(self.map_requested.emit, key, what), name=words)
            for what in maps_of(kinds) for words in [map_words(what, self._controller.vocabulary("contract"))]
        ]
        if Kind.LINE_MISSING in kinds:
            made.insert(0, button("Allow creation", lambda: self._controller.set_options(allow_create=True),
                                  name="Allow missing lines to be created"))
        if made:
            made[0].setProperty("primary", True)
        made += self._waiting_buttons(rows, kinds, customer)
        if key in rows.run.basis.rules.ignores:
            made.append(button("Stop ignoring", self.unignore_requested.emit))
        else:
            made.append(button("Ignore …", self.ignore_requested.emit, name="Ignore this row"))
        words = ("line", "contract", "company", "service")
        ids = identifiers(rows, row, {word: self._controller.vocabulary(word) for word in words})
        if ids:
            copy = button("Copy ID", lambda: self._copy_id(ids[0]))
            plain_tool_tip(copy, f"Copies the id of the {ids[0][0]}: {shown(ids[0][1], 60)}")
            made.append(copy)
        made += self._open_buttons(rows, row)
        again = button("Check again", lambda: self._controller.recheck([customer]), name="Read this customer again")
        plain_tool_tip(again, "Reads this customer only, on both sides")
        made.append(again)
        return made

    def _open_buttons(self, rows: ComparisonRows, row: int) -> list[QPushButton]:
        """The company in the PSA's own pages, where their address is known."""
        address = self._controller.company_url(field(rows.run, row, "company_id"))
        if not address:
            return []
        words = f"Open in {self._psa}"
        made = button(words, lambda: QDesktopServices.openUrl(QUrl(address)), name=f"Open the company in {self._psa}")
        plain_tool_tip(made, f"Opens {address} in the browser")
        return [made]

    def _waiting_buttons(self, rows: ComparisonRows, kinds: Sequence[Kind], customer: str) -> list[QPushButton]:
        if customer in rows.run.basis.rules.waiting:
            return [button("Reprocessed", lambda: self._controller.mark_waiting(customer, ""),
                           name="The billing records were reprocessed")]
        corrected = corrected_field(kinds)
        if not corrected:
            return []
        made = button(f"{corrected} corrected", lambda: self._controller.mark_waiting(customer, corrected))
        plain_tool_tip(made, f"The {corrected} was corrected in {self._billing}; the billing records are not reprocessed yet")
        return [made]

    def _copy_id(self, chosen: tuple[str, str]) -> None:
        QGuiApplication.clipboard().setText(chosen[1])
        self._controller.note.emit(f"Copied the id of the {chosen[0]}: {shown(chosen[1], 60)}")


class _WhatToDo(QWidget):
    """Status, sentence, findings with their resolution; the buttons stay in sight below them."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        body = QWidget()
        body.setProperty("ground", "base")
        self.chip = Chip(theme)
        self.where = strong_label()
        self.sentence = plain_label(wrap=True, selectable=True)
        self.alarm = problem_label()
        self.note = muted_label(wrap=True, selectable=True)
        self._findings = QVBoxLayout()
        self._findings.setSpacing(8)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        self._buttons.setContentsMargins(12, 0, 12, 8)
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(self.chip)
        head.addWidget(self.where, 1)
        layout = QVBoxLayout(body)
        layout.setContentsMargins(12, 8, 12, 4)
        layout.setSpacing(6)
        layout.addLayout(head)
        layout.addWidget(self.alarm)
        layout.addWidget(self.sentence)
        layout.addLayout(self._findings)
        layout.addWidget(self.note)
        layout.addStretch(1)
        self._scroll.setWidget(body)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(6)
        whole.addWidget(self._scroll, 1)
        whole.addLayout(self._buttons)
        self.show_nothing()

    def show_nothing(self) -> None:
        """Without a row."""
        self._clear()
        self.chip.hide()
        self.note.hide()
        self.alarm.hide()
        self.where.setText("No row chosen")
        self.sentence.setText("Choose a row to see what it says and what to do about it.")

    def show_alarm(self, words: str) -> None:
        """What a later reading says about an earlier write to this line; empty: nothing."""
        self.alarm.setText(f"‼ {shown(words)}")
        self.alarm.setVisible(bool(words))

    def tell(self, look: str, where: str, sentence: str, told: Sequence[Told], note: str, buttons: Sequence[QPushButton]) -> None:
        """One row."""
        self._clear()
        self.where.setText(where or NONE)
        self.sentence.setText(sentence)
        for entry in told:
            self._findings.addWidget(_finding(entry))
        for each in buttons:
            self._buttons.addWidget(each)
        self._buttons.addStretch(1)
        self._scroll.verticalScrollBar().setValue(0)
        self.note.setText(f"Note: {shown(note, 2000)}")
        self.note.setVisible(bool(note))
        self.chip.tell(look, _look_word(look))
        self.chip.show()

    def _clear(self) -> None:
        for layout in (self._findings, self._buttons):
            while (item := layout.takeAt(0)) is not None:
                widget = item.widget()
                if widget is not None:
                    widget.hide()
                    widget.deleteLater()


def _look_word(look: str) -> str:
    return "In doubt" if look == "doubt" else status_word(look)


def _finding(entry: Told) -> QFrame:
    frame = QFrame()
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(2)
    head = strong_label(join([entry.code, entry.title]))
    if entry.error:
        head.setProperty("problem", True)
    layout.addWidget(head)
    if entry.resolution:
        layout.addWidget(plain_label(shown(entry.resolution, 1000), wrap=True, selectable=True))
    layout.addWidget(muted_label(shown(entry.message, 1000), wrap=True, selectable=True))
    return frame
