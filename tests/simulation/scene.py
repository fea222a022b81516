"""One seed on stage: the world, the wire, the computers' disks, and everything that happens at a certain request."""

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

from reconcile_app.core.changes import Change, ChangeKind
from tests.fakes.stores import MemorySnapshots, MemoryWorkspace
from tests.simulation.bench import EFFECTIVE, Act, Bench, bench_of
from tests.simulation.disk import Disk
from tests.simulation.loop import VirtualLoop
from tests.simulation.process import Computer, Death, Killed, Process
from tests.simulation.scenario import Dying, Scenario
from tests.simulation.story import Story, Truth
from tests.simulation.wire import Call, Net

_A_MOMENT = 3.0
_ENDED = frozenset({"VERIFIED", "CONFIRMED_BY_STATE"})
_TELLING = frozenset({"VERIFIED", "CONFIRMED_BY_STATE", "NOT_APPLIED", "NEEDS_REVIEW"})


class Snapshots(MemorySnapshots):
    """No comparison was made, so there is nothing to take a digest of."""

    def snapshot_sha256(self, run_id: str) -> str:
        return super().snapshot_sha256(run_id) if run_id in self.held else "0" * 64


@dataclass(kw_only=True)
class Profile:
    """One installation on the workstation: its disk, and what its operator still has to do. ``counts``: what its life has done."""

    name: str
    disk: Disk
    steps: deque[str]
    dyings: deque[Dying]
    workspace: MemoryWorkspace = field(default_factory=MemoryWorkspace)
    snapshots: Snapshots = field(default_factory=Snapshots)
    process: Process | None = None
    counts: Counter[str] = field(default_factory=Counter)
    last_event: int = 0
    pushes: int = 0


