"""Autotask PSA over its REST API.

The port and its description. The other parts of this connector: ``codes`` (code table), ``settings``,
``wire``, ``frames``, ``states`` and ``writes`` (pure translators), ``rights``
(permissions), ``access`` (zone, sign-in, queries), ``batches`` and ``reader`` (what is asked, and how).
"""

from collections.abc import Callable, Collection, Sequence
from datetime import date
from typing import Any

from reconcile_app.connectors.autotask import states, writes
from reconcile_app.connectors.autotask.access import Access
from reconcile_app.connectors.autotask.codes import CODES
from reconcile_app.connectors.autotask.reader import Reader
from reconcile_app.connectors.autotask.rights import ENTITIES, RIGHTS, judge_right
from reconcile_app.connectors.autotask.settings import FIELDS, Settings, company_url, sku_field
from reconcile_app.connectors.autotask.wire import (
    TITLE,
    Contract,
    EntityInformation,
    OwnCompany,
    Rights,
    Threshold,
    condition,
    decode_once,
    fields_of,
    query_body,
)
from reconcile_app.connectors.http import Answer, ApiClient, decode
from reconcile_app.connectors.together import both, together
from reconcile_app.core.changes import Change
from reconcile_app.core.errors import (
    AnswerUnreadable,
    ConnectionFailed,
    PermissionDenied,
    ReconcileError,
    SideUnreadable,
    SignInFailed,
)
from reconcile_app.core.findings import Kind
from reconcile_app.core.ids import canonical_json, sha256_hex
from reconcile_app.core.judge import OutcomeClass, Shape, Transport, classify, parse_retry_after
from reconcile_app.core.ports import (
    Budget,
    BuildContext,
    Capabilities,
    CheckResult,
    ConnectorSpec,
    Fetched,
    LineState,
    Outcome,
    PermissionCheck,
    PreparedWrite,
    PsaPort,
    Role,
    Tenant,
    WriteSemantics,
)
from reconcile_app.core.settings import Connection

_ANSWER_KEPT = 64 * 2**10


