"""What the Mappings page lists, worked out of a run and the operator's rules. Pure functions, no widgets.

States are told from what the comparison itself found, so that this page and the Compare page never disagree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import pandas as pd

from reconcile_app.core.basis import Run
from reconcile_app.core.findings import Kind
from reconcile_app.core.mapping_rules import CustomerRule, IgnoreRule, LineRule, ProductRule


class MappingState(StrEnum):
    """How a customer or product finds its target."""

    MISSING = "missing"
    BROKEN = "broken"
    CHOOSE = "choose"
    """Several contracts: one has to be chosen."""
    WAITING = "waiting"
    """Changed in the billing source and not reprocessed yet."""
    OTHER = "other"
    """Found, but something else about it stops the lines; the words say what."""
    UNREAD = "unread"
    RULE = "rule"
    IDENTIFIER = "identifier"
    NOT_A_PRODUCT = "not_a_product"

    @property
    def needs_person(self) -> bool:
        """Whether somebody has to do something about it."""
        return self in (MappingState.MISSING, MappingState.BROKEN, MappingState.CHOOSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Successor:
    """The contract that probably replaced a broken target, and why we think so."""

    contract_id: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRow:
    """One billing customer and where it leads. ``lines`` counts its billed lines."""

    code: str
    name: str
    identifier: str
    company_id: str
    company: str
    contract_id: str
    contract: str
    state: MappingState
    words: str
    lines: int
    rule: CustomerRule | None
    successor: Successor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRow:
    """One SKU and the service it means, or one customer's SKU and its line. ``customer`` is empty where it holds for
    every customer."""

    sku: str
    description: str
    customer: str
    target_id: str
    target: str
    state: MappingState
    words: str
    lines: int
    customers: int
    rule: ProductRule | LineRule | None
    successor: Successor | None = None

    @property
    def key(self) -> str:
        """Stable name of the row."""
        return f"{self.customer}/{self.sku}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoredRow:
    """One ignore rule with the words of the row it holds back."""

    rule: IgnoreRule
    customer: str
    service: str
    holds: bool
    """False: the day has passed or the guard woke it."""


_FINDING_WORDS: dict[str, tuple[MappingState, str]] = {
    Kind.NO_BILLING_IDENTIFIER: (MappingState.MISSING, "no Billing Identifier"),
    Kind.COMPANY_NOT_FOUND: (MappingState.MISSING, "no {company} has this identifier"),
    Kind.IDENTIFIER_SHARED: (MappingState.MISSING, "shares its Billing Identifier with another customer"),
    Kind.NO_CONTRACT: (MappingState.MISSING, "the {company} has no {contract} of this kind"),
    Kind.CONTRACT_AMBIGUOUS: (MappingState.CHOOSE, "several {contract}s, choose one"),
    Kind.CONTRACT_NOT_STARTED: (MappingState.OTHER, "the {contract} has not started yet"),
    Kind.CONTRACT_EXPIRED: (MappingState.OTHER, "the {contract} has ended"),
    Kind.WAITING_FOR_REPROCESS: (MappingState.WAITING, "waiting for reprocess in Atria"),
}
_SKU_WORDS: dict[str, tuple[MappingState, str]] = {
    Kind.SERVICE_NOT_FOUND: (MappingState.MISSING, "no {service} has this SKU"),
    Kind.SKU_NOT_VALID: (MappingState.MISSING, "not a whole number, as the SKU field needs"),
}
Words = Mapping[str, str]
"""The vendor's words: ``company``, ``contract``, ``line``, ``service``."""


def _text(value: object) -> str:
    return "" if value is None or value is pd.NA else str(value)


def _names(frame: pd.DataFrame, key: str, name: str) -> dict[str, str]:
    return dict(zip(frame[key].fillna("").tolist(), frame[name].fillna("").tolist(), strict=True))


