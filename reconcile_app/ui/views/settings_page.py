"""Settings: how it looks, what a comparison proposes, and from which size on a push wants a number typed."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QFrame, QScrollArea, QSpinBox, QVBoxLayout, QWidget

from reconcile_app.core.settings import Limits, LogLevel
from reconcile_app.ui.controller import Controller
from reconcile_app.ui.dialogs import plain_label, strong_label
from reconcile_app.ui.theme import APPEARANCES, Theme
from reconcile_app.ui.views.fittings import card, muted_label, page_layout, page_title

_APPEARANCE_WORDS = {"system": "As the system", "light": "Light", "dark": "Dark"}
_OPTIONS = (
    ("allow_create", "Create missing lines", "New lines are proposed; you still choose and review each."),
    ("zero_removed", "Propose zero for what is no longer billed",
     "Lines that were billed in the period before. Never ticked by itself."),
    ("overwrite_cost", "Write the unit cost together with the quantity", "Where the PSA takes costs."),
)
_ALWAYS_ASKED = "Above any of these a click is not enough. It cannot be switched off, and a line that goes to zero always asks."


class SettingsPage(QWidget):
    """What can be set for the whole program.

    Signals:
        appearance_chosen: ``system``, ``light`` or ``dark``.
        limits_chosen: the new ``Limits`` of a push.
    """

    appearance_chosen = Signal(str)
    limits_chosen = Signal(object)

    def __init__(self, controller: Controller, theme: Theme, limits: Limits) -> None:
        super().__init__()
        self.setAccessibleName("Settings")
        self._controller = controller
        inside = QWidget()
        inside.setMaximumWidth(900)
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(12)
        column.addWidget(self._look(theme))
        column.addWidget(self._proposals())
        column.addWidget(self._size(limits))
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(inside)
        layout = page_layout(self)
        layout.addWidget(page_title("Settings"))
        layout.addWidget(muted_label("Everything here takes effect at once."))
        layout.addWidget(area, 1)
        controller.options_changed.connect(self._show_options)
        self._show_options()

    def _look(self, theme: Theme) -> QFrame:
        frame, layout = card()
        layout.addWidget(strong_label("Appearance", larger=1.15))
        self.appearance = QComboBox()
        self.appearance.setAccessibleName("Appearance")
        for key in APPEARANCES:
            self.appearance.addItem(_APPEARANCE_WORDS[key], key)
        self.appearance.setCurrentIndex(APPEARANCES.index(theme.appearance))
        self.appearance.currentIndexChanged.connect(lambda _place: self.appearance_chosen.emit(self.appearance.currentData()))
        form = _form()
        form.addRow(_buddy("Colors", self.appearance), self.appearance)
        layout.addLayout(form)
        return frame

    def _proposals(self) -> QFrame:
        frame, layout = card()
        layout.addWidget(strong_label("What a comparison proposes", larger=1.15))
        self.options: dict[str, QCheckBox] = {}
        for name, words, explained in _OPTIONS:
            box = QCheckBox(words)
            box.setAccessibleDescription(explained)
            box.clicked.connect(lambda checked, name=name: self._controller.set_options(**{name: checked}))
            self.options[name] = box
            layout.addWidget(box)
            layout.addWidget(muted_label(f"      {explained}", wrap=True))
        self.log_level = QComboBox()
        self.log_level.addItems([level.value for level in LogLevel])
        self.log_level.setAccessibleName("Log shows")
        self.log_level.activated.connect(self._set_log_level)
        form = _form()
        form.addRow(_buddy("The log shows", self.log_level), self.log_level)
        form.addRow("", muted_label("Verbose shows everything, Error only what failed."))
        layout.addLayout(form)
        return frame

    def _set_log_level(self) -> None:
        self._controller.set_options(log_level=LogLevel(self.log_level.currentText()))

    def _size(self, limits: Limits) -> QFrame:
        frame, layout = card()
        layout.addWidget(strong_label("When a push wants the number of lines typed", larger=1.15))
        layout.addWidget(muted_label(_ALWAYS_ASKED, wrap=True))
        self.lines = self._number("Lines in one push", limits.lines, 1, 500)
        self.percent = self._number("Change of a line, percent", limits.percent, 1, 100)
        self.units = self._number("Change of a line, units", limits.units, 1, 1000)
        form = _form()
        form.addRow(_buddy("More lines than", self.lines), self.lines)
        form.addRow(_buddy("A line changes by more than", self.percent), self.percent)
        form.addRow(_buddy("… and by more than", self.units), self.units)
        self.percent.setSuffix(" %")
        self.units.setSuffix(" units")
        layout.addLayout(form)
        return frame

    def _number(self, name: str, value: int, least: int, most: int) -> QSpinBox:
        box = QSpinBox()
        box.setAccessibleName(name)
        box.setRange(least, most)
        box.setValue(value)
        # arrow keys and typing do; two buttons of a few pixels would only be in the way
        box.setStyleSheet("QSpinBox::up-button, QSpinBox::down-button { width: 0; border: none; }")
        box.setMinimumWidth(box.fontMetrics().averageCharWidth() * 16)
        box.valueChanged.connect(lambda _value: self.limits_chosen.emit(self.limits))
        return box

    @property
    def limits(self) -> Limits:
        """The limits as they stand."""
        return Limits(lines=self.lines.value(), percent=self.percent.value(), units=self.units.value(), zeroing=True)

    def _show_options(self) -> None:
        options = self._controller.options
        for name, box in self.options.items():
            box.setChecked(getattr(options, name))
        self.log_level.setCurrentText(options.log_level.value)


def _form() -> QFormLayout:
    form = QFormLayout()
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.FieldsStayAtSizeHint)
    form.setHorizontalSpacing(14)
    return form


def _buddy(text: str, widget: QWidget) -> QWidget:
    label = plain_label(text)
    label.setBuddy(widget)
    return label
