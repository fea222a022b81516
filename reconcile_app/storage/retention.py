"""How long what names customers is kept on this computer, and how all of it is deleted.

Fetched data (snapshots) is kept for days, journals and the list of runs for months. Nothing that is not settled is ever let go.
"""

import json
import shutil
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from reconcile_app.core.errors import SettingsError, WrongUse
from reconcile_app.core.history import StoredRun
from reconcile_app.core.judge import FINAL
from reconcile_app.storage.files import file_errors, read_limited, write_whole
from reconcile_app.storage.journal_pruning import forget_runs_before
from reconcile_app.storage.journal_remains import read_damaged
from reconcile_app.storage.paths import DataPaths

MOST_MONTHS: Final = 240
MOST_DAYS: Final = 3_660

_LARGEST: Final = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """``journal_months``: for how long runs and what they pushed are kept. ``snapshot_days``: for how long what they fetched is."""

    journal_months: int = 24
    snapshot_days: int = 30

    def __post_init__(self) -> None:
        for name, value, most in (("months", self.journal_months, MOST_MONTHS), ("days", self.snapshot_days, MOST_DAYS)):
            if not 1 <= value <= most:
                raise SettingsError(
                    f"The number of {name} cannot be used.", f"It is {value}.", next_step=f"Enter a number from 1 to {most}."
                )

    def journals_since(self, now: datetime) -> datetime:
        """What happened before this moment may go."""
        months = now.year * 12 + now.month - 1 - self.journal_months
        return now.replace(year=months // 12, month=months % 12 + 1, day=min(now.day, 28))

    def snapshots_since(self, now: datetime) -> datetime:
        """What was fetched before this moment may go."""
        return now - timedelta(days=self.snapshot_days)


def read_keeping(path: Path) -> Keeping:
    """The setting; the usual one where there is no file.

    Raises:
        SettingsError: the file is not what it should be; it is left as it is.
        StorageError: it cannot be read.
    """
    content = read_limited(path, _LARGEST)
    if content is None:
        return Keeping()
    try:
        values = json.loads(content)
        numbers = {name: values[name] for name in ("journal_months", "snapshot_days")}
        if any(type(value) is not int for value in numbers.values()):
            raise TypeError("a number is none")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SettingsError(
            "How long data is kept cannot be read.", f"{path} is damaged.", next_step="Delete the file, or enter the setting again."
        ) from error
    return Keeping(**numbers)


def write_keeping(path: Path, keeping: Keeping) -> None:
    """Keep the setting.

    Raises:
        StorageError: the earlier one is still there.
    """
    write_whole(path, json.dumps(asdict(keeping), indent=1).encode("ascii"))


class _Runs(Protocol):
    """The list of runs, as far as it is needed here."""

    def runs(self) -> list[StoredRun]:
        """Every run."""

    def delete_run(self, run_id: str) -> None:
        """Forget a run."""


class _Fetched(Protocol):
    """What was fetched, as far as it is needed here."""

    def kept(self) -> list[str]:
        """Ids of the runs whose data is kept."""

    def delete(self, run_id: str) -> None:
        """Forget the data of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetGo:
    """What became too old: runs whose fetched data left, runs that left the list, and how many pushes left the journals."""

    snapshots: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    pushes: int = 0


def let_go_of_runs(runs: _Runs, fetched: _Fetched, keeping: Keeping, now: datetime, spare: Collection[str] = ()) -> LetGo:
    """Delete fetched data and runs that are too old; those in ``spare`` stay (the run on the desk, runs with open changes).

    Raises:
        StorageError: what could not be deleted is still there.
    """
    listed = {run.run_id: run.created for run in runs.runs()}
    old = [run_id for run_id in fetched.kept() if run_id not in spare and _made(run_id, listed) < keeping.snapshots_since(now)]
    for run_id in old:
        fetched.delete(run_id)
    gone = [run for run, made in listed.items() if run not in spare and made < keeping.journals_since(now)]
    for run_id in gone:
        fetched.delete(run_id)
        runs.delete_run(run_id)
    return LetGo(snapshots=tuple(old), runs=tuple(gone))


def _made(run_id: str, listed: Mapping[str, datetime]) -> datetime:
    """When a run was made; data that belongs to no listed run tells by its name."""
    if run_id in listed:
        return listed[run_id]
    try:
        return datetime.strptime(run_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)


def let_go_of_pushes(
    paths: DataPaths, lock: Callable[[str], AbstractContextManager[object]], keeping: Keeping, now: datetime
) -> LetGo:
    """Take pushes that are too old out of every journal, each under its tenant's lock; a journal that is in use is left for later.

    Raises:
        Busy: a journal is in use; those before it are done.
        JournalDamaged, NewerFormat, StorageError: one cannot be used; it stays as it is.
    """
    left = 0
    for journal in sorted(paths.journal_dir.glob("*.db")):
        with lock(journal.stem):
            left += forget_runs_before(journal, keeping.journals_since(now))
    return LetGo(pushes=left)


class _Secrets(Protocol):
    """Where secrets are, as far as it is needed here."""

    def delete(self, connection: str, fields: Collection[str] = ()) -> None:
        """Forget the secrets of a connection."""


def open_changes(paths: DataPaths) -> int:
    """How many changes in the journals of this computer are not settled, damaged journals included as far as they can be read.

    Raises:
        StorageError: a journal cannot even be copied.
    """
    found = (read_damaged(journal) for journal in paths.journal_dir.glob("*.db"))
    return sum(op.state not in FINAL for remains in found for op in remains.ops)


def runs_with_open_changes(paths: DataPaths) -> set[str]:
    """The comparisons behind changes that are not settled, from every journal of this computer.

    Raises:
        StorageError: a journal cannot even be copied.
    """
    found: set[str] = set()
    for journal in paths.journal_dir.glob("*.db"):
        remains = read_damaged(journal)
        unsettled = {op.run_id for op in remains.ops if op.state not in FINAL}
        found |= {run.source_run for run in remains.runs if run.run_id in unsettled}
    return found


def delete_everything(
    paths: DataPaths,
    lock: Callable[[str], AbstractContextManager[object]],
    secrets: _Secrets,
    connections: Mapping[str, Collection[str]],
    *,
    open_ones_too: bool = False,
) -> None:
    """Delete every file of this installation and every secret of its connections. Nothing of it can be brought back.

    Secrets go first: a file that says which there are is no use without them, but secrets without it would be forgotten. Excel logs
    that were saved elsewhere, and the lock files that other data folders share, stay.

    Args:
        paths: the installation; its database and log are closed.
        lock: takes a tenant's lock.
        secrets: where the secrets are.
        connections: connection → its secret fields.
        open_ones_too: also when a change is not settled.

    Raises:
        WrongUse: a change is not settled; nothing was deleted.
        Busy: somebody is pushing; nothing was deleted.
        SecretsUnavailable: a secret could not be deleted; the files are still there.
        StorageError: a file could not be deleted; calling it again goes on.
    """
    count = 0 if open_ones_too else open_changes(paths)
    if count:
        raise WrongUse(
            "Not everything is settled.",
            f"It is not known what became of {count} changes, and only the journal tells which they are.",
            meaning="Nothing was deleted.",
            next_step="Look at the open changes first.",
        )
    with ExitStack() as held:
        for journal in sorted(paths.journal_dir.glob("*.db")):
            held.enter_context(lock(journal.stem))
        for name, fields in connections.items():
            secrets.delete(name, fields)
        _delete_files(paths)


def _delete_files(paths: DataPaths) -> None:
    for folder in (paths.journal_dir, paths.runs_dir, paths.logs_dir):
        with file_errors("Data could not be deleted.", folder, meaning="What is left can be deleted by trying again."):
            if folder.is_dir():
                shutil.rmtree(folder)
    if not paths.root.is_dir():
        return
    for path in sorted(paths.root.iterdir()):
        if path.is_file() or path.is_symlink():
            with file_errors("Data could not be deleted.", path, meaning="What is left can be deleted by trying again."):
                path.unlink()
