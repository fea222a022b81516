"""How the window was left: geometry, column order, filters. Losing it costs a moment, so a damaged file never stops the program."""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from reconcile_app.core.errors import StorageError
from reconcile_app.storage.files import read_limited, write_whole

_LARGEST = 2**20


class WindowState:
    """The state as a dictionary of JSON values."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[str, Any]:
        """What was saved last, or nothing. A damaged file is copied to ``window.damaged.json`` and ignored."""
        try:
            content = read_limited(self._path, _LARGEST)
        except StorageError:
            return {}
        if content is None:
            return {}
        try:
            value = json.loads(content, parse_constant=_refuse, parse_float=_finite)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            return value
        with suppress(StorageError):
            write_whole(self._path.with_suffix(".damaged.json"), content)
        return {}

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace it.

        Raises:
            StorageError, DiskFull: it could not be saved; the earlier state is still there.
            TypeError, ValueError: not JSON values, a fault of the caller.
        """
        write_whole(self._path, json.dumps(dict(state), indent=1, allow_nan=False, ensure_ascii=True).encode("ascii"))


def _finite(number: str) -> float:
    value = float(number)
    return value if math.isfinite(value) else _refuse(number)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
