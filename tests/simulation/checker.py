"""The oracle: judges one simulated seed by the ledger, the journal file and what was said. It imports nothing of the program.

The invariants carry the numbers of ``docs/reliability.md``; P is a fault of the program itself.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tests.simulation import replacements
from tests.simulation.bodies import wrong_body
from tests.simulation.journal_reading import OPEN, Event, JournalFile, canonical, read_journal
from tests.simulation.late_commits import not_applied
from tests.simulation.story import Story, Transmission

WITHOUT_COMMIT = frozenset({"PLANNED", "STALE", "BLOCKED", "SKIPPED_ALREADY", "CANCELLED", "NOT_SENT", "REJECTED"})
SAID_TO_BE_THERE = frozenset({"VERIFIED", "CONFIRMED_BY_STATE"})
OURS = ("us", "late")
COST = "set_unit_cost"


@dataclass(frozen=True)
class Violation:
    """An invariant that does not hold, and why in words."""

    invariant: str
    text: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.text}"


@dataclass
class Case:
    """A story with its journals read and every write traced back to the op it belongs to."""

    story: Story
    journals: dict[str, JournalFile]
    op_of: dict[str, tuple[str, str]] = field(default_factory=dict)
    stray: list[Transmission] = field(default_factory=list)

    def __post_init__(self) -> None:
        used: set[tuple[str, int]] = set()
        for sent in self.story.sent:
            event = self._intent(sent, used)
            if event is None:
                self.stray.append(sent)
            else:
                used.add((sent.profile, event.n))
                self.op_of[sent.connection] = sent.profile, event.op_id

    def _intent(self, sent: Transmission, used: set[tuple[str, int]]) -> Event | None:
        """The ARMED event, safe on the disk before the first byte left, that this write and no other carries out."""
        journal = self.journals.get(sent.profile, JournalFile())
        for event in reversed(journal.events):
            fits = event.kind == "ARMED" and event.body.get("body_sha256") == sent.body_sha256
            if fits and event.n <= sent.synced and (sent.profile, event.n) not in used:
                armed = journal.state_at(event.op_id, sent.synced) == "ARMED"
                return event if armed and sent.path.casefold().endswith(str(event.body["path"]).casefold()) else None
        return None

    @cached_property
    def commits(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """Ledger entries of ours by op; those of no op under an empty one. A document's entries count once."""
        found: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for entry in self.story.ledger:
            if entry["actor"] in OURS:
                found[self.op_of.get(entry["connection"], ("", ""))].append(entry)
        return dict(found)

    def committed(self, profile: str, op_id: str) -> int:
        """How often an op was carried out."""
        return len({(entry["connection"], entry["time"]) for entry in self.commits.get((profile, op_id), [])})

    def ops(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Every op: profile, id, row."""
        for profile, journal in self.journals.items():
            for op_id, op in journal.ops.items():
                yield profile, op_id, op

    def sent_for(self, profile: str, op_id: str) -> list[Transmission]:
        """The writes of an op."""
        return [sent for sent in self.story.sent if self.op_of.get(sent.connection) == (profile, op_id)]

    def line_of(self, profile: str, op: Mapping[str, Any]) -> str:
        """The line an op is about; a created one has its id from the ledger."""
        made = [entry["line"] for entry in self.commits.get((profile, op["op_id"]), [])]
        return str(op["change"]["line_id"] or (made[0] if made else ""))


def check(story: Story) -> list[Violation]:
    """Every violation of a story."""
    case = Case(story, {profile: read_journal(path) for profile, path in story.journals.items()})
    return [Violation(name, text) for name, judge in JUDGES.items() for text in judge(case)]


def _i1(case: Case) -> Iterator[str]:
    for sent in case.stray:
        yield f"{sent.method} {sent.path} left with no intent of its own on the disk (synced up to event {sent.synced})"


def _i2(case: Case) -> Iterator[str]:
    for profile, op_id, _ in case.ops():
        count = case.committed(profile, op_id)
        if count > 1:
            yield f"{op_id} was carried out {count} times"


def _i3(case: Case) -> Iterator[str]:
    for entry in case.commits.get(("", ""), []):
        yield f"the ledger has a write of ours that belongs to no op: {entry['kind']} of line {entry['line']}"
    for sent in case.story.sent:
        profile, op_id = case.op_of.get(sent.connection, ("", ""))
        if op_id:
            journal = case.journals[profile]
            yield from _not_as_planned(journal, journal.ops[op_id], case.story.kind, sent)


def _not_as_planned(journal: JournalFile, op: dict[str, Any], kind: str, sent: Transmission) -> Iterator[str]:
    run, change = journal.run_of(op["op_id"]), op["change"]
    if hashlib.sha256(run["plan_json"]).hexdigest() != run["plan_sha256"]:
        yield f"{op['op_id']}: the plan is not the one with this digest"
    rows = [row for row in run["plan"]["rows"] if row["op"] == op["op_id"]]
    if not rows or rows[0]["change"] != change:
        yield f"{op['op_id']} is not a row of the frozen plan"
        return
    armed = [event.body for event in journal.of(op["op_id"]) if event.kind == "ARMED" and event.n <= sent.synced][-1]
    before = armed["before"]
    own_quantity = [each for each in journal.ops.values() if each["run_id"] == op["run_id"] and each is not op
                    and (each["change"]["line_id"] or each["change"]["key"]) == (change["line_id"] or change["key"])]
    if change["kind"] != COST and before["quantity"] != change["quantity_before"]:
        yield f"{op['op_id']} was sent on {before['quantity']}, approved on {change['quantity_before']}"
    shown = replacements.shown_by(change, sent.body)
    if not own_quantity and shown is not None and _evidence(before, shown) != op["evidence_sha256"]:
        yield f"{op['op_id']} was sent although the line was no longer as it was when approved"
    wrong = wrong_body(kind, sent.body, change, before)
    if wrong:
        yield f"{op['op_id']}: {wrong}"


def _evidence(before: Mapping[str, Any], more: Mapping[str, Any]) -> str:
    frozen = {**{name: before[name] for name in ("line", "present", "quantity", "cost", "evidence")}, **more}
    return hashlib.sha256(canonical(frozen)).hexdigest()


def _i4(case: Case) -> Iterator[str]:
    for profile, op_id, op in case.ops():
        for event in case.journals[profile].of(op_id):
            if event.kind in SAID_TO_BE_THERE:
                yield from _not_there(case, profile, op, event)


def _not_there(case: Case, profile: str, op: dict[str, Any], event: Event) -> Iterator[str]:
    line, change, count = case.line_of(profile, op), op["change"], case.committed(profile, op["op_id"])
    # A line that was to be created and was not by us is any line that was not there before.
    own = case.commits.get((profile, op["op_id"]), [])
    others = any((entry not in own and entry["line"] == line) or (not line and entry["line"] not in case.story.initial)
                 for entry in case.story.ledger)
    if event.kind == "VERIFIED" and count != 1:
        yield f"{op['op_id']} is VERIFIED and was carried out {count} times"
    if count == 0 and not others:
        yield f"{op['op_id']} is {event.kind}, and nobody made the change"
    truths = [truth[line] for truth in case.story.witness.get((profile, event.n), []) if line in truth]
    wanted = change["unit_cost_target"] if change["kind"] == COST else change["quantity_target"]
    # A line that ends counts for nothing, whoever ended it.
    had = [truth.cost if change["kind"] == COST else truth.quantity if wanted else truth.on(change["effective_date"])
           for truth in truths]
    if change["effective_date"] == case.story.effective and line and wanted not in had:
        yield f"{op['op_id']} is {event.kind} with {wanted}, and the line had {had or 'vanished'}"


def _i5(case: Case) -> Iterator[str]:
    for profile, op_id, op in case.ops():
        count = case.committed(profile, op_id)
        if count and op["state"] in WITHOUT_COMMIT:
            yield f"{op_id} is {op['state']}, and was carried out"
        if count and op["state"] == "NOT_APPLIED":
            yield from not_applied(case, profile, op)


def _i6(case: Case) -> Iterator[str]:
    for profile, journal in case.journals.items():
        unfinished = {op_id for op_id, op in journal.ops.items() if op["state"] in OPEN | {"PLANNED"}}
        shown = case.story.shown_open.get(profile, set())
        if profile in case.story.shown_open and unfinished != shown:
            yield f"open are {sorted(unfinished)}, shown are {sorted(shown)}"
        lines = Counter(op["line_key"] for op in journal.ops.values() if op["state"] in OPEN)
        yield from (f"line {line} has {count} open changes" for line, count in lines.items() if count > 1)


def _i7(case: Case) -> Iterator[str]:
    story = case.story
    moved: Counter[str] = Counter()
    for entry in story.ledger:
        # Only where a quantity has a date, a later one leaves the quantity on the effective date as it is.
        on = (entry["effective_date"] if story.kind == "autotask" else None) or story.effective
        if entry["after"] is not None and entry["kind"] != "set_cost" and on <= story.effective:
            moved[entry["line"]] += entry["after"] - (entry["before"] or 0)
    for line, truth in story.final.items():
        was = story.initial[line].quantity if line in story.initial else 0
        if truth.quantity != was + moved[line]:
            yield f"line {line} ends at {truth.quantity}: {was} and {moved[line]} in the ledger"
    for (_, op_id), entries in case.commits.items():
        lines = {entry["line"] for entry in entries}
        op = next((op for _, each, op in case.ops() if each == op_id), None)
        if op and op["change"]["line_id"] and lines != {op["change"]["line_id"]} and op["semantics"] != "document":
            yield f"{op_id} touched {sorted(lines)}"


def _i9(case: Case) -> Iterator[str]:
    for profile, first, second in case.story.recoveries:
        if first != second:
            yield f"{profile}: recovering twice is not recovering once"
    for sent in case.story.sent:
        if sent.phase == "recover":
            yield f"recovery sent {sent.method} {sent.path}"


def _i10(case: Case) -> Iterator[str]:
    busy_until, by = -1.0, ""
    for sent in sorted(case.story.sent, key=lambda sent: sent.start):
        if sent.start < busy_until:
            yield f"{sent.path} of {sent.profile} was sent while {by} was under way"
        if sent.end is None or sent.end > busy_until:
            busy_until, by = sent.end if sent.end is not None else float("inf"), f"{sent.path} of {sent.profile}"
    for profile, journal in case.journals.items():
        epochs = [event.epoch for event in journal.events]
        if epochs != sorted(epochs):
            yield f"{profile}: epochs fall"


def _i11(case: Case) -> Iterator[str]:
    for profile, run_id, acknowledged in case.story.cancels:
        for event in case.journals[profile].events:
            mine = event.kind == "ARMED" and case.journals[profile].ops[event.op_id]["run_id"] == run_id
            if mine and event.n > acknowledged and not replacements.was_begun(case.journals[profile], event.op_id, acknowledged):
                yield f"{event.op_id} was armed after the stop was acknowledged"
    for told in case.story.told:
        journal = case.journals[told.profile]
        left = [op_id for op_id, op in journal.ops.items() if op["run_id"] == told.run_id
                and journal.state_at(op_id, told.event) in ("ARMED", "PLANNED")]
        if left and told.whole:
            yield f"the push ended by itself and left {left[0]} in {journal.state_at(left[0], told.event)}"


def _i12(case: Case) -> Iterator[str]:
    for profile, op_id, op in case.ops():
        journal = case.journals[profile]
        run = journal.run_of(op_id)
        armed = [event for event in journal.of(op_id) if event.kind == "ARMED"]
        if run["kind"] == "undo" and armed:
            yield from _undone_wrongly(journal, run, op, armed[-1].body["before"])


def _undone_wrongly(journal: JournalFile, run: Mapping[str, Any], op: dict[str, Any], before: Mapping[str, Any]) -> Iterator[str]:
    change = op["change"]
    originals = [each for each in journal.ops.values() if each["run_id"] == run["undoes_run"]
                 and each["change"]["key"] == change["key"] and (each["change"]["kind"] == COST) == (change["kind"] == COST)]
    ends = [event.body for each in originals for event in journal.of(each["op_id"]) if event.kind in SAID_TO_BE_THERE]
    taken_back = [each["change"]["kind"] for each in journal.ops.values() if each["run_id"] == run["undoes_run"]
                  and each["change"]["key"] == change["key"] and each["change"]["kind"] in replacements.KINDS]
    if taken_back:
        yield f"{op['op_id']} was sent to take back {taken_back[0]}"
    if not ends or not ends[-1].get("attributed"):
        yield f"{op['op_id']} undoes what nothing shows to be ours"
        return
    after = ends[-1]["reading"]
    if change["kind"] == COST:
        if before["cost"] != after["cost"]:
            yield f"{op['op_id']} was undone on a cost of {before['cost']}, pushed was {after['cost']}"
        return
    same_day = originals[0]["change"]["effective_date"] == change["effective_date"]
    if same_day and (before["quantity"], _rows(before)) != (after["quantity"], _rows(after)):
        yield f"{op['op_id']} was undone although the line was touched since the push"


def _rows(reading: Mapping[str, Any]) -> list[list[Any]]:
    return [item[:4] for item in reading["evidence"]]


def _i14(case: Case) -> Iterator[str]:
    for _, op_id, op in case.ops():
        change = op["change"]
        expected = case.story.expected.get(change["key"])
        if not case.story.expected or change["kind"] == COST or "-undo-" in op_id:
            continue
        if expected is None:
            yield f"{op_id} changes {change['key']}, which neither billing nor contract has"
        elif change["quantity_target"] != expected[1]:
            yield f"{op_id} aims at {change['quantity_target']}; billed are {expected[1]}"


def _i15(case: Case) -> Iterator[str]:
    for book in case.story.books:
        journal = case.journals.get(book.profile, JournalFile())
        states = {op_id: journal.state_at(op_id, book.event) for op_id in journal.ops}
        ops = [op for op_id, op in journal.ops.items() if states[op_id] and journal.run_of(op_id)["source_run"] == book.run_id]
        wanted = Counter((op["change"]["key"], RESULTS[states[op["op_id"]]]) for op in ops)
        shown = Counter((row["key"], _result(row["result"])) for row in book.changes if row["result"] not in NOT_PUSHED)
        if wanted != shown:
            yield f"journal only: {dict(wanted - shown)}, workbook only: {dict(shown - wanted)}"
        count = sum(states[op["op_id"]] in OPEN for op in ops)
        if bool(count) != ("NOT COMPLETE" in book.header):
            yield f"{count} changes are open, and the workbook says {book.header.get('NOT COMPLETE', 'nothing of it')}"


def _result(told: str) -> str:
    return told.removeprefix("undo: ").removesuffix("; undone since")


NOT_PUSHED = frozenset({"", "not selected", "selected, not pushed"})
RESULTS: Mapping[str, str] = {
    "PLANNED": "not sent yet", "STALE": "changed in the PSA, not sent", "BLOCKED": "blocked, not sent",
    "SKIPPED_ALREADY": "already right, not sent", "CANCELLED": "canceled, not sent", "ARMED": "in doubt",
    "NOT_SENT": "could not be sent", "REJECTED": "refused by the PSA", "APPLIED": "written, not confirmed yet",
    "VERIFIED": "written and confirmed", "UNKNOWN": "in doubt", "CONFIRMED_BY_STATE": "written, confirmed by reading",
    "NOT_APPLIED": "not applied", "NEEDS_REVIEW": "in doubt, look in the PSA",
    "CLOSED_AS_APPLIED": "closed by a person as applied", "CLOSED_AS_NOT_APPLIED": "closed by a person as not applied",
}
"""The words of the Excel log, as the operator's guide gives them."""


def _i16(case: Case) -> Iterator[str]:
    planted = [(secret, secret.encode()) for secret in case.story.secrets if len(secret) > 5]
    files = [path for first in case.story.journals.values() for path in (first, first.with_name(f"{first.name}-wal"))]
    artefacts = [(path.name, path.read_bytes()) for path in files if path.exists()] + case.story.artefacts
    for name, data in artefacts + [("workbook", book.data) for book in case.story.books]:
        for secret, raw in planted:
            if raw in data:
                yield f"{name} holds a secret ({secret[:3]}…)"


def _i17(case: Case) -> Iterator[str]:
    for profile, journal in case.journals.items():
        if journal.broken:
            yield f"{profile}: the chain breaks at event {journal.broken}"
        last = journal.events[-1].n if journal.events else 0
        if last < case.story.promised.get(profile, 0):
            yield f"{profile}: {case.story.promised[profile]} events were safe on the disk, {last} are there"
    for told in case.story.told:
        hashes = {event.hash for event in case.journals[told.profile].events}
        if told.head and told.head not in hashes:
            yield f"{told.profile}: the tail that ended with {told.head[:8]} is gone"


def _i18(case: Case) -> Iterator[str]:
    for connection, served, committed, line in case.story.documents:
        profile, op_id = case.op_of.get(connection, ("", ""))
        if op_id and _without(served, line) != _without(committed, line):
            yield f"{op_id} ({profile}) changed more of the document than the quantity of line {line}"
    yield from replacements.taken_over(case)


def _without(document: Mapping[str, Any], line: str) -> Any:
    lines = [{**each, "quantity": None} if str(each["id"]) == line else each for each in document["lines"]]
    return {**{name: value for name, value in document.items() if name != "stamp"}, "lines": lines}


def _i19(case: Case) -> Iterator[str]:
    for told in case.story.told:
        journal = case.journals[told.profile]
        ops = [op_id for op_id, op in journal.ops.items() if op["run_id"] == told.run_id]
        count = sum(journal.state_at(op_id, told.event) in OPEN for op_id in ops)
        if told.result and f"{count} open" not in told.result and count:
            yield f"{told.run_id} was reported as {told.result!r} with {count} open"
        if "open" in told.result and not count:
            yield f"{told.run_id} was reported as {told.result!r} with nothing open"


def _i20(case: Case) -> Iterator[str]:
    yield from replacements.in_order(case)
    yield from replacements.one_line(case)


def _program(case: Case) -> Iterator[str]:
    yield from case.story.failures


JUDGES: Mapping[str, Callable[[Case], Iterator[str]]] = {
    "I1": _i1, "I2": _i2, "I3": _i3, "I4": _i4, "I5": _i5, "I6": _i6, "I7": _i7, "I9": _i9, "I10": _i10, "I11": _i11, "I12": _i12,
    "I14": _i14, "I15": _i15, "I16": _i16, "I17": _i17, "I18": _i18, "I19": _i19, "I20": _i20, "I21": replacements.told,
    "I22": replacements.unseen, "P": _program,
}
"""I8 and I13 compare two runs of a seed; see ``pairs``."""
