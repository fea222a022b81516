"""How long data stays on this computer, and deleting all of it, by command line."""

from datetime import timedelta
from pathlib import Path

import pytest

from reconcile_app.core.errors import SettingsError, WrongUse
from reconcile_app.sandbox.faults import Fault
from tests.end_to_end.conftest import Installation
from tests.end_to_end.desk_fixture import Bench, row_of, two_customers


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path, two_customers)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_what_became_too_old_leaves_in_two_steps(bench: Bench) -> None:
    with bench:
        run = await bench.compare()
        await bench.push(row_of(run, "ONE", "601")["key"])
        bench.clock.advance(timedelta(days=40).total_seconds())
        _, gone = bench.program.tidy()
        assert (gone.snapshots, gone.runs, gone.pushes) == ((run.run_id,), (), 0)
        assert [each.run_id for each in bench.session.runs()] == [run.run_id]
        bench.clock.advance(timedelta(days=50).total_seconds())
        keeping, gone = bench.program.tidy(months=1)
        assert (keeping.journal_months, gone.runs, gone.pushes) == (1, (run.run_id,), 1)
        assert bench.session.runs() == []
        assert bench.program.tidy()[0] == keeping
        with pytest.raises(SettingsError):
            bench.program.tidy(days=0)


async def test_a_run_with_a_change_that_is_not_settled_stays(bench: Bench) -> None:
    with bench:
        run = await bench.compare()
        bench.box.faults.add(Fault(kind="lost_answer", path="adjustments"))
        bench.box.faults.add(Fault(kind="status", status=503, path="contractserviceunits/query", nth=3, times=None))
        await bench.push(row_of(run, "ONE", "601")["key"])
        bench.clock.advance(timedelta(days=900).total_seconds())
        _, gone = bench.program.tidy()
        assert (gone.snapshots, gone.runs, gone.pushes) == ((), (), 0)
        assert len(await bench.session.open_ops()) == 1
        with pytest.raises(WrongUse, match="Not everything is settled"):
            bench.program.delete_everything()
        assert files(bench.folder)


def test_deleting_everything_asks_first(tmp_path: Path) -> None:
    alone = Installation(tmp_path / "data", {}, tmp_path / "ledger.jsonl")
    assert alone.run("runs", "list").status == 0
    asked = alone.run("workspace", "delete-everything")
    assert (asked.status, "add --yes" in asked.err) == (2, True)
    assert (alone.folder / "workspace.db").exists()
    tidied = alone.run("workspace", "tidy", "--fetched", "10")
    assert (tidied.status, "24 months, fetched data for 10 days" in tidied.out) == (0, True), tidied.err
    done = alone.run("workspace", "delete-everything", "--yes")
    assert done.status == 0, done.err
    assert files(alone.folder) == []
