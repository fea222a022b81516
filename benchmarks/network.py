"""P10 and P11: calls and time of a comparison and of a push against a sandbox that answers late."""

import asyncio
import math
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.measure import Result, Scale, median
from benchmarks.sandbox import installation, served
from reconcile_app.composition import Composition
from reconcile_app.core.basis import Run
from reconcile_app.core.settings import CompareOptions, Limits

_PAGE = 500
_SIDE_BY_SIDE = 3
_ALONGSIDE = 3
"""Calls beside the rows: the catalog, the contract types, and where the tenant lives."""
_UNIT_PERIODS = 2
"""Unit rows that a line needs: that of the covering period and the next, because a planned change must not be pre-selected."""


def p10(scale: Scale) -> Iterator[Result]:
    """A whole comparison, against the lower bound that follows from the number of rows."""
    for lines in scale.lines:
        what = f"{scale.customers} customers × {lines} lines at {scale.latency * 1000:.0f} ms"
        taken, run = _compared(f"sized:{scale.customers}x{lines}", scale)
        side = run.basis.psa
        calls, levels = lower_bound(len(side.companies), len(side.contracts), len(side.lines))
        # The billing source tells its periods first; only then is it known what to read.
        bound = (1 + levels) * scale.latency * 1000
        yield Result(
            line="P10",
            what=f"calls to the PSA, {what}",
            ours=side.side.calls,
            reference=calls + _ALONGSIDE,
            unit="calls",
            at_most=1.0,
            note=f"{calls} for the rows, {_ALONGSIDE} that run beside them: catalog, contract types, tenant",
        )
        yield Result(
            line="P10",
            what=f"time, {what}",
            ours=taken,
            reference=bound,
            at_most=1.25,
            note=f"{1 + levels} answers one after the other",
        )
        alone = (1 + 3 * scale.customers + scale.customers * lines) * scale.latency * 1000
        yield Result(
            line="P10",
            what="  against asking customer by customer",
            ours=taken,
            reference=alone,
            at_most=1 / 600,
            note="arithmetic: company, contract, services of each customer, units of each line",
        )


def lower_bound(companies: int, contracts: int, lines: int) -> tuple[int, int]:
    """Calls, and answers that must be waited for one after the other, when all that is known is how many rows there are."""
    identifiers = companies
    pages = {
        "companies": _pages(companies, identifiers),
        "contracts": _pages(contracts, companies),
        "services": _pages(lines, contracts),
        "units": _pages(lines * _UNIT_PERIODS, contracts),
    }
    before = {"companies": 0, "contracts": 1, "services": 2, "units": 2}
    after = {"companies": 2, "contracts": 1, "services": 0, "units": 0}
    waits = [before[name] + math.ceil(count / _SIDE_BY_SIDE) + after[name] for name, count in pages.items()]
    return sum(pages.values()), max(waits)


def _pages(rows: int, ids: int) -> int:
    return max(math.ceil(rows / _PAGE), math.ceil(ids / _PAGE))


def _compared(scenario: str, scale: Scale) -> tuple[float, Run]:
    with served(scenario, scale.latency) as settings, installation(settings) as composition:
        taken = []
        for _ in range(scale.times):
            start = time.perf_counter()
            run = asyncio.run(_compare(composition))
            taken.append((time.perf_counter() - start) * 1000)
        return median(taken), run


async def _compare(composition: Composition) -> Run:
    return await composition.session.compare("atria", "autotask", CompareOptions(), lambda progress: None)


def p11(scale: Scale) -> Iterator[Result]:
    """Pushing changes one after the other, against the calls of the write protocol."""
    with served(f"sized:{scale.customers}x{max(scale.lines)}", scale.latency) as settings, installation(settings) as composition:
        taken, count, calls = asyncio.run(_pushed(composition, scale))
    yield Result(
        line="P11",
        what=f"push of {count} changes at {scale.latency * 1000:.0f} ms",
        ours=taken,
        reference=calls * scale.latency * 1000,
        at_most=1.1,
        note=f"{calls} answers one after the other",
    )


_ROUNDS = 3
"""Answers of one change that must be waited for: what the line is now, the write, what the line is after it."""
_BEFORE_ALL = 2
"""Whose tenant it is, and how many calls are left."""


async def _pushed(composition: Composition, scale: Scale) -> tuple[float, int, int]:
    session: Any = composition.session
    run = await _compare(composition)
    keys = run.rows.loc[run.rows["selected"], "key"].tolist()
    await session.decide(keys[scale.changes :], False)
    plan = await session.review(Limits(lines=10_000, percent=100_000, units=10_000_000))
    count = len(plan.changes)
    start = time.perf_counter()
    view = await session.push(plan, str(plan.totals.lines), lambda view: None)
    taken = (time.perf_counter() - start) * 1000
    assert view.result == "finished", view.result
    return taken, count, _BEFORE_ALL + _ROUNDS * count
