"""Garbage that holds Qt objects is collected on the window's thread, whichever thread allocates."""

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication

from reconcile_app.ui.garbage import Collector


class Knot(QObject):
    """A Qt object in a cycle of references."""

    def __init__(self) -> None:
        super().__init__()
        self.itself = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """The other tests of the window run under a collector of their own."""
    enabled = gc.isenabled()
    yield
    if not enabled:
        gc.disable()


@pytest.fixture
def collector(qapp: QApplication) -> Iterator[Collector]:
    made = Collector()
    yield made
    made.stop()


def allocate() -> None:
    kept = [[] for _ in range(20_000)]
    del kept


def test_a_worker_that_allocates_destroys_nothing_and_the_window_does(collector: Collector) -> None:
    gc.collect()
    threads: list[int] = []
    knot = weakref.ref(Knot(), lambda _: threads.append(threading.get_ident()))
    worker = threading.Thread(target=allocate)
    worker.start()
    worker.join()
    assert knot() is not None
    kept = [[] for _ in range(2_000)]
    collector.look()
    assert knot() is None
    assert threads == [threading.get_ident()]
    assert len(kept) == 2_000


def test_the_interpreter_gets_it_back(qapp: QApplication) -> None:
    made = Collector()
    assert not gc.isenabled()
    made.stop()
    assert gc.isenabled()
