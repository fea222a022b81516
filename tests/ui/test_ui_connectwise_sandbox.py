"""ConnectWise in the window over real sockets, pressed as a person presses: form and check, then the month; the ledger judges."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLineEdit

from reconcile_app.core.judge import OpState
from reconcile_app.sample import SampleSecrets
from reconcile_app.ui.controller import Controller
from reconcile_app.ui.main_window import MainWindow
from reconcile_app.ui.views.connection_form import ConnectionForm
from reconcile_app.ui.views.mapping_dialogs import ChoiceDialog
from tests.end_to_end.desk_fixture import Bench, row_of
from tests.fakes.connectwise_books import BILLED, HELD, SEAT, Books
from tests.fakes.connectwise_books import two_customers as two
from tests.fakes.window import MemoryStore, dialog_of, gone, key, press, press_named, typed, until, words_of

RIGHTS = (("Agreements", "edit"), ("Agreements", "add"), ("Product Catalog", "inquire"), ("Company Maintenance", "inquire"))


class Desk:
    """A window on the session of a bench."""

    def __init__(self, bench: Bench, theme) -> None:
        self.bench, self._theme = bench, theme

    async def __aenter__(self) -> "Desk":
        self.controller = Controller(self.bench.session, operator="Alex")
        self.window = MainWindow(self.controller, self._theme, MemoryStore(), now=self.bench.clock.now)
        self.window.show()
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.controller.close()
        self.window.hide()
        self.window.deleteLater()

    async def compared(self):
        """Press Compare and wait for the rows."""
        page = self.window.page("compare")
        self.controller.select_connections("atria", "connectwise")
        await until(page.header.compare.isEnabled)
        press(page.header.compare)
        await until(lambda: page.pane.rows is not None, 20)
        return page


def two_agreements(world) -> None:
    """ONE has one line; TWO has two agreements in force, so that a person has to choose; THREE has an addition that ends."""
    books = Books(world)
    one, two_, three = (books.customer(code, code, {SEAT: BILLED}) for code in ("ONE", "TWO", "THREE"))
    books.line(books.agreement(one), SEAT, HELD)
    for name in ("Office", "Warehouse"):
        books.line(books.agreement(two_, name), SEAT, HELD)
    books.line(books.agreement(three), SEAT, HELD, cancelled=world.atria.periods()[-1].end)


def fill_in(form: ConnectionForm, name: str, text: str) -> None:
    """Type into a field, or choose in it."""
    entry = form.fields[name].entry
    if isinstance(entry, QComboBox):
        entry.setCurrentText(text)
    else:
        assert isinstance(entry, QLineEdit)
        entry.clear()
        typed(entry, text)


def test_a_connection_is_entered_checked_and_each_missing_right_is_named(in_qt, theme, tmp_path):
    async def steps(bench: Bench):
        async with Desk(bench, theme) as desk:
            desk.window.show_page("connections")
            page = desk.window.page("connections")
            press(page.add)
            form = await dialog_of(ConnectionForm)
            for _ in range(2):
                key(form.system, Qt.Key.Key_Down)
            assert form.spec.title == "ConnectWise"
            fields = bench.settings["connectwise"]
            for name in ("base_url", "company", "agreement_type", "settle_seconds"):
                fill_in(form, name, fields[name])
            for name, secret in fields["secrets"].items():
                fill_in(form, name, secret)
            press(form.test_button)
            await gone(form)
            await until(lambda: "connectwise" in page.cards and not page.cards["connectwise"].checking, 20)
            words = words_of(page.cards["connectwise"])
            assert "Connected · checked" in words
            assert "× missing" not in words
            for function, right in RIGHTS:
                bench.control("connectwise", "permission", function=function, right=right, level="None")
            press(page.cards["connectwise"].test)
            await until(lambda: not page.cards["connectwise"].checking and "× missing" in words_of(page), 20)
            words = words_of(page.cards["connectwise"])
            for function, right in RIGHTS:
                assert f"› {function}: {right.capitalize()} level All." in words
            assert all(secret not in words for secret in fields["secrets"].values())

    with Bench(tmp_path, two, secrets=SampleSecrets(), psa="connectwise") as bench:
        in_qt(steps(bench))


def test_the_month_speaks_of_agreements_and_writes_exactly_what_was_ticked(in_qt, theme, tmp_path):
    async def steps(bench: Bench):
        async with Desk(bench, theme) as desk:
            page = await desk.compared()
            titles = {column.key: column.title for column in page.pane.model.columns}
            assert titles["contract_name"] == "Agreement"
            assert titles["contract_id"] == "Agreement ID"
            assert titles["service_name"] == "Product / line"
            assert titles["contract_quantity"] == "ConnectWise"
            run = bench.session.run
            page.show_row(row_of(run, "TWO", SEAT)["key"])
            await until(lambda: "Choose the agreement that carries these products" in words_of(page.pane.about))
            assert "several agreements" in words_of(page.pane.about)
            press_named(page.pane.about, "Choose agreement …")
            dialog = await dialog_of(ChoiceDialog)
            await until(lambda: dialog.contracts.model.rowCount() > 1)
            said = words_of(dialog).lower()
            assert "agreement" in said
            assert "contract" not in said
            dialog.contracts.view.select_row(dialog.contracts.model.row_of("1208"))
            await until(dialog.save.isEnabled)
            press(dialog.save)
            await gone(dialog)
            await until(lambda: row_of(bench.session.run, "TWO", SEAT)["status"] == "raise")
            await until(lambda: page.pane.rows.run is bench.session.run)

            press(page.bar.push)
            await until(lambda: desk.window.push.review is not None, 20)
            review = desk.window.push.review
            header = review.lines.headerItem()
            assert [header.text(place) for place in range(3)] == ["Customer / line", "SKU", "Agreement"]
            assert len(review.plan.changes) == 2, "what ends later is never ticked by the program"
            if review.plan.confirm_reasons:
                typed(review.typed, str(review.plan.totals.lines))
            assert bench.ledger() == []
            press(review.go)
            await until(lambda: desk.window.push.result is not None, 20)
            states = [record.state for record in desk.window.push.result.model.records()]
            assert states == [OpState.VERIFIED, OpState.VERIFIED]
            assert [(entry["line"], entry["before"], entry["after"]) for entry in bench.ledger()] == [
                ("88431", HELD, BILLED), ("88432", HELD, BILLED),
            ]  # fmt: skip

    with Bench(tmp_path, two_agreements, psa="connectwise") as bench:
        in_qt(steps(bench))


def test_a_line_with_a_planned_change_says_what_a_push_does_to_it(in_qt, theme, tmp_path):
    async def steps(bench: Bench):
        async with Desk(bench, theme) as desk:
            page = await desk.compared()
            row = row_of(bench.session.run, "THREE", SEAT)["key"]
            page.show_row(row)
            await until(lambda: "write this change all the same" in words_of(page.pane.about))
            await bench.select(row)
            page.push_requested.emit()
            await until(lambda: desk.window.push.review is not None, 20)
            (planned,) = desk.window.push.review.plan.changes
            assert planned.notes == ("Somebody planned a change to 0 on 2026-12-25; this holds until then.",)
            assert planned.notes[0] in desk.window.push.review.lines.topLevelItem(0).child(0).text(6)
            desk.window.push.review.cancelled.emit()

    with Bench(tmp_path, two_agreements, psa="connectwise") as bench:
        in_qt(steps(bench))
