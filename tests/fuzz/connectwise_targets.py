"""ConnectWise: every method of the port, each with one of its answers damaged."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pandas as pd

from reconcile_app.connectors.connectwise import ConnectWise
from reconcile_app.core.amounts import MAX_QUANTITY
from reconcile_app.core.judge import OutcomeClass
from reconcile_app.core.ports import Fetched, LineState, Outcome
from tests.fakes.connectwise_changes import a_change
from tests.fakes.connectwise_world import SITE, ConnectWiseWorld, connection
from tests.fuzz.plain import NotPlain
from tests.fuzz.replay import AT, Recorder, Tape, context
from tests.fuzz.target import Call, HttpTarget, Judge, Told, Wrong, check_amounts, facts_in, value_of

COMPANIES, AGREEMENTS = ("northwind", "CONTOSO"), ("1207",)
CALLS = ("companies", "contracts", "services", "lines", "read_line", "write", "check", "tenant")


def calls() -> dict[str, Call]:
    """How each method is driven, by the name of the target."""

    def over(ask: Callable[[ConnectWise], Awaitable[Any]]) -> Call:
        async def call(transport: Any) -> Any:
            psa = ConnectWise(connection(), context(), client=transport.client)
            try:
                return await ask(psa)
            finally:
                await psa.aclose()

        return call

    asked: Sequence[Callable[[ConnectWise], Awaitable[Any]]] = (
        lambda psa: psa.companies(COMPANIES),
        lambda psa: psa.contracts(["305", "306"], AT),
        lambda psa: psa.services(),
        lambda psa: psa.lines(AGREEMENTS, AT),
        lambda psa: psa.read_line(a_change()),
        _write,
        lambda psa: psa.check(),
        lambda psa: psa.tenant(),
    )
    return {name: over(ask) for name, ask in zip(CALLS, asked, strict=True)}


async def _write(psa: ConnectWise) -> Outcome | LineState:
    """A reading and its write; only what the write says is judged."""
    change = a_change()
    return await psa.write(psa.prepare(change, await psa.read_line(change)))


async def tape() -> Tape:
    """Everything asked once, of a world in memory that is new for every method."""
    kept: dict[Any, Any] = {}
    for call in calls().values():
        recorder = Recorder({}, ConnectWiseWorld())
        await call(recorder)
        kept = recorder.kept | kept
    return tuple(kept.values())


def targets(recorded: Tape, loop: asyncio.AbstractEventLoop) -> list[HttpTarget]:
    """Every method."""
    judges: dict[str, Judge] = {
        "companies": _table("company_id", "match_value"),
        "contracts": _table("contract_id", "company_id"),
        "services": _table("service_id", "match_value"),
        "lines": _table("line_id", "contract_id", "service_id", "quantity"),
        "read_line": _state,
        "write": _outcome,
    }
    return [
        HttpTarget(f"connectwise {name}", recorded, call, judges.get(name, _anything), origin=SITE, loop=loop)
        for name, call in calls().items()
    ]


def _table(*columns: str) -> Judge:
    def judge(fetched: Fetched, truth: Fetched, told: Told) -> None:
        if "quantity" in columns:
            check_amounts(fetched.frame, "quantity")
        if _rows(fetched.frame, columns) != _rows(truth.frame, columns) and fetched.complete and not fetched.unread:
            _must_be_plain(told)

    return judge


def _rows(frame: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    return sorted(map(str, facts_in(frame, *columns)))


def _must_be_plain(told: Told) -> None:
    try:
        value_of(told.wire)
    except NotPlain as error:
        raise Wrong(f"complete, and other rows, after an answer that says nothing plainly: {error}") from error


def _state(state: LineState, truth: LineState, told: Told) -> None:
    if type(state.quantity) is not int or not 0 <= state.quantity <= MAX_QUANTITY:
        raise Wrong(f"a quantity of {state.quantity!r}")
    if state.present and not state.blocked and state.digest != truth.digest:
        _must_be_plain(told)


def _outcome(outcome: Outcome, truth: Outcome, told: Told) -> None:
    if not isinstance(outcome, Outcome) or len(outcome.message) > 500:
        raise Wrong("no outcome")
    last = told.method == "PATCH"
    if last and outcome.outcome is OutcomeClass.APPLIED and told.wire.status != 202:
        _must_be_plain(told)
    elif last and outcome.outcome is OutcomeClass.APPLIED:
        raise Wrong("accepted for later, and taken for done")


def _anything(result: Any, truth: Any, told: Told) -> None:
    """Refusing in our own words is all that is asked here."""
