"""What can be set: the fields of a connection and the options of a comparison.

A connector declares its fields once (name, label, help, secret or not, default); the form, the file, the check and the docs read
that row. Options have the names that operators know from their jobs.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from reconcile_app.core.errors import SettingsError
from reconcile_app.core.findings import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingField:
    """One field of a connection.

    ``choices`` restricts the value; ``offered`` says that the system itself can be asked for the values it has, any other may be
    entered all the same. ``required`` says whether an empty value is refused before a run starts.
    ``log_name`` is how the published log texts call a secret (``Secret``, ``UserName``).
    """

    name: str
    label: str
    help: str
    secret: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False
    log_name: str = ""
    offered: bool = False


class Secret:
    """A value that never shows itself: ``str``, ``repr``, ``format`` and pickling give ``***`` or refuse."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value; called only where a header is built."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret cannot be pickled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One configured billing source or PSA. ``values`` are plain settings as text, ``secrets`` come from the keyring."""

    name: str
    kind: str
    values: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)

    def value(self, name: str, default: str = "") -> str:
        """The trimmed value of a plain setting."""
        return self.values.get(name, default).strip() or default


class LogLevel(StrEnum):
    """The option ``log_level``: hides what is less serious."""

    VERBOSE = "Verbose"
    INFO = "Info"
    WARNING = "Warning"
    ERROR = "Error"

    def shows(self, level: Level) -> bool:
        """Whether entries of this level appear."""
        return level.rank <= Level(self.value).rank


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """Options of one comparison, as in the window, the command line and the run record.

    ``effective_date``: an explicit date wins over ``prorated`` (true: today; false: start of the open period).
    """

    billing_period: str = "Previous"
    customers_filter: tuple[str, ...] = ()
    prorated: bool = False
    effective_date: date | None = None
    allow_create: bool = False
    zero_removed: bool = True
    overwrite_cost: bool = False
    log_level: LogLevel = LogLevel.VERBOSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Above these the operator types the number of lines before a push starts."""

    lines: int = 50
    percent: int = 50
    units: int = 10
    zeroing: bool = True


def parse_flag(text: str | bool) -> bool:
    """``True``/``False`` in any case, as text or boolean.

    Raises:
        SettingsError: anything else.
    """
    if isinstance(text, bool):
        return text
    lowered = text.strip().lower()
    if lowered in ("true", "yes", "1", "on"):
        return True
    if lowered in ("false", "no", "0", "off", ""):
        return False
    raise SettingsError("This setting is neither True nor False.", f"It says: {text[:50]!r}.", next_step="Write True or False.")


def missing_secrets(fields: Sequence[SettingField], connection: Connection) -> list[SettingField]:
    """The required secrets that are empty, in order of declaration."""
    return [f for f in fields if f.secret and f.required and not connection.secrets.get(f.name)]


def environment_name(connection: str, field: str) -> str:
    """The environment variable that may carry a secret for unattended use: ``RECONCILE_SECRET_ATRIA_TOKEN``."""
    return "RECONCILE_SECRET_" + re.sub(r"[^A-Z0-9]", "_", f"{connection}_{field}".upper())
