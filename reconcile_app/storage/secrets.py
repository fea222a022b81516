"""Secrets: in the operating system's keyring or, without a usable one, in memory for this session. Never in a file."""

import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeVar

from reconcile_app.core.errors import SecretsUnavailable
from reconcile_app.core.settings import Secret, environment_name
from reconcile_app.storage.secret_backend import NoSecureStorage, SecretBackend, find_backend

T = TypeVar("T")

PART: Final = 1_200
"""UTF-16 units per entry. Windows holds 1,280 at most."""

DEADLINE: Final = 20.0
"""Seconds a keyring may take; it may be asking the user to unlock it meanwhile."""

_PARTS_MARK = "reconcile-parts:"
_INDEX = "#fields"

Names = set[str]  # inside the class, set is the method


class _Unusable(Exception):
    """The keyring did not do what it was asked; the text says why, in words."""


class _Incomplete(_Unusable):
    """One stored secret cannot be put together again; the keyring itself works."""


class SecretStore:
    """Secrets by connection and field.

    Order of look-up: environment (``environment_name``), this session, keyring. Methods wait for the keyring, at most ``deadline``
    seconds; call them off the main thread. While a call of the keyring hangs, later ones do not wait for it.

    Args:
        namespace: tells the entries of several data folders apart (``DataPaths.secrets_namespace``).
        backend: the keyring; found when it is first needed.
        environ: the environment.
        deadline: seconds.
    """

    def __init__(
        self,
        *,
        namespace: str = "",
        backend: SecretBackend | None = None,
        environ: Mapping[str, str] | None = None,
        deadline: float = DEADLINE,
    ) -> None:
        self._app = f"Reconcile {namespace}".strip()
        self._backend = backend
        self._environ = os.environ if environ is None else environ
        self._deadline = deadline
        self._session: dict[tuple[str, str], Secret] = {}
        self._reason = ""
        self._incomplete: Names = set()
        self._hanging: threading.Thread | None = None
        self._turn = threading.Lock()

    @property
    def note(self) -> str:
        """Why secrets are kept for this session only, or could not be read, in words; empty: the keyring works as far as known."""
        if self._reason:
            return f"Secrets are not stored: {self._reason}. They are kept until the program ends."
        if self._incomplete:
            return f"A stored secret is incomplete and must be entered again: {', '.join(sorted(self._incomplete))}."
        return ""

    @property
    def unreadable(self) -> str:
        """Why a secret that may be stored could not be read, in words; empty where the keyring works, or where there is none."""
        if self._incomplete:
            return f"A stored secret is incomplete: {', '.join(sorted(self._incomplete))}"
        return _sentence(self._reason) if self._backend is not None or self._hanging is not None else ""

    def probe(self) -> str:
        """Try the keyring without storing anything; the ``note`` afterwards. For the start, off the main thread."""
        self._asked(lambda backend: backend.get_password(self._app, _INDEX))
        return self.note

    def get(self, connection: str, field: str) -> Secret | None:
        """The secret, or None where there is none or it cannot be read; then ``note`` says why."""
        given = self._environ.get(environment_name(connection, field))
        if given:
            return Secret(given)
        if (connection, field) in self._session:
            return self._session[connection, field]
        value = self._asked(lambda backend: _read(backend, self._service(connection), field), f"{connection}, {field}")
        return Secret(value) if value else None

    def set(self, connection: str, field: str, secret: Secret) -> None:
        """Keep a secret in the keyring and read it back; where that fails, for this session, and ``note`` says why."""
        service, value = self._service(connection), secret.reveal()

        def work(backend: SecretBackend) -> bool:
            _add_to_index(backend, service, field)
            _write(backend, service, field, value)
            if _read(backend, service, field) != value:
                raise _Unusable("the keyring accepted a secret and did not keep it")
            return True

        self._session[connection, field] = secret
        if self._asked(work):
            del self._session[connection, field]
            self._incomplete.discard(f"{connection}, {field}")
            self._reason = self._reason if self._session else ""

    def delete(self, connection: str, fields: Collection[str] = ()) -> None:
        """Forget every secret of a connection: those ever stored, and ``fields``, in all their parts.

        Raises:
            SecretsUnavailable: the keyring could not be asked, so some may still be in it.
        """
        for key in [key for key in self._session if key[0] == connection]:
            del self._session[key]
        service = self._service(connection)

        def work(backend: SecretBackend) -> bool:
            for field in sorted({*_index(backend, service), *fields}):
                _forget(backend, service, field)
            _forget_entry(backend, service, _INDEX)
            return True

        # Where no keyring could ever be found there is nothing to delete.
        if not self._asked(work) and (self._backend is not None or self._hanging is not None):
            raise SecretsUnavailable(
                "Stored secrets could not be deleted.",
                f"{connection}: {self._reason}.",
                meaning="They may still be in the secure storage of this computer.",
                next_step=f"Unlock the keyring and try again, or delete the entries named {service} there.",
            )

    def stored(self, connection: str, fields: Collection[str]) -> Names:
        """Which of the fields have a secret, wherever it comes from."""
        return {field for field in fields if self.get(connection, field)}

    def _service(self, connection: str) -> str:
        return f"{self._app}: {connection}"

    def _asked(self, work: Callable[[SecretBackend], T], subject: str = "") -> T | None:
        """The result of ``work`` with the keyring; None where it failed, and the reason is kept."""
        with self._turn:
            try:
                result = self._within_deadline(work)
            except _Incomplete:
                self._incomplete.add(subject)
                return None
            except _Unusable as error:
                self._reason = str(error)
                return None
            if not self._session:
                self._reason = ""
            return result

    def _within_deadline(self, work: Callable[[SecretBackend], T]) -> T:
        if self._hanging is not None and self._hanging.is_alive():
            raise _Unusable("the keyring does not answer")
        self._hanging = None
        results: list[T] = []
        errors: list[Exception] = []

        def run() -> None:
            try:
                self._backend = self._backend or find_backend()
                results.append(work(self._backend))
            except Exception as error:  # noqa: BLE001 - backends raise what their services raise; all of it becomes words
                errors.append(error)

        thread = threading.Thread(target=run, name="keyring", daemon=True)
        thread.start()
        thread.join(self._deadline)
        if thread.is_alive():
            self._hanging = thread
            raise _Unusable(f"the keyring did not answer within {self._deadline:g} seconds")
        if errors:
            if isinstance(errors[0], _Unusable):
                raise errors[0]
            raise _Unusable(_words(errors[0])) from errors[0]
        return results[0]


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _words(error: Exception) -> str:
    if isinstance(error, NoSecureStorage):
        return str(error)
    names = {kind.__name__ for kind in type(error).__mro__}
    if "KeyringLocked" in names:
        return "the keyring is locked"
    if "InitError" in names:
        return "the keyring could not be opened"
    if "PasswordSetError" in names:
        return "the keyring refused to store a secret"
    return f"the keyring failed ({type(error).__name__})"


