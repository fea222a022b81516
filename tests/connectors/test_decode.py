"""Decoding: whole or not at all, and one kind of refusal only."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_app.connectors.decode import decode
from reconcile_app.core.errors import AnswerUnreadable


class Line(msgspec.Struct, rename="camel"):
    id: int
    unit_price: msgspec.Raw
    name: str | None = None


class Page(msgspec.Struct):
    items: list[Line]


GOOD = b'{"items": [{"id": 5, "unitPrice": 1.10, "name": "x", "more": {"ignored": []}}]}'


def test_a_page_with_its_numbers_exact_and_extra_fields_ignored() -> None:
    page = decode(GOOD, Page)
    assert (page.items[0].id, bytes(page.items[0].unit_price)) == (5, b"1.10")
    assert decode(b"\xef\xbb\xbf" + GOOD, Page).items[0].name == "x"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (GOOD[:-1], "truncated"),
        (GOOD + b"x", "trailing"),
        (GOOD.decode().encode("utf-16"), "utf-8"),
        (b'{"items": [{"id": 5, "unitPrice": 1, "name": "\xff"}]}', "utf-8"),
        (b'{"items": [{"id": NaN, "unitPrice": 1}]}', "malformed"),
        (b'{"items": null}', "$.items"),
        (b'{"items": {}}', "$.items"),
        (b"[]", "object"),
        (b'{"items": [{"id": "5", "unitPrice": 1}]}', "$.items[0].id"),
        (b'{"items": [{"id": 5}]}', "unitPrice"),
        (b'{"items": [{"id": 5.5, "unitPrice": 1}]}', "$.items[0].id"),
        (b'{"items": [], "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deep"),
        (b"[" * 100_000, ""),
        (b'{"items": [{"id": ' + b"9" * 5_000 + b', "unitPrice": 1}]}', "$.items[0].id"),
    ],
)
def test_whatever_differs_is_refused_with_its_place(content: bytes, words: str) -> None:
    with pytest.raises(AnswerUnreadable) as caught:
        decode(content, Page, title="Sample PSA")
    assert words.lower() in caught.value.happened.lower()
    assert caught.value.title == "Unreadable answer from Sample PSA."
    assert len(caught.value.happened) <= 500


@pytest.mark.parametrize("content", [b"[1e400]", b"[NaN]", b"[Infinity]", b"[-Infinity]"])
def test_no_number_that_is_not_finite(content: bytes) -> None:
    with pytest.raises(AnswerUnreadable):
        decode(content, list[float])


@given(
    st.binary(max_size=80)
    | st.tuples(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=3)).map(
        lambda change: GOOD[: change[0]] + change[1] + GOOD[change[0] + len(change[1]) :]
    )
)
@settings(max_examples=500, deadline=None)
def test_no_other_exception_ever_leaves(content: bytes) -> None:
    try:
        page = decode(content, Page)
    except AnswerUnreadable:
        return
    assert all(isinstance(line.id, int) for line in page.items)
    json.loads(content.removeprefix(b"\xef\xbb\xbf"), strict=False)
