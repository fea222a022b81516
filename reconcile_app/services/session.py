"""An operator's session: one comparison on the desk at a time, and everything that can be done with it.

Implements ``desk.Desk`` by handing each request to the service that knows about it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from reconcile_app.core.basis import Run
from reconcile_app.core.errors import NotFound
from reconcile_app.core.history import RowNote, StoredRun
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.mapping_rules import CustomerRule, IgnoreRule, LineRule, MappingRules, ProductRule
from reconcile_app.core.period import Period
from reconcile_app.core.plan import Dropped, Plan
from reconcile_app.core.ports import Clock, ConnectorSpec, ProgressSink
from reconcile_app.core.report import PushReport
from reconcile_app.core.settings import CompareOptions, Limits
from reconcile_app.core.sheet import Origin
from reconcile_app.core.sheets import sheets
from reconcile_app.core.undo import UndoReview
from reconcile_app.services.comparing import Comparing
from reconcile_app.services.connections import Connections
from reconcile_app.services.desk import ConnectionView, PushListener, PushView, RuleEffect, RunView, Suggestion
from reconcile_app.services.evidence_reading import read_evidence
from reconcile_app.services.finding_targets import Targets, effect_of, suggest_companies, suggest_services
from reconcile_app.services.pushes import Pushes
from reconcile_app.services.recovery import RecoverySummary
from reconcile_app.services.stores import DecisionReader, SnapshotStore, WorkbookWriter, WorkspaceStore
from reconcile_app.services.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What is kept on this computer, as the session needs it."""

    workspace: WorkspaceStore
    snapshots: SnapshotStore
    write_workbook: WorkbookWriter
    read_decisions: DecisionReader


