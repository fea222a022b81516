"""The header of the Compare page: health of both sides, what is compared, and the progress while it is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QMenu, QProgressBar, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from reconcile_app.ui.controller import Controller
from reconcile_app.ui.dialogs import plain_label, plain_tool_tip, run_dialog, strong_label
from reconcile_app.ui.messages import Numbers, ago_text, day_text, join, listed, period_text, plural, shown
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.chooser import Chooser
from reconcile_app.ui.views.compare_choices import CustomerChoice, DateChoice
from reconcile_app.ui.views.fittings import button

if TYPE_CHECKING:
    from reconcile_app.core.period import Period
    from reconcile_app.core.ports import Progress
    from reconcile_app.services.desk import ConnectionView


@dataclass(frozen=True, slots=True)
class _Toggle:
    name: str
    text: str


_TOGGLES = (
    _Toggle("allow_create", "Create missing lines in the PSA"),
    _Toggle("zero_removed", "Propose zero for what was billed before and is gone"),
    _Toggle("overwrite_cost", "Write the unit cost together with the quantity"),
)


class CompareHeader(QFrame):
    """Choosers and Compare, or a progress line with Cancel while reading."""

    connect_requested = Signal()

    def __init__(self, controller: Controller, theme: Theme, numbers: Numbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._controller, self._theme, self._numbers = controller, theme, numbers
        self.setProperty("bar", True)
        self.billing = Chooser("Source", theme)
        self.psa = Chooser("PSA", theme)
        self.period = Chooser("Period", theme)
        self.customers = Chooser("Customers", theme)
        self.effective = Chooser("Effective", theme)
        self.options = Chooser("Options", theme)
        self.compare = button("Compare  F5", controller.compare, kind="primary", name="Compare")
        self.progress = plain_label()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress of reading")
        self.cancel = button("Cancel", controller.cancel, name="Cancel reading")
        self._stack = QStackedWidget()
        self._stack.addWidget(self._choosers())
        self._stack.addWidget(self._progress_line())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 8)
        layout.addWidget(self._stack)
        self._connect()
        self.refresh()

    def _choosers(self) -> QWidget:
        page = QWidget()
        layout = QHBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        arrow = strong_label("→")
        for widget in (self.billing, arrow, self.psa, self.period, self.customers, self.effective, self.options):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.compare.setMinimumHeight(self.billing.sizeHint().height())
        layout.addWidget(self.compare)
        return page

    def _progress_line(self) -> QWidget:
        page = QWidget()
        words = QVBoxLayout()
        words.setSpacing(6)
        words.addWidget(self.progress)
        words.addWidget(self.bar)
        layout = QHBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addLayout(words, 1)
        layout.addWidget(self.cancel)
        return page

    def _connect(self) -> None:
        self.billing.pressed_open.connect(lambda: self._choose_connection(self.billing))
        self.psa.pressed_open.connect(lambda: self._choose_connection(self.psa))
        self.period.pressed_open.connect(lambda: self.period.open_menu(self.period_menu()))
        self.customers.pressed_open.connect(self._choose_customers)
        self.effective.pressed_open.connect(lambda: self.effective.open_menu(self.effective_menu()))
        self.options.pressed_open.connect(lambda: self.options.open_menu(self.option_menu()))
        self._controller.options_changed.connect(self.refresh)
        self._controller.connections_changed.connect(self.refresh)
        self._controller.periods_changed.connect(lambda _periods: self.refresh())
        self._controller.busy_changed.connect(lambda _on, _words: self._busy())
        self._controller.progress_changed.connect(self._progressed)

    # choosers ----------------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what would be compared now."""
        options = self._controller.options
        billing, psa = (self._controller.connection(name) for name in self._names())
        self._tell_side(self.billing, billing, "Source")
        self._tell_side(self.psa, psa, "PSA")
        self.period.tell(self._period_words(options.billing_period))
        chosen = options.customers_filter
        self.customers.tell("all" if not chosen else listed([shown(code, 20) for code in chosen], 2))
        self.effective.tell(self._effective_words())
        changed = options.allow_create or options.overwrite_cost or not options.zero_removed
        self.options.tell("changed" if changed else "standard")
        plain_tool_tip(self.options, "\n".join(
            f"{'On' if getattr(options, toggle.name) else 'Off'}: {toggle.text}" for toggle in _TOGGLES))
        ready = billing is not None and psa is not None
        self.compare.setEnabled(ready)
        plain_tool_tip(self.compare, "Read both sides and compare (F5)" if ready else "Connect a billing source and a PSA first")

    def _names(self) -> tuple[str, str]:
        return self._controller.selected_billing, self._controller.selected_psa

    @staticmethod
    def _tell_side(chooser: Chooser, view: ConnectionView | None, caption: str) -> None:
        if view is None:
            chooser.tell("not connected", caption)
            chooser.show_light("not checked")
            plain_tool_tip(chooser, "Press to connect a system.")
            return
        chooser.tell(shown(view.connection.name, 24), view.spec.title)
        chooser.show_light(view.health.value)
        chooser.setAccessibleName(f"{view.spec.title}, connection {view.connection.name}: {view.words}")
        plain_tool_tip(chooser, _health_words(view))

    def _choose_connection(self, chooser: Chooser) -> None:
        role = "billing" if chooser is self.billing else "psa"
        menu = QMenu(chooser)
        for view in self._controller.connections():
            if view.spec.role.value == role:
                name = view.connection.name
                action = menu.addAction(f"{view.spec.title}  {_menu_text(name)}", partial(self._use, role, name))
                action.setCheckable(True)
                action.setChecked(name in self._names())
        selected = self._controller.selected_billing if role == "billing" else self._controller.selected_psa
        if selected:
            menu.addSeparator()
            menu.addAction("Test and verify permissions", lambda: self._controller.verify(selected))
        menu.addSeparator()
        menu.addAction("Connections …", self.connect_requested.emit)
        chooser.open_menu(menu)

    def _use(self, role: str, name: str) -> None:
        billing, psa = self._names()
        self._controller.select_connections(*((name, psa) if role == "billing" else (billing, name)))
        if role == "billing":
            self._controller.load_periods()

    # period and date ---------------------------------------------------------------------------------------------------------

    def _named_periods(self) -> dict[str, Period]:
        """``Current`` and ``Previous`` among the known periods."""
        today, periods = self._controller.today, self._controller.periods
        named: dict[str, Period] = {}
        current = next((period for period in periods if today in period), None)
        if current is not None:
            named["Current"] = current
        edge = current.start if current is not None else today
        previous = next((period for period in periods if period.end < edge), None)
        if previous is not None:
            named["Previous"] = previous
        return named

    def _period_words(self, entry: str) -> str:
        named = self._named_periods().get(entry)
        if named is not None:
            return join([entry, period_text(named, self._controller.today)])
        try:
            day = date.fromisoformat(entry)
        except ValueError:
            return entry
        found = next((period for period in self._controller.periods if day in period), None)
        return period_text(found, self._controller.today) if found is not None else day_text(day, self._controller.today)

    def period_menu(self) -> QMenu:
        """Previous and Current first, then every period, newest first."""
        menu = QMenu(self.period)
        named = self._named_periods()
        for entry in ("Previous", "Current"):
            words = period_text(named[entry], self._controller.today) if entry in named else ""
            self._add_choice(menu, join([entry, words]), "billing_period", entry)
        menu.addSeparator()
        for period in self._controller.periods:
            self._add_choice(menu, period_text(period, self._controller.today), "billing_period", period.end.isoformat())
        if not self._controller.periods:
            menu.addAction("Read the periods", self._controller.load_periods)
        return menu

    def _add_choice(self, menu: QMenu, text: str, option: str, value: object) -> None:
        action = menu.addAction(text, lambda: self._controller.set_reading_options(**{option: value}))
        action.setCheckable(True)
        action.setChecked(getattr(self._controller.options, option) == value)

    def _effective_words(self) -> str:
        options, today = self._controller.options, self._controller.today
        if options.effective_date is not None:
            return day_text(options.effective_date, today)
        if options.prorated:
            return f"today, {day_text(today, today)}"
        current = self._named_periods().get("Current")
        return day_text(current.start, today) if current is not None else "start of period"

    def effective_menu(self) -> QMenu:
        """From when a push takes effect."""
        menu = QMenu(self.effective)
        options, today = self._controller.options, self._controller.today
        current = self._named_periods().get("Current")
        start = f" ({day_text(current.start, today)})" if current is not None else ""
        choices: Sequence[tuple[str, bool, Callable[[], object]]] = (
            (f"Start of the open period{start}", not options.prorated and options.effective_date is None,
             lambda: self._controller.set_reading_options(prorated=False, effective_date=None)),
            (f"Today, prorated ({day_text(today, today)})", options.prorated and options.effective_date is None,
             lambda: self._controller.set_reading_options(prorated=True, effective_date=None)),
            ("Choose a date …", options.effective_date is not None, self._choose_date),
        )
        for text, checked, chosen in choices:
            action = menu.addAction(text, chosen)
            action.setCheckable(True)
            action.setChecked(checked)
        return menu

    def _choose_date(self) -> None:
        self._controller.tasks.start(self._ask_date(), "choose date")

    async def _ask_date(self) -> None:
        dialog = DateChoice("Effective date", self._controller.options.effective_date or self._controller.today, self.window())
        if await run_dialog(dialog) == int(QDialog.DialogCode.Accepted):
            self._controller.set_reading_options(effective_date=dialog.day())

    def _choose_customers(self) -> None:
        self._controller.tasks.start(self._ask_customers(), "choose customers")

    async def _ask_customers(self) -> None:
        run = self._controller.run
        known: list[tuple[str, str]] = []
        if run is not None:
            frame = run.basis.billing.customers
            known = list(zip(frame["customer_code"].tolist(), frame["customer_name"].fillna("").tolist(), strict=True))
        dialog = CustomerChoice(known, self._controller.options.customers_filter, self.window())
        if await run_dialog(dialog) == int(QDialog.DialogCode.Accepted):
            self._controller.set_reading_options(customers_filter=dialog.codes())

    def option_menu(self) -> QMenu:
        """Options that take effect at once, without reading again."""
        menu = QMenu(self.options)
        for toggle in _TOGGLES:
            action = menu.addAction(toggle.text)
            action.setCheckable(True)
            action.setChecked(getattr(self._controller.options, toggle.name))
            action.toggled.connect(lambda on, name=toggle.name: self._controller.set_options(**{name: on}))
        return menu

    # progress ----------------------------------------------------------------------------------------------------------------

    def _busy(self) -> None:
        reading = self._controller.reading and bool(self._controller.busy)
        if reading and self._stack.currentIndex() == 0:
            self.progress.setText(f"{self._controller.busy} …")
            self.bar.setRange(0, 0)
        self._stack.setCurrentIndex(1 if reading else 0)
        if reading and self.window().isActiveWindow() and isinstance(self.focusWidget(), QPushButton):
            self.cancel.setFocus()

    def _progressed(self, sides: tuple[Progress, ...]) -> None:
        titles = dict(zip(("billing", "psa"), self._titles(), strict=True))
        made, expected = sum(side.calls for side in sides), sum(side.calls_expected for side in sides)
        told = [progress_words(side, titles.get(side.side, side.side), self._numbers) for side in sides]
        about = f"{made} of about {plural(expected, 'call')}" if expected >= made else plural(made, "call")
        self.progress.setText(join([*told, about]))
        self.bar.setRange(0, max(expected, made, 1))
        self.bar.setValue(made)

    def _titles(self) -> tuple[str, str]:
        views = [self._controller.connection(name) for name in self._names()]
        return tuple(view.spec.title if view is not None else word for view, word in zip(views, ("Source", "PSA"), strict=True))  # type: ignore[return-value]  # two in, two out


def progress_words(side: Progress, title: str, numbers: Numbers) -> str:
    """``Autotask contract units, page 3 of 7``."""
    words = f"{title} {side.entity}"
    if side.pages > 1:
        return f"{words}, page {side.page} of {side.pages}"
    if side.page > 1:
        return f"{words}, page {side.page}"
    return f"{words} {plural(side.rows, 'line', numbers=numbers)}" if side.rows else words


def _health_words(view: ConnectionView) -> str:
    checked = f"Checked {ago_text(view.checked)}." if view.checked is not None else "Not checked yet."
    checks = [f"{check.result.value}: {check.name} ({check.needed_for})" for check in view.checks]
    return "\n".join([shown(view.words), checked, *(shown(check) for check in checks)])


def _menu_text(text: str) -> str:
    return shown(text, 40).replace("&", "&&")
