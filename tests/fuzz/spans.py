"""Where the values and members of a JSON text stand, so that one of them can be cut out, doubled or replaced byte by byte."""

import re
from dataclasses import dataclass, field

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_SCALAR = re.compile(rb"[^,\]}\s]+")
_BLANK = re.compile(rb"\s*")


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the text."""

    start: int
    end: int


@dataclass(slots=True)
class Spans:
    """What a text is made of. ``keys`` are member names with their quotes, ``parts`` whole members and elements without commas."""

    values: list[Span] = field(default_factory=list)
    scalars: list[Span] = field(default_factory=list)
    keys: list[Span] = field(default_factory=list)
    parts: list[Span] = field(default_factory=list)


def spans_of(text: bytes) -> Spans:
    """The pieces of a valid JSON text; of any other text no piece at all."""
    found = Spans()
    try:
        _value(text, _blank(text, 0), found)
    except (ValueError, IndexError, RecursionError):
        return Spans()
    return found


def _blank(text: bytes, at: int) -> int:
    blank = _BLANK.match(text, at)
    assert blank is not None
    return blank.end()


def _value(text: bytes, at: int, found: Spans) -> int:
    opening = text[at : at + 1]
    if opening in (b"{", b"["):
        end = _container(text, at, found, is_object=opening == b"{")
    else:
        end = _token(text, at, _STRING if opening == b'"' else _SCALAR)
        found.scalars.append(Span(at, end))
    found.values.append(Span(at, end))
    return end


def _container(text: bytes, at: int, found: Spans, *, is_object: bool) -> int:
    closing = b"}" if is_object else b"]"
    at = _blank(text, at + 1)
    while text[at : at + 1] != closing:
        start = at
        if is_object:
            end = _token(text, at, _STRING)
            found.keys.append(Span(at, end))
            at = _blank(text, text.index(b":", end) + 1)
        at = _value(text, at, found)
        found.parts.append(Span(start, at))
        at = _blank(text, at)
        if text[at : at + 1] == b",":
            at = _blank(text, at + 1)
    return at + 1


def _token(text: bytes, at: int, shape: re.Pattern[bytes]) -> int:
    token = shape.match(text, at)
    if token is None:
        raise ValueError("no JSON")
    return token.end()
