"""Reads the Changes sheet of an Excel log back, with the decisions somebody wrote into it.

A workbook that comes back may have been made to do harm, so its size and what it unpacks to are checked before anything opens it.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, Final

from reconcile_app.core.amounts import SCALE
from reconcile_app.core.decisions import DecisionSheet
from reconcile_app.core.errors import ReconcileError, StorageError, WrongUse

LARGEST_FILE: Final = 20 * 2**20
LARGEST_UNPACKED: Final = 200 * 2**20
MOST_MEMBERS: Final = 2_000
MOST_ROWS: Final = 200_000
MOST_COLUMNS: Final = 200
TIGHTEST: Final = 100
"""How many times its packed size a member may unpack to. The program's own logs stay below 20."""

_SMALL = 2**20
"""A member this small may be packed as tightly as it likes."""

_SHEET = "Changes"
_TITLES = ("After", "Decision", "Row key", "Checksum")
_WORDS = {"push": True, "leave": False}
_ARCHIVES = frozenset({".zip", ".xlsx", ".xlsm", ".xlsb", ".docx", ".pptx", ".jar", ".7z", ".rar", ".gz", ".bz2", ".xz", ".tar"})
_TITLE = "The decisions could not be read."
_MEANING = "No tick was changed and nothing was sent."


def read_decisions(path: Path) -> DecisionSheet:
    """The decisions of an Excel log.

    Raises:
        WrongUse: no Excel log of this program, or a row that says neither push nor leave.
        StorageError: the file cannot be read, is damaged or larger than a log can be.
    """
    if path.suffix.lower() != ".xlsx":
        raise _wrong(path, "It is no .xlsx file.", "Save it as an Excel workbook (.xlsx), without macros.")
    content = _content(path)
    with _damage(path):
        _check_members(path, content)
        return _read(path, content)


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise _unreadable(path, "There is no such file.", "Check the name.")
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise _unreadable(
            path, f"{error.strerror or error}.", "Check that you may read it, and that no other program holds it."
        ) from error
    if len(content) > LARGEST_FILE:
        raise _too_large(path, f"It has more than {LARGEST_FILE // 2**20} MB.")
    return content


def _check_members(path: Path, content: bytes) -> None:
    """What is packed in the file, from its directory alone; zipfile never unpacks more than the directory says."""
    if not zipfile.is_zipfile(BytesIO(content)):
        raise _unreadable(
            path, "It is no .xlsx workbook: damaged, protected with a password, or in an old format.",
            "Save it as an Excel workbook (.xlsx) without a password, or export the log again.",
        )
    with zipfile.ZipFile(BytesIO(content)) as archive:
        members = archive.infolist()
    if len(members) > MOST_MEMBERS or sum(member.file_size for member in members) > LARGEST_UNPACKED:
        raise _too_large(path, f"It unpacks to more than {LARGEST_UNPACKED // 2**20} MB or {MOST_MEMBERS:,} parts.")
    for member in members:
        _check_member(path, member)


