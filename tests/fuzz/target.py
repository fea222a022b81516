"""A target of the fuzzing: draws a sample, feeds it to the program, judges what came of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol
from urllib.parse import urlsplit

import pandas as pd

from reconcile_app.core.amounts import MAX_QUANTITY
from reconcile_app.core.errors import ReconcileError
from tests.fuzz.damage import Wire, damaged
from tests.fuzz.plain import NotPlain, plainly
from tests.fuzz.replay import Recorded, Replay, Tape

REFUSED, ACCEPTED = "refused", "accepted"


class Wrong(AssertionError):
    """The program made something of a sample that the sample does not say."""


class Target(Protocol):
    """``name`` as in ``--target``; ``weight``: how often it is drawn beside the others."""

    name: str
    weight: int

    def draw(self, dice: Random) -> Any:
        """A sample; the same dice give the same one."""

    def feed(self, sample: Any) -> str:
        """``refused`` or ``accepted``.

        Raises:
            Wrong: accepted and not what the sample says.
            Exception: anything else that the program let out.
        """

    def saved(self, sample: Any) -> bytes:
        """The sample for people."""


@dataclass(frozen=True, slots=True)
class Sample:
    """An answer to the question number ``place``, damaged."""

    place: int
    wire: Wire


class Told:
    """What the answers of one exchange plainly say, the damaged one among them."""

    def __init__(self, asked: Sequence[Recorded], sample: Sample) -> None:
        self._asked = asked
        self._sample = sample

    @property
    def wire(self) -> Wire:
        """The damaged answer."""
        return self._sample.wire

    @property
    def method(self) -> str:
        """How the damaged answer was asked for."""
        return self._asked[self._sample.place].method

    @property
    def path(self) -> str:
        """What the damaged answer was to."""
        return self._asked[self._sample.place].path

    def pages(self, *parts: str) -> list[Any]:
        """The values of the answers whose path ends with one of these, in order.

        Raises:
            NotPlain: the damaged one is among them and says nothing.
        """
        found = []
        for place, recorded in enumerate(self._asked):
            if recorded.path.casefold().endswith(parts):
                wire = self._sample.wire if place == self._sample.place else recorded.wire
                found.append(value_of(wire))
        return found


def value_of(wire: Wire) -> Any:
    """The value of an answer.

    Raises:
        NotPlain: no whole success in JSON.
    """
    kind = wire.header(b"content-type").partition(";")[0].strip()
    if not 200 <= wire.status < 300 or wire.ends_early or not (kind in ("application/json", "text/json") or kind.endswith("+json")):
        raise NotPlain("no answer of the API")
    return plainly(wire.content, wire.header(b"content-encoding"))


Call = Callable[[Replay], Awaitable[Any]]
Judge = Callable[[Any, Any, Told], None]


class HttpTarget:
    """One method of a connector: one of the answers that it asks for is damaged.

    Args:
        name: the target's name.
        tape: what was recorded.
        call: drives the connector over a transport.
        judge: raises ``Wrong``; is given the result, the true result and what the answers say.
        origin: where requests may go.
        never_raises: the method gives a value whatever the wire does.
    """

    def __init__(
        self,
        name: str,
        tape: Tape,
        call: Call,
        judge: Judge,
        *,
        origin: str,
        weight: int = 10,
        never_raises: bool = False,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.name, self.weight = name, weight
        self._tape, self._call, self._judge, self._origin, self._loop = tape, call, judge, origin, loop
        self._never_raises = never_raises
        replay = Replay(tape, origin=origin)
        self._truth = loop.run_until_complete(call(replay))
        self._asked = replay.asked
        assert self._asked, name
        assert not replay.elsewhere, name

    @property
    def truth(self) -> Any:
        """What undamaged answers give."""
        return self._truth

    @property
    def asked(self) -> list[Recorded]:
        """The exchanges, in order."""
        return list(self._asked)

    def draw(self, dice: Random) -> Sample:
        place = dice.randrange(len(self._asked))
        return Sample(place, damaged(self._asked[place].wire, dice))

    def feed(self, sample: Sample) -> str:
        replay = Replay(self._tape, sample.place, sample.wire, origin=self._origin)
        try:
            result = self._loop.run_until_complete(self._call(replay))
        except ReconcileError as error:
            if self._never_raises:
                raise Wrong(f"raised {error!r}") from error
            if not error.title or len(str(error)) > 10_000:
                raise Wrong("an error nobody can read") from error
            return REFUSED
        finally:
            strayed = [url for url in replay.elsewhere if not self._may_lead_to(url, sample)]
            if strayed:
                raise Wrong(f"a request went to {strayed[0]}")
        self._judge(result, self._truth, Told(self._asked, sample))
        return ACCEPTED

    def _may_lead_to(self, url: str, sample: Sample) -> bool:
        """The look-up of a zone may name another server of the vendor, and no other."""
        split = urlsplit(url)
        named = self._asked[sample.place].path.casefold().endswith("/zoneinformation")
        vendor = split.scheme == "https" and split.port in (None, 443) and (split.hostname or "").endswith(".autotask.net")
        return named and vendor and "@" not in split.netloc

    def saved(self, sample: Sample) -> bytes:
        wire = sample.wire
        asked = self._asked[sample.place]
        head = [f"{asked.method} {asked.target}".encode(), str(wire.status).encode(), *(b": ".join(pair) for pair in wire.headers)]
        return b"\r\n".join([*head, b"", wire.content])


def check_amounts(frame: pd.DataFrame, *columns: str, least: int = 0) -> None:
    """No quantity is a float, below ``least`` or beyond what a contract can carry."""
    for column in columns:
        if str(frame[column].dtype) != "Int64":
            raise Wrong(f"{column} is {frame[column].dtype}")
        for amount in frame[column].dropna().tolist():
            if not least <= amount <= MAX_QUANTITY:
                raise Wrong(f"{column} is {amount}")


def facts_in(frame: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """The rows as plain values, absent ones as None."""
    lists = [[None if pd.isna(value) else value for value in frame[column].tolist()] for column in columns]
    return list(zip(*lists, strict=True))
