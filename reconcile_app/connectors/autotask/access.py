"""The way into one Autotask tenant: its zone, its sign-in, and queries that are read whole or reported as unread."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconcile_app.connectors.autotask.batches import Batches, FanOut, Gathered, Id, counts, together
from reconcile_app.connectors.autotask.wire import TITLE, Fault, PageRead, R, Zone, error_texts, is_crowded, read_page
from reconcile_app.connectors.http import Answer, ApiClient, ReadPolicy, decode
from reconcile_app.connectors.origin import Origin
from reconcile_app.core.errors import (
    AnswerUnreadable,
    ConnectionFailed,
    PermissionDenied,
    ReconcileError,
    SideUnreadable,
    SignInFailed,
)
from reconcile_app.core.findings import Kind
from reconcile_app.core.ports import BuildContext
from reconcile_app.core.redact import Redactor
from reconcile_app.core.settings import Secret

LOOKUP = "https://webservices.autotask.net"
"""Where the vendor tells the zone of a user."""

POLICY = ReadPolicy(parallel_per_entity=3)
"""Three requests at a time for each entity is what the API allows."""

_VERSION = "V1.0"
_JUDGED_HERE = frozenset({401, 403, 500})
_MOST_PAGES = 10_000
_MOST_PAGES_WITHOUT_NEWS = 3
_UNKNOWN = "Nothing was changed. What could not be read is unknown, not zero."


def api_origin(address: str) -> str:
    """The address below which the entities live: an address without a path gets the usual one; the version is pinned to V1.0.

    Later versions are announced by the API and do not answer yet.
    """
    address = address.strip().rstrip("/")
    if address.casefold().endswith("/v1.0"):
        address = address[: -len("/v1.0")].rstrip("/")
    host = address.partition("://")[2]
    return f"{address}/{_VERSION}" if "/" in host else f"{address}/ATServicesRest/{_VERSION}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The three keys of an API user, and the users that the zone is asked for."""

    username: Secret
    secret: Secret
    integration_code: Secret

    def headers(self) -> Mapping[str, str]:
        """The sign-in of every request but the look-up of the zone."""
        return {
            "ApiIntegrationCode": self.integration_code.reveal(),
            "UserName": self.username.reveal(),
            "Secret": self.secret.reveal(),
        }


