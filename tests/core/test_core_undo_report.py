"""How an undo stands beside its push: in the JSON, on the Summary and on the Changes sheet."""

from dataclasses import replace
from datetime import UTC, datetime

from reconcile_app.connectors.autotask.codes import CODES
from reconcile_app.core.basis import Run
from reconcile_app.core.changes import Change, build_changes
from reconcile_app.core.journal import OpRecord
from reconcile_app.core.judge import OpState
from reconcile_app.core.push_log import push_log
from reconcile_app.core.report import PushReport, push_json
from reconcile_app.core.sheet import Origin, Sheet
from reconcile_app.core.sheets import sheets
from reconcile_app.core.undo import inverse
from tests.fakes.comparing import provider

AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
ORIGIN = Origin(operator="Ada", machine="desk-1", version="1.2", written=AT)


def run() -> Run:
    """ASP and BIR rise."""
    world = provider().both("ASP", "650", 12, 12).both("BIR", "712", 5, 5)
    return world.line("L1", "C174", "650", 10).line("L2", "C175", "712", 3).run()


def report(compared: Run, push_id: str, *ops: tuple[Change, OpState], undoes: str = "") -> PushReport:
    made = tuple(
        OpRecord(
            op_id=f"{push_id}-{seq}", run_id=push_id, seq=seq, change=change, semantics="delta", evidence_sha256="", state=state,
            quantity_after=change.quantity_target, updated=AT,
        )
        for seq, (change, state) in enumerate(ops, start=1)
    )
    return PushReport(
        push_id=push_id, result="finished", ops=made, operator="Ada on desk-1", finished=AT, journal_head="ab12", undoes=undoes,
        log=push_log(compared, made, (), CODES, "Autotask", AT, undo=bool(undoes)),
    )


def both(*states: OpState) -> tuple[Run, PushReport, PushReport]:
    """Two changes were pushed; their undo ended in these states."""
    compared = run()
    changes = build_changes(compared, compared.rows["key"].tolist())
    push = report(compared, "P1", *((change, OpState.VERIFIED) for change in changes))
    undo = report(compared, "U1", *zip(map(inverse, reversed(changes)), states, strict=True), undoes="P1")
    return compared, push, undo


def results(made: list[Sheet]) -> list[str]:
    return list(next(column.values for column in made[2].columns if column.title == "Result"))


def facts(made: list[Sheet]) -> list[tuple[str, str]]:
    return list(zip(made[0].columns[0].values, made[0].columns[1].values, strict=True))


def test_an_undo_has_rows_of_its_own_and_hides_no_push() -> None:
    compared, push, undo = both(OpState.VERIFIED, OpState.STALE)
    made = sheets(compared, [push, undo], ORIGIN)
    assert results(made) == [
        "written and confirmed", "written and confirmed; undone since",
        "undo: written and confirmed", "undo: changed in the PSA, not sent",
    ]  # fmt: skip
    told = facts(made)
    assert ("Push P1", "finished") in told
    assert told[told.index(("Undo U1", "finished")) + 1] == ("Undo of", "push P1")
    assert ("Undone by", "Ada on desk-1") in told


def test_another_push_of_the_same_row_was_not_undone() -> None:
    compared, push, undo = both(OpState.VERIFIED, OpState.VERIFIED)
    again = report(compared, "P2", *((op.change, OpState.VERIFIED) for op in push.ops))
    assert results(sheets(compared, [push, undo, again], ORIGIN))[:2] == ["written and confirmed"] * 2


def test_what_is_open_or_unknown_stands_before_everything_else() -> None:
    compared, push, undo = both(OpState.VERIFIED, OpState.NEEDS_REVIEW)
    made = sheets(compared, [push, undo], ORIGIN, "The journal is damaged.")
    assert [what for what, _ in facts(made)[:3]] == ["NOT COMPLETE", "NOT COMPLETE", "Run"]
    assert made[0].columns[2].values[0] == 1
    two = replace(undo, ops=tuple(replace(op, state=OpState.UNKNOWN) for op in undo.ops))
    assert facts(sheets(compared, [push, two], ORIGIN))[0][1].startswith("2 changes are not settled")


def test_the_json_of_an_undo_names_the_push() -> None:
    _, push, undo = both(OpState.VERIFIED, OpState.VERIFIED)
    assert "undoes" not in push_json("R1", push)
    told = push_json("R1", undo)
    assert (told["undoes"], told["push_id"]) == ("P1", "U1")
    assert (push.kind, undo.kind) == ("Push", "Undo of P1")
