import json
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_app.connectors.autotask.frames import (
    ContractKind,
    companies_frame,
    contract_kind,
    contracts_frame,
    divide_half_even,
    in_force,
    lines_frame,
    money,
    services_frame,
    sold_price,
)
from reconcile_app.connectors.autotask.wire import Company, Contract, FieldInfo, Fields, Line, PickValue, Service, UnitRow
from reconcile_app.core.frames import COMPANIES, CONTRACT_LINES, CONTRACTS, SERVICES

AT = date(2026, 11, 26)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def units(id_: int, count: int | None, start: str = "2026-11-26", end: str = "2026-12-25", **more: object) -> UnitRow:
    values: dict[str, object] = {"contract_id": 1, "contract_service_id": 8001, "service_id": 650, **more}
    return UnitRow(id=id_, units=count, start_date=moment(start), end_date=moment(end), **values)


def line(id_: int = 8001, **more: object) -> Line:
    prices = {
        "unit_price": Decimal("23.1"),
        "internal_currency_unit_price": Decimal("23.1"),
        "unit_cost": Decimal("18"),
        "internal_currency_adjusted_price": Decimal("22.0"),
    }
    return Line(id=id_, **{"contract_id": 1, "service_id": 650, "invoice_description": "Mail", **prices, **more})


def test_the_row_that_starts_latest_counts_and_never_the_sum():
    # The vendor's wording: the row that was cut ends on the day the new one starts.
    now = in_force([units(1, 10, "2026-10-26", "2026-11-26"), units(2, 12, "2026-11-26", "2026-12-25")], AT)
    assert (now.quantity, now.trouble) == (120_000, "")


def test_no_row_means_zero_and_a_row_that_begins_later_is_a_planned_change():
    now = in_force([units(2, 4, "2026-12-10", "2026-12-25")], AT)
    assert (now.quantity, now.pending_quantity, now.pending_date) == (0, 40_000, date(2026, 12, 10))
    assert in_force([], AT).quantity == 0


def test_rows_that_ended_before_do_not_count():
    assert in_force([units(1, 10, "2026-10-26", "2026-11-25")], AT).quantity == 0


def test_a_later_row_with_the_same_quantity_is_no_planned_change():
    now = in_force([units(1, 10), units(2, 10, "2026-12-26", "2027-01-25"), units(3, 8, "2027-01-26", "2027-02-25")], AT)
    assert (now.pending_quantity, now.pending_date) == (80_000, date(2027, 1, 26))


def test_a_posted_row_tells_until_when():
    now = in_force([units(1, 10, approve_and_post_date=moment("2026-11-27"))], AT)
    assert now.posted_until == date(2026, 12, 25)
    assert (
        in_force(
            [units(1, 10), units(2, 10, "2026-12-26", "2027-01-25", approve_and_post_date=moment("2026-11-27"))], AT
        ).posted_until
        is None
    )


@pytest.mark.parametrize(
    "rows", [[units(1, None)], [units(1, 10), units(2, None, "2026-12-26", "2027-01-25")], [units(1, 10), units(2, 11)]]
)
def test_rows_that_cannot_be_trusted_give_no_quantity(rows):
    now = in_force(rows, AT)
    assert now.quantity is None
    assert now.trouble


def test_two_rows_from_one_day_with_the_same_units_are_no_contradiction():
    assert in_force([units(1, 10), units(2, 10)], AT).quantity == 100_000


@pytest.mark.parametrize(
    ("sold", "listed", "internal", "price"),
    [
        ("22.0", "23.1", "23.1", 220_000),
        ("880", "23.1", "924", 220_000),  # forty to one
        ("0", "0", "0", 0),
        ("0", "23.1", "0", 0),
        ("5", "0", "0", None),
        ("5", "23.1", "0", None),
        ("-4.5", "9", "9", -45_000),
        (None, "23.1", "23.1", None),
        ("22", None, "23.1", None),
    ],
)
def test_the_sold_price_follows_from_the_list_price_in_two_currencies(sold, listed, internal, price):
    values = {
        name: None if value is None else Decimal(value)
        for name, value in (
            ("internal_currency_adjusted_price", sold),
            ("unit_price", listed),
            ("internal_currency_unit_price", internal),
        )
    }
    assert sold_price(line(**values)) == price


@given(st.integers(-(10**12), 10**12), st.integers(-(10**6), 10**6).filter(bool))
@settings(max_examples=100)
def test_division_is_exact_and_rounds_half_to_even(number, by):
    assert divide_half_even(number, by) == round(Fraction(number, by))


def test_money_of_any_spelling_is_exact_and_absurd_money_is_absent():
    assert [money(Decimal(text)) for text in ("23.1", "1E+2", "0.00005", "0.00015")] == [231_000, 1_000_000, 0, 2]
    assert money(None) is None
    assert money(Decimal("1e30")) is None


