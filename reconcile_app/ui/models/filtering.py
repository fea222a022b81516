"""Filters over the comparison, and the counts that cards, warnings and facets show.

Each count obeys every other filter, so that it says what a click would show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import numpy as np

from reconcile_app.core.changes import Status
from reconcile_app.ui.models.comparison_rows import STATUS_PLACE, ComparisonRows
from reconcile_app.ui.models.prepared import Flags, Ints

CARDS: dict[str, tuple[Status, ...]] = {
    "raise": (Status.RAISE,), "lower": (Status.LOWER,), "add": (Status.ADD,), "zero": (Status.ZERO,),
}
"""Cards that stand for statuses; ``warnings`` and ``ticked`` are the other two."""
FACETS = ("status", "customer", "service", "direction")


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetChoice:
    """Values of one facet that were included or excluded."""

    included: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()

    def toggled(self, value: str, *, exclude: bool) -> FacetChoice:
        """After a click on the value: on, or off again."""
        chosen, other = (self.excluded, self.included) if exclude else (self.included, self.excluded)
        chosen = chosen - {value} if value in chosen else chosen | {value}
        other = other - {value}
        return FacetChoice(included=other, excluded=chosen) if exclude else FacetChoice(included=chosen, excluded=other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Everything that narrows the table."""

    todo: bool = True
    cards: frozenset[str] = frozenset()
    code: str = ""
    facets: Mapping[str, FacetChoice] = field(default_factory=dict)
    text: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether anything but the tab and the search narrows the table."""
        return bool(self.cards or self.code or any(choice != FacetChoice() for choice in self.facets.values()))

    def cleared(self) -> Filters:
        """Without cards, code and facets; tab and search stay."""
        return Filters(todo=self.todo, text=self.text)

    def state(self) -> dict[str, Any]:
        """To be remembered; plain JSON. What was searched for is over with the session."""
        chosen = {name: choice for name, choice in self.facets.items() if choice != FacetChoice()}
        facets = {name: [sorted(choice.included), sorted(choice.excluded)] for name, choice in chosen.items()}
        return {"todo": self.todo, "cards": sorted(self.cards), "code": self.code, "facets": facets}

    @classmethod
    def remembered(cls, state: Mapping[str, Any]) -> Filters:
        """As remembered; what has another shape is left out."""
        facets = state.get("facets")
        chosen = {
            str(name): FacetChoice(included=_texts(pair[0]), excluded=_texts(pair[1]))
            for name, pair in (facets.items() if isinstance(facets, dict) else ()) if isinstance(pair, list) and len(pair) == 2
        }
        code = state.get("code")
        return cls(todo=state.get("todo") is not False, cards=_texts(state.get("cards")) & {*CARDS, "warnings", "ticked"},
                   code=code if isinstance(code, str) else "", facets={name: chosen[name] for name in chosen if name in FACETS})

    def with_facet(self, name: str, choice: FacetChoice) -> Filters:
        """With another choice in one facet."""
        return replace(self, facets={**self.facets, name: choice})


def _texts(value: object) -> frozenset[str]:
    return frozenset(item for item in value if isinstance(item, str)) if isinstance(value, list) else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeGroup:
    """Rows with one code. ``money`` is absent where no row has a price; ten-thousandths."""

    code: str
    rows: int
    customers: int
    money: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardCounts:
    """Numbers on the cards; units and money in ten-thousandths."""

    rows: int
    counts: Mapping[str, int]
    units: Mapping[str, int]
    codes: int
    money: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """What the filters let pass, and the counts."""

    mask: Flags
    cards: CardCounts
    groups: list[CodeGroup]
    facets: dict[str, Ints]
    """Facet → count per value, in order of ``Facet.values``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushTotals:
    """The size of what is ticked; units and money in ten-thousandths."""

    lines: int
    customers: int
    up: int
    down: int
    to_zero: int
    created: int
    money: int
    money_complete: bool


Masks = dict[str, Flags]
"""One mask per filter that is in use."""


def filter_masks(rows: ComparisonRows, filters: Filters) -> Masks:
    """What each filter lets pass."""
    masks: dict[str, Flags] = {}
    if filters.todo:
        masks["tab"] = rows.todo
    found = rows.search.mask(filters.text)
    if found is not None:
        masks["text"] = found
    if filters.cards:
        masks["cards"] = _card_mask(rows, filters.cards)
    if filters.code:
        masks["code"] = code_mask(rows, filters.code)
    for name, choice in filters.facets.items():
        if choice != FacetChoice():
            masks[f"facet {name}"] = _facet_mask(rows, name, choice)
    return masks


