"""A damaged workspace: the error names a command, and the command helps."""

from pathlib import Path

import pytest

from tests.end_to_end.conftest import Installation


@pytest.fixture
def alone(tmp_path: Path) -> Installation:
    """An installation without a sandbox."""
    return Installation(tmp_path / "data", {}, tmp_path / "ledger.jsonl")


def test_the_damaged_file_is_moved_and_the_next_start_is_empty(alone: Installation) -> None:
    assert alone.run("runs", "list").status == 0
    database = alone.folder / "workspace.db"
    content = b"no database at all, but long enough to be looked at" * 50
    database.write_bytes(content)
    broken = alone.run("runs", "list")
    assert broken.status == 2
    assert "reconcile-app workspace set-aside" in broken.err
    done = alone.run("workspace", "set-aside")
    assert done.status == 0, done.err
    (aside,) = alone.folder.glob("workspace.damaged-*.db")
    assert str(aside) in done.out
    assert aside.read_bytes() == content
    again = alone.run("runs", "list", "--json", "-")
    assert (again.status, again.json) == (0, [])


def test_a_sound_workspace_is_left_where_it_is(alone: Installation) -> None:
    alone.run("runs", "list")
    before = (alone.folder / "workspace.db").read_bytes()
    done = alone.run("workspace", "set-aside")
    assert done.status == 2
    assert "is not damaged" in done.err
    assert (alone.folder / "workspace.db").read_bytes() == before
    assert list(alone.folder.glob("workspace.damaged-*")) == []


def test_a_connection_of_an_unknown_kind_is_listed_beside_the_others(alone: Installation) -> None:
    alone.folder.mkdir()
    text = '[connections.old]\nkind = "quickbooks"\n\n[connections.atria]\nkind = "atria"\n'
    (alone.folder / "connections.toml").write_text(text, encoding="utf-8")
    listed = alone.run("connections", "list", "--json", "-")
    assert [(view["name"], view["kind"]) for view in listed.json] == [("old", "quickbooks"), ("atria", "atria")]
    refused = alone.run("connections", "verify", "old")
    assert refused.status == 2
    assert "no connector quickbooks" in refused.err
