"""Scenes of the Compare page for tests and pictures: ``python -m tests.ui.compare_scenes FOLDER [SCENE …]``."""

import asyncio

from PySide6.QtWidgets import QDialog, QWidget

from reconcile_app.core.errors import ConnectionFailed
from reconcile_app.ui.controller import Controller
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.compare_page import ALL, LOG, ComparePage
from tests.fakes.desk import FakeDesk, open_op
from tests.fakes.sample_run import TODAY, sample_run
from tests.ui.drawing import Scenes, main

BLOCKED_ROW = "CED"


class Scene:
    """A page over a fake desk."""

    def __init__(self, theme: Theme, desk: FakeDesk, size: tuple[int, int] = (1188, 800)) -> None:
        self.desk = desk
        self.controller = Controller(desk, operator="Alex", today=lambda: TODAY)
        if desk.connections():
            self.controller.select_connections("atria", "autotask")
        self.page = ComparePage(self.controller, theme)
        self.page.resize(*size)
        self.picture: QWidget = self.page

    @property
    def table(self):
        return self.page.pane.table

    async def shown(self) -> "Scene":
        """Show the page and wait for its rows."""
        self.page.show()
        self.page.setFocus()
        self.controller.load_periods()
        await self.settled()
        return self

    async def settled(self) -> None:
        """Wait until nothing is under way but readings that a gate holds."""
        for _ in range(400):
            await asyncio.sleep(0.005)
            names = ("prepare", "change", "prepare log", "periods", "evidence")
            if not any(self.controller.tasks.running(name) for name in names):
                break
        await asyncio.sleep(0.005)

    async def close(self) -> None:
        await self.controller.close()
        self.page.close()
        self.page.deleteLater()
        await asyncio.sleep(0)

    def row_of(self, customer: str, service: str) -> int:
        """The row of the table that shows this customer and service."""
        model = self.page.pane.model
        columns = model.place("customer_name"), model.place("service_name")
        for row in range(model.rowCount()):
            if (model.cell_text(row, columns[0]), model.cell_text(row, columns[1])) == (customer, service):
                return row
        raise LookupError(customer)


async def full(theme: Theme) -> Scene:
    scene = await Scene(theme, FakeDesk(sample_run())).shown()
    scene.table.go_to_row(scene.row_of("Cedar & Co", "Backup 1 TB"))
    scene.table.setFocus()
    return scene


async def small(theme: Theme) -> Scene:
    scene = await Scene(theme, FakeDesk(sample_run()), (932, 700)).shown()
    scene.table.go_to_row(scene.row_of("ASP Limited", "Hosted Exchange"))
    return scene


async def doubt(theme: Theme) -> Scene:
    desk = FakeDesk(sample_run())
    desk.open = [open_op()]
    scene = await Scene(theme, desk).shown()
    scene.controller.refresh_open_ops()
    await asyncio.sleep(0.02)
    scene.table.go_to_row(scene.row_of("Northwind Property", "Managed Firewall"))
    return scene


async def alarmed(theme: Theme) -> Scene:
    desk = FakeDesk(sample_run())
    desk.raised = {
        "80650174": "May have been applied twice: before 10, intended 12, now 14. Check in the PSA before doing anything."}
    scene = await Scene(theme, desk).shown()
    scene.table.go_to_row(scene.row_of("ASP Limited", "Hosted Exchange"))
    return scene


async def filtered(theme: Theme) -> Scene:
    scene = await Scene(theme, FakeDesk(sample_run())).shown()
    scene.page.summary.cards["warnings"].click()
    scene.page.pane.warnings.code_chosen.emit("AT04")
    scene.page.pane.facets.toggled.emit("service", "Backup 1 TB", True)
    return scene


async def empty(theme: Theme) -> Scene:
    return await Scene(theme, FakeDesk()).shown()


async def unconnected(theme: Theme) -> Scene:
    return await Scene(theme, FakeDesk(connected=False)).shown()


async def busy(theme: Theme) -> Scene:
    desk = FakeDesk(sample_run())
    desk.gate = asyncio.Event()
    scene = await Scene(theme, desk).shown()
    scene.controller.compare()
    await asyncio.sleep(0.05)
    return scene


async def failed(theme: Theme) -> Scene:
    desk = FakeDesk(sample_run())
    scene = await Scene(theme, desk).shown()
    desk.fail = ConnectionFailed("Atria cannot be reached.", "The name atria.contoso.example is not known.",
                                 meaning="Nothing was read.", next_step="Check the network and the address.")
    scene.controller.compare()
    await asyncio.sleep(0.05)
    return scene


async def log(theme: Theme) -> Scene:
    scene = await Scene(theme, FakeDesk(sample_run())).shown()
    scene.page.tabs.setCurrentIndex(LOG)
    await scene.settled()
    return scene


async def history(theme: Theme) -> Scene:
    scene = await full(theme)
    scene.table.go_to_row(scene.row_of("ASP Limited", "Hosted Exchange"))
    scene.page.pane.about.setCurrentIndex(2)
    return scene


async def evidence(theme: Theme) -> Scene:
    scene = await full(theme)
    scene.table.go_to_row(scene.row_of("ASP Limited", "Hosted Exchange"))
    scene.page.pane.about.ask_evidence()
    await scene.settled()
    return scene


async def raw(theme: Theme) -> Scene:
    scene = await full(theme)
    scene.table.go_to_row(scene.row_of("ASP Limited", "Hosted Exchange"))
    scene.page.pane.about.setCurrentIndex(3)
    return scene


async def everything(theme: Theme) -> Scene:
    scene = await full(theme)
    scene.page.tabs.setCurrentIndex(ALL)
    scene.table.go_to_row(scene.row_of("Harbor Street Legal", "SharePoint Storage"))
    return scene


async def nothing_found(theme: Theme) -> Scene:
    scene = await full(theme)
    scene.page.search.setText("no such thing")
    return scene


async def ignoring(theme: Theme) -> Scene:
    scene = await full(theme)
    scene.table.go_to_row(scene.row_of("ASP Limited", "Hosted Exchange"))
    scene.table.action.emit("ignore")
    return await _with_dialog(scene)


async def accepting(theme: Theme) -> Scene:
    scene = await full(theme)
    scene.controller.decide([scene.page.pane.model.key_at(scene.row_of(name, "Email Signature"))
                             for name in ("Greenline Logistics", "Orchard Foods")], False)
    await scene.settled()
    scene.table.go_to_row(scene.row_of("Orchard Foods", "Email Signature"))
    scene.table.action.emit("accept_alike")
    return await _with_dialog(scene)


async def choosing_customers(theme: Theme) -> Scene:
    scene = await full(theme)
    scene.page.header.customers.click()
    return await _with_dialog(scene)


async def choosing_period(theme: Theme) -> Scene:
    scene = await full(theme)
    scene.picture = scene.page.header.period_menu()
    return scene


async def _with_dialog(scene: Scene) -> Scene:
    for _ in range(100):
        await asyncio.sleep(0.01)
        found = scene.page.findChild(QDialog)
        if found is not None:
            scene.picture = found
            break
    return scene


SCENES: Scenes = {
    scene.__name__.replace("_", "-"): scene for scene in (
        full, small, doubt, alarmed, filtered, empty, unconnected, busy, failed, log, history, evidence, raw,
        everything, nothing_found, ignoring, accepting, choosing_customers, choosing_period)
}


if __name__ == "__main__":
    main(SCENES, "compare-")