class Autotask:
    """One Autotask tenant as a PSA. Implements ``PsaPort``. ``client`` makes the HTTP clients.

    Raises:
        SettingsError: a setting cannot be used (AT17 for the zone user).
        SecretsUnavailable: a key is missing (AT18).
    """

    def __init__(self, connection: Connection, context: BuildContext, *, client: Callable[..., ApiClient] = ApiClient) -> None:
        self._clock = context.clock
        self._settings = settings = Settings.read(connection)
        self._access = Access(
            address=settings.base_url,
            lookup=settings.lookup_url,
            zone_user=settings.zone_user,
            keys=settings.keys,
            context=context,
            client=client,
        )
        settings.check_settling(loopback=self._access.loopback)
        self._reader = Reader(self._access, sku_field=settings.sku_field, by_number=settings.company_field == "companyNumber")
        self._last_read: tuple[str, Contract | None] | None = None
        self._written: tuple[str, Contract | None] | None = None

    def __repr__(self) -> str:
        return "Autotask()"

    @property
    def calls(self) -> int:
        """Requests made so far, retries included."""
        return self._access.calls

    async def aclose(self) -> None:
        """Release the connection; calling it again does nothing."""
        await self._access.aclose()

    async def renew(self) -> None:
        """Look the zone up again, once; keys never expire by themselves."""
        await self._access.find_again()

    # What this tenant is and allows

    async def check(self) -> list[PermissionCheck]:
        """Every right the program needs, from the entity information of six entities, and the call allowance.

        Raises:
            SignInFailed: the keys were refused; nothing can be said about rights then.
            ConnectionFailed: nothing could be read at all.
        """
        answers, budget = await both(together(*(self._rights(entity) for entity in ENTITIES)), self.budget())
        by_entity = dict(zip(ENTITIES, answers, strict=True))
        failures = [answer for answer in answers if isinstance(answer, ConnectionFailed)]
        if len(failures) == len(answers):
            raise failures[0]
        return [*(judge_right(right, by_entity[right.entity]) for right in RIGHTS), _allowance(budget)]

    async def _rights(self, entity: str) -> Rights | SideUnreadable:
        try:
            answer = await self._access.read("GET", f"/{entity}/entityInformation", entity=entity)
            return decode_once(answer.content, EntityInformation).info
        except SignInFailed:
            raise
        except SideUnreadable as error:
            return error

    async def budget(self) -> Budget | None:
        """``ThresholdInformation``: calls of the whole tenant in the running hour; None where Autotask does not tell."""
        try:
            answer = await self._access.read("GET", "/ThresholdInformation", entity="ThresholdInformation")
            told = decode_once(answer.content, Threshold)
        except SignInFailed:
            raise
        except SideUnreadable:
            return None
        return Budget(
            used=told.current_timeframe_request_count,
            allowed=told.external_request_threshold,
            window_minutes=told.request_threshold_timeframe,
            share=self._settings.share,
        )

    async def tenant(self) -> Tenant:
        """The database that the keys belong to.

        The fingerprint is made of the zone's origin and the database number (``ci``) that the zone look-up gives for the API user.
        Two connections to one tenant then have one fingerprint, however they found it. Where the look-up does not know the user, or
        may not be asked, the creation date of company 0 (the provider's own record) takes the place of the number.
        """
        client = await self._access.client()
        identity, label = await self._identity()
        seen = self._access.server_date
        return Tenant(
            fingerprint=sha256_hex(canonical_json(["autotask", client.origin.text, identity])),
            label=f"{label} at {client.origin.authority}",
            clock_skew=(self._clock.now() - seen).total_seconds() if seen else None,
        )

    async def _identity(self) -> tuple[str, str]:
        if self._access.may_look_up:
            try:
                zone = await self._access.zone_of(self._settings.keys.username.reveal())
            except SignInFailed:
                zone = None
            if zone is not None and zone.ci is not None:
                return f"ci {zone.ci}", f"Autotask {zone.zone_name or ''}".strip() + f", database {zone.ci}"
        body = query_body(fields_of(OwnCompany), condition("eq", "id", 0))
        page = await self._access.query("Companies", OwnCompany, body)
        own = next((row for row in page.rows if row.id == 0), None)
        if own is None or not (own.create_date or own.company_name):
            raise PermissionDenied(
                "Autotask does not tell which tenant this is.",
                "The API user cannot see the provider's own company (id 0).",
                meaning="Nothing was changed.",
                next_step="Grant the API user view of all companies, or enter the zone user.",
                kind=Kind.PSA_UNREACHABLE,
                subject="Companies: query",
            )
        return f"company 0 {own.create_date or own.company_name}", f"Autotask of {own.company_name or 'company 0'}"

    # Reading a whole side

    async def companies(self, identifiers: Collection[str] | None, ids: Collection[str] = ()) -> Fetched:
        """``COMPANIES``; see ``Reader.companies``."""
        return await self._reader.companies(identifiers, ids)

    async def contracts(self, company_ids: Collection[str], at: date) -> Fetched:
        """``CONTRACTS``; see ``Reader.contracts``. Contracts of any dates, so ``at`` restricts nothing."""
        return await self._reader.contracts(company_ids)

    async def services(self) -> Fetched:
        """``SERVICES``; see ``Reader.services``."""
        return await self._reader.services()

    async def lines(self, contract_ids: Collection[str], at: date) -> Fetched:
        """``CONTRACT_LINES``; see ``Reader.lines``."""
        return await self._reader.lines(contract_ids, at)

    # Reading single lines, fresh

    async def read_lines(self, changes: Sequence[Change]) -> dict[str, LineState]:
        """Fresh states for the review. A line whose rows cannot be used is blocked, with the reason.

        Raises:
            SideUnreadable: rows are missing; no state is returned then.
        """
        self._last_read = self._written = None
        if not changes:
            return {}
        kind, readings = await self._reader.readings(changes, {})
        return {change.line_key: states.line_state(change, readings[change.contract_id], kind)[0] for change in changes}

    async def read_line(self, change: Change) -> LineState:
        """A fresh state of one line, in two calls: its contract, and the unit rows of the whole contract.

        After a write the contract itself is not read again for the same line: its dates and type have been judged, and what tells
        whether the write arrived are the unit rows.

        Raises:
            SideUnreadable: it could not be read, or a row of the line cannot be used; this proves nothing.
        """
        known: dict[int, Contract] = {}
        if self._written is not None and self._written[0] == change.line_key and self._written[1] is not None:
            known[self._written[1].id] = self._written[1]
        kind, readings = await self._reader.readings([change], known)
        reading = readings[change.contract_id]
        state, trouble = states.line_state(change, reading, kind)
        if trouble:
            raise AnswerUnreadable(
                "The line cannot be read.",
                trouble,
                meaning="Its quantity is unknown, not zero.",
                next_step="Look at the line in Autotask.",
            )
        self._last_read = (change.line_key, reading.contract)
        return state

    # Writing

    def prepare(self, change: Change, state: LineState) -> PreparedWrite:
        """The one request that makes the change; see ``writes.prepare``.

        Raises:
            PlanRefused: Autotask cannot take this change.
        """
        return writes.prepare(change, state)

    async def write(self, prepared: PreparedWrite) -> Outcome:
        """Send once. Never raises for what the wire does."""
        try:
            client = await self._access.client()
        except ReconcileError as error:
            return Outcome(outcome=OutcomeClass.NOT_SENT, message=error.reason[:500])
        self._written = self._last_read
        outcome = self._outcome(prepared, client, await client.send(prepared))
        if outcome.outcome is not OutcomeClass.APPLIED:
            # The op starts over, or it is in doubt: then the contract says whether somebody has touched it since.
            self._written = None
        return outcome

    def _outcome(self, prepared: PreparedWrite, client: ApiClient, answer: Answer | Transport) -> Outcome:
        if isinstance(answer, Transport):
            return Outcome(outcome=classify(None, Shape.OTHER, answer), message=client.last_fault[:500])
        line_id = decode(prepared.body, dict[str, Any], title=TITLE).get("id")
        shape, receipt = writes.write_shape(answer, line_id)
        said = self._access.quote(answer)
        message = (
            said
            if shape is Shape.ERROR
            else ""
            if shape is Shape.SUCCESS
            else f"Autotask answered with status {answer.status}. {said}"
        )
        return Outcome(
            outcome=classify(answer.status, shape),
            message=message.strip()[:500],
            status=answer.status,
            receipt=receipt,
            retry_after=parse_retry_after(answer.headers.get("retry-after", ""), self._clock.now()),
            contradicts=shape is Shape.FOREIGN and answer.status < 300,
            answer=self._access.redactor.clean(answer.content[:_ANSWER_KEPT].decode("utf-8", "replace"))[:_ANSWER_KEPT],
        )


