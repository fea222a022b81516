"""The form of a connection, grown from the fields its connector declares. Secrets are masked, replaced only, never shown."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QCompleter, QDialog, QFrame, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from reconcile_app.core.errors import ReconcileError
from reconcile_app.core.settings import SettingField
from reconcile_app.ui.dialogs import plain_label, strong_label
from reconcile_app.ui.messages import shown
from reconcile_app.ui.views.fittings import button, muted_label, page_title, problem_label, row_of, tab_through

if TYPE_CHECKING:
    from reconcile_app.core.ports import ConnectorSpec
    from reconcile_app.services.desk import ConnectionView

_ROLES = {"billing": "billing source", "psa": "PSA"}


def address_problem(text: str) -> str:
    """Why the text is no address this program connects to; empty: it is one. Plain http is for this computer only."""
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return "This is not an address. Write it as https://…"
    if parts.scheme not in ("http", "https") or not host:
        return "Write the whole address, as https://…"
    if "@" in parts.netloc:
        return "Leave user name and password out of the address."
    if parts.scheme == "http" and not _is_loopback(host):
        return "Use https://. Plain http is accepted for this computer only."
    return ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class FieldEntry(QWidget):
    """One field: label, where it is entered, help below, and what is wrong with it right there.

    Signals:
        read_requested: the operator wants to choose from what the system has.
    """

    read_requested = Signal()

    def __init__(self, field: SettingField, *, value: str = "", stored: bool = False, system: str = "") -> None:
        super().__init__()
        self.field = field
        self._stored = stored
        self.entry: QLineEdit | QComboBox = self._choices(value) if field.choices else self._line(value)
        if field.offered:
            self.entry = self._open_choices(value)
        self._read_words = f"Read from {system}"
        self.read = button(self._read_words, self.read_requested.emit, name=f"{field.label}: read from {system}")
        self.entry.setAccessibleName(field.label)
        self.entry.setAccessibleDescription(field.help)
        label = strong_label(field.label if field.required or field.choices else f"{field.label}  (may stay empty)")
        label.setBuddy(self.entry)
        self.problem = problem_label()
        self.replace = button("Replace…", self._replace, name=f"Replace the stored {field.label}")
        self.stored_words = muted_label("● stored. It is never shown again.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 6)
        layout.setSpacing(3)
        layout.addWidget(label)
        layout.addLayout(row_of(self.entry, self.stored_words, self.replace, self.read, stretch_at=1 if stored else 0))
        self.read.setVisible(field.offered)
        self.stored_words.setVisible(stored)
        self.replace.setVisible(stored)
        if field.help:
            layout.addWidget(muted_label(field.help, wrap=True))
        layout.addWidget(self.problem)
        self.entry.setVisible(not stored)

    def _line(self, value: str) -> QLineEdit:
        entry = QLineEdit(value)
        if self.field.secret:
            entry.setEchoMode(QLineEdit.EchoMode.Password)
            entry.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
            entry.setInputMethodHints(Qt.InputMethodHint.ImhSensitiveData | Qt.InputMethodHint.ImhNoPredictiveText)
        elif self.field.default:
            entry.setPlaceholderText(self.field.default)
        entry.textEdited.connect(lambda _text: self.show_problem(""))
        return entry

    def _choices(self, value: str) -> QComboBox:
        entry = QComboBox()
        entry.addItems(list(self.field.choices))
        entry.setCurrentText(value or self.field.default)
        return entry

    def _open_choices(self, value: str) -> QComboBox:
        """A list that is filled when the system is asked; anything else may be typed."""
        entry = QComboBox()
        entry.setEditable(True)
        entry.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        completer = entry.completer()
        if completer is not None:
            completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        entry.setCurrentText(value)
        entry.editTextChanged.connect(lambda _text: self.show_problem(""))
        return entry

    def set_reading(self, reading: bool) -> None:
        """Say that the system is being asked; meanwhile it is not asked again."""
        self.read.setEnabled(not reading)
        self.read.setText("Reading…" if reading else self._read_words)

    def offer(self, values: Sequence[str]) -> None:
        """Let the operator choose from what the system has; what was entered stays."""
        if self.field.offered and isinstance(self.entry, QComboBox):
            entered = self.entry.currentText()
            self.entry.clear()
            self.entry.addItems(list(values))
            self.entry.setCurrentText(entered)
            self.read.setText(f"{len(values)} to choose from. Read again")

    def _replace(self) -> None:
        self._stored = False
        self.stored_words.hide()
        self.replace.hide()
        self.entry.show()
        self.entry.setFocus()

    @property
    def text(self) -> str:
        """What was entered. Secrets keep inner and outer blanks out too: none of the vendors' keys has any."""
        return (self.entry.currentText() if isinstance(self.entry, QComboBox) else self.entry.text()).strip()

    def judge(self) -> bool:
        """Whether the field can be used; says beside it what is wrong."""
        problem = ""
        if not self._stored and self.field.required and not self.text:
            problem = f"{self.field.label} is needed."
        elif self.text and self.field.name.endswith("_url") and not self.field.secret:
            problem = address_problem(self.text)
        self.show_problem(problem)
        return not problem

    def show_problem(self, text: str) -> None:
        """Say what is wrong, or take it back."""
        self.problem.setText(f"× {text}" if text else "")
        self.problem.setVisible(bool(text))

    def forget(self) -> None:
        """Drop a typed secret from the screen."""
        if self.field.secret and isinstance(self.entry, QLineEdit):
            self.entry.clear()


