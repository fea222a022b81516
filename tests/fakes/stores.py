"""Everything that is kept on this computer, in memory, with the rules of the real thing."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

import pandas as pd

from reconcile_app.core.basis import Basis, LastPush
from reconcile_app.core.decisions import DecisionSheet
from reconcile_app.core.errors import Busy, NotFound, SettingsError, StorageError
from reconcile_app.core.history import RowNote, StoredPush, StoredRun
from reconcile_app.core.ids import sha256_hex
from reconcile_app.core.mapping_rules import MappingRules
from reconcile_app.core.ports import Clock
from reconcile_app.core.settings import Connection, Secret
from reconcile_app.core.sheet import Sheet
from tests.fakes.journal import MemoryJournal, Stored


@dataclass
class MemoryConnections:
    """Implements ``ConnectionsStore``."""

    held: dict[str, Connection] = field(default_factory=dict)

    def load(self) -> dict[str, Connection]:
        return dict(self.held)

    def save(self, connection: Connection) -> None:
        if connection.secrets:
            raise SettingsError("A secret cannot be written to the connections file.")
        self.held[connection.name] = connection

    def remove(self, name: str) -> None:
        del self.held[name]


@dataclass
class MemorySecrets:
    """Implements ``SecretsStore``. ``asked`` lists the connections whose stored secrets were looked up."""

    held: dict[tuple[str, str], Secret] = field(default_factory=dict)
    note: str = ""
    unreadable: str = ""
    asked: list[str] = field(default_factory=list)

    def get(self, connection: str, field: str) -> Secret | None:
        return self.held.get((connection, field))

    def set(self, connection: str, field: str, secret: Secret) -> None:
        self.held[connection, field] = secret

    def delete(self, connection: str, fields: Collection[str] = ()) -> None:
        self.held = {key: secret for key, secret in self.held.items() if key[0] != connection}

    def stored(self, connection: str, fields: Collection[str]) -> Collection[str]:
        self.asked.append(connection)
        return [name for name in fields if (connection, name) in self.held]


@dataclass
class MemoryWorkspace:
    """Implements ``WorkspaceStore``. ``failing`` names methods that cannot write now."""

    kept_rules: dict[tuple[str, str], MappingRules] = field(default_factory=dict)
    kept_decisions: dict[str, dict[str, bool]] = field(default_factory=dict)
    kept_runs: dict[str, StoredRun] = field(default_factory=dict)
    kept_pushes: list[StoredPush] = field(default_factory=list)
    kept_notes: dict[tuple[str, str], dict[str, RowNote]] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    saves: list[str] = field(default_factory=list)

    def rules(self, billing: str, psa: str) -> MappingRules:
        self._may("rules")
        return self.kept_rules.get((billing, psa), MappingRules())

    def save_rules(self, billing: str, psa: str, rules: MappingRules) -> None:
        self._save("save_rules")
        if rules.version != self.rules(billing, psa).version + 1:
            raise StorageError("The mappings were changed meanwhile.")
        self.kept_rules[billing, psa] = rules

    def decisions(self, run_id: str) -> dict[str, bool]:
        return dict(self.kept_decisions.get(run_id, {}))

    def save_decisions(self, run_id: str, decisions: Mapping[str, bool]) -> None:
        self._save("save_decisions")
        self.kept_decisions[run_id] = dict(decisions)

    def runs(self) -> list[StoredRun]:
        newest = sorted(self.kept_runs.values(), key=lambda run: (run.created, run.run_id), reverse=True)
        return [replace(run, document="") for run in newest]

    def save_run(self, run: StoredRun) -> None:
        self._save("save_run")
        self.kept_runs[run.run_id] = run

    def set_result(self, run_id: str, result: str) -> None:
        self._save("set_result")
        self.kept_runs[run_id] = replace(self.run(run_id), result=result)

    def delete_run(self, run_id: str) -> None:
        self.kept_runs.pop(run_id, None)
        self.kept_decisions.pop(run_id, None)

    def run(self, run_id: str) -> StoredRun:
        if run_id not in self.kept_runs:
            raise NotFound(f"There is no run {run_id}.")
        return self.kept_runs[run_id]

    def forget_connection(self, name: str) -> None:
        self.kept_rules = {pair: rules for pair, rules in self.kept_rules.items() if name not in pair}
        self.kept_notes = {pair: notes for pair, notes in self.kept_notes.items() if name not in pair}

    def pushes(self, tenant: str, line_id: str) -> list[StoredPush]:
        return [push for push in self.kept_pushes if (push.tenant, push.line_id) == (tenant, line_id)]

    def notes(self, billing: str, psa: str) -> dict[str, RowNote]:
        return self.kept_notes.get((billing, psa), {})

    def save_note(self, billing: str, psa: str, note: RowNote) -> None:
        kept = self.kept_notes.setdefault((billing, psa), {})
        kept.pop(note.key, None)
        if note.text:
            kept[note.key] = note

    def last_pushed(self, tenant: str) -> dict[str, LastPush]:
        return {
            push.line_id: LastPush(quantity=push.quantity, pushed_on=push.pushed_on)
            for push in self.kept_pushes if push.tenant == tenant
        }

    def save_pushed(self, tenant: str, line_id: str, quantity: int, pushed_on: date, run_id: str) -> None:
        self._save("save_pushed")
        push = StoredPush(tenant=tenant, line_id=line_id, quantity=quantity, pushed_on=pushed_on, run_id=run_id)
        self.kept_pushes.append(push)

    def _save(self, name: str) -> None:
        self._may(name)
        self.saves.append(name)

    def _may(self, name: str) -> None:
        if name in self.failing:
            raise StorageError("The workspace cannot be used.")


@dataclass
class MemorySnapshots:
    """Implements ``SnapshotStore``. ``saves`` are the ids of the runs that were saved, in order."""

    held: dict[str, Basis] = field(default_factory=dict)
    saves: list[str] = field(default_factory=list)

    def save(self, basis: Basis) -> str:
        self.saves.append(basis.run_id)
        self.held[basis.run_id] = basis
        return self.snapshot_sha256(basis.run_id)

    def snapshot_sha256(self, run_id: str) -> str:
        basis = self.load(run_id)
        fetched = [basis.billing.lines, basis.billing.previous_lines, basis.psa.companies, basis.psa.contracts, basis.psa.lines]
        return sha256_hex("".join(_text(frame) for frame in fetched).encode())

    def delete(self, run_id: str) -> None:
        self.held.pop(run_id, None)

    def load(self, run_id: str) -> Basis:
        if run_id not in self.held:
            raise NotFound(f"The data of run {run_id} is not kept.")
        return self.held[run_id]


def _text(frame: pd.DataFrame) -> str:
    return str(frame.to_csv(index=False))


class Remains(MemoryJournal):
    """What can be read of a journal that cannot be used."""

    def __init__(self, clock: Clock, stored: Stored, why: StorageError) -> None:
        super().__init__(clock, stored)
        self.why = why


@dataclass
class MemoryJournals:
    """Implements ``JournalFactory``. ``opened`` are all journals that were handed out.

    ``broken`` are journals that cannot be used, with the reason; of those in ``lost`` nothing can be read either.
    ``boundary`` is called around every commit and may raise.
    """

    clock: Clock
    stored: dict[str, Stored] = field(default_factory=dict)
    opened: list[MemoryJournal] = field(default_factory=list)
    broken: dict[str, StorageError] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    boundary: Callable[[str], None] | None = None

    async def __call__(self, tenant: str) -> MemoryJournal:
        if tenant in self.broken:
            raise self.broken[tenant]
        journal = MemoryJournal(self.clock, self.stored.setdefault(tenant, Stored()), boundary=self.boundary)
        self.opened.append(journal)
        return journal

    async def look(self, tenant: str) -> MemoryJournal:
        if tenant not in self.broken:
            return await self(tenant)
        if tenant in self.lost:
            raise self.broken[tenant]
        return Remains(self.clock, self.stored[tenant], self.broken[tenant])

    def known(self) -> list[str]:
        return list(self.stored)


@dataclass
class MemoryLocks:
    """Implements ``TenantLockFactory``. ``held`` are the tenants somebody is pushing to."""

    held: set[str] = field(default_factory=set)

    def __call__(self, tenant: str) -> AbstractContextManager[object]:
        return self._lock(tenant)

    @contextmanager
    def _lock(self, tenant: str) -> Iterator[object]:
        if tenant in self.held:
            raise Busy("Kim on desk-7 is pushing since 08:15.", meaning="Nothing was sent.")
        self.held.add(tenant)
        try:
            yield tenant
        finally:
            self.held.discard(tenant)


@dataclass
class Workbooks:
    """Implements ``WorkbookWriter``: keeps what would have been written."""

    written: list[tuple[Path, list[Sheet], datetime]] = field(default_factory=list)

    def __call__(self, target: Path, sheets: Sequence[Sheet], written: datetime) -> Path:
        self.written.append((target, list(sheets), written))
        return target.with_name(f"{target.stem} (2).xlsx")


@dataclass
class DecisionFiles:
    """Implements ``DecisionReader``: what each workbook would say."""

    held: dict[Path, DecisionSheet] = field(default_factory=dict)

    def __call__(self, path: Path) -> DecisionSheet:
        if path not in self.held:
            raise StorageError("The decisions could not be read.")
        return self.held[path]