class Session:
    """See ``desk.Desk``."""

    def __init__(
        self, connections: Connections, pushes: Pushes, stores: Stores, clock: Clock, *, operator: str, machine: str, version: str
    ) -> None:
        self._connections = connections
        self._pushes = pushes
        self._stores = stores
        self._clock = clock
        self._operator = operator
        self._machine = machine
        self._version = version
        self._workspace = Workspace(stores.workspace, stores.snapshots)
        self._targets = Targets(connections)
        self._comparing = Comparing(connections, pushes, self._workspace, stores.workspace, stores.snapshots, clock)
        self._reports: dict[str, list[PushReport]] = {}
        self._recovery_words = ""

    # connections -------------------------------------------------------------------------------------------------------------

    def specs(self) -> tuple[ConnectorSpec, ...]:
        """Every system that can be connected."""
        return self._connections.specs

    def connections(self) -> list[ConnectionView]:
        """Every configured connection."""
        return self._connections.views()

    def connection(self, name: str) -> ConnectionView:
        """One connection.

        Raises:
            NotFound: there is none of this name.
        """
        return self._connections.view(name)

    def save_connection(self, name: str, kind: str, values: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        """Add or replace a connection; an empty secret keeps the stored one."""
        self._connections.save(name, kind, values, secrets)

    def remove_connection(self, name: str) -> None:
        """Remove a connection with its secrets, its mappings and its runs."""
        for run in self._stores.workspace.runs():
            if name in (run.billing, run.psa):
                self._stores.snapshots.delete(run.run_id)
                self._stores.workspace.delete_run(run.run_id)
        self._stores.workspace.forget_connection(name)
        self._connections.remove(name)

    async def verify(self, name: str) -> ConnectionView:
        """Run every permission check of a connection."""
        return await self._connections.verify(name)

    async def offers(
        self, kind: str, values: Mapping[str, str], secrets: Mapping[str, str], name: str = ""
    ) -> Mapping[str, tuple[str, ...]]:
        """What a system offers for the settings of a connection to it."""
        return await self._connections.offers(kind, values, secrets, name)

    async def periods(self, billing: str) -> list[Period]:
        """The periods a billing source knows, newest first."""
        _, _, port = await self._connections.open_billing(billing, _unwatched)
        try:
            return await port.periods()
        finally:
            await port.aclose()

    @property
    def secrets_note(self) -> str:
        """Empty, or why secrets are kept for this session only."""
        return self._connections.secrets_note

    # comparing ---------------------------------------------------------------------------------------------------------------

    @property
    def run(self) -> Run | None:
        """The comparison on the desk."""
        return self._workspace.run

    async def compare(self, billing: str, psa: str, options: CompareOptions, progress: ProgressSink) -> Run:
        """Read both sides, compare them, keep the run."""
        return await self._comparing.compare(billing, psa, options, progress)

    async def recheck(self, customers: Collection[str], progress: ProgressSink) -> Run:
        """Read a few customers again."""
        return await self._comparing.recheck(customers, progress)

    async def open_run(self, run_id: str) -> Run:
        """A saved run as it was, offline."""
        return await self._comparing.open_run(run_id)

    def runs(self) -> list[RunView]:
        """Saved runs, newest first."""
        return [_run_view(run) for run in self._stores.workspace.runs()]

    async def evidence(self, row_key: str) -> pd.DataFrame:
        """The users, services, dates and actors behind a row, asked of the billing source."""
        return await read_evidence(self._connections, self._required(), row_key)

    def line_history(self, row_key: str) -> pd.DataFrame:
        """Runs and pushes that touched a row."""
        return self._comparing.history.of(self._required(), row_key)

    def notes(self) -> dict[str, str]:
        """What was written beside rows, by row key."""
        run = self._workspace.run
        return {} if run is None else {key: note.text for key, note in self._stores.workspace.notes(*_pair(run)).items()}

    def save_note(self, key: str, text: str) -> None:
        """Write beside a row; empty text takes the note away."""
        note = RowNote(key=key, text=text, by=self._operator, created=self._clock.now())
        self._stores.workspace.save_note(*_pair(self._required()), note)

    async def alarms(self) -> dict[str, str]:
        """Lines that an earlier write may have hit twice or late."""
        run = self._workspace.run
        return {} if run is None else dict((await self._pushes.look(run)).alarms)

    # mapping and decisions ---------------------------------------------------------------------------------------------------

    @property
    def rules(self) -> MappingRules:
        """The rules in force."""
        return self._workspace.rules

    async def map_customer(self, rule: CustomerRule) -> Run:
        """Say where a customer belongs."""
        return await self._workspace.map_customer(rule)

    async def map_product(self, rule: ProductRule) -> Run:
        """Say which service a SKU means."""
        return await self._workspace.map_product(rule)

    async def map_line(self, rule: LineRule) -> Run:
        """Say which line one customer's SKU belongs to."""
        return await self._workspace.map_line(rule)

    async def unmap(self, rule: CustomerRule | ProductRule | LineRule) -> Run:
        """Take a mapping back."""
        return await self._workspace.unmap(rule)

    async def ignore(self, rules: Sequence[IgnoreRule]) -> Run:
        """Leave rows alone on purpose."""
        return await self._workspace.ignore(rules)

    async def unignore(self, keys: Collection[str]) -> Run:
        """Look at rows again."""
        return await self._workspace.unignore(keys)

    async def mark_waiting(self, customer_code: str, field: str) -> Run:
        """Changed in the billing source, not reprocessed yet; an empty field clears it."""
        return await self._workspace.mark_waiting(customer_code, field)

    async def decide(self, keys: Collection[str], selected: bool) -> Run:
        """Tick or untick rows."""
        return await self._workspace.decide(keys, selected)

    async def apply_decisions(self, path: Path) -> Run:
        """Take over the decisions of an edited Excel log."""
        self._required()
        return await self._workspace.take_back(await asyncio.to_thread(self._stores.read_decisions, path))

    async def set_options(self, options: CompareOptions) -> Run:
        """Change an option that needs no network."""
        return await self._workspace.set_options(options)

    async def undo(self) -> Run:
        """Take the last decision back."""
        return await self._workspace.undo()

    async def redo(self) -> Run:
        """Do it again."""
        return await self._workspace.redo()

    @property
    def can_undo(self) -> str:
        """What undo would take back."""
        return self._workspace.can_undo

    @property
    def can_redo(self) -> str:
        """What redo would do again."""
        return self._workspace.can_redo

    async def companies(self) -> pd.DataFrame:
        """Every active company of the PSA."""
        return await self._targets.companies(self._required())

    async def contracts_of(self, company_id: str) -> pd.DataFrame:
        """Contracts of a company."""
        return await self._targets.contracts_of(self._required(), company_id)

    async def lines_of(self, contract_id: str) -> pd.DataFrame:
        """Lines of a contract."""
        return await self._targets.lines_of(self._required(), contract_id)

    def services(self) -> pd.DataFrame:
        """The catalog of the PSA."""
        return self._required().basis.psa.services

    def suggest_companies(self, customer_code: str, companies: pd.DataFrame) -> list[Suggestion]:
        """Likely companies of a customer."""
        return suggest_companies(self._required(), customer_code, companies)

    def suggest_services(self, sku: str) -> list[Suggestion]:
        """Likely services of a SKU."""
        return suggest_services(self._required(), sku)

    def effect(self, rule: CustomerRule | ProductRule | LineRule) -> RuleEffect:
        """What a rule would do before it is saved."""
        return effect_of(self._required(), rule)

    # pushing -----------------------------------------------------------------------------------------------------------------

    async def review(self, limits: Limits | None = None, customers: Collection[str] = ()) -> Plan:
        """Read every selected line (of these customers) again and freeze what can be pushed."""
        return await self._pushes.review(self._required(), limits or Limits(), customers)

    async def push(self, plan: Plan, typed: str, listener: PushListener) -> PushView:
        """Carry out a plan."""
        run = self._required()
        view, head = await self._pushes.push(run, plan, typed, listener)
        self._reports.setdefault(run.run_id, []).append(self._pushes.report(run, plan, view, head))
        return view

    async def review_undo(self, run_id: str, limits: Limits | None = None, customers: Collection[str] = ()) -> UndoReview:
        """What can be undone of a push, or of the newest push of a comparison; its comparison is put on the desk."""
        known = any(run.run_id == run_id for run in await asyncio.to_thread(self._stores.workspace.runs))
        source = run_id if known else await self._pushes.source_of(run_id)
        run = self._workspace.run
        if run is None or run.run_id != source:
            run = await self.open_run(source)
        return await self._pushes.review_undo(run, run_id, limits or Limits(), customers)

    async def stop_push(self) -> None:
        """Stop after the current change."""
        await self._pushes.stop()

    async def open_ops(self) -> list[OpRecord]:
        """Ops that are not settled."""
        return await self._pushes.open_ops()

    async def close_op(self, op_id: str, applied: bool, reason: str) -> None:
        """A person decides what became of an op."""
        await self._pushes.close_op(op_id, applied, reason)

    async def recover(self) -> list[OpRecord]:
        """Settle what interrupted pushes left; the ops that were found, as they are now."""
        summaries = await self.recover_all()
        found = {op.op_id for summary in summaries for op in summary.found}
        return [op for summary in summaries for op in summary.ops if op.op_id in found]

    async def recover_all(self) -> list[RecoverySummary]:
        """As ``recover``, with everything that is known about each tenant."""
        summaries = await self._pushes.recover()
        self._recovery_words = " ".join(summary.words for summary in summaries if summary.words)
        return summaries

    @property
    def recovery_words(self) -> str:
        """What the last recovery came to, in words."""
        return self._recovery_words

    @property
    def journal_problems(self) -> tuple[str, ...]:
        """What is wrong with journals that could not be read when they were last looked at."""
        return self._pushes.problems

    async def pushed(self) -> list[PushReport]:
        """What was pushed from the run on the desk and undone, as the journal has it."""
        return await self._pushes.reports(self._required())

    def reports(self, run_id: str) -> list[PushReport]:
        """What was pushed from a run in this session."""
        return self._reports.get(run_id, [])

    def refused_log(self, dropped: Sequence[Dropped]) -> pd.DataFrame:
        """``LOG`` of a push of the run on the desk that was refused because every change was dropped."""
        return self._pushes.refused_log(self._required(), dropped)

    # export ------------------------------------------------------------------------------------------------------------------

    async def export(self, path: Path) -> Path:
        """Write the Excel log of the run on the desk."""
        run, written = self._required(), self._clock.now()
        origin = Origin(operator=self._operator, machine=self._machine, version=self._version, written=written)
        reports = await self._pushes.reports(run) or self.reports(run.run_id)
        unread = self._pushes.unread(run)
        return await asyncio.to_thread(lambda: self._stores.write_workbook(path, sheets(run, reports, origin, unread), written))

    # ---------------------------------------------------------------------------------------------------------------------------

    def _required(self) -> Run:
        run = self._workspace.run
        if run is None:
            raise NotFound("There is no comparison yet.", next_step="Compare first, or open a saved run.")
        return run


def _pair(run: Run) -> tuple[str, str]:
    return run.basis.billing.side.connection, run.basis.psa.side.connection


def _run_view(stored: StoredRun) -> RunView:
    return RunView(
        run_id=stored.run_id,
        created=stored.created,
        period=Period(stored.period_start, stored.period_end),
        billing=stored.billing,
        psa=stored.psa,
        rows=stored.rows,
        warnings=stored.warnings,
        money_per_period=stored.money,
        complete=stored.complete,
        result=stored.result,
    )


def _unwatched(progress: object) -> None:
    """The list of periods is one call; nobody watches its pages."""
