"""The second half of I5: a change that was told as not applied, and came late."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulation.checker import Case

SETTLE = 180.0
WATCHED = 70_000.0
"""Seconds during which a line is certainly watched, even where the clock was set meanwhile."""


def not_applied(case: "Case", profile: str, op: dict[str, Any]) -> Iterator[str]:
    """What is wrong about a change that was told as not applied and was carried out all the same."""
    for sent in case.sent_for(profile, op["op_id"]):
        for done in sent.carried_out:
            delay = done - (sent.arrived or 0.0)
            if delay <= SETTLE:
                yield f"{op['op_id']} is NOT_APPLIED, and was carried out {delay:.0f} s after it arrived"
            elif _looked_at(case, profile, done) and not _spoken_of(case, profile, op):
                yield f"{op['op_id']} is NOT_APPLIED, was carried out {delay:.0f} s after it arrived, and nothing was said"


def _looked_at(case: "Case", profile: str, done: float) -> bool:
    """Whether anybody looked while the line was still watched."""
    return any(name == profile and done <= moment <= done + WATCHED for name, moment in case.story.looks)


def _spoken_of(case: "Case", profile: str, op: dict[str, Any]) -> bool:
    line = case.line_of(profile, op)
    truth = case.story.final.get(line)
    later = sum(any(entry["line"] == line for entry in entries) for entries in case.commits.values()) > 1
    moved = truth is not None and truth.quantity != op["change"]["quantity_before"] and op["change"]["kind"] != "set_unit_cost"
    created = not op["change"]["line_id"]
    return not moved or later or created or _asked_again(case, line, op) or (profile, op["op_id"]) in case.story.alarms


def _asked_again(case: "Case", line: str, op: dict[str, Any]) -> bool:
    """Whether a later change of ours wanted the same of the line and was told as there: the operator has what was asked for."""
    again = (each for profile, op_id, each in case.ops() if op_id > op["op_id"] and case.line_of(profile, each) == line)
    return any(
        each["state"] == "CONFIRMED_BY_STATE" and each["change"]["quantity_target"] == op["change"]["quantity_target"]
        for each in again
    )
