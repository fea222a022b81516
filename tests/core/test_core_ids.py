from datetime import UTC, datetime
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_app.core.ids import Json, canonical_json, new_run_id, row_key, sha256_hex, text_digest

_part = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=100)
@given(_part, _part, _part)
def test_row_keys_are_unambiguous(customer: str, contract: str, item: str) -> None:
    assert [unquote(part) for part in row_key(customer, contract, item).split("/")] == [customer, contract, item]


def test_common_row_keys_are_readable() -> None:
    assert row_key("ASP", "29684183", "650") == "ASP/29684183/650"
    assert row_key("ASP", "", "sku:HEX (A) 1.2_b-c") == "ASP//sku:HEX (A) 1.2_b-c"


def test_digests_stand_for_texts() -> None:
    assert text_digest("") == "e3b0c44298fc"
    assert text_digest("\ud800") != text_digest("\ud801")
    assert sha256_hex(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_run_ids_sort_by_time_and_differ() -> None:
    now = datetime(2026, 11, 26, 8, 15, tzinfo=UTC)
    assert new_run_id(now).startswith("20261126-081500-")
    assert new_run_id(now) != new_run_id(now)


def test_canonical_json_is_one_form() -> None:
    assert canonical_json({"b": [1, None, True, "é"], "a": {}}) == b'{"a":{},"b":[1,null,true,"\\u00e9"]}'


@pytest.mark.parametrize("value", [1.5, [1.0], {"a": {"b": [2.0]}}])
def test_floats_have_no_canonical_form(value: Json) -> None:
    with pytest.raises(TypeError, match="canonical"):
        canonical_json(value)
