"""Settings of a connection as somebody entered them, checked against the connector's own description of its fields."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reconcile_app.core.errors import SettingsError
from reconcile_app.core.settings import Connection, SettingField


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """The plain settings of one connection. ``title`` is the system's name for people."""

    connection: Connection
    fields: Sequence[SettingField]
    title: str

    def choice(self, name: str) -> str:
        """One of the choices of a field.

        Raises:
            SettingsError: it is none of them.
        """
        field = self._field(name)
        value = self.connection.value(name, field.default)
        if value not in field.choices:
            raise refused(field, self.title, value, f"Choose one of {', '.join(field.choices)}.")
        return value

    def number(self, name: str, least: float, most: float) -> float:
        """A number within its bounds.

        Raises:
            SettingsError: it is none, or lies outside.
        """
        field = self._field(name)
        text = self.connection.value(name, field.default)
        value = float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text, re.ASCII) else -1.0
        if not least <= value <= most:
            raise refused(field, self.title, text, f"Enter a number from {least:g} to {most:g}.")
        return value

    def _field(self, name: str) -> SettingField:
        return field_named(self.fields, name)


def field_named(fields: Sequence[SettingField], name: str) -> SettingField:
    """A connector's own description of one setting."""
    return next(field for field in fields if field.name == name)


def refused(field: SettingField, title: str, value: str, next_step: str) -> SettingsError:
    """What is told about a value that cannot be used."""
    return SettingsError(
        f"{field.label} of {title} cannot be used.", f"It says {value[:60]!r}.", meaning="Nothing was sent.", next_step=next_step
    )
