import copy
import pickle

import pytest

from reconcile_app.core.errors import SettingsError
from reconcile_app.core.findings import Level
from reconcile_app.core.settings import Connection, LogLevel, Secret, SettingField, missing_secrets, parse_flag


def test_a_secret_never_shows_itself() -> None:
    secret = Secret("hunter2")
    assert (str(secret), repr(secret), f"{secret}", f"{secret:>10}") == ("***",) * 4
    assert "hunter2" not in repr(Connection(name="a", kind="atria", secrets={"token": secret}))
    assert secret.reveal() == "hunter2"
    for give_away in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="pickled"):
            give_away(secret)


def test_secrets_are_equal_by_value_and_empty_ones_are_false() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    assert not Secret("")
    assert Secret(" ")


def test_values_are_trimmed_and_fall_back() -> None:
    connection = Connection(name="a", kind="atria", values={"base_url": " https://x ", "empty": " "})
    assert connection.value("base_url") == "https://x"
    assert connection.value("empty", "d") == connection.value("absent", "d") == "d"


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("True", True),
        (" true ", True),
        ("YES", True),
        ("1", True),
        ("on", True),
        ("False", False),
        ("no", False),
        ("0", False),
        ("Off", False),
        ("", False),
        (True, True),
        (False, False),
    ],
)
def test_flags_are_read_in_any_case(text: str | bool, flag: bool) -> None:
    assert parse_flag(text) is flag


def test_any_other_flag_is_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_flag("maybe")
    assert "'maybe'" in str(caught.value)
    assert caught.value.next_step == "Write True or False."
    assert caught.value.reason == "This setting is neither True nor False. It says: 'maybe'."


def test_levels_hide_what_is_less_serious() -> None:
    assert [level for level in Level if LogLevel.WARNING.shows(level)] == [Level.ERROR, Level.WARNING]
    assert [level.rank for level in Level] == [1, 2, 3, 4]


def test_missing_secrets_are_named_in_order() -> None:
    fields = [
        SettingField(name=name, label=name, help="", secret=secret, required=required)
        for name, secret, required in (
            ("b", True, True),
            ("a", True, True),
            ("c", True, False),
            ("d", False, True),
            ("e", True, True),
        )
    ]
    connection = Connection(name="x", kind="y", secrets={"a": Secret(""), "e": Secret("set")})
    assert [field.name for field in missing_secrets(fields, connection)] == ["b", "a"]
