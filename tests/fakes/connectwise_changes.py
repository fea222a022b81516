"""Changes of the additions that the recorded ConnectWise tenant holds."""

from datetime import date
from typing import Any

from reconcile_app.core.changes import Change, ChangeKind

AT = date(2026, 11, 26)


def a_change(**values: Any) -> Change:
    given: dict[str, Any] = {
        "key": "ASP/1207/411",
        "kind": ChangeKind.SET_QUANTITY,
        "customer_code": "ASP",
        "customer_name": "ASP Limited",
        "company_id": "305",
        "contract_id": "1207",
        "contract_name": "Managed Services - Northwind",
        "line_id": "88431",
        "service_id": "411",
        "service_name": "Atria seat",
        "sku": "ATR-SEAT-01",
        "description": "Atria seat",
        "quantity_before": 400_000,
        "quantity_target": 420_000,
        "effective_date": AT,
        **values,
    }
    return Change(**given)


def creation(**values: Any) -> Change:
    given = {"kind": ChangeKind.CREATE_LINE, "line_id": "", "service_id": "413", "quantity_before": 0, "quantity_target": 30_000}
    return a_change(**{**given, **values})


def cost(**values: Any) -> Change:
    given = {"kind": ChangeKind.SET_UNIT_COST, "quantity_target": 400_000, "unit_cost_before": 71_000, "unit_cost_target": 72_500}
    return a_change(**{**given, **values})
