"""A bare window with a table. With a file of module names it then imports those, and tells when that was done."""

import contextlib
import importlib
import json
import sys
import time
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication, QMainWindow, QTableView

started = float(sys.argv[1])
modules = Path(sys.argv[2]).read_text(encoding="utf-8").split() if len(sys.argv) > 2 else []
told: dict[str, float] = {}


class FirstPaint(QObject):
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            told["painted"] = time.monotonic() - started
        elif "painted" in told:
            application.removeEventFilter(self)
            QTimer.singleShot(0, after_paint)
        return False


def after_paint() -> None:
    for name in modules:
        with contextlib.suppress(ImportError):  # names that a package makes up while it is imported
            importlib.import_module(name)
    told["ready"] = time.monotonic() - started
    application.quit()


application = QApplication(sys.argv[:1])
window = QMainWindow()
window.setCentralWidget(QTableView())
window.resize(1280, 800)
seen = FirstPaint()
application.installEventFilter(seen)
window.show()
application.exec()
sys.stdout.write(json.dumps(told) + "\n")
