"""No code of ConnectWise without a test that makes its situation on the wire and writes its text out in full."""

import ast
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from reconcile_app.connectors.connectwise.codes import CODES
from reconcile_app.core.findings import Code, Kind
from tests.end_to_end.test_codes_complete import _text

NEVER = {"CW11"}
"""A catalog item that could not be created: this program creates none, so nothing can tell of it."""

CODES_BY_ID = {code.id: code for code in CODES.values()}


@cache
def expectations() -> tuple[tuple[str, str, str], ...]:
    """Code, level and text of every ``Told(…)`` in the tests of ConnectWise's codes."""
    found: list[tuple[str, str, str]] = []
    for file in sorted(Path(__file__).parent.glob("test_connectwise_codes_*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Told":
                code, level, message = (_text(part) for part in node.args[:3])
                found.append((code, level, message))
    return tuple(found)


def test_every_code_is_made_on_the_wire() -> None:
    made = {code for code, _, _ in expectations() if code.startswith("CW")}
    assert made == set(CODES_BY_ID) - NEVER == {f"CW{n:02}" for n in range(1, 24)} - NEVER
    assert CODES[Kind.CATALOG_ITEM_REFUSED].id in NEVER


@pytest.mark.parametrize("code", CODES_BY_ID.values(), ids=CODES_BY_ID)
def test_expected_texts_have_the_level_and_the_fixed_words_of_the_published_template(code: Code) -> None:
    fixed = [part for part, *_ in Formatter().parse(code.template) if part.strip()]
    for said, level, message in expectations():
        if said == code.id:
            assert level == code.level.value
            at = 0
            for words in fixed:
                assert words.strip() in message[at:], (words, message)
                at = message.index(words.strip(), at) + len(words.strip())
