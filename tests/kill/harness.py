"""Carries attempts out: one sandbox and one zygote for all of them, a fresh copy of the installation and a fresh world for each."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.kill.aftermath import judge_history, judge_recovery
from tests.kill.attempts import OPS, Attempt
from tests.kill.judge import Fault, Records, World, judge, overdue, read_journal
from tests.kill.pairs import gaps, judge_pairs
from tests.kill.processes import KILLED, SandboxProcess, Zygote
from tests.kill.scenes import SCENES
from tests.kill.trail import STARTED, step_of

SETTLE = 0.4
"""Seconds of the settle window here; everything late comes well before it ends."""

OTHERS = 7
"""Units by which another user changes a line; no change of ours is of that size."""


ONCE_MORE = 4
"""Every so many attempts are recovered twice. No divisor of the five turns of attempts, so that each kind has its share."""

@dataclass(frozen=True, slots=True)
class Kill:
    """One process that was ended: why, where it was, and the step that place belongs to."""

    kind: str
    step: str
    point: str


@dataclass(slots=True)
class Ended:
    """What came of one attempt."""

    attempt: Attempt
    kills: list[Kill] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    recovery_seconds: float = 0.0
    gaps: int = 0
    story: list[str] = field(default_factory=list)
    kept: Path | None = None

    @property
    def at(self) -> str:
        """Where the push or undo ended, exactly: the place and how often it had been passed; empty where it ended by itself."""
        life = self.attempt.life
        passed = [line.split("\t")[2] for line in self.story if line.startswith(f"{life}\t") and line.count("\t") == 3]
        killed = any(line.startswith(f"{life}\tkilled") for line in self.story)
        return f"{passed[-1]}:{passed.count(passed[-1])}" if killed and passed else ""


class Lane:
    """One sandbox, one zygote, one installation that has compared: attempts run in it one after another.

    Args:
        name: the scene.
        folder: takes everything; the caller deletes it.
        zygotes: names of the operators, each with a zygote and a data folder of its own.
    """

    def __init__(self, name: str, folder: Path, zygotes: tuple[str, ...] = ("kim",)) -> None:
        self.scene, self.folder = SCENES[name], folder
        folder.mkdir(parents=True, exist_ok=True)
        self.errors = folder / "errors.txt"
        # The zygotes import the program while the sandbox builds its world.
        self.zygotes = [Zygote(folder / "home", self.errors, operator) for operator in zygotes]
        self.box = SandboxProcess(name, folder / "ledger.jsonl")
        self._count = 0
        told = self.live("prepare", folder / "installation", settle=SETTLE)
        self.run, self.effective = told["run"], told["effective"]
        self.rows = [row | {"replaced": self.scene.is_replaced(row)} for row in told["rows"]]

    @cached_property
    def usual_seconds(self) -> float:
        """How long an undisturbed push takes, from its fork to its end."""
        data = self.fresh("usual")
        told = self.live("push", data, run=self.run, keys=[row["key"] for row in self.rows[:OPS]])
        self.box.ask("reset")
        return float(told["seconds"]) + 0.03

    def close(self) -> None:
        for each in (*self.zygotes, self.box):
            each.leave()
        for each in (*self.zygotes, self.box):
            each.close()

    def __enter__(self) -> Lane:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # one life ----------------------------------------------------------------------------------------------------------------

    def fresh(self, name: str = "data") -> Path:
        """A new world, and an installation that has compared it."""
        self.box.ask("reset")
        return self.copy(name)

    def copy(self, name: str) -> Path:
        """An installation that has compared the world, in a folder of this name."""
        data = self.folder / name
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(self.folder / "installation", data)
        return data

    def order(self, life: str, data: Path, **more: Any) -> dict[str, Any]:
        """The order for a life of the program."""
        self._count += 1
        paths = {"out": str(self.folder / f"out-{self._count}.json"), "trail": str(self.folder / f"trail-{self._count}.txt")}
        return {"life": life, "data": str(data), "settings": self.box.settings, "kind": self.scene.kind, **paths, **more}

    def live(self, life: str, data: Path, **more: Any) -> Any:
        """A life that must come to its own end; what it told."""
        order = self.order(life, data, **more)
        status = self.zygotes[0].run(order)
        if status != 0:
            raise AssertionError(f"{life} ended with {status}: {self.errors.read_text(encoding='utf-8')[-2_000:]}")
        return self.told(order)

    def told(self, order: Mapping[str, Any]) -> Any:
        """What a life told."""
        out, trail = Path(order["out"]), Path(order["trail"])
        answer = json.loads(out.read_text(encoding="utf-8"))
        out.unlink()
        trail.unlink(missing_ok=True)
        return answer

    def journal_file(self, data: Path) -> Path:
        """The only journal of an installation; where there is none yet, a file that does not exist."""
        return next((data / "journal").glob("*.db"), data / "journal" / "none.db")

    def records(self, data: Path) -> Records:
        """The journal, read from a copy: reading must not mend it."""
        aside = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            for file in (data / "journal").glob("*.db*"):
                shutil.copy(file, aside)
            return read_journal(next(aside.glob("*.db"), aside / "none.db"))
        finally:
            shutil.rmtree(aside)

    def world(self, initial: Mapping[str, int]) -> World:
        """What the sandbox knows now."""
        return World(
            product=self.scene.kind, moves=self.scene.moves, initial=initial, final=self.quantities(),
            ledger=self.box.ask("ledger"), arrivals=self.box.ask("arrivals"), reads=self.box.ask("reads"), settle=SETTLE,
            places=self.box.ask("places"), ends=self.box.ask("ends"),
        )

    def quantities(self) -> dict[str, int]:
        """What every line holds on the effective day."""
        found: dict[str, int] = self.box.ask("quantities", day=self.effective)
        return found

    # one attempt -------------------------------------------------------------------------------------------------------------

    def carry_out(self, attempt: Attempt) -> Ended:
        """Push, end, start again, judge."""
        kill_after = None if attempt.share is None else attempt.share * self.usual_seconds
        ended, data = Ended(attempt), self.fresh()
        initial = self.quantities()
        self._end_it(ended, data, kill_after)
        for kill in attempt.recovery_kills:
            self._one_life(ended, "recover", data, {"kill": kill})
        self._recover(ended, data, initial)
        if attempt.finish:
            self._finish(ended, data, initial)
        if ended.faults:
            ended.kept = self.keep(ended, data)
        return ended

    def _end_it(self, ended: Ended, data: Path, kill_after: float | None) -> None:
        attempt = ended.attempt
        push = {"run": self.run, "keys": [row["key"] for row in attempt.rows]}
        if attempt.undo:
            ended.story.append(f"before\ttold {json.dumps(self.live('push', data, **push))}")
        for fault in attempt.faults:
            self.box.ask("fault", fault=fault)
        more: dict[str, Any] = {**push, "kill": attempt.kill}
        if attempt.line:
            more |= {"at": attempt.at, "meddle": self.meddling(attempt.line)}
        self._one_life(ended, attempt.life, data, more, kill_after)
        if attempt.look_kill:
            self._one_life(ended, "look", data, {"run": self.run, "kill": attempt.look_kill})
        if attempt.between:
            # Somebody who works while nobody of ours does: a life of its own that only does this.
            self._one_life(ended, "meddle", data, {"meddle": self.meddling(attempt.line)})

    def meddling(self, line: str) -> dict[str, Any]:
        """The control call by which another user changes a line."""
        address = self.box.settings[self.scene.kind][self.scene.control]
        content = self.scene.order(line, OTHERS, datetime.fromisoformat(self.effective).date())
        return {"address": address, "call": self.scene.meddle, "content": content}

    def _one_life(
        self, ended: Ended, life: str, data: Path, more: Mapping[str, Any], kill_after: float | None = None
    ) -> dict[str, Any]:
        """A life that may be ended; what it told where it was not."""
        order = self.order(life, data, **more)
        status = self.zygotes[0].run(order, kill_after)
        trail = Path(order["trail"])
        lines = trail.read_text(encoding="utf-8").splitlines() if trail.exists() else []
        ended.story += [f"{life}\t{line}" for line in lines]
        if status == KILLED:
            point = lines[-1].split("\t")[1] if lines else STARTED
            ended.kills.append(Kill("recovery" if life == "recover" else ended.attempt.told_kind, step_of(life, point), point))
            ended.story.append(f"{life}\tkilled at {point}")
            trail.unlink(missing_ok=True)
            Path(order["out"]).unlink(missing_ok=True)
            return {}
        if status != 0:
            raise AssertionError(f"{life} ended with {status}: {self.errors.read_text(encoding='utf-8')[-2_000:]}")
        told: dict[str, Any] = self.told(order)
        ended.story.append(f"{life}\ttold {json.dumps(told)[:500]}")
        return told

    def _recover(self, ended: Ended, data: Path, initial: Mapping[str, int]) -> None:
        """Start the program as after every kill, and in one of ``ONCE_MORE`` attempts a second time."""
        before, arrived = self.records(data), self.box.ask("arrivals")
        told = self._one_life(ended, "recover", data, {})
        after = self.records(data)
        again, twice = told, after
        if ended.attempt.number % ONCE_MORE == 0:
            again = self._one_life(ended, "recover", data, {})
            twice = self.records(data)
        world = self.world(initial)
        ended.recovery_seconds, ended.gaps = told["seconds"], gaps(after, set(after.runs))
        excused = ended.attempt.excused | overdue(after, world)
        ended.faults += [*judge(after, world), *judge_pairs(after, world), *judge_recovery(before, after, told, excused)]
        if again is not told:
            ended.faults += judge_recovery(after, twice, again, excused)
        if world.arrivals != arrived:
            ended.faults.append(Fault("recovery", f"recovery sent {len(world.arrivals) - len(arrived)} writes"))
        if (twice.events, twice.ops, twice.runs) != (after.events, after.ops, after.runs):
            ended.faults.append(Fault("recovery", "a second recovery changed the journal"))
        ended.faults += judge_history(after, self.run, told["results"].get(self.run, ""), data / "workspace.db")

    def _finish(self, ended: Ended, data: Path, initial: Mapping[str, int]) -> None:
        """The operator compares and pushes again, or undoes what is still to be undone: then every line is right, unless somebody
        else or a person has to do with it."""
        attempt = ended.attempt
        self.box.ask("calm")
        order = {"keys": [row["key"] for row in attempt.rows], "kind": self.scene.kind, "run": self.run}
        self._one_life(ended, "undo" if attempt.undo else "finish", data, order)
        records, world = self.records(data), self.world(initial)
        ended.faults += [*judge(records, world), *judge_pairs(records, world)]
        for row in attempt.rows:
            line = row["line_id"]
            if not line or row["contract_id"] in attempt.excused:
                continue
            # Replaced lines are taken back in the PSA; an undo leaves them as they are.
            wanted = initial[line] if attempt.undo and not row["replaced"] else row["billed_quantity"]
            if (holds := world.held_at(line)) != wanted:
                ended.faults.append(Fault("lost", f"line {line} holds {holds}, not {wanted}"))

    def keep(self, ended: Ended, data: Path) -> Path:
        """Everything of an attempt that went wrong, in a folder that stays."""
        kept = Path(tempfile.mkdtemp(prefix=f"reconcile-kill-{ended.attempt.number}-"))
        shutil.copytree(data, kept / "data")
        entries = "".join(json.dumps(entry) + "\n" for entry in self.box.ask("ledger"))
        (kept / "ledger.jsonl").write_text(entries, encoding="utf-8")
        (kept / "story.txt").write_text("\n".join([*map(str, ended.faults), *ended.story]) + "\n", encoding="utf-8")
        return kept
