"""Codes of the run itself: start and end, settings and secrets, sides that cannot be reached or understood, missing permissions."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from reconcile_app.core.errors import ReconcileError
from reconcile_app.core.findings import Kind, Scope
from reconcile_app.core.settings import LogLevel, Secret
from reconcile_app.sample import SampleSecrets
from reconcile_app.services.comparing import RunStopped
from reconcile_app.storage.secrets import SecretStore
from tests.end_to_end.desk_fixture import Bench, Told, told, two_customers
from tests.fakes.keyrings import MemoryKeyring, RaisingKeyring

FAILED = [Told("AT24", "Info", "Billing Process Completed with status Failed")]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Bench(tmp_path) as made:
        yield made


@contextmanager
def nobody_listens() -> Iterator[str]:
    """An address on this computer that refuses every connection."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{held.getsockname()[1]}"


async def stopped(bench: Bench, exit_code: int, **options: object) -> RunStopped:
    """A comparison that ends before there is anything to compare: worker start, the reason, the end, and nothing is kept."""
    before = bench.session.runs()
    with pytest.raises(RunStopped) as caught:
        await bench.compare(**options)
    error = caught.value
    assert error.exit_code == exit_code
    assert error.next_step
    assert error.log["code"].iloc[0] == "AT22"
    assert error.log["code"].iloc[-1] == "AT24"
    assert bench.session.runs() == before
    assert bench.session.run is None
    assert bench.ledger() == []
    return error


# start and end ---------------------------------------------------------------------------------------------------------------
async def test_a_run_begins_with_the_worker_and_the_period_and_ends_with_its_status(bench: Bench) -> None:
    run = await bench.compare()
    assert run.log["code"].tolist()[:2] == ["AT22", "AT01"]
    assert told(run.log, "AT22") == [Told("AT22", "Verbose", f"Autotask Worker Task Service {run.run_id} started.")]
    assert told(run.log, "AT01") == [Told("AT01", "Info", "Billing Process Started: For Billing Period2026-11-25")]
    assert told(run.log, "AT24") == [Told("AT24", "Info", "Billing Process Completed with status CompletedWithWarnings")]
    assert run.log["code"].iloc[-1] == "AT24"


async def test_a_run_without_anything_to_mend_ends_in_success(tmp_path: Path) -> None:
    with Bench(tmp_path, "sized:3x4") as bench:
        run = await bench.compare(log_level=LogLevel.INFO)
        assert told(run.log, "AT24") == [Told("AT24", "Info", "Billing Process Completed with status Success")]
        assert set(run.log["level"]) <= {"Info", "Verbose"}


async def test_a_period_without_records_is_told_and_nothing_follows_from_it(bench: Bench) -> None:
    expected = [Told("AT15", "Warning", "No records found in Atria for billing period: 2026-07-25")]
    run = await bench.compare(billing_period="2026-07-25")
    assert told(run.log, "AT15") == expected
    assert run.rows.empty
    assert told(run.log, "AT24") == [Told("AT24", "Info", "Billing Process Completed with status CompletedWithWarnings")]
    error = await stopped_elsewhere(bench)
    assert told(error.log, "AT15") == [Told("AT15", "Warning", "No records found in Atria for billing period: 2019-01-01")]


async def stopped_elsewhere(bench: Bench) -> RunStopped:
    with pytest.raises(RunStopped) as caught:
        await bench.compare(billing_period="2019-01-01")
    return caught.value


@pytest.mark.parametrize("entry", ["next month", "2026-13-01", "25/11/2026", "", "Previou"])
async def test_a_period_that_is_none_stops_the_run(bench: Bench, entry: str) -> None:
    error = await stopped(bench, 2, billing_period=entry)
    assert told(error.log, "AT19") == [Told("AT19", "Error", "Incorrect billing period date or format recognized.")]
    assert told(error.log, "AT24") == FAILED


