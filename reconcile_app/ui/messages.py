"""Words on the screen: numbers, money, dates, periods, plurals, statuses.

Quantities and money arrive as ten-thousandths. Everything here is pure; only ``locale_numbers`` asks Qt how this computer
writes a number.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from PySide6.QtCore import QLocale

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.change import ChangeKind, Status
from reconcile_app.core.period import Period

MINUS = "−"
NONE = "–"
"""The side has none."""
NOT_READ = "⊘ not read"
"""The side is unknown."""
SEPARATOR = " · "

STATUS_WORDS: dict[Status, str] = {
    Status.EQUAL: "Equal",
    Status.RAISE: "Raise",
    Status.LOWER: "Lower",
    Status.ADD: "New line",
    Status.ZERO: "To zero",
    Status.MISSING: "Line missing",
    Status.BLOCKED: "Blocked",
    Status.IGNORED: "Ignored",
    Status.UNKNOWN: "Not read",
    Status.PSA_ONLY: "PSA only",
}

STATUS_MEANING: dict[Status, str] = {
    Status.EQUAL: "both sides agree",
    Status.RAISE: "the source bills more than the PSA invoices",
    Status.LOWER: "the PSA invoices more than the source bills",
    Status.ADD: "a new line will be created in the PSA",
    Status.ZERO: "billed before and gone now: the line goes to zero",
    Status.MISSING: "the line is absent in the PSA and creation is not allowed",
    Status.BLOCKED: "a finding has to be settled first",
    Status.IGNORED: "left alone on purpose",
    Status.UNKNOWN: "a side could not be read, so nothing is known and nothing can be pushed",
    Status.PSA_ONLY: "a line of the PSA without a billing record",
}

CHANGE_WORDS: dict[ChangeKind, str] = {
    ChangeKind.SET_QUANTITY: "set quantity",
    ChangeKind.ZERO_LINE: "set to zero",
    ChangeKind.CREATE_LINE: "create line",
    ChangeKind.SET_UNIT_COST: "set unit cost",
    ChangeKind.CANCEL_LINE: "end line",
    ChangeKind.REPLACE_LINE: "replace line",
}

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Numbers:
    """How numbers are written: thousands separator, decimal mark, sign of the currency."""

    group: str = ","
    point: str = "."
    currency: str = "$"

    def fixed(self, amount: int, decimals: int = 0) -> str:
        """Text with at least ``decimals`` decimals; more where the amount would otherwise be rounded."""
        whole, part = divmod(abs(amount), SCALE)
        grouped = f"{whole:,}" if self.group == "," else f"{whole:,}".replace(",", self.group)
        digits = f"{part:04d}".rstrip("0").ljust(decimals, "0") if part or decimals else ""
        sign = MINUS if amount < 0 else ""
        return f"{sign}{grouped}{self.point}{digits}" if digits else f"{sign}{grouped}"

    def signed(self, amount: int, decimals: int = 0) -> str:
        """As ``fixed``, with a plus sign above zero."""
        text = self.fixed(amount, decimals)
        return f"+{text}" if amount > 0 else text

    def money(self, amount: int, *, signed: bool = False) -> str:
        """Money in whole cents (half to even), with the sign of the currency behind the sign of the number: ``−$12.50``."""
        cents = to_cents(amount)
        sign = MINUS if cents < 0 else "+" if signed and cents > 0 else ""
        return f"{sign}{self.currency}{self.fixed(abs(cents), 2)}"

    def count(self, number: int) -> str:
        """A plain count, not ten-thousandths."""
        return self.fixed(number * SCALE)


def to_cents(amount: int) -> int:
    """The amount rounded to whole cents, half to even; still ten-thousandths."""
    cents, rest = divmod(amount, 100)
    return (cents + (rest > 50 or (rest == 50 and cents % 2 == 1))) * 100


def locale_numbers(locale: QLocale | None = None) -> Numbers:
    """How this computer's locale writes numbers."""
    locale = locale or QLocale()
    # without a name (LANG=C) Qt knows no separator that people read
    if locale.language() is QLocale.Language.C:
        return Numbers()
    return Numbers(locale.groupSeparator() or " ", locale.decimalPoint(), locale.currencySymbol() or "$")


def decimals_needed(amounts: Iterable[int], least: int = 0) -> int:
    """How many decimals (0–4) a column needs so that no amount is rounded, at least ``least``."""
    needed = least
    for amount in amounts:
        part = abs(amount) % SCALE
        if part:
            needed = max(needed, len(f"{part:04d}".rstrip("0")))
            if needed == 4:
                break
    return needed


def plural(number: int, one: str, many: str = "", numbers: Numbers | None = None) -> str:
    """``1 line``, ``1,240 lines``."""
    words = one if number == 1 else many or f"{one}s"
    return f"{(numbers or Numbers()).count(number)} {words}"


def units_words(up: int, down: int, numbers: Numbers) -> str:
    """``+54 units −9``: units up and down in ten-thousandths; empty when nothing changes."""
    parts = [numbers.signed(up) if up else "", numbers.fixed(down) if down else ""]
    told = [part for part in parts if part]
    return " ".join([told[0], "units", *told[1:]]) if told else ""


def join(parts: Iterable[str]) -> str:
    """The parts that say something, separated by a middle dot."""
    return SEPARATOR.join(part for part in parts if part)


def day_text(day: date, today: date | None = None) -> str:
    """``26 Nov``; with the year where it is not the year of ``today`` (absent: always with the year)."""
    text = f"{day.day} {_MONTHS[day.month - 1]}"
    return text if today is not None and day.year == today.year else f"{text} {day.year}"


def period_text(period: Period, today: date | None = None) -> str:
    """``26 Oct – 25 Nov``; with years where they are not the year of ``today``."""
    if period.start.year == period.end.year:
        start = f"{period.start.day} {_MONTHS[period.start.month - 1]}"
        return f"{start} – {day_text(period.end, today or period.end)}"
    return f"{day_text(period.start)} – {day_text(period.end)}"


def moment_text(moment: datetime) -> str:
    """Date and time on this computer: ``26 Nov 2026, 08:15``."""
    local = moment.astimezone() if moment.tzinfo else moment
    return f"{day_text(local.date())}, {local:%H:%M}"


def ago_text(moment: datetime, now: datetime | None = None) -> str:
    """``just now``, ``2 min ago``, ``3 h ago``, or the date."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    if seconds < 86400:
        return f"{int(seconds // 3600)} h ago"
    return moment_text(moment)


def status_word(status: str) -> str:
    """The word of a status as a frame holds it."""
    return STATUS_WORDS[Status(status)]


def shown(text: str, limit: int = 500) -> str:
    """Text from outside as it may appear on the screen: one line, nothing invisible, nothing that turns the writing direction.

    What cannot be seen is escaped (``\\u202e``); what is longer than ``limit`` is cut with a visible mark.
    """
    if not text.isprintable():
        text = "".join(_visible(character) for character in text[: limit + 1])
    return text if len(text) <= limit else f"{text[:limit]}…"


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    if character in "\t\r\n\v\f" or unicodedata.category(character) in ("Zs", "Zl", "Zp"):
        return " "
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def quoted_server_text(text: str) -> str:
    """A server's own words, labelled as such and shortened."""
    return f"The server said: “{shown(text)}”" if text else ""


_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")


def guarded(text: str) -> str:
    """A text cell as it may go to the clipboard: a spreadsheet must not take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def listed(items: Sequence[str], most: int = 3) -> str:
    """``a, b and c``; ``a, b, c and 4 more``."""
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
