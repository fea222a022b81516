"""Damage to an answer: to its bytes, to its structure, to the way it travels. The same dice do the same damage."""

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

from tests.fuzz.oddities import HEADERS, KEYS, STATUSES, odd_value
from tests.fuzz.plain import BOM
from tests.fuzz.spans import Span, Spans, spans_of

Header = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """An answer as it travels. ``ends_early``: the connection breaks after the content."""

    status: int
    headers: tuple[Header, ...]
    content: bytes
    ends_early: bool = False

    def header(self, name: bytes) -> str:
        """A header as text, in lower case; the last one of its name."""
        told = [value for key, value in self.headers if key.lower() == name]
        return told[-1].decode("latin-1").strip().lower() if told else ""

    def with_header(self, name: bytes, value: bytes) -> "Wire":
        """The same answer with another value of a header."""
        others = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return replace(self, headers=(*others, (name, value)))


@lru_cache(maxsize=256)
def _spans(content: bytes) -> Spans:
    return spans_of(content)


# the bytes


def truncate(content: bytes, dice: Random) -> bytes:
    return content[: dice.randrange(len(content) + 1)]


def flip(content: bytes, dice: Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(dice.choice((1, 1, 1, 2, 8))):
        if damaged:
            damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
    return bytes(damaged)


def overwrite(content: bytes, dice: Random) -> bytes:
    start, end = _piece(content, dice, 4)
    return content[:start] + dice.choice(_JUNK) + content[end:]


def insert(content: bytes, dice: Random) -> bytes:
    at = dice.randrange(len(content) + 1)
    return content[:at] + dice.choice(_JUNK) + content[at:]


def delete(content: bytes, dice: Random) -> bytes:
    start, end = _piece(content, dice, dice.choice((1, 2, 8, 64, 512)))
    return content[:start] + content[end:]


def double(content: bytes, dice: Random) -> bytes:
    start, end = _piece(content, dice, dice.choice((1, 2, 8, 64, 512)))
    return content[:end] + content[start:end] + content[end:]


def digit(content: bytes, dice: Random) -> bytes:
    """Another digit, sign or point: still JSON, but another number."""
    places = [at for at, byte in enumerate(content) if byte in b"0123456789.-"]
    if not places:
        return flip(content, dice)
    at = dice.choice(places)
    return content[:at] + dice.choice((b"0", b"1", b"9", b"-", b".", b"e", b"_", b"")) + content[at + 1 :]


def wrap(content: bytes, dice: Random) -> bytes:
    before, after = dice.choice(
        (
            (BOM, b""),
            (BOM + BOM, b""),
            (b"", b"\n\n"),
            (b"", b"\x00"),
            (b"", b" x"),
            (b"", b"}"),
            (b"", b"]"),
            (b"[", b"]"),
            (b"\xa0", b""),
            (b")]}',\n", b""),
            (b'{"data":', b"}"),
            (b'{"value":', b',"value":[]}'),
            (b"", content),
            (b'{"items":', b',"pageDetails":{}}'),
        )
    )
    return before + content + after


def encode(content: bytes, dice: Random) -> bytes:
    text = content.decode("utf-8", "replace")
    return text.encode(dice.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "utf-7", "cp037")), "replace")


def instead(content: bytes, dice: Random) -> bytes:
    return dice.choice(
        (
            b"",
            b" ",
            b"null",
            b"true",
            b"0",
            b'""',
            b"[]",
            b"{}",
            b"[null]",
            b"[[]]",
            b'"[]"',
            b"<!DOCTYPE html><html>Sign in</html>",
            b"<?xml version='1.0'?><a/>",
            b"\x1f\x8b\x08",
            b"\xff\xfe",
            b"\x00" * 64,
            b'{"errors":["no"]}',
            b'{"message":"no"}',
            b'{"items":[],"pageDetails":{"count":0,"nextPageUrl":null}}',
            b'{"items":[]}',
            b'{"pageDetails":{}}',
            b"Service Unavailable",
        )
    )


_JUNK = (
    b"\x00",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"null",
    b"NaN",
    b"1e400",
    b"\n",
    b"\r",
    b"\xe2\x80\xae",
    b"//",
    b"0",
    b"-",
    b'"},{"',
    b"\\u0000",
    b"\\ud800",
    b"\t",
    b"\x1b[2J",
)


def _piece(content: bytes, dice: Random, length: int) -> tuple[int, int]:
    start = dice.randrange(len(content) + 1)
    return start, min(len(content), start + dice.randrange(length + 1))


# the structure


def _spliced(content: bytes, span: Span, text: bytes) -> bytes:
    return content[: span.start] + text + content[span.end :]


def odd_scalar(content: bytes, dice: Random) -> bytes:
    scalars = _spans(content).scalars
    return _spliced(content, dice.choice(scalars), odd_value(dice)) if scalars else flip(content, dice)


def odd_anything(content: bytes, dice: Random) -> bytes:
    values = _spans(content).values
    return _spliced(content, dice.choice(values), odd_value(dice)) if values else flip(content, dice)


