"""What services need kept on this computer, as ports. ``storage`` implements them; tests use fakes with state."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from reconcile_app.core.basis import Basis, LastPush
from reconcile_app.core.decisions import DecisionSheet
from reconcile_app.core.history import RowNote, StoredPush, StoredRun
from reconcile_app.core.journal import JournalPort
from reconcile_app.core.mapping_rules import MappingRules
from reconcile_app.core.settings import Connection, Secret
from reconcile_app.core.sheet import Sheet


class ConnectionsStore(Protocol):
    """The connections file."""

    def load(self) -> dict[str, Connection]:
        """Every connection by name, without secrets."""

    def save(self, connection: Connection) -> None:
        """Add or replace a connection; secrets in it are refused."""

    def remove(self, name: str) -> None:
        """Take a connection out of the file."""


class SecretsStore(Protocol):
    """The secure storage of the operating system."""

    @property
    def note(self) -> str:
        """Why secrets are kept for this session only, or empty."""

    @property
    def unreadable(self) -> str:
        """Why a secret that may be stored could not be read, or empty."""

    def get(self, connection: str, field: str) -> Secret | None:
        """The secret, from the environment or the keyring."""

    def set(self, connection: str, field: str, secret: Secret) -> None:
        """Keep a secret."""

    def delete(self, connection: str, fields: Collection[str] = ()) -> None:
        """Forget the secrets of a connection."""

    def stored(self, connection: str, fields: Collection[str]) -> Collection[str]:
        """Which of these fields have a secret."""


class WorkspaceStore(Protocol):
    """The workspace database."""

    def rules(self, billing: str, psa: str) -> MappingRules:
        """The mapping rules of a pair of connections."""

    def save_rules(self, billing: str, psa: str, rules: MappingRules) -> None:
        """Replace them all at once."""

    def decisions(self, run_id: str) -> dict[str, bool]:
        """Ticks of a run by row key."""

    def save_decisions(self, run_id: str, decisions: Mapping[str, bool]) -> None:
        """Replace the ticks of a run."""

    def runs(self) -> list[StoredRun]:
        """Every run, newest first."""

    def save_run(self, run: StoredRun) -> None:
        """Add or replace a run."""

    def set_result(self, run_id: str, result: str) -> None:
        """Say what became of a run."""

    def delete_run(self, run_id: str) -> None:
        """Forget a run."""

    def run(self, run_id: str) -> StoredRun:
        """One run with its document.

        Raises:
            NotFound: there is none.
        """

    def forget_connection(self, name: str) -> None:
        """Forget the mappings, notes and runs of every pair that this connection belongs to."""

    def pushes(self, tenant: str, line_id: str) -> list[StoredPush]:
        """Every pushed and verified quantity of a line, oldest first."""

    def notes(self, billing: str, psa: str) -> dict[str, RowNote]:
        """What was written beside rows, by row key."""

    def save_note(self, billing: str, psa: str, note: RowNote) -> None:
        """Write beside a row; empty text takes it away."""

    def last_pushed(self, tenant: str) -> dict[str, LastPush]:
        """The last pushed and verified quantity of each line of a tenant."""

    def save_pushed(self, tenant: str, line_id: str, quantity: int, pushed_on: date, run_id: str) -> None:
        """Remember a pushed and verified quantity."""


class SnapshotStore(Protocol):
    """The fetched frames of runs."""

    def save(self, basis: Basis) -> str:
        """Keep everything a run is made of; the digest of what was fetched."""

    def snapshot_sha256(self, run_id: str) -> str:
        """Stands for everything that was fetched."""

    def delete(self, run_id: str) -> None:
        """Forget it."""

    def load(self, run_id: str) -> Basis:
        """The same again, offline."""


class WorkbookWriter(Protocol):
    """The writer of the Excel log."""

    def __call__(self, target: Path, sheets: Sequence[Sheet], written: datetime) -> Path:
        """Write and return the path it really got."""


class DecisionReader(Protocol):
    """The reader of decisions that were written into an Excel log."""

    def __call__(self, path: Path) -> DecisionSheet:
        """What its Changes sheet says.

        Raises:
            WrongUse: no Excel log of this program, or a decision that is none.
            StorageError: the file cannot be read.
        """


class JournalFactory(Protocol):
    """Opens the journal of a tenant."""

    async def __call__(self, tenant: str) -> JournalPort:
        """Open it.

        Raises:
            Busy: another process has it open.
            StorageError: it is damaged, of a newer version, or cannot be written.
        """

    async def look(self, tenant: str) -> JournalPort:
        """Open it for reading: the journal itself, or what can be read of one that cannot be used; that one says in ``why`` what is
        wrong with it, as a ``StorageError``, and refuses to be written.

        Raises:
            Busy: another process has it open.
            StorageError: not even a part of it can be read.
        """

    def known(self) -> list[str]:
        """Tenants that have a journal on this computer."""


class TenantLockFactory(Protocol):
    """Locks a tenant on this computer for the life of the context."""

    def __call__(self, tenant: str) -> AbstractContextManager[object]:
        """Take the lock.

        Raises:
            Busy: somebody else is pushing.
        """
