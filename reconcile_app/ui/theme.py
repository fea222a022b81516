"""Colors, marks, icons and fonts, for a light and a dark screen.

Every pair of ink and ground that carries text has a contrast of at least 4.5 : 1; a test computes it. Color never speaks alone:
each status has a mark and a word.
"""

import sys
from dataclasses import dataclass, fields
from pathlib import Path

from PySide6.QtCore import QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QApplication, QStyleFactory

from reconcile_app.core.change import Status

APPEARANCES = ("system", "light", "dark")

MARKS: dict[str, str] = {
    Status.RAISE: "▲", Status.LOWER: "▼", Status.ADD: "+", Status.ZERO: "0", Status.MISSING: "◆", Status.BLOCKED: "◆",
    Status.PSA_ONLY: "◆", Status.UNKNOWN: "⊘", Status.IGNORED: "∅", Status.EQUAL: "=", "doubt": "‼",
}
"""Status (and ``doubt``: in doubt or double) → mark."""


@dataclass(frozen=True, slots=True)
class Colors:
    """One palette; every value is ``#rrggbb``. ``*_tint`` is the ground of a changed cell."""

    window: str
    base: str
    raised: str
    text: str
    muted: str
    line: str
    strong_line: str
    accent: str
    accent_text: str
    on_accent: str
    selection: str
    hover: str
    ok: str
    warn: str
    raise_ink: str
    raise_tint: str
    lower_ink: str
    lower_tint: str
    add_ink: str
    add_tint: str
    zero_ink: str
    zero_tint: str
    person_ink: str
    person_tint: str
    grey_ink: str
    grey_tint: str
    doubt_ink: str
    doubt_tint: str


LIGHT = Colors(
    window="#F3F5F8", base="#FFFFFF", raised="#FFFFFF", text="#1B1F24", muted="#5B6470", line="#DDE2E8", strong_line="#B4BDC8",
    accent="#0B5CAD", accent_text="#0B5CAD", on_accent="#FFFFFF", selection="#D9E8F8", hover="#EDF2F7", ok="#1A7D3A",
    warn="#AE5700",
    raise_ink="#AE5700", raise_tint="#FFF1E0", lower_ink="#0B5CAD", lower_tint="#E6F1FC", add_ink="#1A7D3A", add_tint="#E5F5EA",
    zero_ink="#9C1F6E", zero_tint="#FBE7F3", person_ink="#6A35B8", person_tint="#F0E9FB", grey_ink="#5B6470", grey_tint="#EEF1F4",
    doubt_ink="#B3261E", doubt_tint="#FDE9E7",
)
DARK = Colors(
    window="#191C20", base="#212529", raised="#282D33", text="#E7EAEE", muted="#A5AEBA", line="#363D45", strong_line="#596370",
    accent="#2B6CB0", accent_text="#7FBAF5", on_accent="#FFFFFF", selection="#28425E", hover="#2D333A", ok="#7BD195",
    warn="#FFB366",
    raise_ink="#FFB366", raise_tint="#3A2A17", lower_ink="#7FBAF5", lower_tint="#16283B", add_ink="#7BD195", add_tint="#15301F",
    zero_ink="#F08CC6", zero_tint="#381A2C", person_ink="#BFA0F2", person_tint="#281E3B", grey_ink="#9AA4B1", grey_tint="#2A2F35",
    doubt_ink="#FF8A80", doubt_tint="#40201D",
)

_FAMILY: dict[str, str] = {
    Status.RAISE: "raise", Status.LOWER: "lower", Status.ADD: "add", Status.ZERO: "zero", Status.MISSING: "person",
    Status.BLOCKED: "person", Status.PSA_ONLY: "person", Status.UNKNOWN: "grey", Status.IGNORED: "grey", "doubt": "doubt",
}


@dataclass(frozen=True, slots=True)
class Look:
    """How a status looks. ``tint`` and ``row`` are absent for rows that are fine; ``hatched`` marks what was decided away."""

    mark: str
    ink: str
    tint: str | None
    row: str | None
    hatched: bool = False


def mixed(color: str, ground: str, share: float) -> str:
    """``share`` of the color over the ground."""
    over, under = QColor(color), QColor(ground)
    parts = [
        round(a * share + b * (1 - share))
        for a, b in zip(over.getRgb()[:3], under.getRgb()[:3], strict=True)  # type: ignore[index]  # stubs: getRgb() returns object
    ]
    return QColor(*parts).name()


