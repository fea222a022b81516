"""The program as its users start it, ``python -m reconcile_app --data-dir FOLDER``; ends after the first paint or when ready.

Arguments: time of the start, data folder, ``paint`` or ``ready``, and for ``ready`` a file for the names of all imported modules.
"""

import json
import os
import runpy
import sys
import time
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QMainWindow

before = set(sys.modules)
started, folder, until, names_file = float(sys.argv[1]), sys.argv[2], sys.argv[3], Path([*sys.argv, ""][4])
told: dict[str, float] = {}


class Watch(QObject):
    """Sees the first paint of the window, then looks every few milliseconds whether the last run is there."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            told["painted"] = time.monotonic() - started
            if isinstance(watched, QMainWindow):
                self.window = watched
        elif "painted" in told:
            application.removeEventFilter(self)
            QTimer.singleShot(0, self.after_paint)
        return False

    def after_paint(self) -> None:
        if until == "paint":
            finish()
            return
        from benchmarks.measure import Heart

        self.heart = Heart()
        self.heart.start()
        self.timer = QTimer(self)
        self.timer.timeout.connect(self.look)
        self.timer.start(2)

    def look(self) -> None:
        loaded = sys.modules.get("reconcile_app.ui.views.comparison_pane")
        if loaded is None or not hasattr(loaded, "ComparisonPane"):
            return
        panes = self.window.findChildren(loaded.ComparisonPane)
        if panes and panes[0].rows is not None and panes[0].table.isVisible():
            self.timer.stop()
            QTimer.singleShot(0, self.ready)

    def ready(self) -> None:
        told["ready"] = time.monotonic() - started
        told["stall"] = self.heart.stop()
        names = [name for name in sys.modules if name not in before and not name.startswith(("benchmarks", "__main__"))]
        names_file.write_text("\n".join(names), encoding="utf-8")
        finish()


def finish() -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    os._exit(0)  # how the program ends is not measured


application = QApplication(sys.argv[:1])
watch = Watch()
application.installEventFilter(watch)
sys.argv = ["reconcile-app", "--data-dir", folder]
runpy.run_module("reconcile_app", run_name="__main__")
