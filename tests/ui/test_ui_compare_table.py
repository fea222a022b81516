"""Searching, filtering, sorting, columns, copying: what narrows and arranges the comparison."""

from datetime import date

import pytest
from PySide6.QtCore import QDate, QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from reconcile_app.services.desk import Health
from reconcile_app.ui.views.compare_choices import CustomerChoice, DateChoice
from reconcile_app.ui.views.compare_page import ALL, TO_DO
from tests.fakes.desk import FakeDesk
from tests.fakes.sample_run import build_run, sample_run
from tests.ui.compare_scenes import SCENES, Scene
from tests.ui.compare_steps import Control, Key, Shift, current, go, names, opened


def cards(scene: Scene) -> dict[str, str]:
    return {name: card.value for name, card in scene.page.summary.cards.items()}


def click_header(scene: Scene, qtbot, key: str, modifier=Qt.KeyboardModifier.NoModifier) -> None:
    frozen = key in ("customer_name", "service_name")
    header = (scene.table.frozen if frozen else scene.table).horizontalHeader()
    where = QPoint(header.sectionViewportPosition(scene.table.rows.place(key)) + 12, 8)
    # Qt's own state of the keyboard is what a header click asks for
    qtbot.mousePress(header.viewport(), Qt.MouseButton.LeftButton, modifier, where)
    qtbot.mouseRelease(header.viewport(), Qt.MouseButton.LeftButton, modifier, where)


def test_ctrl_f_types_narrows_and_escape_clears_search_first_then_filters(on_page, qtbot):
    async def steps(scene: Scene):
        page = scene.page
        qtbot.mouseClick(page.summary.cards["raise"], Qt.MouseButton.LeftButton)
        assert page.pane.model.rowCount() == 10
        qtbot.keyClick(page, Key.Key_F, Control)
        assert QApplication.focusWidget() is page.search
        qtbot.keyClicks(page.search, "coastal")
        assert set(names(scene)) == {"Coastal Freight"}
        assert page.pane.model.rowCount() == 2
        assert cards(scene)["add"] == "1"
        qtbot.keyClick(page.search, Key.Key_Down)
        assert QApplication.focusWidget() is scene.table
        qtbot.keyClick(scene.table, Key.Key_Escape)
        assert (page.search.text(), page.pane.model.rowCount()) == ("", 10)
        qtbot.keyClick(scene.table, Key.Key_Escape)
        assert page.pane.model.rowCount() == 37
        assert not page.summary.cards["raise"].isChecked()
    on_page(steps)


def test_letters_in_the_search_are_text_and_no_commands(on_page, qtbot):
    async def steps(scene: Scene):
        scene.page.search.setFocus()
        qtbot.keyClicks(scene.page.search, "a m e n i")
        assert scene.page.search.text() == "a m e n i"
        assert scene.desk.calls == [("periods", "atria")]
    on_page(steps)


def test_cards_filter_combine_with_ctrl_and_toggle_off(on_page, qtbot):
    async def steps(scene: Scene):
        chosen = scene.page.summary.cards
        qtbot.mouseClick(chosen["raise"], Qt.MouseButton.LeftButton)
        qtbot.mouseClick(chosen["lower"], Qt.MouseButton.LeftButton)
        assert scene.page.pane.model.rowCount() == 4
        assert cards(scene)["raise"] == "10", "counts of cards do not obey the cards"
        scene.page.summary.card_clicked.emit("raise", True)
        assert scene.page.pane.model.rowCount() == 14
        assert chosen["raise"].isChecked()
        assert chosen["lower"].isChecked()
        qtbot.mouseClick(chosen["all"], Qt.MouseButton.LeftButton)
        assert scene.page.pane.model.rowCount() == 37
        qtbot.mouseClick(chosen["ticked"], Qt.MouseButton.LeftButton)
        assert scene.page.pane.model.rowCount() == 15
        qtbot.mouseClick(chosen["ticked"], Qt.MouseButton.LeftButton)
        assert scene.page.pane.model.rowCount() == 37
        chosen["zero"].setFocus()
        qtbot.keyClick(chosen["zero"], Key.Key_Space)
        assert scene.page.pane.model.rowCount() == 2
    on_page(steps)


