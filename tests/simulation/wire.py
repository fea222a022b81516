"""The wire between program and simulated products: requests travel in virtual time, and the seed decides what becomes of them.

What has been sent travels on even when the program that sent it is gone.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import format_datetime
from random import Random
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx

from reconcile_app.sandbox.gate import Reply, Request
from reconcile_app.sandbox.ledger import Origin
from tests.simulation.disk import Disk
from tests.simulation.faults import READ_FAULTS, WRITE_FAULTS, Fault, Struck
from tests.simulation.loop import VirtualLoop
from tests.simulation.process import Computer, Killed, Process
from tests.simulation.story import Transmission

TRAP = "/__trap"
S = 180.0


class Product(Protocol):
    """A simulated product, as far as the wire needs it."""

    def handle(self, request: Request, origin: Origin) -> Reply: ...

    def changes(self, request: Request) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class Weather:
    """How bad the wire is. Chances from 0 to 1; ``only``: faults strike requests of this customer alone; ``late_beyond``: the share
    of late commits that come after the settle window. ``outages``: (from, seconds), in virtual time since the start."""

    reads: float = 0.0
    writes: float = 0.0
    only: str = ""
    late_beyond: float = 0.0
    outages: tuple[tuple[float, float], ...] = ()
    names: frozenset[str] = frozenset()


@dataclass(kw_only=True)
class Call:
    """One request on its way."""

    number: int
    request: Request
    product: Product
    writes: bool
    customer: str
    process: Process
    phase: str
    sent: Transmission | None = None


@dataclass
class Net:
    """Everything between the computers. ``before`` is called with the process that is about to send and the number of its request,
    ``arrived`` when a request has reached the server and has not been carried out yet, ``served`` when it has been."""

    seed: int
    loop: VirtualLoop
    computer: Computer
    weather: Weather
    customer_of: Callable[[Request], str]
    refusal: Callable[[str], bytes]
    products: Mapping[int, Product] = field(default_factory=dict)
    before: Callable[[Process, int], None] = lambda process, number: None
    arrived: Callable[[Call], None] = lambda call: None
    sending: Callable[[Request], None] = lambda request: None
    served: Callable[[Call], None] = lambda call: None
    say: Callable[[str], None] = lambda text: None
    calm: bool = False
    requests: int = 0
    sent: list[Transmission] = field(default_factory=list)
    hits: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _nth: Counter[tuple[str, bool]] = field(default_factory=Counter)
    _trapped: dict[str, Call] = field(default_factory=dict)

    def call(self, request: httpx.Request, process: Process, disk: Disk, phase: str) -> Call:
        """Take a request from a program."""
        self.requests += 1
        self.before(process, self.requests)
        product = self.products[request.url.port or 80]
        made = _request(request, f"c{self.requests}")
        trapped = self._trapped.get(made.path)
        writes = product.changes(made) if trapped is None else trapped.writes
        call = Call(
            number=self.requests, request=made if trapped is None else _again(trapped.request, made.connection), product=product,
            writes=writes, customer=self.customer_of(made), process=process, phase=phase,
        )
        if writes:
            self.sending(call.request)
            call.sent = Transmission(
                connection=made.connection, profile=disk.profile, phase=phase, start=self.loop.time(), method=made.method,
                path=made.path, body=made.body, body_sha256=hashlib.sha256(made.body).hexdigest(), synced=disk.synced,
            )
            self.sent.append(call.sent)
        return call

    def choose(self, call: Call) -> tuple[Fault | None, Random]:
        """What happens to it. The dice belong to the customer and the nth request: one customer's faults move no other's."""
        self._nth[call.customer, call.writes] += 1
        dice = Random(f"{self.seed}/{call.customer}/{call.writes}/{self._nth[call.customer, call.writes]}")
        weather, chance = self.weather, self.weather.writes if call.writes else self.weather.reads
        # One customer can only be struck alone where requests are about one customer: while pushing, not while reviewing.
        spared = weather.only and (weather.only != call.customer or call.phase != "push")
        if self.calm or spared or dice.random() >= chance:
            return None, dice
        rows = [
            fault for fault in (WRITE_FAULTS if call.writes else READ_FAULTS)
            if (not weather.names or fault.name in weather.names) and not (weather.only and fault.whole_run)
        ]
        return (dice.choice(rows) if rows else None), dice

    def is_down(self) -> bool:
        """Whether the network is away."""
        since = self.loop.time() - 1_000.0
        return not self.calm and any(start <= since < start + seconds for start, seconds in self.weather.outages)

    async def exchange(self, call: Call) -> httpx.Response:
        """Carry a request there and an answer back."""
        dice = Random(f"{self.seed}/pace/{call.number}")
        if self.is_down():
            self.hits["network_lost", "never", _rw(call)] += 1
            await asyncio.sleep(0.05)
            raise httpx.ConnectError("network is unreachable")
        fault, own = self.choose(call)
        if fault is not None:
            self.hits[fault.name, fault.when, _rw(call)] += 1
            self.say(f"fault {fault.name}, {fault.when}")
        if fault is not None and fault.when == "never":
            await asyncio.sleep(fault.wait or 0.02)
            raise _error(fault.give(self._struck(call, None, own)))
        answer: asyncio.Future[httpx.Response | Exception] = self.loop.create_future()
        self.loop.call_later(dice.uniform(0.01, 0.15), self._arrive, call, fault, own, answer)
        given = await answer
        if isinstance(given, Exception):
            raise given
        return given

    def _arrive(self, call: Call, fault: Fault | None, dice: Random, answer: "asyncio.Future[httpx.Response | Exception]") -> None:
        """At the server: here is where it commits, or does not, whoever may still be listening."""
        self.arrived(call)
        if call.sent is not None:
            call.sent.arrived = self.loop.time() + self.computer.slept
        true = None
        if fault is None or fault.when == "after" or not call.writes:
            true = self._handle(call, "us")
        elif fault.when == "late":
            beyond = dice.random() < self.weather.late_beyond
            delay = dice.uniform(S + 1, 3 * S) if beyond else dice.uniform(0.5, S - 0.5)
            self.loop.call_later(delay, self._handle, call, "late")
        if fault is None:
            assert true is not None
            self._give(answer, true, 0.0)
        else:
            self._give(answer, fault.give(self._struck(call, true, dice)), fault.wait)

    def _give(self, answer: "asyncio.Future[httpx.Response | Exception]", given: httpx.Response | Exception, wait: float) -> None:
        def give() -> None:
            if not answer.done():
                answer.set_result(given)

        self.loop.call_later(wait + 0.02, give)

    def _handle(self, call: Call, actor: str) -> httpx.Response:
        if call.sent is not None:
            call.sent.carried_out.append(self.loop.time() + self.computer.slept)
        body = call.request.body
        origin = Origin(
            actor=actor,  # type: ignore[arg-type]  # the actor is one of the ledger's words
            connection=call.request.connection, path=call.request.path,
            body_sha256=hashlib.sha256(body).hexdigest() if body else "",
        )
        reply = call.product.handle(call.request, origin)
        self.served(call)
        headers = {"Date": self._date(), **({"Content-Type": reply.content_type} if reply.body else {}), **reply.headers}
        return httpx.Response(reply.status, headers=headers, content=reply.body)

    def _struck(self, call: Call, true: httpx.Response | None, dice: Random) -> Struck:
        trap = f"{TRAP}/{call.number}"
        self._trapped[trap] = call
        return Struck(body=call.request.body, true=true, dice=dice, trap=trap, refusal=self.refusal, date=self._date())

    def _date(self) -> str:
        return format_datetime(self.computer.world_time, usegmt=True)


class Wire(httpx.AsyncBaseTransport):
    """The network as one life of the program has it. ``phase`` says what the program is about, for the checker."""

    def __init__(self, net: Net, process: Process, disk: Disk, phase: Callable[[], str]) -> None:
        self._net, self._process, self._disk, self._phase = net, process, disk, phase

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._process.dead:
            raise Killed
        call = self._net.call(request, self._process, self._disk, self._phase())
        self._net.say(f"{self._disk.profile} {call.request.method} {call.request.target} {call.request.body.decode()[:200]}")
        try:
            response = await self._net.exchange(call)
        except Exception as error:
            self._net.say(f"{self._disk.profile}   {type(error).__name__}: {error}")
            raise
        finally:
            if call.sent is not None:
                call.sent.end = self._net.loop.time()
        self._net.say(f"{self._disk.profile}   {response.status_code}")
        return response


def _rw(call: Call) -> str:
    return "W" if call.writes else "R"


def _error(given: httpx.Response | Exception) -> Exception:
    assert isinstance(given, Exception)
    return given


def _request(request: httpx.Request, connection: str) -> Request:
    target = request.url.raw_path.decode("ascii")
    parts = urlsplit(target)
    return Request(
        method=request.method, target=target, path=unquote(parts.path), query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        headers={key.lower(): value for key, value in request.headers.items()}, body=request.content, connection=connection,
        port=request.url.port or 80,
    )


def _again(request: Request, connection: str) -> Request:
    """The request that was redirected, as whoever follows repeats it."""
    return Request(
        method=request.method, target=request.target, path=request.path, query=request.query, headers=request.headers,
        body=request.body, connection=connection, port=request.port,
    )
