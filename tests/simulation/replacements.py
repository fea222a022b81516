"""What must hold where a line ends and a new one takes its place, and where the PSA compares first. Nothing of the program is used.

The journal says which changes belong together: the new line names the one that it replaces.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tests.simulation.late_commits import SETTLE

if TYPE_CHECKING:
    from tests.simulation.checker import Case
    from tests.simulation.journal_reading import Event, JournalFile

    Op = dict[str, Any]

SHOWN = frozenset({"VERIFIED", "CONFIRMED_BY_STATE"})
WRITTEN = SHOWN | {"CLOSED_AS_APPLIED"}
LOST = frozenset({"STALE", "BLOCKED", "CANCELLED", "NOT_SENT", "REJECTED", "NOT_APPLIED", "CLOSED_AS_NOT_APPLIED"})
OPEN = frozenset({"ARMED", "UNKNOWN", "APPLIED", "NEEDS_REVIEW"})
KINDS = ("cancel_line", "replace_line")
_SCALE = 10_000
_LAST = 10**9


def pairs(journal: "JournalFile") -> "Iterator[tuple[Op, Op]]":
    """The end of a line and the change that makes the one in its place."""
    for op in journal.ops.values():
        for ending in journal.ops.values():
            same_run = ending["run_id"] == op["run_id"] and ending["change"]["kind"] == "cancel_line"
            if op["change"]["kind"] == "replace_line" and same_run and ending["change"]["line_id"] == op["change"]["replaces"]:
                yield ending, op


def in_order(case: "Case") -> Iterator[str]:
    """I20: a new line is only ever armed when reading has shown that the old one ends."""
    for journal in case.journals.values():
        endings = {op["op_id"]: ending["op_id"] for ending, op in pairs(journal)}
        for op_id, op in journal.ops.items():
            armed = [event for event in journal.of(op_id) if event.kind == "ARMED"]
            if op["change"]["kind"] == "replace_line" and op_id not in endings:
                yield f"{op_id} replaces a line that its run does not end"
            elif op_id in endings:
                states = [journal.state_at(endings[op_id], event.n) for event in armed]
                yield from (f"{op_id} was armed while {endings[op_id]} was {state}" for state in states if state not in SHOWN)


def was_begun(journal: "JournalFile", op_id: str, event: int) -> bool:
    """Whether the line that this one replaces was being ended by then: a stop takes effect after both."""
    states = [journal.state_at(ending["op_id"], event) for ending, op in pairs(journal) if op["op_id"] == op_id]
    return bool(states) and states[0] != "PLANNED"


# one line bills --------------------------------------------------------------------------------------------------------------


def one_line(case: "Case") -> Iterator[str]:
    """I20: where a line was replaced, at most one line of its product bills on the effective date because of us."""
    made = {entry["line"] for entries in case.commits.values() for entry in entries if entry["kind"] == "create_line"}
    at: defaultdict[str, list[str]] = defaultdict(list)
    for line, truth in case.story.final.items():
        if (line in case.story.initial or line in made) and not (truth.ends and truth.ends <= case.story.effective):
            at[truth.place].append(line)
    for profile, journal in case.journals.items():
        for ending, op in pairs(journal):
            place = f"{op['change']['contract_id']}/{op['change']['service_id']}"
            excused = _is_excused(case, [*at[place], ending["change"]["line_id"]], place)
            if len(at[place]) > 1 and not excused:
                yield f"{profile} {op['op_id']}: {' and '.join(sorted(at[place]))} bill on {case.story.effective}"


def _is_excused(case: "Case", lines: Collection[str], place: str) -> bool:
    """Whether somebody else moved the end of one of the lines, or a request was carried out beyond the settle window."""
    others = any(
        entry["actor"] == "other" and entry["line"] in lines and entry["kind"] in ("cancel_line", "create_line")
        for entry in case.story.ledger
    )
    mine = [
        sent for profile, journal in case.journals.items() for op_id, op in journal.ops.items()
        if f"{op['change']['contract_id']}/{op['change']['service_id']}" == place for sent in case.sent_for(profile, op_id)
    ]
    return others or any(done - (sent.arrived or 0.0) > SETTLE for sent in mine for done in sent.carried_out)


def taken_over(case: "Case") -> Iterator[str]:
    """I18: a new line says what the old one said in everything but what was approved."""
    for profile, journal in case.journals.items():
        for _, op in pairs(journal):
            for event in journal.of(op["op_id"]):
                if event.kind == "VERIFIED" and not _is_same(case, profile, op, event):
                    yield f"{op['op_id']} made a line that is not as line {op['change']['replaces']} was"


def _is_same(case: "Case", profile: str, op: "Op", event: "Event") -> bool:
    """Whether the two lines said the same at one of the moments that the program may have seen."""
    change, new = op["change"], case.line_of(profile, op)
    for truth in case.story.witness.get((profile, event.n), []):
        old, made = truth.get(change["replaces"]), truth.get(new)
        cost = change["unit_cost_target"] if change["unit_cost_target"] is not None else old and old.cost
        if old and made and (old.terms, cost) == (made.terms, made.cost):
            return True
    return False


def shown_by(change: Mapping[str, Any], body: bytes) -> dict[str, str] | None:
    """What was frozen at the review beside the reading: of a new line what it takes from the old one, which is everything in its
    body after product, quantity and start. None where the body does not show it, because another unit cost stands in it."""
    if change["kind"] != "replace_line":
        return {}
    if change["unit_cost_target"] is not None:
        return None
    start = f'"effectiveDate":"{change["effective_date"]}T00:00:00Z",'
    return {"takes_over": "{" + body.decode().partition(start)[2]}


# a line that ended without a new one -----------------------------------------------------------------------------------------


def gaps(journal: "JournalFile", ops: Collection[str], at: int = _LAST) -> list[str]:
    """Of these ops those whose old line has ended and whose new line was not made, by what the journal held after an event."""
    return [
        op["op_id"] for ending, op in pairs(journal) if op["op_id"] in ops
        and journal.state_at(op["op_id"], at) in LOST and journal.state_at(ending["op_id"], at) in WRITTEN
    ]


def told(case: "Case") -> Iterator[str]:
    """I21: a line that ended without a new one is told: by the result, by the change itself, and by recovery."""
    yield from _told_by_results(case)
    for profile, journal in case.journals.items():
        yield from (f"{profile} {op_id} does not say what to make: {journal.ops[op_id]['message']!r}"
                    for op_id in gaps(journal, list(journal.ops)) if not _says_what(journal.ops[op_id]))
    for said in case.story.recovered:
        journal = case.journals[said.profile]
        missing = gaps(journal, said.ops, said.event)
        if missing and _words(missing) not in said.words:
            yield f"recovery said {said.words!r} and left {missing} without a new line"
        if not missing and "without a new one" in said.words:
            yield f"recovery said {said.words!r}, and no line is missing"


def _told_by_results(case: "Case") -> Iterator[str]:
    for said in case.story.told:
        journal = case.journals[said.profile]
        ops = [op_id for op_id, op in journal.ops.items() if op["run_id"] == said.run_id]
        missing = gaps(journal, ops, said.event)
        is_open = any(journal.state_at(op_id, said.event) in OPEN for op_id in ops)
        place = said.message if is_open else said.result
        if said.result and missing and _words(missing) not in place:
            yield f"{said.run_id} was reported as {said.result!r}, {said.message!r} with {missing} without a new line"
        if not missing and "without a new one" in said.result + said.message:
            yield f"{said.run_id} was reported as {said.result!r}, and no line is missing"


def _words(missing: Collection[str]) -> str:
    return f"{len(missing)} line{'' if len(missing) == 1 else 's'} ended without a new one"


def _says_what(op: "Op") -> bool:
    change = op["change"]
    quantity = f"{change['quantity_target'] / _SCALE:.4f}".rstrip("0").rstrip(".")
    return all(text in op["message"] for text in (f"ine {change['replaces']} ", change["effective_date"], f"create {quantity} of "))


# the PSA compares first ------------------------------------------------------------------------------------------------------


def unseen(case: "Case") -> Iterator[str]:
    """I22: where the PSA honors the comparison nothing that another user wrote is overwritten unseen."""
    if case.story.modes & {"compare honored", "compare honored_400"}:
        yield from overwritten(case)


def overwritten(case: "Case") -> Iterator[str]:
    """Our changes that met another value than the one they were sent on."""
    held = {line: truth.quantity for line, truth in case.story.initial.items()}
    for entry in case.story.ledger:
        profile, op_id = case.op_of.get(entry["connection"], ("", ""))
        if op_id and entry["kind"] in ("set_quantity", "cancel_line", "set_cost"):
            before = _sent_on(case.journals[profile], op_id, entry["body_sha256"])
            met, read = (entry["before"], before["cost"]) if entry["kind"] == "set_cost" else (
                held.get(entry["line"]), before["quantity"])
            if met != read:
                yield f"{op_id} was sent on {read} and met {met}"
        if entry["kind"] in ("set_quantity", "create_line"):
            held[entry["line"]] = entry["after"]


def _sent_on(journal: "JournalFile", op_id: str, body_sha256: str) -> Mapping[str, Any]:
    armed = [event.body for event in journal.of(op_id) if event.kind == "ARMED" and event.body["body_sha256"] == body_sha256]
    before: Mapping[str, Any] = armed[-1]["before"]
    return before
