"""Every frame of the program, declared once: columns, dtypes, meaning.

Dtypes in use:

* ``string`` (pandas ``StringDtype("python")``): text as received, ``<NA>`` where absent. Ids are text, always.
* ``Int64``: quantities and money in ten-thousandths, counts; ``<NA>`` where unknown. Never a float, never NaN.
* ``bool``: never absent.
* ``datetime64[s]``: calendar dates at midnight without time zone; ``NaT`` where absent.

``Schema.build`` makes a frame from columns, ``Schema.check`` refuses one that differs. Both are called at every border:
a connector's result, a stored snapshot, a comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

TEXT = "string"
AMOUNT = "Int64"
FLAG = "bool"
DATE = "datetime64[s]"

_DTYPES: dict[str, Any] = {
    TEXT: pd.StringDtype("python"),
    AMOUNT: pd.Int64Dtype(),
    FLAG: np.dtype("bool"),
    DATE: np.dtype("datetime64[s]"),
}


class FrameError(TypeError):
    """A frame does not have the columns and dtypes it was declared with: a fault of this program, not of the data."""


@dataclass(frozen=True, slots=True)
class Schema:
    """Name and columns of a frame, in order."""

    name: str
    columns: Mapping[str, str]

    def build(self, columns: Mapping[str, Sequence[Any] | np.ndarray[Any, Any] | pd.Series[Any]]) -> pd.DataFrame:
        """A checked frame from columns of equal length; a column that is not given is all absent (flags: false)."""
        unknown = set(columns) - set(self.columns)
        if unknown:
            raise FrameError(f"{self.name} has no column {', '.join(sorted(unknown))}")
        length = len(next(iter(columns.values()))) if columns else 0
        data = {name: _column(columns.get(name), dtype, length) for name, dtype in self.columns.items()}
        return pd.DataFrame(data, columns=list(self.columns), copy=False)

    def empty(self) -> pd.DataFrame:
        """The frame without rows."""
        return self.build({})

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The same frame, or FrameError naming the first column that is wrong."""
        if list(frame.columns) != list(self.columns):
            raise FrameError(f"{self.name}: columns are {list(frame.columns)}, not {list(self.columns)}")
        for name, dtype in self.columns.items():
            if frame[name].dtype != _DTYPES[dtype]:
                raise FrameError(f"{self.name}.{name} is {frame[name].dtype}, not {dtype}")
        return frame


def _column(values: Sequence[Any] | np.ndarray[Any, Any] | pd.Series[Any] | None, dtype: str, length: int) -> Any:
    target = _DTYPES[dtype]
    if values is None:
        if dtype == FLAG:
            return np.zeros(length, dtype=bool)
        if dtype == DATE:
            return np.full(length, np.datetime64("NaT", "s"), dtype="datetime64[s]")
        return pd.array([pd.NA] * length, dtype=target)
    if isinstance(values, pd.Series):
        values = values.array
    if getattr(values, "dtype", None) == target:
        return values
    if dtype in (FLAG, DATE):
        return np.asarray(values, dtype=target)
    return pd.array(values, dtype=target)


CUSTOMERS = Schema("customers", {"customer_code": TEXT, "customer_name": TEXT, "billing_identifier": TEXT})
"""Customers of the billing source."""

BILLED_LINES = Schema(
    "billed_lines",
    {
        "customer_code": TEXT,
        "customer_name": TEXT,
        "billing_identifier": TEXT,
        "bill_to_code": TEXT,
        "bill_to_name": TEXT,
        "bill_to_identifier": TEXT,
        "sku": TEXT,
        "service_code": TEXT,
        "service_name": TEXT,
        "line_description": TEXT,
        "quantity": AMOUNT,
        "raw_quantity": TEXT,
        "raw": TEXT,
    },
)
"""One row of the billing source each. ``quantity`` is absent where ``raw_quantity`` is no usable number (text, too many decimals,
too large); negative and fractional quantities are kept and judged by the rules. ``raw`` is the row as received, JSON text.
Texts are trimmed; blank text is absent."""

REJECTED = Schema("rejected", {"side": TEXT, "source": TEXT, "customer_code": TEXT, "reason": TEXT, "raw": TEXT})
"""Rows that could not be read at all. ``side`` is ``billing`` or ``psa``, ``source`` names the call."""

COMPANIES = Schema(
    "companies", {"company_id": TEXT, "company_name": TEXT, "company_number": TEXT, "match_value": TEXT, "active": FLAG}
)
"""Companies of the PSA. ``match_value`` is what the billing identifier is compared with (the id or the number, as the connection's
``company_field`` says)."""

