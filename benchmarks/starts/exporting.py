"""How much the highest use of memory rises while a run is exported. Arguments: time of the start, number of rows."""

import gc
import json
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import memory_mb
from benchmarks.window import compared
from benchmarks.workbook import export
from benchmarks.worlds import basis

run = compared(basis(int(sys.argv[2])))
small = compared(basis(100))
with tempfile.TemporaryDirectory() as folder:
    export(small, Path(folder, "first.xlsx"))  # imports openpyxl, which is not what is asked here
    gc.collect()
    # The kernel counts the peak anew from here.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = memory_mb()
    export(run, Path(folder, "log.xlsx"))
    told = {"grown": memory_mb("VmHWM") - before}
sys.stdout.write(json.dumps(told) + "\n")
