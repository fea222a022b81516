"""A basis with something in every field, and with as many billed lines as wanted."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd

from reconcile_app.core.basis import Basis, LastPush
from reconcile_app.core.frames import BILLED_LINES, COMPANIES, CONTRACT_LINES, CONTRACTS, CUSTOMERS, REJECTED, SERVICES, Schema
from reconcile_app.core.mapping_rules import CustomerRule, IgnoreRule, LineRule, MappingRules, ProductRule
from reconcile_app.core.period import Period
from reconcile_app.core.settings import CompareOptions, LogLevel
from reconcile_app.core.snapshot import BillingSnapshot, PsaSnapshot, Side

RULES = MappingRules(
    version=3,
    customers={"ASP": CustomerRule(customer_code="ASP", company_id="174", contract_id="29684183")},
    products={"650": ProductRule(sku="650", service_id="12")},
    lines={("ASP", "650"): LineRule(customer_code="ASP", sku="650", contract_id="29684183", line_id="8001")},
    ignores={
        "ASP/1/650": IgnoreRule(
            key="ASP/1/650",
            reason="free of charge",
            by="Kim",
            created=date(2026, 11, 1),
            until=date(2026, 12, 31),
            wake_above=120_000,
        ),
        "B/2/7": IgnoreRule(key="B/2/7", reason="for ever", by="Kim", created=date(2026, 11, 1)),
    },
    waiting={"NEW": "billing identifier"},
)


def frame(schema: Schema, rows: int, *, spread: int = 50) -> pd.DataFrame:
    """Every column filled in its own type, with gaps."""
    made = {}
    for number, (name, dtype) in enumerate(schema.columns.items()):
        gap = [(row + number) % 7 == 0 for row in range(rows)]
        if dtype == "string":
            text = '{"field": "Ünï %d", "name": "value of the line %d"}' if name == "raw" else "value Ü %d of %d"
            made[name] = [
                None if empty else text % (row % spread, row if name == "raw" else number) for row, empty in enumerate(gap)
            ]
        elif dtype == "Int64":
            made[name] = [None if empty else row * 10_000 - 5 for row, empty in enumerate(gap)]
        elif dtype == "bool":
            made[name] = [row % 2 == 0 for row in range(rows)]
        else:
            made[name] = [np.datetime64("NaT", "s") if empty else np.datetime64("2026-11-26") for empty in gap]
    return schema.build(made)


def snapshot_basis(rows: int = 20, *, run_id: str = "20261126-081500-3fa9c1") -> Basis:
    """The same basis for the same number of rows."""
    billing = BillingSnapshot(
        side=Side(
            connection="atria",
            kind="atria",
            title="Atria",
            complete=False,
            rows=rows,
            calls=4,
            error="One part is missing.",
            unread={"XYZ": "time-out"},
        ),
        period=Period(date(2026, 10, 26), date(2026, 11, 25)),
        current=Period(date(2026, 11, 26), date(2026, 12, 25)),
        previous=Period(date(2026, 9, 26), date(2026, 10, 25)),
        previous_complete=True,
        lines=frame(BILLED_LINES, rows),
        previous_lines=frame(BILLED_LINES, rows // 2),
        customers=frame(CUSTOMERS, 10),
        rejected=frame(REJECTED, 3),
    )
    psa = PsaSnapshot(
        side=Side(connection="autotask", kind="autotask", title="Autotask", complete=True, rows=rows, calls=9),
        tenant="a1b2c3",
        contract_type="Recurring Service",
        whole_units=True,
        sku_is_number=True,
        sku_field="ServiceId",
        companies=frame(COMPANIES, 10),
        contracts=frame(CONTRACTS, 12),
        services=frame(SERVICES, 8),
        lines=frame(CONTRACT_LINES, rows),
        rejected=frame(REJECTED, 0),
    )
    return Basis(
        run_id=run_id,
        created=datetime(2026, 11, 26, 8, 15, 0, 123_456, tzinfo=UTC),
        effective_date=date(2026, 11, 26),
        options=CompareOptions(customers_filter=("ASP", "B"), effective_date=date(2026, 11, 26), log_level=LogLevel.WARNING),
        today=date(2026, 11, 26),
        billing=billing,
        psa=psa,
        rules=RULES,
        customer_key="bill_to",
        last_pushed={"8001": LastPush(quantity=-125_000, pushed_on=date(2026, 10, 27))},
        open_lines={"8002": "in doubt"},
        decisions={"ASP/1/650": True, "B/2/7": False},
    )


def without_previous(basis: Basis) -> Basis:
    """The first period there is."""
    billing = replace(basis.billing, previous=None, previous_complete=False, previous_lines=BILLED_LINES.empty())
    return replace(basis, billing=billing)
