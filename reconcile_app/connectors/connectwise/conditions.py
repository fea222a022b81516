"""The query language of ConnectWise lists: conditions as text, and value lists cut so that every address stays short enough.

Addresses above 2,000 characters may be refused (414), and there is no search by body for the lists that are needed here.
"""

from collections.abc import Callable, Collection, Sequence

LONGEST_URL = 2_000


def text_value(text: str) -> str:
    """A text in a condition: double quotes, with backslashes before quotes and backslashes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def one_of(field: str, values: Collection[str]) -> str:
    """``field in (…)`` of values that are written as the query language wants them."""
    return f"{field} in ({','.join(values)})"


def all_of(*conditions: str) -> str:
    """Conditions that must all hold; empty ones are left out."""
    return " and ".join(condition for condition in conditions if condition)


def batches(values: Sequence[str], length: Callable[[Sequence[str]], int]) -> list[list[str]]:
    """Values cut into lists whose address is at most ``LONGEST_URL`` characters long.

    A value that is too long on its own gets a list of its own: the server then says so, and nothing is left out unseen.

    Args:
        values: as the query language wants them.
        length: how long the address for such a list is, all its escapes counted.
    """
    cut: list[list[str]] = []
    rest = list(values)
    while rest:
        size = _fit(rest, length)
        cut.append(rest[:size])
        del rest[:size]
    return cut


def _fit(rest: Sequence[str], length: Callable[[Sequence[str]], int]) -> int:
    """The longest start of ``rest`` that fits, at least one value."""
    least, most = 1, len(rest)
    while least < most:
        middle = (least + most + 1) // 2
        if length(rest[:middle]) <= LONGEST_URL:
            least = middle
        else:
            most = middle - 1
    return least
