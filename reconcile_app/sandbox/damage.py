"""Damage to answers: pure functions over bodies and over the bytes of a whole answer. None of them knows why or when."""

import itertools
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

_GZIP_HEAD = bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF])
_MEBIBYTE = 2**20
_DEPTH = 100_000

# Text that is no whole JSON


def trailing_text(body: bytes) -> bytes:
    """Something follows the value."""
    return body + b"\n<!-- served by node 7 -->"


def with_mark(body: bytes) -> bytes:
    """A byte order mark stands before the value."""
    return b"\xef\xbb\xbf" + body


def in_utf16(body: bytes) -> bytes:
    """The value in another encoding."""
    return body.decode("utf-8").encode("utf-16")


def bad_utf8(body: bytes) -> bytes:
    """A text holds bytes that are no character; an answer without texts gets one."""
    return (
        re.sub(rb'":\s*"', lambda found: found[0] + b"\xc3\x28\xff", body, count=1)
        if b'":"' in body
        else body[:-1] + b',"n":"\xff"}'
    )


def nested(body: bytes) -> bytes:
    """The value with a part that is nested deeper than any stack."""
    deep = b"[" * _DEPTH + b"]" * _DEPTH
    return body[:-1] + b',"deep":' + deep + b"}" if body.endswith(b"}") else b"[" + deep + b"]"


# Bombs


def gzip_bomb(mebibytes: int) -> bytes:
    """So many mebibytes of blanks, a kilobyte each; built from one compressed block, so it costs next to nothing."""
    squeezed = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = squeezed.compress(b" " * _MEBIBYTE) + squeezed.flush(zlib.Z_FULL_FLUSH)
    end = squeezed.compress(b"[]") + squeezed.flush()
    return _GZIP_HEAD + block * mebibytes + end


def damaged_gzip(body: bytes) -> bytes:
    """Compressed, with a few bytes in the middle of the stream destroyed."""
    squeezed = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    whole = bytearray(squeezed.compress(body) + squeezed.flush())
    middle = len(_GZIP_HEAD) + (len(whole) - len(_GZIP_HEAD)) // 3
    whole[middle : middle + 4] = b"\xff\x00\xff\x00"
    return bytes(whole)


# Right JSON, wrong shape

Mend = Callable[[dict[str, Any], str], object]


def reshaped(body: bytes, how: str, name: str) -> bytes:
    """The answer with its first list of records, or with one field of every record, in another shape.

    ``name`` is the field; the first field of a record where it is left out. Numbers that are not whole may lose their spelling.
    """
    value = msgspec.json.decode(body)
    if how in _LISTS:
        value = _with_list(value, _LISTS[how])
    else:
        for record in _records(value):
            _FIELDS[how](record, name if name in record else next(iter(record), ""))
    return msgspec.json.encode(value)


def key_twice(body: bytes, name: str) -> bytes:
    """The first field of that name stands twice in its record, with another value first."""
    key = b'"%s":' % name.encode()
    return body.replace(key, key + b"987654," + key, 1)


def other_echo(body: bytes) -> bytes:
    """The answer to a write tells of another record, and of another quantity."""
    value = msgspec.json.decode(body)
    for record in _records(value):
        for name, told in list(record.items()):
            if name in {"id", "itemId"}:
                record[name] = (told if isinstance(told, int) else 0) + 4_711
            elif name == "quantity" and isinstance(told, int | float):
                record[name] = told + 1
    return msgspec.json.encode(value)


def _records(value: Any) -> list[dict[str, Any]]:
    found = value if isinstance(value, list) else next((part for part in value.values() if isinstance(part, list)), [value])
    return [record for record in found if isinstance(record, dict)]


def _with_list(value: Any, change: Callable[[list[Any]], object]) -> object:
    if isinstance(value, list):
        return change(value)
    name = next((name for name, part in value.items() if isinstance(part, list)), None)
    return {**value, name: change(value[name])} if name is not None else None


def _drop(record: dict[str, Any], name: str) -> None:
    record.pop(name, None)


def _rename(record: dict[str, Any], name: str) -> None:
    record[f"{name}Renamed"] = record.pop(name, None)


def _extend(record: dict[str, Any], name: str) -> None:
    record["newInThisVersion"] = {"of": [1, 2, None], "and": "more"}


_LISTS: dict[str, Callable[[list[Any]], object]] = {
    "object_for_list": lambda items: {str(number): item for number, item in enumerate(items)},
    "null_list": lambda items: None,
}
_FIELDS: dict[str, Mend] = {"missing_field": _drop, "renamed_field": _rename, "extra_field": _extend}

SHAPES = frozenset({*_LISTS, *_FIELDS})
"""Every way ``reshaped`` knows."""

# Bytes of a whole answer


def split_head(raw: bytes) -> tuple[bytes, bytes]:
    """Head with its blank line, and body."""
    head, blank, body = raw.partition(b"\r\n\r\n")
    return head + blank, body


def more_headers(raw: bytes, lines: bytes) -> bytes:
    """The answer with these header lines (each ended) first."""
    status, end, rest = raw.partition(b"\r\n")
    return status + end + lines + rest


def in_chunks(raw: bytes, broken: bytes) -> bytes:
    """The body as one good chunk, followed by bytes that are no chunk."""
    head, body = split_head(raw)
    head = re.sub(rb"(?i)content-length: \d+", b"Transfer-Encoding: chunked", head)
    return head + b"%x\r\n%b\r\n" % (len(body), body) + broken


def unending(raw: bytes) -> Iterator[bytes]:
    """The head announcing a gigabyte, then one blank after the other, forever."""
    head, _ = split_head(raw)
    yield re.sub(rb"(?i)content-length: \d+", b"Content-Length: 1000000000", head)
    yield from itertools.repeat(b" ")
