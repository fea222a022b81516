"""A frame as bytes and back, column by column as its schema declares: MessagePack, compressed.

Amounts are lists of whole numbers, dates ISO 8601, flags lists of true and false; what is absent is nil. Texts are lists of text in
slices; where many are alike each stands there once, followed by its place for every row (−1: absent).
"""

import zlib
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

from reconcile_app.core.frames import AMOUNT, DATE, TEXT, FrameError, Schema

_LEVEL: Final = 1
_SLICE: Final = 20_000
_LARGEST: Final = 4 * 2**30


class ColumnsError(ValueError):
    """The bytes do not hold a frame of this schema."""


class _Texts(msgspec.Struct, omit_defaults=True):
    texts: list[msgspec.Raw]
    rows: list[int] | None = None


def pack(schema: Schema, frame: pd.DataFrame) -> bytes:
    """The frame as MessagePack, not compressed: the same frame always gives the same bytes."""
    schema.check(frame)
    # One column at a time: a single call over the whole frame would keep the window's thread waiting.
    return msgspec.msgpack.encode(
        {name: msgspec.Raw(_packed(frame[name], dtype)) for name, dtype in schema.columns.items()}
    )


def unpack(schema: Schema, data: bytes) -> pd.DataFrame:
    """The frame that was packed.

    Raises:
        ColumnsError: not a frame of this schema. Columns that the schema has gained since are absent.
    """
    try:
        columns = msgspec.msgpack.decode(data, type=dict[str, msgspec.Raw])
        return schema.build({name: _restored(values, schema.columns.get(name, "")) for name, values in columns.items()})
    except (msgspec.MsgspecError, FrameError, ValueError, TypeError, OverflowError) as error:
        raise ColumnsError(f"{schema.name}: {error}") from error


def compress(data: bytes) -> bytes:
    """Quickly rather than well."""
    return zlib.compress(data, _LEVEL)


def decompress(data: bytes, size: int) -> bytes:
    """Exactly ``size`` bytes.

    Raises:
        ColumnsError: damaged, or another size.
    """
    if not 0 <= size <= _LARGEST:
        raise ColumnsError("impossible size")
    try:
        inflater = zlib.decompressobj()
        plain = inflater.decompress(data, size + 1)
    except zlib.error as error:
        raise ColumnsError(str(error)) from error
    if len(plain) != size or not inflater.eof or inflater.unused_data:
        raise ColumnsError("another size than noted")
    return plain


def _packed(column: "pd.Series[Any]", dtype: str) -> bytes:
    if dtype != TEXT:
        return msgspec.msgpack.encode(_plain(column, dtype))
    objects = np.asarray(column.array, dtype=object)
    codes, distinct = pd.factorize(objects)
    if 2 * len(distinct) > len(objects):
        texts: Any = column.array
        return msgspec.msgpack.encode(_Texts(_slices(texts.to_numpy(dtype=object, na_value=None).tolist())))
    return msgspec.msgpack.encode(_Texts(_slices(distinct.tolist()), codes.tolist()))


def _slices(texts: list[Any]) -> list[msgspec.Raw]:
    """In slices, because a single call over all texts would keep the window's thread waiting."""
    return [msgspec.Raw(_encoded(texts[start : start + _SLICE])) for start in range(0, len(texts), _SLICE)]


def _plain(column: "pd.Series[Any]", dtype: str) -> list[Any]:
    if dtype == AMOUNT:
        absent = column.isna().to_numpy()
        values: list[Any] = column.to_numpy(dtype=np.int64, na_value=0).tolist()
        for position in np.flatnonzero(absent).tolist():
            values[position] = None
        return values
    if dtype == DATE:
        days = np.datetime_as_string(column.to_numpy(), unit="D").tolist()
        return [None if day == "NaT" else day for day in days]
    flags: list[Any] = column.to_numpy().tolist()
    return flags


def _restored(values: msgspec.Raw, dtype: str) -> Any:
    if dtype == TEXT:
        return _restored_texts(msgspec.msgpack.decode(values, type=_Texts))
    if dtype == AMOUNT:
        given = msgspec.msgpack.decode(values, type=list[int | None])
        absent = np.fromiter((value is None for value in given), dtype=bool, count=len(given))
        amounts = np.fromiter((value or 0 for value in given), dtype=np.int64, count=len(given))
        return pd.arrays.IntegerArray(amounts, absent)
    if dtype == DATE:
        days = msgspec.msgpack.decode(values, type=list[str | None])
        return np.array([day or "NaT" for day in days], dtype="datetime64[s]")
    return np.array(msgspec.msgpack.decode(values, type=list[bool]), dtype=bool)


def _restored_texts(held: _Texts) -> Any:
    texts = [text for part in held.texts for text in _texts(part)]
    if held.rows is None:
        return texts
    table = np.array([*texts, pd.NA], dtype=object)
    rows = np.array(held.rows, dtype=np.int64)
    if len(rows) and not -1 <= int(rows.min()) <= int(rows.max()) < len(texts):
        raise ColumnsError("a row has no text")
    return pd.arrays.StringArray(table[rows])


def _texts(values: msgspec.Raw) -> list[str | None]:
    try:
        return msgspec.msgpack.decode(values, type=list[str | None])
    except msgspec.ValidationError:
        halves = msgspec.msgpack.decode(values, type=list[bytes | None])
        return [None if half is None else half.decode("utf-8", "surrogatepass") for half in halves]


def _encoded(values: list[Any]) -> bytes:
    try:
        return msgspec.msgpack.encode(values)
    except UnicodeEncodeError:  # half a character, as some systems cut texts: such a column travels as bytes
        return msgspec.msgpack.encode([_bytes_of(text) for text in values])


def _bytes_of(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogatepass")