def _check_member(path: Path, member: zipfile.ZipInfo) -> None:
    if member.file_size > max(_SMALL, TIGHTEST * member.compress_size):
        raise _too_large(path, f"A part of it unpacks to more than {TIGHTEST} times its size.")
    name = PurePosixPath(member.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in member.filename or name.suffix.lower() in _ARCHIVES:
        raise _wrong(path, "It holds files that do not belong into an Excel log.", "Export the log again and decide there.")
    if name.name.lower() == "vbaproject.bin":
        raise _wrong(path, "It holds macros.", "Save it as an Excel workbook (.xlsx), without macros.")


def _read(path: Path, content: bytes) -> DecisionSheet:
    from openpyxl import DEFUSEDXML, load_workbook

    if not DEFUSEDXML:
        raise _unreadable(path, "The guard against harmful workbooks (defusedxml) is not in use.", "Install the program again.")
    book = load_workbook(BytesIO(content), read_only=True, data_only=True, keep_links=False)
    try:
        if _SHEET not in book.sheetnames:
            raise _no_log(path, f"It has no sheet {_SHEET}.")
        page: Any = book[_SHEET]
        places = _places(path, page)
        found = _Found(path, places)
        for number, values in enumerate(
            page.iter_rows(min_row=2, max_row=MOST_ROWS + 2, max_col=max(places.values()) + 1, values_only=True), start=2
        ):
            if number > MOST_ROWS + 1:
                raise _too_large(path, f"Its sheet {_SHEET} has more than {MOST_ROWS:,} rows.")
            found.add(number, values)
    finally:
        book.close()
    return found.sheet()


def _places(path: Path, page: Any) -> dict[str, int]:
    """Where the columns stand; whoever edited the sheet may have moved them."""
    header: Sequence[Any] = next(page.iter_rows(min_row=1, max_row=1, max_col=MOST_COLUMNS + 1, values_only=True), ())
    if len(header) > MOST_COLUMNS and header[MOST_COLUMNS] is not None:
        raise _too_large(path, f"Its sheet {_SHEET} has more than {MOST_COLUMNS} columns.")
    missing = [title for title in _TITLES if title not in header]
    if missing:
        raise _no_log(path, f"Its sheet {_SHEET} has no column {missing[0]}.")
    return {title: header.index(title) for title in _TITLES}


@dataclass(slots=True)
class _Found:
    """The rows of the sheet as they are read."""

    path: Path
    places: Mapping[str, int]
    checksums: set[str] = field(default_factory=set)
    decisions: dict[str, bool] = field(default_factory=dict)
    targets: dict[str, int] = field(default_factory=dict)

    def add(self, number: int, values: Sequence[Any]) -> None:
        """Take one row; one without decision and checksum tells what was pushed beyond the comparison, or is empty."""
        after, decision, key, checksum = (values[self.places[title]] for title in _TITLES)
        if decision is None and checksum is None:
            return
        if not isinstance(checksum, str) or not isinstance(key, str):
            raise self._row(number, "takes no decision: it has no row key or no checksum")
        word = decision.strip().lower() if isinstance(decision, str) else ""
        if word not in _WORDS:
            raise self._row(number, f"says {str(decision or 'nothing')[:40]!r} in the column Decision, neither push nor leave")
        if key in self.decisions:
            raise self._row(number, f"repeats the row key {key[:120]}")
        if isinstance(after, bool) or not isinstance(after, int | float) or not math.isfinite(after):
            raise self._row(number, "has no number in the column After")
        self.checksums.add(checksum)
        self.decisions[key] = _WORDS[word]
        self.targets[key] = round(after * SCALE)

    def sheet(self) -> DecisionSheet:
        """Everything that was read."""
        if not self.checksums:
            raise _wrong(self.path, f"Its sheet {_SHEET} holds no change to decide on.", "Choose the log of another comparison.")
        if len(self.checksums) > 1:
            raise _wrong(
                self.path, "Its rows come from more than one comparison.", "Export the log again and edit only the Decision column."
            )
        return DecisionSheet(checksum=self.checksums.pop(), decisions=self.decisions, targets=self.targets)

    def _row(self, number: int, words: str) -> WrongUse:
        return _wrong(self.path, f"Row {number} of the sheet {_SHEET} {words}.", "Write push or leave there, and nothing else.")


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    """Whatever a damaged workbook makes zipfile, the XML readers or openpyxl raise, of which none has a closed list."""
    try:
        yield
    except ReconcileError:
        raise
    except Exception as error:
        raise _unreadable(path, "The workbook is damaged.", "Open and save it in Excel, or export the log again.") from error


def _no_log(path: Path, happened: str) -> WrongUse:
    return _wrong(path, f"It is no Excel log of this program. {happened}", "Choose a file that this program has exported.")


def _wrong(path: Path, happened: str, next_step: str) -> WrongUse:
    return WrongUse(_TITLE, f"{path}: {happened}", meaning=_MEANING, next_step=next_step)


def _unreadable(path: Path, happened: str, next_step: str) -> StorageError:
    return StorageError(_TITLE, f"{path}: {happened}", meaning=_MEANING, next_step=next_step)


def _too_large(path: Path, happened: str) -> StorageError:
    return _unreadable(path, happened, f"Delete every sheet but {_SHEET} and save it again, or export the log again.")
