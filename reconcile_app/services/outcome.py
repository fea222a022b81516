"""What a push came to, in the words of the result page and the command line."""

from collections.abc import Iterable

from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OPEN, OpState
from reconcile_app.core.replacing import gap_text, gaps

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
    """``finished``, ``finished, n open``, ``finished, n lines ended without a new one`` or, where nothing was sent at all,
    ``refused``."""
    ops = list(ops)
    states = [op.state for op in ops]
    open_ops = sum(state in OPEN for state in states)
    if open_ops:
        return f"finished, {open_ops} open"
    if missing := gaps(ops):
        return f"finished, {gap_text(len(missing))}"
    return "refused" if all(state in _HELD_BACK for state in states) else "finished"


def so_far(ops: Iterable[OpRecord], why_paused: str) -> str:
    """A run that stopped and is not settled: why, then such as "1 change is being checked, 37 were not sent"."""
    states = [op.state for op in ops]
    checked, unsent = (sum(state in group for state in states) for group in (_UNSETTLED, _HELD_BACK))
    parts = [f"{checked} {'change is' if checked == 1 else 'changes are'} being checked"] if checked else []
    if unsent:
        parts.append(f"{unsent} {'was' if unsent == 1 else 'were'} not sent")
    return f"{why_paused} {', '.join(parts)}." if parts else why_paused


def words_of(ops: Iterable[OpRecord], why_paused: str = "") -> str:
    """The counts in one line, such as "31 written and confirmed · 2 had changed in the PSA", and why the run paused."""
    ops = list(ops)
    states = [op.state for op in ops]
    counts = [(sum(state in group for state in states), words) for group, words in _WORDS]
    told = [f"{count} {words}" for count, words in counts if count]
    missing = len(gaps(ops))
    line = " · ".join([*told, *([gap_text(missing)] if missing else [])])
    return f"{line}. {why_paused}" if why_paused else line
