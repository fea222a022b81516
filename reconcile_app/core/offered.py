"""The PSA's side, coded once per fetch: companies, contracts, the catalogue and the lines, ready to be looked up."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reconcile_app.core.snapshot import PsaSnapshot
from reconcile_app.core.texts import BoolArray, Days, IntArray, amounts_of, days_of, filled, objects, take


@dataclass(frozen=True, slots=True, kw_only=True)
class Companies:
    """Companies. ``several`` are match values that more than one company carries, with how many."""

    ids: list[str]
    names: list[str]
    index: dict[str, int]
    by_value: dict[str, int]
    several: dict[str, int]
    by_id: bool
    """The match value is the company's id; then leading zeros do not count."""

    def find(self, identifiers: Sequence[str]) -> list[int]:
        """The company that each billing identifier means, −1 for none (or several)."""
        found = [self.by_value.get(identifier, -1) for identifier in identifiers]
        odd = [i for i, company in enumerate(found) if company < 0 and _is_whole(identifiers[i])] if self.by_id else []
        if odd:
            by_number = {value.lstrip("0"): company for value, company in self.by_value.items() if _is_whole(value)}
            for i in odd:
                found[i] = by_number.get(identifiers[i].lstrip("0"), -1)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Contracts:
    """Contracts in order of their id. ``company`` is −1 where the company was not fetched."""

    ids: list[str]
    names: list[str]
    index: dict[str, int]
    company: IntArray
    active: BoolArray
    start: Days
    end: Days
    follows: list[str]
    """The contract that each one renews, or blank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The catalogue, and services that only stand on contracts, in order of their name.

    ``by_value`` is by match value in its comparable form; ``several`` are those that more than one service carries.
    """

    ids: list[str]
    names: list[str]
    descriptions: list[str]
    match_values: list[str]
    index: dict[str, int]
    active: BoolArray
    price: IntArray
    price_known: BoolArray
    cost: IntArray
    cost_known: BoolArray
    by_value: dict[str, int]
    several: dict[str, int]
    sku_is_number: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractLines:
    """Lines with known contract. ``frame_row`` leads back to the fetched frame; ``twin`` is 0 for a service that stands once on its
    contract, otherwise 1, 2 … in order of line id."""

    ids: list[str]
    contract: IntArray
    service: IntArray
    quantity: IntArray
    quantity_known: BoolArray
    price: IntArray
    price_known: BoolArray
    cost: IntArray
    cost_known: BoolArray
    posted_until: Days
    pending: IntArray
    pending_known: BoolArray
    pending_date: Days
    twin: IntArray
    pairs: "pd.Index[int]"
    pair_count: IntArray
    pair_line: IntArray
    pair_width: int
    descriptions: list[str]

    def places(self, wanted: Iterable[str]) -> dict[str, int]:
        """Where these line ids stand; those that are not there are left out."""
        asked = set(wanted)
        return {id_: i for i, id_ in enumerate(self.ids) if id_ in asked} if asked else {}

    def find(self, contract: IntArray, service: IntArray) -> tuple[IntArray, IntArray]:
        """For each contract and service the line (−1 for none or several) and how many lines there are."""
        asked = contract * self.pair_width + service
        asked[(contract < 0) | (service < 0)] = -1
        pair = self.pairs.get_indexer(pd.Index(asked)) if len(self.pairs) else np.full(len(asked), -1)
        count, line = take(self.pair_count, pair, 0), take(self.pair_line, pair, -1)
        line[count > 1] = -1
        return line, count


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """Everything of the PSA's side."""

    companies: Companies
    contracts: Contracts
    services: Services
    lines: ContractLines


def code_offered(psa: PsaSnapshot) -> Offered:
    """Code the PSA's side."""
    companies = _companies(psa.companies)
    contracts = _contracts(psa.contracts, companies)
    services = _services(psa)
    return Offered(companies=companies, contracts=contracts, services=services, lines=_lines(psa.lines, contracts, services))


def comparable_sku(text: str, is_number: bool) -> str | None:
    """The form in which SKUs and catalogue values are compared, or None where a whole number is needed and it is none."""
    text = text.strip()
    if not is_number:
        return unicodedata.normalize("NFC", text).casefold()
    return (text.lstrip("0") or "0") if _is_whole(text) else None


def _companies(frame: pd.DataFrame) -> Companies:
    ids, values = filled(frame["company_id"]), [value.strip() for value in filled(frame["match_value"])]
    by_value, several = _unique(values, frame["active"].tolist())
    return Companies(
        ids=ids, names=filled(frame["company_name"]), index=_index(ids), by_value=by_value, several=several, by_id=values == ids
    )


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _unique(values: Sequence[str | None], active: Sequence[bool]) -> tuple[dict[str, int], dict[str, int]]:
    """What each value means, and the values that mean several things. An inactive one yields to the only active one."""
    once = {value: i for i, value in enumerate(values) if value}
    if len(once) == len(values):
        return once, {}
    holders: dict[str, list[int]] = {}
    for i, value in enumerate(values):
        if value:
            holders.setdefault(value, []).append(i)
    found, several = {}, {}
    for value, those in holders.items():
        live = [i for i in those if active[i]] or those
        if len(live) == 1:
            found[value] = live[0]
        else:
            several[value] = len(live)
    return found, several