def test_a_code_group_filters_the_table_and_stays_in_the_list(on_page, qtbot):
    async def steps(scene: Scene):
        panel = scene.page.pane.warnings
        titles = [(group.code, group.rows) for group in panel.model.records()]
        assert ("AT04", 3) in titles
        row = panel.model.row_of("AT04")
        where = panel.view.visualRect(panel.model.index(row, 1)).center()
        qtbot.mouseClick(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=where)
        assert set(names(scene)) == {"Cedar & Co"}
        assert len(panel.model.records()) == len(titles), "the other codes can still be chosen"
        scene.page.search.setText("nothing like this")
        assert [group.code for group in panel.model.records()] == ["AT04"]
        assert scene.page.pane.empty.title.text() == "No line matches"
        qtbot.mouseClick(scene.page.pane.empty.action, Qt.MouseButton.LeftButton)
        assert scene.page.pane.model.rowCount() == 37
        panel.sort_menu().actions()[2].trigger()
        rows = [group.rows for group in panel.model.records()]
        assert rows == sorted(rows, reverse=True)
    on_page(steps)


def test_facets_include_on_click_and_exclude_with_shift(on_page, qtbot):
    async def steps(scene: Scene):
        panel = scene.page.pane.facets
        lines = panel.model

        def row_of(facet: str, text: str) -> int:
            return next(row for row in range(lines.rowCount())
                        if lines.line(row).facet == facet and lines.line(row).text == text and lines.line(row).kind != "title")

        def press(row: int, modifier=Qt.KeyboardModifier.NoModifier) -> None:
            panel.view.setCurrentIndex(lines.index(row))
            qtbot.keyClick(panel.view, Key.Key_Return, modifier)

        where = panel.view.visualRect(lines.index(row_of("status", "Raise"))).center()
        qtbot.mouseClick(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=where)
        assert scene.page.pane.model.rowCount() == 10
        assert lines.line(row_of("status", "Raise")).state == "in"
        press(row_of("service", "Email Signature"), Shift)
        assert scene.page.pane.model.rowCount() == 8
        assert lines.line(row_of("service", "Email Signature")).state == "out"
        qtbot.mouseClick(panel.clear, Qt.MouseButton.LeftButton)
        assert scene.page.pane.model.rowCount() == 37
        before = lines.rowCount()
        press(row_of("status", "2 more …"))
        assert lines.rowCount() == before + 2
        assert row_of("status", "Show fewer")
        assert scene.page.pane.filters.facets == {}
    on_page(steps)


def test_sorting_by_several_columns_keeps_the_row_under_the_cursor(on_page, qtbot):
    async def steps(scene: Scene):
        go(scene, "Lumen Optics", "Endpoint Protection")
        key = current(scene)
        click_header(scene, qtbot, "difference")
        click_header(scene, qtbot, "difference")
        assert scene.table.rows.sort_keys == (("difference", True),)
        place = scene.table.rows.place("difference")
        values = [scene.table.rows.copy_text(row, place) for row in range(scene.table.rows.rowCount())]
        numbers = [float(value) for value in values if value]
        assert numbers == sorted(numbers, reverse=True)
        assert "" not in values[:len(numbers)], "what is unknown comes last"
        assert current(scene) == key
        visible = scene.table.rect().contains(QPoint(10, scene.table.rowViewportPosition(scene.table.currentIndex().row())))
        assert visible
        scene.table.rows.set_sort(scene.table.rows.toggled_sort(scene.table.rows.place("customer_name"), True))
        assert scene.table.rows.sort_keys == (("difference", True), ("customer_name", False))
        titles = [scene.table.rows.headerData(place, Qt.Orientation.Horizontal) for place in range(11)]
        assert "Δ ↓¹" in titles
        assert "Customer ↑²" in titles
    on_page(steps)


def test_the_filter_never_moves_the_row_that_stays(on_page):
    async def steps(scene: Scene):
        go(scene, "Northwind Property", "Backup 1 TB")
        key = current(scene)
        y = scene.table.rowViewportPosition(scene.table.currentIndex().row())
        scene.page.tabs.setCurrentIndex(ALL)
        assert current(scene) == key
        assert scene.table.rowViewportPosition(scene.table.currentIndex().row()) == y
        scene.page.tabs.setCurrentIndex(TO_DO)
        assert scene.table.rowViewportPosition(scene.table.currentIndex().row()) == y
    on_page(steps)


