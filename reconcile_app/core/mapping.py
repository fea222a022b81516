"""Where a billed line leads: customer → company → contract, SKU → service → line. By id, never by name.

What an operator decided wins over what the ids say; a decision whose target is gone stops the line and says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from reconcile_app.core.accounts import KINDS, NUMBER, Accounts, Known, claims_of, judge_contract, lead_accounts, terms
from reconcile_app.core.billed import Billed, code_billed
from reconcile_app.core.findings import Kind
from reconcile_app.core.frames import BILLED_LINES, CUSTOMERS, MAPPED_LINES, REJECTED
from reconcile_app.core.mapping_rules import CustomerRule, IgnoreRule, LineRule, MappingRules, ProductRule
from reconcile_app.core.offered import Offered, code_offered, comparable_sku
from reconcile_app.core.period import Period
from reconcile_app.core.snapshot import BillingSnapshot, PsaSnapshot, Side
from reconcile_app.core.texts import BoolArray, IntArray, amount_column, filled, objects, packed, picked, take, take_flags

__all__ = [
    "CustomerRule",
    "IgnoreRule",
    "LineRule",
    "MappedLines",
    "MappingRules",
    "ProductRule",
    "Ways",
    "frame_of",
    "map_lines",
    "successor",
    "ways_of",
]

CATALOG = "the service catalog"
"""Where a SKU that two services carry is said to stand twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """The way of every billed line, as positions in the coded sides (−1: none) and numbers of kinds (−1: none).

    ``account_finding`` stopped the customer, ``item_finding`` this SKU or line. ``count`` belongs to the finding. ``detail`` leads
    to ``details``, the placeholders of an item finding. ``excluded`` lines are no product of the PSA, by decision.
    """

    accounts: Accounts
    company: IntArray
    contract: IntArray
    service: IntArray
    line: IntArray
    account_finding: IntArray
    item_finding: IntArray
    count: IntArray
    detail: IntArray
    details: list[dict[str, str]]
    excluded: BoolArray

    @property
    def finding(self) -> IntArray:
        """What stopped the line: the customer's finding before the line's own."""
        return np.where(self.account_finding >= 0, self.account_finding, self.item_finding)


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedLines:
    """``lines`` is ``MAPPED_LINES``; ``customers`` has (customer code, kind, placeholders) for each customer that was stopped."""

    lines: pd.DataFrame
    customers: list[tuple[str, Kind, dict[str, str]]]


@dataclass(slots=True, kw_only=True)
class _Products:
    """Where each SKU leads."""

    service: IntArray
    finding: IntArray
    count: IntArray
    detail: IntArray
    excluded: BoolArray
    details: list[dict[str, str]] = field(default_factory=list)

    def stop(self, sku: int, kind: Kind, details: dict[str, str], count: int = 0) -> None:
        self.finding[sku] = NUMBER[kind]
        self.count[sku] = count
        self.detail[sku] = len(self.details)
        self.details.append(details)


def ways_of(billed: Billed, offered: Offered, known: Known, rules: MappingRules, at: date) -> Ways:
    """Find the way of every billed line of both periods."""
    accounts = lead_accounts(billed, known, rules, at)
    products = _lead_products(billed.skus, offered, rules)
    contract, service = take(accounts.contract, billed.account, -1), take(products.service, billed.sku, -1)
    line, lines_found = offered.lines.find(contract, service)
    twice = np.flatnonzero(lines_found > 1)
    item_finding = take(products.finding, billed.sku, NUMBER[Kind.NO_SKU])
    item_finding[twice] = NUMBER[Kind.SERVICE_DUPLICATED]
    stopped = take(accounts.finding, billed.account, -1)
    ways = Ways(
        accounts=accounts,
        company=take(accounts.company, billed.account, -1),
        contract=contract,
        service=service,
        line=line,
        account_finding=stopped,
        item_finding=item_finding,
        count=_counts(billed, accounts, products, stopped, item_finding),
        detail=take(products.detail, billed.sku, -1),
        details=products.details,
        excluded=take_flags(products.excluded, billed.sku),
    )
    ways.count[twice] = lines_found[twice]
    return _follow_line_rules(ways, billed, offered, known, rules, at) if rules.lines else ways