class ConnectionForm(QDialog):
    """Add a connection, or change one.

    Signals:
        submitted: name, kind, plain values, secrets, and whether to test at once. The receiver saves and then calls ``accept`` or
            ``show_error``.
        offers_requested: kind, plain values, secrets and the name of the saved connection (empty: it is new). The receiver asks the
            system and then calls ``show_offers`` or ``show_error``.
    """

    submitted = Signal(str, str, dict, dict, bool)
    offers_requested = Signal(str, dict, dict, str)

    def __init__(self, specs: Sequence[ConnectorSpec], taken: Collection[str], *, secrets_note: str = "",
                 existing: ConnectionView | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._specs, self._taken, self._existing = tuple(specs), frozenset(taken), existing
        self.fields: dict[str, FieldEntry] = {}
        title = f"Change “{existing.connection.name}”" if existing else "Add a connection"
        self.setWindowTitle(title)
        self.system = QComboBox()
        self.system.setAccessibleName("System")
        for spec in self._specs:
            self.system.addItem(f"{spec.title}  ({_ROLES[spec.role]})")
        self.name = FieldEntry(SettingField(name="name", label="Name", required=True,
                                            help="How this connection is called in this program, such as atria."))
        self._error = problem_label()
        self._body = QVBoxLayout()
        self._cancel = button("Cancel", self.reject)
        self.save_button = button("Save", lambda: self._submit(test=False))
        self.test_button = button("Save and test", lambda: self._submit(test=True), kind="primary")
        self.test_button.setDefault(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 18, 22, 16)
        layout.setSpacing(10)
        layout.addWidget(page_title(title))
        layout.addWidget(self._scrolled(secrets_note), 1)
        layout.addWidget(self._error)
        layout.addLayout(row_of(None, self._cancel, self.save_button, self.test_button))
        self.system.currentIndexChanged.connect(self._grow)
        self._start()
        width = self.fontMetrics().averageCharWidth()
        self.resize(max(560, width * 80), 640)

    def _scrolled(self, secrets_note: str) -> QScrollArea:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 14, 0)
        self._system_label = strong_label("System")
        self._system_label.setBuddy(self.system)
        column.addWidget(self._system_label)
        column.addWidget(self.system)
        column.addWidget(self.name)
        column.addLayout(self._body)
        if secrets_note:
            note = QFrame()
            note.setProperty("bar", "warn")
            note_layout = QVBoxLayout(note)
            note_layout.addWidget(plain_label(f"⚠  {shown(secrets_note)}", wrap=True))
            column.addWidget(note)
        else:
            column.addWidget(muted_label("Secrets go to this computer's secure storage, never into a file.", wrap=True))
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(inside)
        return area

    def _start(self) -> None:
        if self._existing is not None:
            kinds = [spec.key for spec in self._specs]
            self.system.setCurrentIndex(kinds.index(self._existing.spec.key))
            for part in (self._system_label, self.system, self.name):
                part.hide()
        self._grow()

    @property
    def spec(self) -> ConnectorSpec:
        """The system that is chosen."""
        return self._specs[max(0, self.system.currentIndex())]

    def _grow(self) -> None:
        """Make the fields of the chosen system."""
        for entry in self.fields.values():
            entry.forget()
            self._body.removeWidget(entry)
            entry.hide()
            entry.deleteLater()
        values = self._existing.connection.values if self._existing else {}
        stored = self._existing.stored_secrets if self._existing else frozenset()
        self.fields = {
            field.name: FieldEntry(
                field, value=values.get(field.name, ""), stored=field.secret and field.name in stored, system=self.spec.title,
            )
            for field in self.spec.fields
        }
        for entry in self.fields.values():
            self._body.addWidget(entry)
            entry.read_requested.connect(self._ask)
        stops: list[QWidget] = [self.system, self.name.entry]
        for entry in self.fields.values():
            stops += [entry.entry, entry.replace, entry.read]
        tab_through(*stops, self._cancel, self.save_button, self.test_button)
        self._suggest_name()
        self._error.hide()

    def _suggest_name(self) -> None:
        entry = self.name.entry
        known = {spec.key for spec in self._specs}
        if isinstance(entry, QLineEdit) and (not entry.text() or entry.text().rstrip("0123456789-") in known):
            name, number = self.spec.key, 2
            while name in self._taken:
                name, number = f"{self.spec.key}-{number}", number + 1
            entry.setText(name)

    def _name_is_good(self) -> bool:
        if self._existing is not None:
            return True
        if not self.name.judge():
            return False
        if self.name.text in self._taken:
            self.name.show_problem(f"There is a connection named {self.name.text} already.")
            return False
        return True

    def _submit(self, *, test: bool) -> None:
        self._error.hide()
        good = [self._name_is_good(), *[entry.judge() for entry in self.fields.values()]]
        if not all(good):
            wrong = next(entry for entry, fine in zip([self.name, *self.fields.values()], good, strict=True) if not fine)
            wrong.entry.setFocus()
            return
        name = self._existing.connection.name if self._existing else self.name.text
        self.submitted.emit(name, self.spec.key, *self._entered(), test)

    def _entered(self) -> tuple[dict[str, str], dict[str, str]]:
        """Plain values, and the secrets that were typed."""
        values = {name: entry.text for name, entry in self.fields.items() if not entry.field.secret}
        return values, {name: entry.text for name, entry in self.fields.items() if entry.field.secret and entry.text}

    def _ask(self) -> None:
        """Have the system asked for what it offers; nothing is saved, and what was typed stays."""
        self._error.hide()
        self._set_reading(reading=True)
        name = self._existing.connection.name if self._existing else ""
        self.offers_requested.emit(self.spec.key, *self._entered(), name)

    def _set_reading(self, *, reading: bool) -> None:
        for entry in self.fields.values():
            entry.set_reading(reading)

    def show_offers(self, kind: str, offers: Mapping[str, Sequence[str]]) -> None:
        """Let the operator choose from what a system has, by field name; of another system than the chosen one it says nothing."""
        self._set_reading(reading=False)
        for name, values in offers.items():
            if kind == self.spec.key and name in self.fields:
                self.fields[name].offer(values)

    def show_error(self, error: ReconcileError) -> None:
        """Tell what went wrong: beside the field that the error names, otherwise above the buttons."""
        self._set_reading(reading=False)
        text = " ".join(part for part in (error.title, error.happened, error.next_step) if part)
        for entry in (self.name, *self.fields.values()):
            if entry.field.label in error.title:
                entry.show_problem(shown(text))
                entry.entry.setFocus()
                return
        self._error.setText(f"× {shown(text)} {error.meaning}")
        self._error.show()

    def done(self, code: int) -> None:
        """Close; typed secrets do not stay in the fields."""
        for entry in self.fields.values():
            entry.forget()
        super().done(code)
