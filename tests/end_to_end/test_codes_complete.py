"""No code without a test that makes its situation on the wire and writes its text out in full."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from reconcile_app.connectors.autotask.codes import CODES
from reconcile_app.core.codes import RC_CODES
from reconcile_app.core.findings import Code

CODES_BY_ID = {code.id: code for code in (*CODES.values(), *RC_CODES.values())}


@cache
def expectations() -> tuple[tuple[str, str, str], ...]:
    """Code, level and text of every ``Told(…)`` in the tests beside this one; a text that is put together keeps its fixed parts."""
    return tuple(_expectations())


def _expectations() -> Iterator[tuple[str, str, str]]:
    for file in sorted(Path(__file__).parent.glob("test_codes_*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Told":
                code, level, message = (_text(part) for part in node.args[:3])
                yield code, level, message


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "\x00" for part in node.values)
    assert isinstance(node, ast.Constant), ast.dump(node)
    return str(node.value)


def test_every_code_of_autotask_and_every_shared_code_is_made_on_the_wire() -> None:
    assert {code for code, _, _ in expectations()} == set(CODES_BY_ID)
    assert set(CODES_BY_ID) == {f"AT{n:02}" for n in range(1, 25)} | {f"RC{n:02}" for n in range(1, 22)}


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