def other_value(content: bytes, dice: Random) -> bytes:
    """A value takes the place of another one."""
    values = _spans(content).values
    if not values:
        return flip(content, dice)
    taken = dice.choice(values)
    return _spliced(content, dice.choice(values), content[taken.start : taken.end])


def rename(content: bytes, dice: Random) -> bytes:
    """A member gets another name: that of another member, an odd one, or its own in another spelling."""
    keys = _spans(content).keys
    if not keys:
        return flip(content, dice)
    span, taken = dice.choice(keys), dice.choice(keys)
    own = content[span.start : span.end]
    names = (
        content[taken.start : taken.end],
        dice.choice(KEYS).encode("utf-8", "surrogatepass"),
        own.upper(),
        own.lower(),
        own[:-1] + b'x"',
    )
    return _spliced(content, span, dice.choice(names))


def drop_part(content: bytes, dice: Random) -> bytes:
    """A member or element disappears, and a comma with it."""
    parts = _spans(content).parts
    if not parts:
        return flip(content, dice)
    span = dice.choice(parts)
    end = span.end + 1 if content[span.end : span.end + 1] == b"," else span.end
    start = span.start
    if end == span.end and content[:start].rstrip().endswith(b","):
        start = len(content[:start].rstrip()) - 1
    return content[:start] + content[end:]


def double_part(content: bytes, dice: Random) -> bytes:
    """A member or element stands there twice; a doubled member may say something else the second time."""
    spans = _spans(content)
    if not spans.parts:
        return flip(content, dice)
    span = dice.choice(spans.parts)
    copy = content[span.start : span.end]
    if dice.random() < 0.6 and (inner := _spans(copy if copy[:1] in b"[{" else b"{" + copy + b"}")).scalars:
        wrapped = copy if copy[:1] in b"[{" else b"{" + copy + b"}"
        changed = _spliced(wrapped, dice.choice(inner.scalars), odd_value(dice))
        copy = changed if copy[:1] in b"[{" else changed[1:-1]
    return content[: span.end] + b"," + copy + content[span.end :]


def swap_parts(content: bytes, dice: Random) -> bytes:
    """Two members or elements change places."""
    parts = _spans(content).parts
    if len(parts) < 2:
        return flip(content, dice)
    one, other = sorted(dice.sample(parts, 2), key=lambda span: span.start)
    if one.end > other.start:
        return _spliced(content, other, content[one.start : one.end])
    first, second = content[one.start : one.end], content[other.start : other.end]
    return content[: one.start] + second + content[one.end : other.start] + first + content[other.end :]


Change = Callable[[bytes, Random], bytes]

_BYTES: tuple[Change, ...] = (
    truncate,
    truncate,
    flip,
    flip,
    overwrite,
    insert,
    delete,
    double,
    digit,
    digit,
    digit,
    wrap,
    encode,
    instead,
)
_STRUCTURE: tuple[Change, ...] = (
    odd_scalar,
    odd_scalar,
    odd_scalar,
    odd_anything,
    other_value,
    other_value,
    rename,
    rename,
    drop_part,
    drop_part,
    double_part,
    double_part,
    swap_parts,
)


def damaged_content(content: bytes, dice: Random) -> bytes:
    """The content with one piece of damage, seldom more."""
    for _ in range(dice.choice((1, 1, 1, 1, 2, 3))):
        changes = _STRUCTURE if dice.random() < 0.65 else _BYTES
        content = dice.choice(changes)(content, dice)
    return content


# the way it travels


def _status(wire: Wire, dice: Random) -> Wire:
    status = dice.choice(STATUSES)
    told = replace(wire, status=status)
    if 300 <= status < 400:
        told = told.with_header(
            b"Location", dice.choice((b"/elsewhere", b"https://evil.example/x", b"//evil.example", b"\\\\evil", b""))
        )
    if dice.random() < 0.5:
        words = dice.choice(
            (b'{"errors":["You cannot do this."]}', b'{"Message":"no"}', b'{"errors":[]}', b'{"errors":"x"}', b"<html>", b"")
        )
        told = replace(told, content=words)
    return told


def _packed(wire: Wire, dice: Random) -> Wire:
    name, content = (
        (b"gzip", gzip.compress(wire.content, mtime=0)) if dice.random() < 0.5 else (b"deflate", zlib.compress(wire.content))
    )
    if dice.random() < 0.7:
        content = dice.choice((truncate, flip, delete, double))(content, dice)
    return replace(wire, content=content).with_header(b"Content-Encoding", name)


def _headed(wire: Wire, dice: Random) -> Wire:
    name, value = dice.choice(HEADERS)
    return wire.with_header(name, value)


def _cut(wire: Wire, dice: Random) -> Wire:
    return replace(wire, content=truncate(wire.content, dice), ends_early=True)


def damaged(wire: Wire, dice: Random) -> Wire:
    """The answer with damage of one kind."""
    way = dice.random()
    if way < 0.80:
        return replace(wire, content=damaged_content(wire.content, dice))
    if way < 0.87:
        return _status(wire, dice)
    if way < 0.91:
        return _packed(wire, dice)
    if way < 0.97:
        return _headed(wire, dice)
    return _cut(wire, dice)
