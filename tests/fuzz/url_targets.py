"""Addresses that a server hands out: wherever they point, no byte leaves the origin of the connection."""

import asyncio
from collections.abc import Sequence
from random import Random
from urllib.parse import quote, unquote

import httpx

from reconcile_app.connectors.http import ApiClient, ReadPolicy
from reconcile_app.core.errors import ReconcileError
from reconcile_app.core.redact import Redactor
from tests.fuzz.replay import context
from tests.fuzz.target import ACCEPTED, REFUSED, Wrong

OWN, PREFIX = "https://psa.example.net", "/api/v1"

_SCHEMES = (
    "https:",
    "http:",
    "HTTPS:",
    "hTtP:",
    "",
    "ftp:",
    "file:",
    "javascript:",
    "data:",
    "ws:",
    "wss:",
    "gopher:",
    "about:",
    "https",
    "https::",
    " https:",
    "\thttps:",
    "h\nttps:",
    "https\x00:",
    "blob:https:",
    "view-source:https:",
    "//https:",
    "jar:https:",
    "mailto:",
    "ldap:",
)
_SLASHES = (
    "//",
    "//",
    "//",
    "/",
    "///",
    "////",
    "\\\\",
    "/\\",
    "\\/",
    "",
    "/%2f",
    "%2f%2f",
    "/.//",
    "//\t",
    "/\n/",
    "/\u2044",
    "//\u200b",
)
_HOSTS = (
    "psa.example.net",
    "PSA.EXAMPLE.NET",
    "psa.example.net.",
    "psa.example.net:443",
    "psa.example.net:0443",
    "psa.example.net:80",
    "psa.example.net:8443",
    "psa.example.net:0",
    "psa.example.net:65536",
    "psa.example.net:99999999999",
    "psa.example.net:",
    "psa.example.net:-1",
    "psa.example.net:443:443",
    "psa.example.net:４４３",
    "psa.example.net:+443",
    "psa.example.net: 443",
    "evil.example",
    "evil.example:443",
    "psa.example.net.evil.example",
    "evilpsa.example.net",
    "psa-example.net",
    "example.net",
    "xpsa.example.net",
    "a.psa.example.net",
    "psa.example.net@evil.example",
    "psa.example.net:443@evil.example",
    "evil.example@psa.example.net",
    ":@psa.example.net",
    "@psa.example.net",
    "user:pass@psa.example.net",
    "psa.example.net%40evil.example",
    "psa.example.net%2eevil.example",
    "psa.example.net%00.evil.example",
    "psa.example.net%23.evil.example",
    "psa.example.net#.evil.example",
    "psa.example.net?.evil.example",
    "psa.example.net/.evil.example",
    "psa.example.net\\.evil.example",
    "psa.example.net\\@evil.example",
    "psa.example.net&@evil.example",
    "psa.example.net;evil.example",
    "psa.example.net,evil.example",
    "psa.example.net evil.example",
    "psa.example.net\tevil.example",
    "psa.example.net\r\nHost: evil.example",
    "psа.example.net",
    "psa.eхample.net",
    "ｐｓａ.example.net",
    "psa。example。net",
    "psa.example.net。evil.example",
    "psa.examp\u00adle.net",
    "psa.example.ne\u200bt",
    "xn--psa-5cd.example.net",
    "ⓟⓢⓐ.example.net",
    "psa.example.ℕet",
    "psa.exampleﬀ.net",
    "ßpsa.example.net",
    "localhost",
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "017700000001",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::]",
    "0.0.0.0",
    "0",
    "[psa.example.net]",
    "[v1.psa]",
    "[::1",
    "::1",
    "169.254.169.254",
    "10.0.0.1",
    "",
    ".",
    "..",
    "-",
    "*",
    "%",
    "%zz",
    "a" * 300 + ".example",
    "\u202emoc.elpmaxe",
    "psa.example.net\x7f",
    "psa_example.net",
    "psa.example.net'",
    '"psa.example.net"',
    "<psa.example.net>",
    "{own}",
    "$HOST",
)
_PATHS = (
    "/api/v1/x?page=2",
    "/api/v1",
    "/api/v1/",
    "/API/V1/x",
    "/api/v2/x",
    "/x",
    "/",
    "",
    "?page=2",
    "#frag",
    "/api/v1/../../x",
    "/api/v1/%2e%2e/x",
    "/api/v1/..%2fx",
    "/api/v1/.%2e/x",
    "/api/v1/x/../../../y",
    "/api/v1/..\\x",
    "/api/v1/%5c..%5cx",
    "/api/v1x/y",
    "//evil.example/api/v1/x",
    "/api/v1//evil.example/x",
    "/api/v1/@evil.example/x",
    "/api/v1/x?u=https://evil.example",
    "/api/v1/\r\nX: y",
    "/api/v1/%0d%0aX:%20y",
    "/api/v1/x;jsessionid=1",
    "/./api/v1/x",
    "/api/./v1/x",
    "/x/../api/v1/y",
    "/api/v1/%252e%252e/x",
    "/api/v1/x\x00",
    "/api/v1/é",
    "/api/v1/x#@evil",
    "x",
    "../x",
    "./x",
    "../../x",
    "/api/v1/" + "a" * 9_000,
    "/api/v1/x?" + "a=b&" * 3_000,
    "/api/v1/x%",
    "/api/v1/x%zz?%",
)


