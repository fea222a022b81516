"""The condition language of the simulated ConnectWise PSA: a text becomes a predicate over records."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from reconcile_app.core.amounts import SCALE
from reconcile_app.sandbox.connectwise_errors import bad_condition, unknown_name

Record = Any
Predicate = Callable[[Record], bool]
Getter = Callable[[Record], object]
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')|\[(?P<date>[^\]]*)\]|(?P<number>-?[0-9]+(?:\.[0-9]+)?)(?![\w/.])"""
    r"""|(?P<sign><=|>=|!=|=|<|>)|(?P<mark>[(),])|(?P<word>[A-Za-z_]\w*(?:/\w+)*))""",
    re.ASCII,
)
_DATES = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}:\d{2})Z)?", re.ASCII)
_KINDS = {"text": "string", "date": "datetime", "number": "number", "bool": "boolean", "null": "null"}
_TAKES = {"text": "text", "choice": "text", "int": "number", "number": "number", "bool": "bool", "date": "date"}
_HINT = (
    'Strings are written in quotation marks ("text"), dates in square brackets ([2026-01-31T00:00:00Z]), numbers, true, false '
    "and null as they are."
)


class Token(NamedTuple):
    """A piece of a condition: ``kind`` is text, date, number, bool, null, sign, mark or word."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Subject:
    """What a name stands for: how a value is got from a record, and its type (``any`` where it is not known)."""

    type: str
    get: Getter


@dataclass(frozen=True, slots=True, kw_only=True)
class Grammar:
    """How a text is read: what names mean, whether ``in`` is allowed, and whether the site trips over dates.

    ``resolve`` raises ``LookupError`` for a name it does not know.
    """

    resolve: Callable[[str], Subject]
    allow_in: bool = True
    strict_dates: bool = False


def parse(text: str, grammar: Grammar) -> Predicate:
    """Understand a condition; an empty one lets everything pass.

    Raises:
        ApiError: 400 ``ApiFindCondition``.
    """
    tokens = _tokens(text, grammar)
    if not tokens:
        return lambda record: True
    parser = _Parser(tokens, grammar)
    predicate = parser.alternatives()
    if parser.at < len(tokens):
        raise bad_condition(f"Unexpected text after position {parser.at} of the condition.")
    return predicate


def _tokens(text: str, grammar: Grammar) -> list[Token]:
    found: list[Token] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise bad_condition(f"The condition could not be read at: {text[at : at + 20].strip()}")
        found.append(_token(match, grammar))
        at = match.end()
    return found


def _token(match: re.Match[str], grammar: Grammar) -> Token:
    kind = str(match.lastgroup)
    raw = match.group(kind)
    if kind == "text":
        inner = raw[1:-1]
        return Token("text", re.sub(r"\\(.)", r"\1", inner) if raw[0] == '"' else inner.replace("''", "'"))
    if kind == "date":
        return Token("date", read_date(raw, whole_days=grammar.strict_dates))
    if kind == "number":
        return Token("number", Decimal(raw))
    if kind == "word" and raw.lower() in {"true", "false"}:
        return Token("bool", raw.lower() == "true")
    return Token("null", None) if kind == "word" and raw.lower() == "null" else Token(kind, raw)


def read_date(raw: str, *, whole_days: bool = False) -> datetime:
    """A date literal, with or without a time in UTC.

    Raises:
        ApiError: it is none, or it has a time where the site takes whole days only.
    """
    found = _DATES.fullmatch(raw.strip())
    try:
        if found is None or (whole_days and found.group(2)):
            raise ValueError(raw)
        return datetime.fromisoformat(f"{found.group(1)}T{found.group(2) or '00:00:00'}+00:00")
    except ValueError as error:
        raise bad_condition(f"String was not recognized as a valid DateTime: {raw}. {_HINT}") from error


class _Parser:
    """Reads tokens from left to right; ``and`` binds closer than ``or``."""

    def __init__(self, tokens: Sequence[Token], grammar: Grammar) -> None:
        self.tokens = tokens
        self.grammar = grammar
        self.at = 0

    def alternatives(self) -> Predicate:
        found = [self._all()]
        while self._word("or"):
            found.append(self._all())
        return found[0] if len(found) == 1 else lambda record: any(one(record) for one in found)

    def _all(self) -> Predicate:
        found = [self._term()]
        while self._word("and"):
            found.append(self._term())
        return found[0] if len(found) == 1 else lambda record: all(one(record) for one in found)

    def _term(self) -> Predicate:
        if self._mark("("):
            inside = self.alternatives()
            self._need(")")
            return inside
        name = self._next("word").value
        try:
            subject = self.grammar.resolve(name)
        except LookupError as error:
            raise unknown_name(name) from error
        return self._predicate(name, subject)

    def _predicate(self, name: str, subject: Subject) -> Predicate:
        negated = self._word("not")
        for word, make in (("contains", _contains), ("like", _like)):
            if self._word(word):
                _check(name, subject, "text", word=word)
                return _either(make(subject, str(self._next("text").value)), negated)
        if self._word("in"):
            return _either(self._among(name, subject), negated)
        if negated:
            raise bad_condition("'not' stands before contains, like or in.")
        sign = self._next("sign").value
        literal = self._literal()
        _check(name, subject, literal.kind)
        return _compare(subject, sign, literal, never=self.grammar.strict_dates and sign == ">=" and literal.kind == "date")

    def _among(self, name: str, subject: Subject) -> Predicate:
        if not self.grammar.allow_in:
            raise bad_condition("'in' is only allowed in conditions.")
        self._need("(")
        literals = [self._literal()]
        while self._mark(","):
            literals.append(self._literal())
        self._need(")")
        for literal in literals:
            _check(name, subject, literal.kind)
        wanted = {_folded(literal.value) for literal in literals}
        return lambda record: comparable(subject, record) in wanted

    def _literal(self) -> Token:
        token = self._next()
        if token.kind not in _KINDS:
            raise bad_condition(f"A value is expected, not {token.value}. {_HINT}")
        return token

    def _next(self, kind: str = "") -> Token:
        if self.at >= len(self.tokens):
            raise bad_condition("The condition ends too early.")
        token = self.tokens[self.at]
        if kind and token.kind != kind:
            raise bad_condition(f"Unexpected {token.value} in the condition. {_HINT}")
        self.at += 1
        return token

    def _word(self, word: str) -> bool:
        return self._take("word", word)

    def _mark(self, mark: str) -> bool:
        return self._take("mark", mark)

    def _take(self, kind: str, value: str) -> bool:
        token = self.tokens[self.at] if self.at < len(self.tokens) else None
        taken = token is not None and token.kind == kind and str(token.value).lower() == value
        self.at += taken
        return taken

    def _need(self, mark: str) -> None:
        if not self._mark(mark):
            raise bad_condition(f"'{mark}' is missing in the condition.")


def _check(name: str, subject: Subject, kind: str, *, word: str = "") -> None:
    wanted = _TAKES.get(subject.type, kind)
    if kind in {"null", wanted}:
        return
    told = f"'{word}' needs a string" if word else f"Expected a {_KINDS[wanted]}, got a {_KINDS[kind]}"
    raise bad_condition(f"{told} for {name}. {_HINT}")


def comparable(subject: Subject, record: Record) -> object:
    """A record's value in the form literals have."""
    value = subject.get(record)
    if subject.type == "number" and isinstance(value, int):
        return Decimal(value) / SCALE
    return _folded(value)


