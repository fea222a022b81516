"""Prepared columns, the permutation behind the table, search and filters."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QItemSelectionModel, QPersistentModelIndex, Qt

from reconcile_app.core.changes import Status
from reconcile_app.ui.messages import NONE, NOT_READ, Numbers
from reconcile_app.ui.models.comparison_model import ComparisonModel, why_not
from reconcile_app.ui.models.comparison_rows import prepare_comparison, row_sentence
from reconcile_app.ui.models.filtering import FacetChoice, Filters, apply_filters, push_totals
from reconcile_app.ui.models.frame_table import FrameTable
from reconcile_app.ui.models.log_rows import LOG_COLUMNS, log_mask, prepare_log
from reconcile_app.ui.models.prepared import (
    ABSENT,
    Column,
    PreparedRows,
    SearchIndex,
    amount_column,
    positions,
    searchable,
    text_column,
    text_order,
)
from tests.fakes.sample_run import sample_run

N = Numbers()
texts = st.lists(st.one_of(st.none(), st.text(alphabet="abAB01 é", max_size=4)), max_size=40)
amounts = st.lists(st.one_of(st.none(), st.integers(min_value=-10**9, max_value=10**9)), max_size=40)
NAME, SIZE = Column(key="name", title="Name"), Column(key="size", title="Size", numeric=True)


def prepared(names, sizes) -> PreparedRows:
    values = np.array([ABSENT if size is None else size for size in sizes], dtype=np.int64)
    keys = [str(place) for place in range(len(names))]
    columns = (text_column(NAME, pd.Series(names, dtype="string")), amount_column(SIZE, values, N, 4))
    return PreparedRows(columns=columns, keys=keys, position=positions(keys))


@pytest.fixture
def rows():
    return prepare_comparison(sample_run(), N, "Atria", "Autotask")


@given(st.lists(st.tuples(st.one_of(st.none(), st.text(alphabet="abAB01", max_size=3)),
                          st.one_of(st.none(), st.integers(-30, 30))), max_size=30), st.booleans(), st.booleans())
@settings(max_examples=60)
def test_sorting_by_two_columns_is_what_python_would_do(pairs, name_down, size_down):
    table = FrameTable((NAME, SIZE))
    table.set_rows(prepared([name for name, _ in pairs], [size for _, size in pairs]))
    table.set_sort((("name", name_down), ("size", size_down)))

    def text_key(text):
        return text.zfill(20) if text.isdigit() else text.casefold()

    def directed(value, key, down, every):
        if value is None:
            return (1, 0)
        distinct = sorted(dict.fromkeys(each for each in every if each is not None), key=key)
        place = distinct.index(value)
        return (0, -place if down else place)

    names, sizes = [name for name, _ in pairs], [size for _, size in pairs]
    wanted = sorted(range(len(pairs)), key=lambda row: (
        directed(names[row], text_key, name_down, names), directed(sizes[row], int, size_down, sizes)))
    assert table.order.tolist() == wanted


@given(texts, st.text(alphabet="abAB01 ", max_size=5))
@settings(max_examples=80)
def test_search_finds_what_contains_every_word(values, wanted):
    nothing = pd.Series([None] * len(values), dtype="string")
    index = SearchIndex([searchable(pd.Series(values, dtype="string")), searchable(nothing)])
    words = wanted.casefold().split()
    for end in range(1, len(wanted) + 1):
        index.mask(wanted[:end])
    found = index.mask(wanted)
    if not words:
        assert found is None
    else:
        assert found.tolist() == [all(word in (value or "").casefold() for word in words) for value in values]


@given(amounts)
def test_amounts_have_one_width_of_decimals_and_copy_exactly(values):
    column = prepared([None] * len(values), values).columns[1]
    for value, code in zip(values, column.codes, strict=True):
        if value is None:
            assert (column.texts[code], column.copies[code]) == (NONE, "")
        else:
            assert len(column.texts[code].partition(".")[2]) == 4
            assert float(column.copies[code]) * 10_000 == pytest.approx(value)


def test_many_texts_are_ordered_like_few():
    few = [f"{number % 977} Name {number}" for number in range(300)]
    many = few + [f"zz {number:06d}" for number in range(25_000)]
    order = text_order(many).tolist()
    assert [place for place in order if place < 300] == text_order(few).tolist()


def test_the_model_keeps_qts_rules(qtmodeltester, rows):
    model = ComparisonModel()
    model.set_comparison(rows, None, {})
    assert model.rowCount() == 60
    qtmodeltester.check(model)
    model.set_sort((("money_difference", True),))
    model.set_filter(apply_filters(rows, Filters()).mask)
    assert model.rowCount() == 37
    model.set_comparison(prepare_comparison(sample_run(rows=130), N), None, {})
    assert model.rowCount() == 130
    model.set_rows(None)
    assert model.rowCount() == 0


def test_persistent_indexes_follow_their_rows_through_sort_filter_and_a_new_run(rows):
    model = ComparisonModel()
    model.set_comparison(rows, None, {})
    selection = QItemSelectionModel(model)
    key = model.key_at(5)
    flags = QItemSelectionModel.SelectionFlag
    selection.setCurrentIndex(model.index(5, 1), flags.SelectCurrent | flags.Rows)
    kept = QPersistentModelIndex(model.index(5, 3))
    model.set_sort((("service_name", True), ("customer_name", False)))
    assert model.key_at(kept.row()) == key
    assert kept.row() != 5
    model.set_filter(rows.todo)
    assert model.key_at(kept.row()) == key == model.key_at(selection.currentIndex().row())
    assert selection.isRowSelected(kept.row())
    again = prepare_comparison(sample_run(), N)
    model.set_comparison(again, again.todo, {})
    assert model.key_at(kept.row()) == key == model.key_at(selection.currentIndex().row())
    model.set_filter(~rows.todo)
    assert not kept.isValid()


def test_cells_say_unknown_and_none_apart(rows):
    model = ComparisonModel()
    model.set_comparison(rows, None, {})
    shown = {
        (model.cell_text(row, model.place("customer_name")), model.cell_text(row, model.place("sku"))):
            (model.cell_text(row, model.place("billed_quantity")), model.cell_text(row, model.place("contract_quantity")))
        for row in range(model.rowCount())
    }
    assert shown["Maple Hill School", "834"] == ("52.0", NOT_READ)
    assert shown["Cedar & Co", "805"] == ("3.0", NONE)
    assert shown["Birch & Rowe Dental", "840"] == (NONE, "30.0")
    assert shown["Greenline Logistics", "840"] == ("1,250.0", "1,180.0")


def test_ticking_asks_only_for_what_may_be_ticked(rows, qtbot):
    model = ComparisonModel()
    model.set_comparison(rows, None, {})
    everything = range(model.rowCount())
    with qtbot.waitSignal(model.tick_requested) as asked:
        count = model.request_ticks(list(everything), False)
    keys, ticked = asked.args
    assert (len(keys), ticked, count) == (15, False, 15)
    assert not model.ticked.any()
    assert model.request_ticks(list(everything), False) == 0
    assert set(keys) == set(rows.run.rows[rows.run.rows["selected"]]["key"])


def test_a_check_state_can_be_set_by_assistive_tools(rows, qtbot):
    model = ComparisonModel()
    model.set_comparison(rows, None, {})
    first = model.index(0, 0)
    assert model.data(first, Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Checked
    with qtbot.waitSignal(model.tick_requested):
        assert model.setData(first, Qt.CheckState.Unchecked.value, Qt.ItemDataRole.CheckStateRole)
    assert model.data(first, Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Unchecked
    blocked = model.index(rows.position[next(key for key in rows.keys if key.startswith("CED"))], 0)
    assert model.data(blocked, Qt.ItemDataRole.CheckStateRole) is None
    assert not model.setData(blocked, Qt.CheckState.Checked.value, Qt.ItemDataRole.CheckStateRole)


def test_a_row_says_why_it_cannot_be_ticked_and_reads_as_a_sentence(rows):
    from reconcile_app.core.codes import RC_CODES
    from tests.fakes.sample_world import CODES

    codes = {code.id: code for code in (CODES | RC_CODES).values()}
    row = next(place for place, key in enumerate(rows.keys) if key.startswith("CED"))
    reason = why_not(rows, row, codes)
    assert reason.startswith("Cannot be ticked")
    assert "AT04: no identifier." in reason
    assert row_sentence(rows, row, "Atria", "Autotask") == (
        "Cedar & Co, Backup 1 TB: Blocked. Atria bills 3.0, its line in Autotask is open. Codes AT04.")
    first = row_sentence(rows, 0, "Atria", "Autotask")
    assert first.endswith("Difference +2.0. Ticked.")
    model = ComparisonModel()
    model.set_comparison(rows, None, codes)
    model.billing, model.psa = "Atria", "Autotask"
    assert model.data(model.index(0, 1), Qt.ItemDataRole.AccessibleTextRole) == first
    assert "&lt;" not in model.data(model.index(row, 0), Qt.ItemDataRole.ToolTipRole)


def test_what_changed_in_the_psa_since_our_push_is_told(rows):
    model = ComparisonModel()
    model.set_comparison(rows, None, {})
    row = next(place for place in range(model.rowCount()) if rows.changed_since_push[place])
    assert model.tip(row, model.place("last_pushed_quantity")) == "Changed in PSA since our push on 27 Oct."


def naive_count(rows, **wanted) -> int:
    frame = rows.run.rows
    mask = pd.Series(True, index=frame.index)
    for name, value in wanted.items():
        mask &= frame[name].fillna("") == value
    return int(mask.sum())


def test_counts_obey_the_other_filters(rows):
    todo = apply_filters(rows, Filters())
    assert todo.cards.counts["raise"] == 10
    assert todo.cards.rows == int(todo.mask.sum()) == 37
    raised = apply_filters(rows, Filters(cards=frozenset({"raise"})))
    assert raised.mask.sum() == 10
    assert raised.cards.counts == todo.cards.counts, "a card does not obey itself"
    one = apply_filters(rows, Filters(facets={"customer": FacetChoice(included=frozenset({"ASP Limited"}))}))
    assert one.cards.counts["raise"] == 2
    assert one.facets["customer"].tolist() == todo.facets["customer"].tolist()
    assert one.facets["status"].sum() == 2


def test_facets_include_exclude_and_combine(rows):
    everything = Filters(todo=False)
    status = FacetChoice().toggled("Raise", exclude=False).toggled("Lower", exclude=False)
    some = apply_filters(rows, everything.with_facet("status", status))
    assert some.mask.sum() == 14
    without = status.toggled("Lower", exclude=True)
    assert without == FacetChoice(included=frozenset({"Raise"}), excluded=frozenset({"Lower"}))
    service = FacetChoice().toggled("Email Signature", exclude=True)
    both = apply_filters(rows, everything.with_facet("status", without).with_facet("service", service))
    assert both.mask.sum() == 8
    assert without.toggled("Raise", exclude=False).included == frozenset()


def test_codes_are_grouped_with_rows_customers_and_money(rows):
    groups = {group.code: group for group in apply_filters(rows, Filters(todo=False)).groups}
    assert (groups["AT04"].rows, groups["AT04"].customers, groups["AT04"].money) == (3, 1, None)
    assert (groups["AT13"].rows, groups["AT13"].customers) == (2, 2)
    assert groups["AT13"].money == -30 * 12_500 - 3 * 280_000
    assert sum(group.rows for group in groups.values()) == naive_total(rows)
    chosen = apply_filters(rows, Filters(todo=False, code="AT04"))
    assert chosen.mask.sum() == 3
    assert {group.code for group in chosen.groups} == set(groups)


def naive_total(rows) -> int:
    return sum(len(codes.split()) for codes in rows.run.rows["codes"].fillna(""))


def test_the_search_covers_code_customer_sku_and_text(rows):
    def found(text):
        return int(apply_filters(rows, Filters(todo=False, text=text)).mask.sum())

    assert found("AT04") == 3
    assert found("cedar") == 3
    assert found("9999") == 1
    assert found("signature 840") == naive_count(rows, sku="840")
    assert found("blocked") == naive_count(rows, status="blocked")
    assert found("nowhere") == 0


def test_totals_count_new_lines_and_zeroing_in_full(rows):
    totals = push_totals(rows, rows.selected)
    assert (totals.lines, totals.customers, totals.created, totals.to_zero) == (15, 7, 3, 0)
    assert (totals.up, totals.down) == (1_225_000, -180_000)
    zeroing = rows.status == list(Status).index(Status.ZERO)
    assert push_totals(rows, zeroing).down == -330_000


def test_the_log_is_filtered_by_level_and_words():
    rows = prepare_log(sample_run(), N)
    assert [column.column.key for column in rows.columns] == [column.key for column in LOG_COLUMNS]
    everything = log_mask(rows, "", 3)
    assert everything.all()
    errors = log_mask(rows, "", 0)
    assert 0 < errors.sum() < log_mask(rows, "", 1).sum() < everything.sum()
    assert log_mask(rows, "AT04", 3).sum() == 3
    assert log_mask(rows, "AT04", 0).sum() == 0
    planned = {column.column.key: column for column in rows.columns}["planned"]
    assert "planned" in {planned.texts[code] for code in planned.codes}


def test_an_empty_comparison_is_no_special_case():
    run = sample_run(rows=0)
    rows = prepare_comparison(run, N)
    result = apply_filters(rows, Filters(text="x"))
    assert (rows.count, result.cards.rows, result.groups) == (0, 0, [])
    assert push_totals(rows, rows.selected).lines == 0
    assert prepare_log(run, N).count == 0
