"""The ports: what core and services ask of connectors, storage and the clock.

Connectors and storage implement them; ``tests/fakes`` holds fakes with state. All methods that wait are async.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

import pandas as pd

from reconcile_app.core.changes import Change
from reconcile_app.core.codes import code_table
from reconcile_app.core.findings import CodeTable
from reconcile_app.core.ids import canonical_json, sha256_hex
from reconcile_app.core.judge import OutcomeClass
from reconcile_app.core.period import Period
from reconcile_app.core.settings import Connection, SettingField


class Role(StrEnum):
    """Which side a connector serves."""

    BILLING = "billing"
    PSA = "psa"
    NEITHER = "neither"
    """Stands for a connector that this program does not have."""


class WriteSemantics(StrEnum):
    """How the PSA takes a quantity."""

    DELTA = "delta"
    SET = "set"
    DOCUMENT = "document"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a PSA connector can do."""

    writes: WriteSemantics
    creates_lines: bool
    sets_unit_cost: bool
    has_effective_dates: bool
    whole_units: bool
    quantity_is: str = "live"
    """``live``, ``last invoiced`` or ``unknown``."""


class CheckResult(StrEnum):
    """Result of one permission check."""

    OK = "ok"
    MISSING = "missing"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionCheck:
    """One permission: ``name`` as the vendor calls it, ``needed_for`` in our words, ``grant`` says what to grant and where."""

    name: str
    needed_for: str
    result: CheckResult
    grant: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Rows that were read.

    ``frame`` has the schema the port method names, ``rejected`` is ``REJECTED``. ``complete`` is false when any part is missing;
    ``unread`` then names the parts (see ``run.Side.unread``) and ``error`` the first reason.
    """

    frame: pd.DataFrame
    rejected: pd.DataFrame
    complete: bool = True
    error: str = ""
    unread: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a reading is. ``entity`` in the vendor's word; ``page`` and ``pages`` where known; ``calls`` made so far on this
    side, ``calls_expected`` the current estimate."""

    side: str
    entity: str
    rows: int
    page: int = 0
    pages: int = 0
    calls: int = 0
    calls_expected: int = 0


ProgressSink = Callable[[Progress], None]


class Clock(Protocol):
    """Time, injectable."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""

    def today(self) -> date:
        """The local date of this computer."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class BillingPort(Protocol):
    """A billing source."""

    async def check(self) -> list[PermissionCheck]:
        """Everything that can be known about this connection in one pass: reachability, token expiry, number of periods."""

    async def periods(self) -> list[Period]:
        """Every known period, newest first."""

    async def customers(self) -> Fetched:
        """``CUSTOMERS``."""

    async def invoice(self, period: Period, customers: Collection[str] = ()) -> Fetched:
        """``BILLED_LINES`` of the period; ``customers`` restricts to these codes (empty: all)."""

    async def summary(self, period: Period) -> pd.DataFrame:
        """Summary rows with text columns as the source names them in our dictionary (customer_code, sku, summary_description,
        quantity, prior_quantity, difference, billable)."""

    async def detail(self, period: Period, customer: str) -> pd.DataFrame:
        """User-level rows behind a customer's lines: the evidence. Text columns in our names."""

    async def analysis(self, period: Period, customer: str) -> pd.DataFrame:
        """As ``detail``, with the share of the period (``duration_percent`` as text, always 0–100)."""

    @property
    def calls(self) -> int:
        """Requests made so far, retries included."""

    async def aclose(self) -> None:
        """Release the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One PSA database. ``fingerprint`` is a digest of origin and tenant id; ``label`` is for people.

    ``clock_skew`` is this computer's time minus the server's, in seconds, where the server sent a date.
    """

    fingerprint: str
    label: str
    clock_skew: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Calls of the tenant: ``used`` of ``allowed`` in the running window, all integrations together; ``share`` is how much of the
    allowance this program may take (0–1)."""

    used: int
    allowed: int
    window_minutes: int
    share: float

    @property
    def remaining(self) -> int:
        """Calls this program may still make: within its share, and never past three quarters of the tenant's allowance."""
        return max(0, min(int(self.allowed * self.share), int(self.allowed * 0.75) - self.used))


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceItem:
    """One record the PSA keeps about a line: for Autotask a unit row. ``quantity`` is in ten-thousandths; ``mark`` holds anything
    else that must not change unseen (posted on, cancelled on …)."""

    id: str
    start: str
    end: str
    quantity: int
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineState:
    """A fresh reading of one line.

    ``present``: the line exists and belongs to the contract. ``quantity``: in force on the effective date (0 when the line exists
    and has no unit row). ``blocked``: why nothing may be written now, in words, or empty. ``evidence``: everything the PSA keeps
    about the line from the period of the effective date on, in order. ``neighbours``: digest of the other lines of the same
    contract.
    ``attribution``: who touched it last, where the PSA tells; never part of the digest.
    ``posted_until``/``pending``: for the review.

    For a PSA whose lines may be replaced (``ConnectorSpec.replaces``): ``in_place`` says why the quantity of this line is changed
    in place all the same, in words. For ``REPLACE_LINE`` the reading leaves the line that is replaced out, so that it says the same
    before and after the end of that line; ``takes_over`` is what the new line takes from it, in the connector's own writing, and
    ``unmet`` what has to be so before the new line may be made, or empty.
    """

    line_id: str
    present: bool
    quantity: int
    unit_cost: int | None = None
    blocked: str = ""
    evidence: tuple[EvidenceItem, ...] = ()
    neighbours: str = ""
    attribution: str = ""
    posted_until: date | None = None
    pending_quantity: int | None = None
    pending_date: date | None = None
    in_place: str = ""
    takes_over: str = ""
    unmet: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 over everything that must not change between approval and write."""
        return sha256_hex(
            canonical_json(
                {
                    "line": self.line_id,
                    "present": self.present,
                    "quantity": self.quantity,
                    "cost": self.unit_cost,
                    "evidence": [[e.id, e.start, e.end, e.quantity, e.mark] for e in self.evidence],
                    **({"takes_over": self.takes_over} if self.takes_over else {}),
                }
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedWrite:
    """The exact request, before it is sent: the journal stores method, path and the digest of the body."""

    method: str
    path: str
    body: bytes

    @property
    def body_sha256(self) -> str:
        """SHA-256 of the body."""
        return sha256_hex(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a write's answer proves. ``message`` quotes the server, redacted, at most 500 characters. ``retry_after`` in seconds.
    ``answer`` is the redacted body, at most 64 KiB, for the journal. ``contradicts``: the PSA confirmed something else
    than was sent."""

    outcome: OutcomeClass
    message: str = ""
    status: int | None = None
    receipt: str = ""
    retry_after: float | None = None
    answer: str = ""
    contradicts: bool = False


