"""Keys that stand twice in one object."""

import pytest

from reconcile_app.connectors.doubled import doubled_key, may_repeat


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (b'{"a": 1, "b": 2}', ""),
        (b'{"a": 1, "b": 2, "a": 3}', "a"),
        (b'{"units": 1, "Units": 2}', "Units"),
        (b'{"units": 1, "\\u0075nits": 2}', "units"),
        (b'[{"a": 1}, {"a": 2}]', ""),
        (b'{"a": {"b": 1, "b": 2}}', "b"),
        (b'{"a": "\\"a\\": 1"}', ""),
        (b'{"a": ' + b"9" * 10_000 + b"}", ""),
        (b"no json", ""),
        (b"", ""),
        (b"[" * 100_000, ""),
    ],
)
def test_the_first_key_that_stands_twice_is_named(text: bytes, key: str) -> None:
    assert doubled_key(text) == key


def test_the_quick_look_errs_on_one_side_only() -> None:
    assert not may_repeat(b'{"a":1,"b":2}', 2)
    assert may_repeat(b'{"a":1,"b":2,"a":3}', 2)
    assert may_repeat(b'{"a" :1}', 1), "then the slow look tells"
    assert may_repeat(b'{"a":"\\":"}', 1)
