"""Lines whose own reading failed are told one by one, where the PSA has a code for that."""

from reconcile_app.connectors.autotask import SPEC as AUTOTASK
from reconcile_app.connectors.connectwise import SPEC as CONNECTWISE
from reconcile_app.core.run import Run, assemble
from tests.fakes.comparing import World, log_of, provider


def two() -> World:
    """ASP with two lines and BIR with one, all of them billed."""
    world = provider().line("1", "C174", "650", 10).line("2", "C174", "712", 10).line("3", "C175", "650", 10)
    return world.bill("ASP", "650", 12).bill("ASP", "712", 10).bill("BIR", "650", 12)


def told(run: Run) -> list[str]:
    """The texts of CW10."""
    return [message for code, message in log_of(run) if code == "CW10"]


def test_every_line_of_an_unread_agreement_is_told_beside_its_customer() -> None:
    world = two()
    world.psa_side.update(complete=False, unread={"contract:C174": "timed out", "contract:C999": "elsewhere"})
    run = assemble(world.basis(), CONNECTWISE.every_code)
    assert told(run) == [
        "ASP Contract Line Plan 650, SKU 650, Error Details timed out",
        "ASP Contract Line Plan 712, SKU 712, Error Details timed out",
    ]
    assert dict(zip(run.rows["key"], run.rows["codes"], strict=True)) == {
        "ASP/C174/650": "CW10 RC19", "ASP/C174/712": "CW10 RC19", "BIR/C175/650": "",
    }  # fmt: skip
    assert "CW10" not in {code for code, _ in log_of(assemble(world.basis(), AUTOTASK.every_code))}


def test_a_company_that_was_not_read_has_no_lines_to_tell_of() -> None:
    world = two()
    world.psa_side.update(complete=False, unread={"company:174": "403"})
    assert told(assemble(world.basis(), CONNECTWISE.every_code)) == []


def test_a_line_whose_quantity_cannot_be_used_is_told_alone() -> None:
    world = provider().line("1", "C174", "650", None).line("2", "C174", "712", 10).bill("ASP", "650", 12).bill("ASP", "712", 12)
    run = assemble(world.basis(), CONNECTWISE.every_code)
    assert told(run) == ["ASP Contract Line Plan 650, SKU 650, Error Details its quantity cannot be used"]
    assert run.rows["status"].tolist() == ["unknown", "raise"]


def test_an_unread_agreement_that_a_line_is_mapped_to_is_told_for_that_line() -> None:
    world = two()
    world.rules = provider().map_line("ASP", "650", "C175", "3").rules
    world.psa_side.update(complete=False, unread={"contract:C175": "timed out"})
    run = assemble(world.basis(), CONNECTWISE.every_code)
    assert {message.partition(" ")[0] for message in told(run)} == {"ASP", "BIR"}