class Access:
    """One tenant's REST API.

    Args:
        address: the zone's address, or empty to look it up.
        lookup: where to look it up.
        zone_user: the user whose zone is asked for.
        client: makes an HTTP client.

    Raises:
        SettingsError: an address cannot be used.
    """

    def __init__(
        self,
        *,
        address: str,
        lookup: str,
        zone_user: str,
        keys: Keys,
        context: BuildContext,
        client: Callable[..., ApiClient] = ApiClient,
    ) -> None:
        self._keys, self._context, self._make, self._zone_user = keys, context, client, zone_user
        self.redactor = Redactor([key.reveal() for key in (keys.username, keys.secret, keys.integration_code)])
        self._lookup = self._open(lookup, signed=False)
        self._client = self._open(api_origin(address)) if address else None
        self._discovers = not address
        self._zone_url = ""
        self._found: Zone | None = None
        self._left: list[ApiClient] = []
        self._finding = asyncio.Lock()
        self._ahead: dict[str, int] = {}

    def _open(self, origin: str, *, signed: bool = True) -> ApiClient:
        return self._make(
            origin=origin,
            side="psa",
            title=TITLE,
            clock=self._context.clock,
            progress=self._context.progress,
            redactor=self.redactor,
            headers=self._keys.headers if signed else dict,
            policy=POLICY,
            busy=is_crowded,
        )

    @property
    def calls(self) -> int:
        """Requests made so far, looking up the zone included."""
        return sum(client.calls for client in self._clients())

    def _clients(self) -> list[ApiClient]:
        return [self._lookup, *self._left, *([self._client] if self._client else [])]

    @property
    def server_date(self) -> datetime | None:
        """The latest ``Date`` that a server of the vendor sent."""
        return max((client.last_server_date for client in self._clients() if client.last_server_date), default=None)

    async def aclose(self) -> None:
        """Close every connection."""
        for client in self._clients():
            await client.aclose()

    # Zone

    @property
    def loopback(self) -> bool:
        """Whether the tenant is a simulator on this computer."""
        return (self._lookup if self._discovers or self._client is None else self._client).origin.loopback

    @property
    def may_look_up(self) -> bool:
        """Whether the look-up belongs to the same world as the tenant: a simulator is never asked about at the vendor's."""
        return self._discovers or self._lookup.origin.loopback == self.loopback

    async def client(self) -> ApiClient:
        """The tenant's client; finds the zone first where it is not known."""
        async with self._finding:
            if self._client is None:
                self._found = await self.zone(self._zone_user)
                self._zone_url = self._found.url
                self._client = self._open(api_origin(self._zone_url))
            return self._client

    async def zone_of(self, user: str) -> Zone:
        """As ``zone``, but what was asked to find the tenant is not asked a second time at once."""
        found, self._found = self._found, None
        return found if found is not None and user == self._zone_user else await self.zone(user)

    async def zone(self, user: str) -> Zone:
        """Where a user's tenant lives (``zoneInformation``; needs no keys).

        Raises:
            SignInFailed: the user is not known.
            ConnectionFailed: the zone is at an address that is not the vendor's.
        """
        answer = await self._lookup.read(
            "GET", "/atservicesrest/v1.0/zoneInformation", entity="zoneInformation", params={"user": user}, allow=frozenset({500})
        )
        if answer.status == 500:
            raise SignInFailed(
                "Autotask does not know this user.",
                self.quote(answer),
                meaning=_UNKNOWN,
                kind=Kind.PSA_UNREACHABLE,
                next_step="Check the zone user and the user name of the connection, or enter the address of your zone as Base URL.",
            )
        zone = decode(answer.content, Zone, title=TITLE)
        self._check_zone(zone.url)
        return zone

    def _check_zone(self, url: str) -> None:
        try:
            origin = Origin.parse(url, TITLE)
        except ReconcileError as error:
            raise _refused_zone(url) from error
        vendor = origin.scheme == "https" and origin.port == 443 and origin.host.endswith(".autotask.net")
        if not (vendor or (origin.loopback and self._lookup.origin.loopback)):
            raise _refused_zone(url)

    async def find_again(self, since: ApiClient | None = None) -> bool:
        """Look the zone up again, after a refused sign-in: a tenant may have moved. Says whether there is another address now."""
        async with self._finding:
            if since is not None and since is not self._client:
                return True
            if not self._discovers or self._client is None:
                return False
            url = (await self.zone(self._zone_user)).url
            if url == self._zone_url:
                return False
            self._left.append(self._client)
            self._zone_url, self._client = url, self._open(api_origin(url))
            return True

    # Reading

    async def read(self, method: str, path: str, *, entity: str, body: bytes | None = None) -> Answer:
        """A request that changes nothing.

        Raises:
            SideUnreadable: every end but success.
        """
        return await self._allowed(entity, lambda client, allow: client.read(method, path, entity=entity, body=body, allow=allow))

    async def _allowed(self, entity: str, ask: Callable[[ApiClient, frozenset[int]], Awaitable[Answer]]) -> Answer:
        """``_signed``, with a refused permission named as the rights of the API user name it."""
        try:
            return await self._signed(ask)
        except PermissionDenied as error:
            error.subject = f"{entity}: query"
            raise

    async def _signed(self, ask: Callable[[ApiClient, frozenset[int]], Awaitable[Answer]]) -> Answer:
        client = await self.client()
        answer = await ask(client, _JUDGED_HERE)
        if answer.status == 401 and await self.find_again(client):
            client = await self.client()
            answer = await ask(client, _JUDGED_HERE)
        if answer.status == 500 and not error_texts(answer.content):
            # Only a 500 with a list of errors is a verdict; anything else is a server that stumbled, and may be asked again.
            answer = await ask(client, _JUDGED_HERE - {500})
        if answer.status not in _JUDGED_HERE:
            return answer
        raise self._refusal(answer)

    def _refusal(self, answer: Answer) -> SideUnreadable:
        said = self.quote(answer)
        if answer.status == 401 or "integrationcode is invalid" in said.casefold():
            return SignInFailed(
                "Autotask refused the sign-in.",
                said,
                meaning=_UNKNOWN,
                kind=Kind.PSA_UNREACHABLE,
                next_step="Check user name, secret and integration code, and that the user has an API-only license and is active.",
            )
        if answer.status == 403 or "adequate permissions" in said.casefold():
            return PermissionDenied(
                "Autotask does not allow this.",
                said,
                meaning=_UNKNOWN,
                kind=Kind.PSA_UNREACHABLE,
                next_step="Run Test and verify permissions; it names what to grant.",
            )
        return ConnectionFailed(
            "Autotask could not be read.",
            f"It answered with an error (500). {said}".strip(),
            meaning=_UNKNOWN,
            next_step="Try again later; if it stays so, use Copy details and ask Autotask's support.",
            kind=Kind.PSA_UNREACHABLE,
        )

    def quote(self, answer: Answer) -> str:
        """What Autotask said, redacted, at most 500 characters."""
        texts = error_texts(answer.content)
        return " ".join(self.redactor.clean(" ".join(texts)).split())[:500] if texts else self._lookup.quote(answer)

    # Queries

    async def query(self, entity: str, row: type[R], body: bytes) -> PageRead[R]:
        """All pages of one query, each row once.

        Raises:
            SideUnreadable: a page is missing, the list does not end, or it changed while it was read, twice.
        """
        for _ in range(2):
            rows, faults, steady = await self._walk(entity, row, body)
            if steady:
                return PageRead(rows=list(rows.values()), faults=faults, next_url="")
        raise _unreadable(f"The list of {entity} changed while it was read.")

    async def _walk(self, entity: str, row: type[R], body: bytes) -> tuple[dict[int, R], list[Fault], bool]:
        rows: dict[int, R] = {}
        faults: dict[tuple[str, str], Fault] = {}
        steady = True
        cursors: set[str] = set()
        silent = 0
        answer = await self.read("POST", f"/{entity}/query", entity=entity, body=body)
        while True:
            page = read_page(answer.content, row, f"{entity}/query")
            known = len(rows) + len(faults)
            for each in page.rows:
                steady = steady and rows.setdefault(each.id, each) == each
            faults |= {(fault.raw, fault.reason): fault for fault in page.faults}
            silent = silent + 1 if len(rows) + len(faults) == known else 0
            self._report(entity, len(rows), len(cursors) + 1)
            if not page.next_url:
                return rows, list(faults.values()), steady
            if page.next_url in cursors or len(cursors) + 1 >= _MOST_PAGES or silent >= _MOST_PAGES_WITHOUT_NEWS:
                raise _unreadable(f"The list of {entity} does not end; stopped after page {len(cursors) + 1}.")
            cursors.add(page.next_url)
            answer = await self._next(entity, page.next_url, body)

    async def _next(self, entity: str, url: str, body: bytes) -> Answer:
        # A query that was posted is paged by posting the same body; a GET of the cursor answers 405.
        return await self._allowed(
            entity, lambda client, allow: client.read_url(url, method="POST", entity=entity, body=body, allow=allow)
        )

    async def gather(
        self, entity: str, row: type[R], ids: Iterable[Id], body: Callable[[Sequence[Id]], bytes], *, key: str, fan_out: FanOut
    ) -> Gathered[R, Id]:
        """A query over many ids, in batches side by side. ``key`` is the API's name of the field that the ids stand for.

        Raises:
            SideUnreadable: sign-in or permission refused, or no batch at all could be read.
        """
        batches = Batches(ids=sorted(set(ids)), fan_out=fan_out)
        gathered: Gathered[R, Id] = Gathered()

        async def work() -> None:
            while batch := batches.following():
                self._ahead[entity] = batches.ahead
                page = await self._attempt(entity, row, body(batch))
                if isinstance(page, SideUnreadable):
                    batches.failed += 1
                    gathered.lose(batch, page)
                else:
                    batches.read += 1
                    gathered.take(batch, page.rows, page.faults, key)
                    fan_out.learn(counts(batch, page.rows, key))

        while batches.go_on:
            await together(*(work() for _ in range(POLICY.parallel_per_entity)))
        self._ahead.pop(entity, None)
        if gathered.error is not None:
            if not batches.read:
                raise gathered.error
            gathered.lose(batches.ids, gathered.error)
        return gathered

    async def _attempt(self, entity: str, row: type[R], body: bytes) -> PageRead[R] | SideUnreadable:
        """One query; why it could not be read is a value, unless it concerns every query."""
        try:
            return await self.query(entity, row, body)
        except (SignInFailed, PermissionDenied):
            raise
        except SideUnreadable as error:
            return error

    def _report(self, entity: str, rows: int, page: int) -> None:
        if self._client is not None:
            self._client.expect(self._client.calls + sum(self._ahead.values()))
            self._client.report(entity, rows, page)


def _unreadable(happened: str) -> AnswerUnreadable:
    return AnswerUnreadable(f"Unreadable answer from {TITLE}.", happened, meaning=_UNKNOWN, next_step="Compare again.")


def _refused_zone(url: str) -> ConnectionFailed:
    return ConnectionFailed(
        "The address of the zone was refused.",
        f"The look-up gave {url[:100]!a}, which is not an https address of autotask.net.",
        meaning="Nothing was sent there.",
        next_step="Check the zone look-up address, or enter the address of your zone as Base URL.",
        kind=Kind.PSA_UNREACHABLE,
    )
