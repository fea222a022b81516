"""Autotask: every method of the port, each with one of its answers damaged."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from reconcile_app.connectors.autotask import Autotask
from reconcile_app.core.amounts import MAX_QUANTITY, SCALE
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.frames import COMPANIES, CONTRACT_LINES, CONTRACTS, REJECTED, SERVICES, Schema
from reconcile_app.core.judge import OutcomeClass
from reconcile_app.core.ports import Budget, CheckResult, Fetched, LineState, Outcome, PermissionCheck, Tenant
from reconcile_app.core.settings import Connection, Secret
from tests.fuzz.plain import NotPlain, Number, find, whole
from tests.fuzz.replay import AT, ORIGINS, Tape, context, paged
from tests.fuzz.said_autotask import Fact, Said, evidence_said, facts_of, lines_said
from tests.fuzz.target import Call, HttpTarget, Judge, Told, Wrong, check_amounts, facts_in, value_of

ORIGIN = ORIGINS["autotask"]
SOME_DAY = date(2026, 12, 10)


@dataclass(frozen=True, kw_only=True)
class Known:
    """Ids in the recorded tenant. ``settings`` are those of the connection."""

    settings: Mapping[str, Any]
    companies: Sequence[str]
    contracts: Sequence[str]
    lines: Sequence[Fact]

    def change(self, number: int = 0) -> Change:
        """A change of a line by two units."""
        line, contract, service, quantity = self.lines[number]
        return Change(
            key=f"C/{contract}/{service}",
            kind=ChangeKind.SET_QUANTITY,
            customer_code="C",
            customer_name="C",
            company_id="1",
            contract_id=contract,
            contract_name="",
            line_id=line,
            service_id=service,
            service_name="",
            sku=service,
            description="",
            quantity_before=quantity,
            quantity_target=quantity + 2 * SCALE,
            effective_date=AT,
        )


def connect(settings: Mapping[str, Any], transport: Any, **changed: str) -> Autotask:
    """The connector over a transport."""
    values = {name: str(value) for name, value in settings.items() if name != "secrets"} | {"settle_seconds": "180"} | changed
    secrets = {name: Secret(value) for name, value in settings["secrets"].items()}
    return Autotask(Connection(name="psa", kind="autotask", values=values, secrets=secrets), context(), client=transport.client)


async def learn(settings: Mapping[str, Any], transport: Any) -> Known:
    """Ask everything once, so that it can be recorded, and keep the ids."""
    psa = connect(settings, transport)
    companies = (await psa.companies(None)).frame
    ids = [each for each in companies["company_id"].tolist() if each != "0"]
    contracts = (await psa.contracts(ids, AT)).frame["contract_id"].tolist()
    lines = facts_in((await psa.lines(contracts, AT)).frame, "line_id", "contract_id", "service_id", "quantity")
    known = Known(settings=settings, companies=ids, contracts=contracts, lines=lines)
    for call in calls(known).values():
        await call(transport)
    return known


def calls(known: Known) -> dict[str, Call]:
    """How each method is driven, by the name of the target."""

    def over(ask: Callable[[Autotask], Awaitable[Any]], **changed: str) -> Call:
        async def call(transport: Any) -> Any:
            psa = connect(known.settings, transport, **changed)
            try:
                return await ask(psa)
            finally:
                await psa.aclose()

        return call

    changes = [known.change(number) for number in range(min(3, len(known.lines)))]
    numbers = ["C-00001", "C-00002"]
    return {
        "companies": over(lambda psa: psa.companies(known.companies)),
        "companies by number": over(lambda psa: psa.companies(numbers, known.companies[-1:]), company_field="companyNumber"),
        "contracts": over(lambda psa: psa.contracts(known.companies, AT)),
        "services": over(lambda psa: psa.services(), sku_field="sku"),
        "lines": over(lambda psa: psa.lines(known.contracts, AT)),
        "lines on another day": over(lambda psa: psa.lines(known.contracts, SOME_DAY)),
        "read_line": over(lambda psa: psa.read_line(changes[0])),
        "read_lines": over(lambda psa: psa.read_lines(changes)),
        "write": over(partial(_write, change=changes[0])),
        "check": over(lambda psa: psa.check()),
        "tenant": over(lambda psa: psa.tenant()),
        "budget": over(lambda psa: psa.budget()),
    }


async def _write(psa: Autotask, change: Change) -> Outcome:
    """A write whose reading was made before, so that only its own answer can be damaged."""
    state = LineState(line_id=change.line_id, present=True, quantity=change.quantity_before)
    return await psa.write(psa.prepare(change, state))


def targets(tape: Tape, known: Known, loop: asyncio.AbstractEventLoop) -> list[HttpTarget]:
    """Every method; reading ones a second time with every list in two pages."""
    judges = _judges(known)
    made = [
        HttpTarget(
            f"autotask {name}",
            tape,
            call,
            judges[name],
            origin=ORIGIN,
            never_raises=name == "write",
            loop=loop,
            weight=20 if name in ("lines", "write", "read_line") else 8,
        )
        for name, call in calls(known).items()
    ]
    two = paged(tape, ORIGIN)
    made += [
        HttpTarget(f"autotask {name}, paged", two, call, judges[name], origin=ORIGIN, loop=loop)
        for name, call in calls(known).items()
        if name in ("companies", "contracts", "services", "lines", "read_line")
    ]
    return made


def _judges(known: Known) -> dict[str, Judge]:
    ids = ("id",)
    return {
        "companies": _table(COMPANIES, ("company_id",), lambda told: facts_of(_list(told, "companies"), *ids)),
        "companies by number": _by_number,
        "contracts": _table(
            CONTRACTS, ("contract_id", "company_id"), lambda told: facts_of(_list(told, "contracts"), "id", "companyID")
        ),
        "services": _table(
            SERVICES, ("service_id", "match_value"), lambda told: facts_of(_list(told, "services"), "id", sku="sku")
        ),
        "lines": partial(_lines, at=AT),
        "lines on another day": partial(_lines, at=SOME_DAY),
        "read_line": partial(_state, known.change(0)),
        "read_lines": partial(_states, known),
        "write": _outcome,
        "check": _checks,
        "tenant": _tenant,
        "budget": _budget,
    }


def _list(told: Told, entity: str) -> list[Any]:
    return told.pages(f"/{entity}/query", f"/{entity}/query/next")


def _table(schema: Schema, columns: Sequence[str], say: Callable[[Told], Said]) -> Judge:
    def judge(fetched: Fetched, truth: Fetched, told: Told) -> None:
        schema.check(fetched.frame)
        REJECTED.check(fetched.rejected)
        judge_facts(facts_in(fetched.frame, *columns), facts_in(truth.frame, *columns), fetched, lambda: say(told))

    return judge


def judge_facts(found: list[Fact], truth: list[Fact], fetched: Fetched, say: Callable[[], Said]) -> None:
    """Rows are the true ones, or exactly those the damaged answers plainly say, or visibly not all."""
    if sorted(map(str, found)) == sorted(map(str, truth)):
        return
    try:
        said = say()
    except NotPlain as error:
        raise Wrong(f"rows out of an answer that says nothing plainly: {error}") from error
    visible = not fetched.complete or len(fetched.rejected) > 0 or bool(fetched.unread)
    if not visible and not said.sure:
        raise Wrong(f"complete, though rows are damaged: {found}")
    if not visible and sorted(map(str, found)) != sorted(map(str, said.facts)):
        raise Wrong(f"complete, and other rows than the answer holds: {found} instead of {list(said.facts)}")
    strange = [fact for fact in found if fact not in said.facts and fact not in truth and not _unknown(fact, said.facts)]
    if strange:
        raise Wrong(f"rows that nothing says: {strange}")


def _unknown(fact: Fact, said: Sequence[Fact]) -> bool:
    """Whether the fact claims less than what was said: its last value is absent."""
    return fact[-1] is None and any(fact[:-1] == each[:-1] for each in said)


def _by_number(fetched: Fetched, truth: Fetched, told: Told) -> None:
    """Two lists that overlap: only what can be wrong with a row is judged."""
    COMPANIES.check(fetched.frame)
    found = facts_in(fetched.frame, "company_id", "match_value")
    if sorted(map(str, found)) != sorted(map(str, facts_in(truth.frame, "company_id", "match_value"))):
        for page in _list(told, "companies"):
            facts_of([page], "id")


def _lines(fetched: Fetched, truth: Fetched, told: Told, *, at: date) -> None:
    CONTRACT_LINES.check(fetched.frame)
    check_amounts(fetched.frame, "quantity", "pending_quantity")
    columns = ("line_id", "contract_id", "service_id", "quantity")

    def say() -> Said:
        said = lines_said(_list(told, "contractservices"), _list(told, "contractserviceunits"), at)
        return Said(tuple((*fact[:3], None if fact[3] is None else fact[3] * SCALE) for fact in said.facts), said.sure)

    judge_facts(facts_in(fetched.frame, *columns), facts_in(truth.frame, *columns), fetched, say)


def _state(change: Change, state: LineState, truth: LineState, told: Told) -> None:
    if type(state.quantity) is not int or not 0 <= state.quantity <= MAX_QUANTITY:
        raise Wrong(f"a quantity of {state.quantity!r}")
    if state.blocked or not state.present or (state.quantity, state.evidence) == (truth.quantity, truth.evidence):
        return
    try:
        said = evidence_said(_list(told, "contractserviceunits"), int(change.line_id), change.effective_date)
    except NotPlain as error:
        raise Wrong(f"a reading out of an answer that says nothing plainly: {error}") from error
    found = tuple((item.id, item.start, item.end, item.quantity // SCALE) for item in state.evidence)
    if found != said:
        raise Wrong(f"a reading that nothing says: {found} instead of {said}")


def _states(known: Known, states: dict[str, LineState], truth: dict[str, LineState], told: Told) -> None:
    if states.keys() != truth.keys():
        raise Wrong("readings of other lines than were asked for")
    for number in range(len(states)):
        change = known.change(number)
        _state(change, states[change.line_key], truth[change.line_key], told)


_REFUSALS = {
    400: OutcomeClass.REJECTED,
    404: OutcomeClass.REJECTED,
    405: OutcomeClass.REJECTED,
    415: OutcomeClass.REJECTED,
    422: OutcomeClass.REJECTED,
    401: OutcomeClass.REFRESH,
    403: OutcomeClass.FORBIDDEN,
}


def _outcome(outcome: Outcome, truth: Outcome, told: Told) -> None:
    """What a write's answer may prove, by its status and what its body plainly says."""
    if not told.path.endswith("serviceadjustments") and not told.path.casefold().endswith("serviceadjustments"):
        return  # the zone look-up was damaged: nothing was sent, or the write went its way
    if len(outcome.message) > 500 or len(outcome.answer) > 65_536:
        raise Wrong("a message beyond its length")
    if outcome.retry_after is not None and not 0 <= outcome.retry_after <= 600:
        raise Wrong(f"a wait of {outcome.retry_after}")
    if outcome.outcome not in _may_be(told):
        raise Wrong(f"{outcome.outcome} for status {told.wire.status}")


