"""F-39: whatever address a server hands out, nothing is sent anywhere else."""

import asyncio
from collections.abc import Iterator
from random import Random

import pytest

from reconcile_app.connectors.http import ApiClient, ReadPolicy
from reconcile_app.core.errors import ReconcileError
from reconcile_app.core.redact import Redactor
from tests.fakes.raw_server import RawServer, Seen, reply, serving
from tests.fuzz.replay import context
from tests.fuzz.target import ACCEPTED, REFUSED, Wrong
from tests.fuzz.url_targets import UrlTarget, drawn, judge, tricks

GENERATED = 5_000


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.mark.parametrize("redirects", [False, True], ids=["next page", "redirect"])
def test_no_trick_leads_away(loop: asyncio.AbstractEventLoop, redirects: bool) -> None:
    target = UrlTarget("urls", loop, redirects=redirects)
    assert len(tricks()) >= 200
    ends = {url: target.feed(url) for url in tricks()}
    assert ends["https://psa.example.net/api/v1/x?page=2"] == ends["/api/v1/x?page=2"] == ACCEPTED
    assert ends["https://evil.example/api/v1/x?page=2"] == REFUSED
    assert list(ends.values()).count(REFUSED) > 150


def test_no_generated_address_leads_away(loop: asyncio.AbstractEventLoop) -> None:
    target = UrlTarget("urls", loop)
    ends = [target.feed(drawn(Random(f"url:{number}"))) for number in range(GENERATED)]
    assert ends.count(ACCEPTED) > 100
    assert ends.count(REFUSED) > 1_000


@pytest.mark.parametrize(
    "seen",
    [
        ("https", "evil.example", None, "/api/v1/x"),
        ("http", "psa.example.net", None, "/api/v1/x"),
        ("https", "psa.example.net", 8443, "/api/v1/x"),
        ("https", "psa.example.net", None, "/api/v2"),
        ("https", "psa.example.net", None, "/api/v1/%2e%2e/x"),
    ],
)
def test_a_request_that_went_astray_is_found_out(seen: tuple[str, str, int | None, str]) -> None:
    with pytest.raises(Wrong):
        judge([("https", "psa.example.net", None, "/api/v1/list"), seen], "url")


async def test_a_trap_on_the_next_port_never_hears_of_us() -> None:
    def own(seen: Seen) -> list[bytes]:
        return [reply(b"[]")]

    async with serving(own) as server, serving(own) as trap:
        refused = 0
        for url in tricks():
            refused += await _follow(
                server, url.replace("psa.example.net", _authority(server)).replace("evil.example", _authority(trap))
            )
        assert refused > 150
        assert server.connections > 0
        assert trap.connections == 0, [seen.target for seen in trap.seen]


def _authority(server: RawServer) -> str:
    return f"127.0.0.1:{server.port}"


async def _follow(server: RawServer, url: str) -> bool:
    given = context()
    client = ApiClient(
        origin=f"http://{_authority(server)}/api/v1",
        side="psa",
        title="The PSA",
        clock=given.clock,
        progress=given.progress,
        redactor=Redactor(),
        headers=lambda: {"Secret": "canary"},
        policy=ReadPolicy(attempts=1),
    )
    try:
        await client.read_url(url, entity="list")
    except ReconcileError:
        return True
    finally:
        await client.aclose()
    return False
