"""Backend classes as the keyring library has them: each says for itself whether it works here."""

import os


class Weak:
    priority = 1.0
    viable = True

    def __init__(self) -> None:
        self.place = os.environ.get("KEYRING_PROPERTY_PLACE")


class Strong(Weak):
    priority = 5.0


class WinVaultKeyring(Weak):
    persist = "enterprise"


class MacKeyring(Weak):
    keychain = "/tmp/elsewhere"


class NotViable(Weak):
    priority = 9.0
    viable = False


class _Raising:
    def __get__(self, instance: object, owner: type) -> float:
        raise RuntimeError("not on this computer")


class Absent(Weak):
    priority = _Raising()  # type: ignore[assignment]  # as backends do that miss their library
