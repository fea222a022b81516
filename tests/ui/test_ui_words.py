"""What the Mappings page and the push say, worked out of frames and ops: pure functions."""

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile_app.core.basis import Run
from reconcile_app.core.changes import ChangeKind, Status
from reconcile_app.core.frames import CONTRACTS
from reconcile_app.core.judge import OpState
from reconcile_app.core.mapping_rules import CustomerRule, IgnoreRule, LineRule, MappingRules, ProductRule
from reconcile_app.core.replacing import ending_of, successor_of
from reconcile_app.services.desk import Suggestion
from reconcile_app.ui.messages import Numbers
from reconcile_app.ui.views.choices import company_choices, contract_choices, line_choices
from reconcile_app.ui.views.mapping_rows import MappingState, customer_rows, ignored_rows, product_rows
from reconcile_app.ui.views.push_words import (
    STATES,
    before_after,
    cents,
    change_status,
    customers_to_retry,
    is_settled,
    problems_first,
    result_text,
    size_text,
    with_newer_states,
)
from tests.fakes.desk import open_op, sample_plan
from tests.fakes.sample_run import TODAY, build_run, sample_run

WORDS = {"company": "company", "contract": "contract", "line": "contract service", "service": "service"}


def with_rules(run: Run | None = None, *, readable: bool = True, **rules) -> Run:
    run = run or sample_run()
    side = replace(run.basis.psa.side, complete=readable)
    return replace(run, basis=replace(run.basis, rules=MappingRules(**rules), psa=replace(run.basis.psa, side=side)))


def customer(run: Run, code: str):
    return next(row for row in customer_rows(run, WORDS) if row.code == code)


def with_contracts(run: Run, **columns) -> Run:
    contracts = pd.concat([run.basis.psa.contracts, CONTRACTS.build(columns)], ignore_index=True)
    return replace(run, basis=replace(run.basis, psa=replace(run.basis.psa, contracts=contracts)))


def test_a_customer_is_mapped_by_identifier_or_by_rule():
    run = with_rules(customers={"CED": CustomerRule(customer_code="CED", company_id="174")})
    assert customer(run, "ASP").state is MappingState.IDENTIFIER
    assert customer(run, "ASP").contract == "Cloud Services"
    assert customer(sample_run(), "CED").words == "no Billing Identifier"
    assert customer(sample_run(), "FOX").words == "no company has this identifier"


def test_a_rule_whose_contract_is_gone_is_broken_and_its_renewal_proposed():
    run = with_contracts(
        with_rules(customers={"ASP": CustomerRule(customer_code="ASP", company_id="174", contract_id="11")}),
        contract_id=["12"], company_id=["174"], contract_name=["Cloud 2027"], active=[True], renews_contract_id=["11"])
    row = customer(run, "ASP")
    assert (row.state, row.words) == (MappingState.BROKEN, "contract 11 is gone")
    assert row.successor is not None
    assert (row.successor.contract_id, row.successor.reason) == ("12", "it renews the old contract")
    assert customer_rows(run, WORDS)[0].state.needs_person


def test_without_a_renewal_the_only_contract_in_force_is_proposed_but_never_one_of_several():
    run = with_rules(customers={"ASP": CustomerRule(customer_code="ASP", company_id="174", contract_id="11")})
    row = customer(run, "ASP")
    assert row.successor is not None
    assert row.successor.contract_id == "29684183"
    several = with_contracts(run, contract_id=["12"], company_id=["174"], contract_name=["Other"], active=[True])
    assert customer(several, "ASP").successor is None
    ended = with_contracts(run, contract_id=["12"], company_id=["174"], contract_name=["Old"], active=[True],
                           end_date=["2025-12-31"])
    assert customer(ended, "ASP").successor is not None


def test_what_was_not_read_is_neither_broken_nor_missing():
    run = with_rules(readable=False, customers={"ASP": CustomerRule(customer_code="ASP", company_id="174", contract_id="11")})
    assert customer(run, "ASP").state is MappingState.RULE


def test_a_rule_for_a_customer_without_billed_lines_is_still_listed():
    run = with_rules(customers={"GONE": CustomerRule(customer_code="GONE", company_id="5")})
    assert customer(run, "GONE").words == "company 5 is gone"


def test_products_tell_their_state_and_lines_of_one_customer_stand_apart():
    run = with_rules(
        products={"9999": ProductRule(sku="9999", service_id=""), "650": ProductRule(sku="650", service_id="77")},
        lines={("ASP", "712"): LineRule(customer_code="ASP", sku="712", contract_id="29684183", line_id="80712174"),
               ("ASP", "811"): LineRule(customer_code="ASP", sku="811", contract_id="29684183", line_id="1")})
    rows = {(row.customer, row.sku): row for row in product_rows(run, WORDS)}
    assert rows["", "9999"].state is MappingState.NOT_A_PRODUCT
    assert rows["", "650"].words == "service 77 is gone"
    assert rows["", "712"].state is MappingState.IDENTIFIER
    assert rows["ASP", "712"].target == "M365 Business Premium on Cloud Services"
    assert rows["ASP", "811"].words == "contract service 1 is gone"
    assert {row.sku: row.words for row in product_rows(sample_run(), WORDS)}["9999"] == "no service has this SKU"


def test_an_ignore_rule_that_is_over_says_so():
    key = "HAR/29684230/834"
    over = IgnoreRule(key="ASP/29684183/650", reason="x", by="Alex", created=date(2026, 1, 1), until=date(2026, 2, 1))
    unknown = replace(over, key="OLD/1/2", until=None)
    holds = IgnoreRule(key=key, reason="flat fee", by="Alex", created=date(2026, 9, 27))
    rows = ignored_rows(with_rules(ignores={rule.key: rule for rule in (over, unknown, holds)}), TODAY)
    assert [(row.rule.key, row.holds) for row in rows] == [(key, True), ("ASP/29684183/650", False), ("OLD/1/2", True)]
    assert (rows[0].customer, rows[0].service) == ("Harbor Street Legal", "SharePoint Storage")
    assert (rows[2].customer, rows[2].service) == ("OLD", "OLD/1/2")


