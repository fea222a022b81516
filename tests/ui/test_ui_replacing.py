"""A line that ends and the one that takes its place, in the review and in the result."""

from dataclasses import replace

from reconcile_app.core.judge import OpState
from reconcile_app.core.plan import Plan
from reconcile_app.core.replacing import ending_of, notes_of, successor_of
from reconcile_app.services.desk import PushView
from reconcile_app.ui.views.push_result import PushResult
from reconcile_app.ui.views.push_review import PushReview
from tests.fakes.desk import sample_plan
from tests.fakes.plans import planned_op
from tests.fakes.sample_run import CREATED, sample_run


def plan_of_one() -> Plan:
    """The first selected change of the sample run as a pair."""
    rows = sample_run().rows
    plan = sample_plan(rows[rows["selected"]].head(1))
    (planned,) = plan.changes
    changes = (ending_of(planned.change), successor_of(planned.change))
    pair = tuple(replace(planned, op_id=f"op-{n}", change=change, notes=(notes_of(change),)) for n, change in enumerate(changes))
    return replace(plan, changes=pair)


def test_the_review_shows_both_counts_one_line_and_says_what_follows(qapp, theme):
    plan = plan_of_one()
    page = PushReview(plan, theme, psa_title="ConnectWise", connection="cw", now=lambda: CREATED)
    group = page.lines.topLevelItem(0)
    texts = [[group.child(row).text(column) for column in (3, 4, 5, 6)] for row in range(2)]
    assert group.text(3) == "1 line"
    assert group.text(5) == "+$9.00"
    assert [text[:2] for text in texts] == [["10 → ends", "0 ends"], ["new → 12", "+ new"]]
    assert texts[0][3].startswith("⚠ Line ")
    assert "undo does not take this back" in texts[1][3]
    page.deleteLater()


def test_the_result_says_plainly_that_a_line_ended_without_a_new_one(qapp, theme):

    plan = plan_of_one()
    states = (OpState.VERIFIED, OpState.REJECTED)
    ops = tuple(
        replace(planned_op(plan, number, planned.change), state=state, message=f"It was {state}.")
        for number, (planned, state) in enumerate(zip(plan.changes, states, strict=True))
    )
    view = PushView(plan=plan, ops=ops, stages={}, calls_left=None, result="finished, 1 line ended without a new one")
    page = PushResult(view, theme, psa_title="ConnectWise")
    assert "1 line ended without a new one" in page.headline.text()
    page.deleteLater()
