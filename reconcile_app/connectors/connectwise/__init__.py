"""ConnectWise PSA (ConnectWise Manage) over its REST API.

The port and its description. The other parts of this connector: ``codes`` (code table), ``settings``, ``address`` (where a tenant
answers), ``wire``, ``conditions``, ``comparable``, ``frames``, ``successors``, ``states``, ``writes`` and ``bundles`` (pure
translators), ``rights`` (permissions), ``access`` (code base, sign-in), ``lists`` (pages), ``fanout`` and ``reader`` (what is
asked, and how).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date

from reconcile_app.connectors.connectwise import states, writes
from reconcile_app.connectors.connectwise.access import UNNAMED_WAIT, Access
from reconcile_app.connectors.connectwise.codes import CODES
from reconcile_app.connectors.connectwise.lists import Lists
from reconcile_app.connectors.connectwise.reader import Reader
from reconcile_app.connectors.connectwise.rights import RIGHTS, judge_right, judge_type, type_names
from reconcile_app.connectors.connectwise.settings import FIELDS, Settings, agreement_type, company_url, replaces
from reconcile_app.connectors.connectwise.wire import TITLE, Agreement, AgreementType, CompanyInfo
from reconcile_app.connectors.http import Answer, ApiClient
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.errors import AnswerUnreadable, PermissionDenied, SideUnreadable
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

_PROVEN_NIL = frozenset({OutcomeClass.NOT_SENT, OutcomeClass.REFRESH, OutcomeClass.WAIT})
_ANSWER_KEPT = 64 * 2**10
_TOO_MANY = 429
_UNUSABLE = frozenset({Shape.OTHER, Shape.FOREIGN})
_FAILED_TEST = frozenset({400, 412, 422})
_NO_PAUSE = 0.0
_AN_HOUR = 60


class ConnectWise:
    """One ConnectWise tenant as a PSA. Implements ``PsaPort``. ``client`` makes the HTTP clients.

    Raises:
        SettingsError: a setting cannot be used (CW17 for the address).
        SecretsUnavailable: the company, a key or the client ID is missing (CW18).
    """

    def __init__(self, connection: Connection, context: BuildContext, *, client: Callable[..., ApiClient] = ApiClient) -> None:
        self._clock = context.clock
        self._settings = settings = Settings.read(connection)
        self._access = Access(
            address=settings.address,
            keys=settings.keys,
            api_version=settings.api_version,
            ca_file=settings.ca_file,
            context=context,
            client=client,
        )
        settings.check_settling(loopback=self._access.site.loopback)
        self._reader = Reader(
            self._access,
            Lists(self._access, forward_only=settings.forward_only),
            agreement_type=settings.agreement_type,
            by_id=settings.by_id,
            bundles=settings.api_version if settings.bundles else "",
        )
        self._last_read: tuple[str, Agreement | None] | None = None
        self._written: tuple[str, Agreement | None] | None = None
        self._refused: PreparedWrite | None = None

    def __repr__(self) -> str:
        return "ConnectWise()"

    @property
    def calls(self) -> int:
        """Requests made so far, retries included."""
        return self._access.calls

    async def aclose(self) -> None:
        """Release the connection; calling it again does nothing."""
        await self._access.aclose()

    async def renew(self) -> None:
        """Ask for the code base again, once; keys never expire by themselves."""
        await self._access.find_again()

    # What this tenant is and allows

    async def check(self) -> list[PermissionCheck]:
        """The company, every right the program needs (from the API member's own rights), and the agreement type.

        Raises:
            SignInFailed: company or keys were refused; nothing can be said about rights then.
            SideUnreadable: nothing could be read.
        """
        info = await self._access.company_info()
        rights = await self._reader.own_rights()
        types: Sequence[AgreementType] | SideUnreadable
        try:
            types = await self.agreement_types()
        except PermissionDenied as error:
            types = error
        return [
            self._company_check(info),
            *(judge_right(right, rights) for right in RIGHTS),
            judge_type(self._settings.agreement_type, types),
        ]

    async def agreement_types(self) -> list[AgreementType]:
        """Every agreement type of the tenant, for the connection to choose from.

        Raises:
            SideUnreadable: they could not be read.
        """
        return await self._reader.agreement_types()

    async def offers(self) -> Mapping[str, tuple[str, ...]]:
        """What settings of the connection can be chosen from: the names of the agreement types.

        Raises:
            SideUnreadable: they could not be read.
        """
        return {"agreement_type": tuple(type_names(await self.agreement_types()))}

    def _company_check(self, info: CompanyInfo | None) -> PermissionCheck:
        name, needed_for = f"Company {self._settings.company}", "know which tenant this is"
        if info is None:
            detail = "ConnectWise does not tell about companies at this address; the keys were accepted for this one."
            return PermissionCheck(name=name, needed_for=needed_for, result=CheckResult.CANNOT_TELL, detail=detail)
        return PermissionCheck(name=name, needed_for=needed_for, result=CheckResult.OK, detail=_version(info))

    async def budget(self) -> Budget | None:
        """ConnectWise tells no allowance. Where the operator was told one, what this connection has used of it."""
        allowed = self._settings.calls_per_hour
        if allowed is None:
            return None
        return Budget(used=self.calls, allowed=allowed, window_minutes=_AN_HOUR, share=self._settings.share)

    async def tenant(self) -> Tenant:
        """The company that the keys belong to: it is part of the user name, so other keys cannot sign in to it.

        The fingerprint is made of the site and the company. Where discovery may not be asked, the own rights are read instead, so
        that nothing is said about a tenant that did not accept the keys.
        """
        info = await self._access.company_info()
        if info is None:
            await self._reader.own_rights()  # Refused keys are told by this.
        company = ((info.company_id if info else None) or self._settings.company).strip()[:100]
        seen, site = self._access.server_date, self._access.site
        label = f"ConnectWise {company}{f' ({version})' if (version := _version(info)) else ''} at {site.authority}"
        return Tenant(
            fingerprint=sha256_hex(canonical_json(["connectwise", site.text, company.casefold()])),
            label=label,
            clock_skew=(self._clock.now() - seen).total_seconds() if seen else None,
        )

    # Reading a whole side

    async def companies(self, identifiers: Collection[str] | None, ids: Collection[str] = ()) -> Fetched:
        """``COMPANIES``; see ``Reader.companies``."""
        return await self._reader.companies(identifiers, ids)

    async def contracts(self, company_ids: Collection[str], at: date) -> Fetched:
        """``CONTRACTS``: agreements of the wanted type; see ``Reader.contracts``."""
        return await self._reader.contracts(company_ids, at)

    async def services(self) -> Fetched:
        """``SERVICES``: the product catalog; see ``Reader.services``."""
        return await self._reader.services()

    async def lines(self, contract_ids: Collection[str], at: date) -> Fetched:
        """``CONTRACT_LINES``: additions; see ``Reader.lines``."""
        return await self._reader.lines(contract_ids, at)

    # Reading single lines, fresh

    async def read_lines(self, changes: Sequence[Change]) -> dict[str, LineState]:
        """Fresh states for the review. A line that cannot be used is blocked, with the reason.

        Raises:
            SideUnreadable: something is missing; no state is returned then.
        """
        self._last_read = self._written = None
        if not changes:
            return {}
        kind = await self._reader.kind()
        products = {change.service_id for change in changes if change.kind is ChangeKind.REPLACE_LINE}
        unusable = await self._reader.unusable(products) if products else frozenset[str]()
        readings = await self._reader.readings(changes, {}, unusable)
        return {change.line_key: states.line_state(change, readings[change.contract_id], kind)[0] for change in changes}

    async def read_line(self, change: Change) -> LineState:
        """A fresh state of one line, in two calls: its agreement, and all additions of that.

        After a write the agreement itself is not read again for the same line: its dates and type have been judged, and what tells
        whether the write arrived are the additions.

        Raises:
            SideUnreadable: it could not be read, or a row of the agreement cannot be used; this proves nothing.
        """
        known: dict[int, Agreement] = {}
        if self._written is not None and self._written[0] == change.line_key and self._written[1] is not None:
            known[self._written[1].id] = self._written[1]
        kind = await self._reader.kind()
        reading = (await self._reader.readings([change], known))[change.contract_id]
        state, trouble = states.line_state(change, reading, kind)
        if trouble:
            raise AnswerUnreadable(
                "The line cannot be read.",
                trouble,
                meaning="Its quantity is unknown, not zero.",
                next_step="Look at the line in ConnectWise.",
            )
        self._last_read = (change.line_key, reading.agreement)
        return state

    # Writing

    def prepare(self, change: Change, state: LineState) -> PreparedWrite:
        """The one request that makes the change; see ``writes.prepare``.

        Raises:
            PlanRefused: ConnectWise cannot take this change.
        """
        return writes.prepare(change, state, compare=self._settings.server_compare)

    async def write(self, prepared: PreparedWrite) -> Outcome:
        """Send once. Never raises for what the wire does."""
        client = self._access.writer
        self._written = self._last_read
        outcome = self._outcome(prepared, client, await client.send(prepared))
        if outcome.outcome in _PROVEN_NIL:
            self._written = None  # The op starts over, and so does its reading.
        return outcome

    def _outcome(self, prepared: PreparedWrite, client: ApiClient, answer: Answer | Transport) -> Outcome:
        if isinstance(answer, Transport):
            return Outcome(outcome=classify(None, Shape.OTHER, answer), message=client.last_fault[:500])
        shape, receipt = writes.write_shape(answer, prepared)
        said = "" if shape is Shape.SUCCESS else self._access.quote(answer)
        message = f"ConnectWise answered with status {answer.status}. {said}" if shape in _UNUSABLE else said
        outcome, pause = classify(answer.status, shape), parse_retry_after(answer.headers.get("retry-after", ""), self._clock.now())
        if pause is None and answer.status == _TOO_MANY:
            pause = UNNAMED_WAIT
        if shape is Shape.ERROR and self._was_too_late(prepared, answer.status):
            outcome, pause = OutcomeClass.WAIT, _NO_PAUSE
        return Outcome(
            outcome=outcome,
            message=message.strip()[:500],
            status=answer.status,
            receipt=receipt,
            retry_after=pause,
            contradicts=shape is Shape.FOREIGN and outcome is OutcomeClass.UNKNOWN,
            answer=self._access.redactor.clean(answer.content[:_ANSWER_KEPT].decode("utf-8", "replace"))[:_ANSWER_KEPT],
        )

    def _was_too_late(self, prepared: PreparedWrite, status: int) -> bool:
        """Whether a refusal may come from the comparison that was asked of the server. Then the line is read once more.

        Which status a failed comparison has is not described. When the line is as it was and the same request is refused again, the
        comparison is not the reason.
        """
        if not writes.compares(prepared) or status not in _FAILED_TEST:
            return False
        again, self._refused = self._refused == prepared, prepared
        return not again


def _version(info: CompanyInfo | None) -> str:
    version = ((info.version_number if info else None) or "").strip()[:40]
    return f"version {version.removeprefix('v')}" if version else ""


async def _build(connection: Connection, context: BuildContext) -> PsaPort:
    return ConnectWise(connection, context)


async def _offers(connection: Connection, context: BuildContext) -> Mapping[str, tuple[str, ...]]:
    psa = ConnectWise(connection, context)
    try:
        return await psa.offers()
    finally:
        await psa.aclose()


SPEC = ConnectorSpec(
    key="connectwise",
    title=TITLE,
    role=Role.PSA,
    fields=FIELDS,
    build_psa=_build,
    codes=CODES,
    capabilities=Capabilities(
        writes=WriteSemantics.SET, creates_lines=True, sets_unit_cost=True, has_effective_dates=False, whole_units=False
    ),
    vocabulary={"company": "company", "contract": "agreement", "line": "addition", "service": "product"},
    contract_type=agreement_type,
    sku_field=lambda connection: "product ID",
    company_url=company_url,
    replaces=replaces,
    offers=_offers,
)
"""The registry's entry."""
