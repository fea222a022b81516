"""Python's garbage, collected on the window's thread only.

A cycle of references that holds a widget would otherwise be collected by whichever thread happens to allocate next. Qt objects may
only be destroyed on the thread they live on; anything else ends the process.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

_EVERY_MS = 500


class Collector(QObject):
    """Takes over from the interpreter's own collecting until ``stop``; make it on the window's thread."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)
        self._timer.start(_EVERY_MS)

    def look(self) -> None:
        """Collect what the interpreter would have collected by now."""
        young, middle, old = gc.get_count()
        limits = gc.get_threshold()
        if young > limits[0]:
            gc.collect(2 if old > limits[2] else 1 if middle > limits[1] else 0)

    def stop(self) -> None:
        """Give it back to the interpreter."""
        self._timer.stop()
        gc.enable()
