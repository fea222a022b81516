"""What a push came to, in the words of the result page and the command line."""

from collections.abc import Iterable

from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OPEN, OpState

_HELD_BACK = frozenset({OpState.STALE, OpState.BLOCKED, OpState.CANCELLED, OpState.NOT_SENT, OpState.PLANNED})
_UNSETTLED = OPEN - {OpState.NEEDS_REVIEW}
_WORDS: tuple[tuple[frozenset[OpState], str], ...] = (
    (frozenset({OpState.VERIFIED, OpState.CONFIRMED_BY_STATE, OpState.CLOSED_AS_APPLIED}), "written and confirmed"),
    (frozenset({OpState.SKIPPED_ALREADY}), "already right"),
    (frozenset({OpState.STALE}), "had changed in the PSA"),
    (frozenset({OpState.BLOCKED}), "could not be written"),
    (frozenset({OpState.REJECTED}), "refused by the PSA"),
    (frozenset({OpState.NOT_APPLIED, OpState.CLOSED_AS_NOT_APPLIED}), "not applied"),
    (frozenset({OpState.CANCELLED, OpState.NOT_SENT, OpState.PLANNED}), "not sent"),
    (_UNSETTLED, "in doubt, being watched"),
    (frozenset({OpState.NEEDS_REVIEW}), "to be looked at by you"),
)


def result_of(ops: Iterable[OpRecord]) -> str:
    """``finished``, ``finished, n open`` or, where nothing was sent at all, ``refused``."""
    states = [op.state for op in ops]
    open_ops = sum(state in OPEN for state in states)
    if open_ops:
        return f"finished, {open_ops} open"
    return "refused" if all(state in _HELD_BACK for state in states) else "finished"


def words_of(ops: Iterable[OpRecord], why_paused: str = "") -> str:
    """The counts in one line, such as "31 written and confirmed · 2 had changed in the PSA", and why the run paused."""
    states = [op.state for op in ops]
    counts = [(sum(state in group for state in states), words) for group, words in _WORDS]
    line = " · ".join(f"{count} {words}" for count, words in counts if count)
    return f"{line}. {why_paused}" if why_paused else line
