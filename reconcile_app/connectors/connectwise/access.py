"""The way into one ConnectWise tenant: its code base, its sign-in, and what its refusals mean."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from reconcile_app.connectors.connectwise.address import ROUTER, Address
from reconcile_app.connectors.connectwise.wire import TITLE, ApiError, CompanyInfo, decode_once, error_of
from reconcile_app.connectors.http import Answer, ApiClient, ReadPolicy
from reconcile_app.connectors.origin import Origin
from reconcile_app.core.errors import AnswerUnreadable, ConnectionFailed, PermissionDenied, SideUnreadable, SignInFailed
from reconcile_app.core.findings import Kind
from reconcile_app.core.ports import BuildContext
from reconcile_app.core.redact import Redactor
from reconcile_app.core.settings import Secret

UNNAMED_WAIT = 30.0
"""Seconds to wait after a 429 that names none: its text says so."""

POLICY = ReadPolicy(parallel_per_entity=4, unnamed_wait=UNNAMED_WAIT)
"""Four requests at a time: twelve were too many for the cloud."""

_LANE = "requests"
"""Whatever is read, it is one kind of request for the limits."""

_JUDGED_HERE = frozenset({400, 401, 403, 404})
_NOT_TOLD = frozenset({401, 403, 404})
_AGAIN_AFTER = 60.0
_UNKNOWN = "Nothing was changed. What could not be read is unknown, not zero."
_THREE_CAUSES = (
    "Check three things, which ConnectWise does not tell apart: the address, the company, and the two keys of the connection."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The sign-in of an API member."""

    company: str
    public_key: Secret
    private_key: Secret
    client_id: Secret

    def headers(self) -> Mapping[str, str]:
        """User name (company, a plus sign, public key) and password as Basic, and the client ID."""
        return {"Authorization": f"Basic {self._basic()}", "clientId": self.client_id.reveal()}

    def _pair(self) -> str:
        return f"{self.company}+{self.public_key.reveal()}:{self.private_key.reveal()}"

    def _basic(self) -> str:
        return base64.b64encode(self._pair().encode()).decode("ascii")

    def redactor(self) -> Redactor:
        """Takes the keys out of texts, alone and in the form in which they travel."""
        return Redactor([self.public_key.reveal(), self.private_key.reveal(), self.client_id.reveal(), self._pair(), self._basic()])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Base:
    """The clients of one code base; ``lists`` asks for forward-only pages."""

    address: Address
    plain: ApiClient
    lists: ApiClient


