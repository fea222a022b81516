"""Planted bugs: a harness that catches nothing proves nothing. Each swaps one piece of the real program for a broken one."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import httpx

from reconcile_app.connectors import atria, autotask, http
from reconcile_app.core import undo
from reconcile_app.core.judge import OpState, OutcomeClass, Shape, Transport, classify
from reconcile_app.core.ports import Outcome, PreparedWrite
from reconcile_app.core.verdict import Decision, is_done
from reconcile_app.services import opbook, push, settle, transmit
from reconcile_app.services.pushes import Pushes
from reconcile_app.storage import journal_schema
from reconcile_app.storage.locks import TenantLock, TenantLocks
from reconcile_app.storage.paths import tenant_file_name
from tests.simulation import bench_documents, document_port
from tests.simulation.run import simulate
from tests.simulation.scenario import Scenario, draw
from tests.simulation.wire import Weather


@contextlib.contextmanager
def _swapped(owner: Any, name: str, broken: Any) -> Iterator[None]:
    """The real thing, for a while replaced by something else."""
    real = getattr(owner, name)
    setattr(owner, name, broken)
    try:
        yield
    finally:
        setattr(owner, name, real)


def _resend_on_time_out() -> AbstractContextManager[None]:
    real = transmit.Transmitter._send

    async def send(self: transmit.Transmitter, prepared: PreparedWrite) -> Outcome:
        outcome = await real(self, prepared)
        return await real(self, prepared) if outcome.outcome is OutcomeClass.UNKNOWN and outcome.status is None else outcome

    return _swapped(transmit.Transmitter, "_send", send)


@contextlib.contextmanager
def _send_before_arm() -> Iterator[None]:
    real_send, real_arm = transmit.Transmitter._send, transmit.Transmitter._arm
    answers: dict[int, Outcome] = {}

    async def arm(self: transmit.Transmitter, op_id: str, prepared: PreparedWrite, *given: Any) -> bool:
        answers[id(self)] = await real_send(self, prepared)
        return await real_arm(self, op_id, prepared, *given)

    async def send(self: transmit.Transmitter, prepared: PreparedWrite) -> Outcome:
        return answers.pop(id(self))

    with _swapped(transmit.Transmitter, "_arm", arm), _swapped(transmit.Transmitter, "_send", send):
        yield


def _normal_sync() -> AbstractContextManager[None]:
    weaker = tuple(("synchronous", "NORMAL", 1) if name == "synchronous" else (name, value, expected)
                   for name, value, expected in journal_schema.SETTINGS)
    return _swapped(journal_schema, "SETTINGS", weaker)


def _no_settle() -> AbstractContextManager[None]:
    real = settle.Settling.__init__

    def begin(self: settle.Settling, psa: Any, book: opbook.OpBook, clock: Any, settle_seconds: float) -> None:
        real(self, psa, book, clock, 0.0)

    return _swapped(settle.Settling, "__init__", begin)


def _quantity_only() -> AbstractContextManager[None]:
    real = settle.decide

    def decide(change: Any, before: Any, now: Any, settled: bool, **more: Any) -> Decision:
        if now is None or not (settled or is_done(change, now)):
            return real(change, before, now, settled, **more)
        if is_done(change, now):
            return Decision(state=OpState.CONFIRMED_BY_STATE, message="", attributed=True, quantity=now.quantity)
        state = OpState.NOT_APPLIED if now.quantity == before.quantity else OpState.NEEDS_REVIEW
        return Decision(state=state, message="", quantity=now.quantity)

    return _swapped(settle, "decide", decide)


def _skipped_compare() -> AbstractContextManager[None]:
    return _swapped(transmit, "_why_not", lambda op, baseline, state: None)


def _failed_500() -> AbstractContextManager[None]:
    def judge(status: int | None, shape: Shape, transport: Transport | None = None) -> OutcomeClass:
        failed = status is not None and status >= 500
        return OutcomeClass.REJECTED if failed else classify(status, shape, transport)

    return _swapped(autotask, "classify", judge)


def _followed_redirect() -> AbstractContextManager[None]:
    real = http.ApiClient._opened

    async def opened(self: http.ApiClient, *, writes: bool) -> httpx.AsyncClient:
        client = await real(self, writes=writes)
        client.follow_redirects = True
        return client

    return _swapped(http.ApiClient, "_opened", opened)


def _lock_per_profile() -> AbstractContextManager[None]:
    def lock(self: TenantLocks, tenant: str) -> TenantLock:
        path = self._locks_dir / f"{self._name}-{tenant_file_name(tenant)}.lock"
        return TenantLock(path, name=self._name, machine=self._machine, clock=self._clock)

    return _swapped(TenantLocks, "__call__", lock)


@contextlib.contextmanager
def _cancel_kills_the_request() -> Iterator[None]:
    async def run(self: push.Push, plan: Any, typed: str, listener: Any) -> Any:
        return await self._carry_out(plan, listener)

    async def send(self: transmit.Transmitter, prepared: PreparedWrite) -> Outcome:
        return await self._psa.write(prepared)

    with _swapped(push.Push, "run", run), _swapped(transmit.Transmitter, "_send", send):
        yield


def _undo_without_guard() -> AbstractContextManager[None]:
    return _swapped(undo, "_moved", lambda written, now: "")


def _incomplete_page() -> AbstractContextManager[None]:
    """What is there of a cut page is taken for the whole of it."""
    real = atria.read_invoice

    def read(content: bytes, *given: Any, **more: Any) -> Any:
        end = content.rfind(b"},{")
        cut = not content.rstrip().endswith(b"]") and end > 0
        return real(content[: end + 1] + b"]" if cut else content, *given, **more)

    return _swapped(atria, "read_invoice", read)


def _float_quantity() -> AbstractContextManager[None]:
    """Ten-thousandths become a float on their way into the body."""
    assert bench_documents.exact is document_port.exact  # the store itself keeps the real one
    return _swapped(document_port, "exact", lambda quantity: quantity * 0.0001)


def _lost_document_field() -> AbstractContextManager[None]:
    real = document_port.with_quantity

    def with_quantity(document: dict[str, Any], line_id: str, quantity: Any) -> dict[str, Any]:
        known = {"id", "name", "active", "owner", "lines", "stamp", "discount"}
        return {name: value for name, value in real(document, line_id, quantity).items() if name in known}

    return _swapped(document_port, "with_quantity", with_quantity)


@contextlib.contextmanager
def _excel_from_memory() -> Iterator[None]:
    """The log shows the op as the window saw it last, and not as the journal has it now."""
    seen: dict[str, Any] = {}
    real_report, real_reports = Pushes.report, Pushes.reports

    def report(self: Pushes, run: Any, plan: Any, view: Any, head: str) -> Any:
        made = real_report(self, run, plan, view, head)
        seen[made.push_id] = made
        return made

    async def reports(self: Pushes, run: Any) -> list[Any]:
        return [replace(seen.get(each.push_id, each)) for each in await real_reports(self, run)]

    with _swapped(Pushes, "report", report), _swapped(Pushes, "reports", reports):
        yield


@dataclass(frozen=True)
class Planted:
    """A planted bug: what swaps it in, and the first seed that caught it when last asked.

    ``kind`` and ``weather``: a bug of one PSA, or of the comparison, is looked for where it is used and where the wire provokes it.
    """

    plant: Callable[[], AbstractContextManager[None]]
    known: int
    kind: str = ""
    weather: Callable[[int], Weather] | None = None

    def scenario(self, seed: int) -> Scenario:
        """What a seed means here."""
        drawn = draw(seed, self.kind)
        if self.weather is None:
            return drawn
        return replace(drawn, kind="autotask", compared=True, clean=False, think=5.0, weather=self.weather(seed))


def _cut_pages(seed: int) -> Weather:
    return Weather(reads=0.1, names=frozenset({"truncated"}))


def _lost_while_pushing(seed: int) -> Weather:
    """Answers are lost, and then the network is, so that ops are settled long after the window has shown them."""
    return Weather(writes=0.8, outages=((6.0 + seed % 40 / 10, 1_500.0),))


BUGS: Mapping[str, Planted] = {
    "resend on time-out": Planted(_resend_on_time_out, 1),
    "send before arm": Planted(_send_before_arm, 1),
    "synchronous=NORMAL": Planted(_normal_sync, 1),
    "no settle": Planted(_no_settle, 1),
    "quantity-only decision": Planted(_quantity_only, 100),
    "skipped compare": Planted(_skipped_compare, 8),
    "500 = failed": Planted(_failed_500, 5),
    "follow redirect": Planted(_followed_redirect, 46),
    "lock per profile": Planted(_lock_per_profile, 11),
    "cancel kills the request": Planted(_cancel_kills_the_request, 39),
    "undo without guard": Planted(_undo_without_guard, 56),
    "incomplete page accepted": Planted(_incomplete_page, 3, weather=_cut_pages),
    "float quantity": Planted(_float_quantity, 9, kind="document"),
    "lost document field": Planted(_lost_document_field, 1, kind="document"),
    "Excel from memory": Planted(_excel_from_memory, 7, weather=_lost_while_pushing),
}
"""The fifteen. A number is a seed that is known to catch the bug, so that the suite need not look for it every time."""


def catch(bug: Planted, seeds: Iterator[int]) -> tuple[int, str]:
    """The first seed that catches a bug, and the violation; 0 when none does."""
    with bug.plant():
        for seed in seeds:
            for violation in simulate(bug.scenario(seed)).violations:
                # An error of the program is how a bug shows itself by accident; what counts is that an invariant breaks.
                if violation.invariant != "P":
                    return seed, str(violation)
    return 0, ""


def tell(most: int, say: Callable[[str], None]) -> int:
    """Look for every planted bug from seed 1 on; the exit status is 1 when one is not found."""
    missed = 0
    for name, bug in BUGS.items():
        began = time.perf_counter()
        seed, violation = catch(bug, iter(range(1, most + 1)))
        missed += not seed
        told = f"seed {seed:>4}, {violation}" if seed else f"NOT FOUND within {most} seeds"
        say(f"{name:26}{time.perf_counter() - began:6.1f} s  {told}")
        sys.stdout.flush()
    say(f"{len(BUGS) - missed} of {len(BUGS)} planted bugs found")
    return 1 if missed else 0
