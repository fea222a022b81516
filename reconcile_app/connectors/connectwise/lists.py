"""Lists of ConnectWise read whole: by cursor where the server can, page by page where it cannot, or reported as unread."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic
from urllib.parse import parse_qsl

from reconcile_app.connectors.connectwise.access import Access
from reconcile_app.connectors.connectwise.wire import FIELDS, PAGE, TITLE, Count, Fault, R, RowsRead, Seen, decode_once, read_list
from reconcile_app.connectors.http import Answer
from reconcile_app.core.errors import AnswerUnreadable

_MOST_PAGES = 10_000
_MOST_PAGES_WITHOUT_NEWS = 3
_LINK = re.compile(r"<([^<>]*)>\s*((?:;\s*[^,;]*)*)")
_NEXT = re.compile(r";\s*rel\s*=\s*(?:\"next\"|'next'|next)\s*(?:;|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Following:
    """What a ``Link`` header says: ``told`` is false without one; ``url`` is the next page, or empty."""

    told: bool
    url: str = ""


def following(header: str | None) -> Following:
    """The next page that a ``Link`` header (RFC 8288) names. On the last page of a cursor the header is there and empty."""
    if header is None:
        return Following(told=False)
    return Following(told=True, url=next((url for url, params in _LINK.findall(header) if _NEXT.search(params)), ""))


@dataclass(slots=True)
class _Walk(Generic[R]):
    """What the pages of one list brought so far. ``steady``: no row came twice with different contents."""

    rows: dict[int, Seen[R]]
    faults: dict[tuple[str, str], Fault]
    steady: bool = True
    pages: int = 0
    silent: int = 0

    def take(self, page: RowsRead[R]) -> None:
        """Add a page; a row that came before must be the same."""
        known = len(self.rows) + len(self.faults)
        for seen in page.rows:
            self.steady = self.steady and self.rows.setdefault(seen.row.id, seen) == seen
        self.faults |= {(fault.raw, fault.reason): fault for fault in page.faults}
        self.pages += 1
        self.silent = self.silent + 1 if len(self.rows) + len(self.faults) == known else 0


Told = Callable[[int, int], None]
_Ask = Callable[[bool, Mapping[str, str]], Awaitable[Answer]]


def _nobody_listens(rows: int, page: int) -> None:
    """Short lists tell no progress."""


class Lists:
    """Reads lists of one tenant. ``forward_only``: ask for pages by cursor first."""

    def __init__(self, access: Access, *, forward_only: bool) -> None:
        self._access, self._forward_only = access, forward_only

    def params(self, row: type[R], conditions: str) -> dict[str, str]:
        """The query of a list, paging apart."""
        params = {"conditions": conditions, "fields": FIELDS.get(row, ""), "pageSize": str(PAGE)}
        return {name: value for name, value in params.items() if value}

    def length(self, path: str, row: type[R], conditions: str) -> int:
        """How long the longest address of this list is: a cursor or a page number comes on top."""
        return self._access.length(path, self.params(row, conditions) | {"orderBy": "id asc", "pageId": "1" * 10})

    async def read(self, path: str, row: type[R], *, right: str, conditions: str = "", told: Told = _nobody_listens) -> RowsRead[R]:
        """All rows of a list, each once. ``told`` hears of every page: rows so far, and its number.

        A list of several pages is counted afterwards: a page left out shows in nothing else.

        Raises:
            SideUnreadable: a page is missing, the list does not end, or it changed while it was read, twice.
        """
        params = self.params(row, conditions)

        async def ask(forward: bool, more: Mapping[str, str]) -> Answer:
            return await self._access.read("GET", path, right=right, params={**params, **more}, forward=forward)

        happened = ""
        for _ in range(2):
            walk = await self._walk(path, row, ask, told, forward=True) if self._forward_only else None
            walk = walk or await self._walk(path, row, ask, told, forward=False)
            read = RowsRead(rows=list(walk.rows.values()), faults=list(walk.faults.values())) if walk else None
            happened = f"The list {path} changed while it was read."
            if read is not None and walk is not None and walk.steady:
                there = await self.count(path, right=right, conditions=conditions) if walk.pages > 1 else read.came
                if there == read.came:
                    return read
                happened = f"{path}: {there} rows in all; {read.came} came over {walk.pages} pages."
        raise unreadable_list(happened)

    async def count(self, path: str, *, right: str, conditions: str = "") -> int:
        """How many rows a list has in all; errors as ``read``."""
        params = {"conditions": conditions} if conditions else {}
        answer = await self._access.read("GET", f"{path}/count", right=right, params=params)
        return decode_once(answer.content, Count).count

    async def _walk(self, path: str, row: type[R], ask: _Ask, told: Told, *, forward: bool) -> _Walk[R] | None:
        """Every page of a list; None where it was to be read by cursor and the server does not do that."""
        walk: _Walk[R] = _Walk({}, {})
        # A row that is added meanwhile comes last when rows are in order of their id; a cursor always goes by id.
        order = {} if forward else {"orderBy": "id asc"}
        position: str | None = ""
        seen: set[str] = set()
        while position is not None:
            answer = await ask(forward, {**order, **({("pageId" if forward else "page"): position} if position else {})})
            page = read_list(answer.content, row, path)
            link = following(answer.headers.get("link"))
            full = len(page.rows) + len(page.faults) >= PAGE
            if forward and (_given(self._next(link), "page") or (full and not link.told)):
                return None
            walk.take(page)
            told(len(walk.rows), walk.pages)
            position = self._position(link, walk.pages, full=full, forward=forward)
            if position in seen or walk.pages >= _MOST_PAGES or walk.silent >= _MOST_PAGES_WITHOUT_NEWS:
                raise unreadable_list(f"The list {path} does not end; stopped after page {walk.pages}.")
            seen.add(position or "")
        return walk

    def _next(self, link: Following) -> str:
        """The query of the next page's address.

        Raises:
            ConnectionFailed: it leads elsewhere; nothing was sent there.
        """
        return self._access.site.follow(link.url, TITLE).partition("?")[2] if link.url else ""

    def _position(self, link: Following, pages: int, *, full: bool, forward: bool) -> str | None:
        """The cursor or the number of the next page, or None at the end of the list.

        Only this is taken from an address that the server gives. Everything else of the query is sent again as it was, so that no
        page comes without its conditions.
        """
        if link.url:
            name = "pageId" if forward else "page"
            given = _given(self._next(link), name)
            if not given:
                raise unreadable_list(f"The next page is not named by {name}.")
            return given
        # A full page without any word of a next one may be the end, or a header that was lost on the way.
        return str(pages + 1) if full and not link.told else None


def _given(query: str, name: str) -> str:
    """A position in a query, or empty; names are compared without case."""
    value = next((value for key, value in parse_qsl(query) if key.casefold() == name.casefold()), "")
    return value if value.isascii() and value.isdigit() else ""


def unreadable_list(happened: str) -> AnswerUnreadable:
    """A list that cannot be believed."""
    return AnswerUnreadable(
        f"Unreadable answer from {TITLE}.",
        happened,
        meaning="Nothing was changed. What could not be read is unknown, not zero.",
        next_step="Compare again.",
    )
