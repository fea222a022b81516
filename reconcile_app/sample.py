"""Sample data: a sandbox in a process of its own, and a throw-away installation that is connected to it."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reconcile_app.composition import Composition
from reconcile_app.core.errors import StorageError
from reconcile_app.core.settings import Secret
from reconcile_app.storage.secrets import Names, SecretStore

BILLING = "atria"
"""The sample connections are called after their kinds; this is the billing side."""


class SampleSecrets(SecretStore):
    """Secrets of the sandbox, kept in memory only: they open nothing but the sandbox."""

    def __init__(self) -> None:
        super().__init__(environ={})
        self._kept: dict[tuple[str, str], Secret] = {}

    @property
    def note(self) -> str:
        """Nothing to tell: sample secrets are meant to go with the program."""
        return ""

    def get(self, connection: str, field: str) -> Secret | None:
        """The secret, if there is one."""
        return self._kept.get((connection, field))

    def set(self, connection: str, field: str, secret: Secret) -> None:
        """Keep it until the program ends."""
        self._kept[connection, field] = secret

    def delete(self, connection: str, fields: Any = ()) -> None:
        """Forget the secrets of a connection."""
        for key in [key for key in self._kept if key[0] == connection]:
            del self._kept[key]

    def stored(self, connection: str, fields: Any) -> Names:
        """Which of these fields have a secret."""
        return {field for field in fields if (connection, field) in self._kept}


class SampleData:
    """A running sandbox process and the installation that uses it; ``close`` ends both and leaves nothing behind."""

    def __init__(self, scenario: str = "demo", ledger: Path | None = None) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="reconcile-sample-"))
        command = [*_program(), "sandbox", "serve", "--until-input-ends", "--scenario", scenario]
        if ledger is not None:
            command += ["--ledger", str(ledger)]
        # The pipe ends with this process, however it dies, and the sandbox with the pipe.
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)  # noqa: S603 - our own program
        try:
            self.settings = self._ready()
            self.composition = Composition(self._folder, secrets=SampleSecrets())
            self._connect()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the sandbox and delete its installation."""
        if "composition" in self.__dict__:
            self.composition.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _ready(self) -> dict[str, dict[str, Any]]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise StorageError(
                "The sample data could not be started.", "The sandbox ended at once.", next_step="Start the program again."
            )
        told: dict[str, dict[str, Any]] = json.loads(line)
        return told

    def _connect(self) -> None:
        for kind, settings in self.settings.items():
            values = {name: str(value) for name, value in settings.items() if name != "secrets"}
            self.composition.session.save_connection(kind, kind, values, settings["secrets"])


@contextlib.contextmanager
def sample_data(scenario: str = "demo", ledger: Path | None = None) -> Iterator[SampleData]:
    """Sample data for the life of the context."""
    data = SampleData(scenario, ledger)
    try:
        yield data
    finally:
        data.close()


def _program() -> list[str]:
    """How this program starts itself: frozen it is one file, otherwise a module."""
    return [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-m", "reconcile_app"]


def psa_kinds(settings: Mapping[str, Any]) -> list[str]:
    """The PSAs that a sandbox serves."""
    return [kind for kind in settings if kind != BILLING]
