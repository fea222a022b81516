"""Codes of a run against ConnectWise: start and end, settings and keys, sides that cannot be reached, understood or read whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile_app.core.errors import ReconcileError
from reconcile_app.core.settings import LogLevel
from reconcile_app.sample import SampleSecrets
from reconcile_app.services.comparing import RunStopped
from reconcile_app.storage.secrets import SecretStore
from tests.end_to_end.desk_fixture import Bench, Told, row_of, rows_of, told
from tests.end_to_end.test_codes_run import nobody_listens
from tests.fakes.keyrings import RaisingKeyring

FAILED = [Told("CW23", "Info", "Billing Process Completed with status Failed")]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, psa="connectwise") as made:
        yield made


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path, "sized:3x4", psa="connectwise") as made:
        yield made


async def stopped(bench: Bench, exit_code: int, **options: object) -> RunStopped:
    """A comparison that ends before there is anything to compare: the reason, the end, and nothing is kept."""
    with pytest.raises(RunStopped) as caught:
        await bench.compare(**options)
    error = caught.value
    assert error.exit_code == exit_code
    assert error.next_step
    assert error.log["code"].iloc[-1] == "CW23"
    assert bench.session.run is None
    assert bench.ledger() == []
    return error


# start and end ---------------------------------------------------------------------------------------------------------------
async def test_a_run_begins_with_the_period_and_ends_with_its_status(small: Bench) -> None:
    run = await small.compare(log_level=LogLevel.INFO)
    assert run.log["code"].iloc[0] == "CW01"
    assert told(run.log, "CW01") == [Told("CW01", "Info", "Billing Process Started : For Billing Period 2026-11-25")]
    assert told(run.log, "CW23") == [Told("CW23", "Info", "Billing Process Completed with status Success")]
    assert run.log["code"].iloc[-1] == "CW23"


async def test_a_period_without_records_is_told(small: Bench) -> None:
    run = await small.compare(billing_period="2026-07-25")
    assert told(run.log, "CW15") == [Told("CW15", "Warning", "No records found in Atria for billing period 2026-07-25.")]
    assert run.rows.empty
    assert told(run.log, "CW23") == [Told("CW23", "Info", "Billing Process Completed with status CompletedWithWarnings")]


async def test_a_period_that_is_none_stops_the_run(small: Bench) -> None:
    error = await stopped(small, 2, billing_period="25/11/2026")
    assert told(error.log, "CW19") == [Told("CW19", "Error", "Incorrect billing period date or format")]
    assert told(error.log, "CW23") == FAILED


# settings and secrets --------------------------------------------------------------------------------------------------------
async def test_an_address_that_is_missing_stops_the_run(small: Bench) -> None:
    small.connect("connectwise", base_url="")
    error = await stopped(small, 2)
    assert told(error.log, "CW17") == [
        Told("CW17", "Error", "Failed to Retrieve Job Task Parameters: Error reported was: api url is not available")
    ]
    assert told(error.log, "CW23") == FAILED


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("public_key", Told("CW18", "Error", "Failed to validate ConnectWise secrets. PublicKey must have a valid value")),
        ("private_key", Told("CW18", "Error", "Failed to validate ConnectWise secrets. PrivateKey must have a valid value")),
        ("client_id", Told("CW18", "Error", "Failed to validate ConnectWise secrets. ClientId must have a valid value")),
        ("company", Told("CW18", "Error", "Failed to validate ConnectWise secrets. CompanyName must have a valid value")),
    ],
)
async def test_a_key_or_the_company_that_is_missing_stops_the_run(tmp_path: Path, field: str, expected: Told) -> None:
    with Bench(tmp_path, "empty", secrets=SampleSecrets(), psa="connectwise") as bench:
        for kind in ("atria", "connectwise"):
            secrets = {name: value for name, value in bench.settings[kind]["secrets"].items() if name != field}
            bench.connect(kind, secrets, **({"company": ""} if field == "company" and kind == "connectwise" else {}))
        error = await stopped(bench, 2)
        assert told(error.log, "CW18") == [expected]
        assert told(error.log, "CW23") == FAILED


async def test_secrets_that_cannot_be_read_stop_the_run(tmp_path: Path) -> None:
    store = SecretStore(backend=RaisingKeyring(OSError("no bus")), environ={})
    with Bench(tmp_path, "empty", secrets=store, psa="connectwise") as bench:
        bench.connect("atria")
        bench.connect("connectwise")
        error = await stopped(bench, 2)
        assert told(error.log, "CW16") == [
            Told(
                "CW16",
                "Error",
                "Failed to retrieve ConnectWise secrets. Error occurred is: Atria: API token could not be read. The keyring "
                "failed (OSError).",
            )
        ]


@pytest.mark.parametrize("name", ["Hosting and Cloud Service", "Managed  Services", ""])
async def test_an_agreement_type_that_connectwise_does_not_know_stops_the_psa_side_and_names_those_it_knows(
    small: Bench, name: str
) -> None:
    small.connect("connectwise", agreement_type=name)
    run = await small.compare()
    assert told(run.log, "CW21") == [
        Told("CW21", "Error", "Invalid agreement type. Please check agreement type in job parameters.")
    ]
    assert told(run.log, "CW23") == FAILED
    assert set(run.rows["status"]) == {"unknown"}
    assert not run.rows["selectable"].any()
    assert "Hosting and Cloud Services" in (await small.session.verify("connectwise")).checks[-1].grant


# sides that cannot be reached ------------------------------------------------------------------------------------------------
async def test_an_atria_that_cannot_be_reached_stops_the_run(small: Bench) -> None:
    with nobody_listens() as address:
        small.connect("atria", base_url=f"http://{address}")
        error = await stopped(small, 3)
    assert told(error.log, "CW03") == [
        Told(
            "CW03",
            "Error",
            f"Failed to connect to Atria: Error reported was : Atria could not be reached. {address} refused the connection or is "
            "not reachable.",
        )
    ]


async def check_unknown(bench: Bench, *expected: Told) -> None:
    """ConnectWise's side is unknown as a whole: it is told, every row says so, and nothing can be ticked."""
    run = await bench.compare()
    for each in expected:
        assert told(run.log, each.code, "") == [each]
    assert told(run.log, "CW23") == FAILED
    assert set(run.rows["status"]) == {"unknown"}
    assert run.rows["contract_quantity"].isna().all()
    assert not run.rows["selectable"].any()
    with pytest.raises(ReconcileError, match="Nothing is selected"):
        await bench.push()
    assert bench.ledger() == []


