"""The billed lines of both periods, coded once per fetch: who is matched, which SKU, how many."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reconcile_app.core.snapshot import BillingSnapshot
from reconcile_app.core.texts import (
    BoolArray,
    Coded,
    IntArray,
    ObjectArray,
    amounts_of,
    blanked,
    coded,
    filled,
    objects,
    packed,
    rank_of,
    take,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """Both periods below each other: first ``now`` lines of the selected period, then those of the one before.

    ``customer`` is who is matched with a company: the consuming customer, or with ``customer_key = bill_to`` the paying one.
    An *account* is such a customer with one billing identifier; a customer whose lines carry two has two accounts.
    ``item`` numbers what a line is about: SKUs in order, then the descriptions of lines without SKU; ``ordinal`` keeps lines
    without SKU apart that say the same.
    """

    lines: pd.DataFrame
    previous_lines: pd.DataFrame
    now: int
    customers: list[str]
    customer_names: list[str]
    customer: IntArray
    accounts: int
    account: IntArray
    account_customer: IntArray
    identifiers: list[str]
    """Per account, trimmed; blank where there is none."""
    account_is_current: BoolArray
    skus: list[str]
    sku: IntArray
    descriptions: list[str]
    """Descriptions of lines without SKU."""
    item: IntArray
    ordinal: IntArray
    quantity: IntArray
    quantity_known: BoolArray
    billed_to: list[tuple[str, str, str]]
    """Consuming customer, its name, and the other customer that pays for it."""

    @property
    def items(self) -> int:
        """How many different ``item`` numbers there are."""
        return len(self.skus) + len(self.descriptions)


def code_billed(billing: BillingSnapshot, customer_key: str, wanted: Collection[str]) -> Billed:
    """Code the billed lines; ``wanted`` restricts to these customer codes (empty: all), without regard to case."""
    frames = [_only(_matched(frame, customer_key), wanted) for frame in (billing.lines, billing.previous_lines)]
    now = len(frames[0])
    customers = coded([frame["matched_code"].fillna("") for frame in frames])
    account, account_customer, identifiers = _accounts(frames, customers)
    skus = coded([frame["sku"] for frame in frames])
    quantity, known = _amounts(frames)
    item, ordinal, descriptions = _items(frames, skus, customers, quantity)
    current = np.zeros(len(account_customer), dtype=bool)
    current[account[:now]] = True
    return Billed(
        lines=frames[0],
        previous_lines=frames[1],
        now=now,
        customers=customers.values,
        customer_names=_names(frames, customers),
        customer=customers.codes,
        accounts=len(account_customer),
        account=account,
        account_customer=account_customer,
        identifiers=identifiers,
        account_is_current=current,
        skus=skus.values,
        sku=skus.codes,
        descriptions=descriptions,
        item=item,
        ordinal=ordinal,
        quantity=quantity,
        quantity_known=known,
        billed_to=_billed_to(frames[0]),
    )


def _matched(frame: pd.DataFrame, customer_key: str) -> pd.DataFrame:
    """The lines with the customer that is matched in three columns of their own."""
    names = ("matched_code", "matched_name", "matched_identifier")
    own = ("customer_code", "customer_name", "billing_identifier")
    if customer_key != "bill_to":
        return frame.assign(**{name: frame[column] for name, column in zip(names, own, strict=True)})
    pays = frame["bill_to_code"].notna()
    paying = ("bill_to_code", "bill_to_name", "bill_to_identifier")
    return frame.assign(
        **{name: frame[payer].where(pays, frame[column]) for name, payer, column in zip(names, paying, own, strict=True)}
    )


def _only(frame: pd.DataFrame, wanted: Collection[str]) -> pd.DataFrame:
    if not wanted:
        return frame
    codes = {code.strip().casefold() for code in wanted}
    keep = [str(code).casefold() in codes for code in objects(frame["matched_code"])]
    return frame[np.array(keep, dtype=bool)].reset_index(drop=True)


def _accounts(frames: list[pd.DataFrame], customers: Coded) -> tuple[IntArray, IntArray, list[str]]:
    """Account of every line, customer of every account, identifier of every account.

    A customer with one identifier in the selected period has it in the period before, too: a corrected one leads there as well.
    """
    if alike := _alike(frames, "matched_identifier", customers):
        return customers.codes, np.arange(len(alike), dtype=np.int64), [identifier.strip() for identifier in alike]
    identifiers = coded([frame["matched_identifier"].fillna("").str.strip() for frame in frames])
    width, now = max(len(identifiers.values), 1), len(frames[0])
    codes, pairs = pd.factorize(packed((customers.codes, len(customers.values)), (identifiers.codes, width)))
    order = np.argsort(pairs)
    account, account_customer = take(rank_of(order), codes, -1), pairs[order] // width
    current = np.unique(account[:now])
    only = np.full(len(customers.values), -1, dtype=np.int64)
    only[account_customer[current]] = np.where(np.bincount(account_customer[current])[account_customer[current]] == 1, current, -1)
    kept = only[customers.codes[now:]]
    account[now:] = np.where(kept >= 0, kept, account[now:])
    return account, account_customer, [identifiers.values[i] for i in (pairs[order] % width).tolist()]


def _alike(frames: list[pd.DataFrame], column: str, customers: Coded) -> list[str]:
    """The one text that each customer has in all its lines of the selected period, or else of the one before.

    Nothing where a customer has several. This spares coding a whole column.
    """
    now = len(frames[0])
    mine, before = customers.codes[:now], customers.codes[now:]
    gone = np.ones(len(customers.values), dtype=bool)
    gone[mine] = False
    left = np.flatnonzero(gone[before])
    own = np.full(len(customers.values), "", dtype=object)
    for codes, texts in ((mine, blanked(frames[0][column])), (before[left], blanked(frames[1][column].take(left)))):
        own[codes[::-1]] = texts[::-1]
        if own[codes].tolist() != texts.tolist():
            return []
    return own.tolist()


def _names(frames: list[pd.DataFrame], customers: Coded) -> list[str]:
    """One name per customer; where its lines disagree, the first in alphabetical order."""
    if alike := _alike(frames, "matched_name", customers):
        return [name or code for name, code in zip(alike, customers.values, strict=True)]
    names = coded([frame["matched_name"] for frame in frames])
    beyond, now = len(names.values), len(frames[0])
    rank = np.where(names.codes < 0, beyond, names.codes)
    lowest = np.full((2, len(customers.values)), beyond, dtype=np.int64)
    np.minimum.at(lowest[0], customers.codes[:now], rank[:now])
    np.minimum.at(lowest[1], customers.codes[now:], rank[now:])
    best = np.where(lowest[0] < beyond, lowest[0], lowest[1])
    table = [*names.values, ""]
    return [table[i] or code for i, code in zip(best.tolist(), customers.values, strict=True)]


def _amounts(frames: list[pd.DataFrame]) -> tuple[IntArray, BoolArray]:
    parts = [amounts_of(frame["quantity"]) for frame in frames]
    return np.concatenate([values for values, _ in parts]), np.concatenate([known for _, known in parts])


def _items(frames: list[pd.DataFrame], skus: Coded, customers: Coded, quantity: IntArray) -> tuple[IntArray, IntArray, list[str]]:
    """Item numbers, ordinals among equal lines without SKU, and the descriptions of such lines."""
    item = skus.codes.copy()
    ordinal = np.zeros(len(item), dtype=np.int64)
    blank = np.flatnonzero(item < 0)
    if not len(blank):
        return item, ordinal, []
    texts = pd.concat([frame["line_description"] for frame in frames], ignore_index=True).iloc[blank].fillna("")
    described = coded([texts])
    later = (blank >= len(frames[0])).astype(np.int64)
    nothing = described.values[:1] == [""] and (described.codes == 0) & (later == 1)
    # A line that says nothing at all must not meet another that says nothing: it gets a number beyond all others.
    item[blank] = len(skus.values) + np.where(nothing, len(described.values), described.codes)
    ordinal[blank] = _ordinals((later, customers.codes[blank], described.codes), quantity[blank])
    return item, ordinal, described.values


def _ordinals(groups: tuple[IntArray, IntArray, IntArray], quantity: IntArray) -> IntArray:
    """0, 1, 2 … within each group, the smaller quantity first, so that the order of the rows does not matter."""
    order = np.lexsort((quantity, *reversed(groups)))
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = np.any([codes[order][1:] != codes[order][:-1] for codes in groups], axis=0)
    position = np.arange(len(order), dtype=np.int64)
    begin = np.maximum.accumulate(np.where(starts, position, 0))
    found = np.empty(len(order), dtype=np.int64)
    found[order] = position - begin
    return found


def _billed_to(lines: pd.DataFrame) -> list[tuple[str, str, str]]:
    other = lines[lines["bill_to_code"].notna().to_numpy(dtype=bool)]
    if other.empty:
        return []
    pairs = other[["customer_code", "customer_name", "bill_to_code"]].drop_duplicates(["customer_code", "bill_to_code"])
    found = zip(filled(pairs["customer_code"]), filled(pairs["customer_name"]), filled(pairs["bill_to_code"]), strict=True)
    return sorted(row for row in found if row[0] != row[2])


def line_texts(billed: Billed, column: str) -> ObjectArray:
    """A text column of both periods."""
    return np.concatenate([objects(billed.lines[column]), objects(billed.previous_lines[column])])
