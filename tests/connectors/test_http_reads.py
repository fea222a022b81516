"""Reads: what is tried again, what is refused, and in which words, against real sockets that misbehave."""

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from reconcile_app.connectors.http import ApiClient, ReadPolicy
from reconcile_app.core.errors import (
    AnswerUnreadable,
    ConnectionFailed,
    PermissionDenied,
    SettingsError,
    SideUnreadable,
    SignInFailed,
)
from reconcile_app.core.findings import Kind
from reconcile_app.core.ports import Progress
from reconcile_app.core.redact import Redactor
from tests.fakes.clock import VirtualClock
from tests.fakes.raw_server import Handler, RawServer, Seen, Step, json_reply, reply, script, serving

SECRET = "k3y-of-the-canary-bird"
GOOD: list[Step] = [json_reply([1, 2])]


class Bench:
    """A client on a server, with the clock and the progress it used."""

    def __init__(self, server: RawServer, origin: str = "", **options: object) -> None:
        self.server = server
        self.clock = VirtualClock()
        self.told: list[Progress] = []
        self.client = ApiClient(
            origin=origin or server.origin,
            side="psa",
            title="Sample PSA",
            clock=self.clock,
            progress=self.told.append,
            redactor=Redactor([SECRET]),
            headers=lambda: {"Secret": SECRET},
            **options,  # type: ignore[arg-type]  # options are passed on as given
        )

    async def read(self, path: str = "/v1/things", **options: object) -> bytes:
        return (await self.client.read("GET", path, entity="things", **options)).content  # type: ignore[arg-type]  # options are passed on as given

    async def fails(self, kind: type[SideUnreadable], **options: object) -> SideUnreadable:
        with pytest.raises(kind) as caught:
            await self.read(**options)  # type: ignore[arg-type]  # options are passed on as given
        assert SECRET not in f"{caught.value} {caught.value.details} {caught.value!r}"
        return caught.value


@asynccontextmanager
async def bench(handler: Handler, **options: object) -> AsyncIterator[Bench]:
    async with serving(handler) as server:
        made = Bench(server, **options)  # type: ignore[arg-type]  # options are passed on as given
        try:
            yield made
        finally:
            await made.client.aclose()


@pytest.mark.parametrize(
    "fault",
    [
        [reply(b"busy", 502)],
        [reply(b"<html>down</html>", 503, "text/html")],
        [reply(b"", 504)],
        [reply(b"oops", 500)],
        ["reset"],
        ["close"],
        [reply(b"[1, 2, 3]")[:-4], "close"],
        [reply(b"[1,2]", content_encoding="gzip")],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n2\r\n[]\r\nzz", "close"],
    ],
)
async def test_a_passing_fault_of_the_way_is_tried_again(fault: list[Step]) -> None:
    async with bench(script(fault, fault, GOOD)) as b:
        assert await b.read() == b"[1, 2]"
        assert len(b.server.seen) == b.client.calls == 3
        assert len(b.clock.waits) <= 2
        assert all(0 <= wait <= 30 for wait in b.clock.waits)


async def test_attempts_end_and_the_side_is_unreadable_with_the_servers_words() -> None:
    async with bench(script([json_reply({"message": f"database gone, {SECRET}"}, 503)])) as b:
        error = await b.fails(ConnectionFailed)
        assert b.client.calls == 5
        assert "503" in error.happened
        assert "database gone" in error.happened
        assert error.kind is Kind.PSA_UNREACHABLE
        assert "unknown, not zero" in error.meaning


async def test_a_plain_500_is_tried_three_times_only() -> None:
    async with bench(script([json_reply({"errors": ["bad filter"]}, 500)])) as b:
        assert "bad filter" in (await b.fails(ConnectionFailed)).happened
        assert b.client.calls == 3


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, AnswerUnreadable),
        (401, SignInFailed),
        (403, PermissionDenied),
        (404, ConnectionFailed),
        (418, AnswerUnreadable),
        (304, AnswerUnreadable),
    ],
)
async def test_a_refusal_is_final(status: int, kind: type[SideUnreadable]) -> None:
    async with bench(script([reply(b"" if status == 304 else b'{"error": "no"}', status)])) as b:
        await b.fails(kind)
        assert b.client.calls == 1


async def test_statuses_the_caller_wants_come_back_unjudged() -> None:
    async with bench(script([reply(b"<html>", 500, "text/html")])) as b:
        answer = await b.client.read("GET", "/x?y=1", entity="things", allow=frozenset({500}))
        assert (answer.status, answer.path, b.client.calls) == (500, "/x", 1)


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        ("Thu, 26 Nov 2026 08:15:40 GMT", 40, 40),
        ("99999", 600, 600),
        ("-1", 5, 10),
        ("soon", 5, 10),
        ("", 5, 10),
        ("0", 5, 5),
        ("3", 5, 5),
    ],
)
async def test_a_request_to_wait_is_honored(header: str, least: float, most: float) -> None:
    async with bench(script([reply(b"", 429, retry_after=header)], GOOD)) as b:
        await b.read()
        assert least <= sum(b.clock.waits) + 1e-6
        assert sum(b.clock.waits) <= most + 1e-6
        named = header.isdigit() or header.endswith("GMT")
        first, *_, last = [told.entity for told in b.told]
        seconds = f"{sum(b.clock.waits):.0f} s"
        assert first == (f"waiting {seconds}, as Sample PSA asks" if named else f"paused {seconds}: rate limit of Sample PSA")
        # a countdown, second by second
        assert len(b.told) == len(b.clock.waits)
        assert "1 s" in last or "0 s" in last