# settings and secrets --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("zone_user", ["", "nobody", "nobody@"])
async def test_a_zone_user_that_is_no_address_stops_the_run(bench: Bench, zone_user: str) -> None:
    bench.connect("autotask", zone_user=zone_user)
    error = await stopped(bench, 2)
    assert told(error.log, "AT17") == [
        Told("AT17", "Error", "Failed to Retrieve Job Task Paramters: Error reported was: user email is not valid")
    ]
    assert told(error.log, "AT24") == FAILED


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("username", Told("AT18", "Error", "Failed to validate Autotask secrets. UserName must have a valid value")),
        ("secret", Told("AT18", "Error", "Failed to validate Autotask secrets. Secret must have a valid value")),
        (
            "integration_code",
            Told("AT18", "Error", "Failed to validate Autotask secrets. ApiIntegrationCode must have a valid value"),
        ),
        ("token", Told("AT18", "Error", "Failed to validate Autotask secrets. Token must have a valid value")),
    ],
)
async def test_a_secret_that_is_missing_stops_the_run(tmp_path: Path, field: str, expected: Told) -> None:
    with Bench(tmp_path, secrets=SampleSecrets()) as bench:
        for kind in ("atria", "autotask"):
            bench.connect(kind, {name: value for name, value in bench.settings[kind]["secrets"].items() if name != field})
        error = await stopped(bench, 2)
        assert told(error.log, "AT18") == [expected]
        assert told(error.log, "AT24") == FAILED


async def test_secrets_that_cannot_be_read_stop_the_run(tmp_path: Path) -> None:
    keyring = RaisingKeyring(OSError("no bus"))
    with Bench(tmp_path, secrets=SecretStore(backend=keyring, environ={})) as bench:
        bench.connect("atria")
        bench.connect("autotask")
        error = await stopped(bench, 2)
        assert told(error.log, "AT16") == [
            Told(
                "AT16",
                "Error",
                "Failed to retrieve autotask secrets. Error occurred is: Atria: API token could not be read. The keyring "
                "failed (OSError).",
            )
        ]
        assert told(error.log, "AT24") == FAILED
        # The keyring is mended, holds nothing yet, and then holds everything.
        keyring.error = None
        assert told((await stopped(bench, 2)).log, "AT16") == []
        for kind in ("atria", "autotask"):
            bench.connect(kind, bench.settings[kind]["secrets"])
        assert (await bench.compare()).summary.equal > 60


async def test_a_secret_that_is_stored_in_part_is_unreadable_not_missing(tmp_path: Path) -> None:
    keyring = MemoryKeyring()
    with Bench(tmp_path, secrets=SecretStore(backend=keyring, environ={})) as bench:
        bench.connect("autotask")
        bench.secrets.set("atria", "token", Secret("x" * 3_000))
        bench.connect("atria")
        del keyring.entries["Reconcile: atria", "token#2"]
        error = await stopped(bench, 2)
        assert told(error.log, "AT16") == [
            Told(
                "AT16",
                "Error",
                "Failed to retrieve autotask secrets. Error occurred is: Atria: API token could not be read. "
                "A stored secret is incomplete: atria, token.",
            )
        ]


# sides that cannot be reached ------------------------------------------------------------------------------------------------
async def test_an_atria_that_cannot_be_reached_stops_the_run(bench: Bench) -> None:
    with nobody_listens() as address:
        bench.connect("atria", base_url=f"http://{address}")
        error = await stopped(bench, 3)
    assert told(error.log, "AT03") == [
        Told(
            "AT03",
            "Error",
            f"Failed to connect to Atria: Error reported was : Atria could not be reached. {address} refused the connection or "
            "is not "
            "reachable.",
        )
    ]
    assert told(error.log, "AT24") == FAILED


async def test_a_wrong_token_stops_the_run(bench: Bench) -> None:
    bench.connect("atria", {"token": "wrong"})
    error = await stopped(bench, 3)
    assert told(error.log, "AT03") == [
        Told(
            "AT03",
            "Error",
            "Failed to connect to Atria: Error reported was : Atria refused the sign-in. The token is unknown, was deleted or "
            "replaced, or "
            "its user is disabled in Atria.",
        )
    ]
    assert told(error.log, "AT24") == FAILED


