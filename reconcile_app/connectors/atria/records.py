"""Atria's records one by one, whatever their shape: bare or enveloped, flat or nested, any spelling. Pure functions over bytes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pandas as pd

from reconcile_app.connectors.atria.names import (
    ALIASES,
    CUSTOMER_OBJECTS,
    ENVELOPES,
    NESTED_LINES,
    NEXT_LINKS,
    PARTS,
    TOTALS,
    candidates,
    normal,
)
from reconcile_app.connectors.decode import decode, unreadable
from reconcile_app.connectors.doubled import doubled_key

TITLE = "Atria"
_TEXT = pd.StringDtype("python")
_AFFIRMED = {"yes": "true", "y": "true", "1": "true", "true": "true", "no": "false", "n": "false", "0": "false", "false": "false"}

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[msgspec.Raw])
_string = msgspec.json.Decoder(str)

Fields = dict[str, msgspec.Raw]


class BadRecord(ValueError):
    """A record that cannot be read; ``args[0]`` says why, in words."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The JSON array of an answer, and what its envelope says of it: how many records there are, and whether more follow."""

    array: bytes
    total: int | None = None
    goes_on: bool = False

    def why_not_whole(self, *counts: int) -> str:
        """Why this is not the whole list, in words, or empty; ``counts`` are the numbers of records that the total may mean."""
        if self.goes_on:
            return "The list goes on on another page, and Atria is not known to answer in pages."
        if self.total is not None and self.total not in counts:
            return f"The list announces {self.total} records and holds {counts[0]}."
        return ""


def listed(content: bytes) -> Listed:
    """The JSON array of an answer, out of its envelope where it has one.

    Raises:
        AnswerUnreadable: neither an array nor an object with one.
    """
    content = content.removeprefix(b"\xef\xbb\xbf").strip()
    try:
        if not content.isascii():
            content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise unreadable(TITLE, "It holds bytes that are no text.") from error
    if content.startswith(b"["):
        return Listed(content)
    fields = decode(content, Fields, title=TITLE)
    for envelope in ENVELOPES:
        for name, raw in fields.items():
            if normal(name) == envelope and bytes(raw).startswith(b"["):
                if again := doubled_key(content.replace(bytes(raw), b"[]", 1)):
                    raise unreadable(TITLE, f"Ambiguous: the field {again} stands there twice.")
                return Listed(bytes(raw), _total(field(fields, *TOTALS)), _leads_on(field(fields, *NEXT_LINKS)))
    raise unreadable(TITLE, "Expected a list, or an object with a list under data - at `$`.")


def _total(raw: msgspec.Raw | None) -> int | None:
    literal = bytes(raw) if raw is not None else b""
    return int(literal) if literal.isdigit() and len(literal) <= 9 else None


def _leads_on(raw: msgspec.Raw | None) -> bool:
    return raw is not None and bytes(raw) not in (b"null", b'""', b"false")


def raw_items(content: bytes) -> list[msgspec.Raw]:
    """The records of an answer, each as its own JSON text."""
    found = listed(content)
    items = decode(found.array, list[msgspec.Raw], title=TITLE)
    if problem := found.why_not_whole(len(items)):
        raise unreadable(TITLE, problem)
    return items


def text_of(raw: msgspec.Raw, name: str) -> str | None:
    """A field as trimmed text; numbers and flags as they are written; null, empty and blank are absent.

    Raises:
        BadRecord: it holds an object or a list.
    """
    literal = bytes(raw)
    if literal[:1] == b'"':
        return _decoded_text(literal, name).strip() or None
    if literal[:1] in (b"{", b"["):
        raise BadRecord(f"Field {name} holds no text.")
    return None if literal == b"null" else literal.decode("ascii", "replace")


def _decoded_text(literal: bytes, name: str) -> str:
    try:
        return _string.decode(literal)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise BadRecord(f"Field {name} holds characters that are none.") from error


def fields_of(raw: msgspec.Raw) -> Fields:
    """The fields of a record.

    Raises:
        BadRecord: it is no object, damaged, or says the same thing twice.
    """
    try:
        fields = _fields.decode(raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise BadRecord("It is not an object with fields.") from error
    if name := doubled_key(bytes(raw)):
        raise BadRecord(f"Ambiguous: field {name} stands there twice.")
    meant = [told for name in fields if (told := normal(name))]
    if len(set(meant)) < len(meant):
        raise BadRecord("Ambiguous: a field stands there twice, in two spellings.")
    return fields


def values_of(fields: Fields, columns: Sequence[str]) -> dict[str, str | None]:
    """Our columns out of a record; customer and bill-to may be objects of their own.

    Raises:
        BadRecord: a field holds something else than text.
    """
    values: dict[str, str | None] = {}
    for column, wires in candidates(fields, columns).items():
        texts = (text_of(fields[wire], wire) for wire in wires)
        values[column] = next((text for text in texts if text is not None), None)
    for name, raw in fields.items():
        if (prefix := CUSTOMER_OBJECTS.get(normal(name))) is not None:
            values.update({k: v for k, v in _party(raw, name, prefix).items() if k in columns and values.get(k) is None})
    return values


def _is_object(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:1]) == b"{"


def _party(raw: msgspec.Raw, name: str, prefix: str) -> dict[str, str | None]:
    """Code, name and identifier of a customer object; a plain text is the code."""
    if not _is_object(raw):
        return {f"{prefix}_code": text_of(raw, name)}
    known = {normal(inner): value for inner, value in fields_of(raw).items()}
    result: dict[str, str | None] = {}
    for part, aliases in PARTS.items():
        own = "billing_identifier" if part == "identifier" else f"customer_{part}"
        column = own if prefix == "customer" else f"{prefix}_{part}"
        wanted = (*aliases, *ALIASES[own], *ALIASES[column])
        result[column] = next((text_of(known[alias], alias) for alias in wanted if alias in known), None)
    return result


def nested_lines(fields: Fields) -> list[msgspec.Raw] | None:
    """The lines inside a customer's record, or None for a record that is a line itself.

    Raises:
        BadRecord: the list is damaged.
    """
    for name, raw in fields.items():
        if normal(name) in NESTED_LINES and not _scalar(raw):
            try:
                return _items.decode(raw)
            except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
                raise BadRecord(f"Field {name} holds no list.") from error
    return None


def _scalar(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:1]) not in (b"[", b"{")


def text_table(content: bytes, columns: Sequence[str]) -> pd.DataFrame:
    """A frame of text columns in our names; ``billable`` is ``true``, ``false`` or absent.

    Raises:
        AnswerUnreadable: a record cannot be read; its position is named.
    """
    rows = list(_table_rows(content, columns))
    if "billable" in columns:
        for row in rows:
            row["billable"] = _AFFIRMED.get((row.get("billable") or "").casefold())
    return pd.DataFrame({name: pd.array([row.get(name) for row in rows], dtype=_TEXT) for name in columns})


def _table_rows(content: bytes, columns: Sequence[str]) -> Iterator[dict[str, str | None]]:
    for position, raw in enumerate(raw_items(content)):
        try:
            yield values_of(fields_of(raw), columns)
        except BadRecord as error:
            raise unreadable(TITLE, f"{error} - at `$[{position}]`.") from error


def field(fields: Mapping[str, Any], *names: str) -> Any:
    """The first of these names (as they are compared) that a record has, or None."""
    known = {normal(name): value for name, value in fields.items()}
    return next((known[name] for name in names if name in known), None)