@pytest.mark.parametrize("header", ["", "0", "1"])
async def test_a_storm_of_429_makes_no_tight_loop(header: str) -> None:
    at: list[float] = []

    def handler(seen: Seen) -> list[Step]:
        at.append(b.clock.monotonic())
        return [reply(b"", 429, retry_after=header)]

    async with bench(handler) as b:
        await b.fails(ConnectionFailed)
        assert b.client.calls == 5
        assert all(later - earlier >= 5 - 1e-6 for earlier, later in pairwise(at))


async def test_after_a_429_the_usual_pace_comes_back() -> None:
    async with bench(script([reply(b"", 429, retry_after="7")], GOOD)) as b:
        await b.read()
        await b.read()
        before = b.clock.monotonic()
        await b.read()
        assert b.clock.monotonic() == before


@pytest.mark.parametrize("behind", [reply(b"[9]"), b"HTTP/1.1 200 OK\r\n", b"x", reply(b"", 204)])
async def test_what_comes_behind_an_answer_is_never_taken_for_the_next_one(behind: bytes) -> None:
    def handler(seen: Seen) -> list[Step]:
        own = json_reply([seen.path])
        return [own + behind] if seen.number == 1 else [own]

    async with bench(handler) as b:
        for path in ("/a", "/b", "/c"):
            assert (await b.client.read("GET", path, entity="things")).content == json.dumps([path]).encode()
        assert [seen.path for seen in b.server.seen] == ["/a", "/a", "/b", "/c"]
        assert b.server.connections == 2


async def test_what_comes_behind_an_answer_later_spoils_the_connection_only() -> None:
    def handler(seen: Seen) -> list[Step]:
        own = json_reply([seen.path])
        return [own, 0.02, json_reply(["stray"])] if seen.number == 1 else [own]

    async with bench(handler) as b:
        assert (await b.client.read("GET", "/a", entity="things")).content == b'["/a"]'
        await asyncio.sleep(0.06)
        assert (await b.client.read("GET", "/b", entity="things")).content == b'["/b"]'
        assert b.server.connections == 2


async def test_answers_in_pieces_of_any_size_keep_their_connection() -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\n\r\n"
    )
    pieces = [chunked[at : at + 7] for at in range(0, len(chunked), 7)]
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + json_reply([1, 2])
    async with bench(script(pieces, [interim], [reply(b"", 204)], GOOD)) as b:
        assert await b.read() == b"[1,2]"
        assert await b.read() == b"[1, 2]"
        assert await b.read() == b""
        assert await b.read() == b"[1, 2]"
        assert b.server.connections == 1


async def test_an_answer_without_length_ends_with_its_connection() -> None:
    open_end = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[1]"
    async with bench(script([open_end, "close"], GOOD)) as b:
        assert await b.read() == b"[1]"
        assert await b.read() == b"[1, 2]"


async def test_a_sign_in_page_is_not_data() -> None:
    async with bench(script([reply(b"<!DOCTYPE html><form>", content_type="text/html; charset=utf-8")])) as b:
        assert (await b.fails(AnswerUnreadable)).happened == "Got a sign-in page instead of data."
        assert b.client.calls == 1


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/xml", "application/octet-stream"])
async def test_json_must_call_itself_json(content_type: str | None) -> None:
    async with bench(script([reply(b"[]", content_type=content_type)])) as b:
        assert "instead of JSON" in (await b.fails(AnswerUnreadable)).happened
        assert await b.read(expect_json=False) == b"[]"


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"])
async def test_kinds_of_json(content_type: str) -> None:
    async with bench(script([reply(b"[]", content_type=content_type)])) as b:
        assert await b.read() == b"[]"


async def test_an_answer_that_unpacks_to_too_much_is_refused_while_it_arrives() -> None:
    bomb = gzip.compress(bytes(30 * 2**20))
    async with bench(script([reply(bomb, content_encoding="gzip")]), policy=ReadPolicy(decoded_limit=2**20)) as b:
        assert "too large" in (await b.fails(AnswerUnreadable)).happened
        assert b.client.calls == 1


@pytest.mark.parametrize("count", [800, 10_000])
async def test_a_flood_of_headers_is_refused(count: int) -> None:
    flood = "".join(f"X-{number}: {'v' * 90}\r\n" for number in range(count)).encode()
    async with bench(script([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + flood + b"\r\n[]"])) as b:
        assert (await b.fails(AnswerUnreadable)).happened == "Unusable answer: too many or too long headers."
        assert b.client.calls == 1