class Scene:
    """Everything of one seed. ``say`` hears every step.

    ``stop`` is what a click on Stop does in the life that is pushing, ``stops`` are the last words of pushes, ``changes`` what is
    being pushed, by op.
    """

    def __init__(
        self, scenario: Scenario, folder: Path, bench: Bench | None = None, say: Callable[[str], None] | None = None
    ) -> None:
        self.scenario, self.folder = scenario, folder
        self.bench = bench or bench_of(scenario.kind, Random(f"world {scenario.seed}"))
        self.loop = VirtualLoop()
        self.computer = Computer(self.loop)
        self.computer.error = scenario.clock_error
        self._heard = say
        self.net = Net(
            scenario.seed, self.loop, self.computer, scenario.weather, self.bench.customer_of, self.bench.refusal,
            self.bench.products, before=self._sent, arrived=self._arrived,
            sending=self.bench.sending, served=self._served, say=self.say,
        )
        self.story = Story(seed=scenario.seed, kind=scenario.kind, effective=EFFECTIVE.isoformat())
        self.story.initial = self.bench.truth()
        self.story.secrets = tuple(self.bench.secrets.values())
        self._dice = Random(f"others {scenario.seed}")
        self.dice = Random(f"operator {scenario.seed}")
        self.wanted: list[Change] = []
        self.stops: list[str] = []
        self.changes: dict[str, Change] = {}
        self._armed: Change | None = None
        self._writes = 0
        between = Random(f"between {scenario.seed}")
        self._between = between.choice(("kill", "power", "button", "window")) if between.random() < 0.3 else ""
        self._shown: deque[tuple[float, dict[str, Truth]]] = deque(maxlen=6)
        self.profiles = [self._profile("A", scenario.steps, scenario.dyings)]
        if scenario.second is not None:
            self.profiles.append(self._profile("B", ("push",), ()))
        self.stop: Callable[[str], None] = lambda how: None
        self.loop.on_time = self._time_passes
        self.loop.on_step = self._step

    def _profile(self, name: str, steps: tuple[str, ...], dyings: tuple[Dying, ...]) -> Profile:
        disk = Disk(self.folder / name, name, Random(f"disk {name} {self.scenario.seed}"))
        profile = Profile(name=name, disk=disk, steps=deque(steps), dyings=deque(dyings))
        disk.on_event = lambda _, number, op, kind: self._event(profile, number, op, kind)
        disk.at_commit = lambda when: self._commit(profile, when)
        return profile

    def say(self, text: str) -> None:
        """A line of the trace."""
        if self._heard is not None:
            self._heard(f"{self.loop.time() - 1_000.0:10.2f} {text}")

    # time --------------------------------------------------------------------------------------------------------------------

    def _time_passes(self) -> None:
        world = self.bench.world
        world.clock.advance(max(self.computer.world_time - world.clock.now(), timedelta(0)))
        world.run_due()

    def is_sweeping(self) -> bool:
        """Whether what is running now belongs to no living process."""
        own = self.loop.tasks_of.get()
        return not any(profile.process is not None and profile.process.owns(own) for profile in self.profiles)

    # lives and deaths --------------------------------------------------------------------------------------------------------

    def new_life(self, profile: Profile) -> Process:
        """The program is started."""
        profile.counts.clear()
        process = Process(self.loop, profile.name)
        profile.process = process
        process.at_death.append(lambda death: self._died(profile, death))
        return process

    def _died(self, profile: Profile, death: Death) -> None:
        self.say(f"{profile.name} died: {death}")
        self.story.crashes[death] += 1
        profile.disk.died(death)

    def _count(self, profile: Profile, what: str) -> bool:
        """Whether the life ends here."""
        profile.counts[what] += 1
        dying = profile.dyings[0] if profile.dyings and not self.net.calm else None
        if dying is None or profile.process is None or dying.at != what or profile.counts[what] != dying.nth:
            return False
        profile.process.doom(dying.death)
        return True

    def _commit(self, profile: Profile, when: str) -> None:
        if self._count(profile, f"{when} commit"):
            raise Killed

    def _step(self) -> None:
        for profile in self.profiles:
            if profile.process is not None and not profile.process.dead:
                self._count(profile, "step")

    # what happens at a request -----------------------------------------------------------------------------------------------

    def _sent(self, process: Process, number: int) -> None:
        scenario = self.scenario
        if not self.net.calm:
            for at, seconds, counted in scenario.sleeps:
                if at == number:
                    self.say(f"the computer sleeps {seconds} s")
                    self.computer.suspend(seconds, counted=counted)
            if scenario.clock_set and scenario.clock_set[0] == number:
                self.say(f"the computer's clock is set by {scenario.clock_set[1]} s")
                self.computer.error += scenario.clock_set[1]
            if scenario.cancel and scenario.cancel[0] == number:
                self.stop(scenario.cancel[1])
            self._others_act(number, "sent")
        profile = next(profile for profile in self.profiles if profile.process is process)
        if self._count(profile, "sent"):
            raise Killed

    def _arrived(self, call: Call) -> None:
        if not self.net.calm:
            self._others_act(call.number, "arrived")
        profile = next((profile for profile in self.profiles if profile.process is call.process), None)
        if profile is not None:
            self._count(profile, "arrived")

    def _served(self, call: Call) -> None:
        if not call.writes:
            self._shown.append((self.loop.time(), self.bench.truth()))
            return
        self._writes += 1
        if not self.net.calm and self._armed is not None:
            self._others_act(self._writes, "written", [self._armed])

    def meanwhile(self) -> None:
        """Time passes between a push and the wish to take it back; others do not always leave its lines alone."""
        if not self.scenario.clean and self._dice.random() < 0.5:
            self._act(self.bench.others(self._dice, list(self.changes.values())))

    def _others_act(self, number: int, moment: str, wanted: Sequence[Change] | None = None) -> None:
        for at, when in self.scenario.acts:
            if (at, when) == (number, moment):
                self._act(self.bench.others(self._dice, self.wanted if wanted is None else wanted))

    def _act(self, acts: list[Act]) -> None:
        if not acts:
            return
        words, act = acts[0]
        try:
            act()
            self.say(words)
        except (ValueError, LookupError) as error:
            self.say(f"{words}: {error}")
        if acts[1:]:
            self.loop.call_later(self._dice.choice((0.0, 0.05, 1.0, 20.0, 200.0)), self._act, acts[1:])

    # what is noted -----------------------------------------------------------------------------------------------------------

    def _event(self, profile: Profile, number: int, op: str, kind: str) -> None:
        self.say(f"{profile.name} journal {number}: {op} {kind}")
        profile.last_event = number
        change = self.changes.get(op)
        if kind == "ARMED":
            self._armed = change
        if kind in _ENDED and change is not None and change.kind is ChangeKind.CANCEL_LINE:
            self._between_two(profile)
        if kind in _TELLING:
            # What decided was read a moment ago; somebody may have acted since.
            read = [truth for moment, truth in self._shown if moment >= self.loop.time() - _A_MOMENT]
            self.story.witness[profile.name, number] = [*read, self.bench.truth()]

    def _between_two(self, profile: Profile) -> None:
        """A line has ended, and the one in its place is not there yet: where death and a stop would hurt most."""
        what, self._between = self._between, ""
        if not what or self.scenario.clean or self.net.calm:
            return
        if what in ("button", "window"):
            self.stop(what)
        elif profile.process is not None:
            death: Death = "power" if what == "power" else "kill"
            profile.dyings.appendleft(Dying(at="between", nth=1, death=death, away=60.0))
            profile.process.doom(death)

    def finish(self) -> Story:
        """The story, complete."""
        story = self.story
        story.final, story.ledger = self.bench.truth(), self.bench.ledger.records()
        story.sent, story.hits, story.documents = self.net.sent, self.net.hits, self.bench.documents
        story.modes = self.bench.modes
        for profile in self.profiles:
            story.copies += profile.disk.copies
            for path in profile.disk.journals():
                story.journals[profile.name] = path
            story.commits += profile.disk.commits
            story.promised[profile.name] = profile.disk.synced
        story.virtual = self.loop.time() - 1_000.0 + self.computer.slept
        return story


def digest(*parts: object) -> str:
    """Stands for values in a trace."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
