"""A small provider to compare: companies with contracts on one side, billed lines on the other, built up row by row."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Self

import numpy as np
import pandas as pd

from reconcile_app.connectors.autotask.codes import CODES
from reconcile_app.core.amounts import parse_quantity
from reconcile_app.core.frames import BILLED_LINES, COMPANIES, CONTRACT_LINES, CONTRACTS, CUSTOMERS, REJECTED, SERVICES, Schema
from reconcile_app.core.mapping_rules import CustomerRule, IgnoreRule, LineRule, MappingRules, ProductRule
from reconcile_app.core.period import Period
from reconcile_app.core.run import Basis, BillingSnapshot, PsaSnapshot, Run, Side, assemble
from reconcile_app.core.settings import CompareOptions

EFFECTIVE = date(2026, 11, 26)
TODAY = date(2026, 11, 27)
PERIOD = Period(date(2026, 10, 26), date(2026, 11, 25))
BEFORE = Period(date(2026, 9, 26), date(2026, 10, 25))
OPEN = Period(date(2026, 11, 26), date(2026, 12, 25))


_NO_DAY = np.datetime64("NaT", "s")


def day(text: str) -> np.datetime64:
    """A day of a frame; blank for none."""
    return np.datetime64(text, "s") if text else _NO_DAY


def units(text: str | int | None) -> int | None:
    """Ten-thousandths of a decimal text."""
    return None if text is None else parse_quantity(str(text))


def frame_of(schema: Schema, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """A frame from rows; what a row does not say is absent."""
    defaults: dict[str, Any] = {"bool": False, "datetime64[s]": _NO_DAY}
    return (
        schema.build({name: [row.get(name, defaults.get(dtype, pd.NA)) for row in rows] for name, dtype in schema.columns.items()})
        if rows
        else schema.empty()
    )


@dataclass
class World:
    """Both sides, to be filled by the methods below."""

    billed: list[dict[str, Any]] = field(default_factory=list)
    earlier: list[dict[str, Any]] = field(default_factory=list)
    customers: list[dict[str, Any]] = field(default_factory=list)
    companies: list[dict[str, Any]] = field(default_factory=list)
    contracts: list[dict[str, Any]] = field(default_factory=list)
    services: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    psa_rejected: list[dict[str, Any]] = field(default_factory=list)
    rules: MappingRules = field(default_factory=MappingRules)
    options: CompareOptions = field(default_factory=CompareOptions)
    billing_side: dict[str, Any] = field(default_factory=dict)
    psa_side: dict[str, Any] = field(default_factory=dict)
    psa: dict[str, Any] = field(default_factory=dict)
    basis_values: dict[str, Any] = field(default_factory=dict)
    previous_complete: bool = True
    has_previous: bool = True

    def bill(self, customer: str, sku: str | None, quantity: str | int | None, **values: Any) -> Self:
        """A billed line of the selected period."""
        self.billed.append(_billed(customer, sku, quantity, values))
        return self

    def bill_before(self, customer: str, sku: str | None, quantity: str | int | None, **values: Any) -> Self:
        """A billed line of the period before."""
        self.earlier.append(_billed(customer, sku, quantity, values))
        return self

    def both(self, customer: str, sku: str, quantity: str | int, before: str | int) -> Self:
        """A billed line in both periods."""
        return self.bill(customer, sku, quantity).bill_before(customer, sku, before)

    def company(self, id_: str, name: str = "", match: str | None = None, active: bool = True) -> Self:
        """A company of the PSA."""
        value = id_ if match is None else match
        self.companies.append({"company_id": id_, "company_name": name or f"Company {id_}", "match_value": value, "active": active})
        return self

    def contract(
        self, id_: str, company: str, start: str = "2025-01-01", end: str = "2027-12-31", active: bool = True, follows: str = ""
    ) -> Self:
        """A contract of the wanted kind."""
        self.contracts.append(
            {
                "contract_id": id_,
                "company_id": company,
                "contract_name": f"Contract {id_}",
                "contract_type": "Recurring Service",
                "active": active,
                "start_date": day(start),
                "end_date": day(end),
                "renews_contract_id": follows or pd.NA,
            }
        )
        return self

    def service(
        self, id_: str, name: str, match: str | None = None, active: bool = True, price: str = "4.5", cost: str = "2"
    ) -> Self:
        """A service of the catalogue."""
        self.services.append(
            {
                "service_id": id_,
                "service_name": name,
                "description": f"{name} mailbox",
                "match_value": id_ if match is None else match,
                "active": active,
                "unit_price": units(price),
                "unit_cost": units(cost),
            }
        )
        return self

    def line(self, id_: str, contract: str, service: str | None, quantity: str | int | None, **values: Any) -> Self:
        """A line of a contract."""
        self.lines.append(
            {
                "line_id": id_,
                "contract_id": contract,
                "service_id": service or pd.NA,
                "quantity": units(quantity),
                "unit_price": units("4.5"),
                "unit_cost": units("2"),
                **values,
            }
        )
        return self

    def map_customer(self, code: str, company: str, contract: str = "") -> Self:
        """A customer rule."""
        rule = CustomerRule(customer_code=code, company_id=company, contract_id=contract)
        return self.with_rules(customers={**self.rules.customers, code: rule})

    def map_product(self, sku: str, service: str) -> Self:
        """A product rule."""
        return self.with_rules(products={**self.rules.products, sku: ProductRule(sku=sku, service_id=service)})

    def map_line(self, code: str, sku: str, contract: str, line: str) -> Self:
        """A line rule."""
        rule = LineRule(customer_code=code, sku=sku, contract_id=contract, line_id=line)
        return self.with_rules(lines={**self.rules.lines, (code, sku): rule})

    def ignore(self, key: str, **values: Any) -> Self:
        """An ignore rule."""
        rule = IgnoreRule(**{"key": key, "reason": "agreed", "by": "kim", "created": TODAY, **values})
        return self.with_rules(ignores={**self.rules.ignores, key: rule})

    def with_rules(self, **values: Any) -> Self:
        """Other rules."""
        self.rules = replace(self.rules, **values)
        return self

    def with_options(self, **values: Any) -> Self:
        """Other options."""
        self.options = replace(self.options, **values)
        return self

    def basis(self) -> Basis:
        """Everything as a comparison wants it."""
        values: dict[str, Any] = {
            "run_id": "20261127-081500-3fa9c1",
            "created": datetime(2026, 11, 27, 8, 15, tzinfo=UTC),
            "options": self.options,
            "effective_date": EFFECTIVE,
            "today": TODAY,
            "rules": self.rules,
            "billing": self._billing(),
            "psa": self._psa(),
        }
        return Basis(**{**values, **self.basis_values})

    def _billing(self) -> BillingSnapshot:
        side = {"connection": "atria", "kind": "atria", "title": "Atria", "complete": True, "rows": len(self.billed), "calls": 3}
        known = {row["customer_code"]: row for row in [*self.earlier, *self.billed]}
        customers = self.customers or [{name: row[name] for name in CUSTOMERS.columns} for row in known.values()]
        return BillingSnapshot(
            side=Side(**{**side, **self.billing_side}),
            period=PERIOD,
            current=OPEN,
            previous=BEFORE if self.has_previous else None,
            previous_complete=self.has_previous and self.previous_complete,
            lines=frame_of(BILLED_LINES, self.billed),
            previous_lines=frame_of(BILLED_LINES, self.earlier),
            customers=frame_of(CUSTOMERS, customers),
            rejected=frame_of(REJECTED, self.rejected),
        )

    def _psa(self) -> PsaSnapshot:
        side = {
            "connection": "autotask",
            "kind": "autotask",
            "title": "Autotask",
            "complete": True,
            "rows": len(self.lines),
            "calls": 4,
        }
        values: dict[str, Any] = {
            "side": Side(**{**side, **self.psa_side}),
            "tenant": "t1",
            "contract_type": "Recurring Service",
            "whole_units": True,
            "sku_is_number": True,
            "sku_field": "ServiceId",
            "companies": frame_of(COMPANIES, self.companies),
            "contracts": frame_of(CONTRACTS, self.contracts),
            "services": frame_of(SERVICES, self.services),
            "lines": frame_of(CONTRACT_LINES, self.lines),
            "rejected": frame_of(REJECTED, self.psa_rejected),
        }
        return PsaSnapshot(**{**values, **self.psa})

    def run(self) -> Run:
        """The comparison."""
        return assemble(self.basis(), CODES)


def _billed(customer: str, sku: str | None, quantity: str | int | None, values: dict[str, Any]) -> dict[str, Any]:
    usable = quantity is not None and str(quantity).lstrip("-").replace(".", "").isdigit()
    return {
        "customer_code": customer,
        "customer_name": f"{customer} Limited",
        "billing_identifier": _IDENTIFIERS.get(customer, pd.NA),
        "sku": sku or pd.NA,
        "service_name": "Hosted Exchange",
        "line_description": f"Plan {sku}",
        "quantity": units(str(quantity)) if usable else pd.NA,
        "raw_quantity": str(quantity),
        **values,
    }


_IDENTIFIERS = {"ASP": "174", "BIR": "175", "CED": "176"}


def provider() -> World:
    """Three customers (ASP, BIR, CED) with their companies and contracts, three services (650, 712, 800), no lines."""
    world = World()
    for company in ("174", "175", "176"):
        world.company(company).contract(f"C{company}", company)
    return world.service("650", "Hosted Exchange").service("712", "Premium").service("800", "Backup")


def row_of(run: Run, key: str) -> dict[str, Any]:
    """The row with this key; absent values are None."""
    found = run.rows[run.rows["key"] == key]
    assert len(found) == 1, f"{key} not once in {run.rows['key'].tolist()}"
    return {name: None if pd.isna(value) else value for name, value in found.iloc[0].items()}


def log_of(run: Run) -> list[tuple[str, str]]:
    """Code and message of every log entry."""
    return list(zip(run.log["code"], run.log["message"], strict=True))


def codes_of(run: Run) -> list[str]:
    """The codes of the log, without the frame that every run has."""
    return [code for code in run.log["code"] if code not in ("AT01", "AT20", "AT21", "AT22", "AT24")]
