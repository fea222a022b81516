"""Log files: rotating, private, without secrets, and one entry cannot pretend to be another."""

import logging
import os
import re
import time
import traceback
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

from reconcile_app.core.redact import Redactor
from reconcile_app.storage.files import file_errors, open_private, private_folder

LARGEST: Final = 10 * 1000 * 1000
KEPT: Final = 5

_QUIET = ("httpx", "httpcore")
_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]")


class RedactingFilter(logging.Filter):
    """Cleans every record before it is written: secrets out, control characters shown instead of obeyed."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def use(self, redactor: Redactor) -> None:
        """From now on these are the known secrets."""
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrites the record; always true."""
        record.msg = visible(self._redactor.clean(_message(record)))
        record.args = None
        if record.exc_info and record.exc_info[1] is not None:
            # Frames without local variables: those could hold a secret that nobody listed.
            record.exc_text = self._indented("".join(traceback.format_exception(record.exc_info[1])))
        elif record.exc_text:
            record.exc_text = self._indented(record.exc_text)
        record.exc_info = None
        record.stack_info = self._indented(record.stack_info) if record.stack_info else None
        return True

    def _indented(self, text: str) -> str:
        """Lines of an entry begin with a bar, so that none of them looks like an entry of its own."""
        lines = self._redactor.clean(text).rstrip("\n").split("\n")
        return "\n".join(f"  | {visible(line)}" for line in lines)


class LogFiles:
    """The open log of this process. ``filter.use`` tells it the secrets of the session, ``close`` ends it."""

    def __init__(self, handler: logging.Handler, redaction: RedactingFilter) -> None:
        self.filter = redaction
        self._handler = handler

    def close(self) -> None:
        """Write what is left and let go of the file; closing again does nothing."""
        logging.getLogger().removeHandler(self._handler)
        self._handler.close()


class _PrivateRotatingHandler(RotatingFileHandler):
    def _open(self) -> TextIOWrapper:
        os.close(open_private(Path(self.baseFilename)))
        return Path(self.baseFilename).open("a", encoding="utf-8", errors="backslashreplace")


def start_logging(
    logs_dir: Path, redactor: Redactor | None = None, *, level: int = logging.INFO, largest: int = LARGEST
) -> LogFiles:
    """Writes the log of the whole process to ``logs_dir``; a file of ``largest`` bytes is followed by the next, five are kept.

    The HTTP libraries, which log whole addresses, are heard from WARNING on.

    Raises:
        StorageError: the folder or file cannot be used.
    """
    private_folder(logs_dir)
    with file_errors("The log cannot be written.", logs_dir):
        handler = _PrivateRotatingHandler(logs_dir / "reconcile.log", maxBytes=largest, backupCount=KEPT, encoding="utf-8")
    formatter = logging.Formatter(_FORMAT, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = _utc
    handler.setFormatter(formatter)
    redaction = RedactingFilter(redactor or Redactor())
    handler.addFilter(redaction)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(min(level, root.level) if root.level else level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    return LogFiles(handler, redaction)


def visible(text: str) -> str:
    """Control characters, direction marks and lone surrogates as escapes: ``\\n``, ``\\x1b``, ``\\u202e``."""
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args}"


def _utc(seconds: float | None) -> time.struct_time:
    return time.gmtime(seconds)
