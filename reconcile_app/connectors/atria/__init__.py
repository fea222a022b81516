"""Atria, the billing source: its REST API for billing data (JSON over HTTPS, bearer token, read only).

Five calls below ``/api/Billing``: ``parameters``, ``{endDate}`` (summary), ``{endDate}/detail``, ``{endDate}/invoice`` and
``{endDate}/analysis``. A comparison takes three: the parameters and the invoices of two periods. What the answers mean is in
``names``, ``records``, ``invoice`` and ``answers``.
"""

import asyncio
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import pandas as pd

from reconcile_app.connectors.atria.answers import Parameters, as_percent, filter_name, only_customer, read_parameters, token_expiry
from reconcile_app.connectors.atria.invoice import read_invoice
from reconcile_app.connectors.atria.names import ANALYSIS, DETAIL, SUMMARY
from reconcile_app.connectors.atria.records import TITLE, text_table
from reconcile_app.connectors.http import Answer, ApiClient, ReadPolicy
from reconcile_app.core.errors import AnswerUnreadable, ConnectionFailed, PermissionDenied, SideUnreadable, SignInFailed
from reconcile_app.core.findings import Kind
from reconcile_app.core.frames import BILLED_LINES, REJECTED
from reconcile_app.core.period import Period
from reconcile_app.core.ports import BuildContext, CheckResult, ConnectorSpec, Fetched, PermissionCheck, Role
from reconcile_app.core.redact import Redactor
from reconcile_app.core.settings import Connection, SettingField

_PREFIXES = ("/api/Billing", "/API/api/Billing")
_DESCRIPTIONS = ("/API/swagger/v1/swagger.json", "/API/swagger/docs/v1", "/API/swagger/v1.0/swagger.json")
_ENTERED_TOO_MUCH = re.compile(r"(/api)?(/api(/billing)?)?/*$", re.IGNORECASE)
# A 500 is told at once: behind it stands a calculation of minutes that would only fail again.
_POLICY = ReadPolicy(attempts=4, read_timeout=300.0, total_timeout=360.0, retried=frozenset({502, 503, 504}))
_EXPIRES_SOON = timedelta(days=14)
_PERMISSION = "Service Provider Developer"
_GRANT = "In Atria: Users › select the user › Edit User › Account Settings › Advanced Options › tick Service Provider Developer."
_RENEW = "In Atria: My Account › API Tokens › Generate (older versions: Password › Generate API Access Token). Enter it here."


