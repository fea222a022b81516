"""A whole comparison with ConnectWise as its PSA: what is proposed, what is stopped, and the codes that tell."""

from dataclasses import replace
from datetime import date

import pandas as pd

from reconcile_app.connectors.connectwise import SPEC, ConnectWise
from reconcile_app.core.changes import ChangeKind, build_changes
from reconcile_app.core.ports import BuildContext
from reconcile_app.core.run import Run, assemble
from reconcile_app.core.settings import Connection
from reconcile_app.services.fetch import Ends, read_both
from tests.fakes.billing import FakeBilling
from tests.fakes.comparing import TODAY, World
from tests.fakes.connectwise_world import ConnectWiseWorld, connection, context, error, on
from tests.fakes.specs import ATRIA

AT = date(2026, 11, 26)


async def compared(world: ConnectWiseWorld, billed: World, **values: str) -> Run:
    given: BuildContext = context()[0]
    psa = connection(**values)
    ends = Ends(
        billing=FakeBilling(billed),
        billing_connection=Connection(name="atria", kind="atria"),
        billing_spec=ATRIA,
        psa=ConnectWise(psa, given, client=world.client),
        psa_connection=psa,
        psa_spec=SPEC,
    )
    reading = await read_both(ends, billed.options, billed.rules, TODAY)
    basis = replace(billed.basis(), billing=reading.billing, psa=reading.psa, effective_date=reading.effective_date)
    return assemble(basis, SPEC.codes)


def rows(run: Run) -> dict[str, tuple[str, str]]:
    return {row["sku"]: (row["status"], row["codes"]) for row in run.rows.to_dict("records") if not pd.isna(row["sku"])}


def codes(run: Run) -> set[str]:
    return set(run.log["code"]) - {"CW01", "CW23"}


async def test_quantities_are_proposed_exactly_and_fractions_are_fine():
    billed = World()
    for sku, quantity in (("atr-seat-01", "42"), ("ATR-MAIL-02", "12.25")):
        billed.bill("NOR", sku, quantity, billing_identifier="northwind")
    run = await compared(ConnectWiseWorld(), billed)
    assert rows(run) == {"atr-seat-01": ("raise", ""), "ATR-MAIL-02": ("lower", "")}
    changes = build_changes(run, list(run.rows["key"]))
    assert [(each.line_id, each.quantity_before, each.quantity_target) for each in changes] == [
        ("88431", 400_000, 420_000),
        ("88432", 125_000, 122_500),
    ]
    assert codes(run) == {"CW07"}
    assert run.basis.effective_date == AT


async def test_what_is_missing_is_told_by_its_code():
    billed = World()
    for sku in ("ATR-BKP-03", "ATR-NONE", None):
        billed.bill("NOR", sku, "3", billing_identifier="NORTHWIND")
    billed.bill("NOB", "ATR-SEAT-01", "1", billing_identifier="NOBODY").bill("ANO", "ATR-SEAT-01", "1", billing_identifier=pd.NA)
    run = await compared(ConnectWiseWorld(), billed)
    assert {"CW22", "CW06", "CW05", "CW14", "CW04"} <= codes(run)
    assert not build_changes(run, list(run.rows["key"]))


async def test_a_missing_addition_is_created_where_that_is_allowed():
    billed = World().with_options(allow_create=True)
    for sku in ("ATR-BKP-03", "ATR-ALL"):
        billed.bill("NOR", sku, "3", billing_identifier="NORTHWIND")
    run = await compared(ConnectWiseWorld(), billed)
    (change,) = build_changes(run, list(run.rows["key"]))
    assert (change.kind, change.service_id, change.quantity_target) == (ChangeKind.CREATE_LINE, "413", 30_000)


async def test_agreements_that_cannot_take_a_change_are_told_apart():
    world = ConnectWiseWorld()
    world.companies.append({"id": 307, "identifier": "FABRIKAM", "name": "Fabrikam", "deletedFlag": False})
    world.agreement(1300, 305)
    billed = World()
    for code, identifier in (("NOR", "NORTHWIND"), ("CON", "CONTOSO"), ("FAB", "FABRIKAM")):
        billed.bill(code, "ATR-SEAT-01", "3", billing_identifier=identifier)
    run = await compared(world, billed)
    told = {(row["customer_code"], row["code"]) for row in run.log.to_dict("records")}
    assert {("NOR", "RC01"), ("CON", "RC02"), ("FAB", "RC03")} <= told
    assert not build_changes(run, list(run.rows["key"]))
    chosen = await compared(world, billed.map_customer("NOR", "305", "1207"))
    assert [change.line_id for change in build_changes(chosen, list(chosen.rows["key"]))] == ["88431"]


async def test_two_additions_of_a_product_stop_the_row_and_a_planned_one_holds_it_back():
    world = ConnectWiseWorld()
    world.addition(9, 1207, 411, 7)
    world.addition(10, 1207, 412, 4, effectiveDate="2026-12-01T00:00:00Z")
    billed = World()
    for sku, quantity in (("ATR-SEAT-01", "42"), ("ATR-MAIL-02", "13")):
        billed.bill("NOR", sku, quantity, billing_identifier="NORTHWIND")
    run = await compared(world, billed)
    assert "RC04" in rows(run)["ATR-SEAT-01"][1]
    assert rows(run)["ATR-MAIL-02"] == ("raise", "RC16")
    assert not run.rows["selected"].any()


async def test_an_unknown_agreement_type_stops_the_run():
    billed = World().bill("NOR", "ATR-SEAT-01", "42", billing_identifier="NORTHWIND")
    run = await compared(ConnectWiseWorld(), billed, agreement_type="Hosting")
    assert "CW21" in codes(run)
    assert not run.basis.psa.side.complete
    assert not run.rows["selectable"].any()


async def test_an_agreement_that_was_not_read_is_unknown_and_not_zero():
    world = ConnectWiseWorld()
    world.addition(5, world.agreement(1301, 306), 411, 4)
    world.faults.append(on("/1207/additions", error(404, "NotFound", "Agreement 1207 not found")))
    billed = World()
    for code, identifier in (("NOR", "NORTHWIND"), ("CON", "CONTOSO")):
        billed.bill(code, "ATR-SEAT-01", "3", billing_identifier=identifier)
    run = await compared(world, billed)
    status = dict(zip(run.rows["customer_code"], run.rows["status"], strict=True))
    assert status == {"NOR": "unknown", "CON": "lower"}
    assert [change.line_id for change in build_changes(run, list(run.rows["key"]))] == ["5"]
