"""TLS: five bad certificates are refused with the check that failed; the environment changes nothing."""

import ssl
from pathlib import Path

import pytest

from reconcile_app.connectors.http import ApiClient, ReadPolicy
from reconcile_app.connectors.tls import make_context
from reconcile_app.core.errors import ConnectionFailed, SettingsError
from reconcile_app.core.judge import Transport
from reconcile_app.core.ports import PreparedWrite
from reconcile_app.core.redact import Redactor
from tests.fakes.certificates import Certificates
from tests.fakes.clock import VirtualClock
from tests.fakes.raw_server import json_reply, script, serving

USUAL = ReadPolicy()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def client_of(origin: str, ca_file: str = "", policy: ReadPolicy = USUAL) -> ApiClient:
    return ApiClient(
        origin=origin,
        side="billing",
        title="Sample",
        clock=VirtualClock(),
        progress=lambda told: None,
        redactor=Redactor(),
        headers=lambda: {"Authorization": "Bearer canary-token"},
        ca_file=ca_file,
        policy=policy,
    )


async def test_our_own_authority_is_trusted_through_its_file(certificates: Certificates) -> None:
    async with serving(script([json_reply([])]), secure=certificates.server("good")) as server:
        client = client_of(server.origin, str(certificates.ca_file))
        assert (await client.read("GET", "/", entity="things")).status == 200
        assert not isinstance(await client.send(PreparedWrite(method="POST", path="/", body=b"{}")), Transport)
        await client.aclose()


@pytest.mark.parametrize(
    ("kind", "words", "with_ca"),
    [
        ("self-signed", "self-signed", True),
        ("expired", "expired", True),
        ("future", "not valid yet", True),
        ("wrong host", "for another", True),
        ("good", "authority this computer does not know", False),
    ],
)
async def test_a_bad_certificate_is_refused_once_and_named(
    certificates: Certificates, kind: str, words: str, with_ca: bool
) -> None:
    async with serving(script([json_reply([])]), secure=certificates.server(kind)) as server:
        client = client_of(server.origin, str(certificates.ca_file) if with_ca else "")
        with pytest.raises(ConnectionFailed) as caught:
            await client.read("GET", "/", entity="things")
        assert words in caught.value.happened
        issuer = "localhost" if kind == "self-signed" else "Our Own CA"
        assert caught.value.happened.endswith(f"It is for localhost, issued by {issuer}.")
        assert "CA file" in caught.value.next_step
        assert client.calls == 1
        assert await client.send(PreparedWrite(method="POST", path="/", body=b"{}")) is Transport.NEVER_LEFT
        assert server.seen == []
        await client.aclose()


async def test_old_tls_is_refused(certificates: Certificates) -> None:
    context = certificates.server("good")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with serving(script([json_reply([])]), secure=context) as server:
        client = client_of(server.origin, str(certificates.ca_file))
        with pytest.raises(ConnectionFailed, match=r"TLS 1\.2 or newer"):
            await client.read("GET", "/", entity="things")
        await client.aclose()


async def test_a_server_without_tls_is_refused_on_https() -> None:
    async with serving(script([json_reply([])])) as server:
        client = client_of(server.origin.replace("http:", "https:"), policy=ReadPolicy(connect_timeout=0.2))
        with pytest.raises(ConnectionFailed):
            await client.read("GET", "/", entity="things")
        assert client.calls <= 2
        assert server.seen == []
        await client.aclose()


async def test_the_environment_has_no_effect(certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca_file))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with serving(script([json_reply([])]), secure=certificates.server("good")) as server:
        trusting = client_of(server.origin, str(certificates.ca_file))
        assert (await trusting.read("GET", "/", entity="things")).status == 200
        await trusting.aclose()
        stranger = client_of(server.origin)
        with pytest.raises(ConnectionFailed, match="does not know"):
            await stranger.read("GET", "/", entity="things")
        await stranger.aclose()
    assert not keys.exists()


def test_the_context_checks_everything() -> None:
    context = make_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.keylog_filename is None


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_ca_file_that_is_none_is_a_setting_to_correct(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match="CA file"):
        make_context(str(file))