def customer_rows(run: Run, words: Words) -> list[CustomerRow]:
    """Every billing customer, those that need a person first."""
    seen = _customers_seen(run)
    contracts = _names(run.basis.psa.contracts, "contract_id", "contract_name")
    companies = _names(run.basis.psa.companies, "company_id", "company_name")
    rows = [_customer_row(run, code, facts, companies, contracts, words) for code, facts in seen.items()]
    return sorted(rows, key=lambda row: (not row.state.needs_person, row.name.casefold(), row.code))


def _customers_seen(run: Run) -> dict[str, dict[str, str]]:
    """Facts per customer code: known customers, then those with billed lines, then those that only a rule names."""
    known = run.basis.billing.customers
    facts: dict[str, dict[str, str]] = {
        _text(code): {"name": _text(name), "identifier": _text(identifier)}
        for code, name, identifier in zip(known["customer_code"], known["customer_name"], known["billing_identifier"], strict=True)
    }
    for code, row in _billed_customers(run).items():
        entry = facts.setdefault(code, {"name": "", "identifier": ""})
        entry.update({name: text for name, text in row.items() if text})
    for code, kind in _customer_findings(run).items():
        facts.setdefault(code, {"name": "", "identifier": ""})["finding"] = kind
    for code in run.basis.rules.customers:
        facts.setdefault(code, {"name": "", "identifier": ""})
    return facts


def _billed_customers(run: Run) -> dict[str, dict[str, str]]:
    """Name, identifier, company, contract and number of billed lines by customer code, as the lines were mapped."""
    mapped = run.mapped
    own = ("customer_code", "customer_name", "billing_identifier")
    paying = ("bill_to_code", "bill_to_name", "bill_to_identifier")
    used = [mapped[name] for name in own]
    if run.basis.customer_key == "bill_to":
        used = [mapped[other].fillna(one) for other, one in zip(paying, used, strict=True)]
    table = mapped.assign(code=used[0], name=used[1], identifier=used[2]).groupby("code", sort=False)
    first = table[["name", "identifier", "company_id", "company_name", "contract_id", "contract_name"]].first()
    lines = table.size().to_dict()
    return {
        str(row.Index): {
            "name": _text(row.name), "identifier": _text(row.identifier), "company_id": _text(row.company_id),
            "company": _text(row.company_name), "contract_id": _text(row.contract_id), "contract": _text(row.contract_name),
            "lines": str(lines[row.Index]),
        } for row in first.itertuples()
    }


def _customer_findings(run: Run) -> dict[str, str]:
    findings = run.findings[run.findings["kind"].isin([str(kind) for kind in _FINDING_WORDS])]
    found = findings.dropna(subset=["customer_code"]).drop_duplicates("customer_code")
    return dict(zip(found["customer_code"].astype(str), found["kind"].astype(str), strict=True))


def _customer_row(run: Run, code: str, facts: dict[str, str], companies: dict[str, str], contracts: dict[str, str],
                  words: Words) -> CustomerRow:
    rule = run.basis.rules.customers.get(code)
    company_id = rule.company_id if rule else facts.get("company_id", "")
    contract_id = rule.contract_id if rule and rule.contract_id else facts.get("contract_id", "")
    state, text, successor = _customer_state(run, rule, facts, companies, contracts, words)
    return CustomerRow(
        code=code, name=facts["name"] or code, identifier=facts["identifier"], company_id=company_id,
        company=facts.get("company", "") or companies.get(company_id, ""), contract_id=contract_id,
        contract=contracts.get(contract_id, "") or facts.get("contract", ""), state=state, words=text,
        lines=int(facts.get("lines", "0")), rule=rule, successor=successor,
    )


