"""What all simulators have in common: faults, delays, late commits and the control calls under ``/__sim/``."""

import asyncio
import contextlib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any, ClassVar

import msgspec

from reconcile_app.core.ids import sha256_hex
from reconcile_app.sandbox.faults import Fault, FaultPlan
from reconcile_app.sandbox.gate import Deliver, Gate, Reply, Request, json_reply, whole
from reconcile_app.sandbox.ledger import Actor, Origin
from reconcile_app.sandbox.switches import Switches
from reconcile_app.sandbox.world import World

CONTROL = "/__sim/"
Order = Mapping[str, Any]
Control = Callable[[Order], object]


class Simulator(ABC):
    """One simulated product behind one gate."""

    name: ClassVar[str]

    def __init__(self, world: World, faults: FaultPlan) -> None:
        self.world = world
        self.faults = faults
        self.base_url = ""
        self.gate = Gate(self.name, self.respond, world.clock.now)

    @abstractmethod
    def handle(self, request: Request, origin: Origin) -> Reply:
        """Carry out one request; everything it changes is committed when this returns."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """The connection's fields with values that work here, the secrets under ``secrets``."""

    @property
    @abstractmethod
    def switches(self) -> Switches:
        """The product's variants."""

    def changes(self, request: Request) -> bool:
        """Whether the request would write."""
        return request.method not in {"GET", "HEAD", "OPTIONS"}

    @contextlib.contextmanager
    def admit(self, request: Request) -> Iterator[Reply | None]:
        """Keep count of a request while it runs; yields a refusal when there are too many."""
        yield None

    def delay(self, request: Request) -> float:
        """Seconds the product itself takes its time."""
        return 0.0

    def spoil(self, request: Request) -> Deliver | None:
        """A delivery that a switch, not a planned fault, asks for."""
        return None

    def controls(self) -> dict[str, Control]:
        """The product's own control calls by name."""
        return {}

    async def start(self, port: int) -> int:
        """Listen; returns the port."""
        number = await self.gate.listen(port)
        self.base_url = f"http://127.0.0.1:{number}"
        return number

    async def respond(self, request: Request) -> tuple[Reply, Deliver]:
        """Answer one request, with the fault that is planned for it."""
        self.world.run_due()
        if request.path.startswith(CONTROL):
            return await self._controlled(request), whole
        fault = self.faults.pick(self.name, request, changes=self.changes(request))
        if fault is None:
            return await self._answer(request, 0.0), self.spoil(request) or whole
        pause = fault.seconds if fault.kind == "latency" else 0.0
        if fault.commits or not self.changes(request):
            real = await self._answer(request, pause)
            return fault.reply(real), fault.deliver()
        if fault.when == "late":
            self._later(request, fault)
        await asyncio.sleep(self.faults.latency)
        return fault.reply(None), fault.deliver()

    async def _answer(self, request: Request, pause: float) -> Reply:
        with self.admit(request) as refusal:
            if refusal is not None:
                return refusal
            wait = pause + self.faults.latency + self.delay(request)
            if wait:
                await asyncio.sleep(wait)
            return self.handle(request, self._origin(request, "us"))

    def _later(self, request: Request, fault: Fault) -> None:
        self.world.later(timedelta(seconds=fault.seconds), lambda: self.handle(request, self._origin(request, "late")))
        if self.world.clock.ticking:
            # a little after the due time, so that the clock has certainly reached it
            asyncio.get_running_loop().call_later(fault.seconds + 0.01, self.world.run_due)

    def _origin(self, request: Request, actor: Actor) -> Origin:
        return Origin(
            actor=actor,
            connection=request.connection,
            path=request.path,
            body_sha256=sha256_hex(request.body) if request.body else "",
        )

    async def _controlled(self, request: Request) -> Reply:
        name = request.path[len(CONTROL) :].strip("/")
        control = {**self._common(), **self.controls()}.get(name)
        if control is None:
            return json_reply({"error": f"no control call {name!r}"}, 404)
        try:
            order = msgspec.json.decode(request.body, type=dict[str, Any]) if request.body else {}
            result = control(order)
            if inspect.isawaitable(result):
                result = await _awaited(result)
        except (ValueError, TypeError, LookupError, msgspec.MsgspecError) as error:
            return json_reply({"error": str(error)}, 400)
        return json_reply({"ok": True} if result is None else result)

    def _common(self) -> dict[str, Control]:
        return {
            "ledger": lambda order: self.world.ledger.records(),
            "faults": self._plan_fault,
            "clear-faults": lambda order: self.faults.clear(),
            "latency": self._set_latency,
            "advance": self._advance,
            "switch": self._switch,
            "reset": lambda order: self.world.rebuild(),
        }

    def _plan_fault(self, order: Order) -> list[dict[str, object]]:
        """Plan a fault (fields of ``Fault``); without any, list those that struck."""
        if order:
            self.faults.add(msgspec.convert({"product": self.name, **order}, Fault))
        return [{"path": path, **asdict(fault)} for fault, path in self.faults.struck]

    def _set_latency(self, order: Order) -> None:
        self.faults.latency = float(order["seconds"])

    def _advance(self, order: Order) -> dict[str, str]:
        self.world.advance(timedelta(**{name: float(order[name]) for name in ("days", "hours", "seconds") if name in order}))
        return {"now": self.world.clock.now().isoformat(), "today": self.world.clock.today().isoformat()}

    def _switch(self, order: Order) -> object:
        for name, value in order.items():
            self.switches.set(name, str(value))
        return self.switches.values()


async def _awaited(result: Awaitable[object]) -> object:
    return await result
