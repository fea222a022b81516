"""Changes of lines, and a small Autotask tenant that holds those lines."""

from datetime import date

from reconcile_app.core.changes import Change, ChangeKind
from tests.fakes.autotask_world import AutotaskWorld

AT = date(2026, 11, 26)


def a_change(**values: object) -> Change:
    given: dict[str, object] = {
        "key": "ASP/5/650",
        "kind": ChangeKind.SET_QUANTITY,
        "customer_code": "ASP",
        "customer_name": "ASP Limited",
        "company_id": "174",
        "contract_id": "5",
        "contract_name": "Cloud",
        "line_id": "8001",
        "service_id": "650",
        "service_name": "Mail",
        "sku": "650",
        "description": "Mail",
        "quantity_before": 100_000,
        "quantity_target": 120_000,
        "effective_date": AT,
        **values,
    }
    return Change(**given)


def creation(**values: object) -> Change:
    return a_change(kind=ChangeKind.CREATE_LINE, line_id="", service_id="700", quantity_before=0, quantity_target=30_000, **values)


def cost(**values: object) -> Change:
    return a_change(kind=ChangeKind.SET_UNIT_COST, unit_cost_before=180_000, unit_cost_target=195_000, **values)


def tenant() -> AutotaskWorld:
    world = AutotaskWorld()
    world.contract(5, 174)
    world.line(8001, 5, 650)
    world.line(8002, 5, 651)
    world.units(1, 8001, 10, approveAndPostDate="2026-11-27T00:00:00Z")
    world.units(2, 8001, 10, "2026-12-26", "2027-01-25")
    world.units(3, 8002, 7)
    world.units(4, 8001, 9, "2026-10-26", "2026-11-25")
    world.units(5, 8001, 8, "2026-09-26", "2026-10-25")
    return world
