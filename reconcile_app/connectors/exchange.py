"""One exchange with a server: the terms on which it is read, and the answer."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPolicy:
    """How reads are made. Times in seconds, limits in bytes.

    ``parallel_per_entity``: requests at the same time for one kind of record. ``attempts``: tries of one request in all.
    ``retried``: statuses that are tried again (429 always is). ``total_timeout`` bounds one attempt from connecting to the last
    byte, because every single byte would renew ``read_timeout``. ``unnamed_wait``: how long to wait where the server asks for fewer
    requests without saying how long; None: a wait of our own that grows.
    """

    parallel_per_entity: int = 2
    attempts: int = 5
    calls_per_second: float | None = None
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    total_timeout: float = 60.0
    unnamed_wait: float | None = None
    decoded_limit: int = 64 * 2**20
    header_limit: int = 64 * 2**10
    retried: frozenset[int] = frozenset({500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class WritePolicy:
    """How a write is made; times in seconds. ``total_timeout`` bounds it from connecting to the last byte of the answer."""

    connect_timeout: float = 10.0
    write_timeout: float = 30.0
    read_timeout: float = 120.0
    total_timeout: float = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer, whole and decompressed. Header names are lower case; ``path`` is what was asked, without its query."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    path: str

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_json(self) -> bool:
        """Whether the answer calls itself JSON."""
        kind = self.content_type
        return kind in ("application/json", "text/json") or (kind.startswith("application/") and kind.endswith("+json"))