def test_copied_rows_have_headers_plain_numbers_and_no_formulas(on_page, qtbot):
    frame = sample_run().rows
    frame.loc[frame["customer_code"] == "ASP", "customer_name"] = "=HYPERLINK(1)"
    frame.loc[frame["customer_code"] == "BIR", "customer_name"] = "<b>Birch</b>"

    async def steps(scene: Scene):
        scene.table.selectAll()
        qtbot.keyClick(scene.table, Key.Key_C, Control)
        data = QGuiApplication.clipboard().mimeData()
        lines = [line.split("\t") for line in data.text().splitlines()]
        assert lines[0] == ["✓", "Customer", "Service / line", "SKU", "Atria", "was", "Change", "Autotask", "last", "Δ", "$/month",
                            "Codes", "Contract"]
        assert lines[1][:11] == ["yes", "'=HYPERLINK(1)", "Hosted Exchange", "650", "12", "10", "Raise", "10", "10", "2", "9"]
        assert lines[3][9:11] == ["-5", "-115.5"], "numbers stay numbers"
        assert "&lt;b&gt;Birch&lt;/b&gt;" in data.html()
        assert data.html().count("<tr>") == len(lines) == 38
    on_page(steps, build_run(frame))


def test_columns_move_hide_and_come_back_as_remembered(on_page, qtbot, theme):
    async def steps(scene: Scene):
        table, header = scene.table, scene.table.horizontalHeader()
        money, sku = table.rows.place("money_difference"), table.rows.place("sku")
        header.moveSection(header.visualIndex(money), 3)
        header.moveSection(header.visualIndex(sku), 0)
        assert [header.logicalIndex(place) for place in range(3)] == [0, 1, 2], "frozen columns stay in front"
        table.setColumnWidth(1, 222)
        assert table.frozen.columnWidth(1) == 222
        action = next(each for each in table.column_menu().actions() if each.text() == "Company")
        action.setChecked(True)
        assert not table.isColumnHidden(table.rows.place("company_name"))
        table.rows.set_sort((("sku", True),))
        state = scene.page.state()
        other = await Scene(theme, FakeDesk(sample_run())).shown()
        other.page.restore(state)
        assert other.page.state() == state
        assert other.table.columnWidth(1) == 222
        other.page.restore({"table": {"order": [3, None], "widths": {"sku": "wide"}, "sort": ["x", ["nope", True]]}, "sizes": [1]})
        assert other.page.pane.model.rowCount() == 37, "nonsense is left out"
        await other.close()
    on_page(steps)


def test_the_health_of_both_sides_stands_before_the_numbers(on_page, qtbot, until):
    async def steps(scene: Scene):
        header = scene.page.header
        assert header.billing.accessibleName() == "Atria, connection atria: Connected"
        assert "ok: Billing API (reading invoices)" in header.billing.toolTip()
        scene.controller.verify("autotask")
        await until(lambda: "cannot change contracts" in header.psa.accessibleName())
        scene.desk.set_health("atria", Health.FAILED, "Sign-in refused")
        scene.controller.connections_changed.emit()
        assert header.billing._light.text() == "✕"
    on_page(steps)


def test_periods_come_from_the_source_and_the_choice_is_for_the_next_reading(on_page, qtbot):
    async def steps(scene: Scene):
        header = scene.page.header
        assert header.period.value == "Previous · 26 Oct – 25 Nov"
        assert header.effective.value == "26 Nov"
        menu = header.period_menu()
        assert [action.text() for action in menu.actions() if action.text()] == [
            "Previous · 26 Oct – 25 Nov", "Current · 26 Nov – 25 Dec", "26 Nov – 25 Dec", "26 Oct – 25 Nov",
            "26 Sep – 25 Oct"]
        menu.actions()[-1].trigger()
        assert scene.controller.options.billing_period == "2026-10-25"
        assert header.period.value == "26 Sep – 25 Oct"
        header.effective_menu().actions()[1].trigger()
        assert scene.controller.options.prorated
        assert header.effective.value == "today, 27 Nov"
        header.option_menu().actions()[0].setChecked(True)
        assert header.options.value == "changed"
        await scene.settled()
    on_page(steps)


