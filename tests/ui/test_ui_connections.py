"""Connections: adding with errors beside the field, secrets never shown, tests that do not block, deleting with the name typed."""

import asyncio

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit, QWidget

from reconcile_app.core.errors import SettingsError
from reconcile_app.services.desk import Health
from reconcile_app.ui.views.connection_form import ConnectionForm, address_problem
from reconcile_app.ui.views.connections_page import ConnectionsPage, DeleteConnection
from tests.fakes.desk import FakeDesk, saved_run
from tests.fakes.sample_run import sample_run
from tests.fakes.window import dialog_of, gone, key, opened, press, press_named, typed, until, words_of

# the offscreen platform says so of every dialog
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints")
SECRET = "t0p-s3cret-canary"


def connections_of(window) -> ConnectionsPage:
    window.show_page("connections")
    page = window.page("connections")
    assert isinstance(page, ConnectionsPage)
    return page


def test_a_card_tells_its_state_in_words_and_what_to_grant_where(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(), theme) as (window, _):
            page = connections_of(window)
            press(page.cards["autotask"].test)
            await until(lambda: "cannot change contracts" in words_of(page))
            words = words_of(page.cards["autotask"])
            assert "Connected · checked" in words
            assert "× missing" in words
            assert "Grant it: Admin › Security Levels › API user › Contracts: set Edit to All" in words
            assert "? cannot tell" in words

    in_qt(steps())


def test_the_page_stays_usable_while_a_slow_system_is_checked_and_updates_itself(in_qt, theme):
    async def steps():
        desk = FakeDesk()
        desk.gate = asyncio.Event()
        async with opened(desk, theme) as (window, _):
            page = connections_of(window)
            press(page.cards["autotask"].test)
            await until(lambda: "Checking." in words_of(page.cards["autotask"]))
            assert not page.cards["autotask"].test.isEnabled()
            assert page.cards["atria"].test.isEnabled()
            press(window.rail.buttons["history"])
            press(window.rail.buttons["connections"])
            desk.gate.set()
            await until(lambda: not page.cards["autotask"].checking)
            assert "cannot change contracts" in words_of(page.cards["autotask"])

    in_qt(steps())


def test_a_failed_connection_says_so_with_mark_and_words(in_qt, theme):
    async def steps():
        desk = FakeDesk()
        desk.set_health("autotask", Health.FAILED, "Sign-in failed")
        async with opened(desk, theme) as (window, _):
            card = connections_of(window).cards["autotask"]
            assert card.light.text() == "×"
            assert card.state.text().startswith("Sign-in failed")

    in_qt(steps())


def test_a_missing_field_is_told_beside_it_and_nothing_is_saved(in_qt, theme):
    async def steps():
        desk = FakeDesk(connected=False)
        async with opened(desk, theme) as (window, _):
            page = connections_of(window)
            press(page.add)
            form = await dialog_of(ConnectionForm)
            press(form.test_button)
            assert form.fields["base_url"].problem.text() == "× Address is needed."
            assert form.fields["token"].problem.isVisible()
            assert form.fields["base_url"].entry.hasFocus()
            typed(form.fields["base_url"].entry, "atria.contoso.example")
            assert not form.fields["base_url"].problem.isVisible(), "typing takes the complaint back"
            press(form.save_button)
            assert "https://" in form.fields["base_url"].problem.text()
            assert desk.calls == []
            key(form, Qt.Key.Key_Escape)
            await gone(form)

    in_qt(steps())


def test_a_connection_is_saved_with_its_secrets_apart_and_tested_at_once(in_qt, theme):
    async def steps():
        desk = FakeDesk(connected=False)
        async with opened(desk, theme) as (window, _):
            page = connections_of(window)
            press(page.add)
            form = await dialog_of(ConnectionForm)
            entry = form.name.entry
            assert isinstance(entry, QLineEdit)
            assert entry.text() == "atria"
            typed(form.fields["base_url"].entry, "https://atria.contoso.example")
            typed(form.fields["token"].entry, SECRET)
            press(form.test_button)
            await gone(form)
            await until(lambda: "atria" in page.cards and "Connected" in words_of(page.cards["atria"]))
            values = {"base_url": "https://atria.contoso.example", "customer_key": "customer"}
            assert desk.calls == [("save_connection", "atria", "atria", values, ("token",)), ("verify", "atria")]

    in_qt(steps())


def test_what_the_program_refuses_stays_in_the_form_with_its_reason(in_qt, theme):
    async def steps():
        desk = FakeDesk(connected=False)
        async with opened(desk, theme) as (window, _):
            press(connections_of(window).add)
            form = await dialog_of(ConnectionForm)
            typed(form.fields["base_url"].entry, "https://atria.contoso.example")
            typed(form.fields["token"].entry, SECRET)
            desk.fail = SettingsError("Address cannot be used.", "The server has another name.", next_step="Check it.")
            press(form.save_button)
            await until(lambda: "another name" in form.fields["base_url"].problem.text())
            assert form.isVisible()
            form.reject()
            await gone(form)

    in_qt(steps())