class Atria:
    """One Atria host, as a ``BillingPort``. ``parameters`` is asked once and kept for the life of the object."""

    def __init__(self, client: ApiClient, context: BuildContext, *, token_expires: datetime | None) -> None:
        self._client = client
        self._clock = context.clock
        self._expires = token_expires
        self._prefix = ""
        self._parameters: Parameters | None = None
        self._asking = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._description: bytes | None = None
        client.expect(3)

    def __repr__(self) -> str:
        return f"Atria({self._client!r})"

    @property
    def calls(self) -> int:
        """Requests made so far, retries included."""
        return self._client.calls

    async def aclose(self) -> None:
        """Release the connection."""
        await self._client.aclose()

    async def periods(self) -> list[Period]:
        """Every known period, newest first."""
        return list((await self._known()).periods)

    async def customers(self) -> Fetched:
        """``CUSTOMERS`` as ``parameters`` lists them."""
        known = await self._known()
        return Fetched(frame=known.customers, rejected=known.rejected)

    async def invoice(self, period: Period, customers: Collection[str] = ()) -> Fetched:
        """``BILLED_LINES`` of the period. Codes are compared here, exactly but for case: whether Atria filters is not known."""
        source = f"invoice {period.end.isoformat()}"
        answer = await self._ask(f"/{period.end.isoformat()}/invoice", "invoice", allow=frozenset({404}))
        if answer.status == 404:
            return Fetched(frame=BILLED_LINES.empty(), rejected=REJECTED.empty())
        # One after the other: two at once would take no less time and leave the window's thread a third of its turns.
        async with self._reading:
            fetched = await asyncio.to_thread(read_invoice, answer.content, source, customers)
        self._client.report("invoice", len(fetched.frame), 1, 1)
        return fetched

    async def summary(self, period: Period) -> pd.DataFrame:
        """This month, last month and the difference for each customer, SKU and summary text."""
        answer = await self._ask(f"/{period.end.isoformat()}", "summary", params={"AggregateByCustomer": "true"})
        return await asyncio.to_thread(text_table, answer.content, SUMMARY)

    async def detail(self, period: Period, customer: str) -> pd.DataFrame:
        """User-level rows of a customer, non-billable ones with their reason included."""
        return await self._evidence(period, "/detail", customer, DETAIL)

    async def analysis(self, period: Period, customer: str) -> pd.DataFrame:
        """As ``detail``, with address, payer and the share of the period in percent."""
        return as_percent(await self._evidence(period, "/analysis", customer, ANALYSIS), period)

    async def check(self) -> list[PermissionCheck]:
        """Reachability, token, permission and what there is to read.

        Raises:
            ConnectionFailed: the host could not be reached or is not Atria.
            SignInFailed: the token was refused.
        """
        checks = [self._token_check()]
        needed = "read billing periods, customers and invoices"
        self._parameters = None
        try:
            known = await self._known()
        except PermissionDenied as error:
            reached = _reached(self._client)
            return [
                reached,
                *checks,
                PermissionCheck(
                    name=_PERMISSION, needed_for=needed, result=CheckResult.MISSING, grant=_GRANT, detail=error.happened
                ),
            ]
        found = f"{len(known.periods)} billing periods, {len(known.customers)} customers"
        newest = f"; newest period {known.periods[0].start} to {known.periods[0].end}" if known.periods else ""
        return [
            _reached(self._client),
            *checks,
            PermissionCheck(name=_PERMISSION, needed_for=needed, result=CheckResult.OK, detail=f"{found}{newest}."),
        ]

    def _token_check(self) -> PermissionCheck:
        needed = "sign in"
        if self._expires is None:
            return PermissionCheck(
                name="API token",
                needed_for=needed,
                result=CheckResult.CANNOT_TELL,
                detail="The token does not tell when it expires; Atria's API Tokens page does.",
            )
        left = self._expires - self._clock.now()
        day = self._expires.date().isoformat()
        if left <= timedelta(0):
            return PermissionCheck(
                name="API token", needed_for=needed, result=CheckResult.MISSING, grant=_RENEW, detail=f"The token expired on {day}."
            )
        soon = left <= _EXPIRES_SOON
        detail = f"The token expires on {day}" + (f", in {left.days} days. Replace it before then." if soon else ".")
        grant = _RENEW if soon else ""
        return PermissionCheck(name="API token", needed_for=needed, result=CheckResult.OK, grant=grant, detail=detail)

    # Asking

    async def _known(self) -> Parameters:
        async with self._asking:
            if self._parameters is None:
                answer = await self._find()
                self._parameters = await asyncio.to_thread(read_parameters, answer.content)
                self._client.report("parameters", len(self._parameters.customers), 1, 1)
            return self._parameters

    async def _find(self) -> Answer:
        """``parameters`` under the usual prefix, or under the doubled one of an Atria that is mounted at ``/API``."""
        for prefix in (self._prefix,) if self._prefix else _PREFIXES:
            answer = await self._read(f"{prefix}/parameters", "parameters", allow=frozenset({404}))
            if answer.status != 404:
                self._prefix = prefix
                return answer
        raise ConnectionFailed(
            f"{TITLE} could not be read.",
            f"There is no billing API at {self._client.origin.text}{self._client.origin.prefix}.",
            meaning="Nothing was read. What could not be read is unknown, not zero.",
            kind=Kind.BILLING_UNREACHABLE,
            next_step="Check the address; it is the one of Atria's own pages. The billing API needs Atria 12.11 or later.",
        )

    async def _ask(
        self, path: str, entity: str, *, params: Mapping[str, str] | None = None, allow: frozenset[int] = frozenset()
    ) -> Answer:
        await self._known()
        return await self._read(self._prefix + path, entity, params=params, allow=allow)

    async def _read(
        self, path: str, entity: str, *, params: Mapping[str, str] | None = None, allow: frozenset[int] = frozenset()
    ) -> Answer:
        try:
            return await self._client.read("GET", path, entity=entity, params=params, allow=allow)
        except SignInFailed as error:
            raise self._refused_token(error) from error
        except PermissionDenied as error:
            raise _not_allowed(error) from error

    def _refused_token(self, error: SignInFailed) -> SignInFailed:
        expired = self._expires is not None and self._expires <= self._clock.now()
        why = (
            f"The token expired on {self._expires.date().isoformat()}."
            if expired and self._expires
            else ("The token is unknown, was deleted or replaced, or its user is disabled in Atria.")
        )
        return SignInFailed(error.title, why, meaning=error.meaning, next_step=_RENEW, details=error.happened, kind=error.kind)

    async def _evidence(self, period: Period, call: str, customer: str, columns: tuple[str, ...]) -> pd.DataFrame:
        name = await self._filter_name(call)
        params = {name: customer} if name else None
        answer = await self._ask(f"/{period.end.isoformat()}{call}", call.strip("/"), params=params)
        return only_customer(await asyncio.to_thread(text_table, answer.content, columns), customer)

    async def _filter_name(self, call: str) -> str | None:
        """How this Atria calls its customer filter. Rows are filtered here anyway, so a wrong guess only costs time."""
        if self._description is None:
            self._description = await self._read_description()
        try:
            return filter_name(self._description, call, "customer") if self._description else "customer"
        except AnswerUnreadable:
            return "customer"

    async def _read_description(self) -> bytes:
        for path in _DESCRIPTIONS:
            try:
                answer = await self._client.read("GET", path, entity="description")
            except SideUnreadable:
                continue
            return answer.content
        return b""