async def check_unknown(bench: Bench, *expected: Told) -> None:
    """The PSA's side is unknown as a whole: it is told, every row says so, and nothing can be ticked."""
    run = await bench.compare()
    for each in expected:
        assert told(run.log, each.code, "") == [each]
    assert told(run.log, "AT24") == FAILED
    assert not run.basis.psa.side.complete
    assert len(run.rows) > 100
    assert set(run.rows["status"]) == {"unknown"}
    assert run.rows["contract_quantity"].isna().all()
    assert not run.rows["selectable"].any()
    assert not run.rows["selected"].any()
    assert run.rows["change"].isna().all()
    with pytest.raises(ReconcileError, match="Nothing is selected"):
        await bench.push()
    assert bench.ledger() == []


async def test_an_autotask_that_cannot_be_reached_leaves_everything_unknown(bench: Bench) -> None:
    with nobody_listens() as address:
        bench.connect("autotask", zone_lookup_url=f"http://{address}")
        why = f"Autotask could not be reached. {address} refused the connection or is not reachable."
        await check_unknown(
            bench,
            Told("AT02", "Error", f"Failed to connect to Autotask: Error reported was : {why}"),
            Told("RC19", "Error", f"Not Read : Autotask could not be read completely: {why}"),
        )


async def test_wrong_keys_leave_everything_unknown(bench: Bench) -> None:
    bench.connect("autotask", {"secret": "wrong"})
    await check_unknown(
        bench,
        Told("AT02", "Error", "Failed to connect to Autotask: Error reported was : Autotask refused the sign-in."),
        Told("RC19", "Error", "Not Read : Autotask could not be read completely: Autotask refused the sign-in."),
    )


# answers that cannot be understood -------------------------------------------------------------------------------------------
UNREADABLE = {
    "html": "Got a sign-in page instead of data.",
    "truncated": "Input data was truncated.",
    "not_json": "JSON is malformed: invalid character (byte 0).",
}


@pytest.mark.parametrize("fault", UNREADABLE)
async def test_an_answer_of_atria_that_is_no_json_stops_the_run(bench: Bench, fault: str) -> None:
    bench.control("atria", "faults", kind=fault, path="parameters")
    error = await stopped(bench, 3)
    assert told(error.log, "AT23") == [
        Told(
            "AT23", "Error", f"Failed to Deserialize object: Error reported was: Unreadable answer from Atria. {UNREADABLE[fault]}"
        )
    ]
    assert told(error.log, "AT24") == FAILED


@pytest.mark.parametrize("fault", UNREADABLE)
async def test_an_answer_of_autotask_that_is_no_json_leaves_everything_unknown(bench: Bench, fault: str) -> None:
    bench.control("autotask", "faults", kind=fault, path="contracts/query")
    why = f"Unreadable answer from Autotask. {UNREADABLE[fault]}"
    await check_unknown(
        bench,
        Told("AT23", "Error", f"Failed to Deserialize object: Error reported was: {why}"),
        Told("RC19", "Error", f"Not Read : Autotask could not be read completely: {why}"),
    )


# permissions -----------------------------------------------------------------------------------------------------------------
async def test_a_developer_right_that_is_missing_in_atria_is_named(bench: Bench) -> None:
    bench.control("atria", "token", developer=False)
    error = await stopped(bench, 3)
    assert told(error.log, "RC05") == [Told("RC05", "Error", "Missing permission on Atria: Service Provider Developer")]
    assert error.log["code"].tolist() == ["AT22", "AT03", "RC05", "AT24"]


@pytest.mark.parametrize("answer", ["500", "403"])
async def test_a_right_that_autotask_refuses_while_reading_is_named(bench: Bench, answer: str) -> None:
    bench.control("autotask", "switch", missing_permission=answer)
    bench.control("autotask", "permission", entity="Contracts", right="query", access=0)
    why = "Autotask does not allow this. The logged in Resource does not have the adequate permissions to query this entity type."
    await check_unknown(
        bench,
        Told("AT02", "Error", f"Failed to connect to Autotask: Error reported was : {why}"),
        Told("RC05", "Error", "Missing permission on Autotask: Contracts: query"),
    )


