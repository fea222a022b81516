"""How a process of ours notices that the one that started it is gone, however that one ended."""

from __future__ import annotations

import os
import threading


def input_end() -> threading.Event:
    """Set when standard input ends: the system closes a pipe whose other end has died."""
    ended = threading.Event()
    threading.Thread(target=_wait, args=(ended,), name="input end", daemon=True).start()
    return ended


def _wait(ended: threading.Event) -> None:
    # Read below Python's own buffers: a thread that waits inside sys.stdin would hold its lock while the program ends.
    try:
        while os.read(0, 4_096):
            pass
    except OSError:
        pass  # an input that cannot be read has ended
    finally:
        ended.set()
