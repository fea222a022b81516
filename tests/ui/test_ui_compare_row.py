"""One row of the comparison: ticking, accepting, ignoring, mapping, evidence, notes, undo."""

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel

from reconcile_app.core.errors import ConnectionFailed
from reconcile_app.core.mapping import CustomerRule
from reconcile_app.ui.views.accept_dialog import AcceptDialog
from reconcile_app.ui.views.compare_page import ALL
from reconcile_app.ui.views.ignore_dialog import IgnoreDialog, NoteDialog
from reconcile_app.ui.views.row_panel import EVIDENCE, RAW
from tests.fakes.sample_run import PERIOD
from tests.ui.compare_scenes import Scene
from tests.ui.compare_steps import Control, Key, Left, Shift, button, current, go, key_of, opened


def test_space_and_clicks_tick_and_the_totals_follow_at_once(on_page, qtbot):
    async def steps(scene: Scene):
        go(scene, "ASP Limited", "Backup 1 TB")
        row = scene.table.currentIndex().row()
        qtbot.keyClick(scene.table, Key.Key_Space)
        assert scene.page.pane.model.is_ticked(row)
        assert scene.page.bar.totals.text().startswith("16 selected")
        await scene.settled()
        assert ("decide", (current(scene),), True) in scene.desk.calls
        assert scene.page.pane.model.is_ticked(row)
        index = scene.page.pane.model.index(row, 0)
        where = scene.table.frozen.visualRect(index).center()
        qtbot.mouseClick(scene.table.frozen.viewport(), Left, pos=where)
        await scene.settled()
        assert scene.desk.calls[-1] == ("decide", (current(scene),), False)
    on_page(steps)


def test_a_row_that_cannot_be_ticked_stays_and_says_why(on_page, qtbot, until):
    async def steps(scene: Scene):
        notes = []
        scene.controller.note.connect(notes.append)
        go(scene, "Cedar & Co", "Backup 1 TB")
        qtbot.keyClick(scene.table, Key.Key_Space)
        qtbot.keyClick(scene.table, Key.Key_A)
        assert not any(call[0] == "decide" for call in scene.desk.calls)
        assert notes == ["Nothing to accept here: What to do says why."]
        tip = scene.page.pane.model.tip(scene.table.currentIndex().row(), 0)
        assert "AT04: no identifier" in tip
        texts = [label.text() for label in scene.page.pane.about.what.findChildren(QLabel)]
        assert "AT04 · no identifier" in texts
        assert any(text.startswith("In Autotask find the account") for text in texts)
    on_page(steps)


def test_a_refused_tick_is_put_back(on_page, qtbot, until):
    async def steps(scene: Scene):
        go(scene, "ASP Limited", "Backup 1 TB")
        scene.desk.fail = ConnectionFailed("No.")
        qtbot.keyClick(scene.table, Key.Key_Space)
        await scene.settled()
        assert not scene.page.pane.model.is_ticked(scene.table.currentIndex().row())
        assert scene.page.bar.totals.text().startswith("15 selected")
    on_page(steps)


def test_accept_all_like_this_lists_the_members_and_takes_only_those_left_ticked(on_page, qtbot, until):
    async def steps(scene: Scene):
        keys = [key_of(scene, name, "Email Signature") for name in ("Greenline Logistics", "Orchard Foods")]
        scene.controller.decide(keys, False)
        await scene.settled()
        go(scene, "Orchard Foods", "Email Signature")
        qtbot.keyClick(scene.table, Key.Key_A, Shift)
        dialog = await opened(scene, AcceptDialog, until)
        assert [dialog.list.item(place).text() for place in range(2)] == [
            "Orchard Foods · Managed Services · 41.0 → 44.0  (+3.0) · +3.75",
            "Greenline Logistics · Cloud Services · 1,180.0 → 1,250.0  (+70.0) · +87.50"]
        assert dialog.totals.text() == "2 lines · +73 units · +$91.25 a month"
        qtbot.keyClick(dialog.list, Key.Key_Down)
        qtbot.keyClick(dialog.list, Key.Key_Space)
        assert dialog.accept_button.text() == "Accept 1 line"
        qtbot.mouseClick(dialog.accept_button, Left)
        await until(lambda: scene.desk.calls[-1] == ("decide", (keys[1],), True))
        await scene.settled()
    on_page(steps)


