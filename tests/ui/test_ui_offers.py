"""Choosing a setting from what the system has: asked from the form, never blocking, and nothing that was typed is lost."""

import asyncio
from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLineEdit

from reconcile_app.core.errors import ConnectionFailed, SettingsError
from reconcile_app.core.ports import ConnectorSpec
from reconcile_app.core.settings import SettingField
from reconcile_app.ui.controller import Controller
from reconcile_app.ui.main_window import MainWindow
from reconcile_app.ui.views.connection_form import ConnectionForm
from reconcile_app.ui.views.connections_page import ConnectionsPage
from tests.end_to_end.desk_fixture import Bench
from tests.fakes.connectwise_books import two_customers
from tests.fakes.desk import FakeDesk
from tests.fakes.specs import ATRIA, AUTOTASK
from tests.fakes.window import MemoryStore, dialog_of, gone, key, opened, press, press_named, typed, until

SECRET = "t0p-s3cret-canary"
KIND = SettingField(name="contract_kind", label="Contract kind", help="Which contracts count.", required=True, offered=True)


class Offering(FakeDesk):
    """A desk whose PSA has kinds of contracts to choose from."""

    def specs(self) -> tuple[ConnectorSpec, ...]:
        return (ATRIA, replace(AUTOTASK, fields=(*AUTOTASK.fields, KIND)))


async def form_of(window) -> ConnectionForm:
    window.show_page("connections")
    page = window.page("connections")
    assert isinstance(page, ConnectionsPage)
    press(page.add)
    form = await dialog_of(ConnectionForm)
    form.system.setCurrentIndex(1)
    await until(form.fields["contract_kind"].read.isVisible)
    return form


def box_of(form: ConnectionForm, name: str = "contract_kind") -> QComboBox:
    entry = form.fields[name].entry
    assert isinstance(entry, QComboBox)
    return entry


def items(box: QComboBox) -> list[str]:
    return [box.itemText(place) for place in range(box.count())]


def test_the_system_is_asked_from_an_unsaved_form_and_what_was_typed_stays(in_qt, theme):
    async def steps():
        desk = Offering(connected=False)
        desk.offered = {"contract_kind": ("Recurring", "Retainer"), "unknown": ("x",)}
        desk.gate = asyncio.Event()
        async with opened(desk, theme) as (window, _):
            form = await form_of(window)
            typed(form.fields["zone_user"].entry, "api@contoso.example")
            typed(form.fields["secret"].entry, SECRET)
            box_of(form).setCurrentText("Retainer")
            read = form.fields["contract_kind"].read
            assert read.text() == "Read from Autotask"
            assert not form.fields["zone_user"].read.isVisible()
            press(read)
            assert (read.text(), read.isEnabled()) == ("Reading…", False)
            typed(form.fields["zone_user"].entry, "still typing")
            desk.gate.set()
            await until(read.isEnabled)
            assert items(box_of(form)) == ["Recurring", "Retainer"]
            assert box_of(form).currentText() == "Retainer"
            assert read.text() == "2 to choose from. Read again"
            entry = form.fields["secret"].entry
            assert isinstance(entry, QLineEdit)
            assert entry.text() == SECRET
            values = {"base_url": "", "zone_user": "api@contoso.example", "contract_kind": "Retainer"}
            assert desk.calls == [("offers", "autotask", values, ("secret",), "")]
            form.reject()
            await gone(form)

    in_qt(steps())


def test_a_value_that_is_not_among_those_offered_may_be_typed_and_is_saved(in_qt, theme):
    async def steps():
        desk = Offering(connected=False)
        desk.offered = {"contract_kind": ("Recurring",)}
        async with opened(desk, theme) as (window, _):
            form = await form_of(window)
            for name in ("zone_user", "username", "secret"):
                typed(form.fields[name].entry, name)
            press(form.save_button)
            assert form.fields["contract_kind"].problem.text() == "× Contract kind is needed."
            press(form.fields["contract_kind"].read)
            await until(lambda: items(box_of(form)))
            box_of(form).setCurrentText("My own")
            assert not form.fields["contract_kind"].problem.isVisible()
            press(form.save_button)
            await gone(form)
            assert desk.calls[-1][3]["contract_kind"] == "My own"

    in_qt(steps())


def test_why_nothing_can_be_offered_is_told_in_the_form(in_qt, theme):
    async def steps():
        desk = Offering(connected=False)
        async with opened(desk, theme) as (window, _):
            form = await form_of(window)
            read = form.fields["contract_kind"].read
            desk.fail = ConnectionFailed("Autotask cannot be reached.", meaning="Nothing was read.")
            press(read)
            await until(lambda: "cannot be reached" in form._error.text())
            assert read.isEnabled()
            desk.fail = SettingsError("API user is missing.", next_step="Enter it.")
            press(read)
            await until(lambda: "is missing" in form.fields["zone_user"].problem.text())
            assert not form._error.isVisible()
            form.reject()
            await gone(form)

    in_qt(steps())


def test_closing_the_form_ends_the_reading(in_qt, theme):
    async def steps():
        desk = Offering(connected=False)
        desk.gate = asyncio.Event()
        async with opened(desk, theme) as (window, controller):
            form = await form_of(window)
            press(form.fields["contract_kind"].read)
            await until(lambda: desk.calls)
            key(form, Qt.Key.Key_Escape)
            await gone(form)
            await until(lambda: not controller.tasks.running("read what a system offers"))

    in_qt(steps())


def test_what_another_system_offers_is_not_taken(in_qt, theme):
    async def steps():
        async with opened(Offering(connected=False), theme) as (window, _):
            form = await form_of(window)
            form.show_offers("atria", {"contract_kind": ("x",)})
            form.show_offers("autotask", {"zone_user": ("x",), "elsewhere": ("x",)})
            assert items(box_of(form)) == []
            form.reject()
            await gone(form)

    in_qt(steps())


def test_a_saved_connection_is_asked_by_the_button_over_real_sockets(in_qt, theme, tmp_path):
    async def steps(bench: Bench):
        controller = Controller(bench.session, operator="Alex")
        window = MainWindow(controller, theme, MemoryStore(), now=bench.clock.now)
        window.show()
        try:
            window.show_page("connections")
            press_named(window.page("connections").cards["connectwise"], "Change…")
            form = await dialog_of(ConnectionForm)
            box = box_of(form, "agreement_type")
            before = box.currentText()
            press(form.fields["agreement_type"].read)
            await until(lambda: items(box))
            assert items(box)[-1] == "Web Hosting", "inactive ones come last"
            assert {"Block Time", "Managed Services", before} <= set(items(box))
            assert box.currentText() == before
            form.reject()
            await gone(form)
        finally:
            await controller.close()
            window.hide()
            window.deleteLater()

    with Bench(tmp_path, two_customers, psa="connectwise") as bench:
        in_qt(steps(bench))
