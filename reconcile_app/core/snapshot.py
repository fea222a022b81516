"""What was fetched: both sides of a comparison, as they were read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from reconcile_app.core.findings import Kind
from reconcile_app.core.period import Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """How the reading of one side went.

    ``complete`` is false as soon as anything is missing. ``error`` says why, in words. ``calls`` counts requests, retries included.
    ``unread`` names the parts that are missing where the rest could be read: billing: customer code → reason; PSA: company id or
    contract id (as ``company:174``, ``contract:29684183``) → reason. An incomplete side that names no part is unknown as a whole.
    ``failure`` is the kind that the log tells when the side could not be reached or understood at all. ``permissions`` are those
    that the account lacks, as the vendor calls them: by the last check of the connection, or because a reading was refused.
    """

    connection: str
    kind: str
    title: str
    complete: bool
    rows: int
    calls: int
    error: str = ""
    unread: Mapping[str, str] = field(default_factory=dict)
    failure: Kind | None = None
    permissions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingSnapshot:
    """What the billing source said. ``previous`` and its rows are absent where there is no earlier period.

    ``lines`` and ``previous_lines`` are ``BILLED_LINES``, ``customers`` is ``CUSTOMERS``, ``rejected`` is ``REJECTED``.
    """

    side: Side
    period: Period
    current: Period
    """The open period."""
    previous: Period | None
    previous_complete: bool
    lines: pd.DataFrame
    previous_lines: pd.DataFrame
    customers: pd.DataFrame
    rejected: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class PsaSnapshot:
    """What the PSA said, on the effective date.

    Frames: ``COMPANIES``, ``CONTRACTS``, ``SERVICES``, ``CONTRACT_LINES``, ``REJECTED``.
    """

    side: Side
    tenant: str
    """Fingerprint of the tenant, as in the journal."""
    contract_type: str
    whole_units: bool
    sku_is_number: bool
    """The SKU is compared with a whole number (RC10 otherwise)."""
    sku_field: str
    companies: pd.DataFrame
    contracts: pd.DataFrame
    services: pd.DataFrame
    lines: pd.DataFrame
    rejected: pd.DataFrame
