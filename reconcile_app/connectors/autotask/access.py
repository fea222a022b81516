"""The way into one Autotask tenant: its zone, its sign-in, and queries that are read whole or reported as unread."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime

from reconcile_app.connectors.autotask.batches import A, Batches, FanOut, Gathered, Id, Walk, counts
from reconcile_app.connectors.autotask.keys import Keys, api_origin
from reconcile_app.connectors.autotask.wire import (
    PAGE,
    TITLE,
    Count,
    PageRead,
    R,
    Zone,
    count_body,
    decode_once,
    error_texts,
    is_crowded,
    read_page,
)
from reconcile_app.connectors.http import Answer, ApiClient, ReadPolicy
from reconcile_app.connectors.origin import Origin
from reconcile_app.connectors.together import together
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

POLICY = ReadPolicy(parallel_per_entity=3)
"""Three requests at a time for each entity is what the API allows."""

_JUDGED_HERE = frozenset({401, 403, 500})
_MOST_PAGES = 10_000
_MOST_PAGES_WITHOUT_NEWS = 3
_UNKNOWN = "Nothing was changed. What could not be read is unknown, not zero."


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
        zone = decode_once(answer.content, Zone)
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

    async def query(self, entity: str, row: type[R], body: bytes, *, counted: bool = True) -> PageRead[R]:
        """All pages of one query, each row once.

        A list of several pages is counted afterwards, unless the caller has other means: a page left out shows in nothing else.

        Raises:
            SideUnreadable: a page is missing, the list does not end, or it changed while it was read, twice.
        """
        happened = ""
        for _ in range(2):
            client = await self.client()
            try:
                walk = await self._walk(entity, row, body)
                happened = await self._why_not_whole(entity, body, walk, counted)
            except ConnectionFailed as error:
                # The next page was still at the address that the tenant has left meanwhile.
                if client is self._client:
                    raise
                happened = error.reason
            if not happened:
                return PageRead(rows=list(walk.rows.values()), faults=list(walk.faults.values()), next_url="")
        raise _unreadable(happened)

    async def _why_not_whole(self, entity: str, body: bytes, walk: Walk[R], counted: bool) -> str:
        if not walk.steady:
            return f"The list of {entity} changed while it was read."
        if not counted or (walk.pages == 1 and walk.came < PAGE):
            return ""
        there = await self.count(entity, body)
        return "" if there == walk.came else f"{entity}: {there} rows in all; {walk.came} came over {walk.pages} pages."

    async def count(self, entity: str, body: bytes) -> int:
        """How many rows a query finds in all, whatever its pages hold; errors as ``read``."""
        answer = await self.read("POST", f"/{entity}/query/count", entity=entity, body=count_body(body))
        return decode_once(answer.content, Count).query_count

    async def _walk(self, entity: str, row: type[R], body: bytes) -> Walk[R]:
        walk, cursors, silent = Walk[R](), set[str](), 0
        answer = await self.read("POST", f"/{entity}/query", entity=entity, body=body)
        while True:
            page = read_page(answer.content, row, f"{entity}/query")
            silent = 0 if walk.take(page) else silent + 1
            self._report(entity, len(walk.rows), walk.pages)
            if not page.next_url:
                return walk
            if page.next_url in cursors or walk.pages >= _MOST_PAGES or silent >= _MOST_PAGES_WITHOUT_NEWS:
                raise _unreadable(f"The list of {entity} does not end; stopped after page {walk.pages}.")
            cursors.add(page.next_url)
            answer = await self._next(entity, page.next_url, body)

    async def _next(self, entity: str, url: str, body: bytes) -> Answer:
        # A query that was posted is paged by posting the same body; a GET of the cursor answers 405.
        return await self._allowed(
            entity, lambda client, allow: client.read_url(url, method="POST", entity=entity, body=body, allow=allow)
        )

    async def gather(
        self,
        entity: str,
        row: type[R],
        ids: Iterable[Id],
        body: Callable[[Sequence[Id]], bytes],
        *,
        key: str,
        fan_out: FanOut,
        counted: bool = True,
    ) -> Gathered[R, Id]:
        """A query over many ids, in batches side by side. ``key`` is the API's name of the field that the ids stand for.

        Raises:
            SideUnreadable: sign-in or permission refused, or no batch at all could be read.
        """
        asked = sorted(set(ids))
        batches = Batches(ids=list(asked), fan_out=fan_out)
        gathered: Gathered[R, Id] = Gathered()

        async def work() -> None:
            while batch := batches.following():
                self._ahead[entity] = batches.ahead
                page = await self._attempt(self.query(entity, row, body(batch), counted=counted))
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
        if counted:
            await self._count_absent(entity, gathered, asked, body, key)
        return gathered

    async def _count_absent(
        self, entity: str, gathered: Gathered[R, Id], asked: Sequence[Id], body: Callable[[Sequence[Id]], bytes], key: str
    ) -> None:
        """Ids that brought no row: either there is none, or it was left out."""
        absent = gathered.absent(asked, key)
        for batch in (absent[start : start + PAGE] for start in range(0, len(absent), PAGE)):
            there = await self._attempt(self.count(entity, body(batch)))
            if isinstance(there, SideUnreadable):
                gathered.lose(batch, there)
            elif there:
                gathered.lose(batch, _unreadable(f"{entity}: {there} rows are there and did not come."))

    async def _attempt(self, asking: Awaitable[A]) -> A | SideUnreadable:
        """One query; why it could not be read is a value, unless it concerns every query."""
        try:
            return await asking
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
