"""The counting rules of the billing calls, on invented histories."""

from collections import defaultdict
from datetime import date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_app.sandbox import atria_billing as billing
from reconcile_app.sandbox.atria_state import AtriaState, Rule, User
from reconcile_app.sandbox.clock import Clock
from reconcile_app.sandbox.ledger import Ledger

TODAY = date(2026, 12, 3)


def books(end_day: int = 25, today: date = TODAY) -> AtriaState:
    clock = Clock(today=today, ticking=False)
    return AtriaState(clock, Ledger(clock.now), end_day=end_day)


moments = st.integers(0, 200 * 24).map(lambda hours: datetime(2026, 6, 20) + timedelta(hours=hours))
spans = st.tuples(
    moments, st.none() | st.integers(0, 90 * 24), st.integers(0, 2), st.integers(0, 3), st.integers(-2, 6) | st.just(25)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(spans, max_size=25), st.booleans())
def test_all_four_calls_agree_on_any_history(history: list[tuple[datetime, int | None, int, int, int]], ruled: bool) -> None:
    state = books()
    customers = [state.add_customer(f"C{index}", f"Customer {index}") for index in range(3)]
    plans = [state.add_plan("HE", "Exchange", name, sku=sku) for name, sku in (("A", "1"), ("B", "1"), ("C", None), ("D", "2"))]
    if ruled:
        state.rules.append(Rule(description="none", reason="No SKU", order=1, field="sku", value=""))
    for start, hours, customer, plan, quantity in history:
        end = None if hours is None else start + timedelta(hours=hours)
        state.assign(customers[customer], plans[plan], start=start, end=end, quantity=quantity * 2_500)
    state.reprocess()
    previous: dict[object, float] | None = None
    for period in state.periods():
        rows = billing.bill_rows(state.processed, period)
        summary, invoice = billing.summary(rows, True), billing.invoice(rows)
        detail, analysis = billing.detail(rows), billing.analysis(rows)
        assert len(detail) == len(analysis) == len(rows)
        by_action: defaultdict[str, float] = defaultdict(float)
        for row in rows:
            by_action[row.action] += row.quantity / 10_000
        this, last = sum(row["thisMonthCount"] for row in summary), sum(row["lastMonthCount"] for row in summary)
        assert this == by_action["Carried"] + by_action["Added"]
        assert last == by_action["Carried"] + by_action["Removed"]
        assert all(row["difference"] == row["thisMonthCount"] - row["lastMonthCount"] for row in summary)
        billable = {(row["customerCode"], row["productSku"], row["summaryGrouping"]): row for row in summary if row["billable"]}
        for row in invoice:
            assert row["quantity"] == billable[row["customerCode"], row["sku"], row["lineDescription"]]["thisMonthCount"]
        assert sum(row["quantity"] for row in analysis if row["billable"]) == sum(row["quantity"] for row in invoice)
        assert all(0 < row["durationPercent"] <= 100 for row in analysis)
        now = {key: row["thisMonthCount"] for key, row in billable.items() if row["thisMonthCount"]}
        if previous is not None:
            assert previous == {key: row["lastMonthCount"] for key, row in billable.items() if row["lastMonthCount"]}
        previous = now


def test_the_example_of_the_description() -> None:
    state = books(today=date(2025, 1, 10))
    customer = state.add_customer("ASP", "ASP Limited", identifier="29683512")
    plan = state.add_plan("HE", "Hosted Exchange", "Advanced", sku="127")
    james = User(customer="ASP", full_name="James Smith", principal_name="james.smith@asp.example")
    state.assign(customer, plan, user=james, start=datetime(2024, 12, 6, 9, 14))
    state.reprocess()
    period = state.periods()[-2]
    assert (period.start, period.end, period.id) == (date(2024, 11, 26), date(2024, 12, 25), 118)
    [detail] = billing.detail(billing.bill_rows(state.processed, period))
    assert detail["action"] == "Added"
    assert detail["lineDescription"] == "James Smith, Hosted Exchange, Advanced"
    assert (detail["startDate"], detail["endDate"]) == ("2024-12-06T09:14:00", "2024-12-25T23:59:59")
    assert detail["actionedBy"] == "Bob Jones"
    [analysis] = billing.analysis(billing.bill_rows(state.processed, period))
    assert analysis["durationPercent"] == 66.67
    assert analysis["summaryDescription"] == "Hosted Exchange, Advanced"


def test_what_leaves_in_the_period_is_removed_then_gone() -> None:
    state = books()
    customer, plan = state.add_customer("A", "A"), state.add_plan("S", "Service", "P", sku="1")
    item = state.assign(customer, plan, start=datetime(2026, 9, 1))
    state.remove(item.id, end=datetime(2026, 11, 3), actor="Mere")
    state.reprocess()
    actions = [[(row.action, row.actioned_by) for row in billing.bill_rows(state.processed, period)] for period in state.periods()]
    assert actions == [[], [], [("Added", "Bob Jones")], [("Carried", "Bob Jones")], [("Removed", "Mere")], []]


def test_the_last_matching_rule_gives_the_reason_and_only_while_it_is_valid() -> None:
    state = books()
    customer = state.add_customer("A", "A", kind="Test")
    plan = state.add_plan("S", "Service", "P", sku="1")
    tester = User(customer="A", full_name="T", principal_name="test.user@a.example")
    state.assign(customer, plan, start=datetime(2026, 7, 1), user=tester)
    limits = {"valid_from": date(2026, 9, 1), "valid_to": date(2026, 11, 1)}
    state.rules += [
        Rule(description="", reason="later", order=9, field="customer_kind", value="Test", **limits),
        Rule(description="", reason="first", order=1, field="user", value="TEST."),
        Rule(description="", reason="other", order=2, field="plan", value="99"),
        Rule(description="", reason="nobody", order=3, field="customer", value="B"),
    ]
    state.reprocess()
    reasons = [billing.bill_rows(state.processed, period)[0].reason for period in state.periods()[1:]]
    assert reasons == ["first", "later", "later", "first", "first"]


def test_texts_follow_the_default_patterns() -> None:
    state = books()
    customer = state.add_customer("A", "A")
    customer_level = state.add_plan("BU", "Backup", "Server", sku="1", level="Customer")
    application = state.add_plan("SQL", "SQL Hosting", "Standard", sku="2")
    state.assign(customer, customer_level, start=datetime(2026, 9, 1))
    state.assign(customer, application, start=datetime(2026, 9, 1), instance="Production")
    state.reprocess()
    texts = {row.summary for row in billing.bill_rows(state.processed, state.periods()[-2])}
    assert texts == {"Backup (Assigned to Customer)", "SQL Hosting, Production"}


def test_periods_grow_with_time_and_keep_their_ids() -> None:
    state = books(today=date(2026, 12, 25))
    before = state.periods()
    assert (before[-1].start, before[-1].end) == (date(2026, 11, 26), date(2026, 12, 25))
    state.clock.advance(timedelta(days=1))
    after = state.periods()
    assert after[:-1] == before
    assert (after[-1].start, after[-1].end) == (date(2026, 12, 26), date(2027, 1, 25))