class PsaPort(Protocol):
    """A PSA. Reading methods may be retried; ``write`` transmits exactly once and never raises for what the wire does."""

    async def check(self) -> list[PermissionCheck]:
        """Every permission this program needs, in one pass."""

    async def tenant(self) -> Tenant:
        """Which database this is, asked of the API."""

    async def budget(self) -> Budget | None:
        """The tenant's call allowance, or None where the PSA does not tell."""

    async def companies(self, identifiers: Collection[str] | None, ids: Collection[str] = ()) -> Fetched:
        """``COMPANIES`` whose match value is one of ``identifiers``, and those with these ids; ``None``: all active ones."""

    async def contracts(self, company_ids: Collection[str], at: date) -> Fetched:
        """``CONTRACTS`` of the wanted kind of these companies."""

    async def services(self) -> Fetched:
        """``SERVICES``: the catalogue."""

    async def lines(self, contract_ids: Collection[str], at: date) -> Fetched:
        """``CONTRACT_LINES`` with the quantity in force on ``at``. ``company_id``, ``service_name`` may be absent; the
        caller fills them from contracts and catalogue."""

    async def read_lines(self, changes: Sequence[Change]) -> dict[str, LineState]:
        """Fresh states by ``Change.line_key``, for the review; as few calls as possible.

        The end of a line (``CANCEL_LINE``) is planned on the reading for the change of its quantity: the two have one digest.

        Raises:
            SideUnreadable: a state could not be read; none is returned then.
        """

    async def read_line(self, change: Change) -> LineState:
        """A fresh state of one line.

        Raises:
            SideUnreadable: it could not be read, which proves nothing.
        """

    def prepare(self, change: Change, state: LineState) -> PreparedWrite:
        """The request that makes the change, given the state just read. Pure.

        Raises:
            PlanRefused: the PSA cannot take this change (fractions, below zero …).
        """

    async def write(self, prepared: PreparedWrite) -> Outcome:
        """Send once: no retry, no redirect, no kept-alive connection."""

    async def renew(self) -> None:
        """Renew the sign-in once, where there is something to renew; otherwise nothing."""

    @property
    def calls(self) -> int:
        """Requests made so far, retries included."""

    async def aclose(self) -> None:
        """Release the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildContext:
    """What a connector is given besides its settings."""

    clock: Clock
    progress: ProgressSink


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorSpec:
    """A connector's own description: the one entry of the registry.

    ``vocabulary`` gives the vendor's words (``company``, ``contract``, ``line``, ``service``). ``contract_type`` names the kind of
    contract for messages, or reads it from a setting. ``sku_is_number`` says for a connection whether SKUs must be whole numbers.
    ``company_url`` builds an https address of a company in the PSA's own pages, or "". ``replaces`` says for a connection whether
    the quantity of a line is changed by ending the line and making a new one. ``offers`` reads what the system itself offers for
    fields with ``SettingField.offered``: field name → values; it raises what building and reading raise.
    """

    key: str
    title: str
    role: Role
    fields: tuple[SettingField, ...]
    build_billing: Callable[[Connection, BuildContext], Awaitable[BillingPort]] | None = None
    build_psa: Callable[[Connection, BuildContext], Awaitable[PsaPort]] | None = None
    capabilities: Capabilities | None = None
    codes: CodeTable = field(default_factory=dict)
    vocabulary: Mapping[str, str] = field(default_factory=dict)
    contract_type: Callable[[Connection], str] = lambda connection: ""
    sku_field: Callable[[Connection], str] = lambda connection: "sku"
    sku_is_number: Callable[[Connection], bool] = lambda connection: False
    company_url: Callable[[Connection, str], str] = lambda connection, company_id: ""
    replaces: Callable[[Connection], bool] = lambda connection: False
    offers: Callable[[Connection, BuildContext], Awaitable[Mapping[str, tuple[str, ...]]]] | None = None

    @property
    def every_code(self) -> CodeTable:
        """Its own codes and those that every PSA shares, these in its own words."""
        return code_table(self.codes, self.vocabulary)