def test_a_date_and_customers_are_chosen_in_dialogs(on_page, qtbot, until):
    async def steps(scene: Scene):
        header = scene.page.header
        header.effective_menu().actions()[2].trigger()
        dialog = await opened(scene, DateChoice, until)
        dialog.calendar.setSelectedDate(QDate(2026, 12, 1))
        dialog.accept()
        await until(lambda: scene.controller.options.effective_date == date(2026, 12, 1))
        assert header.effective.value == "1 Dec"
        qtbot.mouseClick(header.customers, Qt.MouseButton.LeftButton)
        chooser = await opened(scene, CustomerChoice, until)
        qtbot.keyClicks(chooser.search, "birch")
        visible = [chooser.list.item(row) for row in range(chooser.list.count()) if not chooser.list.item(row).isHidden()]
        assert [item.text() for item in visible] == ["Birch & Rowe Dental  (BIR)"]
        visible[0].setCheckState(Qt.CheckState.Checked)
        qtbot.keyClicks(chooser.typed, "NEW1")
        chooser.accept()
        await until(lambda: scene.controller.options.customers_filter == ("BIR", "NEW1"))
        assert header.customers.value == "BIR and NEW1"
    on_page(steps)


def test_text_from_outside_is_never_taken_for_markup(on_page):
    evil = '<img src="file:///etc/passwd"><b>x</b>'
    frame = sample_run().rows
    frame.loc[frame["customer_code"] == "CED", ["customer_name", "description", "service_name"]] = evil

    async def steps(scene: Scene):
        row = next(place for place, name in enumerate(names(scene)) if name == evil)
        scene.table.go_to_row(row)
        assert scene.page.pane.about.what.where.text() == f"{evil} · {evil}"
        assert scene.page.pane.about.what.where.textFormat() is Qt.TextFormat.PlainText
        assert "<img" not in scene.page.pane.model.data(scene.page.pane.model.index(row, 1), Qt.ItemDataRole.ToolTipRole)
    on_page(steps, build_run(frame))


def test_a_large_comparison_counts_after_the_keystroke(on_page, until):
    async def steps(scene: Scene):
        pane = scene.page.pane
        scene.page.search.setText("coastal")
        assert pane.model.rowCount() > 3000
        scene.page.search.setText("coastal freight00001")
        await until(lambda: scene.page.summary.cards["all"].value == "3 lines")
        assert pane.model.rowCount() == 3
    on_page(steps, sample_run(rows=200_100))


@pytest.mark.parametrize("name", sorted(SCENES))
def test_every_scene_can_be_drawn_in_both_appearances(name, in_qt, theme, qapp, tmp_path):
    async def steps():
        sizes = []
        for appearance in ("light", "dark"):
            theme.apply(qapp, appearance)
            scene = await SCENES[name](theme)
            path = tmp_path / f"{appearance}.png"
            scene.picture.grab().save(str(path))
            sizes.append(path.stat().st_size)
            await scene.close()
        return sizes

    sizes = in_qt(steps())
    assert min(sizes) > 3_000, "an empty picture is smaller"


def test_numbers_are_never_cut(on_page):
    frame = sample_run().rows
    frame.loc[0, ["billed_quantity", "previous_quantity"]] = 1_234_567_890_000

    async def steps(scene: Scene):
        model = scene.page.pane.model
        for key in ("billed_quantity", "previous_quantity"):
            text = model.cell_text(0, model.place(key))
            assert text == "123,456,789.0"
            assert scene.table.columnWidth(model.place(key)) >= scene.table.fontMetrics().horizontalAdvance(text) + 12
    on_page(steps, build_run(frame))


def test_a_narrow_warning_panel_drops_columns_and_never_the_title(on_page):
    async def steps(scene: Scene):
        panel = scene.page.pane.warnings
        panel.setParent(None)
        for digits, hidden in ((28, {3, 4}), (36, {4}), (50, set())):
            panel.resize(digits * panel.fontMetrics().horizontalAdvance("0"), 300)
            panel.show()
            await scene.settled()
            assert {place for place in range(5) if panel.view.isColumnHidden(place)} == hidden
            assert panel.view.columnWidth(1) >= 60
            assert panel.view.horizontalHeader().length() <= panel.view.viewport().width()
        panel.deleteLater()
    on_page(steps)
