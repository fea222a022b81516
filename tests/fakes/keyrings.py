"""Keyrings with state: a good one, one with Windows' limit, and the bad ones a computer may have."""

import threading


class MemoryKeyring:
    """Keeps what it is given. ``limit``: UTF-16 units per value, as Windows has."""

    def __init__(self, limit: int | None = None) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.limit = limit
        self.calls = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.calls += 1
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.calls += 1
        if self.limit is not None and len(password.encode("utf-16-le", "surrogatepass")) > self.limit * 2:
            raise OSError("The stub received bad data")
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self.calls += 1
        if (service, username) not in self.entries:
            raise LookupError("not found")
        del self.entries[service, username]


class ForgetfulKeyring(MemoryKeyring):
    """Says yes and keeps nothing, as keyring's null backend does."""

    def set_password(self, service: str, username: str, password: str) -> None:
        self.calls += 1


class RaisingKeyring(MemoryKeyring):
    """Raises on every call until it is mended."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error: Exception | None = error

    def _maybe(self) -> None:
        if self.error is not None:
            raise self.error

    def get_password(self, service: str, username: str) -> str | None:
        self._maybe()
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._maybe()
        super().set_password(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        self._maybe()
        super().delete_password(service, username)


class StubbornKeyring(MemoryKeyring):
    """Never deletes."""

    def delete_password(self, service: str, username: str) -> None:
        self.calls += 1


class HangingKeyring(MemoryKeyring):
    """Does not answer until ``answer`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.answer.wait()
        return super().get_password(service, username)
