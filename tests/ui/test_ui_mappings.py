"""Mappings: states, search, the three-step choice, effect before saving, bulk for exact matches only, undo."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from reconcile_app.core.errors import ConnectionFailed
from reconcile_app.core.mapping_rules import CustomerRule, LineRule, ProductRule
from reconcile_app.services.desk import Suggestion
from reconcile_app.ui.views.mapping_dialogs import ChoiceDialog, ServiceDialog
from reconcile_app.ui.views.mapping_flow import ExactMatches
from reconcile_app.ui.views.mappings_page import MappingsPage
from tests.fakes.desk import FakeDesk
from tests.fakes.sample_run import sample_run
from tests.fakes.window import dialog_of, gone, key, opened, press, press_named, typed, until, words_of

# the offscreen platform says so of every dialog
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints")


def mappings_of(window) -> MappingsPage:
    window.show_page("mappings")
    page = window.page("mappings")
    assert isinstance(page, MappingsPage)
    return page


def said(desk: FakeDesk, what: str) -> list[object]:
    return [call[1] for call in desk.calls if call[0] == what]


def test_without_a_comparison_the_page_leads_to_compare(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(), theme) as (window, _):
            page = mappings_of(window)
            press_named(page, "Go to Compare")
            assert window.stack.currentWidget() is window.page("compare")

    in_qt(steps())


def test_what_needs_a_person_is_listed_first_and_counted_on_the_tab(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(sample_run()), theme) as (window, _):
            page = mappings_of(window)
            model = page.customers.model
            states = [model.index(row, 3).data() for row in range(model.rowCount())]
            assert states[:3] == ["◆ no Billing Identifier", "◆ no company has this identifier",
                                  "◆ the company has no contract of this kind"]
            assert states[3] == "✓ by Billing Identifier"
            assert page.tabs.tabText(0) == "Customers  ◆ 3"
            assert "3 customers and 1 product need a person" in words_of(page)
            page.customers.show_only(1)
            assert model.rowCount() == 3
            assert page.customers.count.text() == "3 of 13 customers"

    in_qt(steps())


def test_search_covers_every_column_and_escape_clears_it(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(sample_run()), theme) as (window, _):
            page = mappings_of(window)
            key(page, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
            typed(page.customers.search, "harbor llp")
            assert [row.code for row in page.customers.model.records()] == ["HAR"]
            key(page.customers.search, Qt.Key.Key_Escape)
            assert page.customers.model.rowCount() == 13

    in_qt(steps())


def test_mapping_a_customer_by_keyboard_says_its_effect_before_it_is_saved(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, _):
            page = mappings_of(window)
            page.customers.view.setFocus()
            key(page.customers.view, Qt.Key.Key_Return)
            dialog = await dialog_of(ChoiceDialog)
            await until(lambda: dialog.companies.choice is not None)
            assert dialog.companies.choice.id == "174", "the best suggestion is under the cursor"
            assert "100 · same name after removing Ltd" in dialog.companies.words.text()
            await until(lambda: dialog.rule is not None)
            await until(lambda: "3 billed lines newly matched · none lost · 4 lines still without a target" in dialog.effect.text())
            assert said(desk, "map_customer") == []
            key(dialog.companies.view, Qt.Key.Key_Return)
            key(dialog.contracts.view, Qt.Key.Key_Return)
            await gone(dialog)
            await until(lambda: said(desk, "map_customer"))
            assert said(desk, "map_customer") == [CustomerRule(customer_code="CED", company_id="174", contract_id="")]
            await until(lambda: page.customers.model.row_of("CED") > 2)
            assert page.customers.model.record(page.customers.model.row_of("CED")).rule is not None

    in_qt(steps())


def test_a_contract_can_be_chosen_and_another_company_changes_the_contracts(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, _):
            mappings_of(window)
            window.page("mappings").flow.map_row("CED//805", "contract")
            dialog = await dialog_of(ChoiceDialog)
            await until(lambda: dialog.contracts.choice is not None)
            typed(dialog.companies.search, "orchard")
            await until(lambda: dialog.contracts.model.row_of("29684266") >= 0)
            typed(dialog.contracts.search, "managed")
            dialog.contracts.view.select_row(dialog.contracts.model.row_of("29684266"))
            press(dialog.save)
            await gone(dialog)
            await until(lambda: said(desk, "map_customer"))
            assert said(desk, "map_customer")[0] == CustomerRule(customer_code="CED", company_id="312", contract_id="29684266")

    in_qt(steps())


def test_one_customers_line_takes_three_steps(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, _):
            mappings_of(window).flow.map_row("ASP/29684183/650", "line")
            dialog = await dialog_of(ChoiceDialog)
            await until(lambda: dialog.lines.model.rowCount() == 5)
            assert not dialog.save.isEnabled(), "the line is never guessed"
            typed(dialog.lines.search, "hosted")
            assert dialog.lines.choice is not None
            press(dialog.save)
            await gone(dialog)
            await until(lambda: said(desk, "map_line"))
            assert said(desk, "map_line") == [
                LineRule(customer_code="ASP", sku="650", contract_id="29684183", line_id="80650174")]

    in_qt(steps())


def test_a_sku_is_mapped_for_every_customer_or_for_one(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, _):
            flow = mappings_of(window).flow
            flow.map_row("DEL/29684207/sku:9999", "product")
            dialog = await dialog_of(ServiceDialog)
            await until(lambda: dialog.services.choice is not None)
            assert dialog.services.choice.id == "650"
            press_named(dialog, "Only for Delaney Architects: choose a contract service…")
            by_line = await dialog_of(ChoiceDialog)
            press_named(by_line, "The same service for every customer…")
            dialog = await dialog_of(ServiceDialog)
            await until(lambda: dialog.services.choice is not None)
            typed(dialog.services.search, "not invoiced")
            press(dialog.save)
            await gone(dialog)
            await until(lambda: said(desk, "map_product"))
            assert said(desk, "map_product") == [ProductRule(sku="9999", service_id="")]

    in_qt(steps())


def test_tab_goes_through_the_steps_before_the_buttons(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(sample_run()), theme) as (window, _):
            mappings_of(window).flow.map_row("CED//805", "customer")
            dialog = await dialog_of(ChoiceDialog)
            await until(lambda: dialog.contracts.choice is not None)
            dialog.companies.search.setFocus()
            for part in (dialog.companies.view, dialog.contracts.search, dialog.contracts.view):
                key(QApplication.focusWidget(), Qt.Key.Key_Tab)
                assert part.hasFocus(), part.accessibleName()
            dialog.reject()
            await gone(dialog)

    in_qt(steps())


def test_a_side_that_cannot_be_read_is_told_inside_the_dialog(in_qt, theme):
    class Unreachable(FakeDesk):
        async def companies(self):
            raise ConnectionFailed("Autotask did not answer.", next_step="Try again later.")

    async def steps():
        async with opened(Unreachable(sample_run()), theme) as (window, _):
            mappings_of(window).flow.map_row("CED//805", "customer")
            dialog = await dialog_of(ChoiceDialog)
            await until(lambda: "Autotask did not answer. Try again later." in dialog.companies.words.text())
            assert not dialog.save.isEnabled()
            dialog.reject()
            await gone(dialog)

    in_qt(steps())


def test_a_line_without_sku_is_not_mapped_but_explained(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(sample_run()), theme) as (window, controller):
            notes: list[str] = []
            controller.note.connect(notes.append)
            run = sample_run()
            row = run.rows[run.rows["sku"].isna()].iloc[0]
            mappings_of(window).flow.map_row(row["key"], "product")
            assert "no SKU" in notes[0]

    in_qt(steps())


def test_exact_matches_are_accepted_together_and_similar_ones_never(in_qt, theme):
    class Matching(FakeDesk):
        def suggest_companies(self, customer_code, companies):
            exact = customer_code == "CED"
            return [Suggestion(target_id="301" if exact else "312", target_name="Northwind Property", score=100 if exact else 96,
                               exact=exact, reason="same name")]

    async def steps():
        desk = Matching(sample_run())
        async with opened(desk, theme) as (window, _):
            page = mappings_of(window)
            press(page.exact)
            dialog = await dialog_of(ExactMatches)
            assert [match.customer_code for match in dialog.chosen] == ["CED"]
            item = dialog.tree.topLevelItem(0)
            item.setCheckState(0, Qt.CheckState.Unchecked)
            assert not dialog.save.isEnabled()
            item.setCheckState(0, Qt.CheckState.Checked)
            assert dialog.save.text() == "Map 1 customer"
            press(dialog.save)
            await gone(dialog)
            await until(lambda: said(desk, "map_customer"))
            assert said(desk, "map_customer") == [CustomerRule(customer_code="CED", company_id="301")]

    in_qt(steps())


def test_two_customers_that_match_one_company_are_left_to_a_person(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            notes: list[str] = []
            controller.note.connect(notes.append)
            press(mappings_of(window).exact)
            await until(lambda: notes)
            assert notes == ["No exact match among 2 customers. Map them one by one."]
            assert not any(isinstance(top, ExactMatches) and top.isVisible() for top in QApplication.topLevelWidgets())

    in_qt(steps())


def test_a_mapping_is_removed_undone_and_done_again(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, controller):
            controller.map_customer(CustomerRule(customer_code="CED", company_id="174"))
            await until(lambda: "CED" in desk.rules.customers)
            page = mappings_of(window)
            await until(lambda: page.customers.model.record(page.customers.model.row_of("CED")).rule is not None)
            page.customers.view.select_row(page.customers.model.row_of("CED"))
            press(page.unmap_customer)
            await until(lambda: "CED" not in desk.rules.customers)
            assert page.undo.text() == "Undo: remove a mapping"
            assert page.customers.view.hasFocus(), "the keyboard goes on in the list"
            key(page.customers.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
            await until(lambda: "CED" in desk.rules.customers)
            key(page.customers.view, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
            await until(lambda: "CED" not in desk.rules.customers)
            assert page.customers.view.current().code == "CED", "the cursor stays on its row"

    in_qt(steps())


def test_an_ignore_rule_tells_reason_until_and_by_and_is_lifted(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme) as (window, _):
            page = mappings_of(window)
            page.tabs.setCurrentIndex(2)
            model = page.ignored.model
            row = [model.index(0, column).data() for column in range(model.columnCount())]
            assert row == ["Harbor Street Legal", "SharePoint Storage", "Included in the flat fee", "for ever", "–",
                           "Alex · 27 Sep 2026", "∅ holds"]
            press(page.lift)
            await until(lambda: not desk.rules.ignores)
            await until(lambda: model.rowCount() == 0)
            assert not page.lift.isEnabled()

    in_qt(steps())
