"""What of a finished push can be undone: the journal is asked what was written, the PSA what the lines look like now.

Nothing here sends anything. The plan that comes out goes the way of every plan, through ``services.push``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from reconcile_app.core.errors import NotFound, PlanRefused, WrongUse
from reconcile_app.core.evidence import state_from_json
from reconcile_app.core.ids import new_run_id
from reconcile_app.core.journal import JournalPort, OpRecord, RunRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.plan import Heading, Plan, PlannedChange, freeze, semantics_of
from reconcile_app.core.plan_kinds import PUSH, UNDO, Way
from reconcile_app.core.ports import Capabilities, Clock, LineState, PsaPort, WriteSemantics
from reconcile_app.core.settings import Limits
from reconcile_app.core.undo import (
    OtherDay,
    UndoLine,
    UndoReview,
    Written,
    cannot_tell,
    first_look,
    is_cost,
    later_look,
    nothing_open,
    opposite,
)
from reconcile_app.core.undo_journal import JournalRun, refused_days, undoable, undos_of

_DAYS_TRIED = 12
"""How many days are looked at for one that is open, where those before are posted or refused."""

_CONFIRMED = (OpState.VERIFIED, OpState.CONFIRMED_BY_STATE)
_REFUSING = frozenset({400, 422, 500})
"""HTTP statuses with which an API says no to a change; the others speak of sign-in, limits or gateways."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the journal says of the push that is to be undone. ``judged`` are lines that nothing can be done about; ``others`` are
    older pushes of the same comparison that could be undone too."""

    push: RunRecord
    written: Sequence[Written]
    judged: Sequence[UndoLine]
    watched: Mapping[str, str]
    others: Sequence[str] = ()


async def journal_runs(journal: JournalPort) -> list[JournalRun]:
    """Every run of a tenant with its ops, oldest first."""
    return [JournalRun(record=record, ops=tuple(await journal.ops(record.run_id))) for record in await journal.runs()]


async def ask_journal(journal: JournalPort, asked: str, customers: Collection[str], watched: Mapping[str, str]) -> Told:
    """Choose the push and tell what the journal knows about undoing it.

    Args:
        journal: the tenant's journal, open.
        asked: a comparison (then its newest push that has something to undo) or a push.
        customers: only lines of these customers, by code; empty: all.
        watched: line keys with an attempt in the last day → what became of it.

    Raises:
        NotFound, WrongUse: there is no such push, or it is an undo itself.
    """
    runs = await journal_runs(journal)
    pushes = [_only(run, customers) for run in _pushes(runs, asked)]
    open_to = [push for push in pushes if undoable(runs, push)[0]]
    push = (open_to or [each for each in pushes if any(undoable(runs, each))] or pushes)[0]
    may, judged = undoable(runs, push)
    undos = undos_of(runs, push.record.run_id)
    refusals = [op.op_id for run in undos for op in run.ops if await _refused(journal, op)]
    written: list[Written] = []
    for op in may:
        one = await _written(journal, op, undos, refusals)
        if one is None:
            judged.append(cannot_tell(op))
        else:
            written.append(one)
    others = [each.record.run_id for each in open_to if each is not push]
    return Told(push=push.record, written=written, judged=judged, watched=watched, others=others)


def _pushes(runs: Sequence[JournalRun], asked: str) -> list[JournalRun]:
    """The pushes that are meant, newest first."""
    named = [run for run in runs if run.record.run_id == asked]
    if named and named[0].record.kind == UNDO:
        raise WrongUse(
            "This is an undo itself.", f"{asked} took back {named[0].record.undoes_run}.", meaning="Nothing was sent.",
            next_step="To write the changes again, compare and push again.",
        )
    found = named or [run for run in reversed(runs) if run.record.source_run == asked and run.record.kind == PUSH]
    if not found:
        raise NotFound("Nothing was pushed from this run.", meaning="Nothing was sent.", next_step="Look in the list of runs.")
    return found


def _only(run: JournalRun, customers: Collection[str]) -> JournalRun:
    wanted = {code.casefold() for code in customers}
    ops = tuple(op for op in run.ops if not wanted or op.change.customer_code.casefold() in wanted)
    return JournalRun(record=run.record, ops=ops)


async def _refused(journal: JournalPort, op: OpRecord) -> bool:
    """Whether the PSA itself said no to a change that then provably was not made."""
    if op.state not in (OpState.REJECTED, OpState.NOT_APPLIED):
        return False
    bodies = [cast(Mapping[str, object], event["body"]) for event in await journal.events(op.op_id)]
    return any(body.get("status") in _REFUSING and body.get("message") for body in bodies)


async def _written(
    journal: JournalPort, op: OpRecord, undos: Sequence[JournalRun], refusals: Collection[str],
) -> Written | None:
    """The readings before and after; None where nothing shows that the change was ours."""
    armed = await journal.armed_body(op.op_id)
    ends = [event for event in await journal.events(op.op_id) if event["kind"] in _CONFIRMED]
    end = cast(Mapping[str, object], ends[-1]["body"]) if ends else {}
    if armed is None or not end.get("attributed"):
        return None
    before, after = (cast(Mapping[str, object], reading) for reading in (armed["before"], end["reading"]))
    return Written(
        op=op, before=state_from_json(before), after=state_from_json(after), refused_on=refused_days(undos, op, refusals),
    )


async def look_at_lines(port: PsaPort, written: Sequence[Written], *, dated: bool) -> list[UndoLine]:
    """Read every line, and again for another day where the day of the push cannot be used.

    Raises:
        SideUnreadable: the lines could not be read.
    """
    judged: dict[str, UndoLine] = {}
    waiting: list[tuple[Written, OtherDay]] = []
    states = await _read(port, [(each, None) for each in written])
    for each in written:
        _sort(each, first_look(each, states[each.op.op_id], dated=dated), judged, waiting)
    for _ in range(_DAYS_TRIED):
        if not waiting:
            break
        states = await _read(port, waiting)
        now, waiting = waiting, []
        for each, other in now:
            _sort(each, later_look(each, other, states[each.op.op_id]), judged, waiting)
    for each, other in waiting:
        judged[each.op.op_id] = nothing_open(each, other)
    return [judged[each.op.op_id] for each in written]


def _sort(each: Written, said: UndoLine | OtherDay, judged: dict[str, UndoLine], waiting: list[tuple[Written, OtherDay]]) -> None:
    if isinstance(said, OtherDay):
        waiting.append((each, said))
    else:
        judged[each.op.op_id] = said


async def _read(port: PsaPort, wanted: Sequence[tuple[Written, OtherDay | None]]) -> dict[str, LineState | None]:
    """Fresh readings by op id."""
    changes = {each.op.op_id: opposite(each, None if other is None else other.day) for each, other in wanted}
    states = await port.read_lines(list(changes.values())) if changes else {}
    return {op_id: states.get(change.line_key) for op_id, change in changes.items()}


async def review(
    told: Told, port: PsaPort, capabilities: Capabilities, clock: Clock, limits: Limits, snapshot_sha256: str
) -> UndoReview:
    """Look at the lines and freeze what can be undone.

    Raises:
        PlanRefused: the PSA cannot be written.
        SideUnreadable: the lines could not be read.
    """
    if capabilities.writes is WriteSemantics.NONE:
        raise PlanRefused("This PSA cannot be written from here.", meaning="Nothing was sent.")
    lines = [*await look_at_lines(port, told.written, dated=capabilities.has_effective_dates), *told.judged]
    now = clock.now()
    run_id = f"{new_run_id(now)}-undo"
    planned = _planned(lines, told.watched, capabilities.writes, run_id)
    plan: Plan | None = None
    if planned:
        heading = Heading(
            run_id=run_id, source_run=told.push.source_run, tenant=told.push.tenant, psa_kind=told.push.psa, created=now,
            effective_date=max(line.op.change.effective_date for line in lines), snapshot_sha256=snapshot_sha256, kind=UNDO,
            undoes_run=told.push.run_id,
        )
        dropped = [line.dropped for line in lines if line.way is Way.TOO_LATE]
        plan = freeze(heading, planned, dropped, limits, watched=told.watched, budget=await port.budget())
    return UndoReview(
        push_id=told.push.run_id, source_run=told.push.source_run, operator=f"{told.push.operator} on {told.push.machine}",
        pushed=told.push.created, lines=tuple(lines), plan=plan, others=tuple(told.others),
    )


def _planned(lines: Sequence[UndoLine], watched: Mapping[str, str], writes: WriteSemantics, run_id: str) -> list[PlannedChange]:
    planned: list[PlannedChange] = []
    days = {line.change.key: line.change.effective_date for line in lines if line.change is not None and not is_cost(line.change)}
    for line in lines:
        if line.change is None or line.state is None:
            continue
        # A unit cost is compared with what the change of its quantity leaves, so both are read for the same day.
        change = replace(line.change, effective_date=days.get(line.change.key, line.change.effective_date))
        earlier = watched.get(change.line_key, "")
        notes = [line.words] if line.way is Way.COMPENSATING else []
        notes += [f"Earlier attempt: {earlier}"] if earlier else []
        planned.append(PlannedChange(
            op_id=f"{run_id}-{len(planned) + 1:04d}", change=change, state=line.state, semantics=semantics_of(change, writes),
            notes=tuple(notes),
        ))
    return planned

