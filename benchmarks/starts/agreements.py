"""Compares with a ConnectWise sandbox that answers late, and prints calls, time and memory."""

import asyncio
import json
import sys
import time

from benchmarks.measure import median, memory_mb
from benchmarks.sandbox import installation, served
from reconcile_app.composition import Composition
from reconcile_app.core.basis import Run
from reconcile_app.core.settings import CompareOptions


async def _compare(composition: Composition) -> Run:
    return await composition.session.compare("atria", "connectwise", CompareOptions(), lambda progress: None)


def main(scenario: str, latency: float, times: int) -> None:
    """Compare so many times and print what it took."""
    with served(scenario, latency, psa="connectwise") as settings, installation(settings) as composition:
        empty, taken = memory_mb(), []
        for _ in range(times):
            start = time.perf_counter()
            run = asyncio.run(_compare(composition))
            taken.append((time.perf_counter() - start) * 1000)
    psa = run.basis.psa
    assert psa.side.complete, psa.side.error
    told = {
        "taken": median(taken), "calls": psa.side.calls, "companies": len(psa.companies), "agreements": len(psa.contracts),
        "lines": len(psa.lines), "empty": empty, "highest": memory_mb("VmHWM"),
    }  # fmt: skip
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[2], float(sys.argv[3]), int(sys.argv[4]))
