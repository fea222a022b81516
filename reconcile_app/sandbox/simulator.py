"""What all simulators have in common: faults, delays, late commits and the control calls under ``/__sim/``."""

import asyncio
import contextlib
import inspect
import ssl
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

import msgspec

from reconcile_app.core.ids import sha256_hex
from reconcile_app.sandbox.catalogue import WIRE, Variant, chosen
from reconcile_app.sandbox.doors import Door
from reconcile_app.sandbox.faults import OUTAGES, Fault, FaultPlan
from reconcile_app.sandbox.gate import Deliver, Delivery, Gate, Reply, Request, json_reply, whole
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
        self.scheme = "http"
        self.gate = Gate(self.name, self.respond, world.clock.now, pause=self.pause, refuses=self._refuses)
        faults.network.join(self.name, self.gate)

    def secure(self, tls: ssl.SSLContext) -> None:
        """Speak TLS; before ``start``."""
        self.scheme = "https"
        self.gate.secure(tls)

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
        self.base_url = f"{self.scheme}://127.0.0.1:{number}"
        return number

    def catalogue(self) -> Sequence[Variant]:
        """The ready faults of this product: those of the wire, and what a product adds of its own."""
        return WIRE

    async def pause(self, seconds: float) -> None:
        """Let time pass: this computer's, or the world's where the sandbox is virtual."""
        if not self.faults.virtual:
            await asyncio.sleep(seconds)
            return
        self.world.advance(timedelta(seconds=seconds))
        await asyncio.sleep(0)

    def outage(self, door: Door, seconds: float = 0.0, product: str = "") -> None:
        """Let the network (to one product) be gone at once, and back after so many seconds of the world's time (0: never)."""
        end = self.faults.network.use(door, product)
        if seconds:
            self._at(seconds, end)

    async def respond(self, request: Request) -> tuple[Reply, Deliver]:
        """Answer one request, with the fault that is planned for it."""
        self.world.run_due()
        if request.path.startswith(CONTROL):
            return await self._controlled(request), whole
        fault = self.faults.pick(self.name, request, changes=self.changes(request))
        if fault is None:
            return await self._answer(request, 0.0), self.spoil(request) or whole
        return await self._spoiled(request, fault)

    async def _spoiled(self, request: Request, fault: Fault) -> tuple[Reply, Deliver]:
        pause = fault.seconds if fault.kind == "latency" else 0.0
        real: Reply | None = None
        if fault.commits or not self.changes(request):
            real = await self._answer(request, pause)
        else:
            if fault.when == "late":
                self._at(fault.delay, lambda: self.handle(request, self._origin(request, "late")))
            await self.pause(self.faults.latency)
        reply = fault.reply(real)
        if fault.retry_in is not None:
            then = format_datetime(self.world.clock.now() + timedelta(seconds=fault.retry_in), usegmt=True)
            reply = replace(reply, headers={**reply.headers, "Retry-After": then})
        return reply, self._with_outage(fault)

    def _with_outage(self, fault: Fault) -> Deliver:
        deliver = fault.deliver()
        if fault.kind not in OUTAGES:
            return deliver

        def begin() -> None:
            self.outage(OUTAGES[fault.kind][0], fault.seconds, fault.product)

        def both(raw: bytes) -> Delivery:
            return replace(deliver(raw), then=begin)

        return both

    def _refuses(self, request: Request) -> bool:
        changes = self.changes(request)
        return self.faults.pick(self.name, request, changes=changes, unread=True) is not None

    async def _answer(self, request: Request, pause: float) -> Reply:
        with self.admit(request) as refusal:
            if refusal is not None:
                return refusal
            wait = pause + self.faults.latency + self.delay(request)
            if wait:
                await self.pause(wait)
            return self.handle(request, self._origin(request, "us"))

    def _at(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something when so many seconds of the world's time have passed."""
        self.world.later(timedelta(seconds=seconds), action)
        if self.world.clock.ticking:
            # a little after the due time, so that the clock has certainly reached it
            asyncio.get_running_loop().call_later(seconds + 0.01, self.world.run_due)

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
            "catalogue": self._from_catalogue,
            "latency": self._set_latency,
            "advance": self._advance,
            "switch": self._switch,
            "reset": self._reset,
        }

    def _plan_fault(self, order: Order) -> list[dict[str, object]]:
        """Plan a fault (fields of ``Fault``); without any, list those that struck."""
        if order:
            self.faults.add(msgspec.convert({"product": self.name, **order}, Fault))
        return [{"path": path, **asdict(fault)} for fault, path in self.faults.struck]

    async def _from_catalogue(self, order: Order) -> object:
        """Plan a ready fault: ``id`` and ``name``, and any field of ``Fault``; without any, list what there is."""
        if not order:
            return [{"id": each.id, "name": each.name, "reads": each.reads, "writes": each.writes} for each in self.catalogue()]
        changes = {name: value for name, value in order.items() if name not in {"id", "name"}}
        fault = await self.ready(str(order["id"]), str(order.get("name", "")), **changes)
        return asdict(fault)

    async def ready(self, fault_id: str, name: str = "", **changes: object) -> Fault:
        """Plan a fault of the catalogue, with these fields of ``Fault`` changed.

        Raises:
            ValueError: there is no such fault.
        """
        variant = chosen(self.catalogue(), fault_id, name)
        places = {"here": self.base_url, "trap": (await self.faults.network.open_trap()).urls[0]} if variant.leads_away else {}
        fault = msgspec.convert({"product": self.name, **variant.fields(places), **changes}, Fault)
        self.faults.add(fault)
        return fault

    def _reset(self, order: Order) -> None:
        self.faults.network.use("open")
        self.world.rebuild()

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