def test_ignore_asks_why_until_when_and_for_a_guard(on_page, qtbot, until):
    async def steps(scene: Scene):
        go(scene, "ASP Limited", "Hosted Exchange")
        key = current(scene)
        qtbot.keyClick(scene.table, Key.Key_I)
        dialog = await opened(scene, IgnoreDialog, until)
        qtbot.mouseClick(dialog.ignore_button, Left)
        assert dialog.problem.text() == "Say why, so that the next person knows."
        qtbot.keyClicks(dialog.reason, "flat fee")
        dialog.above.selectAll()
        qtbot.keyClicks(dialog.above, "many")
        qtbot.mouseClick(dialog.ignore_button, Left)
        assert dialog.problem.text().startswith("The guard is not a number.")
        dialog.above.selectAll()
        qtbot.keyClicks(dialog.above, "14")
        qtbot.keyClick(dialog.reason, Key.Key_Return)
        await until(lambda: key in scene.controller.rules.ignores)
        rule = scene.controller.rules.ignores[key]
        assert (rule.reason, rule.until, rule.wake_above, rule.by) == ("flat fee", PERIOD.end, 140_000, "Alex")
        await scene.settled()
        assert scene.page.pane.model.row_of(key) < 0, "it left the list of what is to do"
        assert current(scene).startswith("ASP/29684183/805"), "the next row took its place"
    on_page(steps)


def test_ignored_rows_can_be_woken(on_page, qtbot, until):
    async def steps(scene: Scene):
        scene.page.tabs.setCurrentIndex(ALL)
        go(scene, "Harbor Street Legal", "SharePoint Storage")
        sentence = scene.page.pane.about.what.sentence.text()
        assert "Left alone by Alex: Included in the flat fee." in sentence
        qtbot.mouseClick(button(scene, "Stop ignoring"), Left)
        await until(lambda: scene.desk.calls[-1][0] == "unignore")
        await scene.settled()
    on_page(steps)


def test_m_asks_to_map_what_the_row_lacks(on_page, qtbot):
    async def steps(scene: Scene):
        for customer, service, what in (
            ("Cedar & Co", "Backup 1 TB", "customer"), ("Kestrel Engineering", "Remote Desktop", "contract"),
            ("Delaney Architects", "Legacy Fax Gateway", "product"), ("Harbor Street Legal", "Hosted Exchange", "line"),
            ("ASP Limited", "Hosted Exchange", "line"),
        ):
            go(scene, customer, service)
            with qtbot.waitSignal(scene.page.map_requested) as asked:
                qtbot.keyClick(scene.table, Key.Key_M)
            assert asked.args == [current(scene), what]
    on_page(steps)


def test_the_buttons_of_what_to_do_work(on_page, qtbot, until):
    async def steps(scene: Scene):
        go(scene, "Cedar & Co", "Backup 1 TB")
        with qtbot.waitSignal(scene.page.map_requested) as asked:
            qtbot.mouseClick(button(scene, "Map customer …"), Left)
        assert asked.args == [current(scene), "customer"]
        qtbot.mouseClick(button(scene, "Check again"), Left)
        await until(lambda: ("recheck", ("CED",)) in scene.desk.calls and not scene.controller.reading)
        qtbot.mouseClick(button(scene, "Billing Identifier corrected"), Left)
        await until(lambda: ("mark_waiting", "CED", "Billing Identifier") in scene.desk.calls)
        await scene.settled()
        qtbot.mouseClick(button(scene, "Reprocessed"), Left)
        await until(lambda: ("mark_waiting", "CED", "") in scene.desk.calls)
        await scene.settled()
        go(scene, "ASP Limited", "Hosted Exchange")
        qtbot.mouseClick(button(scene, "Copy ID"), Left)
        assert QGuiApplication.clipboard().text() == "80650174"
    on_page(steps)


def test_allowing_creation_turns_missing_lines_into_new_ones_without_reading(on_page, qtbot, until):
    async def steps(scene: Scene):
        go(scene, "Lumen Optics", "Email Signature")
        key = current(scene)
        qtbot.mouseClick(button(scene, "Allow creation"), Left)
        await until(lambda: scene.desk.calls[-1][0] == "set_options")
        await scene.settled()
        model = scene.page.pane.model
        assert current(scene) == key
        assert model.cell_text(model.row_of(key), model.place("mark")) == "+ New line"
        assert scene.controller.options.allow_create
        assert not any(call[0] == "compare" for call in scene.desk.calls)
    on_page(steps)


