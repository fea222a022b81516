"""``connections offers``: the names to choose from, by command line."""

from tests.end_to_end.conftest import Installation


def test_the_agreement_types_of_a_connection_are_printed(installation: Installation) -> None:
    done = installation.run("connections", "offers", "connectwise")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("agreement_type: Block Time, ")
    assert done.out.endswith("Web Hosting\n")
    told = installation.run("connections", "offers", "connectwise", "--json", "-").json
    assert told["connection"] == "connectwise"
    assert "Managed Services" in told["offers"]["agreement_type"]
    nothing = installation.run("connections", "offers", "autotask")
    assert nothing.status == 2
    assert "offers nothing to choose from" in nothing.err