def _may_be(told: Told) -> set[OutcomeClass]:
    wire = told.wire
    broken = wire.ends_early or len(wire.header(b"x-many")) > 65_536
    if broken:
        return {OutcomeClass.UNKNOWN}
    if wire.status in (409, 412, 429):
        return {OutcomeClass.WAIT, OutcomeClass.UNKNOWN}
    if 200 <= wire.status < 300 and wire.status != 202 and _says_done(told):
        return {OutcomeClass.APPLIED, OutcomeClass.UNKNOWN}
    if wire.status in _REFUSALS and _says_no(told):
        return {_REFUSALS[wire.status], OutcomeClass.UNKNOWN}
    return {OutcomeClass.UNKNOWN}


def _says_done(told: Told) -> bool:
    try:
        body = value_of(told.wire)
        item = find(body, "itemId") if body else None
        errors = find(body, "errors")
    except NotPlain:
        return False
    return (item is None or isinstance(item, Number)) and not (isinstance(errors, list) and errors)


def _says_no(told: Told) -> bool:
    from dataclasses import replace

    try:
        errors = find(value_of(replace(told.wire, status=200)), "errors")
    except NotPlain:
        return False
    return isinstance(errors, list) and any(type(text) is str and text.strip() for text in errors)


def _checks(checks: list[PermissionCheck], truth: list[PermissionCheck], told: Told) -> None:
    if len(checks) != len(truth):
        raise Wrong("another number of rights")
    entity = told.path.rpartition("/")[0].rpartition("/")[2]
    for check in checks:
        if check.result is CheckResult.OK and check.name.startswith(f"{entity}: ") and not _granted(check.name, told):
            raise Wrong(f"{check.name} is said to be granted")


def _granted(name: str, told: Told) -> bool:
    try:
        info = find(value_of(told.wire), "info")
        return whole(find(info, f"userAccessFor{name.rpartition(': ')[2].capitalize()}")) in (1, 2)
    except NotPlain:
        return False


def _tenant(tenant: Tenant, truth: Tenant, told: Told) -> None:
    if len(tenant.fingerprint) != 64 or not tenant.label:
        raise Wrong("a tenant without a name")
    try:
        value_of(told.wire)
    except NotPlain as error:
        if tenant.fingerprint != truth.fingerprint:
            raise Wrong("a tenant out of an answer that says nothing plainly") from error


def _budget(budget: Budget | None, truth: Budget, told: Told) -> None:
    if budget is None or not told.path.casefold().endswith("thresholdinformation"):
        return
    said = value_of(told.wire)
    names = ("currentTimeframeRequestCount", "externalRequestThreshold", "requestThresholdTimeframe")
    if (budget.used, budget.allowed, budget.window_minutes) != tuple(whole(_number(find(said, name))) for name in names):
        raise Wrong(f"a budget of {budget}")


def _number(value: Any) -> Any:
    if not isinstance(value, Number):
        raise Wrong(f"a budget out of {value!r}")
    return value
