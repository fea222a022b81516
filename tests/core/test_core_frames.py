import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_app.core.frames import COMPANIES, CUSTOMERS, LOG, FrameError
from reconcile_app.core.texts import coded, packed, picked


def test_columns_that_are_not_given_are_absent() -> None:
    frame = LOG.check(LOG.build({"code": ["AT01", pd.NA]}))
    assert frame["message"].isna().all()
    assert frame["planned"].tolist() == [False, False]
    assert len(LOG.check(LOG.empty())) == 0


def test_series_and_arrays_are_taken_as_they_are() -> None:
    frame = COMPANIES.build({"company_id": pd.Series(["1"], dtype="string"), "active": np.array([True])})
    assert COMPANIES.check(frame)["active"].tolist() == [True]


def test_a_column_that_was_not_declared_is_refused() -> None:
    with pytest.raises(FrameError, match="no column colour"):
        CUSTOMERS.build({"colour": ["red"]})


def test_another_shape_is_refused() -> None:
    frame = CUSTOMERS.build({"customer_code": ["A"]})
    with pytest.raises(FrameError, match="columns are"):
        CUSTOMERS.check(frame.drop(columns="customer_name"))
    with pytest.raises(FrameError, match="customer_code is object"):
        CUSTOMERS.check(frame.astype({"customer_code": object}))


def test_texts_are_coded_and_come_back() -> None:
    column = pd.Series(["b", pd.NA, "a", "b"], dtype="string")
    found = coded([column, column])
    assert found.values == ["a", "b"]
    assert found.codes.tolist() == [1, -1, 0, 1] * 2
    assert picked(found.values, found.codes[:4]).tolist() == column.tolist()


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5)), min_size=1), st.sampled_from([6, 2**31, 2**61]))
def test_packed_keys_sort_and_differ_like_the_tuples(rows: list[tuple[int, int, int]], size: int) -> None:
    columns = [np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)]
    keys = packed(*((column, size) for column in columns)).tolist()
    for first, one in zip(rows, keys, strict=True):
        for second, other in zip(rows, keys, strict=True):
            assert (first < second) == (one < other)
            assert (first == second) == (one == other)
