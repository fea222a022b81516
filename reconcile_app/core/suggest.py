"""Likely targets of a mapping, by name. Only suggestions: nothing is ever matched by name without a person."""

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from rapidfuzz import fuzz

_LEGAL_FORMS = frozenset(
    {
        "ltd",
        "limited",
        "inc",
        "incorporated",
        "llc",
        "llp",
        "lp",
        "plc",
        "corp",
        "corporation",
        "co",
        "company",
        "pty",
        "pvt",
        "gmbh",
        "ag",
        "kg",
        "ug",
        "sa",
        "sarl",
        "sas",
        "srl",
        "spa",
        "bv",
        "nv",
        "oy",
        "ab",
        "as",
        "aps",
        "kk",
        "sl",
    }
)
_WORDS = re.compile(r"[^\W_]+")


class Suggested(NamedTuple):
    """A likely target. ``score`` is 0 to 100; ``exact``: only the way of writing or the legal form differs; ``reason`` says why."""

    target_id: str
    target_name: str
    score: int
    exact: bool
    reason: str


def plain_name(name: str) -> str:
    """A name without case, accents and punctuation, with "&" as "and"."""
    spread = unicodedata.normalize("NFKD", name.replace("&", " and ").casefold().replace("'", "").replace("’", ""))
    return " ".join(_WORDS.findall("".join(mark for mark in spread if not unicodedata.combining(mark))))


def core_name(name: str) -> str:
    """A plain name without its legal form; a name that is nothing else keeps it."""
    words = _joined_initials(plain_name(name).split())
    while len(words) > 1 and words[-1] in _LEGAL_FORMS:
        words.pop()
    return " ".join(words)


def suggest(name: str, candidates: Iterable[tuple[str, str]], *, limit: int = 10, least: int = 60) -> list[Suggested]:
    """The candidates (id, name) that are most alike, best first; those scoring below ``least`` are left out.

    ``exact`` is only given to a single candidate: two that are the same after normalizing need a person to tell them apart.
    """
    plain, core = plain_name(name), core_name(name)
    if not plain:
        return []
    found = [_rated(plain, core, id_, other) for id_, other in candidates]
    kept = sorted((each for each in found if each.score >= least), key=lambda each: (-each.score, each.target_name, each.target_id))
    if sum(each.exact for each in kept) > 1:
        kept = [each._replace(exact=False, reason=f"{each.reason}, but not the only one") if each.exact else each for each in kept]
    return kept[:limit]


def _rated(plain: str, core: str, id_: str, other: str) -> Suggested:
    other_plain, other_core = plain_name(other), core_name(other)
    if plain == other_plain:
        return Suggested(id_, other, 100, True, "same name")
    if core == other_core:
        return Suggested(id_, other, 100, True, f"same name after removing {_removed(plain, core, other_plain)}")
    score = min(99, round(max(fuzz.token_sort_ratio(core, other_core), 0.95 * fuzz.token_set_ratio(core, other_core))))
    return Suggested(id_, other, score, False, f"similar name ({score} %)")


def _removed(plain: str, core: str, other_plain: str) -> str:
    kept = core.split()
    words = [word for text in (plain, other_plain) for word in _joined_initials(text.split()) if word not in kept]
    return " and ".join(dict.fromkeys(word.capitalize() if len(word) > 2 else word.upper() for word in words)) or "punctuation"


def _joined_initials(words: list[str]) -> list[str]:
    """Single letters in a row as one word, so that "B.V." and "BV" agree."""
    joined: list[str] = []
    initials = ""
    for word in [*words, ""]:
        if len(word) == 1:
            initials += word
            continue
        if initials:
            joined.append(initials)
            initials = ""
        if word:
            joined.append(word)
    return joined
