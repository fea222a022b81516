"""The operator's desk: everything the window and the command line can ask for, in one place.

``Desk`` is the protocol that window and command line know; ``session.Session`` implements it. It holds no widgets and no files.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import pandas as pd

from reconcile_app.core.basis import Run
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.mapping_rules import CustomerRule, IgnoreRule, LineRule, MappingRules, ProductRule
from reconcile_app.core.period import Period
from reconcile_app.core.plan import Plan
from reconcile_app.core.ports import ConnectorSpec, PermissionCheck, ProgressSink
from reconcile_app.core.settings import CompareOptions, Connection, Limits
from reconcile_app.core.undo import UndoReview


class Health(StrEnum):
    """State of a connection, for its light."""

    OK = "ok"
    LIMITED = "limited"
    """Can read; some permission is missing."""
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """A connection as its card shows it. ``stored_secrets`` are names of secrets that are stored (never values)."""

    connection: Connection
    spec: ConnectorSpec
    health: Health
    words: str
    checked: datetime | None
    checks: tuple[PermissionCheck, ...]
    stored_secrets: frozenset[str]
    sandbox: bool
    """The address is loopback: the sample-data banner is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A saved run in the history list. Money in ten-thousandths."""

    run_id: str
    created: datetime
    period: Period
    billing: str
    psa: str
    rows: int
    warnings: int
    money_per_period: int
    complete: bool
    result: str
    """``compared``, ``finished``, ``finished, 2 open``, ``finished, 1 line ended without a new one``, ``finished, undone``,
    ``finished, partly undone``, ``refused``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A likely target of a mapping. ``score`` 0–100; ``exact`` after normalising; ``reason`` in words."""

    target_id: str
    target_name: str
    score: int
    exact: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEffect:
    """What a mapping rule would do before it is saved: billed lines it would newly match, lose, and still leave unmatched."""

    matched: int
    lost: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PushView:
    """A push while it runs and when it is over. ``result`` is empty while running, then ``finished``, ``finished, n open``,
    ``finished, n lines ended without a new one`` or ``refused``.

    ``stages`` is op id → words (waiting, checking, sending, confirming, done, was changed meanwhile, refused, in doubt)."""

    plan: Plan
    ops: tuple[OpRecord, ...]
    stages: Mapping[str, str]
    calls_left: int | None
    result: str
    message: str = ""


PushListener = Callable[[PushView], None]


class Desk(Protocol):
    """What an operator can do. Work that takes more than moments is done off the calling thread."""

    # connections -------------------------------------------------------------------------------------------------------------
    def specs(self) -> tuple[ConnectorSpec, ...]:
        """Every system that can be connected."""

    def connections(self) -> list[ConnectionView]:
        """Every configured connection, as its card shows it."""

    def save_connection(self, name: str, kind: str, values: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        """Add or replace a connection; an empty secret keeps the stored one."""

    def remove_connection(self, name: str) -> None:
        """Remove a connection with its secrets, mappings and runs."""

    async def verify(self, name: str) -> ConnectionView:
        """Run every permission check in one pass."""

    async def offers(
        self, kind: str, values: Mapping[str, str], secrets: Mapping[str, str], name: str = ""
    ) -> Mapping[str, tuple[str, ...]]:
        """What a system offers for the settings of a connection to it, which need not be saved: field name → values. Secrets that
        are not given are those of the saved connection ``name``."""

    async def periods(self, billing: str) -> list[Period]:
        """The periods a billing source knows, newest first."""

    @property
    def secrets_note(self) -> str:
        """Empty, or why secrets are kept for this session only."""

    # comparing ---------------------------------------------------------------------------------------------------------------
    async def compare(self, billing: str, psa: str, options: CompareOptions, progress: ProgressSink) -> Run:
        """Read both sides, compare them, keep the run."""

    async def recheck(self, customers: Collection[str], progress: ProgressSink) -> Run:
        """Re-read these customers only and merge them into the current run (RC14)."""

    @property
    def run(self) -> Run | None:
        """The comparison on the desk."""

    async def open_run(self, run_id: str) -> Run:
        """A saved run as it was, offline."""

    def runs(self) -> list[RunView]:
        """Saved runs, newest first."""

    async def evidence(self, row_key: str) -> pd.DataFrame:
        """User-level rows behind a row (columns: user, service, plan, action, from, until, by, share)."""

    def line_history(self, row_key: str) -> pd.DataFrame:
        """Runs and pushes that touched the row (columns: time, run_id, period_end, billed, contract, pushed, result)."""

    def notes(self) -> dict[str, str]:
        """What was written beside rows of this pair of connections, by row key."""

    def save_note(self, key: str, text: str) -> None:
        """Write beside a row; empty text takes the note away."""

    async def alarms(self) -> dict[str, str]:
        """Lines of the run on the desk that an earlier write may have hit twice or late: line id → what was seen, in words."""

    # mapping and decisions; every one of these re-runs the comparison without network and returns the new run ----------------
    @property
    def rules(self) -> MappingRules:
        """The mapping rules and ignore rules in force."""

    async def map_customer(self, rule: CustomerRule) -> Run:
        """Say where a customer belongs."""

    async def map_product(self, rule: ProductRule) -> Run:
        """Say which service a SKU means."""

    async def map_line(self, rule: LineRule) -> Run:
        """Say which line one customer's SKU belongs to."""

    async def unmap(self, rule: CustomerRule | ProductRule | LineRule) -> Run:
        """Take a mapping back."""

    async def ignore(self, rules: Sequence[IgnoreRule]) -> Run:
        """Leave rows alone on purpose."""

    async def unignore(self, keys: Collection[str]) -> Run:
        """Look at rows again."""

    async def mark_waiting(self, customer_code: str, field: str) -> Run:
        """Changed in the billing source, not reprocessed yet (RC11); an empty field clears it."""

    async def decide(self, keys: Collection[str], selected: bool) -> Run:
        """Tick or untick rows."""

    async def apply_decisions(self, path: Path) -> Run:
        """Tick what an Excel log of the run on the desk says *push* for in its Decision column, untick what it says *leave* for.

        One step for undo. Raises WrongUse or StorageError when it cannot be read, PlanRefused when it belongs to another
        comparison.
        """

    async def set_options(self, options: CompareOptions) -> Run:
        """Options that need no network: allow_create, zero_removed, overwrite_cost, log_level."""

    async def undo(self) -> Run:
        """Take the last decision back."""

    async def redo(self) -> Run:
        """Do it again."""

    @property
    def can_undo(self) -> str:
        """What Ctrl+Z would take back, in words; empty: nothing."""

    @property
    def can_redo(self) -> str:
        """What Ctrl+Y would do again, in words; empty: nothing."""

    async def companies(self) -> pd.DataFrame:
        """COMPANIES: every active company of the PSA (asked once, then kept)."""

    async def contracts_of(self, company_id: str) -> pd.DataFrame:
        """CONTRACTS of the company."""

    async def lines_of(self, contract_id: str) -> pd.DataFrame:
        """CONTRACT_LINES of the contract."""

    def services(self) -> pd.DataFrame:
        """SERVICES of the current run."""

    def suggest_companies(self, customer_code: str, companies: pd.DataFrame) -> list[Suggestion]:
        """Likely companies of a customer, best first."""

    def suggest_services(self, sku: str) -> list[Suggestion]:
        """Likely services of a SKU, best first."""

    def effect(self, rule: CustomerRule | ProductRule | LineRule) -> RuleEffect:
        """What a rule would do, before it is saved."""

    # pushing -----------------------------------------------------------------------------------------------------------------
    async def review(self, limits: Limits | None = None, customers: Collection[str] = ()) -> Plan:
        """Fresh read of every selected line (of these customers; empty: all); freezes what can be pushed. Raises PlanRefused when
        nothing can."""

    async def push(self, plan: Plan, typed: str, listener: PushListener) -> PushView:
        """Carry out a plan, also one that undoes. ``typed`` is what the operator typed (the number of lines) where
        plan.confirm_reasons asks for it."""

    async def review_undo(self, run_id: str, limits: Limits | None = None, customers: Collection[str] = ()) -> UndoReview:
        """What can be undone of a push, or of the newest push of a comparison, of these customers (empty: all). Puts its comparison
        on the desk; its plan goes through ``push``. Raises NotFound, WrongUse."""

    async def stop_push(self) -> None:
        """Stop after the current change."""

    async def open_ops(self) -> list[OpRecord]:
        """Ops that are not settled, over all runs of the current PSA."""

    async def close_op(self, op_id: str, applied: bool, reason: str) -> None:
        """A person decides what became of an op in NEEDS_REVIEW."""

    async def recover(self) -> list[OpRecord]:
        """At start: settle what a crash left; returns the ops that were found open, as they are now."""

    @property
    def recovery_words(self) -> str:
        """What the last ``recover`` came to, in a sentence or two; empty: nothing was found."""

    @property
    def journal_problems(self) -> tuple[str, ...]:
        """What is wrong with journals that could not be read when they were last looked at, in sentences."""

    # export ------------------------------------------------------------------------------------------------------------------
    async def export(self, path: Path) -> Path:
        """Writes the Excel log; the path it was really written to (another name when the file was open elsewhere)."""
