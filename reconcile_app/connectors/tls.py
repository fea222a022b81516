"""The TLS settings of every connection.

At least TLS 1.2, chain and host name always checked, nothing taken from the environment.
"""

import contextlib
import ssl
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import certifi

from reconcile_app.core.errors import SettingsError

# Where systems keep their certificates; a frozen program's own OpenSSL may have been built for another one.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)

_SHOWN = frozenset({"commonName", "organizationName"})
_LONGEST_NAME = 100


def plain_context() -> ssl.SSLContext:
    """A context that trusts nobody: for loopback addresses without TLS, which never use it."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class _Naming(ssl.SSLObject):
    """Notes whose certificate was refused: the error of the library names the failed check alone."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except ssl.SSLCertVerificationError as error:
            # not part of the documented interface before Python 3.13, so nothing may depend on it
            with contextlib.suppress(AttributeError, LookupError, TypeError, ValueError):
                error.add_note(_whose(getattr(self, "_sslobj").get_unverified_chain()[0].get_info()))  # noqa: B009 - undeclared
            raise


def _whose(certificate: Mapping[str, Any]) -> str:
    return f"It is for {_name(certificate['subject'])}, issued by {_name(certificate['issuer'])}."


def _name(parts: Iterable[Iterable[tuple[str, str]]]) -> str:
    """Common name and organization, as far as they can be shown."""
    known = [text for part in parts for kind, text in part if kind in _SHOWN]
    text = "".join(character if character.isprintable() else " " for character in ", ".join(known))
    return " ".join(text.split())[:_LONGEST_NAME] or "nobody"


def make_context(ca_file: str = "") -> ssl.SSLContext:
    """The system's certificates, and those of ``ca_file`` where one is given. Takes some 16 ms: not for the main thread.

    The ready-made context of the library is not used: it would write session keys where ``SSLKEYLOGFILE`` says and take other
    certificates where ``SSL_CERT_FILE`` says.

    Raises:
        SettingsError: the CA file cannot be read or holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslobject_class = _Naming
    context.verify_flags |= ssl.VERIFY_X509_TRUSTED_FIRST
    _trust_system(context)
    if ca_file:
        _trust_file(context, ca_file)
    assert context.keylog_filename is None  # noqa: S101 - a guard against a library that changes its mind
    return context


def _trust_system(context: ssl.SSLContext) -> None:
    if sys.platform == "win32":
        for store in ("CA", "ROOT"):
            for certificate, encoding, trust in ssl.enum_certificates(store):
                if encoding == "x509_asn" and (trust is True or ssl.Purpose.SERVER_AUTH.oid in trust):
                    context.load_verify_locations(cadata=certificate)
        return
    compiled = ssl.get_default_verify_paths()
    bundle = next((path for path in (compiled.openssl_cafile, *_BUNDLES) if Path(path).is_file()), None)
    folder = compiled.openssl_capath if Path(compiled.openssl_capath).is_dir() else None
    if bundle is None and folder is None:
        bundle = certifi.where()
    context.load_verify_locations(cafile=bundle, capath=folder)


def _trust_file(context: ssl.SSLContext, ca_file: str) -> None:
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError as error:
        reason = "It holds no certificate." if isinstance(error, ssl.SSLError) else f"{error.strerror or error}."
        raise SettingsError(
            "The CA file cannot be used.",
            f"{ca_file}: {reason}",
            meaning="Nothing was sent.",
            next_step="Choose a PEM file with the certificate of your certificate authority.",
        ) from error
