"""Columns of frames that every PSA fills alike."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Protocol

import numpy as np
import pandas as pd

from reconcile_app.core.frames import REJECTED


class Refused(Protocol):
    """A row that could not be used."""

    @property
    def source(self) -> str:
        """Where it came from."""

    @property
    def reason(self) -> str:
        """Why it could not be used."""

    @property
    def raw(self) -> str:
        """What it said."""


def days(values: Sequence[date | None]) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    """Calendar dates as a frame keeps them."""
    told = [place for place, value in enumerate(values) if value is not None]
    found = np.full(len(values), np.datetime64("NaT", "s"), dtype="datetime64[s]")
    found[told] = np.array([values[place] for place in told], dtype="datetime64[D]")
    return found


def rejected_frame(refused: Iterable[Refused]) -> pd.DataFrame:
    """``REJECTED`` rows of the PSA's side."""
    listed = list(refused)
    return REJECTED.build(
        {
            "side": ["psa"] * len(listed),
            "source": [each.source for each in listed],
            "reason": [each.reason for each in listed],
            "raw": [each.raw for each in listed],
        }
    )