def apply_filters(rows: ComparisonRows, filters: Filters) -> Filtered:
    """Mask and counts for these filters."""
    return count_filtered(rows, filter_masks(rows, filters))


def count_filtered(rows: ComparisonRows, masks: Masks) -> Filtered:
    """The counts of cards, warnings and facets under these masks."""
    mask = all_of(rows, masks)
    return Filtered(
        mask=mask, cards=_card_counts(rows, _without(rows, masks, "cards", mask)),
        groups=code_groups(rows, _without(rows, masks, "code", mask)),
        facets={
            name: np.bincount(facet.codes[_without(rows, masks, f"facet {name}", mask)], minlength=len(facet.values))
            for name, facet in rows.facets.items()
        },
    )


def all_of(rows: ComparisonRows, masks: Mapping[str, Flags]) -> Flags:
    """Rows that pass every mask."""
    return reduce(np.logical_and, masks.values(), np.ones(rows.count, dtype=np.bool_))


def _without(rows: ComparisonRows, masks: Mapping[str, Flags], name: str, everything: Flags) -> Flags:
    if name not in masks:
        return everything
    return all_of(rows, {key: mask for key, mask in masks.items() if key != name})


def _card_mask(rows: ComparisonRows, cards: frozenset[str]) -> Flags:
    mask = np.zeros(rows.count, dtype=np.bool_)
    for card in cards:
        mask |= _one_card(rows, card)
    return mask


def _one_card(rows: ComparisonRows, card: str) -> Flags:
    if card == "ticked":
        return rows.selected
    if card == "warnings":
        return np.array([bool(codes) for codes in rows.combos], dtype=np.bool_)[rows.combo]
    return np.isin(rows.status, [STATUS_PLACE[status] for status in CARDS[card]])


def code_mask(rows: ComparisonRows, code: str) -> Flags:
    """Rows that carry the code."""
    return np.array([code in codes for codes in rows.combos], dtype=np.bool_)[rows.combo]


def _facet_mask(rows: ComparisonRows, name: str, choice: FacetChoice) -> Flags:
    facet = rows.facets[name]
    values = np.array([
        (not choice.included or value in choice.included) and value not in choice.excluded for value in facet.values
    ], dtype=np.bool_)
    return values[facet.codes]


def _card_counts(rows: ComparisonRows, mask: Flags) -> CardCounts:
    counts: dict[str, int] = {}
    units: dict[str, int] = {}
    for card in (*CARDS, "warnings", "ticked"):
        chosen = _one_card(rows, card) & mask
        counts[card] = int(np.count_nonzero(chosen))
        if card in CARDS:
            units[card] = int(rows.units[chosen].sum())
    present = np.unique(rows.combo[mask])
    codes = {code for place in present.tolist() for code in rows.combos[place]}
    return CardCounts(rows=int(np.count_nonzero(mask)), counts=counts, units=units, codes=len(codes),
                      money=int(rows.money[mask & rows.selected].sum()))


def code_groups(rows: ComparisonRows, mask: Flags) -> list[CodeGroup]:
    """Rows, customers and money per code, in order of the codes."""
    places = np.flatnonzero(mask & (rows.combo != len(rows.combos) - 1))
    combo, customer = rows.combo[places], rows.customer[places]
    groups = []
    for code in sorted({code for codes in rows.combos for code in codes}):
        chosen = np.array([code in codes for codes in rows.combos], dtype=np.bool_)[combo]
        count = int(np.count_nonzero(chosen))
        if count:
            at = places[chosen]
            groups.append(CodeGroup(
                code=code, rows=count, customers=len(np.unique(customer[chosen])),
                money=int(rows.money[at].sum()) if rows.money_known[at].any() else None))
    return groups


def push_totals(rows: ComparisonRows, selected: Flags) -> PushTotals:
    """The size of the ticked rows, filtered out or not."""
    units = rows.units[selected]
    status = rows.status[selected]
    return PushTotals(
        lines=int(np.count_nonzero(selected)), customers=len(np.unique(rows.customer[selected])),
        up=int(units[units > 0].sum()), down=int(units[units < 0].sum()),
        to_zero=int(np.count_nonzero(status == STATUS_PLACE[Status.ZERO])),
        created=int(np.count_nonzero(status == STATUS_PLACE[Status.ADD])), money=int(rows.money[selected].sum()),
        money_complete=bool(rows.money_known[selected].all()),
    )
