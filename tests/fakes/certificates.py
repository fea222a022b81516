"""Server certificates made when they are needed: good ones of an authority of our own, and bad ones of every kind."""

import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.now(UTC)
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
        """A server's context with a certificate of this kind."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain(kind))
        return context

    def chain(self, kind: str) -> Path:
        """A file with key and certificate: ``good``, ``self-signed``, ``expired``, ``future`` or ``wrong host``."""
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
        return file
