"""Writes: transmitted exactly once, whatever the wire does."""

import socket

import pytest

from reconcile_app.connectors.http import Answer, ApiClient, WritePolicy
from reconcile_app.core.judge import Transport
from reconcile_app.core.ports import PreparedWrite
from reconcile_app.core.redact import Redactor
from tests.fakes.clock import VirtualClock
from tests.fakes.raw_server import RawServer, Step, json_reply, reply, script, serving

USUAL = WritePolicy()
WRITE = PreparedWrite(method="POST", path="/v1/adjust?mode=a", body=b'{"unitChange": 2}')


def client_of(origin: str, writing: WritePolicy = USUAL) -> ApiClient:
    return ApiClient(
        origin=origin,
        side="psa",
        title="Sample PSA",
        clock=VirtualClock(),
        progress=lambda told: None,
        redactor=Redactor(["s3cr3t-value"]),
        headers=lambda: {"Secret": "s3cr3t-value"},
        writing=writing,
    )


async def sent(server: RawServer, prepared: PreparedWrite = WRITE) -> tuple[Answer | Transport, ApiClient]:
    client = client_of(server.origin)
    try:
        return await client.send(prepared), client
    finally:
        await client.aclose()


async def test_the_exact_bytes_go_out_on_a_connection_of_their_own() -> None:
    async with serving(script([json_reply({"itemId": 5})])) as server:
        client = client_of(server.origin)
        first = await client.send(WRITE)
        second = await client.send(WRITE)
        await client.aclose()
        assert isinstance(first, Answer)
        assert isinstance(second, Answer)
        assert (first.status, first.content, first.path) == (200, b'{"itemId": 5}', "/v1/adjust")
        assert [(seen.method, seen.target, seen.body) for seen in server.seen] == [("POST", WRITE.path, WRITE.body)] * 2
        assert all(seen.headers["connection"] == "close" and seen.headers["secret"] == "s3cr3t-value" for seen in server.seen)
        assert server.connections == client.calls == 2
        assert client.last_fault == ""


@pytest.mark.parametrize("status", [200, 202, 204, 301, 303, 307, 400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504])
async def test_any_status_is_an_answer_and_never_a_second_try(status: int) -> None:
    body = b"" if status == 204 else b"<html>"
    async with serving(script([reply(body, status, "text/html", location="/again", retry_after="1")])) as server:
        outcome, client = await sent(server)
        assert isinstance(outcome, Answer)
        assert outcome.status == status
        assert len(server.seen) == server.connections == client.calls == 1


@pytest.mark.parametrize(
    "fault",
    [
        ["reset"],
        ["close"],
        [b"HTTP/1.1 200 OK\r\nContent-Le", "close"],
        [reply(b'{"itemId": 5}')[:-4], "close"],
        [reply(b'{"itemId": 5}')[:-4], "reset"],
        [b"no http at all\r\n\r\n"],
        [reply(b"{}", content_encoding="gzip")],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz", "close"],
        [json_reply({"itemId": 5}) * 2],
        [json_reply({"itemId": 5}, Connection="close") * 2],
        [json_reply({"itemId": 5}) + b"HTTP/1.1 200"],
        [b"HTTP/1.1 200 OK\r\n" + b"X-Flood: %s\r\n" % (b"v" * 70_000) + b"Content-Length: 2\r\n\r\n{}"],
    ],
)
async def test_what_breaks_later_may_have_arrived(fault: list[Step]) -> None:
    async with serving(script(fault)) as server:
        outcome, client = await sent(server)
        assert outcome is Transport.BROKEN
        assert len(server.seen) == server.connections == 1
        assert client.last_fault
        assert "s3cr3t" not in client.last_fault


async def test_nobody_listening_means_nothing_left() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        client = client_of(f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert await client.send(WRITE) is Transport.NEVER_LEFT
    assert "refused the connection" in client.last_fault
    await client.aclose()


async def test_an_unknown_name_means_nothing_left() -> None:
    client = client_of("https://no-such-host.invalid")
    assert await client.send(WRITE) is Transport.NEVER_LEFT
    assert "could not be found" in client.last_fault
    await client.aclose()


@pytest.mark.parametrize("path", ["https://evil.example/x", "v1", "/../admin"])
async def test_a_path_that_is_none_never_leaves(path: str) -> None:
    async with serving(script([json_reply({})])) as server:
        outcome, _ = await sent(server, PreparedWrite(method="POST", path=path, body=b"{}"))
        assert outcome is Transport.NEVER_LEFT
        assert server.connections == 0


async def test_a_closed_connection_sends_nothing() -> None:
    async with serving(script([json_reply({})])) as server:
        client = client_of(server.origin)
        await client.aclose()
        assert await client.send(WRITE) is Transport.NEVER_LEFT
        assert server.connections == 0


async def test_the_deadline_of_a_write_is_the_policys() -> None:
    drip: list[Step] = [b"HTTP/1.1 200 OK\r\n", *[step for _ in range(40) for step in (b"X: y\r\n", 0.02)]]
    async with serving(script(drip)) as server:
        client = client_of(server.origin, WritePolicy(total_timeout=0.1))
        assert await client.send(WRITE) is Transport.BROKEN
        assert "too long" in client.last_fault
        await client.aclose()
