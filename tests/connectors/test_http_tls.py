"""TLS: five bad certificates are refused with the check that failed; the environment changes nothing."""

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reconcile_app.connectors.http import ApiClient, ReadPolicy
from reconcile_app.connectors.tls import make_context
from reconcile_app.core.errors import ConnectionFailed, SettingsError
from reconcile_app.core.judge import Transport
from reconcile_app.core.ports import PreparedWrite
from reconcile_app.core.redact import Redactor
from tests.fakes.clock import VirtualClock
from tests.fakes.raw_server import json_reply, script, serving

NOW = datetime.now(UTC)
USUAL = ReadPolicy()
Key = ec.EllipticCurvePrivateKey


def certificate(
    subject: str,
    key: Key,
    *,
    issuer: str,
    issuer_key: Key,
    authority: bool = False,
    hosts: Sequence[x509.GeneralName] = (),
    days: tuple[int, int] = (-2, 30),
) -> x509.Certificate:
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


class Certificates:
    """An authority of our own and the server certificates it issues, as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.root = certificate("Our Own CA", self.key, issuer="Our Own CA", issuer_key=self.key, authority=True)
        self.ca_file = folder / "our-own-ca.pem"
        self.ca_file.write_bytes(self.root.public_bytes(serialization.Encoding.PEM))

    def server(self, kind: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        here: list[x509.GeneralName] = [x509.IPAddress(ip_address("127.0.0.1"))]
        hosts: list[x509.GeneralName] = [x509.DNSName("other.example")] if kind == "wrong host" else here
        days = {"expired": (-20, -2), "future": (2, 20)}.get(kind, (-2, 30))
        own = kind == "self-signed"
        made = certificate(
            "localhost",
            key,
            issuer="localhost" if own else "Our Own CA",
            issuer_key=key if own else self.key,
            hosts=hosts,
            days=days,
        )
        file = self.folder / f"{kind}.pem"
        file.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + made.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


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