async def test_a_right_that_the_check_found_missing_is_told_until_a_check_finds_it(bench: Bench) -> None:
    bench.control("autotask", "permission", entity="ContractServiceAdjustments", right="create", access=0)
    assert (await bench.session.verify("autotask")).words == "Connected · missing: ContractServiceAdjustments: create"
    run = await bench.compare()
    assert told(run.log, "RC05") == [Told("RC05", "Error", "Missing permission on Autotask: ContractServiceAdjustments: create")]
    # It tells and blocks nothing: whether a write is refused is up to Autotask.
    finding = run.findings[(run.findings["kind"] == Kind.PERMISSION_MISSING.value).to_numpy(dtype=bool)]
    assert finding["scope"].tolist() == [Scope.NOTHING.value]
    assert run.rows["selectable"].any()
    kept = await bench.session.open_run(run.run_id)
    assert told(kept.log, "RC05") == told(run.log, "RC05")

    bench.control("autotask", "permission", entity="ContractServiceAdjustments", right="create", access=1)
    await bench.session.verify("autotask")
    assert told((await bench.compare()).log, "RC05") == []


# parts that were not read ----------------------------------------------------------------------------------------------------
async def test_a_batch_that_cannot_be_read_makes_its_customers_unknown_and_no_others(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        bench.control("autotask", "faults", kind="status", status=503, path="contractserviceunits/query", nth=2, times=None)
        run = await bench.compare()
        server = bench.settings["autotask"]["zone_lookup_url"].removeprefix("http://")
        assert told(run.log, "RC19", "RATA") == [
            Told(
                "RC19",
                "Error",
                "RATA Not Read : Autotask could not be read completely: Autotask could not be read. "
                f"{server} answered with an error (503).",
            )
        ]
        unread = {code for code, status in zip(run.rows["customer_code"], run.rows["status"], strict=True) if status == "unknown"}
        assert {"RATA", "TIAKI"} <= unread
        assert "ASP" not in unread
        rows = run.rows[run.rows["customer_code"].isin(unread).to_numpy(dtype=bool)]
        assert not rows["selectable"].any()
        assert rows["change"].isna().all()
        # The others are compared as ever; and with the batch read again, so is everybody.
        assert run.summary.raised >= 5
        bench.control("autotask", "clear-faults")
        whole = await bench.session.recheck(run.rows["customer_code"].unique().tolist(), lambda progress: None)
        assert whole.basis.psa.side.complete
        assert told(whole.log, "RC19") == []
        assert "unknown" not in set(whole.rows["status"])


async def test_a_row_of_atria_that_cannot_be_read_makes_its_customer_unknown_and_no_other(tmp_path: Path) -> None:
    with Bench(tmp_path, two_customers) as bench:
        body = (
            '[{"customerCode":"ONE","customerName":"One Ltd","customerAccountCode":"174","sku":"601","lineDescription":"Mail",'
            '"quantity":3},{"customerCode":"TWO","customerName":"Two Ltd","customerAccountCode":"175","sku":{"no":"text"},'
            '"lineDescription":"Mail","quantity":9}]'
        )
        bench.control("atria", "faults", kind="status", status=200, path="2026-11-25/invoice", body=body)
        run = await bench.compare()
        assert told(run.log, "RC19", "TWO") == [
            Told(
                "RC19",
                "Error",
                "TWO Not Read : Atria could not be read completely: A row of the invoice could not be read: Field sku holds "
                "no text.",
            )
        ]
        assert run.basis.billing.rejected["reason"].tolist() == ["Field sku holds no text."]
        status = dict(zip(run.rows["customer_code"], run.rows["status"], strict=True))
        assert status == {"ONE": "raise", "TWO": "unknown"}
        assert run.rows.loc[run.rows["selectable"], "customer_code"].tolist() == ["ONE"]
