"""The one door to the network: reads that are retried, writes that are sent exactly once.

Every request goes to the connection's own origin, its credentials are attached after that has been made sure of, and every
foreign error leaves as a ``ReconcileError``.
"""

import asyncio
import contextlib
import random
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy

import anyio.streams.tls  # noqa: F401 - as httpcore
import httpcore  # noqa: F401 - httpx imports it with the first request only, which would be on the window's thread
import httpx
import stamina

from reconcile_app import __version__
from reconcile_app.connectors.decode import decode
from reconcile_app.connectors.exchange import Answer, ReadPolicy, WritePolicy
from reconcile_app.connectors.lanes import Lane
from reconcile_app.connectors.origin import Origin
from reconcile_app.connectors.pace import Pace
from reconcile_app.connectors.refusals import Phase, Refusals, Trouble
from reconcile_app.connectors.streams import NetworkTransport, said_too_much
from reconcile_app.connectors.tls import make_context, plain_context
from reconcile_app.core.errors import ConnectionFailed, ReconcileError, SettingsError
from reconcile_app.core.judge import Transport, parse_retry_after
from reconcile_app.core.ports import Clock, PreparedWrite, Progress, ProgressSink
from reconcile_app.core.redact import Redactor

__all__ = ["Answer", "ApiClient", "ReadPolicy", "WritePolicy", "decode"]

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 3
_USUAL = ReadPolicy()
_USUAL_WRITES = WritePolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    method: str
    target: str
    entity: str
    body: bytes | None
    expect_json: bool
    allow: frozenset[int]


def _nobody_is_busy(answer: Answer) -> bool:
    return False