def _allowance(budget: Budget | None) -> PermissionCheck:
    name, needed_for = "ThresholdInformation: query", "stay within the calls per hour that all integrations share"
    if budget is None:
        return PermissionCheck(name=name, needed_for=needed_for, result=CheckResult.CANNOT_TELL, detail="Autotask does not say.")
    detail = f"{budget.used} of {budget.allowed} calls used in the last {budget.window_minutes} minutes."
    return PermissionCheck(name=name, needed_for=needed_for, result=CheckResult.OK, detail=detail)


async def _build(connection: Connection, context: BuildContext) -> PsaPort:
    return Autotask(connection, context)


SPEC = ConnectorSpec(
    key="autotask",
    title="Autotask",
    role=Role.PSA,
    fields=FIELDS,
    build_psa=_build,
    codes=CODES,
    capabilities=Capabilities(
        writes=WriteSemantics.DELTA, creates_lines=True, sets_unit_cost=True, has_effective_dates=True, whole_units=True
    ),
    vocabulary={"company": "company", "contract": "contract", "line": "contract service", "service": "service"},
    contract_type=lambda connection: "Recurring Service",
    sku_field=sku_field,
    sku_is_number=lambda connection: sku_field(connection) == "ServiceId",
    company_url=company_url,
)
"""The registry's entry."""
