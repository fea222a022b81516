"""The composition root: the only module that names concrete stores, connectors and clocks and puts them together."""

from __future__ import annotations

import getpass
import platform
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from reconcile_app import __version__
from reconcile_app.clock import SystemClock
from reconcile_app.connectors.registry import CONNECTORS
from reconcile_app.core.errors import WrongUse
from reconcile_app.core.ports import Clock
from reconcile_app.core.redact import Redactor
from reconcile_app.core.settings import Secret
from reconcile_app.services.connections import Connections
from reconcile_app.services.pushes import Pushes
from reconcile_app.services.session import Session, Stores
from reconcile_app.storage.connections_file import ConnectionsFile
from reconcile_app.storage.database import WorkspaceDamaged, set_aside
from reconcile_app.storage.decision_sheet import read_decisions
from reconcile_app.storage.journal import Journals
from reconcile_app.storage.locks import TenantLocks
from reconcile_app.storage.logs import LogFiles, start_logging
from reconcile_app.storage.paths import DataPaths
from reconcile_app.storage.retention import (
    Keeping,
    LetGo,
    delete_everything,
    let_go_of_pushes,
    let_go_of_runs,
    read_keeping,
    runs_with_open_changes,
    write_keeping,
)
from reconcile_app.storage.secrets import SecretStore
from reconcile_app.storage.snapshots import Snapshots
from reconcile_app.storage.store import WorkspaceStore
from reconcile_app.storage.workbook import write_workbook


class Composition:
    """One installation: its data folder and everything that works on it.

    Args:
        data_dir: the data folder; the user's own when left out.
        clock: the time; this computer's when left out.
        secrets: where secrets are; the operating system's keyring when left out.
    """

    def __init__(self, data_dir: Path | None = None, *, clock: Clock | None = None, secrets: SecretStore | None = None) -> None:
        self.paths = DataPaths.find(data_dir)
        self.paths.prepare()
        self.clock = clock or SystemClock()
        self._secrets = secrets or SecretStore(namespace=self.paths.secrets_namespace)
        self._known: set[str] = set()
        self.log_files: LogFiles = start_logging(self.paths.logs_dir)

    @property
    def operator(self) -> str:
        """Who is working here, as the journal and the Excel log name them."""
        try:
            return getpass.getuser()
        except OSError:  # an account without a name, as some containers have
            return "operator"

    @property
    def machine(self) -> str:
        """This computer's name."""
        return platform.node() or "this computer"

    @cached_property
    def store(self) -> WorkspaceStore:
        """The workspace database, opened when it is first needed."""
        return WorkspaceStore(self.paths.workspace_db)

    @cached_property
    def session(self) -> Session:
        """The operator's session."""
        connections = Connections(
            CONNECTORS,
            ConnectionsFile(self.paths.connections_file, CONNECTORS),
            self._secrets,
            self.clock,
            learned=self._keep_out_of_log,
        )
        snapshots = Snapshots(self.paths.runs_dir)
        pushes = Pushes(
            connections,
            Journals(self.paths, self.clock),
            self._tenant_locks(),
            self.store,
            snapshots,
            self.clock,
            operator=self.operator,
            machine=self.machine,
        )
        stores = Stores(workspace=self.store, snapshots=snapshots, write_workbook=write_workbook, read_decisions=read_decisions)
        return Session(connections, pushes, stores, self.clock, operator=self.operator, machine=self.machine, version=__version__)

    def set_workspace_aside(self) -> Path:
        """Move a damaged workspace out of the way; where it is now. The next start makes an empty one.

        Raises:
            WrongUse: it is not damaged.
            StorageError: it cannot be moved, or cannot be used for another reason.
        """
        try:
            WorkspaceStore(self.paths.workspace_db).close()
        except WorkspaceDamaged:
            return set_aside(self.paths.workspace_db, self.clock.now())
        raise WrongUse("The workspace is not damaged.", "It was left where it is.", next_step="Go on working.")

    def tidy(self, months: int | None = None, days: int | None = None) -> tuple[Keeping, LetGo]:
        """Delete runs, fetched data and pushes that became too old; what is not settled stays.

        Args:
            months: keep runs and pushes for so long from now on; as before when left out.
            days: the same for what runs fetched.

        Raises:
            SettingsError: a number that cannot be used, or a damaged setting; nothing was deleted.
            Busy: somebody is pushing; journals before that one are done.
            StorageError: something could not be deleted.
        """
        kept = read_keeping(self.paths.keeping_file)
        keeping = Keeping(
            journal_months=kept.journal_months if months is None else months,
            snapshot_days=kept.snapshot_days if days is None else days,
        )
        if keeping != kept:
            write_keeping(self.paths.keeping_file, keeping)
        now = self.clock.now()
        open_runs = runs_with_open_changes(self.paths)
        gone = let_go_of_runs(self.store, Snapshots(self.paths.runs_dir), keeping, now, open_runs)
        pushes = let_go_of_pushes(self.paths, self._tenant_locks(), keeping, now).pushes
        return keeping, LetGo(snapshots=gone.snapshots, runs=gone.runs, pushes=pushes)

    def delete_everything(self, *, open_ones_too: bool = False) -> None:
        """Delete every file and every secret of this installation; nothing of it can be brought back.

        Raises:
            WrongUse: a change is not settled; nothing was deleted.
            Busy: somebody is pushing; nothing was deleted.
            SecretsUnavailable, StorageError: see ``retention.delete_everything``.
        """
        views = self.session.connections()
        fields = {view.connection.name: [each.name for each in view.spec.fields if each.secret] for view in views}
        self.close()
        delete_everything(self.paths, self._tenant_locks(), self._secrets, fields, open_ones_too=open_ones_too)

    def _tenant_locks(self) -> TenantLocks:
        return TenantLocks(self.paths.locks_dir, name=self.operator, machine=self.machine, clock=self.clock)

    def _keep_out_of_log(self, secrets: Iterable[Secret]) -> None:
        self._known.update(secret.reveal() for secret in secrets)
        self.log_files.filter.use(Redactor(self._known))

    def close(self) -> None:
        """Let go of database and log."""
        if "store" in self.__dict__:
            self.store.close()
        self.log_files.close()
