"""Scenes of the window, of every page but Compare, for pictures: ``python -m tests.ui.window_scenes FOLDER [SCENE …]``."""

import asyncio
from datetime import timedelta

from PySide6.QtWidgets import QApplication, QDialog, QWidget

from reconcile_app.core.errors import ConnectionFailed
from reconcile_app.services.desk import Health
from reconcile_app.ui.controller import Controller
from reconcile_app.ui.main_window import MainWindow
from reconcile_app.ui.theme import Theme
from reconcile_app.ui.views.connection_form import ConnectionForm
from reconcile_app.ui.views.connections_page import ConnectionsPage
from reconcile_app.ui.views.mappings_page import MappingsPage
from tests.fakes.desk import FakeDesk, saved_run
from tests.fakes.sample_run import CREATED, TODAY, sample_run
from tests.fakes.window import MemoryStore, dialog_of
from tests.ui.drawing import Scenes, main

SIZE, SMALL = (1280, 800), (1024, 700)
_SAVED = 8
"""Runs in a full history."""


class WindowScene:
    """A window over a fake desk; it is as small as it may get where the screen is scaled."""

    def __init__(self, theme: Theme, desk: FakeDesk, page: str = "compare") -> None:
        self.desk = desk
        self.controller = Controller(desk, operator="Alex", today=lambda: TODAY)
        self.window = MainWindow(self.controller, theme, MemoryStore(), now=lambda: CREATED + timedelta(minutes=58))
        self.window.resize(*(SIZE if self.window.devicePixelRatio() == 1 else SMALL))
        self.window.show()
        self.window.show_page(page)
        self.picture: QWidget = self.window

    async def settled(self) -> "WindowScene":
        """Give tasks and layouts their turns."""
        await asyncio.sleep(0.25)
        return self

    async def with_dialog(self, kind: type[QDialog] = QDialog) -> "WindowScene":
        """The dialog on the screen is the picture."""
        self.picture = await dialog_of(kind)
        return await self.settled()

    async def close(self) -> None:
        """Let go of what a gate holds, then close."""
        for gate in (self.desk.gate, self.desk.push_gate):
            if gate is not None:
                gate.set()
        await self.controller.close()
        for top in QApplication.topLevelWidgets():
            if isinstance(top, QDialog):
                top.close()
        self.window.hide()
        self.window.deleteLater()
        await asyncio.sleep(0)


def full_desk() -> FakeDesk:
    """Both sides connected, a comparison, and saved runs."""
    desk = FakeDesk(sample_run())
    desk.saved_runs = [saved_run(number) for number in range(_SAVED)]
    return desk


# first start, settings, keys -------------------------------------------------------------------------------------------------

async def welcome(theme: Theme) -> WindowScene:
    return await WindowScene(theme, FakeDesk(connected=False)).settled()


async def window(theme: Theme) -> WindowScene:
    scene = WindowScene(theme, full_desk())
    scene.controller.select_connections("atria", "autotask")
    scene.controller.load_periods()
    return await scene.settled()


async def settings(theme: Theme) -> WindowScene:
    return await WindowScene(theme, full_desk(), "settings").settled()


async def keys(theme: Theme) -> WindowScene:
    scene = WindowScene(theme, full_desk(), "settings")
    scene.window.show_help()
    return await scene.with_dialog()


async def error(theme: Theme) -> WindowScene:
    scene = WindowScene(theme, full_desk(), "mappings")
    scene.controller.failed.emit(ConnectionFailed(
        "Autotask did not answer.", "The server said: “<b>busy</b>”.", meaning="Nothing was sent.",
        next_step="Wait a minute and press Check again."))
    return await scene.with_dialog()


# mappings --------------------------------------------------------------------------------------------------------------------

async def mappings_empty(theme: Theme) -> WindowScene:
    return await WindowScene(theme, FakeDesk(), "mappings").settled()


async def mappings_customers(theme: Theme) -> WindowScene:
    return await _mappings(theme, 0)


async def mappings_products(theme: Theme) -> WindowScene:
    return await _mappings(theme, 1)


async def mappings_ignored(theme: Theme) -> WindowScene:
    return await _mappings(theme, 2)


