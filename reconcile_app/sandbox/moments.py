"""What other people do at an exact moment: right before or right after a request of the program is carried out.

A push reads, compares, writes and reads back within milliseconds. Whoever wants to see what happens when somebody else acts between
two of these steps cannot do so from outside in time; here the act is planned ahead and struck by the request itself.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from reconcile_app.sandbox.gate import Request


@dataclass(slots=True, kw_only=True)
class Moment:
    """One planned act: the control call ``do`` with ``order``.

    ``path`` is a regular expression searched in the request's path, any case; ``method`` empty means every method. It happens at
    the ``nth`` matching request that is carried out, ``times`` times in a row (None: at all that follow).
    """

    do: str
    order: dict[str, Any] = field(default_factory=dict)
    when: Literal["before", "after"] = "before"
    path: str = ""
    method: str = ""
    nth: int = 1
    times: int | None = 1

    def fits(self, request: Request) -> bool:
        """Whether the request is one of those that count."""
        named = self.method.upper() in {"", request.method}
        return named and (not self.path or re.search(self.path, request.path, re.IGNORECASE) is not None)

    def strikes(self, count: int) -> bool:
        """Whether it is the turn of the request with this number."""
        return count >= self.nth and (self.times is None or count < self.nth + self.times)


class Moments:
    """The planned acts of one simulator."""

    def __init__(self) -> None:
        self._planned: list[tuple[Moment, list[int]]] = []

    def plan(self, order: Mapping[str, Any]) -> None:
        """Plan an act (fields of ``Moment``); it counts requests from now on. Without any fields: forget all of them.

        Raises:
            msgspec.ValidationError: a field is wrong.
        """
        if not order:
            self._planned.clear()
            return
        self._planned.append((msgspec.convert(dict(order), Moment), [0]))

    def due(self, request: Request) -> Sequence[Moment]:
        """The acts that this request strikes; every planned one counts it."""
        struck = []
        for moment, seen in self._planned:
            if moment.fits(request):
                seen[0] += 1
                if moment.strikes(seen[0]):
                    struck.append(moment)
        return struck

    @staticmethod
    def act(struck: Sequence[Moment], when: str, controls: Mapping[str, Callable[[Mapping[str, Any]], object]]) -> None:
        """Do what is due ``before`` or ``after`` the request.

        Raises:
            LookupError: no such control call.
        """
        for moment in struck:
            if moment.when == when:
                controls[moment.do](moment.order)
