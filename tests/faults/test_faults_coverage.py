"""Every fault of the catalogue is shown by a test, and the documentation tells by which."""

from pathlib import Path

import pytest

from tests.faults.coverage_table import BEGIN, END, FAULTS, PAGE, Mark, MarkerInvalid, collected, marks_of, missing, rewritten

MODULE = """
import pytest
CASES = [pytest.param(1, marks=pytest.mark.fault("F-08", "W", "late")), 2]
OTHERS = [pytest.param(1, marks=pytest.mark.fault("F-09", "R"))]

@pytest.mark.fault("F-01", "R")
@pytest.mark.parametrize("case", [pytest.param(1, marks=[pytest.mark.fault("F-02")])])
def test_one(case): ...

class TestGroup:
    @pytest.mark.parametrize("case", CASES)
    async def test_two(self, case): ...

def no_test():
    return pytest.mark.fault("F-03")
"""


def test_every_fault_has_a_test() -> None:
    assert list(FAULTS) == [f"F-{number:02}" for number in range(1, 63)]
    assert missing(collected()) == []


def test_the_documentation_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert rewritten(page, collected()) == page, "python -m tests.faults.coverage_table"


def test_a_marker_belongs_to_its_test(tmp_path: Path) -> None:
    file = tmp_path / "tests" / "test_sample.py"
    file.parent.mkdir()
    file.write_text(MODULE, encoding="utf-8")
    one, two = "tests/test_sample.py::test_one", "tests/test_sample.py::test_two"
    expected = [Mark("F-01", "R", "", one), Mark("F-02", "", "", one), Mark("F-08", "W", "late", two)]
    assert sorted(marks_of(file, tmp_path)) == expected
    file.write_text(MODULE + '\npytestmark = pytest.mark.fault("F-30")\n', encoding="utf-8")
    assert collected(tmp_path) == [*expected, Mark("F-30", "", "", one), Mark("F-30", "", "", two)]
    assert len(missing(collected(tmp_path))) == 58


@pytest.mark.parametrize(
    "words", ['"F-63"', '"F-01", "X"', '"F-01", "R", "after"', '"F-01", "W", "soon"', "case.id", 'id="F-01"', ""]
)
def test_a_marker_must_be_plain(tmp_path: Path, words: str) -> None:
    file = tmp_path / "test_sample.py"
    file.write_text(f"@pytest.mark.fault({words})\ndef test_one(): ...\n", encoding="utf-8")
    with pytest.raises(MarkerInvalid, match="test_one"):
        marks_of(file, tmp_path)


def test_the_page_keeps_what_is_around_the_table() -> None:
    marks = [Mark("F-08", "W", "after", "tests/a/test_x.py::test_y"), Mark("F-08", "R", "", "tests/a/test_x.py::test_z")]
    page = rewritten(f"before\n{BEGIN}\nold\n{END}\nbehind", marks)
    assert page.startswith(f"before\n{BEGIN}\n| fault |")
    assert page.endswith(f"|\n{END}\nbehind")
    assert "| F-08 | the connection is reset | yes | after | `a/test_x.py` 2 |" in page
    assert rewritten(page, marks) == page
    with pytest.raises(ValueError, match="faults:begin"):
        rewritten("no place", marks)
