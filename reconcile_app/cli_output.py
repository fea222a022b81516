"""How the command line prints: one JSON document, or words and tables; progress and errors on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from reconcile_app.core.errors import ReconcileError, StorageError
from reconcile_app.core.ports import Progress


class Output:
    """Where one command's output goes."""

    def __init__(self, json_file: str | None = None) -> None:
        self._json_file = json_file
        self._last: dict[str, str] = {}

    @property
    def quiet(self) -> bool:
        """Whether standard output belongs to JSON alone."""
        return self._json_file == "-"

    def json(self, value: Any) -> None:
        """Write the document where ``--json`` asked for it."""
        if self._json_file is None:
            return
        text = json.dumps(value, ensure_ascii=False, indent=1) + "\n"
        # A lone surrogate that came over the wire cannot be encoded; it is written escaped instead of failing the whole document.
        data = text.encode("utf-8", "backslashreplace")
        if self.quiet:
            sys.stdout.buffer.write(data)
            sys.stdout.flush()
            return
        try:
            Path(self._json_file).write_bytes(data)
        except OSError as error:
            raise StorageError(
                "The JSON file could not be written.", f"{self._json_file}: {error.strerror}.", next_step="Give another path."
            ) from error

    def line(self, text: str = "") -> None:
        """A line for a person; silent where standard output belongs to JSON."""
        if not self.quiet:
            sys.stdout.write(text + "\n")

    def table(self, titles: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str = "") -> None:
        """A table for a person."""
        if self.quiet:
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for title in titles:
            table.add_column(title, overflow="fold")
        count = 0
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
            count += 1
        if count:
            Console(soft_wrap=False).print(table)
        elif empty:
            self.line(empty)

    def error(self, error: ReconcileError) -> None:
        """An error with its next step, on standard error."""
        parts = (error.title, error.happened, error.meaning, error.next_step)
        sys.stderr.write("\n".join(part for part in parts if part) + "\n")

    def note(self, text: str) -> None:
        """A remark on standard error."""
        sys.stderr.write(text + "\n")

    def progress(self, progress: Progress) -> None:
        """How far a reading is: a line that moves on a terminal, nothing elsewhere."""
        if not sys.stderr.isatty():
            return
        pages = f", page {progress.page} of {progress.pages}" if progress.pages > 1 else ""
        expected = f" of about {progress.calls_expected}" if progress.calls_expected else ""
        self._last[progress.side] = f"{progress.entity} {progress.rows:,} rows{pages} · call {progress.calls}{expected}"
        sys.stderr.write("\r\x1b[K" + "  |  ".join(self._last.values()))
        sys.stderr.flush()

    def moving(self, text: str) -> None:
        """A word that replaces the one before, on a terminal."""
        if sys.stderr.isatty():
            self._last["moving"] = text
            sys.stderr.write("\r\x1b[K" + text)
            sys.stderr.flush()

    def progress_done(self) -> None:
        """Clear the moving line."""
        if self._last and sys.stderr.isatty():
            sys.stderr.write("\r\x1b[K")
        self._last.clear()