def test_a_stored_secret_is_never_shown_only_replaced(in_qt, theme):
    async def steps():
        desk = FakeDesk()
        async with opened(desk, theme) as (window, _):
            page = connections_of(window)
            press_named(page.cards["autotask"], "Change…")
            form = await dialog_of(ConnectionForm)
            secret = form.fields["secret"]
            assert "stored" in secret.stored_words.text()
            assert not secret.entry.isVisible()
            press(secret.replace)
            entry = secret.entry
            assert isinstance(entry, QLineEdit)
            assert entry.text() == ""
            typed(entry, SECRET)
            entry.selectAll()
            entry.copy()
            assert SECRET not in _everything_said(form), "a secret is masked, also for screen readers and tool tips"
            press(form.save_button)
            await gone(form)
            assert desk.calls == [("save_connection", "autotask", "autotask", {"base_url": "", "zone_user": "api@contoso.example"},
                                   ("secret",))]

    in_qt(steps())


def _everything_said(widget: QWidget) -> str:
    from PySide6.QtGui import QGuiApplication

    parts = [QGuiApplication.clipboard().text(), widget.windowTitle()]
    for found in widget.findChildren(QWidget):
        parts += [found.accessibleName(), found.accessibleDescription(), found.toolTip()]
        if isinstance(found, QLabel):
            parts.append(found.text())
        if isinstance(found, QLineEdit):
            parts.append(found.displayText())
    return "\n".join(parts)


def test_without_secure_storage_form_and_page_say_that_secrets_last_for_the_session(in_qt, theme):
    async def steps():
        desk = FakeDesk()
        desk.secrets_note = "No secure storage: secrets are kept until the program ends."
        async with opened(desk, theme) as (window, _):
            page = connections_of(window)
            assert desk.secrets_note in words_of(page)
            press(page.add)
            form = await dialog_of(ConnectionForm)
            assert desk.secrets_note in words_of(form)
            form.reject()
            await gone(form)

    in_qt(steps())


def test_choosing_another_system_grows_its_fields_and_a_free_name(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(), theme) as (window, _):
            press(connections_of(window).add)
            form = await dialog_of(ConnectionForm)
            assert isinstance(form.fields["customer_key"].entry, QComboBox)
            key(form.system, Qt.Key.Key_Down)
            assert list(form.fields) == ["base_url", "zone_user", "username", "secret"]
            assert form.name.text == "autotask-2", "autotask is taken"
            form.reject()
            await gone(form)

    in_qt(steps())


def test_tab_goes_through_the_form_in_reading_order(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(connected=False), theme) as (window, _):
            press(connections_of(window).add)
            form = await dialog_of(ConnectionForm)
            key(form.system, Qt.Key.Key_Down)
            await until(form.fields["secret"].entry.isVisible)
            form.system.setFocus()
            wanted = [form.name.entry, *[entry.entry for entry in form.fields.values()]]
            for entry in wanted:
                key(QApplication.focusWidget(), Qt.Key.Key_Tab)
                assert entry.hasFocus(), entry.accessibleName()
            form.reject()
            await gone(form)

    in_qt(steps())


def test_deleting_says_what_goes_and_wants_the_name(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        desk.saved_runs = [saved_run(0), saved_run(1)]
        async with opened(desk, theme) as (window, _):
            page = connections_of(window)
            press_named(page.cards["autotask"], "Delete connection…")
            dialog = await dialog_of(DeleteConnection)
            words = words_of(dialog)
            assert "User name, Secret" in words
            assert "1 ignore rule" in words
            assert "saved runs with their logs (2)" in words
            assert not dialog.delete.isEnabled()
            typed(dialog.typed, "autotas")
            assert not dialog.delete.isEnabled()
            typed(dialog.typed, "k")
            press(dialog.delete)
            await gone(dialog)
            await until(lambda: "autotask" not in page.cards)
            assert ("remove_connection", "autotask") in desk.calls

    in_qt(steps())


def test_keeping_a_connection_deletes_nothing(in_qt, theme):
    async def steps():
        desk = FakeDesk()
        async with opened(desk, theme) as (window, _):
            press_named(connections_of(window).cards["atria"], "Delete connection…")
            dialog = await dialog_of(DeleteConnection)
            press_named(dialog, "Keep it")
            await gone(dialog)
            assert desk.calls == []

    in_qt(steps())


def test_only_https_or_this_computer_is_an_address():
    assert address_problem("https://atria.example.net") == ""
    assert address_problem("http://127.0.0.1:8080") == ""
    assert address_problem("http://localhost:8080/x") == ""
    for wrong in ("atria", "http://atria.example.net", "https://user:pw@atria.example.net", "ftp://127.0.0.1", "https://", "http://[::1"):
        assert address_problem(wrong), wrong
