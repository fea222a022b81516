"""Where a billing customer leads: billing identifier → company → contract. By id, never by name; what is ambiguous is reported."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum

import numpy as np

from reconcile_app.core.billed import Billed
from reconcile_app.core.findings import Kind
from reconcile_app.core.mapping_rules import CustomerRule, MappingRules
from reconcile_app.core.offered import Companies, Contracts
from reconcile_app.core.texts import Days, IntArray, take

KINDS = tuple(Kind)
NUMBER = {kind: i for i, kind in enumerate(KINDS)}
"""A kind as a number inside arrays; −1 stands for none."""


class Term(IntEnum):
    """What a contract is on a date. ``OFF``: its dates fit, but it is switched off."""

    OFF = 0
    LIVE = 1
    FUTURE = 2
    ENDED = 3


@dataclass(slots=True, kw_only=True)
class Accounts:
    """The way of every account: company, contract (−1 where unknown) and the finding that stopped it (number of the kind, −1)."""

    company: IntArray
    contract: IntArray
    finding: IntArray
    count: IntArray
    details: dict[int, dict[str, str]] = field(default_factory=dict)
    """Placeholders by account; only accounts with a finding have them."""

    def stop(self, account: int, kind: Kind, **details: str) -> None:
        """This account goes no further."""
        self.finding[account] = NUMBER[kind]
        self.details[account] = details


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """Which companies are meant by identifier alone, whatever the rules say: by every account, and by every customer that the
    billing source knows (``codes``, with or without lines). −1: none."""

    company: IntArray
    codes: list[str]
    code_company: IntArray
    code_customer: IntArray
    """Position among the billed customers; beyond them for customers without lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What accounts are looked up in. ``unread`` are parts of the PSA that were not read (see ``Side.unread``)."""

    companies: Companies
    contracts: Contracts
    unread: Mapping[str, str]
    claims: Claims


def claims_of(billed: Billed, companies: Companies, customers: Iterable[tuple[str, str]]) -> Claims:
    """Look every identifier up. ``customers`` are code and identifier of all customers."""
    others = list(customers)
    place = {code: i for i, code in enumerate(billed.customers)}
    return Claims(
        company=np.array(companies.find(billed.identifiers), dtype=np.int64),
        codes=[code for code, _ in others],
        code_company=np.array(companies.find([identifier.strip() for _, identifier in others]), dtype=np.int64),
        code_customer=np.array([place.get(code, len(place) + i) for i, (code, _) in enumerate(others)], dtype=np.int64),
    )


def lead_accounts(billed: Billed, known: Known, rules: MappingRules, at: date) -> Accounts:
    """Find company and contract of every account on a date."""
    accounts = Accounts(
        company=known.claims.company.copy(),
        contract=np.full(billed.accounts, -1, dtype=np.int64),
        finding=np.full(billed.accounts, -1, dtype=np.int64),
        count=np.zeros(billed.accounts, dtype=np.int64),
    )
    ruled = _apply_rules(accounts, billed, known, rules)
    _stop_unknown(accounts, billed, known, ruled)
    _stop_shared(accounts, billed, known, rules, ruled)
    term = terms(known.contracts, at)
    _choose_contracts(accounts, known, term, ruled)
    for account, rule in ruled.items():
        if rule.contract_id and accounts.finding[account] < 0:
            _follow_rule(accounts, account, rule.contract_id, known, term)
    _stop_unread_contracts(accounts, known)
    return accounts


def terms(contracts: Contracts, at: date) -> IntArray:
    """What each contract is on a date, as ``Term``."""
    day = np.datetime64(at, "D")
    ended, later = contracts.end < day, contracts.start > day
    rest = np.where(contracts.active & later, Term.FUTURE, np.where(contracts.active, Term.LIVE, Term.OFF))
    return np.where(ended, Term.ENDED, rest).astype(np.int64)


def judge_contract(contract: int, contracts: Contracts, term: IntArray) -> tuple[Kind, dict[str, str]] | None:
    """Why a contract cannot be used on the date; None where it can."""
    return None if term[contract] == Term.LIVE else _why_not(contract, contracts, term)


def _why_not(contract: int, contracts: Contracts, term: IntArray) -> tuple[Kind, dict[str, str]]:
    name = contracts.names[contract]
    if term[contract] == Term.FUTURE:
        return Kind.CONTRACT_NOT_STARTED, {"contract_name": name, "start_date": str(contracts.start[contract])}
    if term[contract] == Term.ENDED:
        return Kind.CONTRACT_EXPIRED, {"contract_name": name, "end_date": str(contracts.end[contract])}
    return Kind.MAPPING_BROKEN, {"object": "active contract", "id": contracts.ids[contract]}


def _apply_rules(accounts: Accounts, billed: Billed, known: Known, rules: MappingRules) -> dict[int, CustomerRule]:
    ruled = (
        {
            account: rules.customers[billed.customers[customer]]
            for account, customer in enumerate(billed.account_customer.tolist())
            if billed.customers[customer] in rules.customers
        }
        if rules.customers
        else {}
    )
    for account, rule in ruled.items():
        accounts.company[account] = known.companies.index.get(rule.company_id, -1)
        if accounts.company[account] < 0 and f"company:{rule.company_id}" not in known.unread:
            accounts.stop(account, Kind.MAPPING_BROKEN, object="company", id=rule.company_id)
    return ruled


def _stop_unknown(accounts: Accounts, billed: Billed, known: Known, ruled: Mapping[int, CustomerRule]) -> None:
    unread = {part.removeprefix("company:"): reason for part, reason in known.unread.items() if part.startswith("company:")}
    for account in np.flatnonzero((accounts.company < 0) & (accounts.finding < 0)).tolist():
        identifier = ruled[account].company_id if account in ruled else billed.identifiers[account]
        if not identifier:
            accounts.stop(account, Kind.NO_BILLING_IDENTIFIER)
        elif identifier in unread:
            accounts.stop(account, Kind.NOT_READ, error=unread[identifier])
        else:
            several = known.companies.several.get(identifier, 0)
            accounts.count[account] = several
            accounts.stop(account, Kind.COMPANY_NOT_FOUND, **({"count": str(several)} if several else {}))
    for id_, reason in unread.items():
        for account in np.flatnonzero((accounts.company == known.companies.index.get(id_, -2)) & (accounts.finding < 0)).tolist():
            accounts.stop(account, Kind.NOT_READ, error=reason)


def _stop_shared(accounts: Accounts, billed: Billed, known: Known, rules: MappingRules, ruled: Mapping[int, CustomerRule]) -> None:
    """Two customers with one identifier stop both, unless a rule gives the company to one of them: then it stops the other."""
    claims = known.claims
    current = np.flatnonzero((accounts.company >= 0) & billed.account_is_current)
    others = claims.code_company >= 0
    if rules.customers:
        others &= np.array([code not in rules.customers for code in claims.codes], dtype=bool)
    width = len(billed.customers) + len(claims.codes) + 1
    pairs = np.unique(
        np.append(
            accounts.company[current] * width + billed.account_customer[current],
            claims.code_company[others] * width + claims.code_customer[others],
        )
    )
    doubtful = np.flatnonzero(np.bincount(pairs // width) > 1)
    owners: dict[int, set[str]] = {company: set() for company in doubtful.tolist()}
    crowded = current[np.isin(accounts.company[current], doubtful)].tolist()
    for account in crowded:
        owners[int(accounts.company[account])].add(billed.customers[billed.account_customer[account]])
    for i in np.flatnonzero(others & np.isin(claims.code_company, doubtful)).tolist():
        owners[int(claims.code_company[i])].add(claims.codes[i])
    for account in crowded:
        rivals = owners[int(accounts.company[account])] - {billed.customers[billed.account_customer[account]]}
        if rivals and account not in ruled and accounts.finding[account] < 0:
            accounts.count[account] = len(rivals) + 1
            accounts.stop(account, Kind.IDENTIFIER_SHARED, other_customer_code=min(rivals))


def _choose_contracts(accounts: Accounts, known: Known, term: IntArray, ruled: Mapping[int, CustomerRule]) -> None:
    """The only contract in force; without one, the next that starts or else the last that ended is named and stops the way."""
    contracts, width = known.contracts, len(known.companies.ids) + 1
    live = np.flatnonzero(term == Term.LIVE)
    count = take(np.bincount(contracts.company[live] + 1, minlength=width)[1:].astype(np.int64), accounts.company, 0)
    future = _ordered(np.flatnonzero(term == Term.FUTURE), contracts.start, last=False)
    ended = _ordered(np.flatnonzero(term == Term.ENDED), contracts.end, last=True)
    # What is written later wins: a contract to come is nearer to a renewal than one that is over.
    named = _by_company(contracts, np.concatenate([ended, future]), width)
    by_hand = np.zeros(len(accounts.company), dtype=bool)
    by_hand[[account for account, rule in ruled.items() if rule.contract_id]] = True
    free = (accounts.company >= 0) & (accounts.finding < 0) & ~by_hand
    accounts.contract[:] = np.where(free & (count == 1), take(_by_company(contracts, live, width), accounts.company, -1), -1)
    for account in np.flatnonzero(free & (count != 1)).tolist():
        candidate = int(named[accounts.company[account]])
        if count[account] > 1:
            accounts.count[account] = count[account]
            accounts.stop(account, Kind.CONTRACT_AMBIGUOUS, count=str(count[account]))
        elif candidate < 0:
            accounts.stop(account, Kind.NO_CONTRACT)
        else:
            accounts.contract[account] = candidate
            kind, details = _why_not(candidate, contracts, term)
            accounts.stop(account, kind, **details)


def _ordered(those: IntArray, days: Days, *, last: bool) -> IntArray:
    """So that the one to keep comes last."""
    order = np.argsort(days[those], kind="stable")
    return those[order if last else order[::-1]]


def _by_company(contracts: Contracts, those: IntArray, width: int) -> IntArray:
    table = np.full(width, -1, dtype=np.int64)
    table[contracts.company[those] + 1] = those
    return table[1:]


def _follow_rule(accounts: Accounts, account: int, contract_id: str, known: Known, term: IntArray) -> None:
    contract = known.contracts.index.get(contract_id, -1)
    accounts.contract[account] = contract
    if contract < 0:
        if f"contract:{contract_id}" not in known.unread:
            accounts.stop(account, Kind.MAPPING_BROKEN, object="contract", id=contract_id)
        else:
            accounts.stop(account, Kind.NOT_READ, error=known.unread[f"contract:{contract_id}"])
        return
    if why := judge_contract(contract, known.contracts, term):
        accounts.stop(account, why[0], **why[1])


def _stop_unread_contracts(accounts: Accounts, known: Known) -> None:
    for part, reason in known.unread.items():
        contract = known.contracts.index.get(part.removeprefix("contract:"), -2)
        for account in np.flatnonzero((accounts.contract == contract) & (accounts.finding < 0)).tolist():
            accounts.stop(account, Kind.NOT_READ, error=reason)
