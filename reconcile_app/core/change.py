"""One change as a value, and the words for what a row says. Imports nothing heavy: the first screen needs these words."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Status(StrEnum):
    """What a comparison row says."""

    EQUAL = "equal"
    RAISE = "raise"
    LOWER = "lower"
    ADD = "add"
    """The line is to be created."""
    ZERO = "zero"
    MISSING = "missing"
    """The line is absent and may not be created."""
    BLOCKED = "blocked"
    IGNORED = "ignored"
    UNKNOWN = "unknown"
    """A side was not read."""
    PSA_ONLY = "psa_only"
    """A line of ours without a billing record."""


class ChangeKind(StrEnum):
    """What is written."""

    SET_QUANTITY = "set_quantity"
    ZERO_LINE = "zero_line"
    CREATE_LINE = "create_line"
    SET_UNIT_COST = "set_unit_cost"
    CANCEL_LINE = "cancel_line"
    """The line ends: from the effective date on it counts as zero, and its own quantity stays what it was."""
    REPLACE_LINE = "replace_line"
    """A new line takes the place of one that ends on the same day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of one line. Quantities and money are ten-thousandths.

    ``line_id`` is empty for a line that is to be created. ``quantity_before`` is what the comparison read (0 for a line to be
    created). The two ``unit_cost`` fields are used by ``SET_UNIT_COST``, which leaves the quantity as it is, and by
    ``REPLACE_LINE`` where the new line gets another cost than the one it replaces. ``replaces`` is the line id of that one.
    """

    key: str
    kind: ChangeKind
    customer_code: str
    customer_name: str
    company_id: str
    contract_id: str
    contract_name: str
    line_id: str
    service_id: str
    service_name: str
    sku: str
    description: str
    quantity_before: int
    quantity_target: int
    effective_date: date
    unit_price: int | None = None
    unit_cost_before: int | None = None
    unit_cost_target: int | None = None
    replaces: str = ""

    @property
    def line_key(self) -> str:
        """What exactly is touched; at most one open op may exist per line key."""
        line = f"line:{self.line_id}" if self.line_id else f"contract:{self.contract_id}:service:{self.service_id}"
        return f"{line}:cost" if self.kind is ChangeKind.SET_UNIT_COST else line

    @property
    def creates(self) -> bool:
        """Whether it makes a line that is not there yet."""
        return self.kind in (ChangeKind.CREATE_LINE, ChangeKind.REPLACE_LINE)

    def follows(self, other: "Change") -> bool:
        """Whether it may only be written once ``other`` was: a unit cost after the quantity of its line, a new line after the end
        of the one it replaces."""
        if self.kind is ChangeKind.REPLACE_LINE:
            return other.kind is ChangeKind.CANCEL_LINE and other.line_id == self.replaces
        return self.kind is ChangeKind.SET_UNIT_COST and other.line_id == self.line_id and other.kind is not self.kind

    @property
    def delta(self) -> int:
        """Target minus before, in ten-thousandths."""
        return self.quantity_target - self.quantity_before
