"""Files that people edit, that disks damage, and that somebody may have made to do harm."""

import asyncio
import json
import shutil
import zipfile
from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

from reconcile_app.connectors.registry import CONNECTORS
from reconcile_app.core.decisions import change_targets, taken_back
from reconcile_app.core.errors import ReconcileError
from reconcile_app.core.judge import OpState
from reconcile_app.core.settings import Connection
from reconcile_app.core.sheet import Origin
from reconcile_app.core.sheets import sheets
from reconcile_app.storage.connections_file import ConnectionsFile
from reconcile_app.storage.decision_sheet import read_decisions
from reconcile_app.storage.journal import open_journal
from reconcile_app.storage.window_state import WindowState
from reconcile_app.storage.workbook import write_workbook
from tests.fakes.clock import VirtualClock
from tests.fakes.comparing import provider
from tests.fakes.journal_records import op_record, run_record
from tests.fuzz.damage import damaged_content
from tests.fuzz.replay import NOW
from tests.fuzz.target import ACCEPTED, REFUSED, Wrong

_XML = (
    b"<f>1+1</f>",
    b"<v>NaN</v>",
    b"<v>1e400</v>",
    b"<v>-1</v>",
    b'<c r="ZZZ1"/>',
    b"&x;",
    b"<!--",
    b"]]>",
    b't="e"',
    b't="b"',
    b't="n"',
    b"<v/>",
)


class FileTarget:
    """A file with damaged content. ``open_`` returns what was read; ``judge`` is given that and raises ``Wrong``."""

    def __init__(
        self, name: str, path: Path, content: bytes, open_: Callable[[Path], Any], judge: Callable[[Any], None], weight: int
    ) -> None:
        self.name, self.weight = name, weight
        self._path, self._content, self._open, self._judge = path, content, open_, judge
        path.parent.mkdir(parents=True, exist_ok=True)

    def draw(self, dice: Random) -> bytes:
        return damaged_content(self._content, dice)

    def feed(self, sample: bytes) -> str:
        self._path.write_bytes(sample)
        try:
            told = self._open(self._path)
        except ReconcileError as error:
            if not error.title:
                raise Wrong("an error nobody can read") from error
            return REFUSED
        self._judge(told)
        return ACCEPTED

    def saved(self, sample: bytes) -> bytes:
        return sample


class WorkbookTarget(FileTarget):
    """A workbook; half of the damage is within its packed parts."""

    def draw(self, dice: Random) -> bytes:
        return damaged_content(self._content, dice) if dice.random() < 0.4 else repacked(self._content, dice)


def repacked(content: bytes, dice: Random) -> bytes:
    """The workbook with damage in one of its parts, packed as a workbook is."""
    packed = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        names = source.namelist()
        chosen = dice.choice([name for name in names if "sheet" in name or "workbook" in name or dice.random() < 0.2] or names)
        for name in names:
            data = source.read(name)
            target.writestr(zipfile.ZipInfo(name), _damaged_part(data, dice) if name == chosen else data)
    return packed.getvalue()


def _damaged_part(data: bytes, dice: Random) -> bytes:
    if dice.random() < 0.5:
        return damaged_content(data, dice)
    at = dice.randrange(len(data) + 1)
    at = data.find(dice.choice((b"<c", b"<v", b"</", b"<row")), at)
    return data[:at] + dice.choice(_XML) + data[at + dice.choice((0, 2, 8)) :]


def workbook(folder: Path) -> WorkbookTarget:
    """The decisions of an Excel log."""
    run = (
        provider()
        .both("ASP", "650", 12, 12)
        .both("BIR", "712", 3, 3)
        .line("L1", "C174", "650", 10)
        .line("L2", "C175", "712", 5)
        .run()
    )
    path = folder / "log" / "log.xlsx"
    path.parent.mkdir(parents=True)
    changes = tuple(
        sheet
        for sheet in sheets(run, (), Origin(operator="Ada", machine="desk-1", version="1", written=NOW))
        if sheet.name == "Changes"
    )
    content = write_workbook(path, changes, NOW).read_bytes()
    true = change_targets(run)

    def judge(told: Any) -> None:
        for key, target in told.targets.items():
            if type(key) is not str or type(target) is not int or type(told.decisions[key]) is not bool:
                raise Wrong(f"a decision of {told.decisions[key]!r} for {target!r}")
        try:
            taken_back(run, told)
        except ReconcileError:
            return
        if told.targets != true:
            raise Wrong("decisions for other changes than those of the comparison")

    return WorkbookTarget("decision workbook", path, content, read_decisions, judge, 6)


