"""Pushing from the desk: review, push, stop, what is open, recovery. One push at a time.

The journal and the tenant's lock are held only while one of these is under way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pandas as pd

from reconcile_app.core.basis import Run
from reconcile_app.core.changes import ChangeKind, build_changes
from reconcile_app.core.errors import Busy, NotFound, PlanRefused, ReconcileError
from reconcile_app.core.ids import new_run_id
from reconcile_app.core.journal import JournalPort, OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.plan import Dropped, Fresh, Plan, draft, unread_rows
from reconcile_app.core.ports import Clock, ConnectorSpec, Progress, PsaPort
from reconcile_app.core.push_log import push_log
from reconcile_app.core.report import PushReport
from reconcile_app.core.settings import Connection, Limits
from reconcile_app.services.connections import Connections
from reconcile_app.services.desk import PushListener, PushView
from reconcile_app.services.outcome import result_of
from reconcile_app.services.push import Push
from reconcile_app.services.recovery import Recovery, RecoverySummary, close_op
from reconcile_app.services.stores import JournalFactory, SnapshotStore, TenantLockFactory, WorkspaceStore
from reconcile_app.services.watch import alarm, watch_items

_WRITTEN = frozenset({OpState.VERIFIED, OpState.CONFIRMED_BY_STATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalView:
    """What the journal says of a tenant: lines that may not be touched, and the newest watched attempts.

    ``open_lines`` is line key → what is open, ``watched`` line key → what became of it, ``alarms`` is line id → words.
    """

    open_lines: Mapping[str, str]
    watched: Mapping[str, str]
    alarms: Mapping[str, str]


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
        self._journals = journals
        self._locks = locks
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
        journal = await self._look(psa.tenant, run)
        async with self._open(psa.side.connection) as (_, spec, port):
            if spec.capabilities is None:
                raise PlanRefused("This system takes no changes.", meaning="Nothing was sent.")
            states = await port.read_lines(changes)
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
        if plan.source_run != run.run_id:
            raise PlanRefused(
                "The plan belongs to another comparison.", meaning="Nothing was sent.", next_step="Review the changes again."
            )
        if self._under_way is not None:
            raise Busy("A push is under way in this window.", meaning="Nothing was sent.", next_step="Wait until it has finished.")
        async with self._open(run.basis.psa.side.connection) as (connection, _, port), self._journal(plan.tenant) as journal:
            settle = settle_seconds(connection)
            self._under_way = Push(port, journal, self._clock, self._operator, self._machine, settle)
            try:
                left = await Recovery(port, journal, self._clock, settle).run()
                self._dropped[plan.run_id] = plan.dropped
                view = await self._under_way.run(plan, typed, listener)
                head = await journal.head()
                await self._note_results(journal, [*left.ops, *view.ops])
            finally:
                self._under_way = None
        await self._remember([*left.ops, *view.ops], plan.tenant)
        return view, head

    async def stop(self) -> None:
        """Stop after the current change."""
        if self._under_way is not None:
            await self._under_way.stop()

    async def look(self, run: Run) -> JournalView:
        """What the journal says of the tenant of a run; nothing where another program has it open."""
        try:
            return await self._look(run.basis.psa.tenant, run)
        except Busy:
            return JournalView(open_lines={}, watched={}, alarms={})

    async def open_ops(self) -> list[OpRecord]:
        """Ops that are not settled, of every tenant on this computer that nobody is pushing to."""
        return [op for tenant in self._journals.known() for op in await self._unfinished(tenant)]

    async def reports(self, run: Run) -> list[PushReport]:
        """What was pushed from a run, from the journal; nothing where another program has it open.

        What was left out at the review is known of pushes of this session only.
        """
        tenant = run.basis.psa.tenant
        if tenant not in self._journals.known():
            return []
        try:
            async with self._journal(tenant) as journal:
                head = await journal.head()
                pushed = [
                    (record, await journal.ops(record.run_id)) for record in await journal.runs() if record.source_run == run.run_id
                ]
        except Busy:
            return []
        return [
            self._report(run, record.run_id, f"{record.operator} on {record.machine}", ops, head) for record, ops in pushed
        ]

    def report(self, run: Run, plan: Plan, view: PushView, head: str) -> PushReport:
        """What a push that has just finished did."""
        return self._report(run, plan.run_id, f"{self._operator} on {self._machine}", view.ops, head)

    def refused_log(self, run: Run, dropped: Sequence[Dropped]) -> pd.DataFrame:
        """``LOG`` of a push that was refused because every change was dropped; nothing of it is in the journal."""
        spec = self._connections.spec(run.basis.psa.side.kind)
        return push_log(run, (), dropped, spec.codes, spec.title, self._clock.now())

    def _report(self, run: Run, push_id: str, operator: str, ops: Sequence[OpRecord], head: str) -> PushReport:
        spec = self._connections.spec(run.basis.psa.side.kind)
        finished = max((op.updated for op in ops if op.updated), default=self._clock.now())
        return PushReport(
            push_id=push_id,
            result=result_of(ops),
            ops=tuple(ops),
            operator=operator,
            finished=finished,
            journal_head=head,
            log=push_log(run, ops, self._dropped.get(push_id, ()), spec.codes, spec.title, finished),
        )

    async def tenant_open_lines(self, tenant: str) -> dict[str, str]:
        """Lines of a tenant with an op that is not settled: line id (or line key, for a line to be created) → what is open."""
        unfinished = await self._unfinished(tenant) if tenant in self._journals.known() else []
        return {op.change.line_id or op.change.line_key: _open_words(op) for op in unfinished}

    async def close_op(self, op_id: str, applied: bool, reason: str) -> None:
        """A person decides what became of an op.

        Raises:
            WrongUse: the op is not waiting for a person, or there is no reason.
            Busy: another program is pushing to the PSA that the op may belong to.
        """
        busy: Busy | None = None
        for tenant in self._journals.known():
            try:
                async with self._journal(tenant) as journal:
                    closing = [op for op in await journal.unfinished() if op.op_id == op_id]
                    if closing:
                        await close_op(journal, op_id, applied=applied, by=self._operator, reason=reason)
                        await self._note_results(journal, closing)
                        return
            except Busy as error:
                busy = error
        raise busy or NotFound("There is no open change with this id.", next_step="Look at the open changes again.")

    async def recover(self) -> list[RecoverySummary]:
        """Settle what interrupted pushes left, for every PSA connection whose tenant has something open. Sends no write.

        What no connection leads to, or only one that cannot be reached, is told as it was found, with the problem.
        """
        waiting = {tenant: ops for tenant in self._journals.known() if (ops := await self._unfinished(tenant))}
        summaries: list[RecoverySummary] = []
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
            async with self._journal(tenant) as journal:
                summary = await Recovery(port, journal, self._clock, settle_seconds(connection)).run()
                await self._note_results(journal, summary.ops)
        del waiting[tenant]
        await self._remember(summary.ops, tenant)
        return [summary]

    async def _unfinished(self, tenant: str) -> list[OpRecord]:
        """Ops that are not settled; none where another program has the journal, because it settles them."""
        try:
            async with self._journal(tenant) as journal:
                return await journal.unfinished()
        except Busy:
            return []

    async def _look(self, tenant: str, run: Run) -> JournalView:
        if tenant not in self._journals.known():
            return JournalView(open_lines={}, watched={}, alarms={})
        quantities = await asyncio.to_thread(_quantities, run)
        async with self._journal(tenant) as journal:
            unfinished = await journal.unfinished()
            items = await watch_items(journal, self._clock)
        told = [(item, alarm(item, quantities.get(item.change.line_id))) for item in items]
        return JournalView(
            open_lines={op.change.line_key: _open_words(op) for op in unfinished},
            watched={item.change.line_key: f"{item.op.message} {words}".strip() for item, words in told},
            alarms={item.change.line_id: words for item, words in told if words},
        )

    async def _note_results(self, journal: JournalPort, touched: Sequence[OpRecord]) -> None:
        """What became of the comparisons behind these ops, over all pushes of each: a later push hides nothing that is open."""
        pushed = {op.run_id for op in touched}
        runs = await journal.runs()
        for source in dict.fromkeys(run.source_run for run in runs if run.run_id in pushed):
            ops = [op for run in runs if run.source_run == source for op in await journal.ops(run.run_id)]
            with suppress(NotFound):  # the run was deleted; its journal stays
                await asyncio.to_thread(self._store.set_result, source, result_of(ops))

    async def _remember(self, ops: Sequence[OpRecord], tenant: str) -> None:
        """Keep the quantities that were confirmed, for the column *last* of later comparisons."""
        today = self._clock.today()

        def keep() -> None:
            for op in ops:
                if op.state in _WRITTEN and op.change.kind is not ChangeKind.SET_UNIT_COST and op.quantity_after is not None:
                    self._store.save_pushed(tenant, op.change.line_id or op.change.line_key, op.quantity_after, today, op.run_id)

        await asyncio.to_thread(keep)

    @asynccontextmanager
    async def _open(self, name: str) -> AsyncIterator[tuple[Connection, ConnectorSpec, PsaPort]]:
        connection, spec, port = await self._connections.open_psa(name, _unwatched)
        try:
            yield connection, spec, port
        finally:
            await port.aclose()

    @asynccontextmanager
    async def _journal(self, tenant: str) -> AsyncIterator[JournalPort]:
        with self._locks(tenant):
            journal = await self._journals(tenant)
            try:
                yield journal
            finally:
                await journal.aclose()


def settle_seconds(connection: Connection) -> float:
    """The settle window of a connection; its connector has checked the value."""
    return float(connection.value("settle_seconds", "180"))


def _quantities(run: Run) -> dict[str, int]:
    lines = run.basis.psa.lines
    read = lines[lines["quantity"].notna()]
    return dict(zip(read["line_id"].tolist(), read["quantity"].tolist(), strict=True))


def _why_incomplete(run: Run) -> str:
    """Why a side was not read whole, or empty; nothing is set to zero then."""
    sides = (run.basis.billing.side, run.basis.psa.side)
    return next((side.error or f"{side.title} was not read completely." for side in sides if not side.complete), "")


def _open_words(op: OpRecord) -> str:
    return op.message or "An earlier change of this line is not settled."


def _unwatched(progress: Progress) -> None:
    """A push tells its own progress."""