def test_lines_carry_quantity_prices_and_their_evidence():
    frame, faults = lines_frame([line()], [units(1, 11, approve_and_post_date=moment("2026-11-27"))], AT, ())
    CONTRACT_LINES.check(frame)
    row = frame.iloc[0]
    assert (row["line_id"], row["contract_id"], row["service_id"], row["description"]) == ("8001", "1", "650", "Mail")
    assert (row["quantity"], row["unit_price"], row["unit_cost"]) == (110_000, 220_000, 180_000)
    assert row["posted_until"] == pd.Timestamp("2026-12-25")
    assert row["pending_quantity"] is pd.NA
    assert faults == []
    raw = json.loads(row["raw"])
    assert (raw["service"]["invoiceDescription"], raw["units"]["units"]) == ("Mail", 11)


def test_cost_is_absent_where_the_user_may_not_see_it():
    frame, _ = lines_frame([line(unit_cost=None)], [], AT, ())
    assert frame["unit_cost"].isna().all()
    assert frame["quantity"].tolist() == [0]


def test_a_contract_whose_rows_did_not_all_arrive_has_unknown_quantities():
    frame, faults = lines_frame([line(), line(8002, contract_id=2)], [units(1, 11)], AT, {1})
    assert [None if value is pd.NA else value for value in frame["quantity"]] == [None, 0]
    assert faults == []


def test_units_that_are_no_number_make_the_quantity_unknown_and_are_told():
    frame, faults = lines_frame([line()], [units(1, None)], AT, ())
    assert frame["quantity"].isna().all()
    assert [fault.reason for fault in faults] == ["Unit row 1 holds no whole number of units."]


def test_rows_without_a_line_belong_to_the_only_line_of_their_service():
    loose = units(1, 11, contract_service_id=None)
    frame, _ = lines_frame([line(), line(8002, service_id=651)], [loose], AT, ())
    assert frame["quantity"].tolist() == [110_000, 0]
    frame, faults = lines_frame([line(), line(8002)], [loose], AT, ())
    assert frame["quantity"].isna().all()
    assert len(faults) == 2


def test_companies_are_matched_by_id_or_number():
    rows = [Company(id=0, company_name=" Us "), Company(id=174, company_name="Contoso", company_number=" C-1 ", is_active=False)]
    by_id, by_number = (COMPANIES.check(companies_frame(rows, by_number=flag)) for flag in (False, True))
    assert by_id["match_value"].tolist() == ["0", "174"]
    assert by_number["match_value"].tolist() == [pd.NA, "C-1"]
    assert (by_id["company_name"].tolist(), by_id["active"].tolist()) == (["Us", "Contoso"], [True, False])


def test_contracts_keep_inactive_ones_and_say_so():
    rows = [
        Contract(
            id=5,
            company_id=174,
            status=0,
            contract_type=7,
            start_date=moment("2026-01-01"),
            end_date=moment("9999-12-31"),
            renewed_contract_id=4,
        )
    ]
    frame = CONTRACTS.check(contracts_frame(rows, ContractKind()))
    assert (frame["active"].tolist(), frame["contract_type"].tolist(), frame["renews_contract_id"].tolist()) == (
        [False],
        ["Recurring Service"],
        ["4"],
    )
    assert frame["end_date"].tolist() == [pd.Timestamp("9999-12-31").as_unit("s")]


@pytest.mark.parametrize(
    ("field", "value"),
    [("ServiceId", "650"), ("name", "Mail"), ("InvoiceDescription", "Mail monthly"), ("description", "A mailbox"), ("sku", "CFQ7")],
)
def test_services_are_matched_by_the_chosen_field(field, value):
    service = Service(
        id=650, name="Mail", invoice_description="Mail monthly", description="A mailbox", sku=" CFQ7 ", is_active=None
    )
    frame = SERVICES.check(services_frame([service], field))
    assert (frame["match_value"].tolist(), frame["active"].tolist()) == ([value], [False])


def picked(**lists: dict[str, str]) -> Fields:
    return Fields(
        fields=[
            FieldInfo(name=name, picklist_values=[PickValue(value=value, label=label) for value, label in values.items()])
            for name, values in lists.items()
        ]
    )


@pytest.mark.parametrize(
    ("types", "states", "kind"),
    [
        ({"1": "Time & Materials", "7": "Recurring Service"}, {"1": "Active"}, ContractKind()),
        (
            {"1": "x", "12": "recurring services"},
            {"0": "Inactive", "9": "ACTIVE"},
            ContractKind(value=12, label="recurring services", active=9),
        ),
        ({"7": "Abonnement"}, {"1": "Aktiv"}, ContractKind(label="Abonnement")),
        ({"m": "Recurring Service"}, {}, ContractKind()),
        ({}, {}, ContractKind()),
    ],
)
def test_the_recurring_type_is_found_by_its_label(types, states, kind):
    assert contract_kind(picked(contractType=types, status=states)) == kind


def test_without_the_fields_the_usual_values_stand_in():
    assert contract_kind(Fields(fields=[FieldInfo(name="status")])) == ContractKind()