def _reached(client: ApiClient) -> PermissionCheck:
    secured = "TLS, certificate checked" if client.origin.scheme == "https" else "this computer, without TLS"
    return PermissionCheck(
        name="Connection", needed_for="reach Atria", result=CheckResult.OK, detail=f"{client.origin.authority} answers ({secured})."
    )


def _not_allowed(error: PermissionDenied) -> PermissionDenied:
    return PermissionDenied(
        error.title,
        f"The token's user lacks the permission {_PERMISSION}.",
        meaning=error.meaning,
        next_step=_GRANT,
        details=error.happened,
        kind=error.kind,
        subject=_PERMISSION,
    )


async def build(connection: Connection, context: BuildContext) -> Atria:
    """Atria as the connection says; nothing is sent yet.

    Raises:
        SettingsError: the address cannot be used.
    """
    secret = connection.secrets.get("token")
    token = secret.reveal().strip() if secret else ""

    def headers() -> dict[str, str]:
        return {"Authorization": f"Bearer {token}"}

    client = ApiClient(
        origin=_ENTERED_TOO_MUCH.sub("", connection.value("base_url")),
        side="billing",
        title=TITLE,
        clock=context.clock,
        progress=context.progress,
        redactor=Redactor([token]),
        headers=headers,
        policy=_POLICY,
        ca_file=connection.value("ca_file"),
    )
    return Atria(client, context, token_expires=token_expiry(token))


SPEC = ConnectorSpec(
    key="atria",
    title=TITLE,
    role=Role.BILLING,
    fields=(
        SettingField(
            name="base_url",
            label="Address",
            required=True,
            help="The address of your Atria web host, such as https://atria.example.net.",
        ),
        SettingField(
            name="token",
            label="API token",
            secret=True,
            required=True,
            log_name="Token",
            help="Atria shows it once: My Account › API Tokens › Generate. Its user needs Service Provider Developer.",
        ),
        SettingField(
            name="customer_key",
            label="Match by",
            default="customer",
            choices=("customer", "bill_to"),
            help="Whose Billing Identifier leads to the company: the customer that consumes, or the one that pays.",
        ),
        SettingField(
            name="ca_file",
            label="CA file",
            help="Only for a certificate of your own authority: a PEM file with that authority's certificate.",
        ),
    ),
    build_billing=build,
    vocabulary={"company": "customer", "line": "billing record", "service": "product"},
)