def _counts(billed: Billed, accounts: Accounts, products: _Products, stopped: IntArray, item_finding: IntArray) -> IntArray:
    """How many there are of what stopped a line; only few lines are stopped."""
    count = np.zeros(len(stopped), dtype=np.int64)
    by_item, by_account = np.flatnonzero(item_finding >= 0), np.flatnonzero(stopped >= 0)
    count[by_item] = take(products.count, billed.sku[by_item], 0)
    count[by_account] = accounts.count[billed.account[by_account]]
    return count


def _lead_products(skus: list[str], offered: Offered, rules: MappingRules) -> _Products:
    blank = np.full(len(skus), -1, dtype=np.int64)
    products = _Products(
        service=blank.copy(),
        finding=blank.copy(),
        count=np.zeros(len(skus), dtype=np.int64),
        detail=blank.copy(),
        excluded=np.zeros(len(skus), dtype=bool),
    )
    for i, sku in enumerate(skus):
        if rule := rules.products.get(sku):
            _follow_product_rule(products, i, rule, offered)
        else:
            _look_up(products, i, sku, offered)
    return products


def _follow_product_rule(products: _Products, i: int, rule: ProductRule, offered: Offered) -> None:
    if not rule.service_id:
        products.excluded[i] = True
        return
    products.service[i] = offered.services.index.get(rule.service_id, -1)
    if products.service[i] < 0:
        products.stop(i, Kind.MAPPING_BROKEN, {"object": "service", "id": rule.service_id})


def _look_up(products: _Products, i: int, sku: str, offered: Offered) -> None:
    services = offered.services
    value = comparable_sku(sku, services.sku_is_number)
    if value is None:
        products.stop(i, Kind.SKU_NOT_VALID, {})
    elif value in services.by_value:
        products.service[i] = services.by_value[value]
    elif count := services.several.get(value, 0):
        products.stop(i, Kind.SERVICE_DUPLICATED, {"contract_name": CATALOG}, count)
    else:
        products.stop(i, Kind.SERVICE_NOT_FOUND, {})


def _follow_line_rules(ways: Ways, billed: Billed, offered: Offered, known: Known, rules: MappingRules, at: date) -> Ways:
    """Lines with a rule of their own leave the way of their customer and their SKU."""
    customers = {code: i for i, code in enumerate(billed.customers)}
    skus = {sku: i for i, sku in enumerate(billed.skus)}
    followed = [
        (customers[code] * len(skus) + skus[sku], rule)
        for (code, sku), rule in rules.lines.items()
        if code in customers and sku in skus
    ]
    if not followed:
        return ways
    asked = np.where(billed.sku < 0, -1, packed((billed.customer, len(customers)), (np.maximum(billed.sku, 0), len(skus))))
    which = pd.Index([key for key, _ in followed]).get_indexer(pd.Index(asked))
    term = terms(offered.contracts, at)
    places = offered.lines.places(rule.line_id for _, rule in followed)
    targets = [_target(rule, places, offered, known, term) for _, rule in followed]
    has = which >= 0
    details = [*ways.details, *(details for _, _, _, details in targets)]

    def overlay(position: int, otherwise: IntArray) -> IntArray:
        values = np.array([target[position] for target in targets], dtype=np.int64)
        return np.where(has, take(values, which, -1), otherwise)

    contract, line = overlay(0, ways.contract), overlay(1, ways.line)
    return replace(
        ways,
        contract=contract,
        line=line,
        item_finding=overlay(2, ways.item_finding),
        details=details,
        company=np.where(has, take(offered.contracts.company, contract, -1), ways.company),
        service=np.where(has & (line >= 0), take(offered.lines.service, line, -1), ways.service),
        account_finding=np.where(has, -1, ways.account_finding),
        count=np.where(has, 0, ways.count),
        detail=np.where(has, which + len(ways.details), ways.detail),
        excluded=ways.excluded & ~has,
    )


