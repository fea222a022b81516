"""The frame that is painted before anything else is loaded, and what it holds then."""

import pytest
from PySide6.QtCore import QByteArray, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QMainWindow

from reconcile_app.ui.frame import Frame


class Content(QMainWindow):
    """Content that may refuse to be closed."""

    asked = Signal()

    def __init__(self, *, refuses: bool = False) -> None:
        super().__init__()
        self.refuses = refuses

    def closeEvent(self, event: QCloseEvent) -> None:
        self.asked.emit()
        event.setAccepted(not self.refuses)


def test_the_first_paint_is_told_once(qtbot):
    frame = Frame({})
    qtbot.addWidget(frame)
    told: list[bool] = []
    frame.painted.connect(lambda: told.append(True))
    with qtbot.waitSignal(frame.painted):
        frame.show()
    frame.repaint()
    assert told == [True]


def test_the_window_stands_where_it_was_left(qtbot):
    left = Frame({})
    qtbot.addWidget(left)
    left.resize(745, 602)
    state = {"geometry": bytes(left.saveGeometry().toBase64().data()).decode("ascii")}
    found = Frame(state)
    qtbot.addWidget(found)
    assert (found.width(), found.height()) == (745, 602)


@pytest.mark.parametrize("geometry", [None, 5, "", "not a geometry", QByteArray(b"x").toBase64().data().decode("ascii")])
def test_what_is_no_geometry_gives_the_usual_size(qtbot, geometry):
    frame = Frame({"geometry": geometry})
    qtbot.addWidget(frame)
    assert (frame.width(), frame.height()) == (1280, 800)


def test_an_empty_frame_closes_at_once(qtbot):
    frame = Frame({})
    qtbot.addWidget(frame)
    frame.show()
    assert frame.close()


@pytest.mark.parametrize("refuses", [True, False])
def test_the_content_decides_whether_the_window_closes(qtbot, refuses):
    frame, content = Frame({}), Content(refuses=refuses)
    qtbot.addWidget(frame)
    frame.hold(content)
    frame.show()
    with qtbot.waitSignal(content.asked):
        assert frame.close() is not refuses
    assert frame.isVisible() is refuses


def test_content_that_closed_itself_is_not_asked_again(qtbot):
    frame, content = Frame({}), Content()
    qtbot.addWidget(frame)
    frame.hold(content)
    frame.show()
    content.close()
    with qtbot.assertNotEmitted(content.asked):
        assert frame.close()
