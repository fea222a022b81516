"""Memory before and after a saved run is opened in the window. Arguments: time of the start, number of rows.

The run is made and saved by a process of its own, so that what making it takes is not counted.
"""

import asyncio
import gc
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import memory_mb

_SAVE = """
import sys
from pathlib import Path
from benchmarks.worlds import basis
from reconcile_app.storage.snapshots import Snapshots
Snapshots(Path(sys.argv[1])).save(basis(int(sys.argv[2]), run_id="saved"))
"""


async def opened(folder: Path) -> dict[str, float]:
    import sqlalchemy  # noqa: F401 - the program has its workspace open

    import reconcile_app.composition  # noqa: F401 - the program has it all in memory
    from benchmarks.window import BenchWindow
    from reconcile_app.storage.snapshots import Snapshots

    bench = BenchWindow()
    bench.page()
    await asyncio.sleep(0.2)
    gc.collect()
    told = {"empty": memory_mb()}
    await bench.load(Snapshots(folder).load("saved"))
    await asyncio.sleep(0.5)
    gc.collect()
    told["open"] = memory_mb()
    await bench.close()
    return told


if __name__ == "__main__":
    from benchmarks.window import run_in_window_loop

    with tempfile.TemporaryDirectory() as place:
        subprocess.run([sys.executable, "-c", _SAVE, place, sys.argv[2]], check=True)
        found = run_in_window_loop(lambda: opened(Path(place)))
    sys.stdout.write(json.dumps(found) + "\n")
