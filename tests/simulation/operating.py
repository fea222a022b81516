"""One life of the program: what starts with it, and what the operator does with it, by way of the real services."""

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from typing import Any

from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.errors import Busy, ReconcileError, SideUnreadable
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.plan import Fresh, Plan, draft
from reconcile_app.core.ports import PsaPort
from reconcile_app.core.replacing import with_successors
from reconcile_app.core.settings import Connection, Limits, Secret
from reconcile_app.core.undo import UndoReview
from reconcile_app.services.connections import Connections
from reconcile_app.services.desk import PushView
from reconcile_app.services.push import Push
from reconcile_app.services.pushes import Pushes
from reconcile_app.services.recovery import Recovery
from reconcile_app.services.undo import ask_journal
from reconcile_app.services.undo import review as review_undo
from reconcile_app.services.watch import alarm, watch_items
from reconcile_app.storage import journal as storage_journal
from reconcile_app.storage.locks import TenantLock, TenantLocks
from reconcile_app.storage.paths import DataPaths
from tests.fakes.stores import MemoryConnections, MemorySecrets
from tests.simulation.bench import EFFECTIVE
from tests.simulation.process import Process
from tests.simulation.scene import Profile, Scene
from tests.simulation.story import Recovered, Told, Truth
from tests.simulation.wire import Wire

LIMITS = Limits(lines=3, percent=50, units=10, zeroing=True)


class Journals(storage_journal.Journals):
    """The journals on the disk of a profile."""

    def __init__(self, scene: Scene, profile: Profile, process: Process) -> None:
        super().__init__(DataPaths(root=scene.folder, locks_dir=scene.folder), scene.computer)
        self._scene, self._profile, self._process = scene, profile, process

    async def __call__(self, tenant: str) -> storage_journal.Journal:
        disk = self._profile.disk
        return disk.opened(disk.journal(tenant), self._scene.computer, self._process)

    def known(self) -> list[str]:
        return [path.stem for path in self._profile.disk.journals()]


class Locks:
    """The real locks; those of a process that died are let go, as the operating system does it."""

    def __init__(self, locks: TenantLocks, process: Process) -> None:
        self._locks, self._process = locks, process

    def __call__(self, tenant: str) -> TenantLock:
        lock = self._locks(tenant)
        self._process.at_death.append(lambda death: lock.release())
        return lock