def _target(
    rule: LineRule, places: Mapping[str, int], offered: Offered, known: Known, term: IntArray
) -> tuple[int, int, int, dict[str, str]]:
    """Contract, line, number of the finding and its placeholders."""
    contract = offered.contracts.index.get(rule.contract_id, -1)
    company = offered.companies.ids[offered.contracts.company[contract]] if contract >= 0 else ""
    for part in (f"contract:{rule.contract_id}", f"company:{company}"):
        if part in known.unread:
            return contract, -1, NUMBER[Kind.NOT_READ], {"error": known.unread[part]}
    if contract < 0:
        return -1, -1, NUMBER[Kind.MAPPING_BROKEN], {"object": "contract", "id": rule.contract_id}
    line = places.get(rule.line_id, -1)
    if line < 0 or offered.lines.contract[line] != contract:
        return contract, -1, NUMBER[Kind.MAPPING_BROKEN], {"object": "line", "id": rule.line_id}
    if why := judge_contract(contract, offered.contracts, term):
        return contract, line, NUMBER[why[0]], why[1]
    return contract, line, -1, {}


def frame_of(billed: Billed, offered: Offered, ways: Ways) -> pd.DataFrame:
    """``MAPPED_LINES`` of the selected period."""
    first = slice(0, billed.now)
    finding, company, contract = ways.finding[first], ways.company[first], ways.contract[first]
    count = ways.count[first]
    return MAPPED_LINES.build(
        {
            **{name: billed.lines[name] for name in BILLED_LINES.columns},
            "matched_identifier": picked(billed.identifiers, billed.account[first]),
            "company_id": picked(offered.companies.ids, company),
            "company_name": picked(offered.companies.names, company),
            "contract_id": picked(offered.contracts.ids, contract),
            "contract_name": picked(offered.contracts.names, contract),
            "service_id": picked(offered.services.ids, ways.service[first]),
            "line_id": picked(offered.lines.ids, ways.line[first]),
            "finding": picked([kind.value for kind in KINDS], finding),
            "finding_count": amount_column(count, (finding >= 0) & (count > 0)),
        }
    )


def map_lines(lines: pd.DataFrame, psa: PsaSnapshot, rules: MappingRules, customer_key: str, effective_date: date) -> MappedLines:
    """Map the lines of one period (``BILLED_LINES``) on their own, for instance to see what a rule would do."""
    day = timedelta(days=1)
    period = Period(effective_date - day, effective_date - day)
    billing = BillingSnapshot(
        side=Side(connection="", kind="", title="", complete=True, rows=len(lines), calls=0),
        period=period,
        current=period,
        previous=None,
        previous_complete=False,
        lines=lines,
        previous_lines=BILLED_LINES.empty(),
        customers=CUSTOMERS.empty(),
        rejected=REJECTED.empty(),
    )
    billed, offered = code_billed(billing, customer_key, ()), code_offered(psa)
    claims = claims_of(billed, offered.companies, ())
    known = Known(companies=offered.companies, contracts=offered.contracts, unread=psa.side.unread, claims=claims)
    ways = ways_of(billed, offered, known, rules, effective_date)
    stopped = [
        (billed.customers[billed.account_customer[account]], KINDS[ways.accounts.finding[account]], details)
        for account, details in sorted(ways.accounts.details.items())
    ]
    return MappedLines(lines=frame_of(billed, offered, ways), customers=stopped)


def successor(contracts: pd.DataFrame, contract_id: str, company_id: str, on: date) -> str:
    """The contract that most likely replaces one that is gone or over, or "" where nothing speaks for one.

    The contract that renews it (the end of a chain of renewals), else the company's only other contract in force on the day.
    """
    renewals = _renewals(contracts)
    found, seen = contract_id, {contract_id}
    while (after := renewals.get(found, "")) and after not in seen:
        seen.add(after)
        found = after
    if found != contract_id:
        return found
    day = pd.Timestamp(on)
    live = contracts["active"].to_numpy(dtype=bool) & ~(contracts["start_date"] > day) & ~(contracts["end_date"] < day)
    own = (contracts["company_id"] == company_id).fillna(False).to_numpy(dtype=bool)
    others = [id_ for id_ in filled(contracts.loc[live & own, "contract_id"]) if id_ != contract_id]
    return others[0] if len(others) == 1 else ""


def _renewals(contracts: pd.DataFrame) -> Mapping[str, str]:
    """Contract → the only contract that renews it."""
    found: dict[str, str] = {}
    for old, new in zip(objects(contracts["renews_contract_id"]), objects(contracts["contract_id"]), strict=True):
        if old is not pd.NA:
            found[str(old)] = "" if str(old) in found else str(new)
    return found