async def test_a_connectwise_that_cannot_be_reached_leaves_everything_unknown(small: Bench) -> None:
    with nobody_listens() as address:
        small.connect("connectwise", base_url=f"http://{address}")
        why = f"ConnectWise could not be reached. {address} refused the connection or is not reachable."
        await check_unknown(
            small,
            Told("CW02", "Error", f"Failed to connect to Connectwise: Error reported was : {why}"),
            Told("RC19", "Error", f"Not Read : ConnectWise could not be read completely: {why}"),
        )


async def test_wrong_keys_and_a_wrong_company_leave_everything_unknown(small: Bench) -> None:
    small.connect("connectwise", {"private_key": "wrong"})
    why = "ConnectWise refused the sign-in. Incorrect public/private key"
    await check_unknown(small, Told("CW02", "Error", f"Failed to connect to Connectwise: Error reported was : {why}"))
    small.connect("connectwise", small.settings["connectwise"]["secrets"], company="somebody_else")
    run = await small.compare()
    assert told(run.log, "CW02") == [
        Told(
            "CW02",
            "Error",
            "Failed to connect to Connectwise: Error reported was : ConnectWise could not be read. It answered /company/companies "
            "with status 400. Cannot route. Codebase/company is invalid",
        )
    ]
    # The check asks for the company first, so there the cause is named.
    assert "There is no company 'somebody_else' at " in (await small.session.verify("connectwise")).words


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("html", "Got a sign-in page instead of data."),
        ("truncated", "Input data was truncated."),
        ("not_json", "JSON is malformed: invalid character (byte 0)."),
    ],
)
async def test_an_answer_that_is_no_json_leaves_everything_unknown(small: Bench, fault: str, words: str) -> None:
    small.control("connectwise", "faults", kind=fault, path="/finance/agreements$", times=None)
    why = f"Unreadable answer from ConnectWise. {words}"
    await check_unknown(
        small,
        Told("CW13", "Error", f"Failed to Deserialize object: Error reported was: {why}"),
        Told("RC19", "Error", f"Not Read : ConnectWise could not be read completely: {why}"),
    )


async def test_a_right_that_is_refused_while_reading_is_named(small: Bench) -> None:
    small.control("connectwise", "permission", function="Product Catalog", right="inquire", level="None")
    why = "ConnectWise does not allow this. You do not have security permission to perform this action."
    await check_unknown(
        small,
        Told("CW02", "Error", f"Failed to connect to Connectwise: Error reported was : {why}"),
        Told("RC05", "Error", "Missing permission on ConnectWise: Procurement, Product Catalog: inquire"),
    )


# parts that were not read ----------------------------------------------------------------------------------------------------
async def test_additions_of_one_agreement_that_cannot_be_read_are_told_line_by_line_and_hold_its_customer_back(
    bench: Bench,
) -> None:
    bench.connect("connectwise", paging="navigable")
    run = await bench.compare()
    agreement = row_of(run, "ASP", "602")["contract_id"]
    bench.control("connectwise", "unreadable", agreement=int(agreement))
    run = await bench.compare()
    server = bench.settings["connectwise"]["base_url"].removeprefix("http://")
    said = '{ "code": "ConnectWiseApi", "message": "A timeout has occured. Please try again." }'
    why = f"ConnectWise could not be read. {server} answered with an error (500). {said}"
    assert told(run.log, "CW10", sku="602") == [
        Told("CW10", "Error", f"ASP Contract Line Hosted Exchange, Advanced, SKU 602, Error Details {why}")
    ]
    assert told(run.log, "RC19") == [Told("RC19", "Error", f"ASP Not Read : ConnectWise could not be read completely: {why}")]
    own = rows_of(run, "ASP")
    assert len(told(run.log, "CW10")) == len(own) > 2
    assert {(row["status"], row["selectable"], row["codes"]) for row in own} == {("unknown", False, "CW10 RC19")}
    # Everybody else is compared as ever, and read again alone the customer is too.
    assert run.summary.raised >= 10
    bench.control("connectwise", "unreadable", agreement=int(agreement), on=False)
    run = await bench.session.recheck(["ASP"], lambda progress: None)
    assert told(run.log, "CW10") == []
    assert row_of(run, "ASP", "602")["status"] == "raise"
