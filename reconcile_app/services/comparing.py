"""Comparing: reading both sides into a run, reading a few customers again, opening a saved run."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace

import pandas as pd

from reconcile_app.core.basis import Basis, Run
from reconcile_app.core.entries import run_log_for_error
from reconcile_app.core.errors import PermissionDenied, ReconcileError
from reconcile_app.core.findings import CodeTable, Kind
from reconcile_app.core.history import StoredRun
from reconcile_app.core.ids import new_run_id
from reconcile_app.core.mapping_rules import MappingRules
from reconcile_app.core.ports import Clock, ConnectorSpec, ProgressSink
from reconcile_app.core.settings import CompareOptions
from reconcile_app.services.connections import Connections
from reconcile_app.services.fetch import Ends, Reading, denied_permission, read_both, side_failure
from reconcile_app.services.line_history import LineHistory, last_pushed, run_document
from reconcile_app.services.pushes import Pushes
from reconcile_app.services.recheck import lay_over
from reconcile_app.services.stores import SnapshotStore, WorkspaceStore
from reconcile_app.services.workspace import Workspace


class RunStopped(ReconcileError):
    """A comparison that stopped before there was anything to compare, with the log that tells why.

    ``log`` is ``LOG``; the other attributes repeat the error that stopped it.
    """

    def __init__(self, run_id: str, log: pd.DataFrame, cause: ReconcileError, billing: str, psa: str) -> None:
        super().__init__(
            cause.title,
            cause.happened,
            meaning=cause.meaning,
            next_step=cause.next_step,
            details=cause.details,
            kind=cause.kind,
            subject=cause.subject,
        )
        self.exit_code = cause.exit_code
        self.run_id = run_id
        self.log = log
        self.cause = cause
        self.billing = billing
        self.psa = psa


class Comparing:
    """Makes runs and lays them on the desk."""

    def __init__(
        self,
        connections: Connections,
        pushes: Pushes,
        workspace: Workspace,
        store: WorkspaceStore,
        snapshots: SnapshotStore,
        clock: Clock,
    ) -> None:
        self._connections = connections
        self._pushes = pushes
        self._workspace = workspace
        self._store = store
        self._snapshots = snapshots
        self._clock = clock
        self.history = LineHistory(store)

    async def compare(self, billing: str, psa: str, options: CompareOptions, progress: ProgressSink) -> Run:
        """Read both sides, compare them, keep the run.

        Raises:
            RunStopped: there is nothing to compare; it carries the log that tells why.
            NotFound, StorageError: there is no such PSA connection, or the mapping rules could not be read.
        """
        created = self._clock.now()
        run_id = new_run_id(created)
        codes = self._codes_of(psa)
        rules = await asyncio.to_thread(self._store.rules, billing, psa)
        try:
            reading, ends = await self._read(billing, psa, options, rules, progress)
        except ReconcileError as error:
            kind = side_failure(error, "billing")
            fields = {"error": error.reason, "secret_name": error.subject, "period_end": options.billing_period}
            also = []
            if isinstance(error, PermissionDenied):
                side = psa if kind is Kind.PSA_UNREACHABLE else billing
                fields |= {"psa": self._spec_of(side).title, "permission": denied_permission(error)}
                also = [Kind.PERMISSION_MISSING]
            log = run_log_for_error(kind, codes, run_id=run_id, at=created, fields=fields, also=also)
            raise RunStopped(run_id, log, error, billing, psa) from error
        basis = Basis(
            run_id=run_id,
            created=created,
            options=options,
            effective_date=reading.effective_date,
            today=self._clock.today(),
            billing=reading.billing,
            psa=reading.psa,
            rules=rules,
            customer_key=ends.customer_key,
            last_pushed=await asyncio.to_thread(last_pushed, self._store, reading.psa),
            open_lines=await self._pushes.tenant_open_lines(reading.psa.tenant),
        )
        run = await self._workspace.lay_out(basis, codes)
        await self._keep(run, "compared")
        return run

    async def recheck(self, customers: Collection[str], progress: ProgressSink) -> Run:
        """Read a few customers again and lay them over the run on the desk.

        Raises:
            SideUnreadable: a side could not be read this time; the run stays as it was.
            PlanRefused: the connection leads to another PSA now; the run stays as it was.
        """
        basis = self._workspace.basis
        # The same period and the same day, whatever is open now: quantities of two days do not belong side by side.
        options = replace(
            basis.options,
            customers_filter=tuple(sorted(customers)),
            billing_period=basis.billing.period.end.isoformat(),
            effective_date=basis.effective_date,
        )
        billing, psa = basis.billing.side.connection, basis.psa.side.connection
        fresh, ends = await self._read(billing, psa, options, basis.rules, progress)
        before = Reading(billing=basis.billing, psa=basis.psa, effective_date=basis.effective_date)
        laid = lay_over(before, fresh, customers, ends.customer_key)
        run = await self._workspace.replace_basis(
            replace(
                basis,
                billing=laid.billing,
                psa=laid.psa,
                retried=tuple(sorted({*basis.retried, *customers})),
                last_pushed=await asyncio.to_thread(last_pushed, self._store, laid.psa),
                open_lines=await self._pushes.tenant_open_lines(laid.psa.tenant),
            )
        )
        await self._keep(run, "")
        return run

    async def open_run(self, run_id: str) -> Run:
        """A saved run as it was, offline."""
        basis = await asyncio.to_thread(self._snapshots.load, run_id)
        decisions = await asyncio.to_thread(self._store.decisions, run_id)
        codes = self._connections.spec(basis.psa.side.kind).every_code
        run = await self._workspace.lay_out(replace(basis, decisions=decisions), codes, kept=True)
        await asyncio.to_thread(self.history.load, run.basis.billing.side.connection, run.basis.psa.side.connection)
        return run

    async def _read(
        self, billing: str, psa: str, options: CompareOptions, rules: MappingRules, progress: ProgressSink
    ) -> tuple[Reading, Ends]:
        billing_connection, billing_spec, billing_port = await self._connections.open_billing(billing, progress)
        try:
            psa_connection, psa_spec, psa_port = await self._connections.open_psa(psa, progress)
        except BaseException as error:
            await billing_port.aclose()
            if isinstance(error, ReconcileError):
                error.kind = side_failure(error, "psa")
            raise
        ends = Ends(
            billing=billing_port,
            billing_connection=billing_connection,
            billing_spec=billing_spec,
            psa=psa_port,
            psa_connection=psa_connection,
            psa_spec=psa_spec,
            missing={name: self._connections.missing_permissions(name) for name in (billing, psa)},
        )
        try:
            reading = await read_both(ends, options, rules, self._clock.today())
        finally:
            await asyncio.gather(billing_port.aclose(), psa_port.aclose())
        for side in (reading.billing.side, reading.psa.side):
            self._connections.read(side)
        return reading, ends

    async def _keep(self, run: Run, result: str) -> None:
        """The run in the list of runs; an empty result leaves what is there."""
        known = {stored.run_id: stored.result for stored in await asyncio.to_thread(self._store.runs)}
        stored = _stored(run, result or known.get(run.run_id, "compared"))
        await asyncio.to_thread(self._store.save_run, stored)
        await asyncio.to_thread(self.history.load, stored.billing, stored.psa)

    def _codes_of(self, psa: str) -> CodeTable:
        return self._spec_of(psa).every_code

    def _spec_of(self, name: str) -> ConnectorSpec:
        return self._connections.spec(self._connections.named(name).kind)


def _stored(run: Run, result: str) -> StoredRun:
    basis = run.basis
    return StoredRun(
        run_id=run.run_id,
        created=basis.created,
        period_start=basis.billing.period.start,
        period_end=basis.billing.period.end,
        billing=basis.billing.side.connection,
        psa=basis.psa.side.connection,
        rows=run.summary.rows,
        warnings=int((run.log["level"].isin(["Warning", "Error"])).sum()),
        money=run.summary.money_per_period,
        complete=basis.billing.side.complete and basis.psa.side.complete,
        result=result,
        document=run_document(run),
    )
