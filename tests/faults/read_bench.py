"""Whole comparisons while reading goes wrong: one installation for a file of tests, on the time of the sandbox's world."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconcile_app.core.basis import Run
from reconcile_app.core.snapshot import Side
from tests.end_to_end.desk_fixture import Bench, row_of, two_customers
from tests.fakes.world_clock import WorldClock

INVOICE = "2026-11-25/invoice"
UNITS = "ContractServiceUnits/query"
PLACES = {"atria": INVOICE, "autotask": UNITS}
"""The call that suffers, by product."""


class ReadBench(Bench):
    """A desk whose waits are those of the world; faults of the catalogue strike the calls of ``PLACES``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, two_customers)
        self.clock = WorldClock(self.box)

    def again(self) -> ReadBench:
        """Everything as it began, apart from the runs that are saved."""
        self.box.faults.clear()
        self.box.outage("open")
        self.box.call(self.box.world.rebuild)
        self.clock.waits.clear()
        self.clock.sleeping = lambda seconds: None
        return self

    def strike(self, product: str, fault_id: str, name: str = "", **changes: object) -> None:
        """Plan a fault of the catalogue for the call of this product."""
        self.box.plan(fault_id, name, product=product, **{"path": PLACES[product], **changes})

    async def check_passing(self) -> Run:
        """The fault passed by unnoticed: both sides are complete, and nothing is lost or doubled."""
        run = await self.compare()
        assert run.basis.billing.side.complete, run.basis.billing.side.error
        assert run.basis.psa.side.complete, run.basis.psa.side.error
        for code in ("ONE", "TWO"):
            row = row_of(run, code, "601")
            assert (row["billed_quantity"], row["contract_quantity"], row["status"]) == (30_000, 20_000, "raise")
        return run

    async def check_unknown(self, product: str) -> str:
        """The side could not be read: nothing of it is a number, nothing can be ticked. Returns what the operator is told."""
        run = await self.compare()
        side = side_of(run, product)
        assert not side.complete
        other = side_of(run, "autotask" if product == "atria" else "atria")
        assert other.complete, other.error
        assert set(run.rows["status"]) == {"unknown"}
        assert not run.rows["selectable"].any()
        assert run.rows["change"].isna().all()
        entries = run.log[(run.log["level"] == "Error").to_numpy(dtype=bool)]
        assert len(entries)
        assert (entries["resolution"].str.len() > 20).all()
        assert self.ledger() == []
        return side.error


def side_of(run: Run, product: str) -> Side:
    """The side of a run that this product is."""
    return run.basis.billing.side if product == "atria" else run.basis.psa.side


@contextmanager
def started(folder: Path) -> Iterator[ReadBench]:
    """A bench for a whole file of tests."""
    with ReadBench(folder) as bench:
        yield bench
