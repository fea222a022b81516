"""The rules and the invariants. Ids as I4 are those of the invariants of the write protocol (docs/reliability.md)."""

from collections import Counter
from itertools import pairwise
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from reconcile_app.core.judge import OPEN, OpState
from reconcile_app.core.ports import WriteSemantics
from tests.fakes.psa import Fault, Late, Wait
from tests.state_machine.office import LINES, Office, Script

FAULTS = st.sampled_from(
    [
        *[Fault.NONE] * 6,
        Fault.REFUSED,
        Fault.LOST_BEFORE,
        Fault.LOST_AFTER,
        Fault.NOT_SENT,
        Fault.WAIT,
        Fault.REFRESH,
        Fault.FORBIDDEN,
        Fault.RAISES,
        Fault.CUT_OFF,
        Fault.ACKNOWLEDGED_NOT_DONE,
        Fault.REFUSED_YET_DONE,
        Fault.DONE_TWICE,
        Late(seconds=3),
        Late(seconds=100),
        Late(seconds=179),
        Late(seconds=400),
        Wait(seconds=7),
        Wait(seconds=None),
    ]
)
DEEDS = ("one more", "three more", "three fewer", "touch", "delete", "sleep", "clock back", "stop", "takeover")
LYING = (Fault.REFUSED_YET_DONE, Fault.ACKNOWLEDGED_NOT_DONE, Fault.DONE_TWICE)
WITHOUT_EFFECT = {
    OpState.STALE,
    OpState.BLOCKED,
    OpState.SKIPPED_ALREADY,
    OpState.CANCELLED,
    OpState.NOT_SENT,
    OpState.REJECTED,
    OpState.NOT_APPLIED,
}
SETTLE = 180

UNITS = st.fixed_dictionaries({}, optional=dict.fromkeys(LINES, st.integers(0, 16))).filter(bool)

scripts = st.builds(
    Script,
    faults=st.lists(FAULTS, min_size=1, max_size=8).map(tuple),
    crash=st.one_of([st.none()] * 4 + [st.integers(0, 25)]),
    meanwhile=st.lists(st.tuples(st.integers(1, 25), st.sampled_from(DEEDS), st.sampled_from(LINES)), max_size=3).map(tuple),
    unread=st.one_of([st.just(())] * 3 + [st.lists(st.integers(1, 20), max_size=3).map(tuple)]),
)
quiet = st.builds(
    Script,
    crash=st.one_of([st.none()] * 3 + [st.integers(0, 12)]),
    unread=st.one_of([st.just(())] * 3 + [st.lists(st.integers(0, 8), max_size=2).map(tuple)]),
)


