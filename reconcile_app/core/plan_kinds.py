"""What a plan does, and the ways in which a pushed line can be taken back. Imports nothing heavy: the first screen needs it."""

from enum import StrEnum
from typing import Final

PUSH: Final = "push"
UNDO: Final = "undo"
"""Kinds of a plan, as the journal stores them."""


class Way(StrEnum):
    """How a line can be undone."""

    EXACT = "exact"
    """As if the push had not been."""
    COMPENSATING = "compensating"
    """Back to the old quantity, but something of the push stays, and the words say what."""
    TOO_LATE = "too late"
    DONE = "done"
    """It was undone before."""
