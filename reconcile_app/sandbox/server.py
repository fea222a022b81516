"""Starts a sandbox: every product on its own loopback port, in a thread of its own."""

import asyncio
import signal
import ssl
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO, TypeVar

import msgspec

from reconcile_app.sandbox.atria import AtriaSimulator
from reconcile_app.sandbox.autotask import AutotaskSimulator
from reconcile_app.sandbox.connectwise import ConnectWiseSimulator
from reconcile_app.sandbox.doors import Door
from reconcile_app.sandbox.faults import Fault, FaultPlan
from reconcile_app.sandbox.ledger import Ledger
from reconcile_app.sandbox.scenarios import Fill, scenario
from reconcile_app.sandbox.simulator import Simulator
from reconcile_app.sandbox.trap import Trap
from reconcile_app.sandbox.world import World

PSAS: Mapping[str, type[Simulator]] = {"autotask": AutotaskSimulator, "connectwise": ConnectWiseSimulator}
"""The simulated PSAs by the kind of their connection. Atria is always there."""

_T = TypeVar("_T")


class Sandbox:
    """A running sandbox; a context manager.

    Args:
        scenario: a name from ``scenarios``, or a function that fills a world.
        seed: decides what the scenario leaves to chance, and faults by chance.
        today: the date the world starts on (noon UTC); the computer's date and time when left out.
        now: the exact instant instead of ``today``.
        psas: which PSAs to start.
        port: the first port; the products take it and the ones after it. 0: any free ports.
        ledger_file: where the ledger is written as JSON lines.
        faults: what goes wrong.
        latency: seconds added to every answer.
        ticking: whether the world's time passes by itself.
        virtual: whether every pause of the sandbox moves the world's time instead of taking any.
        tls: makes every product speak TLS.

    Raises:
        ValueError: no such scenario or PSA.
        OSError: a port is taken.
    """

    def __init__(
        self,
        scenario: str | Fill = "demo",
        seed: int = 1,
        today: date | None = None,
        psas: Sequence[str] = ("autotask",),
        *,
        now: datetime | None = None,
        port: int = 0,
        ledger_file: Path | None = None,
        faults: Sequence[Fault] = (),
        latency: float = 0.0,
        ticking: bool = True,
        virtual: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        unknown = [name for name in psas if name not in PSAS]
        if unknown:
            raise ValueError(f"no simulated PSA {unknown[0]!r}; there are: {', '.join(PSAS)}")
        self.faults = FaultPlan(faults, seed=seed, latency=latency, virtual=virtual)
        self.world = World(_fill(scenario), seed=seed, today=today, now=now, ticking=ticking, ledger_file=ledger_file)
        self.simulators: dict[str, Simulator] = {"atria": AtriaSimulator(self.world, self.faults)}
        self.simulators.update((name, PSAS[name](self.world, self.faults)) for name in psas)
        if tls is not None:
            for simulator in self.simulators.values():
                simulator.secure(tls)
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop = asyncio.Event()
        self._failure: BaseException | None = None

    @property
    def settings(self) -> dict[str, dict[str, Any]]:
        """The fields of every connection with values that work here, secrets under ``secrets``."""
        return {name: simulator.settings() for name, simulator in self.simulators.items()}

    @property
    def ledger(self) -> Ledger:
        """What was really committed."""
        return self.world.ledger

    def start(self) -> "Sandbox":
        """Start listening; returns when every product answers."""
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="sandbox", daemon=True)
        self._thread.start()
        ready.wait()
        if self._failure is not None:
            self.stop()
            raise self._failure
        return self

    def stop(self) -> None:
        """End every connection and the thread. Calling it again does nothing."""
        if self._loop is not None:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.ledger.close()

    def call(self, action: Callable[[], _T]) -> _T:
        """Do something to the world between two requests, in the sandbox's own thread."""

        async def act() -> _T:
            return action()

        return self._wait(act())

    def switch(self, product: str, **values: str) -> None:
        """Set switches of a product while it runs."""
        control = self.simulators[product].controls().get("switch")

        async def act() -> None:
            if control is None:
                for name, value in values.items():
                    self.simulators[product].switches.set(name, value)
                return
            result = control(values)
            if asyncio.iscoroutine(result):
                await result

        self._wait(act())

    def plan(self, fault_id: str, name: str = "", *, product: str, **changes: object) -> Fault:
        """Plan a fault of the catalogue for a product, with these fields of ``Fault`` changed.

        Raises:
            ValueError: there is no such fault.
        """
        return self._wait(self.simulators[product].ready(fault_id, name, **changes))

    def outage(self, door: Door, seconds: float = 0.0, product: str = "") -> None:
        """Let the network (to one product) be gone; ``door="open"`` brings it back."""
        self.call(lambda: next(iter(self.simulators.values())).outage(door, seconds, product))

    def trap(self) -> Trap:
        """The listener that nobody may ever connect to."""
        return self._wait(self.faults.network.open_trap())

    def _wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        if self._loop is None:
            work.close()
            raise RuntimeError("the sandbox is not running")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _run(self, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(ready))
        except (OSError, RuntimeError) as failure:
            self._failure = failure
        finally:
            self._loop = None
            ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            for index, simulator in enumerate(self.simulators.values()):
                await simulator.start(self._port + index if self._port else 0)
            ready.set()
            await self._stop.wait()
        finally:
            await self.faults.network.close()

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def _fill(chosen: str | Fill) -> Fill:
    return scenario(chosen) if isinstance(chosen, str) else chosen


def serve(
    psas: Sequence[str] | None = None,
    *,
    scenario: str = "demo",
    seed: int = 1,
    port: int = 0,
    ledger_file: Path | None = None,
    out: TextIO | None = None,
    stop: threading.Event | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT (or until ``stop`` is set), after one line of JSON with every connection's fields.

    Without ``psas`` every simulated PSA is served.

    Raises:
        ValueError: no such scenario or PSA.
        OSError: a port is taken.
    """
    ended = stop or threading.Event()
    before = _on_signals(ended)
    try:
        with Sandbox(scenario, seed, psas=tuple(PSAS) if psas is None else psas, port=port, ledger_file=ledger_file) as box:
            stream = out or sys.stdout
            stream.write(msgspec.json.encode(box.settings).decode() + "\n")
            stream.flush()
            # short waits: on Windows a wait without end would not notice Ctrl+C
            while not ended.wait(0.25):
                pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _on_signals(ended: threading.Event) -> dict[signal.Signals, Any]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    return {number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGTERM, signal.SIGINT)}