def _customer_state(run: Run, rule: CustomerRule | None, facts: dict[str, str], companies: dict[str, str],
                    contracts: dict[str, str], words: Words) -> tuple[MappingState, str, Successor | None]:
    broken = _broken_customer(run, rule, companies, contracts, words) if rule and run.basis.psa.side.complete else None
    if broken:
        return broken
    known = _FINDING_WORDS.get(facts.get("finding", ""))
    if known:
        return known[0], known[1].format_map(words), None
    if rule:
        return MappingState.RULE, "mapped here", None
    if facts.get("company_id"):
        return MappingState.IDENTIFIER, "by Billing Identifier", None
    return (*_without_company(run, bool(facts.get("lines")), words), None)


def _broken_customer(run: Run, rule: CustomerRule, companies: dict[str, str], contracts: dict[str, str],
                     words: Words) -> tuple[MappingState, str, Successor | None] | None:
    if rule.company_id not in companies:
        return MappingState.BROKEN, f"{words['company']} {rule.company_id} is gone", None
    if rule.contract_id and rule.contract_id not in contracts:
        gone = f"{words['contract']} {rule.contract_id} is gone"
        return MappingState.BROKEN, gone, successor_of(run, rule.company_id, rule.contract_id, words)
    return None


def _without_company(run: Run, billed: bool, words: Words) -> tuple[MappingState, str]:
    if not billed:
        return MappingState.OTHER, "nothing billed in this period"
    if not run.basis.psa.side.complete:
        return MappingState.UNREAD, "not read"
    return MappingState.MISSING, f"no {words['company']}"


def successor_of(run: Run, company_id: str, contract_id: str, words: Words) -> Successor | None:
    """The contract that follows a vanished one: by its renewal reference, else the company's only contract in force."""
    contracts = run.basis.psa.contracts
    own = contracts[(contracts["company_id"] == company_id).fillna(False)]
    renewed = own[(own["renews_contract_id"] == contract_id).fillna(False)]
    if len(renewed) == 1:
        return Successor(contract_id=_text(renewed["contract_id"].iloc[0]), name=_text(renewed["contract_name"].iloc[0]),
                         reason=f"it renews the old {words['contract']}")
    at = pd.Timestamp(run.basis.effective_date)
    begun = own["start_date"].isna() | (own["start_date"] <= at)
    current = own[own["active"] & begun & (own["end_date"].isna() | (own["end_date"] >= at))]
    if len(current) == 1:
        return Successor(contract_id=_text(current["contract_id"].iloc[0]), name=_text(current["contract_name"].iloc[0]),
                         reason=f"the only {words['contract']} in force")
    return None


def product_rows(run: Run, words: Words) -> list[ProductRow]:
    """Every SKU that was billed or has a rule, then every line chosen for one customer; those that need a person first."""
    rows = [*_sku_rows(run, words), *_line_rows(run, words)]
    return sorted(rows, key=lambda row: (not row.state.needs_person, row.description.casefold(), row.sku, row.customer))


def _sku_rows(run: Run, words: Words) -> list[ProductRow]:
    mapped = run.mapped
    services = _names(run.basis.psa.services, "service_id", "service_name")
    with_sku = mapped[mapped["sku"].notna()]
    described = with_sku["line_description"].fillna(with_sku["service_name"])
    table = with_sku.assign(described=described).groupby("sku", sort=False)
    first = table[["described", "service_id"]].first()
    lines, customers = table.size().to_dict(), table["customer_code"].nunique().to_dict()
    found = _sku_findings(run)
    facts = {
        str(row.Index): (_text(row.described), _text(row.service_id), found.get(str(row.Index), "")) for row in first.itertuples()
    }
    for sku in run.basis.rules.products:
        facts.setdefault(sku, ("", "", ""))
    return [
        _sku_row(run, sku, fact, services, words, int(lines.get(sku, 0)), int(customers.get(sku, 0))) for sku, fact in facts.items()
    ]


def _sku_findings(run: Run) -> dict[str, str]:
    findings = run.findings[run.findings["kind"].isin([str(kind) for kind in _SKU_WORDS]) & run.findings["row"].notna()]
    skus = run.rows["sku"].iloc[findings["row"].astype("int64").to_numpy()]
    return {_text(sku): kind for sku, kind in zip(skus, findings["kind"].astype(str), strict=True) if _text(sku)}


