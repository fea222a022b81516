"""Room and memory: columns share what there is, lists copy their rows, filters and borders are remembered, the keys always work."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from reconcile_app.ui.models.filtering import FacetChoice, Filters
from tests.fakes.desk import FakeDesk, saved_run
from tests.fakes.sample_run import sample_run
from tests.fakes.window import MemoryStore, key, opened, until, words_of
from tests.ui.compare_scenes import Scene

Control = Qt.KeyboardModifier.ControlModifier


def shared(scene: Scene) -> tuple[int, int]:
    table, model = scene.table, scene.page.pane.model
    return table.columnWidth(model.place("customer_name")), table.columnWidth(model.place("service_name"))


def test_customer_and_service_take_the_room_that_the_numbers_leave(on_page):
    async def steps(scene: Scene):
        narrow = shared(scene)
        scene.page.resize(1700, 800)
        await scene.settled()
        assert shared(scene)[0] > narrow[0]
        assert shared(scene)[1] > narrow[1]
        scene.page.resize(1188, 800)
        await scene.settled()
        assert shared(scene) == narrow
        codes = scene.page.pane.model.place("codes")
        right = scene.table.columnViewportPosition(codes) + scene.table.columnWidth(codes)
        assert right <= scene.table.viewport().width(), "at the design size the codes are in sight"
    on_page(steps)


def test_a_border_that_was_drawn_stays_also_after_the_next_start(on_page):
    async def steps(scene: Scene):
        place = scene.page.pane.model.place("customer_name")
        scene.table.setColumnWidth(place, 222)
        scene.page.resize(1700, 800)
        await scene.settled()
        assert scene.table.columnWidth(place) == 222
        state = scene.page.state()
        other = Scene(scene.page.header._theme, FakeDesk(sample_run()))
        other.page.restore(state)
        await other.shown()
        assert other.table.columnWidth(place) == 222
        await other.close()
    on_page(steps)


def test_filters_are_remembered_and_what_was_searched_for_is_not(on_page):
    async def steps(scene: Scene):
        scene.page.pane.set_filters(Filters(cards=frozenset({"warnings"}), code="AT04"))
        scene.page.pane.facets.toggled.emit("service", "Backup 1 TB", True)
        scene.page.search.setText("cedar")
        state = scene.page.state()
        other = Scene(scene.page.header._theme, FakeDesk(sample_run()))
        other.page.restore(state)
        await other.shown()
        filters = other.page.pane.filters
        assert (filters.cards, filters.code, filters.text) == (frozenset({"warnings"}), "AT04", "")
        assert filters.facets == {"service": FacetChoice(excluded=frozenset({"Backup 1 TB"}))}
        assert other.page.pane.model.rowCount() == 2
        await other.close()
    on_page(steps)


def test_a_damaged_memory_of_filters_narrows_nothing():
    for damaged in ({"cards": ["no such card", 1], "code": 5, "facets": {"service": "x", "moon": [[], []]}}, {"facets": []}, {}):
        assert not Filters.remembered(damaged).narrowed


def test_a_list_copies_the_row_under_the_cursor_with_its_headers(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        desk.saved_runs = [saved_run(0)]
        async with opened(desk, theme) as (window, _):
            window.show_page("history")
            page = window.page("history")
            await until(lambda: page.view.current() is not None)
            assert page.view.hasFocus()
            key(page.view, Qt.Key.Key_C, Control)
            made = page.model.index(0, 1).data()
            assert QGuiApplication.clipboard().text() == (
                "Period\tMade\tConnections\tLines\tWarnings\t$ a month\tResult\n"
                f"26 Oct – 25 Nov\t{made}\tatria → autotask\t220\t15\t'+$612.40\tCompared, nothing pushed\n")
            assert "<th>Period</th>" in QGuiApplication.clipboard().mimeData().html()

    in_qt(steps())


def test_every_text_of_a_list_is_shown_whole_where_there_is_room(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(sample_run()), theme) as (window, _):
            window.show_page("mappings")
            view = window.page("mappings").customers.view
            model = view.model()
            for column in range(model.columnCount()):
                texts = [model.index(row, column).data() for row in range(model.rowCount())]
                widest = max(view.fontMetrics().horizontalAdvance(text) for text in texts)
                assert view.columnWidth(column) >= widest + 16, model.headerData(column, Qt.Orientation.Horizontal)

    in_qt(steps())


def test_the_keys_of_a_page_work_while_the_rail_has_the_focus(in_qt, theme):
    async def steps():
        desk = FakeDesk()
        async with opened(desk, theme) as (window, controller):
            controller.select_connections("atria", "autotask")
            window.rail.buttons["compare"].setFocus()
            key(window, Qt.Key.Key_F5)
            await until(lambda: controller.run is not None)
            window.rail.buttons["compare"].setFocus()
            key(window, Qt.Key.Key_F, Control)
            assert window.page("compare").search.hasFocus()
            window.show_page("settings")
            before = len(desk.calls)
            key(window, Qt.Key.Key_F5)
            assert len(desk.calls) == before, "the keys of a hidden page are dead"

    in_qt(steps())


def test_the_status_line_says_of_when_the_comparison_is(in_qt, theme):
    async def steps():
        desk = FakeDesk(sample_run())
        async with opened(desk, theme, MemoryStore()) as (window, controller):
            assert "Compared 27 Nov 2026" in words_of(window.statusBar())
            assert "atria → autotask" in words_of(window.statusBar())
            controller.run_changed.emit(None)
            assert "Nothing compared yet" in words_of(window.statusBar())

    in_qt(steps())


def test_the_first_row_is_selected_when_a_comparison_comes(in_qt, theme):
    async def steps():
        async with opened(FakeDesk(sample_run()), theme) as (window, _):
            table = window.page("compare").pane.table
            await until(table.rows.rowCount)
            await until(table.selectionModel().hasSelection)
            assert table.currentIndex().row() == 0

    in_qt(steps())
