"""P1 and P2: from the start of a process to the first painted window, and to the last run on the screen."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measure import Result, Scale, fresh, median
from benchmarks.worlds import basis
from reconcile_app.composition import Composition
from reconcile_app.core.history import StoredRun
from reconcile_app.storage.snapshots import Snapshots

_SAVED_ROWS = 2_000


def p1(scale: Scale) -> Iterator[Result]:
    """The program as its users start it, against a bare window with a table."""
    with tempfile.TemporaryDirectory() as folder:
        ours, bare = [], []
        for number in range(scale.times + 1):
            mine, other = fresh("benchmarks.starts.program", folder, "paint"), fresh("benchmarks.starts.bare")
            if number or scale.times == 1:
                ours.append(mine["painted"] * 1000)
                bare.append(other["painted"] * 1000)
        yield Result(
            line="P1",
            what="start to first painted window",
            ours=median(ours),
            reference=median(bare),
            at_most=1.3,
            note="reference: bare QMainWindow + QTableView",
        )


def p2(scale: Scale) -> Iterator[Result]:
    """Until the last run is on the screen, against a bare window that imports the same modules."""
    with tempfile.TemporaryDirectory() as folder:
        save_run(Path(folder))
        imported = Path(folder, "modules.txt")
        ours, bare, stalls = [], [], []
        for number in range(scale.times + 1):
            mine = fresh("benchmarks.starts.program", folder, "ready", imported)
            other = fresh("benchmarks.starts.bare", imported)
            if number or scale.times == 1:
                ours.append(mine["ready"] * 1000)
                bare.append(other["ready"] * 1000)
                stalls.append(mine["stall"])
        yield Result(
            line="P2",
            what=f"start to ready, last run ({_SAVED_ROWS:,} rows) shown",
            ours=median(ours),
            reference=median(bare),
            at_most=1.2,
            note="reference: bare window and the same imports",
        )
        yield Result(line="P2", what="longest stall on the way", ours=median(stalls), at_most=30.0, absolute=True)


def save_run(folder: Path) -> None:
    """An installation with two connections and one saved run."""
    installation = Composition(folder)
    fetched = basis(_SAVED_ROWS)
    Snapshots(installation.paths.runs_dir).save(fetched)
    period = fetched.billing.period
    installation.store.save_run(
        StoredRun(
            run_id=fetched.run_id,
            created=datetime(2026, 11, 27, 8, 15, tzinfo=UTC),
            period_start=period.start,
            period_end=period.end,
            billing="atria",
            psa="autotask",
            rows=_SAVED_ROWS,
            warnings=0,
            money=0,
            complete=True,
            result="compared",
            document="",
        )
    )
    installation.paths.connections_file.write_text(
        '[connections.atria]\nkind = "atria"\nbase_url = "https://atria.example.net"\n\n'
        '[connections.autotask]\nkind = "autotask"\nzone_user = "api@example.net"\n',
        encoding="utf-8",
    )
    installation.close()
