"""Pushing from the desk: review, push, stop, what is open, recovery. One push at a time.

The journal and the tenant's lock are held only while one of these is under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress

import pandas as pd

from reconcile_app.core.basis import Run
from reconcile_app.core.changes import ChangeKind, build_changes
from reconcile_app.core.errors import Busy, NotFound, PlanRefused, ReconcileError, StorageError
from reconcile_app.core.ids import new_run_id
from reconcile_app.core.journal import JournalPort, OpRecord, RunRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.period_bound import check_period
from reconcile_app.core.plan import Dropped, Fresh, Plan, draft, unread_rows
from reconcile_app.core.plan_kinds import PUSH
from reconcile_app.core.ports import Clock, ConnectorSpec, Progress, PsaPort
from reconcile_app.core.push_log import push_log
from reconcile_app.core.replacing import with_successors
from reconcile_app.core.report import PushReport
from reconcile_app.core.settings import Connection, Limits
from reconcile_app.core.undo import UndoReview
from reconcile_app.core.undo_journal import JournalRun, overall_result
from reconcile_app.services.connections import Connections
from reconcile_app.services.desk import PushListener, PushView
from reconcile_app.services.journal_view import NOTHING, JournalView, open_words, view_of
from reconcile_app.services.outcome import result_of
from reconcile_app.services.push import Push, check_tenant
from reconcile_app.services.recovery import Recovery, RecoverySummary, close_op
from reconcile_app.services.stores import JournalFactory, SnapshotStore, TenantLockFactory, WorkspaceStore
from reconcile_app.services.tenant_journals import TenantJournals
from reconcile_app.services.undo import ask_journal, journal_runs
from reconcile_app.services.undo import review as review_undo

_WRITTEN = frozenset({OpState.VERIFIED, OpState.CONFIRMED_BY_STATE})


class Pushes:
    """Everything that writes, and everything that looks at what was written."""

    def __init__(
        self,
        connections: Connections,
        journals: JournalFactory,
        locks: TenantLockFactory,
        store: WorkspaceStore,
        snapshots: SnapshotStore,
        clock: Clock,
        *,
        operator: str,
        machine: str,
    ) -> None:
        self._connections = connections
        self._journals = TenantJournals(journals, locks)
        self._store = store
        self._snapshots = snapshots
        self._clock = clock
        self._operator = operator
        self._machine = machine
        self._under_way: Push | None = None
        self._dropped: dict[str, Sequence[Dropped]] = {}

    async def review(self, run: Run, limits: Limits, customers: Collection[str] = ()) -> Plan:
        """Read every selected line again (of these customers; empty: of all) and freeze what can be pushed.

        Raises:
            PlanRefused: nothing can.
            SideUnreadable: the lines could not be read again; nothing was sent.
            Busy: another program is pushing.
        """
        check_period(run.basis, self._clock.today())
        chosen = run.rows["selected"] & run.rows["change"].notna()
        if customers:
            chosen &= run.rows["customer_code"].isin(list(customers))
        keys = run.rows.loc[chosen, "key"].tolist()
        changes = build_changes(run, keys)
        if not changes:
            raise PlanRefused(
                "Nothing is selected.", meaning="Nothing was sent.", next_step="Tick the lines to push, then review again."
            )
        psa = run.basis.psa
        journal = await self._view(run)
        async with self._open(psa.side.connection) as (connection, spec, port):
            if spec.capabilities is None:
                raise PlanRefused("This system takes no changes.", meaning="Nothing was sent.")
            replaces = spec.replaces(connection)
            states = await port.read_lines(with_successors(changes) if replaces else changes)
            budget = await port.budget()
        fresh = Fresh(
            states=states,
            writes=spec.capabilities.writes,
            whole_units=spec.capabilities.whole_units,
            unread=unread_rows(run.rows),
            incomplete=_why_incomplete(run),
            open_lines=journal.open_lines,
            watched=journal.watched,
            budget=budget,
            replaces=replaces,
        )
        now = self._clock.now()
        return draft(
            changes,
            fresh,
            run_id=f"{new_run_id(now)}-push",
            source_run=run.run_id,
            tenant=psa.tenant,
            psa_kind=spec.key,
            created=now,
            effective_date=run.basis.effective_date,
            limits=limits,
            snapshot_sha256=await asyncio.to_thread(self._snapshots.snapshot_sha256, run.run_id),
        )

    async def push(self, run: Run, plan: Plan, typed: str, listener: PushListener) -> tuple[PushView, str]:
        """Carry out a plan; the finished view and the journal's last hash. Stopping works from the first moment on.

        Raises:
            PlanRefused, Busy, SideUnreadable, StorageError: see ``Push.run``; what is open is settled by ``recover``.
        """
        if plan.kind == PUSH:
            check_period(run.basis, self._clock.today())
        if plan.source_run != run.run_id:
            raise PlanRefused(
                "The plan belongs to another comparison.", meaning="Nothing was sent.", next_step="Review the changes again."
            )
        if self._under_way is not None:
            raise Busy("A push is under way in this window.", meaning="Nothing was sent.", next_step="Wait until it has finished.")
        async with self._open(run.basis.psa.side.connection) as (connection, _, port), self._journals.open(plan.tenant) as journal:
            settle = settle_seconds(connection)
            self._under_way = Push(port, journal, self._clock, self._operator, self._machine, settle)
            try:
                left = await Recovery(port, journal, self._clock, settle).run()
                self._dropped[plan.run_id] = plan.dropped
                view = await self._under_way.run(plan, typed, listener)
                head = await journal.head()
                await self._keep_account(journal, [*left.ops, *view.ops], plan.tenant)
            finally:
                self._under_way = None
        return view, head

    async def stop(self) -> None:
        """Stop after the current change."""
        if self._under_way is not None:
            await self._under_way.stop()

    async def review_undo(self, run: Run, asked: str, limits: Limits, customers: Collection[str] = ()) -> UndoReview:
        """What of a push of this comparison can be undone: its newest one that has something to undo, or the one that is named.

        Raises:
            NotFound, WrongUse: there is no such push, or it is an undo itself.
            SideUnreadable: the lines could not be read; nothing was sent.
            Busy: another program is pushing.
        """
        psa = run.basis.psa
        if psa.tenant not in self._journals.known():
            raise NotFound("Nothing was pushed from this run.", meaning="Nothing was sent.")
        async with self._journals.open(psa.tenant) as journal:
            view = await view_of(journal, run, self._clock)
            told = await ask_journal(journal, asked, customers, view.watched)
        async with self._open(psa.side.connection) as (_, spec, port):
            if spec.capabilities is None:
                raise PlanRefused("This system takes no changes.", meaning="Nothing was sent.")
            await check_tenant(port, psa.tenant)
            digest = await asyncio.to_thread(self._snapshots.snapshot_sha256, run.run_id)
            return await review_undo(told, port, spec.capabilities, self._clock, limits, digest)

    async def source_of(self, push_id: str) -> str:
        """The comparison that a push belongs to.

        Raises:
            NotFound: no journal on this computer has such a push.
        """
        none: list[RunRecord] = []
        for tenant in self._journals.known():
            for record in await self._journals.look(tenant, _records, none):
                if record.run_id == push_id:
                    return record.source_run
        raise NotFound(f"There is no run {push_id}.", next_step="Look in the list of runs.")

    async def look(self, run: Run) -> JournalView:
        """What the journal says of the tenant of a run; nothing where another program has it open, or it cannot be read."""
        tenant = run.basis.psa.tenant
        if tenant not in self._journals.known():
            return NOTHING
        return await self._journals.look(tenant, lambda journal: view_of(journal, run, self._clock), NOTHING)

    async def open_ops(self) -> list[OpRecord]:
        """Ops that are not settled, of every tenant on this computer that nobody is pushing to."""
        return [op for tenant in self._journals.known() for op in await self._unfinished(tenant)]

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong with journals that could not be read when they were last looked at."""
        return tuple(self._journals.problems.values())

    def unread(self, run: Run) -> str:
        """Why what was pushed from a run could not be looked up, or empty."""
        return self._journals.unread(run.basis.psa.tenant)

    async def reports(self, run: Run) -> list[PushReport]:
        """What was pushed from a run and undone, from the journal; nothing where it cannot be looked into (see ``unread``).

        What was left out at the review is known of pushes of this session only.
        """
        tenant = run.basis.psa.tenant
        if tenant not in self._journals.known():
            return []

        async def ask(journal: JournalPort) -> tuple[str, list[JournalRun]]:
            return await journal.head(), await journal_runs(journal)

        nothing: tuple[str, list[JournalRun]] = ("", [])
        head, runs = await self._journals.look(tenant, ask, nothing)
        mine = ((each.record, each.ops) for each in runs if each.record.source_run == run.run_id)
        return [
            self._report(run, record.run_id, record.undoes_run, f"{record.operator} on {record.machine}", ops, head)
            for record, ops in mine
        ]

    def report(self, run: Run, plan: Plan, view: PushView, head: str) -> PushReport:
        """What a push that has just finished did."""
        return self._report(run, plan.run_id, plan.undoes_run, f"{self._operator} on {self._machine}", view.ops, head)

    def refused_log(self, run: Run, dropped: Sequence[Dropped]) -> pd.DataFrame:
        """``LOG`` of a push that was refused because every change was dropped; nothing of it is in the journal."""
        spec = self._connections.spec(run.basis.psa.side.kind)
        return push_log(run, (), dropped, spec.every_code, spec.title, self._clock.now())

    def _report(self, run: Run, push_id: str, undoes: str, operator: str, ops: Sequence[OpRecord], head: str) -> PushReport:
        spec = self._connections.spec(run.basis.psa.side.kind)
        finished = max((op.updated for op in ops if op.updated), default=self._clock.now())
        dropped = self._dropped.get(push_id, ())
        return PushReport(
            push_id=push_id,
            result=result_of(ops),
            ops=tuple(ops),
            operator=operator,
            finished=finished,
            journal_head=head,
            log=push_log(run, ops, dropped, spec.every_code, spec.title, finished, undo=bool(undoes)),
            undoes=undoes,
        )

    async def tenant_open_lines(self, tenant: str) -> dict[str, str]:
        """Lines of a tenant with an op that is not settled: line id (or line key, for a line to be created) → what is open."""
        unfinished = await self._unfinished(tenant) if tenant in self._journals.known() else []
        return {op.change.line_id or op.change.line_key: open_words(op) for op in unfinished}

    async def close_op(self, op_id: str, applied: bool, reason: str) -> None:
        """A person decides what became of an op.

        Raises:
            WrongUse: the op is not waiting for a person, or there is no reason.
            Busy, StorageError: the journal that the op may belong to is not open to us, or could not be written.
        """
        unread: Busy | StorageError | None = None
        for tenant in self._journals.known():
            closing: list[OpRecord] = []
            try:
                async with self._journals.open(tenant) as journal:
                    closing = [op for op in await journal.unfinished() if op.op_id == op_id]
                    if closing:
                        await close_op(journal, op_id, applied=applied, by=self._operator, reason=reason)
                        await self._note_results(journal, closing)
                        return
            except (Busy, StorageError) as error:
                if closing:
                    raise
                unread = error
        raise unread or NotFound("There is no open change with this id.", next_step="Look at the open changes again.")

    async def recover(self) -> list[RecoverySummary]:
        """Settle what interrupted pushes left, for every PSA connection whose tenant has something open. Sends no write.

        What no connection leads to, or only one that cannot be reached, is told as it was found, with the problem.
        """
        waiting = {tenant: ops for tenant in self._journals.known() if (ops := await self._left(tenant))}
        summaries = [
            RecoverySummary(found=(left := tuple(waiting.pop(tenant, ()))), ops=left, problem=problem)
            for tenant, problem in self._journals.problems.items()
        ]
        problems: list[str] = []
        for view in self._connections.views():
            if view.spec.build_psa is not None and waiting:
                try:
                    summaries += await self._recover_with(view.connection.name, waiting)
                except ReconcileError as error:
                    problems.append(f"{view.connection.name}: {error.reason}")
        problem = " ".join(problems) or "No connection leads to the PSA that these lines belong to."
        return summaries + [RecoverySummary(found=tuple(ops), ops=tuple(ops), problem=problem) for ops in waiting.values()]

    async def _recover_with(self, name: str, waiting: dict[str, list[OpRecord]]) -> list[RecoverySummary]:
        """Recover the tenant that this connection leads to, where it is one of those waiting."""
        async with self._open(name) as (connection, _, port):
            tenant = (await port.tenant()).fingerprint
            if tenant not in waiting:
                return []
            async with self._journals.open(tenant) as journal:
                summary = await Recovery(port, journal, self._clock, settle_seconds(connection)).run()
                await self._keep_account(journal, summary.ops, tenant)
        del waiting[tenant]
        return [summary]

    async def _left(self, tenant: str) -> list[OpRecord]:
        """As ``_unfinished``; where nothing is, the account of the newest push is kept again.

        A program that ended between the last event of a push and its account has nothing to recover.
        """

        async def ask(journal: JournalPort) -> list[OpRecord]:
            unfinished = await journal.unfinished()
            runs = [] if unfinished else await journal.runs()
            if runs:
                await self._keep_account(journal, await journal.ops(runs[-1].run_id), tenant)
            return unfinished

        return await self._journals.look(tenant, ask, [])

    async def _unfinished(self, tenant: str) -> list[OpRecord]:
        """Ops that are not settled; none where another program has the journal, because it settles them."""
        return await self._journals.look(tenant, _unfinished, [])

    async def _view(self, run: Run) -> JournalView:
        """What the journal says, with every error: whoever plans must know."""
        tenant = run.basis.psa.tenant
        if tenant not in self._journals.known():
            return NOTHING
        async with self._journals.open(tenant) as journal:
            return await view_of(journal, run, self._clock)

    async def _note_results(self, journal: JournalPort, touched: Sequence[OpRecord]) -> None:
        """What became of the comparisons behind these ops, over all pushes of each: a later push hides nothing that is open."""
        pushed = {op.run_id for op in touched}
        runs = await journal.runs()
        for source in dict.fromkeys(run.source_run for run in runs if run.run_id in pushed):
            mine = [JournalRun(record=run, ops=tuple(await journal.ops(run.run_id))) for run in runs if run.source_run == source]
            result = overall_result(result_of([op for run in mine for op in run.ops]), mine)
            with suppress(NotFound):  # the run was deleted; its journal stays
                await asyncio.to_thread(self._store.set_result, source, result)

    async def _keep_account(self, journal: JournalPort, ops: Sequence[OpRecord], tenant: str) -> None:
        """What these ops came to, outside the journal; doing it twice changes nothing."""
        await self._remember(ops, tenant)
        await self._note_results(journal, ops)

    async def _remember(self, ops: Sequence[OpRecord], tenant: str) -> None:
        """Keep the quantities that were confirmed, for the column *last* of later comparisons."""

        def keep() -> None:
            for op in ops:
                if op.state in _WRITTEN and op.change.kind is not ChangeKind.SET_UNIT_COST and op.quantity_after is not None:
                    day = (op.updated or self._clock.now()).astimezone().date()
                    self._store.save_pushed(tenant, op.change.line_id or op.change.line_key, op.quantity_after, day, op.run_id)

        await asyncio.to_thread(keep)

    @asynccontextmanager
    async def _open(self, name: str) -> AsyncIterator[tuple[Connection, ConnectorSpec, PsaPort]]:
        connection, spec, port = await self._connections.open_psa(name, _unwatched)
        try:
            yield connection, spec, port
        finally:
            await port.aclose()


async def _unfinished(journal: JournalPort) -> list[OpRecord]:
    return await journal.unfinished()


async def _records(journal: JournalPort) -> list[RunRecord]:
    return await journal.runs()


def settle_seconds(connection: Connection) -> float:
    """The settle window of a connection; its connector has checked the value."""
    return float(connection.value("settle_seconds", "180"))


def _why_incomplete(run: Run) -> str:
    """Why a side was not read whole, or empty; nothing is set to zero then."""
    sides = (run.basis.billing.side, run.basis.psa.side)
    return next((side.error or f"{side.title} was not read completely." for side in sides if not side.complete), "")


def _unwatched(progress: Progress) -> None:
    """A push tells its own progress."""