class Access:
    """One tenant's REST API.

    Args:
        address: where it answers; another code base is found when this one is gone.
        api_version: the model version that answers are asked for in.
        client: makes an HTTP client.
    """

    def __init__(
        self,
        *,
        address: Address,
        keys: Keys,
        api_version: str,
        ca_file: str,
        context: BuildContext,
        client: Callable[..., ApiClient] = ApiClient,
    ) -> None:
        self._keys, self._context, self._make, self._ca_file = keys, context, client, ca_file
        self._accept = f"application/vnd.connectwise.com+json; version={api_version}"
        self.redactor = keys.redactor()
        self._discovery = self._open(address.root, dict)
        self._base = self._open_base(address)
        self._left: list[_Base] = []
        self._moving = asyncio.Lock()
        self._places = asyncio.Semaphore(POLICY.parallel_per_entity)  # Both clients of a code base together.
        self._asked_at = float("-inf")
        plain = self._base.plain.origin
        self._site = Origin(plain.scheme, plain.host, plain.port)

    def _open(self, origin: str, headers: Callable[[], Mapping[str, str]]) -> ApiClient:
        return self._make(
            origin=origin,
            side="psa",
            title=TITLE,
            clock=self._context.clock,
            progress=self._context.progress,
            redactor=self.redactor,
            headers=headers,
            policy=POLICY,
            ca_file=self._ca_file,
        )

    def _open_base(self, address: Address) -> _Base:
        return _Base(
            address=address,
            plain=self._open(address.api, self._signed),
            lists=self._open(address.api, lambda: {**self._signed(), "pagination-type": "forward-only"}),
        )

    def _signed(self) -> Mapping[str, str]:
        return {"Accept": self._accept, **self._keys.headers()}

    # The clients

    def _clients(self) -> list[ApiClient]:
        return [self._discovery, *(client for base in (*self._left, self._base) for client in (base.plain, base.lists))]

    @property
    def calls(self) -> int:
        """Requests made so far, discovery included."""
        return sum(client.calls for client in self._clients())

    @property
    def server_date(self) -> datetime | None:
        """The latest ``Date`` that ConnectWise sent."""
        return max((client.last_server_date for client in self._clients() if client.last_server_date), default=None)

    @property
    def site(self) -> Origin:
        """Scheme, host and port."""
        return self._site

    @property
    def writer(self) -> ApiClient:
        """The client that changes are sent through."""
        return self._base.plain

    def length(self, path: str, params: Mapping[str, str]) -> int:
        """How long the address of a request is."""
        origin = self._base.plain.origin
        return len(origin.text + origin.target(path, params))

    def report(self, entity: str, rows: int, page: int = 0, *, ahead: int = 0) -> None:
        """Tell how far a reading is; ``ahead`` is how many calls are still to come."""
        self._base.lists.expect(self._base.lists.calls + ahead)
        self._base.lists.report(entity, rows, page)

    async def aclose(self) -> None:
        """Close every connection."""
        for client in self._clients():
            await client.aclose()

    # Discovery

    async def company_info(self) -> CompanyInfo | None:
        """What discovery says of the company (``/login/companyinfo``, needs no keys); None where it may not be asked.

        Raises:
            SignInFailed: there is no such company.
            SideUnreadable: ConnectWise could not be reached.
        """
        path = f"/login/companyinfo/{quote(self._keys.company, safe='')}"
        try:
            answer = await self._discovery.read("GET", path, entity=_LANE, allow=_NOT_TOLD)
            if answer.status in _NOT_TOLD:
                return None
            info = decode_once(answer.content, CompanyInfo | None)  # type: ignore[arg-type]  # a union is decodable
        except AnswerUnreadable:
            return None
        if info is None:
            raise SignInFailed(
                "ConnectWise does not know the company.",
                f"There is no company {self._keys.company[:60]!r} at {self._site.authority}.",
                meaning=_UNKNOWN,
                kind=Kind.PSA_UNREACHABLE,
                next_step="Enter the company as you do when you log in to ConnectWise, and check the address.",
            )
        return info

    async def find_again(self, since: _Base | None = None) -> bool:
        """Ask discovery for the code base, because a cloud tenant moves to another one with each upgrade.

        Says whether requests now go elsewhere. What was just asked without news is not asked again for a minute.
        """
        async with self._moving:
            if since is not None and since is not self._base:
                return True
            now = self._context.clock.monotonic()
            if now - self._asked_at < _AGAIN_AFTER:
                return False
            self._asked_at = now
            try:
                info = await self.company_info()
            except SignInFailed:
                raise
            except SideUnreadable:
                return False
            moved = self._base.address.moved((info.codebase if info else None) or "")
            if moved == self._base.address:
                return False
            self._left.append(self._base)
            self._base = self._open_base(moved)
            return True

    # Reading

    async def read(
        self,
        method: str,
        path: str,
        *,
        right: str,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        forward: bool = False,
    ) -> Answer:
        """A request that changes nothing.

        ``right`` names what it needs, as the check names it; ``forward`` asks for pages by cursor.

        Raises:
            SideUnreadable: every end but success.
        """

        async def ask(base: _Base) -> Answer:
            client = base.lists if forward else base.plain
            async with self._places:
                return await client.read(method, path, entity=_LANE, params=params, body=body, allow=_JUDGED_HERE)

        try:
            return await self._judged(ask, path)
        except PermissionDenied as error:
            error.subject = right
            raise

    async def _judged(self, ask: Callable[[_Base], Awaitable[Answer]], path: str) -> Answer:
        base = self._base
        answer = await ask(base)
        if answer.status == 404 and _may_have_moved(error_of(answer), base.address) and await self.find_again(base):
            answer = await ask(self._base)
        if answer.status not in _JUDGED_HERE:
            return answer
        raise self._refusal(answer, path)

    def _refusal(self, answer: Answer, path: str) -> SideUnreadable:
        error, said = error_of(answer), self.quote(answer)
        if answer.status == 401 or (error is not None and error.not_signed_in):
            return _sign_in(said, "Check company, public key, private key and client ID, and that the API member is active.")
        if "clientid" in said.casefold() or (answer.status == 403 and error is None):
            return _sign_in(said, "Check the client ID: ConnectWise wants the one that it issued to your integration.")
        if answer.status == 403:
            return PermissionDenied(
                "ConnectWise does not allow this.",
                said,
                meaning=_UNKNOWN,
                kind=Kind.PSA_UNREACHABLE,
                next_step="Run Test and verify permissions; it names what to grant.",
            )
        if error is None:
            return _failed(f"It answered {path} with status {answer.status}. {said}", _THREE_CAUSES)
        return _failed(f"It refused {path} ({answer.status} {error.code}). {said}", "Compare again; what it says is the cause.")

    def quote(self, answer: Answer) -> str:
        """What ConnectWise said, redacted, at most 500 characters."""
        error = error_of(answer)
        return self.clean(error.texts) if error else self._discovery.quote(answer)

    def clean(self, texts: Sequence[str]) -> str:
        """Texts of the server in one line, redacted, at most 500 characters."""
        return " ".join(self.redactor.clean(" ".join(texts)).split())[:500]


def _may_have_moved(error: ApiError | None, address: Address) -> bool:
    """Whether a 404 may come from a code base that is gone: not where it names a missing record, and not where the API itself
    answers under the code base that leads to every version."""
    return error is None or (not error.no_such_record and address.codebase != ROUTER)


def _sign_in(said: str, next_step: str) -> SignInFailed:
    return SignInFailed("ConnectWise refused the sign-in.", said, meaning=_UNKNOWN, kind=Kind.PSA_UNREACHABLE, next_step=next_step)


def _failed(happened: str, next_step: str) -> ConnectionFailed:
    return ConnectionFailed(
        "ConnectWise could not be read.", happened.strip(), meaning=_UNKNOWN, next_step=next_step, kind=Kind.PSA_UNREACHABLE
    )
