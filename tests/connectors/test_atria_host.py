"""The Atria connector against a loopback host that answers as Atria may: prefixes, filters, tokens, faults."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconcile_app.connectors.atria import SPEC, Atria, build
from reconcile_app.connectors.atria.answers import as_percent, filter_name, parse_day, read_parameters, token_expiry
from reconcile_app.connectors.atria.names import ANALYSIS
from reconcile_app.connectors.atria.records import text_table
from reconcile_app.core.errors import AnswerUnreadable, ConnectionFailed, PermissionDenied, SettingsError, SignInFailed
from reconcile_app.core.findings import Kind
from reconcile_app.core.frames import BILLED_LINES, CUSTOMERS, REJECTED
from reconcile_app.core.period import Period
from reconcile_app.core.ports import BuildContext, CheckResult, Progress
from reconcile_app.core.settings import Connection, Secret
from tests.fakes.clock import VirtualClock
from tests.fakes.raw_server import RawServer, Seen, Step, reply, serving

WIRE = Path(__file__).parent / "wire" / "atria"
DECEMBER = Period(date(2024, 11, 26), date(2024, 12, 25))
NOVEMBER = Period(date(2024, 10, 26), date(2024, 11, 25))


def jwt(expires: datetime | None) -> str:
    claims = {"sub": "api"} | ({"exp": int(expires.timestamp())} if expires else {})
    return ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "x"}, claims, "sign")
    )


@dataclass
class AtriaHost:
    """What the host holds and how it is mounted; ``status`` overrides the answer of paths that contain a text."""

    prefix: str = "/api/billing"
    token: str = "opaque-canary-token"
    described: bool = False
    status: dict[str, int] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)

    def __call__(self, seen: Seen) -> list[Step]:
        path = seen.path.casefold()
        if path.startswith("/api/swagger"):
            found = self.described and path.endswith("/docs/v1")
            return [reply((WIRE / "swagger.json").read_bytes()) if found else reply(b"<html>none", 404, "text/html")]
        if not path.startswith(self.prefix + "/"):
            return [reply(b"<html>not here", 404, "text/html")]
        for part, status in self.status.items():
            if part in path:
                return [reply(b"", status, "text/html")]
        if seen.headers.get("authorization") != f"Bearer {self.token}":
            return [reply(b"", 401, None, WWW_Authenticate="Bearer")]
        call = path.rsplit("/", 1)[1]
        name = "summary" if call[0].isdigit() else call
        return [
            reply(self.bodies.get(name) or (WIRE / f"{name}.json").read_bytes(), content_type="application/json; charset=utf-8")
        ]


@dataclass
class Bench:
    atria: Atria
    server: RawServer
    clock: VirtualClock
    told: list[Progress]

    @property
    def targets(self) -> list[str]:
        return [seen.target for seen in self.server.seen]


@asynccontextmanager
async def bench(host: AtriaHost, *, token: str | None = None, path: str = "") -> AsyncIterator[Bench]:
    async with serving(host) as server:
        told: list[Progress] = []
        clock = VirtualClock(datetime(2024, 12, 26, 8, tzinfo=UTC))
        connection = Connection(
            name="atria",
            kind="atria",
            values={"base_url": server.origin + path},
            secrets={"token": Secret(host.token if token is None else token)},
        )
        atria = await build(connection, BuildContext(clock=clock, progress=told.append))
        try:
            yield Bench(atria, server, clock, told)
        finally:
            await atria.aclose()


async def test_a_comparison_takes_three_calls() -> None:
    async with bench(AtriaHost()) as b:
        periods = await b.atria.periods()
        customers = await b.atria.customers()
        current = await b.atria.invoice(periods[1], ["asp"])
        previous = await b.atria.invoice(periods[2])
        assert periods == [Period(date(2024, 12, 26), date(2025, 1, 25)), DECEMBER, NOVEMBER]
        assert CUSTOMERS.check(customers.frame)["billing_identifier"].isna().tolist() == [False, True]
        assert (len(BILLED_LINES.check(current.frame)), len(previous.frame)) == (1, 2)
        assert b.targets == ["/api/Billing/parameters", "/api/Billing/2024-12-25/invoice", "/api/Billing/2024-11-25/invoice"]
        assert b.atria.calls == 3
        assert [(told.side, told.entity, told.rows) for told in b.told] == [
            ("billing", "parameters", 2),
            ("billing", "invoice", 1),
            ("billing", "invoice", 2),
        ]
        assert b.told[-1].calls_expected == 3


@pytest.mark.parametrize("typed", ["", "/", "/API", "/api/billing", "/API/api/Billing/"])
async def test_the_doubled_prefix_is_found_once(typed: str) -> None:
    async with bench(AtriaHost(prefix="/api/api/billing"), path=typed) as b:
        await b.atria.periods()
        await b.atria.invoice(DECEMBER)
        assert b.targets == ["/api/Billing/parameters", "/API/api/Billing/parameters", "/API/api/Billing/2024-12-25/invoice"]


async def test_a_site_below_a_path() -> None:
    async with bench(AtriaHost(prefix="/portal/api/billing"), path="/portal/") as b:
        assert len(await b.atria.periods()) == 3


async def test_no_billing_api_at_all() -> None:
    async with bench(AtriaHost(prefix="/elsewhere")) as b:
        with pytest.raises(ConnectionFailed, match="no billing API") as caught:
            await b.atria.periods()
        assert caught.value.kind is Kind.BILLING_UNREACHABLE


async def test_an_invoice_of_an_unknown_period_has_no_records() -> None:
    async with bench(AtriaHost(status={"/invoice": 404})) as b:
        fetched = await b.atria.invoice(DECEMBER)
        assert fetched.complete
        assert len(BILLED_LINES.check(fetched.frame)) == len(REJECTED.check(fetched.rejected)) == 0


@pytest.mark.parametrize(
    ("status", "kind", "calls"),
    [
        (401, SignInFailed, 2),
        (403, PermissionDenied, 2),
        (400, AnswerUnreadable, 2),
        (500, ConnectionFailed, 2),
        (503, ConnectionFailed, 5),
    ],
)
async def test_faults_are_told_in_words_and_without_the_token(status: int, kind: type[Exception], calls: int) -> None:
    host = AtriaHost(status={"/invoice": status})
    async with bench(host) as b:
        with pytest.raises(kind) as caught:
            await b.atria.invoice(DECEMBER)
        assert b.atria.calls == calls
        assert host.token not in f"{caught.value} {caught.value!r} {getattr(caught.value, 'details', '')}"


async def test_summary_in_our_names() -> None:
    async with bench(AtriaHost()) as b:
        row = (await b.atria.summary(DECEMBER)).iloc[0]
        assert (
            row["customer_code"],
            row["sku"],
            row["summary_description"],
            row["quantity"],
            row["prior_quantity"],
            row["difference"],
            row["billable"],
        ) == ("ASP", "127", "Hosted Exchange, Advanced", "12", "10", "2", "true")
        assert b.targets[-1] == "/api/Billing/2024-12-25?AggregateByCustomer=true"


@pytest.mark.parametrize(("described", "query"), [(True, "?CustomerCode=asp"), (False, "?customer=asp")])
async def test_detail_asks_with_the_described_name_and_filters_itself(described: bool, query: str) -> None:
    async with bench(AtriaHost(described=described)) as b:
        table = await b.atria.detail(DECEMBER, "asp")
        await b.atria.detail(NOVEMBER, "asp")
        assert table["user_upn"].tolist() == ["james.smith@asp.example"]
        assert table[["action", "actioned_by", "sku_type", "billable"]].to_numpy()[0].tolist() == [
            "Added",
            "Bob Jones",
            "User",
            "true",
        ]
        assert sum("swagger" in target for target in b.targets) == (2 if described else 3)
        assert f"/api/Billing/2024-12-25/detail{query}" in b.targets


async def test_a_filter_the_description_lacks_is_made_here() -> None:
    async with bench(AtriaHost(described=True)) as b:
        table = await b.atria.analysis(DECEMBER, "ASP")
        assert b.targets[-1] == "/api/Billing/2024-12-25/analysis"
        assert table[["duration_percent", "quantity", "city", "bill_to_code"]].to_numpy()[0].tolist() == [
            "66.67",
            "1.0",
            "Auckland",
            "ASP",
        ]


async def test_check_tells_everything_in_one_pass() -> None:
    host = AtriaHost(token=jwt(datetime(2025, 6, 1, tzinfo=UTC)))
    async with bench(host) as b:
        checks = {check.name: check for check in await b.atria.check()}
        assert [check.result for check in checks.values()] == [CheckResult.OK] * 3
        assert "2025-06-01" in checks["API token"].detail
        assert checks["API token"].grant == ""
        assert checks["Service Provider Developer"].detail == (
            "3 billing periods, 2 customers; newest period 2024-12-26 to 2025-01-25."
        )
        assert "without TLS" in checks["Connection"].detail
        assert b.atria.calls == 1
        await b.atria.check()
        assert b.atria.calls == 2


@pytest.mark.parametrize(
    ("left", "result", "words"),
    [
        (timedelta(days=13, hours=23), CheckResult.OK, "in 13 days"),
        (timedelta(days=15), CheckResult.OK, "expires on"),
        (timedelta(seconds=-1), CheckResult.MISSING, "expired on"),
        (None, CheckResult.CANNOT_TELL, "does not tell"),
    ],
)
async def test_the_tokens_end_is_told_before_it_comes(left: timedelta | None, result: CheckResult, words: str) -> None:
    now = datetime(2024, 12, 26, 8, tzinfo=UTC)
    async with bench(AtriaHost(token=jwt(now + left if left is not None else None))) as b:
        check = next(check for check in await b.atria.check() if check.name == "API token")
        assert (check.result, bool(check.grant)) == (result, left is not None and left < timedelta(days=15))
        assert words in check.detail


async def test_the_missing_permission_is_named() -> None:
    async with bench(AtriaHost(status={"": 403})) as b:
        check = (await b.atria.check())[-1]
        assert (check.name, check.result) == ("Service Provider Developer", CheckResult.MISSING)
        assert "Advanced Options" in check.grant


async def test_a_refused_token_says_when_it_ended() -> None:
    async with bench(AtriaHost(), token=jwt(datetime(2024, 12, 1, tzinfo=UTC))) as b:
        with pytest.raises(SignInFailed, match="expired on 2024-12-01") as caught:
            await b.atria.check()
        assert "API Tokens" in caught.value.next_step


@pytest.mark.parametrize("token", ["", "opaque", "a.b", "a.b.c", "a.!!!.c", "é.é.é", jwt(None), "a." + "e30" + ".c", "x." * 5000])
def test_tokens_that_do_not_tell(token: str) -> None:
    assert token_expiry(token) is None


async def test_blanks_around_a_pasted_token_are_not_sent() -> None:
    host = AtriaHost()
    async with bench(host, token=f"  {host.token}\n") as b:
        assert len(await b.atria.periods()) == 3


@pytest.mark.parametrize(
    "value",
    [
        {"periods": [{"StartDate": "2024-11-26", "EndDate": "2024-12-25"}], "Customers": []},
        {"data": {"BillingPeriods": [{"start": "2024-11-26T00:00:00Z", "end": "2024-12-25T00:00:00.0000000"}], "customers": []}},
    ],
)
def test_other_shapes_of_the_parameters(value: Any) -> None:
    assert read_parameters(json.dumps(value).encode()).periods == (DECEMBER,)


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"billingPeriods": []},
        {"customers": []},
        {"billingPeriods": None, "customers": []},
        {"billingPeriods": {}, "customers": []},
        {"billingPeriods": [{"startDate": "2024-11-26"}], "customers": []},
        {"billingPeriods": [5], "customers": []},
        {"billingPeriods": [{"startDate": "26.11.2024", "endDate": "2024-12-25"}], "customers": []},
        {"billingPeriods": [{"startDate": "2024-12-26", "endDate": "2024-12-25"}], "customers": []},
    ],
)
def test_parameters_that_cannot_be_trusted_are_refused(value: Any) -> None:
    with pytest.raises(AnswerUnreadable):
        read_parameters(json.dumps(value).encode())


def test_a_customer_without_a_code_is_rejected_and_the_rest_kept() -> None:
    value = {"billingPeriods": [], "customers": [{"code": "A", "name": "Alpha"}, {"customerName": "Nobody"}, 7]}
    known = read_parameters(json.dumps(value).encode())
    assert known.customers[["customer_code", "customer_name"]].to_numpy().tolist() == [["A", "Alpha"]]
    assert REJECTED.check(known.rejected)["source"].tolist() == ["parameters", "parameters"]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-12-25", date(2024, 12, 25)),
        ("2024-12-25T23:59:59Z", date(2024, 12, 25)),
        ("2024-12-25T00:00:00", date(2024, 12, 25)),
        ("25/12/2024", None),
        ("", None),
        (None, None),
        ("2024-02-30", None),
    ],
)
def test_days(text: str | None, day: date | None) -> None:
    assert parse_day(text) == day


@pytest.mark.parametrize(
    ("rows", "percents"),
    [
        ([("0.6667", "2024-12-06", "2024-12-25")], ["66.67"]),
        ([("66.67", "2024-12-06", "2024-12-25")], ["66.67"]),
        ([("1", "2024-11-26", "2024-12-25")], ["100"]),
        ([("1", "2024-12-25", "2024-12-25")], ["1"]),
        ([("1", None, None), ("0.5", None, None)], ["100", "50"]),
        ([("1", None, None), ("50", None, None)], ["1", "50"]),
        ([("0.5", "2024-11-01", "2024-12-10"), (None, None, None)], ["50", None]),
        ([("text", None, None)], ["text"]),
    ],
)
def test_the_share_of_the_period_is_always_in_percent(rows: list[tuple[str | None, ...]], percents: list[str | None]) -> None:
    names = ("durationPercent", "startDate", "endDate")
    content = json.dumps([dict(zip(names, row, strict=True)) for row in rows]).encode()
    table = as_percent(text_table(content, ANALYSIS), DECEMBER)
    assert table["duration_percent"].astype(object).where(table["duration_percent"].notna(), None).tolist() == percents


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"paths": []}'])
def test_a_description_that_is_none(document: bytes) -> None:
    with pytest.raises(AnswerUnreadable):
        filter_name(document, "/detail", "customer")


def test_evidence_that_cannot_be_read_names_its_place() -> None:
    with pytest.raises(AnswerUnreadable, match=r"\$\[1\]"):
        text_table(b'[{"sku": "1"}, 5]', ANALYSIS)


@pytest.mark.parametrize("address", ["", "atria", "http://atria.example.net", "https://u:p@atria.example.net"])
async def test_addresses_that_cannot_be_used(address: str) -> None:
    context = BuildContext(clock=VirtualClock(), progress=lambda told: None)
    with pytest.raises(SettingsError):
        await build(Connection(name="a", kind="atria", values={"base_url": address}), context)


def test_the_spec_names_its_secret() -> None:
    assert [item.name for item in SPEC.fields if item.secret] == ["token"]
