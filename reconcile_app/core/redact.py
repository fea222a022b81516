"""Removes secrets from text that is about to be kept or shown: logs, errors, journal bodies, the workbook.

Two nets, one behind the other: the *values* of known secrets, in every form in which they travel, and the *names* under which
secrets travel, whatever their value.
"""

import base64
import json
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

MARK: Final = "***"
"""What stands where a secret stood."""

SHORTEST: Final = len(MARK) + 1
"""A shorter value is removed by its name only: removed everywhere it would leave no readable text."""

_SHORTEST_FRAGMENT = 8
_ROUNDS = 25

_NAME = (
    r"(?:authorization|cookie|secret|user[_-]?name|pass(?:word|wd)|token|(?:api[_-]?)?integration[_-]?code|client[_-]?id"
    r"|(?:api|public|private|access)[_-]?key)"
)
_QUOTED = r"""(?:b?"(?:\\.|[^"\\])*"?|b?'(?:\\.|[^'\\])*'?)"""
_ESCAPED = r"""(?:\\+"(?:(?!\\+").)*(?:\\+")?)"""

_HEADER_LINE = re.compile(r"(authorization|cookie)([ \t]*[:=][ \t]*)(?![\"'\\ \t]|b[\"'])[^\r\n]+", re.IGNORECASE)
_PAIR_QUOTED = re.compile(rf"({_NAME}\\*[\"']?[ \t]*[:=]\s*)({_QUOTED}|{_ESCAPED})", re.IGNORECASE | re.DOTALL)
_PAIR_TUPLE = re.compile(rf"(\(\s*b?[\"'][\w-]{{0,40}}{_NAME}[\"']\s*,\s*)({_QUOTED})", re.IGNORECASE | re.DOTALL)
_PAIR_BARE = re.compile(rf"({_NAME}\\*[\"']?[ \t]*[:=][ \t]*)(?![\"'\\]|b[\"'])[^\s,;&\"'<>{{}}\[\]()\\]+", re.IGNORECASE)
_SCHEME = re.compile(r"\b(bearer[ \t]+)[\w.~+/=-]{4,}|\b(basic[ \t]+)(?=[a-z+/]*[0-9=])[a-z0-9+/=]{16,}", re.IGNORECASE)
_JWT = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?")
_USER_INFO = re.compile(r"(://)[^/\s@?#]{1,300}@")
_URL_QUERY = re.compile(r"(https?://[^\s?#\"'<>]{0,2000})\?[^\s\"'<>#]+", re.IGNORECASE)
_PATH_QUERY = re.compile(r"(?<=[\w/.~%-])\?[^\s\"'<>=?]{1,200}=[^\s\"'<>]*")


class Redactor:
    """Knows the secrets of this session and takes them out of texts.

    Args:
        secrets: the values. Those shorter than ``SHORTEST`` are not searched for by value.
    """

    __slots__ = ("_forms",)

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        values = {value for secret in secrets for value in (secret, secret.strip()) if len(value) >= SHORTEST}
        forms = {form for value in values for form in _forms(value)}
        self._forms = tuple((form.casefold(), _pattern(form)) for form in sorted(forms, key=lambda form: (-len(form), form)))

    def clean(self, text: str) -> str:
        """The text without secrets. Cleaning twice changes nothing more.

        Besides the known values this removes what follows the names under which secrets travel (``authorization``, ``secret``,
        ``token`` …, as header, JSON, Python or form text), sign-in schemes, JSON web tokens, query strings and user-info of
        addresses.
        """
        # A mark may complete another secret ("ab" + "***"), so this goes on until nothing changes.
        for _ in range(_ROUNDS):
            cleaned = self._without_values(_without_named(text))
            if cleaned == text:
                break
            text = cleaned
        return text

    def _without_values(self, text: str) -> str:
        folded = text.casefold()
        for form, pattern in self._forms:
            if form in folded:
                text = pattern.sub(MARK, text)
                folded = text.casefold()
        return text

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"


def _without_named(text: str) -> str:
    text = _USER_INFO.sub(rf"\1{MARK}@", text)
    text = _URL_QUERY.sub(rf"\1?{MARK}", text)
    text = _PATH_QUERY.sub(f"?{MARK}", text)
    text = _PAIR_QUOTED.sub(_quoted_mark, text)
    text = _PAIR_TUPLE.sub(_quoted_mark, text)
    text = _HEADER_LINE.sub(rf"\1\2{MARK}", text)
    text = _PAIR_BARE.sub(rf"\1{MARK}", text)
    text = _SCHEME.sub(lambda found: f"{found[1] or found[2]}{MARK}", text)
    return _JWT.sub(MARK, text)


def _quoted_mark(found: re.Match[str]) -> str:
    opening = re.match(r"b?\\*[\"']", found[2])
    quotes = opening[0] if opening else ""
    return f"{found[1]}{quotes}{MARK}{quotes.removeprefix('b')}"


def _forms(secret: str) -> set[str]:
    """Every text form of a secret: plain, in an address, in JSON (also JSON within JSON), base64 at any offset, hexadecimal."""
    raw = secret.encode("utf-8", "surrogatepass")
    plain = json.dumps(secret)[1:-1]
    readable = json.dumps(secret, ensure_ascii=False)[1:-1]
    forms = {
        secret,
        repr(secret)[1:-1],
        plain,
        readable,
        plain.replace("/", r"\/"),
        json.dumps(plain)[1:-1],
        quote(raw, safe=""),
        quote(raw),
        quote_plus(raw),
        raw.hex(),
    }
    return forms | _base64_forms(raw)


def _base64_forms(raw: bytes) -> set[str]:
    """A user and a key are joined before they are encoded, so the secret may begin at any of three offsets within the groups."""
    forms = {base64.b64encode(raw).decode().rstrip("=")}
    for offset in range(3):
        whole = 8 * (offset + len(raw)) // 6
        fragment = base64.b64encode(bytes(offset) + raw).decode()[(0, 2, 3)[offset] : whole]
        if len(fragment) >= _SHORTEST_FRAGMENT:
            forms.add(fragment)
    return forms | {form.replace("+", "-").replace("/", "_") for form in forms}


def _pattern(form: str) -> re.Pattern[str]:
    return re.compile(re.escape(form), re.IGNORECASE)
