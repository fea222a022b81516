"""What a simulation needs of a PSA: a small world, other users, and the truth about every line. One entry for each PSA."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from random import Random
from typing import Any, Protocol

import httpx

from reconcile_app.core.changes import Change
from reconcile_app.core.ports import BuildContext, ConnectorSpec
from reconcile_app.sandbox.gate import Request
from reconcile_app.sandbox.ledger import Ledger
from reconcile_app.sandbox.world import World
from tests.simulation.story import Truth
from tests.simulation.wire import Product

EFFECTIVE = date(2026, 11, 26)
Act = tuple[str, Callable[[], object]]


class Bench(Protocol):
    """One simulated PSA with a world in it."""

    kind: str
    semantics: str
    world: World
    products: Mapping[int, Product]
    values: dict[str, str]
    secrets: dict[str, str]
    documents: list[tuple[str, dict[str, Any], dict[str, Any], str]]
    """Whole documents that were committed: connection, as its sender had read it, as committed, the line that changed."""
    modes: frozenset[str]
    """How the connection is set where that is not as usual, and what the PSA makes of it."""

    @property
    def ledger(self) -> Ledger:
        """What was really committed."""
        ...

    def spec(self, transport: Callable[[BuildContext], httpx.AsyncBaseTransport]) -> ConnectorSpec:
        """The real connector, its network replaced."""
        ...

    def truth(self) -> dict[str, Truth]:
        """Every line as it is now, by line id."""
        ...

    def customer_of(self, request: Request) -> str:
        """The customer a request is about, or empty."""
        ...

    def sending(self, request: Request) -> None:
        """A write leaves the program."""
        ...

    def refusal(self, text: str) -> bytes:
        """The product's own error answer."""
        ...

    def wishes(self, dice: Random) -> list[Change]:
        """Changes that a comparison could ask for now, in any number."""
        ...

    def others(self, dice: Random, wanted: Sequence[Change]) -> list[Act]:
        """What other users do, in this order: mostly to the lines that we are after."""
        ...


def bench_of(kind: str, dice: Random) -> Bench:
    """The bench of a PSA, filled by the seed's dice."""
    if kind == "autotask":
        from tests.simulation.bench_autotask import AutotaskBench

        return AutotaskBench(dice)
    if kind == "connectwise":
        from tests.simulation.bench_connectwise import ConnectWiseBench

        return ConnectWiseBench(dice)
    if kind in ("document", "set", "compared_set"):
        from tests.simulation.bench_documents import DocumentBench

        return DocumentBench(dice, kind)
    raise ValueError(f"no bench for {kind}; there are: {', '.join(KINDS)}")


KINDS = ("autotask", "connectwise", "document", "set", "compared_set")
"""Every PSA that can be simulated. ``document``, ``set`` and ``compared_set`` are a small store of agreements in the tests: it
takes whole documents, or one quantity, or one quantity that must still be what the caller says."""
