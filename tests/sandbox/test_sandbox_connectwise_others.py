"""What others do in the simulated ConnectWise PSA, the faults of the wire, pages that are wrong, and what it says of itself."""

import ssl
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reconcile_app.core.ids import sha256_hex
from reconcile_app.sandbox.gate import Request
from reconcile_app.sandbox.ledger import Origin
from tests.fakes.sandbox_connectwise import ConnectWiseClient, SmallTenant, connectwise_sandbox

TODAY = date(2026, 12, 3)
QUANTITY = [{"op": "replace", "path": "quantity", "value": 42}]


@pytest.fixture
def small() -> Iterator[SmallTenant]:
    with connectwise_sandbox("empty", seed=2, today=TODAY, ticking=False) as box:
        yield SmallTenant(box)


@pytest.fixture
def connectwise(small: SmallTenant) -> Iterator[ConnectWiseClient]:
    with ConnectWiseClient(small.box) as client:
        yield client


def test_others_change_a_line(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    number = small.lines[0].id
    assert connectwise.control("set-quantity", line=number, quantity=38) == {"quantity": "38"}
    assert connectwise.control("adjust", line=number, change=-3) == {"quantity": "35"}
    connectwise.control("change-line", line=number, effectiveDate="2026-02-01", unitPrice=9.5, lessIncluded=5)
    told = connectwise.control("line", line=number, date="2026-01-31")
    assert told == {"quantity": 350_000, "billed": 300_000, "bills": False, "agreement": small.agreement.id}
    shown = connectwise.get(small.line)
    assert (shown["effectiveDate"], shown["unitPrice"], shown["_info"]["updatedBy"]) == ("2026-02-01T00:00:00Z", 9.5, "hwhitford")
    assert [(kind, who) for kind, who, *_ in small.entries()] == [
        ("set_quantity", "other"),
        ("set_quantity", "other"),
        ("update_line", "other"),
    ]


def test_others_add_cancel_and_delete_lines(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    made = connectwise.control("add-line", agreement=small.agreement.id, product="SEAT-C", quantity=7, effectiveDate="2026-12-01")
    connectwise.control("cancel-line", line=made["line"], date="2026-12-02")
    assert connectwise.get(f"{small.list}/{made['line']}")["additionStatus"] == "Cancelled"
    connectwise.control("remove-line", line=made["line"])
    assert [kind for kind, *_ in small.entries()] == ["create_line", "cancel_line", "delete_line"]
    refused = connectwise.http.post(f"{connectwise.site}/__sim/add-line", json={"agreement": small.agreement.id, "product": "NO"})
    assert (refused.status_code, "addition object is invalid" in refused.json()["error"]) == (400, True)


def test_others_end_agreements(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    number = small.agreement.id
    connectwise.control("change-agreement", agreement=number, endDate="2026-11-30")
    assert connectwise.get(f"/finance/agreements/{number}")["agreementStatus"] == "Expired"
    connectwise.control("cancel-agreement", agreement=number)
    shown = connectwise.get(f"/finance/agreements/{number}")
    assert (shown["agreementStatus"], shown["dateCancelled"]) == ("Cancelled", "2026-12-03T00:00:00Z")
    connectwise.control("remove-agreement", agreement=number)
    assert connectwise.call("GET", small.line).status_code == 404
    assert (connectwise.get("/finance/agreements"), small.state.additions) == ([], {})
    assert [(kind, who) for kind, who, *_ in small.entries()][-1] == ("delete_agreement", "other")


def test_an_act_between_two_requests(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    order = {"line": small.lines[0].id, "change": 5}
    connectwise.control("moment", do="adjust", order=order, method="PATCH", when="after")
    assert connectwise.patch(small.line, ("replace", "quantity", 42)).json()["quantity"] == 42.0
    assert connectwise.get(small.line)["quantity"] == 47.0


def test_an_agreement_whose_additions_cannot_be_read(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    connectwise.control("unreadable", agreement=small.agreement.id)
    assert connectwise.refusal("GET", small.list) == (500, "ConnectWiseApi", "A timeout has occured. Please try again.")
    assert connectwise.call("GET", small.line).status_code == 200
    connectwise.control("unreadable", agreement=small.agreement.id, on=False)
    assert len(connectwise.get(small.list)) == 2


@pytest.mark.parametrize(("when", "committed"), [("before", []), ("after", [("set_quantity", "us", 400_000, 420_000)])])
def test_faults_before_and_after_the_commit(
    small: SmallTenant, connectwise: ConnectWiseClient, when: str, committed: list[object]
) -> None:
    connectwise.control("faults", kind="status", status=503, when=when, writes=True)
    connectwise.call("POST", "/system/bundles", {"requests": []})
    assert connectwise.call("PATCH", small.line, QUANTITY).status_code == 503
    assert small.entries() == committed


def test_a_late_commit(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    connectwise.control("faults", kind="status", status=504, when="late", seconds=20, path="additions")
    assert connectwise.call("PATCH", small.line, QUANTITY).status_code == 504
    assert connectwise.get(small.line)["quantity"] == 40.0
    connectwise.control("advance", seconds=21)
    shown = connectwise.get(small.line)
    assert (shown["quantity"], shown["_info"]["updatedBy"]) == (42.0, "Reconcile")
    assert small.entries() == [("set_quantity", "late", 400_000, 420_000)]


def test_a_request_is_carried_out_without_a_network(small: SmallTenant) -> None:
    simulator = small.box.simulators["connectwise"]
    with ConnectWiseClient(small.box) as client:
        headers = {name.lower(): value for name, value in client.headers.items()} | {"content-type": "application/json"}
    body = b'[{"op":"replace","path":"quantity","value":41}]'
    path = f"/v4_6_release/apis/3.0{small.line}"
    request = Request(method="PATCH", target=path, path=path, query=(), headers=headers, body=body, connection="x", port=1)
    reply = simulator.handle(request, Origin(actor="us", path=path, body_sha256=sha256_hex(body)))
    assert (reply.status, small.lines[0].quantity) == (200, 410_000)
    assert b'"http://127.0.0.1:1/v4_6_release/apis/3.0//procurement/catalog/411"' in reply.body


@pytest.mark.parametrize("forward", [False, True])
def test_pages_that_are_wrong(small: SmallTenant, connectwise: ConnectWiseClient, forward: bool) -> None:
    for product in small.products:
        small.state.add_addition(small.agreement, product, 10_000)
    truth = [line.id for line in small.state.additions_of[small.agreement.id]]

    def found(kind: str, page: int = 2, **more: object) -> list[int]:
        connectwise.control("paging", kind=kind, entity="Addition", page=page, **more)
        ids = [row["id"] for row in connectwise.every(small.list, forward=forward, pageSize=2)]
        connectwise.control("paging")
        return ids

    assert connectwise.every(small.list, forward=forward, pageSize=2) == connectwise.get(small.list)
    assert found("again") == [*truth[:4], *truth[2:]]
    assert found("first") == [*truth[:4], *truth]
    assert found("overlap") == [*truth[:2], *truth[1:]]
    assert found("changed") == [*truth[:2], *truth[1:]]
    assert found("skip") == [*truth[:2], *truth[3:]]
    assert found("missing") == [*truth[:2], truth[4], truth[4]] if not forward else [*truth[:2], truth[4]]
    assert found("end") == truth[:4]
    connectwise.control("paging", kind="link", url="http://psa.example.net/x")
    headers = {"pagination-type": "forward-only"} if forward else {}
    answer = connectwise.call("GET", small.list, params={"pageSize": 2}, headers=headers)
    assert '<http://psa.example.net/x>; rel="next"' in answer.headers["link"]
    connectwise.control("paging", kind="miscount")
    assert connectwise.get(f"{small.list}/count") == {"count": 6}


def test_the_recap_of_all_agreements(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    connectwise.control("invoice", agreement=small.agreement.id, through="2026-11-30")
    [recap] = connectwise.get(
        "/finance/agreementrecap/", conditions='companyName = "northwind traders" and agreementStatus = "Active"'
    )
    assert recap == {
        "id": small.agreement.id,
        "agreementStatus": "Active",
        "name": "Hosting - Northwind",
        "companyName": "Northwind Traders",
        "isUnlimited": "No",
        "lastInvoiceAmount": "1000.00",
        "lastInvoiceDate": "2026-11-30T00:00:00Z",
        "lastInvoiceNumber": "INV10221",
        "nextInvoiceAmount": 1000.0,
        "nextInvoiceDate": "2026-12-01T00:00:00Z",
        "unbilledPeriods": 0,
    }
    assert connectwise.get(f"/finance/agreementrecap/{small.agreement.id}") == recap
    [invoice] = connectwise.get("/finance/invoices", conditions=f"agreement/id = {small.agreement.id}")
    assert (invoice["invoiceNumber"], invoice["total"], invoice["company"]["identifier"]) == ("INV10221", 1000.0, "NORTHWIND")


def test_the_audit_trail_of_a_line(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    connectwise.patch(small.line, ("replace", "quantity", 42))
    connectwise.control("set-quantity", line=small.lines[0].id, quantity=44)
    first, second = connectwise.get("/system/audittrail", type="AgreementAddition", id=small.lines[0].id)
    assert first == {
        "text": "Quantity changed from 40 to 42",
        "enteredDate": "2026-12-03T12:00:00Z",
        "enteredBy": "Reconcile",
        "auditType": "Addition",
        "auditSource": "API",
    }
    assert (second["text"], second["enteredBy"]) == ("Quantity changed from 42 to 44", "hwhitford")
    count = connectwise.get("/system/audittrail/count", type="AgreementAddition", id=small.lines[0].id)
    assert count == {"count": 2}


def test_reports(connectwise: ConnectWiseClient) -> None:
    assert {"name": "Company"} in connectwise.get("/system/reports")
    rows = connectwise.get("/system/reports/company", conditions='Company_ID="NORTHWIND"', columns="Company_ID,Company_RecID")
    assert rows["row_values"] == [["NORTHWIND", 305]]
    assert list(rows["column_definitions"][0]) == ["Company_ID"]
    assert len(connectwise.get("/system/reports/Company/columns")) == 3
    assert connectwise.get("/system/reports/Company/count") == {"count": 1}
    assert connectwise.get("/system/reports/Holiday")["row_values"] == []
    assert connectwise.call("GET", "/system/reports/AgreementAddition").status_code == 404
    assert connectwise.call("GET", "/system/reports/Company", params={"columns": "Color"}).status_code == 400


def test_a_reset_puts_the_books_back(small: SmallTenant, connectwise: ConnectWiseClient) -> None:
    connectwise.control("reset")
    assert connectwise.get("/finance/agreements") == []
    assert len(connectwise.get("/finance/agreements/types")) == 4


def certificate(folder: Path) -> ssl.SSLContext:
    """A server certificate for this computer, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = builder.serial_number(7).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    named = dated.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file = folder / "server.pem"
    pem = named.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    file.write_bytes(pem + key.private_bytes(serialization.Encoding.PEM, form, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def test_addresses_in_answers_follow_tls(tmp_path: Path) -> None:
    server = certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=str(tmp_path / "server.pem"))
    world = connectwise_sandbox("sized:2x1", seed=2, today=TODAY, tls=server)
    with world as box, ConnectWiseClient(box) as client, httpx.Client(verify=trusting) as http:
        answer = http.get(f"{client.root}/finance/agreements?pageSize=1", headers=client.headers)
    assert client.site.startswith("https://")
    assert answer.headers["link"].startswith(f"<{client.root}/finance/agreements?pageSize=1&page=2>")
    assert f'"{client.root}//company/companies/' in answer.text
