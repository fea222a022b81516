"""The PSA in memory as Autotask does it: periods are approved and posted, and a line may take one adjustment a day only."""

import json
from dataclasses import replace
from datetime import date, timedelta

from reconcile_app.core.changes import Change
from reconcile_app.core.judge import OutcomeClass
from reconcile_app.core.ports import EvidenceItem, LineState, Outcome, PreparedWrite
from tests.fakes.clock import VirtualClock
from tests.fakes.comparing import World
from tests.fakes.reading_psa import ReadingPsa

_REFUSAL = "Attempt to insert duplicate data into contract_service_period."


class PostingPsa(ReadingPsa):
    """``posted_through``: periods that end by then are approved and posted. ``one_a_day``: a second adjustment of a line on one day
    is refused with a server error and its text, as Autotask does."""

    def __init__(self, clock: VirtualClock, world: World) -> None:
        super().__init__(clock, world)
        self.posted_through: date | None = None
        self.one_a_day = False
        self._adjusted: set[tuple[str, str]] = set()

    async def write(self, prepared: PreparedWrite) -> Outcome:
        body = json.loads(prepared.body)
        place = (body["line"], body.get("from", ""))
        if self.one_a_day and "change" in body and place in self._adjusted:
            await self._request("write")
            return Outcome(outcome=OutcomeClass.UNKNOWN, status=500, message=_REFUSAL)
        self._adjusted.add(place)
        return await super().write(prepared)

    def _state(self, change: Change) -> LineState:
        state = super()._state(change)
        line = self.lines_by_id.get(state.line_id)
        if line is None:
            return state
        day, eve = (each.isoformat() for each in (change.effective_date, change.effective_date - timedelta(days=1)))
        rows = tuple(self._marked(row, day) for row in line.rows if row.end >= eve)
        covering = next((row for row in rows if row.start <= day <= row.end and row.mark), None)
        return replace(state, evidence=rows, posted_until=date.fromisoformat(covering.end) if covering else None)

    def _marked(self, row: EvidenceItem, day: str) -> EvidenceItem:
        posted = self.posted_through is not None and row.end <= self.posted_through.isoformat() and row.end >= day
        return replace(row, mark="posted") if posted else row