def _sku_row(run: Run, sku: str, fact: tuple[str, str, str], services: dict[str, str], words: Words, lines: int,
             customers: int) -> ProductRow:
    description, service_id, finding = fact
    rule = run.basis.rules.products.get(sku)
    target = rule.service_id if rule else service_id
    state, text = _sku_state(run, rule, target, finding, services, words, lines)
    return ProductRow(sku=sku, description=description or services.get(target, ""), customer="", target_id=target,
                      target=services.get(target, ""), state=state, words=text, lines=lines, customers=customers, rule=rule)


def _sku_state(run: Run, rule: ProductRule | None, target: str, finding: str, services: dict[str, str], words: Words,
               lines: int) -> tuple[MappingState, str]:
    if rule:
        return _ruled_sku(rule, services, words)
    if finding in _SKU_WORDS:
        state, text = _SKU_WORDS[finding]
        return state, text.format_map(words)
    if target:
        return MappingState.IDENTIFIER, "by SKU"
    if not run.basis.psa.side.complete:
        return MappingState.UNREAD, "not read"
    return MappingState.OTHER, f"its customers lead to no {words['contract']} yet" if lines else "nothing billed in this period"


def _ruled_sku(rule: ProductRule, services: dict[str, str], words: Words) -> tuple[MappingState, str]:
    if not rule.service_id:
        return MappingState.NOT_A_PRODUCT, "not invoiced through the PSA"
    if services and rule.service_id not in services:
        return MappingState.BROKEN, f"{words['service']} {rule.service_id} is gone"
    return MappingState.RULE, "mapped here"


def _line_rows(run: Run, words: Words) -> list[ProductRow]:
    rules = run.basis.rules
    if not rules.lines:
        return []
    lines = run.basis.psa.lines
    names = dict(zip(lines["line_id"].fillna("").tolist(), lines["service_name"].fillna(lines["description"]).fillna("").tolist(),
                     strict=True))
    contracts = _names(run.basis.psa.contracts, "contract_id", "contract_name")
    descriptions = _names(run.mapped.drop_duplicates("sku"), "sku", "line_description")
    counts = run.mapped.groupby(["customer_code", "sku"]).size().to_dict()
    rows = []
    for (customer, sku), rule in rules.lines.items():
        gone = run.basis.psa.side.complete and rule.line_id not in names
        where = contracts.get(rule.contract_id, rule.contract_id)
        rows.append(ProductRow(
            sku=sku, description=descriptions.get(sku, ""), customer=customer, target_id=rule.line_id,
            target=f"{names.get(rule.line_id, '') or rule.line_id} on {where}",
            state=MappingState.BROKEN if gone else MappingState.RULE,
            words=f"{words['line']} {rule.line_id} is gone" if gone else "mapped here, this customer only",
            lines=int(counts.get((customer, sku), 0)), customers=1, rule=rule,
        ))
    return rows


def ignored_rows(run: Run, today: date) -> list[IgnoredRow]:
    """Every ignore rule, the newest first."""
    rows = run.rows.drop_duplicates("key").set_index("key")
    names: dict[str, tuple[str, str]] = {}
    for key in run.basis.rules.ignores:
        if key in rows.index:
            row = rows.loc[key]
            service = _text(row["service_name"]) or _text(row["description"])
            names[key] = (_text(row["customer_name"]) or _text(row["customer_code"]), service)
    held = set(run.ignored["key"].dropna().tolist())
    found = [
        IgnoredRow(rule=rule, customer=names.get(key, (key.split("/")[0], ""))[0], service=names.get(key, ("", key))[1],
                   holds=key in held or (key not in names and (rule.until is None or rule.until >= today)))
        for key, rule in run.basis.rules.ignores.items()
    ]
    return sorted(found, key=lambda row: (-row.rule.created.toordinal(), row.customer.casefold(), row.service.casefold()))