def connections(folder: Path) -> FileTarget:
    """The connections file: read, and written again."""
    content = (
        b'schema = 1 # kept\n\n[connections.atria]\nkind = "atria"\nbase_url = "https://a.example.net"\n\n[connections."my psa"]\n'
        b'kind = "autotask"\nzone_user = "kim@example.net"\nsettle_seconds = 180\ntext = """a\nb"""\n'
    )
    secret = {spec.key: {item.name for item in spec.fields if item.secret} for spec in CONNECTORS}

    def read(path: Path) -> dict[str, Connection]:
        file = ConnectionsFile(path, CONNECTORS)
        found = file.load()
        file.save(Connection(name="added", kind="atria", values={"base_url": "https://other.example.net"}))
        again = file.load()
        if {name: each for name, each in again.items() if name != "added"} != {
            n: each for n, each in found.items() if n != "added"
        }:
            raise Wrong("saving one connection changed another")
        return found

    def judge(found: dict[str, Connection]) -> None:
        for name, each in found.items():
            if not each.kind or each.name != name or secret.get(each.kind, set()) & each.values.keys():
                raise Wrong(f"the connection {name!r}")
            if any(type(value) is not str for value in each.values.values()):
                raise Wrong("a setting that is no text")

    return FileTarget("connections file", folder / "config" / "connections.toml", content, read, judge, 10)


def window(folder: Path) -> FileTarget:
    """How the window was left: whatever is read can be saved again."""
    content = json.dumps(
        {"geometry": "AdnQywAD", "columns": {"compare": [3, 1, 2]}, "width": 1.5, "filters": [{"a": None}, True], "n": 12}
    ).encode()

    def read(path: Path) -> dict[str, Any]:
        state = WindowState(path).load()
        WindowState(path).save(state)
        return state

    def judge(state: Any) -> None:
        if not isinstance(state, dict):
            raise Wrong("a state that is no dictionary")

    return FileTarget("window state", folder / "window" / "window.json", content, read, judge, 8)


class JournalTarget(FileTarget):
    """A journal file; what SQLite keeps beside it is gone. An empty file is a new journal, so it is never drawn."""

    def draw(self, dice: Random) -> bytes:
        return super().draw(dice) or b"\x00"

    def feed(self, sample: bytes) -> str:
        for beside in self._path.parent.glob(f"{self._path.name}-*"):
            beside.unlink()
        return super().feed(sample)


def journal(folder: Path, loop: asyncio.AbstractEventLoop) -> JournalTarget:
    """The journal of a tenant: what opens is what was written, but for words and times that no decision rests on."""
    path = folder / "journal" / "a1b2c3.db"
    true = loop.run_until_complete(_written(path))

    def read(found: Path) -> Any:
        return loop.run_until_complete(_told(found))

    def judge(told: Any) -> None:
        if told != true:
            raise Wrong("a damaged journal opened, and says something else")

    return JournalTarget("journal file", path, path.read_bytes(), read, judge, 6)


async def _written(path: Path) -> Any:
    opened = await open_journal(path, VirtualClock(NOW))
    await opened.begin(
        run_record(), [op_record("op-1"), op_record("op-2", seq=2, line_id="8002"), op_record("op-3", seq=3, line_id="8003")]
    )
    await opened.arm("op-1", {"armed": "2026-11-26T08:15:00+00:00", "before": {"quantity": 1}})
    await opened.record("op-1", OpState.APPLIED, {"receipt": "5"}, message="The PSA took the change.")
    await opened.record("op-1", OpState.VERIFIED, {"reading": {}}, message="Written.", quantity_after=125_000)
    await opened.arm("op-2", {"armed": "2026-11-26T08:15:01+00:00", "before": {"quantity": 2}})
    await opened.record("op-2", OpState.UNKNOWN, {}, message="Lost.")
    await opened.aclose()
    return await _told(path)


async def _told(path: Path) -> Any:
    opened = await open_journal(path, VirtualClock(NOW))
    try:
        runs = await opened.runs()
        ops = [op for run in runs for op in await opened.ops(run.run_id)]
        unfinished = await opened.unfinished()
        events = [await opened.events(op.op_id) for op in ops]
        armed = [await opened.armed_body(op.op_id) for op in ops]
        for op in (*ops, *unfinished):
            if (
                not isinstance(op.updated, datetime | None)
                or not isinstance(op.quantity_after, int | None)
                or type(op.message) is not str
            ):
                raise Wrong(f"an op of {op!r}")
        frozen = [(op.op_id, op.run_id, op.seq, op.change, op.semantics, op.evidence_sha256, op.state) for op in ops]
        return runs, frozen, [op.op_id for op in unfinished], events, armed, await opened.head()
    finally:
        await opened.aclose()


def clean(folder: Path) -> None:
    """Remove what the targets left."""
    shutil.rmtree(folder, ignore_errors=True)
