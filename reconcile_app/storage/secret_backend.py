"""Which secure storage is used: one of five that belong to an operating system or desktop, made by us.

Nothing else is ever asked: not what the environment or a configuration file names (either could name a file as "keyring"), not what
happens to be installed.
"""

import importlib
import os
from collections.abc import Sequence
from typing import Any, Final, Protocol

ALLOWED: Final = (
    ("keyring.backends.Windows", "WinVaultKeyring"),
    ("keyring.backends.macOS", "Keyring"),
    ("keyring.backends.SecretService", "Keyring"),
    ("keyring.backends.libsecret", "Keyring"),
    ("keyring.backends.kwallet", "DBusKeyring"),
)
"""Module and class of each backend, in no order: the one with the highest priority on this computer is taken."""


class SecretBackend(Protocol):
    """What is used of a keyring backend."""

    def get_password(self, service: str, username: str, /) -> str | None:
        """The value, or None."""

    def set_password(self, service: str, username: str, password: str, /) -> None:
        """Keep a value."""

    def delete_password(self, service: str, username: str, /) -> None:
        """Forget a value."""


class NoSecureStorage(Exception):
    """None of the allowed backends works here; the text says why."""


def find_backend(allowed: Sequence[tuple[str, str]] = ALLOWED) -> SecretBackend:
    """The best allowed backend. May take long: it can ask a service of the desktop.

    Raises:
        NoSecureStorage: none works.
    """
    found = [(priority, position) for position, entry in enumerate(allowed) if (priority := _priority(*entry)) > 0]
    if not found:
        raise NoSecureStorage("this computer offers no keyring that this program trusts")
    module, name = allowed[max(found, key=lambda choice: (choice[0], -choice[1]))[1]]
    backend = getattr(importlib.import_module(module), name)()
    # The library copies these variables into the new object.
    for variable in os.environ:
        before, prefix, attribute = variable.partition("KEYRING_PROPERTY_")
        if prefix and not before:
            vars(backend).pop(attribute.lower(), None)
    if name == "WinVaultKeyring":
        backend.persist = "local machine"  # otherwise a domain profile carries the entry to other computers
    if hasattr(type(backend), "keychain"):
        backend.keychain = None  # the user's own keychain, not the file that KEYCHAIN_PATH names
    trusted: SecretBackend = backend
    return trusted


def _priority(module: str, name: str) -> float:
    """The library's own measure; 0 where the backend does not work on this computer."""
    try:
        backend: Any = getattr(importlib.import_module(module), name)
        return float(backend.priority) if backend.viable else 0.0
    except Exception:  # noqa: BLE001 - whatever a foreign backend raises while it looks around: it does not work here
        return 0.0