async def test_single_bytes_do_not_renew_the_deadline() -> None:
    drip: list[Step] = [b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n"]
    drip += [step for _ in range(200) for step in (b" ", 0.05)]
    async with bench(script(drip), policy=ReadPolicy(read_timeout=5.0, total_timeout=0.3)) as b:
        error = await b.fails(ConnectionFailed)
        assert "too long" in error.happened
        assert b.client.calls == 2


async def test_a_silent_server_ends_in_words() -> None:
    async with bench(script(["hang"]), policy=ReadPolicy(read_timeout=0.1)) as b:
        assert "too long" in (await b.fails(ConnectionFailed)).happened


async def test_nobody_listening() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    async with bench(script(GOOD), origin=f"http://127.0.0.1:{port}") as b:
        error = await b.fails(ConnectionFailed)
        assert f"127.0.0.1:{port}" in error.happened
        assert b.client.calls == 5


@pytest.mark.fault("F-02", "R")
async def test_a_name_that_nobody_knows_is_asked_three_times() -> None:
    async with bench(script(GOOD), origin="https://no-such-host.invalid") as b:
        error = await b.fails(ConnectionFailed)
        assert "no-such-host.invalid could not be found" in error.happened
        assert b.client.calls == 3


@pytest.mark.fault("F-23", "R")
async def test_cookies_are_not_kept_and_credentials_are_sent() -> None:
    async with bench(script([json_reply([], set_cookie="sid=1; Path=/")])) as b:
        answer = await b.client.read("GET", "/a", entity="things", params={"q": "a b&c"})
        await b.read()
        assert "set-cookie" not in answer.headers
        assert b.server.seen[0].target == "/a?q=a%20b%26c"
        assert [seen.headers["secret"] for seen in b.server.seen] == [SECRET, SECRET]
        assert not any("cookie" in seen.headers for seen in b.server.seen)


async def test_a_query_by_post_carries_its_body() -> None:
    async with bench(script(["close"], GOOD)) as b:
        await b.client.read("POST", "/query", entity="things", body=b'{"a": 1}')
        assert [(seen.method, seen.body, seen.headers["content-type"]) for seen in b.server.seen] == [
            ("POST", b'{"a": 1}', "application/json")
        ] * 2


async def test_requests_of_one_entity_run_side_by_side_up_to_the_allowance() -> None:
    async with bench(script([0.05, json_reply([])]), policy=ReadPolicy(parallel_per_entity=3)) as b:
        await asyncio.gather(*(b.read() for _ in range(9)))
        assert b.server.busiest == 3


@pytest.mark.fault("F-14", "R")
async def test_a_crowded_server_is_asked_one_by_one_from_then_on() -> None:
    def handler(seen: Seen) -> list[Step]:
        return [0.02, json_reply({"errors": ["thread threshold"]}, 500) if seen.number <= 3 else json_reply([])]

    policy = ReadPolicy(parallel_per_entity=3)
    async with bench(handler, policy=policy, busy=lambda answer: b"thread threshold" in answer.content) as b:
        await asyncio.gather(*(b.read(allow=frozenset({500})) for _ in range(6)))
        b.server.busiest = 0
        await asyncio.gather(*(b.read() for _ in range(6)))
        assert b.server.busiest == 1
        assert b.client.calls == 15


async def test_the_pace_spaces_requests() -> None:
    async with bench(script(GOOD), policy=ReadPolicy(calls_per_second=2.0)) as b:
        for _ in range(4):
            await b.read()
        assert b.clock.monotonic() - 1_000.0 == pytest.approx(1.5)


async def test_progress_names_what_is_read_and_counts_calls() -> None:
    async with bench(script(GOOD)) as b:
        b.client.expect(4)
        await b.read()
        b.client.report("companies", 17, 1, 2)
        assert b.told == [Progress(side="psa", entity="companies", rows=17, page=1, pages=2, calls=1, calls_expected=4)]


async def test_the_servers_date_is_kept() -> None:
    async with bench(script([json_reply([], Date="Thu, 26 Nov 2026 08:00:00 GMT")], [json_reply([], Date="yesterday")])) as b:
        await b.read()
        await b.read()
        assert b.client.last_server_date is not None
        assert b.client.last_server_date.isoformat() == "2026-11-26T08:00:00+00:00"


async def test_closing_twice_is_harmless_and_a_closed_connection_says_so() -> None:
    async with bench(script(GOOD)) as b:
        await b.read()
        await b.client.aclose()
        await b.client.aclose()
        assert "closed" in (await b.fails(ConnectionFailed)).title


@pytest.mark.parametrize("key", ["two\r\nInjected: yes", "ключ", "tab\there"])
async def test_a_key_that_no_header_can_carry_is_not_sent(key: str) -> None:
    async with serving(script(GOOD)) as server:

        def headers() -> dict[str, str]:
            return {"Secret": key}

        build: Callable[..., ApiClient] = ApiClient
        client = build(
            origin=server.origin,
            side="psa",
            title="Sample PSA",
            clock=VirtualClock(),
            progress=lambda told: None,
            redactor=Redactor([key]),
            headers=headers,
        )
        with pytest.raises(SettingsError) as caught:
            await client.read("GET", "/", entity="things")
        assert key not in str(caught.value)
        assert server.connections == 0
        await client.aclose()
