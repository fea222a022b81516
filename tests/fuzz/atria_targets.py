"""Atria: every method of the port, each with one of its answers damaged."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reconcile_app.connectors.atria import Atria
from reconcile_app.connectors.atria.records import TITLE
from reconcile_app.core.amounts import MAX_QUANTITY
from reconcile_app.core.frames import BILLED_LINES, CUSTOMERS, REJECTED
from reconcile_app.core.period import Period
from reconcile_app.core.ports import CheckResult, Fetched, PermissionCheck
from reconcile_app.core.redact import Redactor
from tests.fuzz.plain import ABSENT, NotPlain, find
from tests.fuzz.replay import ORIGINS, Tape, context
from tests.fuzz.said_atria import CODE, ENVELOPES, IDENTIFIER, QUANTITY, SKU, UPN, invoice_said, normal, periods_said, table_said
from tests.fuzz.said_autotask import Fact, Said
from tests.fuzz.target import Call, HttpTarget, Judge, Told, Wrong, check_amounts, facts_in, value_of

ORIGIN = ORIGINS["atria"]


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the recorded host holds."""

    settings: Mapping[str, Any]
    period: Period
    customer: str


def connect(settings: Mapping[str, Any], transport: Any) -> Atria:
    """The connector over a transport."""
    given = context()
    token = settings["secrets"]["token"]
    client = transport.client(
        origin=settings["base_url"],
        side="billing",
        title=TITLE,
        clock=given.clock,
        progress=given.progress,
        redactor=Redactor([token]),
        headers=lambda: {"Authorization": f"Bearer {token}"},
    )
    return Atria(client, given, token_expires=None)


async def learn(settings: Mapping[str, Any], transport: Any) -> Known:
    """Ask everything once, so that it can be recorded."""
    atria = connect(settings, transport)
    period = (await atria.periods())[1]
    customer = str((await atria.invoice(period)).frame["customer_code"].iloc[0])
    known = Known(settings=settings, period=period, customer=customer)
    for call in calls(known).values():
        await call(transport)
    return known


def calls(known: Known) -> dict[str, Call]:
    """How each method is driven, by the name of the target."""

    def over(ask: Callable[[Atria], Awaitable[Any]]) -> Call:
        async def call(transport: Any) -> Any:
            atria = connect(known.settings, transport)
            try:
                return await ask(atria)
            finally:
                await atria.aclose()

        return call

    return {
        "periods": over(lambda atria: atria.periods()),
        "customers": over(lambda atria: atria.customers()),
        "invoice": over(lambda atria: atria.invoice(known.period)),
        "invoice of one customer": over(lambda atria: atria.invoice(known.period, [known.customer.lower()])),
        "summary": over(lambda atria: atria.summary(known.period)),
        "detail": over(lambda atria: atria.detail(known.period, known.customer)),
        "analysis": over(lambda atria: atria.analysis(known.period, known.customer)),
        "check": over(lambda atria: atria.check()),
    }


def targets(tape: Tape, known: Known, loop: asyncio.AbstractEventLoop) -> list[HttpTarget]:
    """Every method."""
    judges: dict[str, Judge] = {
        "periods": _periods,
        "customers": _customers,
        "invoice": lambda result, truth, told: _invoice(result, truth, told, ""),
        "invoice of one customer": lambda result, truth, told: _invoice(result, truth, told, known.customer),
        "summary": _table((CODE, SKU, QUANTITY), ("customer_code", "sku", "quantity"), "", ""),
        "detail": _table((CODE, SKU, UPN), ("customer_code", "sku", "user_upn"), known.customer, "/detail"),
        "analysis": _table((CODE, SKU, UPN), ("customer_code", "sku", "user_upn"), known.customer, "/analysis"),
        "check": _check,
    }
    return [
        HttpTarget(f"atria {name}", tape, call, judges[name], origin=ORIGIN, weight=40 if name == "invoice" else 8, loop=loop)
        for name, call in calls(known).items()
    ]


def _periods(periods: list[Period], truth: list[Period], told: Told) -> None:
    if periods == truth:
        return
    try:
        said = periods_said(value_of(told.wire))
    except NotPlain as error:
        raise Wrong(f"periods out of an answer that says none plainly: {error}") from error
    if {(period.start, period.end) for period in periods} != said or periods != sorted(periods, reverse=True):
        raise Wrong(f"other periods than the answer holds: {periods}")