def test_a_run_without_any_line_lists_nothing():
    empty = build_run(sample_run().rows.iloc[:0].reset_index(drop=True))
    assert customer_rows(empty, WORDS) == []
    assert product_rows(empty, WORDS) == []
    assert ignored_rows(empty, TODAY) == []


def test_suggestions_stand_first_with_score_and_reason_and_nothing_twice():
    companies = sample_run().basis.psa.companies
    found = Suggestion(target_id="312", target_name="Orchard Foods", score=88, exact=False, reason="similar name")
    choices = company_choices(companies, [found])
    assert (choices[0].id, choices[0].why) == ("312", "88 · similar name")
    assert len(choices) == len(companies)
    assert [choice.name for choice in choices[1:]] == sorted((choice.name for choice in choices[1:]), key=str.casefold)


def test_contracts_in_force_stand_before_ended_and_future_ones():
    frame = CONTRACTS.build({
        "contract_id": ["1", "2", "3"], "contract_name": ["A ended", "B future", "C now"], "company_id": ["9"] * 3,
        "active": [True] * 3, "start_date": ["2020-01-01", "2030-01-01", "2020-01-01"], "end_date": ["2021-01-01", None, None]})
    choices = contract_choices(frame, TODAY, "The one in force")
    assert [(choice.name, choice.why) for choice in choices] == [
        ("The one in force", ""), ("C now", ""), ("A ended", "ended"), ("B future", "not started")]
    assert choices[1].detail == "from 1 Jan 2020 · no end"
    assert contract_choices(frame.iloc[:0], TODAY, "The one in force") == []


def test_lines_tell_quantity_and_price_and_unknown_is_not_zero():
    lines = sample_run().basis.psa.lines.iloc[:2].reset_index(drop=True)
    lines.loc[1, "quantity"] = pd.NA
    details = {choice.detail for choice in line_choices(lines, Numbers())}
    assert "quantity 10 · $4.50 each" in details
    assert any(detail.startswith("quantity not read") for detail in details)


@pytest.mark.parametrize("state", list(OpState))
def test_every_state_has_mark_word_and_place(state: OpState):
    words = STATES[state]
    assert words.mark
    assert words.word
    assert result_text([open_op(state)], Numbers()).startswith("1 ")
    assert is_settled(open_op(state)) is not (state in (
        OpState.PLANNED, OpState.ARMED, OpState.APPLIED, OpState.UNKNOWN, OpState.NEEDS_REVIEW))


def test_only_what_was_provably_not_written_is_offered_for_a_retry():
    again = {state for state in OpState if customers_to_retry([open_op(state)])}
    assert again == {OpState.STALE, OpState.REJECTED, OpState.NOT_SENT, OpState.NOT_APPLIED, OpState.CANCELLED, OpState.PLANNED}


def test_what_needs_a_person_comes_first():
    ops = [replace(open_op(state), seq=place, op_id=str(place)) for place, state in enumerate(
        (OpState.VERIFIED, OpState.STALE, OpState.UNKNOWN, OpState.NEEDS_REVIEW))]
    assert [op.op_id for op in problems_first(ops)] == ["3", "2", "1", "0"]


def test_a_closed_change_takes_the_state_its_person_chose():
    ops = [replace(open_op(OpState.NEEDS_REVIEW), op_id=name) for name in "abc"]
    newer = replace(ops[2], state=OpState.UNKNOWN)
    found = with_newer_states(ops, [newer], {"a": True, "b": False})
    assert [op.state for op in found] == [OpState.CLOSED_AS_APPLIED, OpState.CLOSED_AS_NOT_APPLIED, OpState.UNKNOWN]


def test_before_and_after_in_words():
    change = open_op().change
    assert before_after(change, Numbers()) == "10 → 12"
    assert before_after(replace(change, kind=ChangeKind.CREATE_LINE, quantity_before=0), Numbers()) == "new → 12"
    assert before_after(ending_of(change), Numbers()) == "10 → ends"
    assert before_after(successor_of(change), Numbers()) == "new → 12"
    assert (change_status(ending_of(change)), change_status(successor_of(change))) == (Status.ZERO, Status.ADD)


def test_a_line_that_ended_without_a_new_one_stands_in_the_result():
    change = open_op().change
    ended = replace(open_op(OpState.VERIFIED), op_id="a", change=ending_of(change))
    refused = replace(open_op(OpState.REJECTED), op_id="b", change=successor_of(change))
    assert result_text([ended, refused], Numbers()) == "1 written and confirmed · 1 refused · 1 line ended without a new one"


def test_a_unit_cost_in_words():
    change = open_op().change
    cost = replace(change, kind=ChangeKind.SET_UNIT_COST, unit_cost_before=None, unit_cost_target=45_000)
    assert before_after(cost, Numbers()) == "– → $4.50"


def test_the_size_of_a_plan_is_one_sentence():
    rows = sample_run().rows
    text = size_text(sample_plan(rows[rows["change"].notna()]), Numbers())
    assert text == ("19 lines · 8 customers · +124.5 units · −51 units · 2 to zero · 3 new lines · +$558.49 a month · "
                    "effective date 26 Nov 2026")


@given(st.integers(-(10**14), 10**14))
def test_cents_are_the_nearest(amount: int):
    rounded = cents(amount)
    assert rounded % 100 == 0
    assert abs(rounded - amount) <= 50
    assert cents(rounded) == rounded