class Machine(RuleBasedStateMachine):
    """One office."""

    on_disk = False
    settle_seconds: ClassVar[float] = SETTLE
    ends: ClassVar[Counter[str]] = Counter()
    """How often an op ended in each state, and how many runs were undone, over all examples."""

    def __init__(self) -> None:
        super().__init__()
        self.office: Office | None = None
        self.plan: Any = None

    @initialize(semantics=st.sampled_from([WriteSemantics.DELTA, WriteSemantics.SET]))
    def open(self, semantics: WriteSemantics) -> None:
        self.office = Office(semantics, on_disk=self.on_disk, settle_seconds=self.settle_seconds)
        self.office.fetch()

    @property
    def at(self) -> Office:
        assert self.office is not None
        return self.office

    def teardown(self) -> None:
        if self.office is not None:
            for op in self.at.ops():
                self.ends[op.state.value] += 1
                self.ends["undo"] += op.run_id.endswith("-undo") and op.state is OpState.VERIFIED
            self.office.close()

    # rules -------------------------------------------------------------------------------------------------------------------

    @rule()
    def fetch(self) -> None:
        alarms = self.at.fetch()
        for op in self.at.ops():
            if op.op_id in self._came_late() and op.op_id in self._newest():
                assert op.op_id in alarms, "a change that came late, and no alarm (I5)"

    @precondition(lambda self: not self.at.crashed)
    @rule(units=UNITS)
    def approve(self, units: dict[str, int]) -> None:
        self.plan = self.at.plan(units)

    @precondition(lambda self: self.plan is not None and not self.at.crashed)
    @rule(script=scripts)
    def push(self, script: Script) -> None:
        plan, self.plan = self.plan, None
        self._judge_view(plan.run_id, self.at.push(plan, script))

    @precondition(lambda self: not self.at.crashed)
    @rule(units=UNITS, script=scripts, between=st.lists(st.tuples(st.sampled_from(DEEDS[:7]), st.sampled_from(LINES)), max_size=1))
    def compare_and_push(self, units: dict[str, int], script: Script, between: list[tuple[str, str]]) -> None:
        self.fetch()
        self.approve(units)
        for what, line in between:
            self.at.act(what, line)
        if self.plan is not None:
            self.push(script)

    @precondition(lambda self: self.office is not None and not self.at.crashed and self.at.runs)
    @rule(script=scripts, number=st.integers(1, 8))
    def undo(self, script: Script, number: int) -> None:
        view = self.at.undo(f"P{number}", script)
        if view is not None:
            self._judge_view(view.plan.run_id, view)
            for op in view.ops:
                if op.state is OpState.VERIFIED:
                    assert self.at.verified[op.op_id][0] == op.change.quantity_target, "undone, and not as it was (I12)"

    @rule(script=quiet)
    def restart(self, script: Script) -> None:
        self.plan = None
        if not self.at.recover(script):
            return
        once = [(op.op_id, op.state) for op in self.at.ops()]
        if not script.unread:
            assert self.at.recover(Script()), "recovering again ended the process"
            again = [(op.op_id, op.state) for op in self.at.ops()]
            assert again == once, "recovering twice is not recovering once (I9)"
            assert not [op for op in self.at.ops() if op.state in OPEN - {OpState.NEEDS_REVIEW}], "everything could be read"

    @rule(what=st.sampled_from(DEEDS[:7]), line=st.sampled_from(LINES))
    def somebody(self, what: str, line: str) -> None:
        self.at.act(what, line)

    @rule(seconds=st.sampled_from([1, 60, 200, 1_900, 90_000]))
    def time_passes(self, seconds: int) -> None:
        self.at.clock.advance(seconds)
        self.at.psa.pass_time()

    @rule()
    def second_process(self) -> None:
        self.at.second_process()

    # invariants --------------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.office is not None)
    @invariant()
    def every_op_is_what_it_says(self) -> None:
        ops = self.at.ops()
        open_lines = self.at.open_lines(ops)
        assert len(set(open_lines)) == len(open_lines), "two open changes of one line (I6)"
        for op in ops:
            commits, faults = self.at.psa.commits_of(op.op_id), self.at.psa.faults_of(op.op_id)
            lied = any(fault in LYING for fault in faults)
            assert lied or len(commits) <= 1, "written twice (I2)"
            assert all(
                entry.line_id == op.change.line_id or op.change.line_id not in LINES or not entry.before for entry in commits
            )
            if op.state in WITHOUT_EFFECT and not lied:
                assert not commits or self._late(faults), f"said {op.state}, and was applied (I5)"
            if op.state is OpState.VERIFIED:
                # Setting one value twice is one change; adding twice is two.
                twice = self.at.semantics is WriteSemantics.SET and Fault.DONE_TWICE in faults
                assert len(commits) == 1 or twice, f"verified, and {len(commits)} commits (I4)"
                assert self.at.verified[op.op_id][0] == op.change.quantity_target, "verified, and not there (I4)"

    @precondition(lambda self: self.office is not None)
    @invariant()
    def everything_committed_was_approved(self) -> None:
        ours = [entry for entry in self.at.psa.ledger if entry.actor == "us"]
        known = {place for sent in self.at.psa.sent for place in sent.commits}
        assert len(ours) == len(known), "a commit of ours that no op knows (I3)"
        for line in LINES:
            chain = [entry for entry in self.at.psa.ledger if entry.line_id == line]
            assert all(one.after == other.before for one, other in pairwise(chain)), "a change nobody made (I7)"

    @precondition(lambda self: self.office is not None)
    @invariant()
    def epochs_never_fall(self) -> None:
        epochs = self.at.epochs()
        assert epochs == sorted(epochs), "an epoch fell (I10)"

    # judging -----------------------------------------------------------------------------------------------------------------

    def _judge_view(self, run_id: str, view: Any) -> None:
        if view is None:
            return
        still_open = [op for op in self.at.ops() if op.run_id == run_id and op.state in OPEN]
        assert (view.result in ("finished", "refused")) is (not still_open), "said to be complete (I19)"
        assert not [op for op in self.at.ops() if op.run_id == run_id and op.state in (OpState.PLANNED, OpState.ARMED)]

    @staticmethod
    def _late(faults: list[Any]) -> bool:
        return any(isinstance(fault, Late) and fault.seconds > SETTLE for fault in faults)

    def _came_late(self) -> set[str]:
        """Ops that were said to be not applied within the last day, and whose line has another quantity now."""
        found = set()
        for op in self.at.ops():
            moved = self.at.fetched.get(op.change.line_id, op.change.quantity_before) != op.change.quantity_before
            recent = op.updated is not None and 0 <= (self.at.clock.now() - op.updated).total_seconds() < 80_000
            if op.state is OpState.NOT_APPLIED and self.at.psa.commits_of(op.op_id) and moved and recent:
                found.add(op.op_id)
        return found

    def _newest(self) -> set[str]:
        """For each line the op that was last sent."""
        return set({op.change.line_id: op.op_id for op in self.at.ops() if self.at.psa.faults_of(op.op_id)}.values())


class DiskMachine(Machine):
    """With the real journal file."""

    on_disk = True