def contrast(ink: str, ground: str) -> float:
    """WCAG 2.1 contrast ratio of two colors, 1 to 21."""
    lighter, darker = sorted((_luminance(ink), _luminance(ground)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    value = QColor(color)
    parts = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value.redF(), value.greenF(), value.blueF())
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def resource_path(*parts: str) -> Path:
    """A file of ``resources/``: beside the package when run from source, inside the bundle when frozen."""
    root = Path(getattr(sys, "_MEIPASS", Path(__file__).resolve().parents[2]))
    return root.joinpath("resources", *parts)


class Theme(QObject):
    """The look of the program. Widgets that paint themselves listen to ``changed``."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.appearance = "system"
        self.dark = False
        self.colors = LIGHT
        self._icons: dict[tuple[str, str], QIcon] = {}
        self._sources: dict[str, str] = {}
        self._app: QApplication | None = None

    def apply(self, app: QApplication, appearance: str = "system") -> None:
        """Dress the whole program. ``system`` follows the operating system, also later."""
        hints = app.styleHints()
        if self._app is None:
            self._app = app
            app.setStyle(QStyleFactory.create("Fusion"))
            hints.colorSchemeChanged.connect(self._system_changed)
        self.appearance = appearance
        wanted = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}.get(appearance, Qt.ColorScheme.Unknown)
        if wanted is Qt.ColorScheme.Unknown:
            hints.unsetColorScheme()
        else:
            hints.setColorScheme(wanted)
        self._dress(hints.colorScheme() if wanted is Qt.ColorScheme.Unknown else wanted)

    def _system_changed(self, scheme: Qt.ColorScheme) -> None:
        if self.appearance == "system":
            self._dress(scheme)

    def _dress(self, scheme: Qt.ColorScheme) -> None:
        self.dark = scheme is Qt.ColorScheme.Dark
        self.colors = DARK if self.dark else LIGHT
        self._icons.clear()
        if self._app is not None:
            self._app.setPalette(self._palette())
            self._app.setStyleSheet(self._style_sheet())
        self.changed.emit()

    def look(self, status: str) -> Look:
        """Mark and colors of a status, or of ``doubt``."""
        family = _FAMILY.get(status)
        if family is None:
            return Look(MARKS[Status.EQUAL], self.colors.muted, None, None)
        tint: str = getattr(self.colors, f"{family}_tint")
        return Look(MARKS[status], getattr(self.colors, f"{family}_ink"), tint, mixed(tint, self.colors.base, 0.42),
                    hatched=status == Status.IGNORED)

    def color(self, name: str) -> QColor:
        """A color of the palette by its name."""
        return QColor(getattr(self.colors, name))

    def icon(self, name: str, color: str = "text") -> QIcon:
        """An icon of ``resources/icons`` in a color of the palette; sharp at 100 and 200 %."""
        key = (name, getattr(self.colors, color))
        found = self._icons.get(key)
        if found is None:
            found = self._icons[key] = self._draw_icon(*key)
        return found

    def _draw_icon(self, name: str, color: str) -> QIcon:
        from PySide6.QtSvg import QSvgRenderer

        source = self._sources.get(name)
        if source is None:
            source = self._sources[name] = resource_path("icons", f"{name}.svg").read_text("utf-8")
        icon = QIcon()
        states = ((QIcon.Mode.Normal, color), (QIcon.Mode.Disabled, mixed(color, self.colors.window, 0.4)))
        for mode, ink in states:
            renderer = QSvgRenderer(source.replace("currentColor", ink).encode())
            for size in (16, 20, 24, 32, 48, 64):
                pixmap = QPixmap(QSize(size, size))
                pixmap.fill(Qt.GlobalColor.transparent)
                painter = QPainter(pixmap)
                renderer.render(painter, QRectF(0, 0, size, size))
                painter.end()
                icon.addPixmap(pixmap, mode)
        return icon

    @staticmethod
    def figures(font: QFont) -> QFont:
        """The font with figures of equal width, so that columns of numbers line up."""
        tabular = QFont(font)
        tabular.setFeature(QFont.Tag("tnum"), 1)
        return tabular

    def _palette(self) -> QPalette:
        c = self.colors
        palette = QPalette()
        role = QPalette.ColorRole
        pairs = {
            role.Window: c.window, role.WindowText: c.text, role.Base: c.base, role.AlternateBase: mixed(c.window, c.base, 0.5),
            role.Text: c.text, role.Button: c.raised, role.ButtonText: c.text, role.BrightText: c.doubt_ink,
            role.Highlight: c.selection, role.HighlightedText: c.text, role.Link: c.accent_text, role.LinkVisited: c.accent_text,
            role.ToolTipBase: c.raised, role.ToolTipText: c.text, role.PlaceholderText: c.muted, role.Mid: c.line,
            role.Midlight: c.line, role.Dark: c.strong_line, role.Light: c.raised, role.Accent: c.accent,
        }
        for which, color in pairs.items():
            palette.setColor(which, QColor(color))
        dimmed = QColor(mixed(c.text, c.window, 0.45))
        for which in (role.WindowText, role.Text, role.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, which, dimmed)
        return palette

    def _style_sheet(self) -> str:
        text = resource_path("style.qss").read_text("utf-8")
        names = sorted((field.name for field in fields(Colors)), key=len, reverse=True)
        for name in names:
            text = text.replace(f"@{name}", getattr(self.colors, name))
        text = text.replace("@icons", resource_path("icons").as_posix())
        return text.replace("@dimmed", mixed(self.colors.text, self.colors.window, 0.45)).replace(
            "@pressed", mixed(self.colors.strong_line, self.colors.hover, 0.35))
