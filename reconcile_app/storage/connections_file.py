"""Connections on disk: a file that people may read and edit, and that never holds a secret.

    schema = 1

    [connections.atria]
    kind = "atria"
    base_url = "https://atria.example.net"

Comments, order and settings that this version does not know survive saving.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reconcile_app.core.errors import NewerFormat, NotFound, SettingsError
from reconcile_app.core.settings import Connection
from reconcile_app.storage.files import read_limited, write_whole

if TYPE_CHECKING:
    from reconcile_app.core.ports import ConnectorSpec

SCHEMA: Final = 1

_LARGEST = 2**20
_PLAIN_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,60}")


class ConnectionsFile:
    """The connections by name.

    Args:
        path: the file; there are no connections while it is not there.
        specs: the connectors; they say which fields are secret.
    """

    def __init__(self, path: Path, specs: Iterable[ConnectorSpec]) -> None:
        self._path = path
        fields = {spec.key: spec.fields for spec in specs}
        self._secret = {kind: frozenset(field.name for field in own if field.secret) for kind, own in fields.items()}
        self._plain = {kind: frozenset(field.name for field in own if not field.secret) for kind, own in fields.items()}

    def load(self) -> dict[str, Connection]:
        """Every connection, without secrets, in the order of the file.

        Raises:
            SettingsError: the file cannot be read as what it should be; says where. The file is left as it is.
            NewerFormat: written by a newer version.
            StorageError: the file cannot be read at all.
        """
        tables = self._tables(self._text())
        return {name: self._connection(name, table) for name, table in tables.items()}

    def save(self, connection: Connection) -> None:
        """Add or replace one connection; an empty or absent setting leaves the file.

        Raises:
            SettingsError: a secret is among the values, the name cannot be used, or the file cannot be read.
            StorageError, NewerFormat: the file cannot be written.
        """
        name, kind = connection.name, connection.kind
        if not _PLAIN_NAME.fullmatch(name) or name != name.strip():
            raise SettingsError("This name cannot be used.", f"It is {name[:60]!r}.", next_step="Use a short name, such as atria.")
        secret = self._secret.get(kind, frozenset()) & connection.values.keys()
        if secret or connection.secrets:
            fields = ", ".join(sorted(secret | connection.secrets.keys()))
            raise SettingsError(
                "A secret cannot be written to the connections file.",
                f"{name}: {fields}.",
                next_step="Enter it on the Connections page, where it goes to the secure storage.",
            )
        values = {field: value for field, value in connection.values.items() if value and field != "kind"}
        gone = self._plain.get(kind, frozenset()) - values.keys()

        def edit(tables: Any) -> None:
            from tomlkit import table

            if name not in tables:
                tables[name] = table()
            own = tables[name]
            for field in gone & set(own):
                del own[field]
            for field, value in ({"kind": kind} | values).items():
                if field not in own or _text_of(own[field]) != value:
                    own[field] = _as_before(own.get(field), value)

        self._edit(edit, lambda tables: _has(tables, name, {"kind": kind} | values))

    def remove(self, name: str) -> None:
        """Take one connection out.

        Raises:
            NotFound: there is none of this name.
            SettingsError, StorageError, NewerFormat: as ``save``.
        """
        if name not in self._tables(self._text()):
            raise NotFound(f"There is no connection named {name}.", next_step="Check the name.")

        def edit(tables: Any) -> None:
            del tables[name]

        self._edit(edit, lambda tables: name not in tables)

    def _edit(self, edit: Callable[[Any], None], proof: Callable[[Mapping[str, Mapping[str, Any]]], bool]) -> None:
        """Changes the text in place and proves, before the file is replaced, that nothing else was changed by it."""
        import tomlkit

        text = self._text()
        before = self._tables(text)
        # A top-level setting must stand before the first table.
        document = tomlkit.parse(text if re.search(r"^\s*schema\s*=", text, re.MULTILINE) else f"schema = {SCHEMA}\n\n{text}")
        if "connections" not in document:
            document["connections"] = tomlkit.table(is_super_table=True)
        edit(document["connections"])
        written = tomlkit.dumps(document)
        after = self._tables(written)
        touched = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        if len(touched) > 1 or not proof(after):
            raise SettingsError(
                "The connections file could not be changed safely.",
                f"{self._path} is written in an unusual way.",
                next_step="Edit the file by hand; every connection is one table, such as [connections.atria].",
            )
        write_whole(self._path, written.encode("utf-8"))

    def _text(self) -> str:
        content = read_limited(self._path, _LARGEST) or b""
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            raise self._unreadable(f"Line {line} is not UTF-8 text.") from error

    def _tables(self, text: str) -> dict[str, dict[str, Any]]:
        try:
            document = tomllib.loads(text, parse_float=str)
        except tomllib.TOMLDecodeError as error:
            raise self._unreadable(f"{_located(str(error), text)}.") from error
        except RecursionError as error:
            raise self._unreadable("It is nested too deeply.") from error
        schema = document.get("schema", SCHEMA)
        if not isinstance(schema, int) or isinstance(schema, bool):
            raise self._unreadable("The setting schema is not a whole number.")
        if schema > SCHEMA:
            raise NewerFormat(
                "The connections file was written by a newer version.",
                f"{self._path} has format {schema}; this program knows {SCHEMA}.",
                next_step="Update this program.",
            )
        tables = document.get("connections", {})
        if not isinstance(tables, dict) or not all(isinstance(table, dict) for table in tables.values()):
            raise self._unreadable("Every connection must be a table, such as [connections.atria].")
        return tables

    def _connection(self, name: str, table: Mapping[str, Any]) -> Connection:
        kind = table.get("kind")
        if not isinstance(kind, str) or not kind:
            raise self._unreadable(f"The connection {name} does not say its kind.")
        secret = self._secret.get(kind, frozenset()) & table.keys()
        if secret:
            raise SettingsError(
                "A secret stands in the connections file.",
                f"{self._path}: {name}, {', '.join(sorted(secret))}.",
                next_step="Delete it there and enter it on the Connections page. Treat the secret as seen by others and renew it.",
            )
        values = {}
        for field, value in table.items():
            if not isinstance(value, str | bool | int):
                raise self._unreadable(f"The setting {field} of {name} is neither text, number nor true or false.")
            values[field] = _text_of(value)
        del values["kind"]
        return Connection(name=name, kind=kind, values=values)

    def _unreadable(self, happened: str) -> SettingsError:
        return SettingsError(
            "The connections file cannot be read.",
            f"{self._path}: {happened}",
            meaning="The file was left as it is.",
            next_step="Correct the file in a text editor.",
        )


def _located(message: str, text: str) -> str:
    """The parser's words with the line in front: ``Line 3, column 5: expected '=' after a key``."""
    found = re.search(r"\(at (line (\d+), column \d+|end of document)\)", message)
    if not found:
        return message
    where = found[1].capitalize() if found[2] else f"Line {text.count(chr(10)) + 1}, at the end"
    words = message.replace(found[0], "").strip()
    return f"{where}: {words}"


def _text_of(value: Any) -> str:
    plain = value.unwrap() if hasattr(value, "unwrap") else value
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def _as_before(item: Any, value: str) -> str | bool | int:
    """A number stays a number and true or false stay what they are, where the new text allows it."""
    plain = item.unwrap() if hasattr(item, "unwrap") else item
    if isinstance(plain, bool):
        return {"true": True, "false": False}.get(value, value)
    if isinstance(plain, int) and re.fullmatch(r"-?(?:0|[1-9][0-9]{0,17})", value):
        return int(value)
    return value


def _has(tables: Mapping[str, Mapping[str, Any]], name: str, values: Mapping[str, str]) -> bool:
    own = tables.get(name, {})
    return all(field in own and _text_of(own[field]) == value for field, value in values.items())