def test_a_mapping_fix_leaves_the_cursor_where_the_eye_is(on_page, until):
    async def steps(scene: Scene):
        go(scene, "Northwind Property", "Backup 1 TB")
        key = current(scene)
        y = scene.table.rowViewportPosition(scene.table.currentIndex().row())
        scene.controller.map_customer(CustomerRule(customer_code="CED", company_id="174"))
        await until(lambda: scene.desk.calls[-1][0] == "map_customer")
        await scene.settled()
        assert current(scene) == key
        assert scene.table.rowViewportPosition(scene.table.currentIndex().row()) == y
        assert scene.page.pane.model.cell_text(scene.row_of("Cedar & Co", "Backup 1 TB"), 6) == "+ New line"
    on_page(steps)


def test_evidence_is_read_on_e_and_copied_as_text(on_page, qtbot):
    async def steps(scene: Scene):
        go(scene, "ASP Limited", "Hosted Exchange")
        about = scene.page.pane.about
        assert ("evidence", current(scene)) not in scene.desk.calls
        qtbot.keyClick(scene.table, Key.Key_E)
        await scene.settled()
        assert about.currentIndex() == EVIDENCE
        assert about.evidence.users.rowCount() == 3
        assert about.evidence.parts.rowCount() == 1
        qtbot.mouseClick(about.evidence.copy, Left)
        copied = QGuiApplication.clipboard().text()
        assert copied.startswith("ASP Limited · Hosted Exchange\n\nHosted Exchange, Advanced: 12\n")
        assert "<b>Chris</b>" in copied
        go(scene, "Cedar & Co", "Backup 1 TB")
        assert about.evidence.users.rowCount() == 0, "another row, other users"
    on_page(steps)


def test_history_and_raw_show_what_is_known_of_the_line(on_page, until):
    async def steps(scene: Scene):
        go(scene, "ASP Limited", "Hosted Exchange")
        about = scene.page.pane.about
        about.setCurrentIndex(2)
        await until(lambda: about.history.model.rowCount() == 3)
        assert "2026-11-25: billed 12, Autotask 10" in about.history.chart.accessibleDescription()
        about.setCurrentIndex(RAW)
        assert ("Atria", "Quantity", "12.0") in about.raw.model.records()
        assert ("Autotask", "id", "80650174") in about.raw.model.records()
    on_page(steps)


def test_a_note_is_kept_with_the_row_and_remembered(on_page, qtbot, until):
    async def steps(scene: Scene):
        go(scene, "ASP Limited", "Hosted Exchange")
        key = current(scene)
        qtbot.keyClick(scene.table, Key.Key_N)
        dialog = await opened(scene, NoteDialog, until)
        qtbot.keyClicks(dialog.text, "ask Ana")
        dialog.accept()
        await until(lambda: scene.desk.kept_notes == {key: "ask Ana"})
        assert scene.page.pane.about.what.note.text() == "Note: ask Ana"
        qtbot.keyClick(scene.table, Key.Key_N)
        dialog = await opened(scene, NoteDialog, until)
        dialog.text.clear()
        dialog.accept()
        await until(lambda: not scene.desk.kept_notes)
        assert not scene.page.pane.about.what.note.isVisible()
    on_page(steps)


def test_undo_and_redo_take_back_decisions(on_page, qtbot, until):
    async def steps(scene: Scene):
        go(scene, "ASP Limited", "Backup 1 TB")
        qtbot.keyClick(scene.table, Key.Key_Space)
        await scene.settled()
        qtbot.keyClick(scene.table, Key.Key_Z, Control)
        await until(lambda: scene.desk.calls[-1] == ("undo",))
        await scene.settled()
        assert not scene.page.pane.model.is_ticked(scene.table.currentIndex().row())
        qtbot.keyClick(scene.table, Key.Key_Y, Control)
        await scene.settled()
        assert scene.page.pane.model.is_ticked(scene.table.currentIndex().row())
    on_page(steps)