def _customers(fetched: Fetched, truth: Fetched, told: Told) -> None:
    CUSTOMERS.check(fetched.frame)
    REJECTED.check(fetched.rejected)
    columns = ("customer_code", "billing_identifier")

    def say() -> Said:
        value = value_of(told.wire)
        listed = find(value, "customers", normal=normal)
        if listed is ABSENT:
            listed = find(find(value, *ENVELOPES, normal=normal), "customers", normal=normal)
        return table_said(listed, CODE, IDENTIFIER)

    _same(facts_in(fetched.frame, *columns), facts_in(truth.frame, *columns), say, visible=len(fetched.rejected) > 0)


def _invoice(fetched: Fetched, truth: Fetched, told: Told, customer: str) -> None:
    BILLED_LINES.check(fetched.frame)
    REJECTED.check(fetched.rejected)
    check_amounts(fetched.frame, "quantity", least=-MAX_QUANTITY)
    columns = ("customer_code", "sku", "quantity")
    if told.path.endswith("/invoice") and (told.wire.status == 404 or 300 <= told.wire.status < 400):
        # 404 is how Atria says that a period has no invoice; a redirect on the same host leads there in the replay.
        if len(fetched.frame):
            raise Wrong("rows out of a 404")
        return

    def say() -> Said:
        (value,) = told.pages("/invoice")
        said = invoice_said(value)
        return Said(tuple(fact for fact in said.facts if _is_wanted(fact[0], customer)), said.sure)

    visible = not fetched.complete or len(fetched.rejected) > 0
    _same(facts_in(fetched.frame, *columns), facts_in(truth.frame, *columns), say, visible=visible, partial=bool(customer))


def _is_wanted(code: str | None, customer: str) -> bool:
    return code is not None and (not customer or code.casefold() == customer.casefold())


def _table(names: Sequence[Sequence[str]], columns: Sequence[str], customer: str, path: str) -> Judge:
    def judge(table: pd.DataFrame, truth: pd.DataFrame, told: Told) -> None:
        if any(str(dtype) != "string" for dtype in table.dtypes):
            raise Wrong("a column that is no text")

        def say() -> Said:
            said = table_said(told.pages(path or "2026-11-25")[-1], *names)
            mine = tuple(fact for fact in said.facts if not customer or _is_wanted(fact[0], customer))
            return Said(mine, said.sure)

        _same(facts_in(table, *columns), facts_in(truth, *columns), say, visible=False)

    return judge


def _same(found: list[Fact], truth: list[Fact], say: Callable[[], Said], *, visible: bool, partial: bool = False) -> None:
    """Rows are the true ones, or those the damaged answer plainly says, or visibly not all; an absent last value is fine."""
    if Counter(found) == Counter(truth):
        return
    try:
        said = say()
    except NotPlain as error:
        raise Wrong(f"rows out of an answer that says nothing plainly: {error}") from error
    # With one customer asked for, a damaged row of somebody else need not show.
    if not visible and not said.sure and not partial:
        raise Wrong(f"complete, though records are damaged: {found}")
    missing, extra = Counter(said.facts) - Counter(found), Counter(found) - Counter(said.facts)
    blanked = Counter({(*fact[:-1], None): times for fact, times in missing.items()})
    if not visible and said.sure and extra - blanked:
        raise Wrong(f"rows that the answer does not hold: {list(extra - blanked)} instead of {list(missing)}")
    if not visible and said.sure and sum(missing.values()) != sum(extra.values()):
        raise Wrong(f"complete, and rows are missing: {list(missing)}")
    strange = [fact for fact in extra - blanked - Counter(truth) if fact[-1] is not None]
    if strange:
        raise Wrong(f"rows that nothing says: {strange}")


def _check(checks: list[PermissionCheck], truth: list[PermissionCheck], told: Told) -> None:
    if [check.name for check in checks] != [check.name for check in truth]:
        raise Wrong("other checks")
    if checks[-1].result is CheckResult.OK and checks[-1].detail != truth[-1].detail:
        try:
            value_of(told.wire)
        except NotPlain as error:
            raise Wrong("all is well, after an answer that says nothing plainly") from error
