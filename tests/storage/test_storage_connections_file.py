import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconcile_app.core.errors import NewerFormat, NotFound, ReconcileError, SettingsError
from reconcile_app.core.ports import ConnectorSpec, Role
from reconcile_app.core.settings import Connection, Secret, SettingField
from reconcile_app.storage.connections_file import ConnectionsFile

SPECS = (
    ConnectorSpec(
        key="atria",
        title="Atria",
        role=Role.BILLING,
        fields=(
            SettingField(name="base_url", label="Address", help="Where it is"),
            SettingField(name="ca_file", label="CA file", help="Private CA"),
            SettingField(name="token", label="Token", help="Key", secret=True),
        ),
    ),
    ConnectorSpec(
        key="autotask",
        title="Autotask",
        role=Role.PSA,
        fields=(
            SettingField(name="zone_user", label="User", help="For the zone"),
            SettingField(name="settle_seconds", label="Settle", help="Seconds"),
            SettingField(name="strict", label="Strict", help="Yes or no"),
            SettingField(name="username", label="API user", help="Key", secret=True),
        ),
    ),
)

EDITED = """\
# Contoso, edited by Kim
schema = 1

[connections.autotask]   # the real one
kind = "autotask"
settle_seconds = 240     # slow server
calls_per_hour_share = 0.5
strict = true
zone_user = "api@example.net"

# billing comes second on purpose
[connections.atria]
kind = "atria"
base_url = 'https://atria.example.net'
made_by_a_later_version = "kept"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "connections.toml"


@pytest.fixture
def file(path: Path) -> ConnectionsFile:
    return ConnectionsFile(path, SPECS)


def connection(name: str = "atria", kind: str = "atria", **values: str) -> Connection:
    return Connection(name=name, kind=kind, values=values)


def test_there_are_no_connections_before_the_first_one(file: ConnectionsFile, path: Path) -> None:
    assert file.load() == {}
    file.save(connection(base_url="https://atria.example.net"))
    assert file.load() == {"atria": connection(base_url="https://atria.example.net")}
    assert path.read_text("utf-8") == (
        'schema = 1\n\n[connections.atria]\nkind = "atria"\nbase_url = "https://atria.example.net"\n'
    )
    if os.name != "nt":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_written_by_hand_is_read_with_every_value_as_text(file: ConnectionsFile, path: Path) -> None:
    path.write_text(EDITED, "utf-8")
    assert file.load() == {
        "autotask": connection(
            "autotask", "autotask", settle_seconds="240", calls_per_hour_share="0.5", strict="true", zone_user="api@example.net"
        ),
        "atria": connection(base_url="https://atria.example.net", made_by_a_later_version="kept"),
    }
    assert list(file.load()) == ["autotask", "atria"]


def test_saving_changes_what_was_changed_and_nothing_else(file: ConnectionsFile, path: Path) -> None:
    path.write_text(EDITED, "utf-8")
    loaded = file.load()["autotask"]
    file.save(connection("autotask", "autotask", **{**loaded.values, "settle_seconds": "180", "strict": "false"}))
    assert path.read_text("utf-8") == EDITED.replace("= 240 ", "= 180 ").replace("strict = true", "strict = false")


def test_saving_the_same_again_leaves_the_text_as_it_is(file: ConnectionsFile, path: Path) -> None:
    path.write_text(EDITED, "utf-8")
    for loaded in file.load().values():
        file.save(loaded)
    assert path.read_text("utf-8") == EDITED


def test_a_number_may_become_text(file: ConnectionsFile, path: Path) -> None:
    path.write_text(EDITED, "utf-8")
    file.save(connection("autotask", "autotask", settle_seconds="soon", strict="maybe"))
    saved = file.load()["autotask"]
    assert (saved.value("settle_seconds"), saved.value("strict")) == ("soon", "maybe")


def test_a_cleared_setting_leaves_the_file_and_an_unknown_one_stays(file: ConnectionsFile, path: Path) -> None:
    path.write_text(EDITED, "utf-8")
    file.save(connection(base_url="", ca_file="/etc/ca.pem"))
    assert file.load()["atria"].values == {"made_by_a_later_version": "kept", "ca_file": "/etc/ca.pem"}
    assert "# billing comes second on purpose" in path.read_text("utf-8")


def test_removing_takes_one_table_out(file: ConnectionsFile, path: Path) -> None:
    path.write_text(EDITED, "utf-8")
    file.remove("autotask")
    assert list(file.load()) == ["atria"]
    assert "base_url = 'https://atria.example.net'" in path.read_text("utf-8")
    with pytest.raises(NotFound):
        file.remove("autotask")
    file.remove("atria")
    file.save(connection(base_url="https://x"))
    assert list(file.load()) == ["atria"]


def test_a_secret_is_never_written(file: ConnectionsFile, path: Path) -> None:
    with pytest.raises(SettingsError, match="token"):
        file.save(connection(token="hush"))
    with pytest.raises(SettingsError, match="token") as refused:
        file.save(Connection(name="atria", kind="atria", secrets={"token": Secret("hush")}))
    assert "hush" not in str(refused.value)
    assert not path.exists()


def test_a_secret_typed_into_the_file_is_pointed_out_without_repeating_it(file: ConnectionsFile, path: Path) -> None:
    path.write_text('[connections.a]\nkind = "atria"\ntoken = "hush"\n', "utf-8")
    with pytest.raises(SettingsError, match="a, token") as refused:
        file.load()
    assert "hush" not in str(refused.value)


def test_names_with_blanks_and_dots_are_fine(file: ConnectionsFile) -> None:
    for name in ("Contoso prod.", "ü", '"quoted"', "a.b"):
        file.save(connection(name, base_url="x"))
    assert list(file.load()) == ["Contoso prod.", "ü", '"quoted"', "a.b"]


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 61, " a"])
def test_a_name_that_would_only_confuse_is_refused(file: ConnectionsFile, name: str) -> None:
    with pytest.raises(SettingsError):
        file.save(connection(name))


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b'[connections.a]\nkind = "atria"\nbase_url = oops\n', "Line 3, column"),
        (b'[connections.a]\nkind = "atria"\nkind = "b"\n', "Line 3"),
        (b'[connections.a]\nkind = "at', "at the end"),
        (b"\n\n\xff\xfe", "Line 3 is not UTF-8"),
        (b"[connections.a]\n", "does not say its kind"),
        (b"connections = 5\n", "must be a table"),
        (b"[connections]\na = 5\n", "must be a table"),
        (b'[connections.a]\nkind = "atria"\nbase_url = ["x"]\n', "base_url of a is neither"),
        (b'schema = "new"\n', "schema is not a whole number"),
        (b"schema = true\n", "schema is not a whole number"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place_and_left_as_it_is(
    file: ConnectionsFile, path: Path, content: bytes, where: str
) -> None:
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=where):
        file.load()
    assert path.read_bytes() == content


def test_a_newer_file_is_neither_read_nor_written(file: ConnectionsFile, path: Path) -> None:
    path.write_text("schema = 2\n", "utf-8")
    for attempt in (file.load, lambda: file.save(connection()), lambda: file.remove("atria")):
        with pytest.raises(NewerFormat):
            attempt()
    assert path.read_text("utf-8") == "schema = 2\n"


def test_a_byte_order_mark_does_no_harm(file: ConnectionsFile, path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + EDITED.encode())
    assert len(file.load()) == 2
    file.save(connection(base_url="https://new"))
    assert file.load()["atria"].value("base_url") == "https://new"


@pytest.mark.parametrize(
    "text",
    [
        'connections.a = { kind = "atria", base_url = "x" }\n',
        'connections.a.kind = "atria"\nconnections.a.base_url = "x"\n',
        '[connections]\na = { kind = "atria", base_url = "x" }\n',
        '[connections.a]\r\nkind = "atria"\r\nbase_url = "x"\r\n',
    ],
)
def test_other_ways_to_write_a_table_are_kept_or_refused_but_never_spoilt(file: ConnectionsFile, path: Path, text: str) -> None:
    path.write_bytes(text.encode())
    assert file.load() == {"a": connection("a", base_url="x")}
    try:
        file.save(connection("b", base_url="y"))
    except SettingsError:
        assert path.read_bytes() == text.encode()
    else:
        assert file.load() == {"a": connection("a", base_url="x"), "b": connection("b", base_url="y")}


VALUES = st.dictionaries(st.sampled_from(["base_url", "ca_file", "other one"]), st.text(st.characters(exclude_categories=["Cs"])))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "b.c", "d e"]), VALUES), max_size=5))
def test_what_is_saved_is_what_is_loaded(tmp_path: Path, saves: list[tuple[str, dict[str, str]]]) -> None:
    path = tmp_path / "any.toml"
    path.unlink(missing_ok=True)
    file = ConnectionsFile(path, SPECS)
    expected: dict[str, dict[str, str]] = {}
    for name, values in saves:
        file.save(connection(name, **values))
        unknown = {field: value for field, value in expected.get(name, {}).items() if field == "other one"}
        expected[name] = unknown | {field: value for field, value in values.items() if value}
    assert {name: dict(found.values) for name, found in file.load().items()} == expected


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=60) | st.text(alphabet="[]=\"\n .#'\\,{}abck1", max_size=80).map(str.encode))
def test_no_content_leads_to_a_foreign_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.toml"
    path.write_bytes(content)
    file = ConnectionsFile(path, SPECS)
    try:
        file.load()
        file.save(connection("z", base_url="x"))
    except ReconcileError:
        assert path.read_bytes() == content
    else:
        assert file.load()["z"] == connection("z", base_url="x")


def test_a_deeply_nested_file_is_refused(file: ConnectionsFile, path: Path) -> None:
    path.write_text("x = " + "[" * 20_000, "utf-8")
    with pytest.raises(SettingsError):
        file.load()