CONTRACTS = Schema(
    "contracts",
    {
        "contract_id": TEXT,
        "company_id": TEXT,
        "contract_name": TEXT,
        "contract_number": TEXT,
        "contract_type": TEXT,
        "active": FLAG,
        "start_date": DATE,
        "end_date": DATE,
        "renews_contract_id": TEXT,
    },
)
"""Contracts or agreements of the wanted kind only, future and expired ones included. Dates are inclusive. ``renews_contract_id`` is
the contract this one follows."""

SERVICES = Schema(
    "services",
    {
        "service_id": TEXT,
        "service_name": TEXT,
        "description": TEXT,
        "match_value": TEXT,
        "active": FLAG,
        "unit_price": AMOUNT,
        "unit_cost": AMOUNT,
    },
)
"""The PSA's catalogue. ``match_value`` is what the SKU is compared with (the connection's ``sku_field``)."""

CONTRACT_LINES = Schema(
    "contract_lines",
    {
        "line_id": TEXT,
        "contract_id": TEXT,
        "company_id": TEXT,
        "service_id": TEXT,
        "service_name": TEXT,
        "description": TEXT,
        "quantity": AMOUNT,
        "unit_price": AMOUNT,
        "unit_cost": AMOUNT,
        "posted_until": DATE,
        "pending_quantity": AMOUNT,
        "pending_date": DATE,
        "raw": TEXT,
    },
)
"""Lines of the contracts, with the quantity in force on the effective date (absent: not read). ``posted_until`` is the last day of
an already approved and posted unit row that covers the date. ``pending_*``: the first later change to another quantity."""

MAPPED_LINES = Schema(
    "mapped_lines",
    {
        **BILLED_LINES.columns,
        "matched_identifier": TEXT,
        "company_id": TEXT,
        "company_name": TEXT,
        "contract_id": TEXT,
        "contract_name": TEXT,
        "service_id": TEXT,
        "line_id": TEXT,
        "finding": TEXT,
        "finding_count": AMOUNT,
    },
)
"""Billed lines with where they lead. ``finding`` is the kind that stopped the way, or absent."""

COMPARISON = Schema(
    "comparison",
    {
        "key": TEXT,
        "customer_code": TEXT,
        "customer_name": TEXT,
        "billing_identifier": TEXT,
        "company_id": TEXT,
        "company_name": TEXT,
        "contract_id": TEXT,
        "contract_name": TEXT,
        "line_id": TEXT,
        "service_id": TEXT,
        "service_name": TEXT,
        "sku": TEXT,
        "description": TEXT,
        "billed_quantity": AMOUNT,
        "previous_quantity": AMOUNT,
        "contract_quantity": AMOUNT,
        "last_pushed_quantity": AMOUNT,
        "difference": AMOUNT,
        "unit_price": AMOUNT,
        "unit_cost": AMOUNT,
        "new_unit_cost": AMOUNT,
        "money_difference": AMOUNT,
        "parts": AMOUNT,
        "status": TEXT,
        "change": TEXT,
        "codes": TEXT,
        "selected": FLAG,
        "selectable": FLAG,
    },
)
"""One row per customer, contract and service, in order of customer code, then service. ``parts`` is how many billed rows were
summed. ``status`` is a ``Status``, ``change`` a ``ChangeKind`` or absent. ``codes`` are the ids of warnings and errors of the row,
separated by blanks.
``selected`` is what the comparison pre-selects or the operator ticked; ``selectable`` whether it may be ticked.
``difference`` is billed − contract, ``money_difference`` that times ``unit_price``."""

FINDINGS = Schema("findings", {"kind": TEXT, "scope": TEXT, "row": AMOUNT, "customer_code": TEXT, "fields": TEXT})
"""``row`` is the position in the comparison, absent for findings of a customer or of the run. ``fields`` is JSON text with the
placeholders the row itself does not hold."""

LOG = Schema(
    "log",
    {
        "time": TEXT,
        "level": TEXT,
        "code": TEXT,
        "kind": TEXT,
        "planned": FLAG,
        "row": AMOUNT,
        "customer_code": TEXT,
        "customer_name": TEXT,
        "billing_identifier": TEXT,
        "line_description": TEXT,
        "sku": TEXT,
        "old_quantity": AMOUNT,
        "new_quantity": AMOUNT,
        "message": TEXT,
        "resolution": TEXT,
    },
)
"""The log of a run in order of emission. ``time`` is ISO 8601 in UTC. ``planned`` marks codes that report a write which has
not been made. ``row`` is the position in the comparison, where there is one."""

IGNORED = Schema("ignored", {"key": TEXT, "reason": TEXT, "until": TEXT, "by": TEXT})
"""Rows that an ignore rule holds back."""
