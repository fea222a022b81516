"""Connections: a card each with its state in words, its permissions, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QApplication, QDialog, QFrame, QGridLayout, QLabel, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from reconcile_app.core.errors import ReconcileError
from reconcile_app.ui.controller import Controller
from reconcile_app.ui.dialogs import plain_label, run_dialog, strong_label
from reconcile_app.ui.messages import ago_text, join, plural, shown
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.connection_form import ConnectionForm
from reconcile_app.ui.views.fittings import button, card, muted_label, page_layout, page_title, row_of, strip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconcile_app.core.ports import PermissionCheck
    from reconcile_app.services.desk import ConnectionView

_LIGHTS = {"ok": ("●", "ok"), "limited": ("◐", "warn"), "failed": ("×", "doubt_ink"), "not checked": ("○", "muted")}
"""Health → mark and color; the words always stand beside it."""
_READ_OFFERS = "read what a system offers"
_RESULTS = {"ok": ("✓", "ok"), "missing": ("×", "doubt_ink"), "cannot tell": ("?", "muted")}


def colored(label: QLabel, theme: Theme, color: str) -> QLabel:
    """The label in a color of the palette."""
    palette = label.palette()
    palette.setColor(label.foregroundRole(), theme.color(color))
    label.setPalette(palette)
    return label


class ConnectionCard(QFrame):
    """One connection.

    Signals:
        test_requested, change_requested, delete_requested: what the operator wants with it.
    """

    test_requested = Signal()
    change_requested = Signal()
    delete_requested = Signal()

    def __init__(self, view: ConnectionView, theme: Theme, *, checking: bool) -> None:
        super().__init__()
        self.setProperty("card", True)
        self._view, self._theme, self.checking = view, theme, checking
        name = view.connection.name
        self.setAccessibleName(f"Connection {name}, {view.spec.title}")
        self.state = strong_label(wrap=True)
        self.light = strong_label(larger=1.2)
        self.test = button("Test and verify permissions", self.test_requested.emit, name=f"Test {name} and verify its permissions")
        self.test.setEnabled(not checking)
        change = button("Change…", self.change_requested.emit, name=f"Change {name}")
        delete = button("Delete connection…", self.delete_requested.emit, kind="danger", name=f"Delete connection {name}")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 14, 18, 14)
        layout.setSpacing(8)
        role = "billing source" if view.spec.role == "billing" else "PSA"
        sample = "sample data" if view.sandbox else ""
        layout.addLayout(row_of(strong_label(name, larger=1.25), muted_label(join([view.spec.title, role, sample])), None))
        layout.addLayout(row_of(self.light, self.state, stretch_at=1))
        for field in view.spec.fields:
            value = "" if field.secret else view.connection.value(field.name)
            if value:
                layout.addWidget(muted_label(f"{field.label}: {shown(value)}", wrap=True, selectable=True))
        layout.addWidget(muted_label(self._secrets_words(), wrap=True))
        if view.checks and not checking:
            layout.addLayout(self._checks(view.checks))
        layout.addLayout(row_of(self.test, change, None, delete))
        self.tell_time()

    def _secrets_words(self) -> str:
        names = [field.label for field in self._view.spec.fields if field.secret]
        stored = [field.label for field in self._view.spec.fields if field.secret and field.name in self._view.stored_secrets]
        missing = [name for name in names if name not in stored]
        parts = [f"Stored: {', '.join(stored)}" if stored else "", f"Not stored: {', '.join(missing)}" if missing else ""]
        return join(parts) if names else "No secrets needed."

    def tell_time(self) -> None:
        """State in words, with how long ago it was checked."""
        if self.checking:
            self.light.setText("…")
            self.state.setText("Checking. Some systems take one or two minutes; you can go on working.")
            return
        mark, color = _LIGHTS[str(self._view.health)]
        colored(self.light, self._theme, color).setText(mark)
        checked = f"checked {ago_text(self._view.checked)}" if self._view.checked else ""
        head, *more = self._view.words.split(" · ")
        self.state.setText(join([head, checked, *more]))

    def _checks(self, checks: Sequence[PermissionCheck]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(2, 1)
        for row, check in enumerate(sorted(checks, key=lambda found: list(_RESULTS).index(str(found.result)) != 1)):
            mark, color = _RESULTS[str(check.result)]
            result = colored(strong_label(f"{mark} {check.result}"), self._theme, color)
            top = Qt.AlignmentFlag.AlignTop
            grid.addWidget(result, row, 0, top)
            grid.addWidget(plain_label(shown(check.name, 120)), row, 1, top)
            grid.addWidget(self._check_words(check), row, 2)
        return grid

    def _check_words(self, check: PermissionCheck) -> QLabel:
        parts = [f"to {check.needed_for}" if check.needed_for else "", shown(check.detail)]
        if str(check.result) == "missing" and check.grant:
            return plain_label(f"{join(parts)}\nGrant it: {shown(check.grant)}", wrap=True, selectable=True)
        return muted_label(join(parts), wrap=True, selectable=True)


class DeleteConnection(QDialog):
    """Says exactly what goes and wants the name typed."""

    def __init__(self, name: str, goes: Sequence[str], system: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Delete connection")
        self._name = name
        self.typed = QLineEdit()
        self.typed.setAccessibleName("Name of the connection, typed as confirmation")
        self.typed.textChanged.connect(self._judge)
        question = strong_label(f"Type {name} to delete it:")
        question.setBuddy(self.typed)
        self.delete = button("Delete for good", self.accept, kind="danger")
        keep = button("Keep it", self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 18, 22, 16)
        layout.setSpacing(8)
        layout.addWidget(strong_label(f"Delete the connection “{name}”?", larger=1.2, wrap=True))
        layout.addWidget(plain_label("This goes for good:"))
        for line in goes:
            layout.addWidget(plain_label(f"  ×  {line}", wrap=True))
        layout.addWidget(plain_label(f"Nothing is changed in {system}. Connecting again later starts from scratch.", wrap=True))
        layout.addSpacing(6)
        layout.addWidget(question)
        layout.addWidget(self.typed)
        layout.addLayout(row_of(None, keep, self.delete))
        self.setMinimumWidth(self.fontMetrics().averageCharWidth() * 66)
        self._judge()
        self.typed.setFocus()

    def _judge(self) -> None:
        self.delete.setEnabled(self.typed.text().strip() == self._name)


class ConnectionsPage(QWidget):
    """All connections. The page stays usable while one is being tested and updates itself."""

    def __init__(self, controller: Controller, theme: Theme) -> None:
        super().__init__()
        self.setAccessibleName("Connections")
        self._controller, self._theme = controller, theme
        self.cards: dict[str, ConnectionCard] = {}
        self.add = button("Add a connection…", self.add_connection, kind="primary")
        self._note, _, self._note_text = strip("warn")
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, 8, 0)
        self._column.setSpacing(12)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        layout = page_layout(self)
        layout.addLayout(row_of(page_title("Connections"), None, self.add))
        layout.addWidget(self._note)
        layout.addWidget(area, 1)
        self._clock = QTimer(self)
        self._clock.setInterval(30_000)
        self._clock.timeout.connect(self._tell_time)
        self._clock.start()
        # a test reports while its task is still about to end, so the page looks again until it has ended
        self._watch = QTimer(self)
        self._watch.setInterval(150)
        self._watch.timeout.connect(self._look_again)
        controller.connections_changed.connect(self.refresh)
        theme.changed.connect(self.refresh)
        self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Coming to the page shows what is there now."""
        super().showEvent(event)
        self._tell_time()

    def refresh(self) -> None:
        """Show the connections as they are now."""
        focused = self._focused_name()
        while self._column.count():
            item = self._column.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.cards = {view.connection.name: self._card(view) for view in self._controller.connections()}
        for made in self.cards.values():
            self._column.addWidget(made)
        if not self.cards:
            self._column.addWidget(self._empty())
        self._column.addStretch(1)
        note = self._controller.secrets_note
        self._note.setVisible(bool(note))
        self._note_text.setText(f"⚠  {shown(note)}")
        if focused in self.cards:
            self.cards[focused].test.setFocus()
        if any(made.checking for made in self.cards.values()):
            self._watch.start()
        else:
            self._watch.stop()

    def _look_again(self) -> None:
        if any(made.checking and not self._controller.verifying(name) for name, made in self.cards.items()):
            self.refresh()

    def _focused_name(self) -> str:
        focused = QApplication.focusWidget()
        return next((name for name, made in self.cards.items() if focused is not None and made.isAncestorOf(focused)), "")

    def _empty(self) -> QWidget:
        frame, layout = card()
        layout.addWidget(strong_label("No connection yet", larger=1.2))
        layout.addWidget(plain_label("You need two: a billing source (Atria) and a PSA. Connecting only reads.", wrap=True))
        return frame

    def _card(self, view: ConnectionView) -> ConnectionCard:
        name = view.connection.name
        made = ConnectionCard(view, self._theme, checking=self._controller.verifying(name))
        made.test_requested.connect(lambda: self.test(name))
        made.change_requested.connect(lambda: self.change_connection(name))
        made.delete_requested.connect(lambda: self.delete_connection(name))
        return made

    def _tell_time(self) -> None:
        for made in self.cards.values():
            made.tell_time()

    def test(self, name: str) -> None:
        """Test a connection and verify its permissions; the card updates itself."""
        if self._controller.verifying(name):
            return
        self._controller.verify(name)
        self.refresh()

    # adding, changing, deleting ----------------------------------------------------------------------------------------------
    def add_connection(self) -> None:
        """Open the form of a new connection."""
        self._open_form(None)

    def change_connection(self, name: str) -> None:
        """Open the form of a connection."""
        self._open_form(self._controller.connection(name))

    def _open_form(self, existing: ConnectionView | None) -> None:
        taken = [view.connection.name for view in self._controller.connections()]
        form = ConnectionForm(self._controller.specs(), taken, secrets_note=self._controller.secrets_note, existing=existing,
                              parent=self.window())
        form.submitted.connect(lambda *told: self._save(form, *told))
        form.offers_requested.connect(lambda *told: self._ask(form, *told))
        form.finished.connect(lambda _code: self._controller.tasks.cancel(_READ_OFFERS))
        self._controller.tasks.start(run_dialog(form), "connection form")

    def _ask(self, form: ConnectionForm, kind: str, values: dict[str, str], secrets: dict[str, str], name: str) -> None:
        self._controller.tasks.cancel(_READ_OFFERS)
        self._controller.tasks.start(self._read_offers(form, kind, values, secrets, name), _READ_OFFERS)

    async def _read_offers(self, form: ConnectionForm, kind: str, values: dict[str, str], secrets: dict[str, str],
                           name: str) -> None:
        try:
            form.show_offers(kind, await self._controller.offers(kind, values, secrets, name))
        except ReconcileError as error:
            form.show_error(error)

    def _save(self, form: ConnectionForm, name: str, kind: str, values: dict[str, str], secrets: dict[str, str],
              test: bool) -> None:
        self._controller.tasks.start(self._store(form, name, kind, values, secrets, test), "save connection")

    async def _store(self, form: ConnectionForm, name: str, kind: str, values: dict[str, str], secrets: dict[str, str],
                     test: bool) -> None:
        try:
            await self._controller.save_connection(name, kind, values, secrets)
        except ReconcileError as error:
            form.show_error(error)
            return
        form.accept()
        if test:
            self.test(name)

    def delete_connection(self, name: str) -> None:
        """Ask, with everything that goes, and delete."""
        self._controller.tasks.start(self._delete(name), "delete connection")

    async def _delete(self, name: str) -> None:
        view = self._controller.connection(name)
        if view is None:
            return
        runs = sum(name in (run.billing, run.psa) for run in await self._controller.runs())
        dialog = DeleteConnection(name, self._what_goes(view, runs), view.spec.title, self.window())
        if await run_dialog(dialog) == QDialog.DialogCode.Accepted:
            await self._controller.remove_connection(name)

    def _what_goes(self, view: ConnectionView, runs: int) -> list[str]:
        """Secrets by name, mappings and runs by number."""
        name = view.connection.name
        secrets = [field.label for field in view.spec.fields if field.secret and field.name in view.stored_secrets]
        lines = [f"the connection and its stored secrets ({', '.join(secrets)})" if secrets else "the connection"]
        rules, run = self._controller.rules, self._controller.run
        if run is not None and name in (run.basis.billing.side.connection, run.basis.psa.side.connection):
            products = len(rules.products) + len(rules.lines)
            counts = ((len(rules.customers), "customer"), (products, "product"), (len(rules.ignores), "ignore rule"))
            lines.append("its mappings: " + ", ".join(plural(*count) for count in counts))
        else:
            lines.append("its mappings and ignore rules")
        lines.append(f"its saved runs with their logs ({runs})" if runs else "its saved runs (none yet)")
        return lines
