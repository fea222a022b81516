"""Origin pinning: next-page addresses and redirects lead nowhere else, and a trap server records nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile_app.connectors.http import ApiClient
from reconcile_app.connectors.origin import Origin
from reconcile_app.core.errors import ConnectionFailed, SettingsError
from reconcile_app.core.findings import Kind
from reconcile_app.core.redact import Redactor
from tests.fakes.clock import VirtualClock
from tests.fakes.raw_server import RawServer, json_reply, reply, script, serving

OURS = Origin.parse("https://psa.example/api", "Sample PSA")


def client_of(server: RawServer) -> ApiClient:
    return ApiClient(
        origin=server.origin,
        side="psa",
        title="Sample PSA",
        clock=VirtualClock(),
        progress=lambda told: None,
        redactor=Redactor(),
        headers=lambda: {"Secret": "s3cr3t-value"},
    )


@pytest.mark.parametrize(
    "text",
    [
        "https://psa.example",
        "https://psa.example/",
        " https://PSA.example:443/api/ ",
        "https://10.0.0.5:8443",
        "https://[2001:db8::1]/x",
        "http://127.0.0.1:8080",
        "http://localhost:1",
        "http://[::1]:9",
        "http://127.8.9.1",
    ],
)
def test_addresses_that_can_be_used(text: str) -> None:
    assert Origin.parse(text, "Sample PSA").target("/v1").endswith("/v1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "psa.example",
        "ftp://psa.example",
        "https://",
        "https:///x",
        "https://user@psa.example",
        "https://user:key@psa.example",
        "https://@psa.example",
        "https://psa.example?x=1",
        "https://psa.example/#a",
        "https://psa.example:99999",
        "https://psa.example:0",
        "https://psa.exa mple",
        "https://psa\t.example",
        "https://psa\\.example",
        "http://psa.example",
        "http://192.168.0.1",
        "http://127.0.0.1.example.net",
        "http://localhost.example.net",
        "http://0x7f000001",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "https://" + "a" * 9000,
        "http://[::ffff:8.8.8.8]",
    ],
)
def test_addresses_that_cannot(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Origin.parse(text, "Sample PSA")
    assert caught.value.kind is Kind.ADDRESS_INVALID
    assert "Nothing was sent." in str(caught.value)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://psa.example/api/v1/x?page=2", "/v1/x?page=2"),
        ("https://PSA.EXAMPLE:443/api/v1", "/v1"),
        ("/api/v1?a=%20b", "/v1?a=%20b"),
        ("https://psa.example/API/v1", "/v1"),
        ("?page=3", "/?page=3"),
    ],
)
def test_next_pages_of_our_own(url: str, target: str) -> None:
    assert OURS.follow(url, "Sample PSA", since="/api/") == target


FOREIGN = [
    "https://evil.example/api/v1",
    "http://psa.example/api/v1",
    "https://psa.example:8443/api/v1",
    "//evil.example/api/v1",
    "https://psa.example@evil.example/api",
    "https://user@psa.example/api/v1",
    "https://psa.example.evil.example/api",
    "https://psа.example/api/v1",
    "file:///etc/passwd",
    "https:/\\evil.example/api",
    "https://evil.example\\@psa.example/api",
    "https://psa.example\t.evil.example/api",
    "\nhttps://evil.example/api",
    "https://psa.example/apix/v1",
    "https://psa.example/other",
    "https://psa.example/api/../admin",
    "https://psa.example/api/%2e%2e/admin",
    "https://psa.example/api/..%5cadmin",
    "https://[psa.example/api",
    "https://psa.example:port/api",
    "javascript:alert(1)",
    "https://psa.example./api/v1",
    "https:psa.example",
]


@pytest.mark.parametrize("url", FOREIGN)
def test_next_pages_that_lead_elsewhere(url: str) -> None:
    with pytest.raises(ConnectionFailed, match="refused"):
        OURS.follow(url, "Sample PSA")


@given(st.text(max_size=60) | st.from_regex(r"(https?:)?//[a-z@:./\\%0-9]{0,40}", fullmatch=True))
@settings(max_examples=300, deadline=None)
def test_whatever_a_server_writes_stays_with_us_or_is_refused(url: str) -> None:
    try:
        path = OURS.follow(url, "Sample PSA", since="/api/")
    except ConnectionFailed:
        return
    assert path.startswith("/")
    assert OURS.target(path).startswith("/api/")


@pytest.mark.parametrize("path", ["v1", "", "https://psa.example/v1", "/../x", "/a/%2e%2e/b"])
def test_a_path_of_ours_must_stay_below_the_origin(path: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        OURS.target(path)


async def test_a_next_page_elsewhere_names_the_host_and_reaches_nobody() -> None:
    async with serving(script([json_reply([])])) as trap, serving(script([json_reply([])])) as server:
        client = client_of(server)
        with pytest.raises(ConnectionFailed) as caught:
            await client.read_url(f"{trap.origin.replace('127.0.0.1', 'localhost')}/steal", entity="things")
        assert "Sample PSA pointed to localhost; refused." in caught.value.title
        assert "No credentials were sent there." in caught.value.happened
        with pytest.raises(ConnectionFailed):
            await client.read_url(f"{trap.origin}/steal", entity="things")
        assert (await client.read_url(f"{server.origin}/next?p=2", entity="things", method="POST", body=b"{}")).status == 200
        assert trap.connections == 0
        assert [(seen.method, seen.target, seen.body) for seen in server.seen] == [("POST", "/next?p=2", b"{}")]
        await client.aclose()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed_at_home_only(status: int) -> None:
    async with serving(script([json_reply([])])) as trap:
        homes = [reply(b"", status, location="/other?x=1"), json_reply(["home"])]
        async with serving(lambda seen: [homes[min(seen.number, 2) - 1]]) as server:
            client = client_of(server)
            assert (await client.read("GET", "/v1", entity="things")).content == b'["home"]'
            assert [seen.target for seen in server.seen] == ["/v1", "/other?x=1"]
            await client.aclose()
        for location in (f"{trap.origin}/x", f"//127.0.0.1:{trap.port}/x", "", "https://evil.example/"):
            async with serving(script([reply(b"", status, location=location)])) as server:
                client = client_of(server)
                with pytest.raises(ConnectionFailed, match="redirected to"):
                    await client.read("GET", "/v1", entity="things")
                assert client.calls == 1
                await client.aclose()
        assert trap.connections == 0


async def test_redirects_end() -> None:
    async with serving(script([reply(b"", 302, location="/again")])) as server:
        client = client_of(server)
        with pytest.raises(ConnectionFailed, match="one page after another"):
            await client.read("GET", "/v1", entity="things")
        assert len(server.seen) == 4
        await client.aclose()


async def test_a_query_by_post_is_never_redirected() -> None:
    async with serving(script([reply(b"", 307, location="/other")])) as server:
        client = client_of(server)
        with pytest.raises(ConnectionFailed, match="redirected to /other"):
            await client.read("POST", "/query", entity="things", body=b"{}")
        assert len(server.seen) == 1
        await client.aclose()


def test_a_client_shows_its_origin_and_no_secret() -> None:
    server = RawServer(script([b""]), port=1)
    assert repr(client_of(server)) == "ApiClient(http://127.0.0.1:1)"
