"""Changes and plans for tests of the write protocol, against a ``FakePsa``."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.plan import Fresh, Plan, draft
from reconcile_app.core.replacing import with_successors
from reconcile_app.core.settings import Limits
from tests.fakes.clock import VirtualClock
from tests.fakes.psa import FakePsa

EFFECTIVE = date(2026, 11, 26)
NO_LIMITS = Limits(lines=10_000, percent=10_000, units=1_000_000, zeroing=False)


def change_of(
    line_id: str = "L1", before: int = 10, target: int = 13, *, customer: str = "ASP", kind: ChangeKind = ChangeKind.SET_QUANTITY,
    contract_id: str = "C1", service_id: str = "S1", day: date = EFFECTIVE,
) -> Change:
    """A change in whole units."""
    return Change(
        key=f"{customer}/{contract_id}/{line_id or service_id}", kind=kind, customer_code=customer, customer_name=f"{customer} Ltd",
        company_id="174", contract_id=contract_id, contract_name="Cloud", line_id=line_id, service_id=service_id,
        service_name="Hosted Exchange", sku="650", description="Mailbox", quantity_before=before * SCALE,
        quantity_target=target * SCALE, effective_date=day, unit_price=45_000,
    )


def cost_of(line_id: str = "L1", before: int = 1, target: int = 2, *, customer: str = "ASP", quantity: int = 10) -> Change:
    """A change of a unit cost in whole units of the currency."""
    change = change_of(line_id, quantity, quantity, customer=customer, kind=ChangeKind.SET_UNIT_COST)
    return replace(change, unit_cost_before=before * SCALE, unit_cost_target=target * SCALE)


async def plan_of(
    psa: FakePsa, clock: VirtualClock, changes: Sequence[Change], *, run_id: str = "P1", limits: Limits = NO_LIMITS,
    whole_units: bool = True, replaces: bool = False,
) -> Plan:
    """A plan made from a fresh reading now."""
    states = await psa.read_lines(with_successors(changes) if replaces else changes)
    fresh = Fresh(states=states, writes=psa.semantics, whole_units=whole_units, replaces=replaces)
    return draft(
        changes, fresh, run_id=run_id, source_run="R1", tenant=psa.fingerprint, psa_kind="autotask", created=clock.now(),
        effective_date=EFFECTIVE, limits=limits, snapshot_sha256="0" * 64,
    )
