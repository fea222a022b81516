"""What a failed request means, in words for the operator: the one place where foreign errors of the network are translated."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import h11

from reconcile_app.connectors.decode import unreadable
from reconcile_app.core.errors import AnswerUnreadable, ConnectionFailed, PermissionDenied, SideUnreadable, SignInFailed
from reconcile_app.core.findings import Kind
from reconcile_app.core.redact import Redactor

UNKNOWN_NOT_ZERO = "Nothing was changed. What could not be read is unknown, not zero."
_QUOTED = 500
_HEADERS_TOO_LARGE = 431


class Phase(Enum):
    """How far a request got when it failed."""

    CONNECTING = "connecting"
    WAITING = "waiting"
    READING = "reading"


class Trouble(Exception):
    """One attempt failed. ``tries``: how many attempts make sense in all; ``wait``: seconds the server asked for.

    ``rate`` marks a request for fewer requests, ``crowded`` one for fewer at the same time.
    """

    def __init__(
        self,
        error: SideUnreadable,
        *,
        tries: int = 1,
        wait: float | None = None,
        rate: bool = False,
        crowded: bool = False,
        phase: Phase = Phase.WAITING,
    ) -> None:
        super().__init__(error.title)
        self.error = error
        self.tries = tries
        self.wait = wait
        self.rate = rate
        self.crowded = crowded
        self.phase = phase


_CERTIFICATE_CHECKS = {
    9: "its certificate is not valid yet",
    10: "its certificate has expired",
    18: "its certificate is self-signed",
    19: "its certificate chain ends in an authority this computer does not know",
    20: "its certificate was issued by an authority this computer does not know",
    21: "its certificate was issued by an authority this computer does not know",
    62: "its certificate is for another host name",
    64: "its certificate is for another address",
}


@dataclass(frozen=True, slots=True)
class Refusals:
    """Errors of one connection: ``title`` is its name for people, ``host`` what is named in messages."""

    title: str
    host: str
    side: str
    redactor: Redactor

    def transport(self, error: BaseException, phase: Phase, *, timed_out: bool, attempts: int) -> Trouble:
        """What the network did."""
        known = self._by_cause(error, phase)
        if known is not None:
            return known
        if phase is Phase.CONNECTING:
            how = "did not answer in time" if timed_out else "refused the connection or is not reachable"
            unreachable = self._failed(f"{self.host} {how}.", "Check the address, the network and the VPN.", error)
            return Trouble(unreachable, tries=2 if timed_out else attempts, phase=phase)
        if timed_out:
            return Trouble(self._failed(f"{self.host} took too long to answer.", "Try again later.", error), tries=2)
        if phase is Phase.READING:
            return Trouble(unreadable(self.title, "It ended early or was damaged on the way."), tries=attempts)
        closed = self._failed(f"{self.host} closed the connection without a usable answer.", "Try again.", error)
        return Trouble(closed, tries=attempts)

    def _by_cause(self, error: BaseException, phase: Phase) -> Trouble | None:
        """What a cause that says it all by itself means."""
        for cause in _chain(error):
            if isinstance(cause, ssl.SSLError) and phase is Phase.CONNECTING:
                return Trouble(self._tls(cause), phase=phase)
            if isinstance(cause, h11.RemoteProtocolError) and cause.error_status_hint == _HEADERS_TOO_LARGE:
                return Trouble(self.headers(), phase=phase)
            if isinstance(cause, socket.gaierror):
                missing = self._failed(f"{self.host} could not be found.", "Check the name and the VPN.", error)
                return Trouble(missing, tries=3, phase=phase)
        return None

    def status(self, status: int, content: bytes, content_type: str, *, path: str) -> SideUnreadable:
        """What a status other than success means."""
        quoted = self.quote(content, content_type)
        if status == 401:
            return SignInFailed(
                f"{self.title} refused the sign-in.",
                quoted,
                meaning=UNKNOWN_NOT_ZERO,
                kind=self._kind,
                next_step="Check the token or keys of the connection; they may have expired or been replaced.",
            )
        if status == 403:
            return PermissionDenied(
                f"{self.title} does not allow this.",
                quoted or f"The account may not use {path}.",
                meaning=UNKNOWN_NOT_ZERO,
                next_step="Run Test and verify permissions; it names what to grant.",
                kind=self._kind,
            )
        if status == 429:
            return self._failed(f"{self.host} still asks for fewer requests. {quoted}", "Wait some minutes, then try again.")
        if status >= 500:
            return self._failed(
                f"{self.host} answered with an error ({status}). {quoted}", "Try again later; if it stays so, ask whoever runs it."
            )
        if status == 404:
            return self._failed(f"{self.host} has nothing at {path}. {quoted}", "Check the address of the connection.")
        return unreadable(self.title, f"Status {status} for {path}. {quoted}".strip())

    def redirect(self, target: str) -> ConnectionFailed:
        """A redirect that is not followed."""
        happened = f"The server redirected to {target or 'nowhere'}; refused."
        return self._failed(happened, "If the system moved, enter its new address in the connection.")

    def content_type(self, content: bytes, content_type: str) -> AnswerUnreadable:
        """A success that is not JSON."""
        if "html" in content_type or content[:200].lstrip()[:1] == b"<":
            error = unreadable(self.title, "Got a sign-in page instead of data.")
            error.next_step = "Check the address of the connection, and whether a proxy or portal asks you to sign in."
            return error
        return unreadable(self.title, f"Its type is {content_type[:80] or 'not given'} instead of JSON.")

    def too_large(self, limit: int) -> AnswerUnreadable:
        """An answer above the limit."""
        return unreadable(self.title, f"Answer too large; refused above {limit // 2**20} MiB.")

    def headers(self) -> AnswerUnreadable:
        """More headers than anybody needs."""
        return unreadable(self.title, "Unusable answer: too many or too long headers.")

    def too_much(self, attempts: int) -> Trouble:
        """More than one answer to one request: none of them can be trusted."""
        happened = "It sent more than one answer to one request; the connection was dropped."
        return Trouble(unreadable(self.title, happened), tries=attempts, phase=Phase.READING)

    def quote(self, content: bytes, content_type: str) -> str:
        """The server's own words, redacted, at most 500 characters; pages are never quoted."""
        if "html" in content_type or not content.strip() or content.lstrip()[:1] == b"<":
            return ""
        text = self.redactor.clean(content[:65_536].decode("utf-8", "replace"))
        printable = "".join(character if character.isprintable() else " " for character in text)
        return " ".join(printable.split())[:_QUOTED]

    @property
    def _kind(self) -> Kind:
        return Kind.BILLING_UNREACHABLE if self.side == "billing" else Kind.PSA_UNREACHABLE

    def _failed(self, happened: str, next_step: str, error: BaseException | None = None) -> ConnectionFailed:
        details = self.redactor.clean(f"{type(error).__name__}: {error}")[:_QUOTED] if error else ""
        return ConnectionFailed(
            f"{self.title} could not be reached." if error else f"{self.title} could not be read.",
            happened.strip(),
            meaning=UNKNOWN_NOT_ZERO,
            next_step=next_step,
            details=details,
            kind=self._kind,
        )

    def _tls(self, error: ssl.SSLError) -> ConnectionFailed:
        if isinstance(error, ssl.SSLCertVerificationError):
            check = _CERTIFICATE_CHECKS.get(error.verify_code, f"its certificate was refused ({error.verify_message})")
            whose = " ".join(getattr(error, "__notes__", []))
            return self._failed(
                f"{self.host} could not prove who it is: {check}. {whose}",
                "If it uses your own certificate authority, enter that authority's PEM file as CA file of the connection. "
                "Otherwise have the certificate renewed.",
                error,
            )
        return self._failed(
            f"{self.host} and this program could not agree on a secure connection ({error.reason or 'TLS'}).",
            "The server must offer TLS 1.2 or newer at this address and port.",
            error,
        )


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
