"""What a comparison is a function of, and what it is when finished."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import pandas as pd

from reconcile_app.core.accounts import Claims, claims_of
from reconcile_app.core.billed import Billed, code_billed
from reconcile_app.core.mapping_rules import MappingRules
from reconcile_app.core.offered import Offered, code_offered
from reconcile_app.core.settings import CompareOptions
from reconcile_app.core.snapshot import BillingSnapshot, PsaSnapshot
from reconcile_app.core.texts import filled


@dataclass(frozen=True, slots=True, kw_only=True)
class LastPush:
    """The last quantity we pushed to a line and verified."""

    quantity: int
    pushed_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """Everything a comparison is a function of. The same basis gives the same run, byte for byte.

    ``last_pushed`` is by line id. ``decisions`` is by row key: true where the operator ticked, false where they unticked.
    ``open_lines`` are line ids with an op in doubt → the reason; for a line that was being created its ``Change.line_key``.
    ``customer_key`` is ``customer`` or ``bill_to``.
    """

    run_id: str
    created: datetime
    options: CompareOptions
    effective_date: date
    today: date
    billing: BillingSnapshot
    psa: PsaSnapshot
    rules: MappingRules
    customer_key: str = "customer"
    last_pushed: Mapping[str, LastPush] = field(default_factory=dict)
    open_lines: Mapping[str, str] = field(default_factory=dict)
    decisions: Mapping[str, bool] = field(default_factory=dict)
    retried: tuple[str, ...] = ()
    """Customers that were read again alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Both sides coded: what depends on the fetch alone and is kept while the operator mends mappings."""

    billed: Billed
    offered: Offered
    claims: Claims


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The counts of the summary cards.

    ``raised_units`` and ``lowered_units`` are ten-thousandths over pre-selectable rows;
    ``lowered_units`` is zero or negative. ``money_per_period`` is the money difference of the selected rows, ten-thousandths.
    ``compared_value_percent`` is how much of the billed value could be compared, rounded down; what has no price weighs as
    much as the average.
    """

    rows: int
    equal: int
    raised: int
    lowered: int
    add: int
    zero: int
    missing: int
    blocked: int
    ignored: int
    unknown: int
    psa_only: int
    selected: int
    raised_units: int
    lowered_units: int
    money_per_period: int
    compared_value_percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A finished comparison. Frames: ``COMPARISON``, ``MAPPED_LINES`` (with ``part_row``: position of the comparison row of each
    billed line, −1 for none), ``FINDINGS``, ``LOG``, ``IGNORED``."""

    basis: Basis
    rows: pd.DataFrame
    mapped: pd.DataFrame
    part_row: "pd.Series[int]"
    findings: pd.DataFrame
    log: pd.DataFrame
    ignored: pd.DataFrame
    summary: Summary
    prepared: Prepared | None = field(default=None, repr=False, compare=False)
    """Kept so that the same fetch need not be coded again."""

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self.basis.run_id


def prepare(basis: Basis) -> Prepared:
    """Code both sides of a fetch."""
    billed = code_billed(basis.billing, basis.customer_key, basis.options.customers_filter)
    offered = code_offered(basis.psa)
    customers = basis.billing.customers
    # With paying customers matched, a consuming one that carries the same identifier takes nothing away.
    known = (
        ()
        if basis.customer_key == "bill_to"
        else zip(filled(customers["customer_code"]), filled(customers["billing_identifier"]), strict=True)
    )
    return Prepared(billed=billed, offered=offered, claims=claims_of(billed, offered.companies, known))
