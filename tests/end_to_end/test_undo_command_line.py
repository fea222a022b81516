"""Undo by command line, against a sandbox in another process; the ledger is the judge."""

import json
from pathlib import Path

import httpx
from python_calamine import CalamineWorkbook

from tests.end_to_end.conftest import Installation


def control(installation: Installation, name: str, **order: object) -> None:
    """What other people do in the sandbox's Autotask."""
    address = str(installation.settings["autotask"]["zone_lookup_url"])
    answer = httpx.post(f"{address}/__sim/{name}", content=json.dumps(order).encode(), timeout=20)
    assert answer.status_code == 200, answer.text


def pushed(installation: Installation, tmp_path: Path) -> str:
    """Two lines of different customers were written; the id of the run."""
    told = installation.compare()
    rows = {row["customer_code"]: row["key"] for row in told["rows"] if row["selected"]}
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(list(rows.values())[:2]), encoding="utf-8")
    done = installation.run("push", "--run", told["run_id"], "--select", str(keys), "--yes")
    assert done.status == 0, done.err
    assert "Needs about 8 calls; " in done.out
    assert "are left for this program in the current 60 minutes." in done.out
    return str(told["run_id"])


def test_undo_takes_back_what_nobody_touched_and_says_what_is_too_late(installation: Installation, tmp_path: Path) -> None:
    control(installation, "switch", same_day_adjustment="accepted")
    run_id = pushed(installation, tmp_path)
    first, second = installation.ledger()

    unknown = installation.run("undo", "--run", "no-such-run", "--yes")
    assert unknown.status == 2
    assert "There is no run no-such-run." in unknown.err

    told = installation.run("undo", "--run", run_id)
    assert told.status == 2
    assert "2 exactly" in told.out
    assert "the day of the push, so that both cancel out" in told.out
    assert "Needs about 8 calls; " in told.out
    assert "An undo without a window needs --yes." in told.err
    assert len(installation.ledger()) == 2, "nothing was sent"

    control(installation, "adjust", line=first["line"], change=1, date=first["effective_date"])
    done = installation.run("undo", "--run", run_id, "--yes", "--json", "-", "--xlsx", str(tmp_path / "log.xlsx"))
    assert done.status == 1, "a line that was left out needs a person"
    ops = {op["state"]: op for op in done.json["ops"]}
    assert set(ops) == {"VERIFIED", "STALE"}
    assert {line["way"] for line in done.json["lines"]} == {"exact", "too late"}
    assert done.json["undoes"].endswith("-push")
    ours = [entry for entry in installation.ledger() if entry["line"] == second["line"]]
    assert [(entry["before"], entry["after"]) for entry in ours] == [
        (second["before"], second["after"]), (second["after"], second["before"]),
    ]  # fmt: skip
    assert len(installation.ledger()) == 3
    results = CalamineWorkbook.from_path(tmp_path / "log.xlsx").get_sheet_by_name("Changes").to_python()
    assert sum("undo: written and confirmed" in row for row in results) == 1

    nothing = installation.run("undo", "--run", run_id, "--yes", "--json", "-")
    assert (nothing.status, nothing.json["result"]) == (4, "refused")
    assert "1 too late · 1 undone already" in nothing.err
    assert len(installation.ledger()) == 3
    (kept,) = installation.run("runs", "list", "--json", "-").json
    assert kept["result"] == "finished, partly undone"
    shown = installation.run("runs", "show", run_id)
    assert f"Undo of {done.json['undoes']} ({done.json['push_id']}): finished, by" in shown.out

