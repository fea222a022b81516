"""What happened to a line: its quantities in earlier runs, and what was pushed to it."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from reconcile_app.core.basis import LastPush, Run
from reconcile_app.core.snapshot import PsaSnapshot
from reconcile_app.services.stores import WorkspaceStore

KEPT_RUNS = 12
"""How many earlier runs a history goes back."""

LARGEST_RUN = 20_000
"""Runs with more rows keep no history of single lines: it would cost more than it tells."""


class LineHistory:
    """Quantities of the rows of earlier runs of one pair of connections."""

    def __init__(self, store: WorkspaceStore) -> None:
        self._store = store
        self._runs: list[dict[str, Any]] = []

    def load(self, billing: str, psa: str) -> None:
        """Read the earlier runs of a pair of connections; call it off the window's thread."""
        mine = [run for run in self._store.runs() if (run.billing, run.psa) == (billing, psa)][:KEPT_RUNS]
        loaded = []
        for run in mine:
            document = self._store.run(run.run_id).document
            loaded.append(
                {
                    "run_id": run.run_id,
                    "time": run.created.isoformat(timespec="seconds"),
                    "period_end": run.period_end.isoformat(),
                    "result": run.result,
                    "rows": json.loads(document)["rows"] if document else {},
                }
            )
        self._runs = loaded

    def of(self, run: Run, row_key: str) -> pd.DataFrame:
        """Runs and pushes that touched a row, oldest first.

        Columns: time, run_id, period_end, result (text), billed, contract, pushed (``Int64``, ten-thousandths).
        """
        told = [
            (kept["time"], kept["run_id"], kept["period_end"], kept["result"], *kept["rows"][row_key], None)
            for kept in reversed(self._runs)
            if row_key in kept["rows"]
        ]
        rows = run.rows[run.rows["key"] == row_key]
        for contract_id, service_id, line_id in rows[["contract_id", "service_id", "line_id"]].itertuples(index=False):
            told += [
                (push.pushed_on.isoformat(), push.run_id, "", _push_words(push.run_id), None, None, push.quantity)
                for name in (created_line(contract_id, service_id), line_id)
                if isinstance(name, str)
                for push in self._store.pushes(run.basis.psa.tenant, name)
            ]
        # Run ids sort by time, to the second; of a push only the day is kept besides.
        told.sort(key=lambda entry: str(entry[1]))
        names = ("time", "run_id", "period_end", "result", "billed", "contract", "pushed")
        columns = dict(zip(names, zip(*told, strict=True), strict=True)) if told else dict.fromkeys(names, ())
        amounts = ("billed", "contract", "pushed")
        return pd.DataFrame(
            {
                name: pd.array(list(columns[name]), dtype=pd.Int64Dtype() if name in amounts else pd.StringDtype("python"))
                for name in names
            }
        )


def _push_words(run_id: str) -> str:
    return "undone and confirmed" if run_id.endswith("-undo") else "pushed and confirmed"


def created_line(contract_id: object, service_id: object) -> str:
    """How a line is called in what was pushed while it had no id yet, which is ``Change.line_key``."""
    return f"contract:{contract_id}:service:{service_id}"


def last_pushed(store: WorkspaceStore, psa: PsaSnapshot) -> dict[str, LastPush]:
    """What was last pushed to each line by line id; a line that we created is found by contract and service.

    Where a service stands twice on a contract nobody can say which of them was created.
    """
    stored = store.last_pushed(psa.tenant)
    made = {name for name in stored if name.startswith("contract:")}
    if not made:
        return stored
    lines = psa.lines.drop_duplicates(["contract_id", "service_id"], keep=False)
    names = [created_line(*pair) for pair in zip(lines["contract_id"], lines["service_id"], strict=True)]
    found = {line_id: stored[name] for line_id, name in zip(lines["line_id"], names, strict=True) if name in made}
    return {**found, **stored}


def run_document(run: Run) -> str:
    """The quantities of a run's rows as JSON text for later histories; empty for very large runs."""
    rows = run.rows
    if len(rows) > LARGEST_RUN:
        return ""
    billed, contract = (
        rows[name].astype(object).where(rows[name].notna(), None).tolist() for name in ("billed_quantity", "contract_quantity")
    )
    return json.dumps(
        {"rows": dict(zip(rows["key"].tolist(), zip(billed, contract, strict=True), strict=True))}, separators=(",", ":")
    )