def _index(ids: list[str]) -> dict[str, int]:
    return {id_: i for i, id_ in enumerate(ids) if id_}


def _contracts(frame: pd.DataFrame, companies: Companies) -> Contracts:
    unsorted = filled(frame["contract_id"])
    frame = frame.take(sorted(range(len(unsorted)), key=unsorted.__getitem__))
    ids = filled(frame["contract_id"])
    company = [companies.index.get(id_, -1) for id_ in filled(frame["company_id"])]
    return Contracts(
        ids=ids,
        names=filled(frame["contract_name"]),
        index=_index(ids),
        company=np.array(company, dtype=np.int64),
        active=frame["active"].to_numpy(dtype=bool),
        start=days_of(frame["start_date"]),
        end=days_of(frame["end_date"]),
        follows=filled(frame["renews_contract_id"]),
    )


def _services(psa: PsaSnapshot) -> Services:
    only_on_lines = psa.lines.loc[~psa.lines["service_id"].isin(psa.services["service_id"]), ["service_id", "service_name"]]
    extra = only_on_lines.dropna(subset=["service_id"]).drop_duplicates("service_id").assign(active=False)
    frame = pd.concat([psa.services, extra], ignore_index=True) if len(extra) else psa.services
    keys = list(zip(filled(frame["service_name"]), filled(frame["service_id"]), strict=True))
    frame = frame.take(sorted(range(len(keys)), key=keys.__getitem__))
    ids, values = filled(frame["service_id"]), filled(frame["match_value"])
    active = frame["active"].astype(bool).to_numpy()
    comparable = [comparable_sku(value, psa.sku_is_number) if value.strip() else None for value in values]
    by_value, several = _unique(comparable, active.tolist())
    price, price_known = amounts_of(frame["unit_price"].astype("Int64"))
    cost, cost_known = amounts_of(frame["unit_cost"].astype("Int64"))
    return Services(
        ids=ids,
        names=filled(frame["service_name"]),
        descriptions=filled(frame["description"]),
        match_values=values,
        index=_index(ids),
        active=active,
        price=price,
        price_known=price_known,
        cost=cost,
        cost_known=cost_known,
        by_value=by_value,
        several=several,
        sku_is_number=psa.sku_is_number,
    )


def _lines(frame: pd.DataFrame, contracts: Contracts, services: Services) -> ContractLines:
    contract = _looked_up(frame["contract_id"], contracts.index)
    if (contract < 0).any():
        frame, contract = frame[contract >= 0], contract[contract >= 0]
    service = _looked_up(frame["service_id"], services.index)
    width = max(len(services.ids), 1)
    ids = filled(frame["line_id"])
    paired = np.flatnonzero(service >= 0)
    codes, pairs = pd.factorize(contract[paired] * width + service[paired])
    count = np.bincount(codes, minlength=len(pairs)).astype(np.int64)
    first = np.full(len(pairs), -1, dtype=np.int64)
    first[codes[::-1]] = paired[::-1]
    twin = np.zeros(len(ids), dtype=np.int64)
    twin[paired] = _twins(codes, count, [ids[i] for i in paired] if (count > 1).any() else [])
    quantity, quantity_known = amounts_of(frame["quantity"])
    price, price_known = amounts_of(frame["unit_price"])
    cost, cost_known = amounts_of(frame["unit_cost"])
    pending, pending_known = amounts_of(frame["pending_quantity"])
    return ContractLines(
        ids=ids,
        contract=contract,
        service=service,
        quantity=quantity,
        quantity_known=quantity_known,
        price=price,
        price_known=price_known,
        cost=cost,
        cost_known=cost_known,
        posted_until=days_of(frame["posted_until"]),
        pending=pending,
        pending_known=pending_known,
        pending_date=days_of(frame["pending_date"]),
        twin=twin,
        pairs=pd.Index(pairs),
        pair_count=count,
        pair_line=first,
        pair_width=width,
        descriptions=filled(frame["description"]),
    )


def _looked_up(column: "pd.Series[str]", index: dict[str, int]) -> IntArray:
    codes, distinct = pd.factorize(objects(column))
    return take(np.array([index.get(str(value), -1) for value in distinct], dtype=np.int64), codes, -1)


def _twins(codes: IntArray, count: IntArray, ids: list[str]) -> IntArray:
    twin = np.zeros(len(codes), dtype=np.int64)
    if not ids:
        return twin
    several = np.flatnonzero(count[codes] > 1)
    order = np.array(sorted(several.tolist(), key=lambda i: (codes[i], ids[i])), dtype=np.int64)
    begin = np.append(True, codes[order][1:] != codes[order][:-1])
    position = np.arange(len(order))
    twin[order] = position - np.maximum.accumulate(np.where(begin, position, 0)) + 1
    return twin
