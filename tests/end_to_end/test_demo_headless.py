"""The demo without a window: what it prints, how it ends, and that its one Excel log tells the whole story."""

import subprocess
import sys

import pytest
from python_calamine import CalamineWorkbook
from typer.testing import CliRunner

from reconcile_app.cli import program
from reconcile_app.core.errors import WrongUse

WRITTEN = {"autotask": {"AT09", "AT11", "AT13", "RC09"}, "connectwise": {"CW07", "CW08", "CW20", "RC09"}}
EVERYWHERE = {
    *("RC02", "RC03", "RC04", "RC06", "RC07", "RC08", "RC11"),
    *("RC12", "RC13", "RC14", "RC16", "RC17", "RC20"),
}
TOLD = {
    "autotask": {
        *("AT01", "AT04", "AT05", "AT06", "AT07", "AT08", "AT10", "AT12", "AT20", "AT21", "AT22", "AT24"),
        *("RC10", "RC15", "RC18"),
    },
    "connectwise": {"CW01", "CW04", "CW05", "CW06", "CW09", "CW14", "CW22", "CW23"},
}
Sheets = dict[str, list[dict[str, object]]]


@pytest.fixture(scope="module", params=["autotask", "connectwise"])
def psa(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, psa: str) -> "tuple[subprocess.CompletedProcess[str], Sheets]":
    out = tmp_path_factory.mktemp("demo")
    # Without a word about it the first PSA is taken.
    command = [sys.executable, "-m", "reconcile_app", "demo", "--headless", "--out", str(out)]
    command += [] if psa == "autotask" else ["--psa", psa]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    book = CalamineWorkbook.from_path(out / "reconcile-demo.xlsx")
    sheets = {}
    for name in book.sheet_names:
        titles, *rows = book.get_sheet_by_name(name).to_python()
        sheets[name] = [dict(zip(map(str, titles), row, strict=True)) for row in rows]
    return result, sheets


def test_it_ends_with_lines_for_a_person_and_says_every_step(done: "tuple[subprocess.CompletedProcess[str], Sheets]") -> None:
    result, _ = done
    assert result.returncode == 1, result.stderr
    assert result.stderr == ""
    steps = [line for line in result.stdout.splitlines() if line[:1].isdigit() and line[1:2] == "."]
    assert [step[0] for step in steps] == ["1", "2", "3", "4", "5", "6"]
    assert "written and confirmed · 1 had changed in the PSA" in result.stdout
    assert "still need a person" in result.stdout


def test_its_log_holds_every_kind_of_case(psa: str, done: "tuple[subprocess.CompletedProcess[str], Sheets]") -> None:
    _, sheets = done
    assert {str(row["Code"]) for row in sheets["Log"]} == TOLD[psa] | WRITTEN[psa] | EVERYWHERE
    assert {str(row["Code"]) for row in sheets["Log"] if row["Planned or written"] != "planned"} >= WRITTEN[psa]
    texts = {str(row["Code"]): str(row["Message"]) for row in sheets["Log"]}
    word = {"autotask": "contract", "connectwise": "agreement"}[psa]
    assert texts["RC06"].startswith(f"IRON Mapping Broken : {word} ")
    assert texts["RC11"].startswith("STONE Waiting For Reprocess : change of Billing Identifier")
    assert texts["RC14"] == "CANTER Retried : processed alone"
    assert "was 14.00 after our push on" in texts["RC17"]
    assert texts["RC17"].endswith("and is 15.00 now")
    assert "was 14.00 and is 16.00 now; nothing was written" in texts["RC20"]
    assert texts["RC09"] == ("RATA Cost Update : Microsoft 365, Business Standard with SKU 604 cost updated from 17.86 to 18.80")


def test_everything_that_was_sent_is_settled(done: "tuple[subprocess.CompletedProcess[str], Sheets]") -> None:
    _, sheets = done
    results = {str(row["Result"]) for row in sheets["Changes"]}
    assert results == {"written and confirmed", "changed in the PSA, not sent", "not selected"}
    asp = next(row for row in sheets["Changes"] if row["Customer code"] == "ASP")
    assert (asp["Decision"], asp["Result"]) == ("leave", "not selected")


def test_a_psa_that_is_not_there_is_refused_with_those_there_are() -> None:
    without = CliRunner().invoke(program, ["demo", "--psa", "connectwise"])
    assert isinstance(without.exception, WrongUse)
    assert "--psa goes with --headless" in without.exception.title
    command = [sys.executable, "-m", "reconcile_app", "demo", "--psa", "other", "--headless"]
    unknown = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert unknown.returncode == 2
    assert "Use one of: autotask, connectwise." in unknown.stderr


def test_no_sheet_is_empty(done: "tuple[subprocess.CompletedProcess[str], Sheets]") -> None:
    _, sheets = done
    assert all(sheets.values())
    (ignored,) = sheets["Ignored"]
    assert (ignored["Customer"], ignored["Reason"]) == (
        "Redwood Print Works",
        "Credit for a returned server; settled with an invoice of its own.",
    )
    (rejected,) = sheets["Rejected rows"]
    assert rejected["Side"] == "billing"
    assert "Merged Twice Limited" in str(rejected["Row as received"])
