"""Origin pinning: each connection talks to one scheme, host and port, and to nothing else.

The operator fixes the origin; whatever address a server hands out later is only ever read for its path and query, after its
origin has been compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, quote, unquote, urlencode, urljoin, urlsplit

from reconcile_app.core.errors import ConnectionFailed, SettingsError
from reconcile_app.core.findings import Kind

_PORTS = {"http": 80, "https": 443}
_PATH_CHARACTERS = "/:@!$&'()*+,;=-._~%"
_LONGEST_URL = 8_192


def is_loopback(host: str) -> bool:
    """Whether the host is this computer: ``localhost``, ``127.0.0.0/8`` or ``::1``."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a connection leads: scheme, host and port, and a path that every request starts with (often empty)."""

    scheme: str
    host: str
    port: int
    prefix: str = ""

    @classmethod
    def parse(cls, text: str, title: str) -> "Origin":
        """Read an address typed by the operator.

        Raises:
            SettingsError: no http(s) address, user name or query in it, or plain http to another computer.
        """
        split = _split(text.strip())
        if split is None or split.scheme not in _PORTS or not split.hostname:
            raise _invalid(title, f"{text.strip()[:200]!r} is no address.", "Enter it as https://host, with a port where needed.")
        if "@" in split.netloc or split.query or split.fragment:
            raise _invalid(title, "It holds a user name, a query or a fragment.", "Enter only https://host and a path.")
        if split.scheme == "http" and not is_loopback(split.hostname):
            raise _invalid(
                title, f"http:// would send the keys to {split.hostname} readable for anyone on the way.", "Use https://."
            )
        return cls(split.scheme, _ascii_host(split.hostname), _port(split), split.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """Host and, where it is not the usual one, port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def text(self) -> str:
        """The origin as an address without a path."""
        return f"{self.scheme}://{self.authority}"

    @property
    def loopback(self) -> bool:
        """Whether this origin is on this computer."""
        return is_loopback(self.host)

    def target(self, path: str, params: Mapping[str, str] | None = None) -> str:
        """Path and query of a request below this origin; ``path`` starts with a slash and may carry a query of its own.

        Raises:
            ValueError: the path would leave the prefix, or is none.
        """
        plain, _, query = path.partition("?")
        if not plain.startswith("/") or _leaves(plain):
            raise ValueError(f"not a path below {self.text}: {plain[:100]!r}")
        queries = [part for part in (query, urlencode(params or {}, quote_via=quote)) if part]
        return self.prefix + quote(plain, safe=_PATH_CHARACTERS) + ("?" + "&".join(queries) if queries else "")

    def follow(self, url: str, title: str, *, since: str = "") -> str:
        """Path (below the prefix) and query of an address the server gave, absolute or relative to ``since``.

        Raises:
            ConnectionFailed: it leads anywhere else; nothing was sent there.
        """
        split = _split(url, self.text + since)
        if split is None or "@" in split.netloc or not self._same(split) or _leaves(split.path):
            raise ConnectionFailed(
                f"{title} pointed to {_shown(url)}; refused.",
                "It is not where this connection leads. No credentials were sent there.",
                next_step="If the system moved, change the address of the connection.",
            )
        path = quote(split.path[len(self.prefix) :] or "/", safe=_PATH_CHARACTERS)
        return path + (f"?{split.query}" if split.query else "")

    def _same(self, split: SplitResult) -> bool:
        below = (split.path + "/").lower().startswith(self.prefix.lower() + "/")
        return (split.scheme, (split.hostname or "").lower(), _port(split)) == (self.scheme, self.host, self.port) and below


def _split(url: str, since: str = "") -> SplitResult | None:
    if _odd(url):
        return None
    try:
        split = urlsplit(urljoin(since, url))
        return split if split.port != 0 else None
    except ValueError:
        return None


def _odd(url: str) -> bool:
    """Characters that parsers read differently; no address of ours needs them."""
    return len(url) > _LONGEST_URL or "\\" in url or any(character <= " " or character == "\x7f" for character in url)


def _leaves(path: str) -> bool:
    return ".." in unquote(path).replace("\\", "/").split("/")


def _port(split: SplitResult) -> int:
    return split.port or _PORTS.get(split.scheme, 0)


def _ascii_host(host: str) -> str:
    try:
        return host.lower() if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise _invalid("the system", f"{host[:100]!r} is no host name.", "Correct the address.") from error


def _shown(url: str) -> str:
    """What of a refused address a message names: its host, or the start of it."""
    split = _split(url)
    host = (split.hostname or "") if split else ""
    return host if host else ascii(url[:60])


def _invalid(title: str, happened: str, next_step: str) -> SettingsError:
    return SettingsError(
        f"The address of {title} cannot be used.",
        happened,
        meaning="Nothing was sent.",
        next_step=next_step,
        kind=Kind.ADDRESS_INVALID,
    )
