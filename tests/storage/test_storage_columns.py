from contextlib import suppress
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_app.core.frames import CONTRACT_LINES, FrameError, Schema
from reconcile_app.storage.columns import ColumnsError, compress, decompress, pack, unpack

SCHEMA = Schema("sample", {"text": "string", "amount": "Int64", "day": "datetime64[s]", "flag": "bool"})
ROWS = st.lists(
    st.tuples(
        st.none() | st.text(st.characters()), st.none() | st.integers(-(2**63), 2**63 - 1), st.none() | st.dates(), st.booleans()
    ),
    max_size=8,
)


def frame(rows: list[tuple[Any, Any, Any, Any]]) -> pd.DataFrame:
    texts, amounts, days, flags = ([row[position] for row in rows] for position in range(4))
    moments = np.array(["NaT" if day is None else day.isoformat() for day in days], dtype="datetime64[s]")
    return SCHEMA.build({"text": texts, "amount": amounts, "day": moments, "flag": flags})


@settings(deadline=None)
@given(ROWS)
def test_every_value_and_every_gap_comes_back(rows: list[tuple[Any, Any, Any, Any]]) -> None:
    made = frame(rows)
    restored = unpack(SCHEMA, pack(SCHEMA, made))
    SCHEMA.check(restored)
    pd.testing.assert_frame_equal(restored, made)
    assert pack(SCHEMA, restored) == pack(SCHEMA, made)


def test_a_column_the_schema_gained_since_is_absent() -> None:
    older = Schema("sample", {"text": "string", "amount": "Int64"})
    data = pack(older, older.build({"text": ["a"], "amount": [1]}))
    restored = unpack(SCHEMA, data)
    assert restored["day"].isna().all()
    assert restored["text"].tolist() == ["a"]


def test_another_frame_is_not_taken() -> None:
    with pytest.raises(FrameError):
        pack(CONTRACT_LINES, frame([]))
    with pytest.raises(ColumnsError):
        unpack(CONTRACT_LINES, pack(SCHEMA, frame([])))


@pytest.mark.parametrize(
    "columns",
    [
        {"text": [1]},
        {"amount": ["x"]},
        {"amount": [1.5]},
        {"amount": [2**63]},
        {"day": ["soon"]},
        {"day": [5]},
        {"flag": ["x"]},
        {"flag": [None]},
        {"text": ["a"], "amount": [1, 2]},
        {"text": [b"\xff"]},
        {"other": [1]},
        {"text": "abc"},
    ],
)
def test_values_of_another_type_are_refused(columns: dict[str, object]) -> None:
    with pytest.raises(ColumnsError):
        unpack(SCHEMA, msgspec.msgpack.encode(columns))


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_lead_to_a_foreign_error(data: bytes) -> None:
    with suppress(ColumnsError):
        SCHEMA.check(unpack(SCHEMA, data))


@given(st.binary(max_size=200))
def test_what_was_compressed_comes_back_and_a_wrong_size_does_not(data: bytes) -> None:
    assert decompress(compress(data), len(data)) == data
    for size in (len(data) + 1, len(data) - 1, 2**60):
        with pytest.raises(ColumnsError):
            decompress(compress(data), size)
    with pytest.raises(ColumnsError):
        decompress(b"not compressed", 5)


def test_texts_that_are_alike_are_kept_once_and_share_their_memory_again() -> None:
    texts = ["Hosted Exchange, Advanced", None, "half \ud83d of it"] * 50
    made = SCHEMA.build({"text": texts})
    data = pack(SCHEMA, made)
    restored = unpack(SCHEMA, data)
    pd.testing.assert_frame_equal(restored, made)
    assert data.count(b"Hosted Exchange") == 1
    assert restored["text"].array[0] is restored["text"].array[3]


def test_many_different_texts_are_kept_in_order() -> None:
    texts = [f"C-{number}" for number in range(45_000)]
    restored = unpack(SCHEMA, pack(SCHEMA, SCHEMA.build({"text": texts})))
    assert restored["text"].tolist() == texts


@pytest.mark.parametrize("rows", [[0, 1], [-2, 0]])
def test_a_row_without_a_text_is_refused(rows: list[int]) -> None:
    with pytest.raises(ColumnsError, match="a row has no text"):
        unpack(SCHEMA, msgspec.msgpack.encode({"text": {"texts": [["a"]], "rows": rows}}))
