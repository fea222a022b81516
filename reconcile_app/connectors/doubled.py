"""Objects that hold a key twice: decoders silently keep the last value, and nobody can tell which one was meant."""

import json
from typing import Any


class _Doubled(Exception):
    """Ends the scan; ``args[0]`` is the key."""


def may_repeat(content: bytes, keys: int) -> bool:
    """Whether a key may stand twice in this JSON text, whose objects should have so many keys in all.

    Quick, and wrong in one direction: where it says yes, ``doubled_key`` tells.
    """
    return content.count(b'":') != keys


def doubled_key(content: bytes) -> str:
    """The first key that any object in this JSON text holds twice, compared without case; empty where there is none.

    Text that is no JSON has none: refusing it is the decoder's business.
    """
    try:
        json.loads(content, object_pairs_hook=_once, parse_int=_unread, parse_float=_unread)
    except _Doubled as found:
        return str(found.args[0])
    except (ValueError, RecursionError):
        return ""
    return ""


def _once(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        plain = name.casefold()
        if plain in seen:
            raise _Doubled(name[:80])
        seen.add(plain)


def _unread(number: str) -> None:
    """Numbers do not matter here, and some are too long to be read quickly."""
