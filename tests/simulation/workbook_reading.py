"""The Excel log as anybody can read it: a zip of XML. The checker's eyes, and none of the program's."""

import io
import re
import zipfile
from typing import Any
from xml.etree import ElementTree  # the file was written a moment ago by the program under test

_NAME = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def read_book(data: bytes) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Rows of the sheet Changes (``key`` and ``result``), and the lines of the sheet Summary."""
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        shared = _shared(book)
        names = re.findall(r'<sheet [^>]*name="([^"]*)"', book.read("xl/workbook.xml").decode())
        sheets = {name: _rows(book.read(f"xl/worksheets/sheet{number}.xml"), shared) for number, name in enumerate(names, start=1)}
    titles, *rows = sheets["Changes"]
    places = {title: column for column, title in titles.items()}
    changes = [{"key": row.get(places["Row key"], ""), "result": row.get(places["Result"], "")} for row in rows]
    header = {}
    for row in sheets["Summary"][1:]:
        header.setdefault(row.get("A", ""), row.get("B") or row.get("C") or "")
    return changes, header


def _shared(book: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in book.namelist():
        return []
    tree = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
    return ["".join(part.text or "" for part in item.iter(f"{_NAME}t")) for item in tree.iter(f"{_NAME}si")]


def _rows(data: bytes, shared: list[str]) -> list[dict[str, str]]:
    return [{_column(cell): _text(cell, shared) for cell in row} for row in ElementTree.fromstring(data).iter(f"{_NAME}row")]


def _column(cell: Any) -> str:
    return re.sub("[0-9]", "", cell.get("r", ""))


def _text(cell: Any, shared: list[str]) -> str:
    value = cell.find(f"{_NAME}v")
    text = value.text if value is not None and value.text else ""
    inline = "".join(part.text or "" for part in cell.iter(f"{_NAME}t"))
    return shared[int(text)] if cell.get("t") == "s" else inline or text
