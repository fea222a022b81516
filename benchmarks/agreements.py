"""P10 for ConnectWise: additions stand under their agreement, so a comparison takes one call for each, four at a time."""

import math
from collections.abc import Iterator

from benchmarks.measure import Result, Scale, fresh

_PAGE = 1_000
_SIDE_BY_SIDE = 4
_ALONGSIDE = 3
"""Calls beside the rows: the catalog, the agreement types, and which tenant it is."""


_ADDRESS = 1_850
"""Characters of an address (2,000 in all) that can hold the ids that are asked for."""
_AN_ID = 6.5
"""Characters that an id of three or four digits takes there, with its comma."""


def p10c(scale: Scale) -> Iterator[Result]:
    """A whole comparison in a process of its own: calls, time, memory."""
    count, lines = scale.agreements, scale.additions
    what = f"{count} agreements × {lines} additions at {scale.latency * 1000:.0f} ms"
    told = fresh("benchmarks.starts.agreements", f"sized:{count}x{lines}", scale.latency, scale.times)
    calls = lower_bound(told["companies"], told["agreements"])
    yield Result(
        line="P10C",
        what=f"calls to ConnectWise, {what}",
        ours=told["calls"],
        reference=calls,
        unit="calls",
        at_most=1.0,
        note=f"one for each of {told['agreements']} agreements, the pages of the lists, {_ALONGSIDE} beside them",
    )
    yield Result(
        line="P10C",
        what=f"time, {what}",
        ours=told["taken"],
        reference=told["calls"] / _SIDE_BY_SIDE * scale.latency * 1000,
        at_most=1.2,
        note=f"{told['calls']} calls, {_SIDE_BY_SIDE} at a time",
    )
    yield Result(
        line="P10C",
        what="  memory of the process at its highest",
        ours=told["highest"],
        unit="MB",
        absolute=True,
        at_most=400.0,
        note=f"{told['empty']:.0f} MB with everything imported and nothing read",
    )


def lower_bound(companies: int, agreements: int) -> int:
    """Calls, when all that is known is how many rows there are: one for each agreement, the companies in pages, the agreements in
    pages or in as many addresses as the ids of their companies fill, and what runs beside."""
    addresses = math.ceil(companies * _AN_ID / _ADDRESS)
    return math.ceil(companies / _PAGE) + max(math.ceil(agreements / _PAGE), addresses) + agreements + _ALONGSIDE