def tricks() -> list[str]:
    """More than two hundred addresses that have led somebody astray, one by one."""
    hosts = [f"https://{host}/api/v1/x?page=2" for host in _HOSTS]
    schemes = [f"{scheme}//{host}/api/v1/x" for scheme in _SCHEMES for host in ("evil.example", "psa.example.net")]
    slashes = [f"https:{slash}evil.example/api/v1/x" for slash in _SLASHES] + [
        f"{slash}evil.example/api/v1/x" for slash in _SLASHES
    ]
    paths = [OWN + path for path in _PATHS] + list(_PATHS)
    return list(dict.fromkeys([*hosts, *schemes, *slashes, *paths]))


def drawn(dice: Random) -> str:
    """An address put together from the pieces of all tricks, sometimes with a piece of its own."""
    url = dice.choice(_SCHEMES) + dice.choice(_SLASHES) + dice.choice(_HOSTS) + dice.choice(_PATHS)
    if dice.random() < 0.5:
        url = OWN + dice.choice(_PATHS)
    for _ in range(dice.choice((0, 0, 1, 1, 2))):
        at = dice.randrange(len(url) + 1)
        junk = dice.choice(
            (
                "@",
                ":",
                "/",
                "\\",
                "%2f",
                "%40",
                "#",
                "?",
                "\t",
                "\n",
                "\x00",
                ".",
                "..",
                "[",
                "]",
                " ",
                "\u2044",
                "e",
                "0",
                "ﬀ",
                "\u202e",
            )
        )
        url = url[:at] + junk + url[at + dice.choice((0, 1)) :]
    return quote(url, safe="%/:?#[]@!$&'()*+,;=") if dice.random() < 0.1 else url


class Trap(httpx.AsyncBaseTransport):
    """Stands for every network: keeps where each request was going, and redirects the first one where it is told to."""

    def __init__(self, location: str = "") -> None:
        self.seen: list[tuple[str, str, int | None, str]] = []
        self._location = location

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append((request.url.scheme, request.url.host, request.url.port, request.url.raw_path.decode("ascii")))
        assert request.headers["host"] == request.url.netloc.decode()
        if self._location and len(self.seen) == 1:
            return httpx.Response(302, headers=[(b"Location", self._location.encode("utf-8", "replace"))])
        return httpx.Response(200, json=[])


class UrlTarget:
    """The next-page addresses, or the redirects, of an API."""

    weight = 30

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop, *, redirects: bool = False) -> None:
        self.name, self._loop, self._redirects = name, loop, redirects

    def draw(self, dice: Random) -> str:
        return drawn(dice)

    def feed(self, sample: str) -> str:
        trap = Trap(sample if self._redirects else "")
        try:
            self._loop.run_until_complete(self._ask(trap, sample))
        except ReconcileError:
            return REFUSED
        finally:
            judge(trap.seen, sample)
        return ACCEPTED

    async def _ask(self, trap: Trap, url: str) -> None:
        given = context()
        client = ApiClient(
            origin=OWN + PREFIX,
            side="psa",
            title="The PSA",
            clock=given.clock,
            progress=given.progress,
            redactor=Redactor(),
            headers=lambda: {"Secret": "canary"},
            policy=ReadPolicy(attempts=1),
            transport=trap,
        )
        try:
            await (client.read("GET", "/list", entity="list") if self._redirects else client.read_url(url, entity="list"))
        finally:
            await client.aclose()

    def saved(self, sample: str) -> bytes:
        return sample.encode("utf-8", "surrogatepass")


def judge(seen: Sequence[tuple[str, str, int | None, str]], url: str) -> None:
    """Every request went to the origin, below its path."""
    for scheme, host, port, path in seen:
        plain = path.partition("?")[0]
        below = (plain + "/").lower().startswith(PREFIX + "/") and ".." not in unquote(plain).split("/")
        if (scheme, host, port) != ("https", "psa.example.net", None) or not below:
            raise Wrong(f"{url!r} led to {scheme}://{host}:{port}{path}")