class Life:
    """From start to end, or to death."""

    def __init__(self, scene: Scene, profile: Profile, process: Process) -> None:
        self.scene, self.profile, self.process = scene, profile, process
        self.phase = "idle"
        bench, clock = scene.bench, scene.computer
        self.spec = bench.spec(lambda context: Wire(scene.net, process, profile.disk, lambda: self.phase))
        self.name = self.spec.key
        secrets = MemorySecrets({(self.name, field): Secret(value) for field, value in bench.secrets.items()})
        store = MemoryConnections({self.name: Connection(name=self.name, kind=self.name, values=bench.values)})
        self.connections = Connections((self.spec,), store, secrets, clock)
        self.journals = Journals(scene, profile, process)
        locks = TenantLocks(scene.folder / "locks", name=f"Ada {profile.name}", machine="desk-1", clock=clock)
        self.locks = Locks(locks, process)
        self.pushes = Pushes(
            self.connections, self.journals, self.locks, profile.workspace, profile.snapshots, clock,
            operator="Ada", machine="desk-1",
        )
        self.tenant = ""
        self._views: list[PushView] = []
        self._engine: Push | None = None
        self._stopping: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """The program is used."""
        await self._trying(self.recover())
        while self.profile.steps:
            step = self.profile.steps.popleft()
            self.scene.say(f"{self.profile.name} step: {step}")
            await {"push": self.push, "close reviews": self.close_reviews, "undo": self.undo}[step]()

    async def _trying(self, work: Coroutine[Any, Any, Any]) -> bool:
        """What the program refuses is told, and the operator goes on."""
        try:
            await work
        except ReconcileError as error:
            self.scene.say(f"{self.profile.name} refused: {error.reason}")
            return False
        return True

    async def recover(self) -> None:
        """What every start does first."""
        self.phase = "recover"
        try:
            for summary in await self.pushes.recover():
                self.scene.say(f"{self.profile.name} recovered: {summary.words}")
                self.scene.story.recovered.append(Recovered(
                    profile=self.profile.name, ops=tuple(op.op_id for op in summary.ops), words=summary.words,
                    event=self.profile.last_event,
                ))
        finally:
            self.phase = "idle"

    # pushing -----------------------------------------------------------------------------------------------------------------

    async def push(self) -> None:
        """Wish, review, think, push; while somebody else pushes, try again later."""
        plan = await self._reviewed()
        if plan is None:
            return
        await asyncio.sleep(self.scene.scenario.think)
        for _ in range(3):
            try:
                await self._pushed(plan)
                return
            except Busy as error:
                self.scene.say(f"{self.profile.name} {error.reason}")
                await asyncio.sleep(120)
            except ReconcileError as error:
                self.scene.say(f"{self.profile.name} refused: {error.reason}")
                return

    async def _reviewed(self) -> Plan | None:
        scene, self.profile.pushes = self.scene, self.profile.pushes + 1
        for _ in range(3):
            wishes = scene.bench.wishes(scene.dice)[: scene.scenario.wished]
            scene.wanted = wishes or scene.wanted
            try:
                return await self.review(wishes)
            except SideUnreadable as error:
                scene.say(f"{self.profile.name} review: {error.reason}")
                await asyncio.sleep(30)
            except ReconcileError as error:
                scene.say(f"{self.profile.name} review refused: {error.reason}")
                return None
        return None

    async def review(self, wishes: Sequence[Change]) -> Plan:
        """The lines read again, and the plan frozen."""
        self.phase = "review"
        connection, spec, port = await self.connections.open_psa(self.name, lambda progress: None)
        try:
            self.tenant = (await port.tenant()).fingerprint
            fresh = await self._fresh(port, wishes, replaces=spec.replaces(connection))
        finally:
            await port.aclose()
        assert spec.capabilities is not None
        now = self.scene.computer.now()
        return draft(
            wishes, fresh, run_id=f"{self.profile.name}{self.profile.pushes}-push", source_run="R1", tenant=self.tenant,
            psa_kind=spec.key, created=now, effective_date=EFFECTIVE, limits=LIMITS, snapshot_sha256="0" * 64,
        )

    async def _fresh(self, port: PsaPort, wishes: Sequence[Change], *, replaces: bool) -> Fresh:
        open_lines: dict[str, str] = {}
        watched: dict[str, str] = {}
        if self.tenant in self.journals.known():
            with self.locks(self.tenant):
                journal = await self.journals(self.tenant)
                try:
                    open_lines = {op.change.line_key: op.message or "open" for op in await journal.unfinished()}
                    watched = {item.change.line_key: item.op.message for item in await watch_items(journal, self.scene.computer)}
                finally:
                    await journal.aclose()
        assert self.spec.capabilities is not None
        return Fresh(
            states=await port.read_lines(with_successors(wishes) if replaces else wishes), budget=await port.budget(),
            writes=self.spec.capabilities.writes, whole_units=self.spec.capabilities.whole_units, open_lines=open_lines,
            watched=watched, replaces=replaces,
        )

    async def _pushed(self, plan: Plan) -> None:
        await self.carry_out(plan, self._engine_run(plan))

    async def _engine_run(self, plan: Plan) -> tuple[PushView, str]:
        """Lock, journal, recovery, engine: as the program does it, without a comparison that it came from."""
        clock = self.scene.computer
        _, _, port = await self.connections.open_psa(self.name, lambda progress: None)
        try:
            with self.locks(plan.tenant):
                journal = await self.journals(plan.tenant)
                try:
                    self._engine = Push(port, journal, clock, "Ada", "desk-1")
                    await Recovery(port, journal, clock).run()
                    view = await self._engine.run(plan, str(plan.totals.lines), self._views.append)
                    return view, await journal.head()
                finally:
                    self._engine = None
                    await journal.aclose()
        finally:
            await port.aclose()

    async def stop(self) -> None:
        """A click on Stop."""
        if self._engine is not None:
            await self._engine.stop()

    async def carry_out(self, plan: Plan, work: Coroutine[Any, Any, tuple[PushView, str]]) -> None:
        """Push, with somebody at the Stop button."""
        self.phase = "push"
        self._views.clear()
        self.scene.changes |= {planned.op_id: planned.change for planned in plan.changes}
        pushing = asyncio.ensure_future(work)
        self.scene.stop = lambda how: self._stop(how, plan, pushing)
        try:
            view, head = await pushing
            self.told(plan, view, head)
        except asyncio.CancelledError:
            if self._views:
                self.told(plan, self._views[-1], "")
        finally:
            self.phase = "idle"
            self.scene.stop = lambda how: None

    def told(self, plan: Plan, view: PushView, head: str) -> None:
        """What the operator reads when the push is over."""
        self.scene.say(f"{self.profile.name} told: {view.result or 'stopped'}: {view.message}")
        self.scene.stops.append(view.message)
        self.scene.story.told.append(Told(
            profile=self.profile.name, run_id=plan.run_id, result=view.result, head=head, event=self.profile.last_event,
            message=view.message,
        ))

    def _stop(self, how: str, plan: Plan, pushing: "asyncio.Future[Any]") -> None:
        self.scene.say(f"{self.profile.name} stop by {how}")
        if how == "window":
            pushing.cancel()
        else:
            self._stopping = asyncio.ensure_future(self._acknowledged(plan))

    async def _acknowledged(self, plan: Plan) -> None:
        with contextlib.suppress(ReconcileError):
            await self.stop()
            self.scene.story.cancels.append((self.profile.name, plan.run_id, self.profile.last_event))

    # afterwards --------------------------------------------------------------------------------------------------------------

    async def close_reviews(self) -> None:
        """The operator looks into the PSA and says what became of lines that need a person."""
        with contextlib.suppress(ReconcileError):
            for op in await self.pushes.open_ops():
                if op.state is OpState.NEEDS_REVIEW:
                    await self._trying(self.pushes.close_op(op.op_id, self._is_applied(op), "looked at it in the PSA"))

    def _is_applied(self, op: OpRecord) -> bool:
        """What the operator sees in the PSA."""
        change, truths = op.change, self.scene.bench.truth()
        if change.replaces:
            place, initial = f"{change.contract_id}/{change.service_id}", self.scene.story.initial
            made = [truth for line, truth in truths.items() if truth.place == place and line not in initial]
            return any(truth.quantity == change.quantity_target for truth in made)
        truth = truths.get(change.line_id, Truth(present=False, quantity=0))
        counted = truth.on(EFFECTIVE.isoformat()) if change.kind is ChangeKind.CANCEL_LINE else truth.quantity
        return counted == change.quantity_target

    async def undo(self) -> None:
        """Take the last push back, where that is possible."""
        if not self.tenant:
            return
        self.scene.meanwhile()
        self.phase = "review"
        try:
            review = await self._undo_reviewed()
        except ReconcileError as error:
            self.scene.say(f"{self.profile.name} undo refused: {error.reason}")
            return
        if review.plan is not None:
            await asyncio.sleep(self.scene.scenario.think)
            await self._trying(self._pushed(review.plan))

    async def _undo_reviewed(self) -> UndoReview:
        with self.locks(self.tenant):
            journal = await self.journals(self.tenant)
            try:
                told = await ask_journal(journal, "R1", (), {})
            finally:
                await journal.aclose()
        _, spec, port = await self.connections.open_psa(self.name, lambda progress: None)
        try:
            assert spec.capabilities is not None
            return await review_undo(told, port, spec.capabilities, self.scene.computer, LIMITS, "0" * 64)
        finally:
            await port.aclose()

    async def last_look(self) -> None:
        """What is still open is shown."""
        shown = {op.op_id for op in await self.pushes.open_ops()}
        self.scene.story.shown_open[self.profile.name] = shown
        await self.watch()

    async def watch(self) -> None:
        """A later fetch: the watch list speaks up."""
        truth = self.scene.bench.truth()
        self.scene.story.looks.append((self.profile.name, self.scene.loop.time() + self.scene.computer.slept))
        for tenant in self.journals.known():
            journal = await self.journals(tenant)
            for item in await watch_items(journal, self.scene.computer):
                now = truth.get(item.change.line_id)
                if alarm(item, now.quantity if now else None):
                    self.scene.story.alarms.add((self.profile.name, item.op.op_id))
            await journal.aclose()
