"""Rows on the clipboard: tab-separated for spreadsheets and editors, HTML for mails."""

from __future__ import annotations

import html
from collections.abc import Sequence

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QGuiApplication


def put_rows(cells: Sequence[Sequence[str]]) -> None:
    """Copy rows of cells, the first one being the headers. Cells that a spreadsheet could take for formulas are guarded already."""
    data = QMimeData()
    data.setText("\n".join("\t".join(_quoted(cell) for cell in line) for line in cells) + "\n")
    data.setHtml(_html_table(cells))
    QGuiApplication.clipboard().setMimeData(data)


def _quoted(cell: str) -> str:
    return f'"{cell.replace(chr(34), chr(34) * 2)}"' if any(mark in cell for mark in '\t\r\n"') else cell


def _html_table(cells: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in cells[0])
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in line) + "</tr>" for line in cells[1:])
    return f"<table><tr>{head}</tr>{body}</table>"


def let_go() -> None:
    """For the end of the program: leave plain text in the clipboard.

    Data that Python made is destroyed by Qt after Python has ended, which crashes the process; text belongs to Qt alone.
    """
    clipboard = QGuiApplication.clipboard()
    # without a display the clipboard is always this program's own, and does not say so
    if clipboard.ownsClipboard() or QGuiApplication.platformName() in ("offscreen", "minimal"):
        clipboard.setText(clipboard.text())
