"""The two sides joined: one row per customer, contract and service.

Keys are made unique before anything is joined: every billed line and every contract line gets one number that stands for its row,
and rows are the distinct numbers. So no duplicate on either side can multiply rows.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from reconcile_app.core.accounts import NUMBER
from reconcile_app.core.basis import Basis, Prepared
from reconcile_app.core.findings import Kind
from reconcile_app.core.ids import text_digest
from reconcile_app.core.mapping import Ways
from reconcile_app.core.texts import BoolArray, IntArray, ObjectArray, coded, packed, pick, rank_of, take

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.~:()\- ]*", re.ASCII)
_SAFE = ":. ()-_"

_TELLS_OF_THE_GONE = [
    NUMBER[kind]
    for kind in (Kind.NOT_READ, Kind.CONTRACT_AMBIGUOUS, Kind.IDENTIFIER_SHARED, Kind.MAPPING_BROKEN, Kind.SERVICE_DUPLICATED)
]
"""A service that is gone and has no line is settled, unless one of these hides the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Comparison rows as positions in the coded sides (−1: none), in order of customer code, then service.

    ``first`` is the billed line that speaks for the row (−1: none). ``parts`` counts billed lines of the selected period,
    ``previous_parts`` those of the one before. ``billed`` is their sum, ``usable`` false where a part has no usable quantity.
    """

    customer: IntArray
    contract: IntArray
    service: IntArray
    line: IntArray
    company: IntArray
    item: IntArray
    ordinal: IntArray
    first: IntArray
    parts: IntArray
    previous_parts: IntArray
    billed: IntArray
    billed_known: BoolArray
    previous: IntArray
    previous_known: BoolArray
    part_negative: BoolArray
    part_fraction: BoolArray
    account_finding: IntArray
    item_finding: IntArray
    count: IntArray
    detail: IntArray
    excluded: BoolArray
    deprovisioned: BoolArray
    """By row: the customer has no billed line left at all."""

    def __len__(self) -> int:
        return len(self.customer)

    @property
    def current(self) -> BoolArray:
        """Rows with a billed line in the selected period."""
        current: BoolArray = self.parts > 0
        return current

    @property
    def gone(self) -> BoolArray:
        """Rows that were billed in the period before and are not any more."""
        gone: BoolArray = (self.parts == 0) & (self.previous_parts > 0)
        return gone

    @property
    def psa_only(self) -> BoolArray:
        """Contract lines that neither period bills."""
        alone: BoolArray = (self.parts == 0) & (self.previous_parts == 0)
        return alone


@dataclass(frozen=True, slots=True, kw_only=True)
class _Targets:
    """What every billed line, and behind them every contract line of ours without one, belongs to."""

    customer: IntArray
    contract: IntArray
    service: IntArray
    about: IntArray
    """The service, or behind all services the item of a line that leads to none."""
    ordinal: IntArray
    line: IntArray


def compare(basis: Basis, prepared: Prepared, ways: Ways) -> tuple[Rows, IntArray]:
    """The rows, and the position of the row of each billed line of both periods (−1: none)."""
    targets = _targets(prepared, ways, _unbilled(basis, prepared, ways))
    group, order = _group(prepared, targets)
    rows = _rows(prepared, ways, targets, group, len(order))
    keep = ~_settled(prepared, rows)
    mine = group[: len(prepared.billed.customer)]
    if keep.all():
        return rows, mine
    return _kept(rows, keep), np.where(keep, np.cumsum(keep) - 1, -1)[mine]


def row_keys(prepared: Prepared, rows: Rows) -> list[str]:
    """``ids.row_key`` of every row; only what needs quoting is quoted, once."""
    billed, offered = prepared.billed, prepared.offered
    customers, contracts = _quoted(billed.customers), _quoted(offered.contracts.ids)
    items = _quoted(
        [
            *offered.services.ids,
            *(f"sku:{sku}" for sku in billed.skus),
            *(f"text:{text_digest(text)}" for text in billed.descriptions),
        ]
    )
    item = np.where(rows.service >= 0, rows.service, len(offered.services.ids) + rows.item)
    parts = (pick(customers, rows.customer, ""), pick(contracts, rows.contract, ""), pick(items, item, ""))
    keys = list(map("/".join, zip(*(part.tolist() for part in parts), strict=True)))
    lines = _quoted([f"line:{id_}" for id_ in offered.lines.ids]) if rows.ordinal.any() else []
    for i in np.flatnonzero(rows.ordinal > 0).tolist():
        if rows.service[i] >= 0:
            keys[i] = f"{parts[0][i]}/{parts[1][i]}/{lines[rows.line[i]]}"
        else:
            keys[i] = f"{keys[i]}~{rows.ordinal[i] + 1}"
    return keys


def _unbilled(basis: Basis, prepared: Prepared, ways: Ways) -> tuple[IntArray, IntArray]:
    """Contract lines of ours that no billed line leads to, and the customer each one belongs to."""
    billed, lines = prepared.billed, prepared.offered.lines
    free = (ways.account_finding < 0) & (ways.contract >= 0)
    owner = np.full(len(prepared.offered.contracts.ids) + 1, len(billed.customers), dtype=np.int64)
    np.minimum.at(owner, ways.contract[free], billed.customer[free])
    owners = owner[lines.contract]
    there = (lines.service >= 0) & (owners < len(billed.customers)) & lines.quantity_known & (lines.quantity != 0)
    those = np.flatnonzero(there & _ours(basis, prepared, ways) & ~_led_to(prepared, ways))
    return those, owners[those]


def _ours(basis: Basis, prepared: Prepared, ways: Ways) -> BoolArray:
    """Lines whose service is the target of a billed line or a rule, and lines that we pushed before."""
    services, lines = prepared.offered.services, prepared.offered.lines
    target = np.zeros(len(services.ids) + 1, dtype=bool)
    target[ways.service] = True
    for rule in basis.rules.products.values():
        target[services.index.get(rule.service_id, -1)] = True
    ruled = list(lines.places(rule.line_id for rule in basis.rules.lines.values()).values())
    target[lines.service[ruled]] = True
    target[-1] = False
    ours = target[lines.service]
    ours[list(lines.places(basis.last_pushed).values())] = True
    return ours


def _led_to(prepared: Prepared, ways: Ways) -> BoolArray:
    """Contract lines that a billed line leads to, or would if the service did not stand twice."""
    lines = prepared.offered.lines
    led = np.zeros(len(lines.ids) + 1, dtype=bool)
    led[ways.line] = True
    twice = ways.item_finding == NUMBER[Kind.SERVICE_DUPLICATED]
    if twice.any():
        width = lines.pair_width
        asked = np.unique(ways.contract[twice] * width + ways.service[twice])
        led[:-1] |= np.isin(lines.contract * width + lines.service, asked) & (lines.service >= 0)
    return led[:-1]


def _targets(prepared: Prepared, ways: Ways, unbilled: tuple[IntArray, IntArray]) -> _Targets:
    billed, lines = prepared.billed, prepared.offered.lines
    those, owners = unbilled
    line, service = _and(ways.line, those), _and(ways.service, lines.service[those])
    about = service.copy()
    nameless = np.flatnonzero(service < 0)
    about[nameless] = len(prepared.offered.services.ids) + billed.item[nameless]
    ordinal = take(lines.twin, line, 0) if lines.twin.any() else np.zeros(len(line), dtype=np.int64)
    ordinal[nameless] = billed.ordinal[nameless]
    return _Targets(
        customer=_and(billed.customer, owners),
        contract=_and(ways.contract, lines.contract[those]),
        service=service,
        about=about,
        ordinal=ordinal,
        line=line,
    )


def _and(values: IntArray, more: IntArray) -> IntArray:
    return np.append(values, more) if len(more) else values


def _group(prepared: Prepared, targets: _Targets) -> tuple[IntArray, IntArray]:
    """The row of every target; rows are numbered in their final order."""
    billed, offered = prepared.billed, prepared.offered
    services = len(offered.services.ids)
    key = packed(
        (targets.customer, len(billed.customers)),
        (targets.about, services + billed.items + 1),
        (targets.contract + 1, len(offered.contracts.ids) + 1),
        (targets.ordinal, int(targets.ordinal.max(initial=0)) + 1),
    )
    codes, distinct = pd.factorize(key)
    order = np.argsort(distinct)
    return rank_of(order)[codes], order


def _rows(prepared: Prepared, ways: Ways, targets: _Targets, group: IntArray, length: int) -> Rows:
    billed = prepared.billed
    one = np.empty(length, dtype=np.int64)
    one[group[::-1]] = np.arange(len(group) - 1, -1, -1)
    total, now = len(billed.customer), billed.now
    mine, before = group[:now], group[now:total]
    parts, previous_parts = np.bincount(mine, minlength=length), np.bincount(before, minlength=length)
    first = _speakers(prepared, one, group[:total], parts, previous_parts)
    quantity, known = billed.quantity, billed.quantity_known
    customers_now = np.zeros(len(billed.customers), dtype=bool)
    customers_now[billed.customer[:now]] = True
    customer = targets.customer[one]
    marks = ("account_finding", "item_finding", "count", "detail")
    findings = {name: _highest(getattr(ways, name), group[:total], length) for name in marks}
    return Rows(
        customer=customer,
        contract=targets.contract[one],
        service=targets.service[one],
        line=targets.line[one],
        company=_companies(prepared, ways, first, targets.contract[one]),
        item=np.maximum(targets.about[one] - len(prepared.offered.services.ids), -1),
        ordinal=targets.ordinal[one],
        first=first,
        parts=parts,
        previous_parts=previous_parts,
        billed=_sum(quantity[:now], mine, length),
        billed_known=(parts > 0) & ~_any(~known[:now], mine, length),
        previous=_sum(quantity[now:], before, length),
        previous_known=(previous_parts > 0) & ~_any(~known[now:], before, length),
        part_negative=_any(quantity[:now] < 0, mine, length),
        part_fraction=_any(quantity[:now] % 10_000 != 0, mine, length),
        **findings,
        excluded=_any(ways.excluded, group[:total], length),
        deprovisioned=~customers_now[customer],
    )


def _sum(values: IntArray, group: IntArray, length: int) -> IntArray:
    total = np.zeros(length, dtype=np.int64)
    np.add.at(total, group, values)
    return total


def _any(flags: BoolArray, group: IntArray, length: int) -> BoolArray:
    found = np.zeros(length, dtype=bool)
    found[group[flags]] = True
    return found


def _highest(values: IntArray, group: IntArray, length: int) -> IntArray:
    highest = np.full(length, -1, dtype=np.int64)
    those = np.flatnonzero(values >= 0)
    np.maximum.at(highest, group[those], values[those])
    return highest


def _companies(prepared: Prepared, ways: Ways, first: IntArray, contract: IntArray) -> IntArray:
    by_contract = take(prepared.offered.contracts.company, contract, -1)
    return np.where(first >= 0, take(ways.company, first, -1), by_contract)


def _speakers(prepared: Prepared, one: IntArray, group: IntArray, parts: IntArray, previous_parts: IntArray) -> IntArray:
    """The line whose texts a row shows: of several the one that sorts first, so that the order of the rows does not matter."""
    total = len(group)
    first = np.where(one < total, one, -1)
    several = np.where(parts > 0, parts, previous_parts) > 1
    those = np.flatnonzero(several[group])
    if not len(those):
        return first
    billed = prepared.billed
    texts = [_rank_among(prepared, column, those) for column in ("line_description", "service_name")]
    order = np.lexsort((texts[1], texts[0], billed.account[those], billed.item[those], those >= billed.now))[::-1]
    first[group[those[order]]] = those[order]
    return first


def _rank_among(prepared: Prepared, column: str, those: IntArray) -> IntArray:
    frames = (prepared.billed.lines, prepared.billed.previous_lines)
    now = prepared.billed.now
    return coded([frames[0][column].take(those[those < now]), frames[1][column].take(those[those >= now] - now)]).codes


def _settled(prepared: Prepared, rows: Rows) -> BoolArray:
    """Services that are gone and need nothing: no line is left, or another customer's billed line has it now."""
    gone = rows.gone
    taken = np.zeros(len(prepared.offered.lines.ids) + 1, dtype=bool)
    taken[rows.line[rows.current]] = True
    taken[-1] = False
    hidden = np.isin(rows.account_finding, _TELLS_OF_THE_GONE) | np.isin(rows.item_finding, _TELLS_OF_THE_GONE)
    return gone & (((rows.line < 0) & ~hidden) | taken[rows.line])


def _kept(rows: Rows, keep: BoolArray) -> Rows:
    return Rows(**{name: getattr(rows, name)[keep] for name in Rows.__slots__})


def _quoted(values: list[str]) -> list[str]:
    if _PLAIN_KEY.fullmatch("".join(values)):
        return values
    return [value if _PLAIN_KEY.fullmatch(value) else quote(value, safe=_SAFE) for value in values]


def as_objects(values: Sequence[Any]) -> ObjectArray:
    """Texts as an array of objects."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
