"""The permutation behind sorting: by 16-bit digits, for any number of keys."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reconcile_app.ui.models.prepared import narrowed, ordered

RANKS = st.integers(-1, 200_000)


@given(st.integers(1, 3).flatmap(lambda width: st.lists(st.lists(RANKS, min_size=width, max_size=width), min_size=1, max_size=60)))
def test_rows_come_in_the_order_of_their_keys_and_equal_ones_as_they_were(rows: list[list[int]]) -> None:
    keys = [narrowed(np.array(column)) for column in zip(*rows, strict=True)]
    assert ordered(keys).tolist() == sorted(range(len(rows)), key=rows.__getitem__)


def test_nothing_is_in_order() -> None:
    assert ordered([np.empty(0, dtype=np.int16)]).tolist() == []
