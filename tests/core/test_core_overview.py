"""Summary, groups and facets."""

import numpy as np

from reconcile_app.connectors.autotask.codes import CODES
from reconcile_app.core.findings import Kind
from reconcile_app.core.run import facets, groups
from tests.fakes.comparing import World, provider, units


def mixed() -> World:
    """Rows of most statuses."""
    world = (
        provider().line("1", "C174", "650", 10).line("2", "C175", "650", 5).line("3", "C175", "712", 2).line("4", "C176", "650", 9)
    )
    world.bill("ASP", "650", 12).bill("BIR", "650", 1).bill("BIR", "712", 2).bill("CED", "650", 0).bill("ASP", "800", 3)
    return world.bill("ASP", "999", 1).bill("BIR", "998", 1).bill("ZED", "650", 4)


def test_the_summary_counts_rows_units_and_money() -> None:
    summary = mixed().run().summary
    assert (summary.rows, summary.equal, summary.raised, summary.lowered, summary.zero, summary.missing, summary.blocked) == (
        8,
        1,
        1,
        1,
        1,
        1,
        3,
    )
    assert (summary.add, summary.ignored, summary.unknown, summary.psa_only, summary.selected) == (0, 0, 0, 0, 2)
    assert (summary.raised_units, summary.lowered_units) == (20_000, -40_000)
    assert summary.money_per_period == -90_000


def test_the_compared_value_takes_the_average_price_for_what_has_none() -> None:
    world = provider().line("1", "C174", "650", 10).bill("ASP", "650", 90).bill("ASP", "999", 10)
    assert world.run().summary.compared_value_percent == 90
    assert provider().bill("ASP", "999", 10).run().summary.compared_value_percent == 0
    assert provider().line("1", "C174", "650", 10).bill("ASP", "650", 90).run().summary.compared_value_percent == 100


def test_groups_count_rows_customers_and_money_errors_first() -> None:
    world = mixed().bill("AAA", "650", 1, billing_identifier="4711")
    listed = groups(world.run(), CODES)
    assert listed.to_dict("records") == [
        {
            "code": "AT05",
            "kind": "company_not_found",
            "title": CODES[Kind.COMPANY_NOT_FOUND].title,
            "level": "Error",
            "rows": 1,
            "customers": 1,
            "money": 0,
        },
        {
            "code": "AT04",
            "kind": "no_billing_identifier",
            "title": CODES[Kind.NO_BILLING_IDENTIFIER].title,
            "level": "Warning",
            "rows": 1,
            "customers": 1,
            "money": 0,
        },
        {
            "code": "AT08",
            "kind": "service_not_found",
            "title": CODES[Kind.SERVICE_NOT_FOUND].title,
            "level": "Warning",
            "rows": 2,
            "customers": 2,
            "money": 0,
        },
        {
            "code": "AT12",
            "kind": "line_missing",
            "title": CODES[Kind.LINE_MISSING].title,
            "level": "Warning",
            "rows": 1,
            "customers": 1,
            "money": 135_000,
        },
    ]


def test_groups_of_the_run_count_every_row_and_no_code_means_no_group() -> None:
    world = mixed()
    world.psa_side.update(complete=False, error="broken")
    listed = groups(world.run(), {})
    assert listed["code"].tolist() == ["RC19"]
    assert (listed["rows"].tolist(), listed["customers"].tolist()) == ([8], [4])


def test_facets_count_the_rows_of_a_mask_most_frequent_first() -> None:
    run = mixed().run()
    found = facets(run)
    status = found[found["facet"] == "status"]
    assert status["value"].tolist()[0] == "blocked"
    assert status["count"].sum() == 8
    customers = found[found["facet"] == "customer"]
    assert customers[["value", "label", "count"]].to_numpy().tolist()[0] == ["ASP", "ASP Limited", 3]
    assert sorted(found.loc[found["facet"] == "direction", "value"]) == ["down", "to zero", "up"]
    one = facets(run, np.asarray(run.rows["status"] == "raise", dtype=bool))
    assert one[["facet", "value", "count"]].to_numpy().tolist() == [
        ["status", "raise", 1],
        ["customer", "ASP", 1],
        ["service", "Hosted Exchange", 1],
        ["direction", "up", 1],
    ]


def test_prices_weigh_the_share() -> None:
    world = (
        provider()
        .line("1", "C174", "650", 1, unit_price=units("9"))
        .bill("ASP", "650", 1)
        .bill("ASP", "712", 2)
        .bill("ZED", "712", 1)
    )
    assert world.run().summary.compared_value_percent == 80
