"""Headers that are numbers or times: Retry-After and Date."""

import asyncio
from random import Random

import httpx

from reconcile_app.connectors.http import ApiClient, ReadPolicy
from reconcile_app.core.errors import ReconcileError
from reconcile_app.core.judge import LONGEST_WAIT, parse_retry_after
from reconcile_app.core.redact import Redactor
from tests.fuzz.damage import damaged_content
from tests.fuzz.oddities import NUMBERS
from tests.fuzz.replay import NOW, context
from tests.fuzz.target import ACCEPTED, REFUSED, Wrong

_TIMES = (
    b"Thu, 03 Dec 2026 12:00:07 GMT",
    b"Thursday, 03-Dec-26 12:00:07 GMT",
    b"Thu Dec  3 12:00:07 2026",
    b"Fri, 31 Dec 9999 23:59:59 -2300",
    b"Mon, 01 Jan 0001 00:00:00 +2300",
    b"03 Dec 2026 12:00 +0000",
    b"Thu, 03 Dec 2026 25:61:61 GMT",
    b"7",
    b"120",
    b"0",
    b"3600",
    b"Thu, 03 Dec 2026 12:00:07 EST",
    b"Thu, 03 Dec 2026 12:00:07 -0000",
    b"2026-12-03T12:00:07Z",
    b"Wed, 3 Dec 999999999999 12:00:07 GMT",
)
_LONGEST_PAUSE = LONGEST_WAIT + 1.0


class HeaderTarget:
    """One header of an answer that asks to wait."""

    weight = 12

    def __init__(self, header: str, loop: asyncio.AbstractEventLoop) -> None:
        self.name, self._header, self._loop = f"{header} header", header.encode(), loop

    def draw(self, dice: Random) -> bytes:
        value = dice.choice(NUMBERS).encode() if dice.random() < 0.3 else damaged_content(dice.choice(_TIMES), dice)
        return value[:200].replace(b"\r", b" ").replace(b"\n", b" ")

    def feed(self, sample: bytes) -> str:
        wait = parse_retry_after(sample.decode("latin-1"), NOW)
        if wait is not None and not 0 <= wait <= LONGEST_WAIT:
            raise Wrong(f"a wait of {wait}")
        waits = self._loop.run_until_complete(self._ask(sample))
        if any(not 0 <= pause <= _LONGEST_PAUSE for pause in waits):
            raise Wrong(f"a pause of {max(waits)}")
        return REFUSED if wait is None else ACCEPTED

    async def _ask(self, sample: bytes) -> list[float]:
        """Ask a server that says 429 twice; how long was waited."""
        given = context()

        def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(429, headers=[(self._header, sample)], content=b"{}")

        client = ApiClient(
            origin="https://psa.example.net",
            side="psa",
            title="The PSA",
            clock=given.clock,
            progress=given.progress,
            redactor=Redactor(),
            headers=dict,
            policy=ReadPolicy(attempts=2),
            transport=httpx.MockTransport(answer),
        )
        try:
            await client.read("GET", "/x", entity="x")
        except ReconcileError:
            return list(given.clock.waits)  # type: ignore[attr-defined]  # the virtual clock
        finally:
            await client.aclose()
        raise Wrong("a 429 taken for an answer")

    def saved(self, sample: bytes) -> bytes:
        return sample
