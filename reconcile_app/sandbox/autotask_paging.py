"""What can be wrong with the pages of a list: rows and next-page links that differ from the truth, chosen by entity and page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

Item = dict[str, object]
Kind = Literal["again", "first", "overlap", "changed", "skip", "missing", "end", "short", "link", "miscount"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFault:
    """One planned fault of a page.

    ``again``: the next link leads to the same page. ``first``: it leads to the first page. ``overlap``: the last row of the page
    before stands here too; ``changed``: with another content. ``skip``: the first row is left out, as after a deletion that shifted
    the list. ``missing``: the following page is answered in place of this one. ``end``: there is no next link, whatever follows.
    ``short``: one row fewer than the page's own count. ``link``: the next link is ``url``. ``miscount``: the count call tells one
    more than there are. ``entity`` empty means every list; ``times`` None means for ever.
    """

    kind: Kind
    entity: str = ""
    page: int = 1
    times: int | None = 1
    url: str = ""

    @property
    def jumps(self) -> bool:
        """Whether the page's own rows are passed over."""
        return self.kind == "missing"

    def rows(self, items: list[Item], before: Item | None) -> tuple[list[Item], int]:
        """The page's items in place of the real ones, and the number the page tells."""
        if self.kind in {"overlap", "changed"} and before is not None:
            items = [_other(before) if self.kind == "changed" else before, *items]
        elif self.kind == "skip":
            items = items[1:]
        return (items[:-1] if self.kind == "short" else items), len(items)

    def link(self, following: str | None, *, own: str, first: str) -> str | None:
        """The next link in place of the real one."""
        return {"again": own, "first": first, "end": None, "link": self.url}.get(self.kind, following)


def _other(item: Item) -> Item:
    """The same row after somebody changed it."""
    name = next((name for name in ("units", "unitCost") if item.get(name) is not None), "")
    if not name:
        texts = [text for text, value in item.items() if isinstance(value, str)]
        return {**item, texts[0]: f"{item[texts[0]]} (changed)"} if texts else item
    value = item[name]
    return {**item, name: value + 1 if isinstance(value, int | float) else value}


class PageFaults:
    """The planned faults of one tenant's lists."""

    def __init__(self) -> None:
        self._planned: list[tuple[PageFault, list[int]]] = []

    def plan(self, order: Mapping[str, Any]) -> None:
        """Plan a fault (fields of ``PageFault``); without any fields forget all of them.

        Raises:
            msgspec.ValidationError: a field is wrong.
        """
        if not order:
            self._planned.clear()
            return
        self._planned.append((msgspec.convert(dict(order), PageFault), [0]))

    def strike(self, entity: str, page: int) -> PageFault | None:
        """The fault of this page, or None. Page 0 stands for the count call."""
        for fault, struck in self._planned:
            at = 0 if fault.kind == "miscount" else fault.page
            if fault.entity in {"", entity} and at == page and (fault.times is None or struck[0] < fault.times):
                struck[0] += 1
                return fault
        return None
