import json
from dataclasses import fields, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile_app.core.change_json import change_from_json, change_to_json
from reconcile_app.core.changes import Change, ChangeKind
from tests.fakes.journal_records import change

AMOUNTS = st.integers(-(10**14), 10**14)
TEXTS = st.text(st.characters(), max_size=20)


@given(TEXTS, st.sampled_from(ChangeKind), AMOUNTS, st.none() | AMOUNTS, st.dates())
def test_what_was_frozen_comes_back(text: str, kind: ChangeKind, amount: int, price: int | None, day: date) -> None:
    frozen = replace(change(), description=text, kind=kind, quantity_target=amount, unit_price=price, effective_date=day)
    assert change_from_json(change_to_json(frozen)) == frozen


def test_the_bytes_are_canonical() -> None:
    data = change_to_json(change())
    assert data == change_to_json(replace(change()))
    assert data.startswith(b'{"company_id":"174",')
    assert b'"quantity_target":125000' in data
    assert b'"effective_date":"2026-11-26"' in data


def test_every_field_of_a_change_is_kept() -> None:
    assert set(json.loads(change_to_json(change()))) == {field.name for field in fields(Change)}


@pytest.mark.parametrize(
    "spoilt",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"key":1}',
        b"[" * 100_000,
        change_to_json(change()).replace(b'"sku":"650"', b'"sku":650'),
        change_to_json(change()).replace(b'"quantity_target":125000', b'"quantity_target":12.5'),
        change_to_json(change()).replace(b'"quantity_target":125000', b'"quantity_target":true'),
        change_to_json(change()).replace(b'"kind":"set_quantity"', b'"kind":"delete"'),
        change_to_json(change()).replace(b"2026-11-26", b"yesterday"),
        change_to_json(change()).replace(b'"sku":"650"', b'"sku":"650","new":"x"'),
    ],
)
def test_anything_else_is_refused(spoilt: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - several kinds of ValueError, one meaning
        change_from_json(spoilt)


def test_a_field_with_a_default_may_be_absent_in_an_older_journal() -> None:
    older = json.loads(change_to_json(change()))
    del older["unit_cost_target"]
    assert change_from_json(json.dumps(older).encode()) == change()
