"""A life in which the whole job is done: both sides are read, compared, reviewed, pushed and written into the Excel log."""

import asyncio
from pathlib import Path
from typing import Any

from reconcile_app.core.errors import Busy, ReconcileError
from reconcile_app.core.settings import CompareOptions, Connection, Secret
from reconcile_app.services.connections import Connections
from reconcile_app.services.pushes import Pushes
from reconcile_app.services.session import Session, Stores
from reconcile_app.storage.workbook import write_workbook
from tests.fakes.stores import DecisionFiles, MemoryConnections, MemorySecrets
from tests.simulation.bench_compared import ComparedBench, changes_of
from tests.simulation.operating import LIMITS, Life
from tests.simulation.process import Process
from tests.simulation.scene import Profile, Scene
from tests.simulation.story import Book
from tests.simulation.wire import Wire
from tests.simulation.workbook_reading import read_book

OPTIONS = CompareOptions(allow_create=True)


class ComparingLife(Life):
    """The same operator, with a session."""

    def __init__(self, scene: Scene, profile: Profile, process: Process) -> None:
        super().__init__(scene, profile, process)
        bench, clock = scene.bench, scene.computer
        assert isinstance(bench, ComparedBench)
        specs = bench.specs(lambda context: Wire(scene.net, process, profile.disk, lambda: self.phase))
        held = {name: Connection(name=name, kind=name, values=values) for name, values in bench.connection_values().items()}
        secrets = MemorySecrets({key: Secret(value) for key, value in bench.connection_secrets().items()})
        self.connections = Connections(specs, MemoryConnections(held), secrets, clock)
        self.pushes = Pushes(
            self.connections, self.journals, self.locks, profile.workspace, profile.snapshots, clock,
            operator="Ada", machine="desk-1",
        )
        stores = Stores(
            workspace=profile.workspace, snapshots=profile.snapshots, write_workbook=write_workbook, read_decisions=DecisionFiles()
        )
        self.session = Session(self.connections, self.pushes, stores, clock, operator="Ada", machine="desk-1", version="1")

    async def push(self) -> None:
        self.profile.pushes += 1
        for _ in range(2):
            try:
                await self._job()
                return
            except Busy:
                await asyncio.sleep(120)
            except ReconcileError as error:
                self.scene.say(f"{self.profile.name} refused: {error.reason}")
                await asyncio.sleep(60)

    async def _job(self) -> None:
        self.phase = "review"
        run = await self.session.compare("atria", "autotask", OPTIONS, lambda progress: None)
        self.tenant = run.basis.psa.tenant
        self._expect()
        if changes_of(run):
            await self.session.decide(changes_of(run), True)
        plan = await self.session.review(LIMITS)
        self.scene.wanted = [planned.change for planned in plan.changes]
        await asyncio.sleep(self.scene.scenario.think)
        await self.carry_out(plan, self._with_head(self.session.push(plan, str(plan.totals.lines), self._views.append)))
        await self._exported()

    def _expect(self) -> None:
        assert isinstance(self.scene.bench, ComparedBench)
        self.scene.story.expected = dict(self.scene.bench.billed)

    async def _with_head(self, work: Any) -> Any:
        return await work, ""

    async def stop(self) -> None:
        await self.session.stop_push()

    async def undo(self) -> None:
        runs = self.session.runs()
        if not runs:
            return
        self.scene.meanwhile()
        self.phase = "review"
        try:
            review = await self.session.review_undo(runs[0].run_id, LIMITS)
            if review.plan is not None:
                work = self.session.push(review.plan, str(review.plan.totals.lines), self._views.append)
                await self.carry_out(review.plan, self._with_head(work))
                await self._exported()
        except ReconcileError as error:
            self.scene.say(f"{self.profile.name} undo refused: {error.reason}")

    async def last_look(self) -> None:
        await super().last_look()
        runs = self.session.runs()
        if runs and self.session.run is None:
            await self.session.open_run(runs[0].run_id)
        if self.session.run is not None:
            await self._exported()

    async def _exported(self) -> None:
        """The Excel log as it is now, read back."""
        run = self.session.run
        assert run is not None
        path = await self.session.export(Path(self.scene.folder) / f"{self.profile.name}.xlsx")
        data = path.read_bytes()
        changes, header = read_book(data)
        self.scene.story.books.append(Book(
            profile=self.profile.name, run_id=run.run_id, changes=changes, header=header, event=self.profile.last_event, data=data,
        ))
