"""Fetched frames of any size for the lines that need no network: ten lines for each customer, one in five differs."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from reconcile_app.core.frames import BILLED_LINES, COMPANIES, CONTRACT_LINES, CONTRACTS, CUSTOMERS, REJECTED, SERVICES
from reconcile_app.core.mapping_rules import MappingRules
from reconcile_app.core.period import Period
from reconcile_app.core.run import Basis, BillingSnapshot, PsaSnapshot, Side
from reconcile_app.core.settings import CompareOptions

Numbers = npt.NDArray[np.int64]

UNIT = 10_000
LINES_EACH = 10
SERVICES_SOLD = 60
STRANGE_SKU = "990001"
"""Carried by one line in a hundred; no service has it until it is mapped."""

_WORDS = (
    "Mailbox",
    "Desktop",
    "File Share",
    "Backup",
    "Endpoint Protection",
    "Voice Extension",
    "Archive",
    "Firewall",
    "Monitoring",
)
_PLACES = ("Harbor", "Lake", "Mill", "North", "Orchard", "Quarry", "River", "Summit", "Valley", "West")
_TRADES = ("Dental", "Engineering", "Foods", "Legal", "Logistics", "Media", "Motors", "Partners", "Surveyors", "Textiles")


@dataclass(frozen=True)
class _Shape:
    """Which customer and which service each line is about."""

    customers: list[str]
    names: list[str]
    ids: list[str]
    skus: list[str]
    services: list[str]
    contracts: list[str]
    customer: Numbers
    service: Numbers


def basis(rows: int, *, run_id: str = "20261127-081500-3fa9c1") -> Basis:
    """Both sides of a comparison with so many billed lines in each of two periods and about as many contract lines."""
    dice = np.random.default_rng(7)
    shape = _shape(rows)
    billed = dice.integers(1, 120, rows)
    held = np.where(dice.random(rows) < 0.8, billed, np.maximum(billed + dice.integers(-3, 4, rows), 0))
    before = np.where(dice.random(rows) < 0.7, billed, dice.integers(1, 120, rows))
    period, current = Period(date(2026, 10, 26), date(2026, 11, 25)), Period(date(2026, 11, 26), date(2026, 12, 25))
    billing = BillingSnapshot(
        side=Side(connection="atria", kind="atria", title="Atria", complete=True, rows=rows, calls=3),
        period=period,
        current=current,
        previous=Period(date(2026, 9, 26), date(2026, 10, 25)),
        previous_complete=True,
        lines=_billed(shape, billed),
        previous_lines=_billed(shape, before),
        rejected=REJECTED.empty(),
        customers=CUSTOMERS.build(
            {"customer_code": shape.customers, "customer_name": shape.names, "billing_identifier": shape.ids}
        ),
    )
    return Basis(
        run_id=run_id,
        created=datetime(2026, 11, 27, 8, 15, tzinfo=UTC),
        options=CompareOptions(),
        effective_date=date(2026, 11, 26),
        today=date(2026, 11, 27),
        billing=billing,
        psa=_psa(shape, held),
        rules=MappingRules(),
    )


def _shape(rows: int) -> _Shape:
    count = max(1, rows // LINES_EACH)
    line = np.arange(rows, dtype=np.int64)
    customer = np.minimum(line // LINES_EACH, count - 1)
    return _Shape(
        customers=[f"C{i:06d}" for i in range(count)],
        names=[f"{_PLACES[i % 10]} {_TRADES[i // 10 % 10]} {i:05d} Limited" for i in range(count)],
        ids=[str(174_000 + i) for i in range(count)],
        skus=[str(600 + i) for i in range(SERVICES_SOLD)],
        contracts=[f"2{i:07d}" for i in range(count)],
        services=[f"{_WORDS[i % 9]} {i // 9 + 1}" for i in range(SERVICES_SOLD)],
        customer=customer,
        service=(line + customer * 7) % SERVICES_SOLD,
    )


def _texts(values: list[str], places: Numbers) -> list[str]:
    """Texts of their own, as a decoder makes them: not one object many times."""
    return [values[place][:1] + values[place][1:] for place in places.tolist()]


def _billed(shape: _Shape, quantity: Numbers) -> pd.DataFrame:
    skus = _texts(shape.skus, shape.service)
    skus[50::100] = [STRANGE_SKU] * len(skus[50::100])
    units = quantity.tolist()
    return BILLED_LINES.build(
        {
            "customer_code": _texts(shape.customers, shape.customer),
            "customer_name": _texts(shape.names, shape.customer),
            "billing_identifier": _texts(shape.ids, shape.customer),
            "sku": skus,
            "service_code": [f"SVC{sku}" for sku in skus],
            "service_name": _texts(shape.services, shape.service),
            "line_description": [f"{shape.services[s]}, Standard" for s in shape.service.tolist()],
            "quantity": quantity * UNIT,
            "raw_quantity": [str(unit) for unit in units],
            "raw": [
                f'{{"CustomerCode":"{shape.customers[c]}","SKU":"{sku}","LineDescription":"{shape.services[s]}","Quantity":{unit}}}'
                for c, s, sku, unit in zip(shape.customer.tolist(), shape.service.tolist(), skus, units, strict=True)
            ],
        }
    )


def _psa(shape: _Shape, held: Numbers) -> PsaSnapshot:
    kept = np.flatnonzero(np.arange(len(held)) % 97 != 11)
    price = np.array([(300 + 37 * i % 4000) * 100 for i in range(SERVICES_SOLD)], dtype=np.int64)
    return PsaSnapshot(
        side=Side(connection="autotask", kind="autotask", title="Autotask", complete=True, rows=len(kept), calls=18),
        tenant="f" * 64,
        contract_type="Recurring Service",
        whole_units=True,
        sku_is_number=True,
        sku_field="ServiceId",
        companies=_companies(shape),
        contracts=_contracts(shape),
        services=_services(shape, price),
        lines=_lines(shape, kept, held, price),
        rejected=REJECTED.empty(),
    )


def _companies(shape: _Shape) -> pd.DataFrame:
    columns = {"company_id": shape.ids, "company_name": shape.names, "match_value": shape.ids}
    return COMPANIES.build({**columns, "active": np.ones(len(shape.ids), dtype=bool)})


def _contracts(shape: _Shape) -> pd.DataFrame:
    count = len(shape.ids)
    return CONTRACTS.build(
        {
            "contract_id": shape.contracts,
            "company_id": shape.ids,
            "contract_name": [f"Cloud {i}" for i in range(count)],
            "contract_type": ["Recurring Service"] * count,
            "active": np.ones(count, dtype=bool),
            "start_date": np.full(count, np.datetime64("2025-01-01", "s")),
            "end_date": np.full(count, np.datetime64("2027-12-31", "s")),
        }
    )


def _services(shape: _Shape, price: Numbers) -> pd.DataFrame:
    return SERVICES.build(
        {
            "service_id": shape.skus,
            "service_name": shape.services,
            "description": [f"{name}, Standard" for name in shape.services],
            "match_value": shape.skus,
            "active": np.ones(SERVICES_SOLD, dtype=bool),
            "unit_price": price,
            "unit_cost": price * 7 // 10,
        }
    )


def _lines(shape: _Shape, kept: Numbers, held: Numbers, price: Numbers) -> pd.DataFrame:
    customer, service = shape.customer[kept], shape.service[kept]
    ids = [str(8_000_000 + i) for i in kept.tolist()]
    return CONTRACT_LINES.build(
        {
            "line_id": ids,
            "contract_id": _texts(shape.contracts, customer),
            "company_id": _texts(shape.ids, customer),
            "service_id": _texts(shape.skus, service),
            "description": _texts(shape.services, service),
            "quantity": held[kept] * UNIT,
            "unit_price": price[service],
            "unit_cost": price[service] * 7 // 10,
            "raw": [f'{{"id":{line},"contractID":{shape.contracts[c]}}}' for line, c in zip(ids, customer.tolist(), strict=True)],
        }
    )
