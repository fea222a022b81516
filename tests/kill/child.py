"""One life of the program: what a forked process does from its start to its end, or to its kill.

Composes the real program as ``reconcile_app.composition`` does, with the same parts; only what has to be seen is wrapped.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import cached_property
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reconcile_app import __version__
from reconcile_app.cli_jobs import select_exactly
from reconcile_app.clock import SystemClock
from reconcile_app.composition import Composition
from reconcile_app.connectors.registry import CONNECTORS
from reconcile_app.core.errors import ReconcileError
from reconcile_app.core.plan import Plan
from reconcile_app.core.ports import BuildContext, ConnectorSpec, PsaPort
from reconcile_app.core.settings import CompareOptions, Connection, Limits, Secret
from reconcile_app.sample import SampleSecrets
from reconcile_app.services.connections import Connections
from reconcile_app.services.pushes import Pushes
from reconcile_app.services.session import Session, Stores
from reconcile_app.storage.connections_file import ConnectionsFile
from reconcile_app.storage.decision_sheet import read_decisions
from reconcile_app.storage.snapshots import Snapshots
from reconcile_app.storage.workbook import write_workbook
from tests.kill.trail import Trail, WatchedJournals, WatchedLocks, WatchedPsa, WatchedStore

OPTIONS = CompareOptions(allow_create=True, overwrite_cost=True)

LONG, HURRY = 1.0, 20.0


class HurriedClock(SystemClock):
    """This computer's clock, on which long waits pass faster: a line that somebody else changed is read back for ten seconds.

    The settle windows of these tests are shorter than that and take their time.
    """

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds if seconds <= LONG else seconds / HURRY)


class Watched(Composition):
    """The installation of one data folder, whose ways to disk and network leave a trail."""

    def __init__(self, data_dir: Path, trail: Trail, secrets: SampleSecrets) -> None:
        super().__init__(data_dir, clock=HurriedClock(), secrets=secrets)
        self._trail, self._sample = trail, secrets

    @cached_property
    def store(self) -> WatchedStore:
        store = WatchedStore(self.paths.workspace_db)
        store.trail = self._trail
        return store

    @cached_property
    def session(self) -> Session:
        specs = [_watched(spec, self._trail) for spec in CONNECTORS]
        connections = Connections(specs, ConnectionsFile(self.paths.connections_file, specs), self._sample, self.clock)
        snapshots = Snapshots(self.paths.runs_dir)
        locks = WatchedLocks(self._trail, self.paths.locks_dir, name=self.operator, machine=self.machine, clock=self.clock)
        pushes = Pushes(
            connections, WatchedJournals(self.paths, self.clock, self._trail), locks, self.store, snapshots, self.clock,
            operator=self.operator, machine=self.machine,
        )
        stores = Stores(workspace=self.store, snapshots=snapshots, write_workbook=write_workbook, read_decisions=read_decisions)
        return Session(connections, pushes, stores, self.clock, operator=self.operator, machine=self.machine, version=__version__)


def _watched(spec: ConnectorSpec, trail: Trail) -> ConnectorSpec:
    build = spec.build_psa
    if build is None:
        return spec

    async def watched(connection: Connection, context: BuildContext) -> PsaPort:
        return WatchedPsa(await build(connection, context), trail)

    return replace(spec, build_psa=watched)


def live(order: Mapping[str, Any]) -> None:
    """Do what is ordered and write what came of it to ``order["out"]``."""
    secrets = SampleSecrets()
    for name, fields in order["settings"].items():
        for field, value in fields["secrets"].items():
            secrets.set(name, field, Secret(value))
    trail = Trail(Path(order["trail"]), order.get("kill") or {}, order.get("at") or {}, lambda: _meddle(order["meddle"]))
    program = Watched(Path(order["data"]), trail, secrets)
    told = asyncio.run(_told(LIVES[order["life"]], program.session, order, trail))
    program.close()
    waiting = Path(order["out"] + ".new")
    waiting.write_text(json.dumps(told), encoding="utf-8")
    waiting.replace(order["out"])


Life = Callable[[Session, Mapping[str, Any], Trail], Awaitable[dict[str, Any]]]


async def _told(life: Life, session: Session, order: Mapping[str, Any], trail: Trail) -> dict[str, Any]:
    started = time.time()
    try:
        told = await life(session, order, trail)
    except ReconcileError as error:
        told = {"error": error.title, "happened": error.happened, "kind": type(error).__name__}
    return told | {"seconds": time.time() - started}


async def _prepare(session: Session, order: Mapping[str, Any], trail: Trail) -> dict[str, Any]:
    """Connect, compare, keep the run."""
    for kind, fields in order["settings"].items():
        plain = {name: str(value) for name, value in fields.items() if name != "secrets"}
        plain |= {"settle_seconds": str(order["settle"])} if "settle_seconds" in plain else {}
        session.save_connection(kind, kind, plain, {})
    return await _compare(session, order)


async def _compare(session: Session, order: Mapping[str, Any]) -> dict[str, Any]:
    run = await session.compare("atria", order["kind"], OPTIONS, lambda progress: None)
    ready = run.rows[run.rows["selected"] & run.rows["change"].notna()]
    rows = [_plain(row) for row in ready.to_dict("records")]
    return {"run": run.run_id, "effective": run.basis.effective_date.isoformat(), "rows": rows}


def _plain(row: Mapping[Any, Any]) -> dict[str, Any]:
    """What the attempts need to know of a row."""
    line = row["line_id"] if isinstance(row["line_id"], str) else ""
    return {
        "key": row["key"], "customer_code": row["customer_code"], "contract_id": row["contract_id"], "line_id": line,
        "billed_quantity": int(row["billed_quantity"]), "quantity_only": not isinstance(row["new_unit_cost"], int),
    }


async def _push(session: Session, order: Mapping[str, Any], trail: Trail) -> dict[str, Any]:
    run = await session.open_run(order["run"])
    trail.visit("opened")
    await select_exactly(session, run, order["keys"])
    trail.visit("selected")
    if "start" in order:
        time.sleep(max(0.0, order["start"] - time.time()))
    return await _carry_out(session, await session.review(Limits()), trail)


async def _carry_out(session: Session, plan: Plan, trail: Trail) -> dict[str, Any]:
    trail.visit("frozen")
    view = await session.push(plan, str(plan.totals.lines), lambda view: None)
    trail.visit("finished")
    return {"result": view.result, "message": view.message, "planned": len(plan.changes)}


async def _undo(session: Session, order: Mapping[str, Any], trail: Trail) -> dict[str, Any]:
    """Take the newest push of the comparison back, as far as that is still to be done."""
    await session.open_run(order["run"])
    trail.visit("opened")
    trail.visit("selected")
    review = await session.review_undo(order["run"])
    return await _carry_out(session, review.plan, trail) if review.plan else {"result": "nothing to do"}


async def _recover(session: Session, order: Mapping[str, Any], trail: Trail) -> dict[str, Any]:
    """What the program does at its start, and what it shows then."""
    summaries = await session.recover_all()
    still = await session.open_ops()
    return {
        "words": [summary.words for summary in summaries], "problems": [s.problem for s in summaries if s.problem],
        "open": sorted(op.op_id for op in still), "results": {run.run_id: run.result for run in session.runs()},
    }


async def _look(session: Session, order: Mapping[str, Any], trail: Trail) -> dict[str, Any]:
    """Open the comparison again and look at the watch list."""
    await session.open_run(order["run"])
    return {"alarms": await session.alarms()}


async def _finish(session: Session, order: Mapping[str, Any], trail: Trail) -> dict[str, Any]:
    """What the operator does after a recovery: compare again, tick the same lines, push what is still to do."""
    told = await _compare(session, order)
    keys = [row["key"] for row in told["rows"] if row["key"] in order["keys"]]
    if not keys:
        return told | {"result": "nothing to do"}
    return told | await _push(session, {**order, "run": told["run"], "keys": keys}, trail)


async def _stand_by(session: Session, order: Mapping[str, Any], trail: Trail) -> dict[str, Any]:
    """Nobody of ours does anything while another user works."""
    _meddle(order["meddle"])
    return {}


LIVES: Mapping[str, Life] = {
    "prepare": _prepare, "push": _push, "undo": _undo, "recover": _recover, "look": _look, "finish": _finish,
    "meddle": _stand_by,
}


def _meddle(order: Mapping[str, Any]) -> None:
    """Another user changes a line, by the sandbox's own control call."""
    connection = HTTPConnection(urlsplit(order["address"]).netloc, timeout=20)
    try:
        connection.request("POST", f"/__sim/{order['call']}", json.dumps(order["content"]).encode())
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"the other user could not work: {answer.read()!r}")
    finally:
        connection.close()


def main() -> None:
    """One life in a process of its own: ``python -m tests.kill.child ORDER.json``."""
    live(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    os._exit(0)


if __name__ == "__main__":
    main()