async def _mappings(theme: Theme, tab: int) -> WindowScene:
    scene = WindowScene(theme, full_desk(), "mappings")
    _mappings_page(scene).tabs.setCurrentIndex(tab)
    return await scene.settled()


def _mappings_page(scene: WindowScene) -> MappingsPage:
    page = scene.window.page("mappings")
    assert isinstance(page, MappingsPage)
    return page


async def map_customer(theme: Theme) -> WindowScene:
    scene = WindowScene(theme, full_desk(), "mappings")
    await scene.settled()
    _mappings_page(scene).map_customer.click()
    return await scene.with_dialog()


async def map_product(theme: Theme) -> WindowScene:
    return await _map_row(theme, "sku:9999", "product")


async def map_line(theme: Theme) -> WindowScene:
    return await _map_row(theme, "650", "line")


async def _map_row(theme: Theme, key_end: str, what: str) -> WindowScene:
    from reconcile_app.ui.views.compare_page import ComparePage

    scene = WindowScene(theme, full_desk())
    page = scene.window.page("compare")
    assert isinstance(page, ComparePage)
    key = next(key for key in scene.desk.coming.rows["key"].tolist() if key.endswith(f"/{key_end}"))
    page.map_requested.emit(key, what)
    return await scene.with_dialog()


async def map_exact(theme: Theme) -> WindowScene:
    scene = WindowScene(theme, full_desk(), "mappings")
    _mappings_page(scene).flow.accept_exact([("CED", "Cedar & Co")])
    return await scene.with_dialog()


# history ---------------------------------------------------------------------------------------------------------------------

async def history_empty(theme: Theme) -> WindowScene:
    return await WindowScene(theme, FakeDesk(), "history").settled()


async def history_full(theme: Theme) -> WindowScene:
    return await WindowScene(theme, full_desk(), "history").settled()


# connections -----------------------------------------------------------------------------------------------------------------

def _connections_page(scene: WindowScene) -> ConnectionsPage:
    page = scene.window.page("connections")
    assert isinstance(page, ConnectionsPage)
    return page


async def connections_empty(theme: Theme) -> WindowScene:
    return await WindowScene(theme, FakeDesk(connected=False), "connections").settled()


async def connections_full(theme: Theme) -> WindowScene:
    desk = full_desk()
    desk.secrets_note = "This computer has no secure storage. Secrets are kept until the program ends."
    scene = WindowScene(theme, desk, "connections")
    await scene.controller.verify("autotask")
    return await scene.settled()


async def connections_busy(theme: Theme) -> WindowScene:
    desk = full_desk()
    desk.gate = asyncio.Event()
    scene = WindowScene(theme, desk, "connections")
    _connections_page(scene).test("autotask")
    return await scene.settled()


async def connections_failed(theme: Theme) -> WindowScene:
    desk = full_desk()
    desk.set_health("autotask", Health.FAILED, "Sign-in failed · the server said: “Unauthorized”")
    return await WindowScene(theme, desk, "connections").settled()


async def connection_form(theme: Theme) -> WindowScene:
    scene = WindowScene(theme, FakeDesk(), "connections")
    _connections_page(scene).add_connection()
    form = await dialog_of(ConnectionForm)
    form.system.setCurrentIndex(1)
    form.test_button.click()
    return await scene.with_dialog()


async def connection_change(theme: Theme) -> WindowScene:
    scene = WindowScene(theme, FakeDesk(), "connections")
    _connections_page(scene).change_connection("autotask")
    return await scene.with_dialog()


async def connection_delete(theme: Theme) -> WindowScene:
    scene = WindowScene(theme, full_desk(), "connections")
    _connections_page(scene).delete_connection("autotask")
    return await scene.with_dialog()


SCENES: Scenes = {
    scene.__name__.replace("_", "-"): scene for scene in (
        welcome, window, settings, keys, error, mappings_empty, mappings_customers, mappings_products, mappings_ignored,
        map_customer, map_product, map_line, map_exact, history_empty, history_full, connections_empty, connections_full,
        connections_busy, connections_failed, connection_form, connection_change, connection_delete)
}


if __name__ == "__main__":
    main(SCENES, "")