# entries ---------------------------------------------------------------------------------------------------------------------
def _write(backend: SecretBackend, service: str, field: str, value: str) -> None:
    before = _part_count(backend.get_password(service, field))
    parts = _split(value) if len(_utf16(value)) > PART * 2 or value.startswith(_PARTS_MARK) else []
    for number, part in enumerate(parts, 1):
        backend.set_password(service, f"{field}#{number}", part)
    backend.set_password(service, field, f"{_PARTS_MARK}{len(parts)}:{len(value)}:{_checksum(value)}" if parts else value)
    for number in range(len(parts) + 1, before + 1):
        _forget_entry(backend, service, f"{field}#{number}")


def _read(backend: SecretBackend, service: str, field: str) -> str | None:
    head = backend.get_password(service, field)
    count = _part_count(head)
    if head is None or not count:
        return head
    parts = [backend.get_password(service, f"{field}#{number}") for number in range(1, count + 1)]
    value = "".join(part or "" for part in parts)
    if head != f"{_PARTS_MARK}{count}:{len(value)}:{_checksum(value)}":
        raise _Incomplete("a stored secret is incomplete and must be entered again")
    return value


def _forget(backend: SecretBackend, service: str, field: str) -> None:
    for number in range(1, _part_count(backend.get_password(service, field)) + 1):
        _forget_entry(backend, service, f"{field}#{number}")
    _forget_entry(backend, service, field)


def _forget_entry(backend: SecretBackend, service: str, name: str) -> None:
    """Backends disagree on whether deleting nothing is an error, so it is not tried."""
    if backend.get_password(service, name) is None:
        return
    backend.delete_password(service, name)
    if backend.get_password(service, name) is not None:
        raise _Unusable("the keyring did not delete a secret")


def _part_count(head: str | None) -> int:
    found = re.fullmatch(rf"{_PARTS_MARK}([0-9]{{1,3}}):[0-9]+:[0-9a-f]{{64}}", head or "")
    return int(found[1]) if found else 0


def _split(value: str) -> list[str]:
    """Pieces of at most ``PART`` UTF-16 units; a pair of surrogates is never torn apart."""
    parts, current, used = [], "", 0
    for character in value:
        width = len(_utf16(character)) // 2
        if used + width > PART:
            parts.append(current)
            current, used = "", 0
        current += character
        used += width
    return [*parts, current]


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def _checksum(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def _index(backend: SecretBackend, service: str) -> list[str]:
    """Names of the fields ever stored: a keyring cannot be asked what it holds."""
    try:
        names = json.loads(backend.get_password(service, _INDEX) or "[]")
    except ValueError:
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _add_to_index(backend: SecretBackend, service: str, field: str) -> None:
    names = _index(backend, service)
    if field not in names:
        backend.set_password(service, _INDEX, json.dumps(sorted([*names, field])))
