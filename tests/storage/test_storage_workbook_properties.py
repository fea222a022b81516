"""Whatever stands in a cell: text stays text, and a number stays the number it was."""

from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from reconcile_app.core.amounts import MAX_QUANTITY, SCALE
from reconcile_app.core.sheet import Cell, Sheet, SheetColumn
from reconcile_app.storage.workbook import write_workbook

AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
TEXTS = st.builds(
    lambda start, rest: start + rest, st.sampled_from(["", "=", "+", "-", "@", "\t=", "＝", "'="]), st.text(max_size=12)
)


@given(rows=st.lists(st.tuples(TEXTS, st.none() | st.integers(-MAX_QUANTITY, MAX_QUANTITY)), min_size=1, max_size=12))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_guard_against_formulas_never_changes_a_number(tmp_path: Path, rows: list[tuple[str, int | None]]) -> None:
    texts, amounts = zip(*rows, strict=True)
    columns = (
        SheetColumn(title="Text", cell=Cell.TEXT, values=texts),
        SheetColumn(title="Number", cell=Cell.QUANTITY, values=amounts),
    )
    path = tmp_path / "log.xlsx"
    path.unlink(missing_ok=True)
    page = load_workbook(write_workbook(path, (Sheet(name="S", columns=columns),), AT))["S"]
    for (_, amount), (text_cell, number_cell) in zip(
        rows, page.iter_rows(min_row=2, max_row=len(rows) + 1, max_col=2), strict=True
    ):
        assert "f" not in (text_cell.data_type, number_cell.data_type)
        read = number_cell.value
        assert (None if read is None else round(read * SCALE)) == amount
