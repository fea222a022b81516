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


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of one line. Quantities and money are ten-thousandths.

    ``line_id`` is empty for a line that is to be created. ``quantity_before`` is what the comparison read (0 for a line to be
    created). The two ``unit_cost`` fields are used by ``SET_UNIT_COST`` only, which leaves the quantity as it is.
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

    @property
    def line_key(self) -> str:
        """What exactly is touched; at most one open op may exist per line key."""
        line = f"line:{self.line_id}" if self.line_id else f"contract:{self.contract_id}:service:{self.service_id}"
        return f"{line}:cost" if self.kind is ChangeKind.SET_UNIT_COST else line

    @property
    def delta(self) -> int:
        """Target minus before, in ten-thousandths."""
        return self.quantity_target - self.quantity_before