class ApiClient:
    """One connection's requests.

    Args:
        origin: ``https://host[:port]``, optionally with a path that every request path is appended to; ``http://`` for
            loopback only.
        side: ``billing`` or ``psa``, as progress and errors name it.
        title: the system's name for people.
        headers: gives the credentials; called for each request, after its address has been checked.
        policy: how reads are made.
        writing: how writes are made.
        busy: recognises an answer that means "too many requests at once" though its status does not say so.
        transport: replaces the network, in tests.

    Raises:
        SettingsError: the origin cannot be used.
    """

    def __init__(
        self,
        *,
        origin: str,
        side: str,
        title: str,
        clock: Clock,
        progress: ProgressSink,
        redactor: Redactor,
        headers: Callable[[], Mapping[str, str]],
        policy: ReadPolicy = _USUAL,
        writing: WritePolicy = _USUAL_WRITES,
        ca_file: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
        busy: Callable[[Answer], bool] = _nobody_is_busy,
    ) -> None:
        self._origin = Origin.parse(origin, title)
        self._side, self._title, self._clock, self._progress = side, title, clock, progress
        self._refusals = Refusals(title, self._origin.authority, side, redactor)
        self._headers, self._policy, self._writing, self._busy = headers, policy, writing, busy
        self._ca_file, self._transport = ca_file, transport
        self._pace = Pace(clock, policy.calls_per_second, self._tell_wait, policy.unnamed_wait)
        self._lanes: dict[str, Lane] = {}
        self._clients: dict[bool, httpx.AsyncClient] = {}
        self._context: ssl.SSLContext | None = None
        self._opening = asyncio.Lock()
        self._closed = False
        self._expected = self.calls = 0
        self.last_server_date: datetime | None = None
        self.last_fault = ""

    def __repr__(self) -> str:
        return f"ApiClient({self._origin.text})"

    @property
    def origin(self) -> Origin:
        """Where this connection leads."""
        return self._origin

    def quote(self, answer: Answer) -> str:
        """The server's own words in an answer: redacted, one line, at most 500 characters, nothing of a page."""
        return self._refusals.quote(answer.content, answer.content_type)

    # Progress

    def expect(self, calls: int) -> None:
        """Tell how many calls the reading will take in all, as far as is known now."""
        self._expected = calls

    def report(self, entity: str, rows: int, page: int = 0, pages: int = 0) -> None:
        """Tell how far the reading of an entity is."""
        self._progress(
            Progress(
                side=self._side,
                entity=entity,
                rows=rows,
                page=page,
                pages=pages,
                calls=self.calls,
                calls_expected=max(self._expected, self.calls),
            )
        )

    # Reading

    async def read(
        self,
        method: str,
        path: str,
        *,
        entity: str,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        expect_json: bool = True,
        allow: frozenset[int] = frozenset(),
    ) -> Answer:
        """Make a request that changes nothing, again where that helps.

        Returns successes, and the statuses of ``allow`` at once and unjudged.

        Raises:
            SideUnreadable: every other end, in words.
            ValueError: ``path`` is no path below the origin, which is a fault of the caller.
        """
        return await self._read(
            _Read(
                method=method,
                target=self._origin.target(path, params),
                entity=entity,
                body=body,
                expect_json=expect_json,
                allow=allow,
            )
        )

    async def read_url(
        self,
        url: str,
        *,
        entity: str,
        method: str = "GET",
        body: bytes | None = None,
        expect_json: bool = True,
        allow: frozenset[int] = frozenset(),
    ) -> Answer:
        """``read`` of an address the server gave, such as a next page; on our own origin only.

        Raises:
            ConnectionFailed: it leads elsewhere; no byte was sent there.
        """
        path = self._origin.follow(url, self._title)
        return await self.read(method, path, entity=entity, body=body, expect_json=expect_json, allow=allow)

    async def _read(self, request: _Read) -> Answer:
        lane = self._lanes.setdefault(request.entity, Lane(self._policy.parallel_per_entity))
        async with lane.place():
            try:
                return await self._retried(request, lane)
            except Trouble as trouble:
                raise trouble.error from trouble.__cause__

    async def _retried(self, request: _Read, lane: Lane) -> Answer:
        pause = 0.0
        # stamina counts and computes; the waiting is done here, on our clock and shared by all lanes where the server asks for it.
        attempts = stamina.retry_context(_another, attempts=self._policy.attempts, timeout=None, wait_initial=0.5, wait_max=30.0)
        async for attempt in attempts:
            with attempt:
                if pause:
                    await self._clock.sleep(pause)
                try:
                    return await self._followed(request)
                except Trouble as trouble:
                    if attempt.num >= trouble.tries:
                        trouble.tries = 0
                    pause = self._pause(trouble, attempt.num, attempt.next_wait)
                    if trouble.crowded:
                        lane.narrow()
                    raise
        raise AssertionError("stamina always makes an attempt")

    def _pause(self, trouble: Trouble, number: int, usual: float) -> float:
        """Seconds before the next attempt; a wait that the server asked for holds back every request instead."""
        if not trouble.rate:
            return random.uniform(0.0, usual)  # noqa: S311 - spreads load, guards nothing
        self._pace.hold(trouble.wait, number)
        return 0.0

    async def _followed(self, request: _Read) -> Answer:
        target = request.target
        for _ in range(_MOST_REDIRECTS + 1):
            answer = await self._once(request, target)
            if answer.status not in _REDIRECTS or answer.status in request.allow:
                return self._judged(request, answer)
            target = self._redirected(request, target, answer.headers.get("location", ""))
        raise Trouble(self._refusals.redirect("one page after another"))

    def _redirected(self, request: _Read, target: str, location: str) -> str:
        try:
            if request.method != "GET" or not location:
                raise Trouble(self._refusals.redirect(location[:100]))
            return self._origin.target(self._origin.follow(location, self._title, since=target))
        except ConnectionFailed as error:
            raise Trouble(self._refusals.redirect(error.title.partition(" to ")[2].partition(";")[0])) from error

    async def _once(self, request: _Read, target: str) -> Answer:
        await self._pace.turn()
        client = await self._client(writes=False)
        times = httpx.Timeout(self._policy.read_timeout, connect=self._policy.connect_timeout, pool=None)
        built = self._build(client, request.method, target, request.body, {}, times)
        return await self._exchange(client, built, self._policy.total_timeout)

    def _judged(self, request: _Read, answer: Answer) -> Answer:
        if self._busy(answer):
            raise self._refused(answer, 429, crowded=True)
        if answer.status != 429:
            self._pace.answered()
        if answer.status in request.allow:
            return answer
        if not 200 <= answer.status < 300:
            raise self._refused(answer, answer.status)
        if request.expect_json and answer.content and not answer.is_json:
            raise Trouble(self._refusals.content_type(answer.content, answer.content_type))
        return answer

    def _refused(self, answer: Answer, status: int, *, crowded: bool = False) -> Trouble:
        error = self._refusals.status(status, answer.content, answer.content_type, path=answer.path)
        if status == 429:
            wait = parse_retry_after(answer.headers.get("retry-after", ""), self._clock.now())
            return Trouble(error, tries=self._policy.attempts, wait=wait, rate=True, crowded=crowded)
        if status not in self._policy.retried:
            return Trouble(error)
        return Trouble(error, tries=self._policy.attempts if status != 500 else 3)

    def _tell_wait(self, seconds: float, asked: bool) -> None:
        title = self._title
        self.report(f"waiting {seconds:.0f} s, as {title} asks" if asked else f"paused {seconds:.0f} s: rate limit of {title}", 0)

    # Writing

    async def send(self, prepared: PreparedWrite, *, content_type: str = "application/json") -> Answer | Transport:
        """Transmit a write exactly once: no retry, no redirect, no kept connection, one deadline.

        Never raises for what the wire does. ``last_fault`` then says in words what happened.
        """
        self.last_fault = ""
        try:
            client = await self._client(writes=True)
            extra = {"Content-Type": content_type, "Connection": "close"}
            target = self._origin.target(prepared.path)
            built = self._build(client, prepared.method, target, prepared.body, extra, self._write_times)
        except (ReconcileError, ValueError) as error:
            return self._lost(error, Transport.NEVER_LEFT)
        try:
            return await self._exchange(client, built, self._writing.total_timeout)
        except Trouble as trouble:
            return self._lost(trouble.error, Transport.NEVER_LEFT if trouble.phase is Phase.CONNECTING else Transport.BROKEN)
        except Exception as error:  # noqa: BLE001 - whatever breaks after the request may have left proves nothing about it
            return self._lost(error, Transport.BROKEN)

    @property
    def _write_times(self) -> httpx.Timeout:
        times = self._writing
        return httpx.Timeout(
            times.read_timeout, connect=times.connect_timeout, pool=times.connect_timeout, write=times.write_timeout
        )

    def _lost(self, error: Exception, transport: Transport) -> Transport:
        self.last_fault = error.reason if isinstance(error, ReconcileError) else f"Unexpected: {type(error).__name__}."
        return transport

    # The wire

    def _build(
        self,
        client: httpx.AsyncClient,
        method: str,
        target: str,
        body: bytes | None,
        extra: Mapping[str, str],
        times: httpx.Timeout,
    ) -> httpx.Request:
        headers = {**({} if body is None else {"Content-Type": "application/json"}), **extra, **self._headers()}
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise SettingsError(
                f"A key of {self._title} cannot be sent.",
                "It holds a line break or a character that no key has.",
                meaning="Nothing was sent.",
                next_step="Enter the keys of the connection again.",
            )
        return client.build_request(method, self._origin.text + target, headers=headers, content=body, timeout=times)

    async def _exchange(self, client: httpx.AsyncClient, built: httpx.Request, total: float) -> Answer:
        self.calls += 1
        phase = Phase.WAITING
        try:
            async with asyncio.timeout(total):
                response = await client.send(built, stream=True)
                phase = Phase.READING
                try:
                    content = await self._content(response)
                    if said_too_much(response):
                        raise self._refusals.too_much(self._policy.attempts)
                finally:
                    await response.aclose()
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, httpx.CookieConflict, OSError, UnicodeError) as error:
            if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)):
                phase = Phase.CONNECTING
            timed_out = isinstance(error, (httpx.TimeoutException, TimeoutError))
            raise self._refusals.transport(error, phase, timed_out=timed_out, attempts=self._policy.attempts) from error
        headers = {name.lower(): value for name, value in response.headers.items() if name.lower() != "set-cookie"}
        self._note_date(headers.get("date", ""))
        return Answer(status=response.status_code, headers=headers, content=content, path=built.url.path)

    async def _content(self, response: httpx.Response) -> bytes:
        if sum(len(name) + len(value) + 4 for name, value in response.headers.raw) > self._policy.header_limit:
            raise Trouble(self._refusals.headers(), phase=Phase.READING)
        parts, size = [], 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > self._policy.decoded_limit:
                raise Trouble(self._refusals.too_large(self._policy.decoded_limit), phase=Phase.READING)
            parts.append(part)
        return b"".join(parts)

    def _note_date(self, text: str) -> None:
        with contextlib.suppress(ValueError, TypeError, OverflowError, IndexError):
            moment = parsedate_to_datetime(text)
            self.last_server_date = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)

    async def _client(self, *, writes: bool) -> httpx.AsyncClient:
        async with self._opening:
            if self._closed:
                raise ConnectionFailed(f"{self._title} is closed.", "Something still wanted to use the connection after that.")
            if writes not in self._clients:
                self._clients[writes] = await self._opened(writes=writes)
            return self._clients[writes]

    async def _opened(self, *, writes: bool) -> httpx.AsyncClient:
        transport = self._transport
        if transport is None:
            if self._context is None:
                secure = self._origin.scheme == "https"
                self._context = await asyncio.to_thread(make_context, self._ca_file) if secure else plain_context()
            transport = NetworkTransport(self._context, kept=0 if writes else 20)
        no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        return httpx.AsyncClient(
            transport=transport,
            follow_redirects=False,
            trust_env=False,
            cookies=no_cookies,
            headers={"User-Agent": f"Reconcile/{__version__}", "Accept": "application/json"},
        )

    async def aclose(self) -> None:
        """Close the connections; calling it again does nothing."""
        async with self._opening:
            self._closed = True
            clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()


def _another(error: Exception) -> bool | float:
    """For stamina: whether to try again, and that no waiting is needed on its side."""
    return 0.0 if isinstance(error, Trouble) and error.tries else False