def _folded(value: object) -> object:
    if isinstance(value, str):
        return value.casefold()
    if isinstance(value, datetime):
        return value.replace(microsecond=0)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value


def _either(predicate: Predicate, negated: bool) -> Predicate:
    return (lambda record: not predicate(record)) if negated else predicate


def _contains(subject: Subject, text: str) -> Predicate:
    wanted = text.casefold()
    return lambda record: wanted in str(comparable(subject, record) or "")


def _like(subject: Subject, text: str) -> Predicate:
    pattern = re.compile("".join(".*" if mark in "%*" else re.escape(mark) for mark in text.casefold()), re.DOTALL)
    return lambda record: pattern.fullmatch(str(comparable(subject, record) or "")) is not None


def _compare(subject: Subject, sign: str, literal: Token, *, never: bool = False) -> Predicate:
    wanted = _folded(literal.value)
    if never:
        return lambda record: False
    if wanted is None:
        return (lambda record: subject.get(record) is None) if sign == "=" else (lambda record: subject.get(record) is not None)
    compare = _SIGNS[sign]

    def holds(record: Record) -> bool:
        value = comparable(subject, record)
        if value is None:
            return False
        return compare(_timed(value) if literal.kind == "date" else value, wanted)

    return holds


def _timed(value: object) -> object:
    """Text of a custom field that is compared with a date."""
    if not isinstance(value, str):
        return value
    found = _DATES.fullmatch(value.upper())
    return read_date(found.group(0)) if found else None


def _safe(order: Callable[[Any, Any], bool]) -> Callable[[object, object], bool]:
    def compare(left: object, right: object) -> bool:
        try:
            return order(left, right)
        except TypeError:
            return False

    return compare


_SIGNS: dict[str, Callable[[object, object], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": _safe(lambda left, right: left < right),
    "<=": _safe(lambda left, right: left <= right),
    ">": _safe(lambda left, right: left > right),
    ">=": _safe(lambda left, right: left >= right),
}


def any_child(items: Callable[[Record], Iterable[object]], inside: Predicate) -> Predicate:
    """Whether one of a record's children passes."""
    return lambda record: any(inside(item) for item in items(record))
