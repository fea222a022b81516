"""The shape of the code: layers, sizes, names, and what may not stand in it."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "reconcile_app"
LONGEST_MODULE = 400
LONGEST_FUNCTION = 50
BANNED_NAMES = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}


def modules() -> list[Path]:
    return sorted([*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py"), ROOT / "dev.py"])


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_modules_and_functions_stay_small(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= LONGEST_MODULE, "a module this long is two ideas"
    for function in functions(ast.parse(source)):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        assert length <= LONGEST_FUNCTION, f"{function.name} has {length} lines"


def test_no_module_is_named_after_nothing() -> None:
    assert [path.name for path in PACKAGE.rglob("*.py") if path.stem in BANNED_NAMES] == []


def test_dialogs_are_awaited_never_run_nested() -> None:
    nested = re.compile(r"\.exec\(\)|\.exec_\(\)|processEvents\(")
    found = [path.name for path in (PACKAGE / "ui").rglob("*.py") if nested.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_certificate_checks_cannot_be_switched_off() -> None:
    switched_off = re.compile(r"verify\s*=\s*False|CERT_NONE|check_hostname\s*=\s*False")
    found = [path.name for path in PACKAGE.rglob("*.py") if switched_off.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_nothing_is_left_to_do() -> None:
    left = re.compile(r"\b(TODO|FIXME|NotImplementedError)\b")
    found = [path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py") if left.search(path.read_text(encoding="utf-8"))]
    assert found == []


def test_every_exception_to_a_rule_says_why() -> None:
    """A bare ``noqa`` or ``type: ignore`` is refused: the reason stands on the same line."""
    exception = re.compile(r"#\s*(?:noqa(?::\s*[A-Z0-9, ]+)?|type:\s*ignore(?:\[[^\]]*\])?)(?P<reason>.*)$")
    bare = []
    for path in modules():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            found = exception.search(line)
            if found and "exception = re.compile" not in line and len(found["reason"].strip(" -#")) < 8:
                bare.append(f"{path.relative_to(ROOT)}:{number}")
    assert bare == []


def test_the_requirements_are_pinned_with_hashes_and_name_no_index() -> None:
    for path in (ROOT / "requirements").glob("*.txt"):
        text = path.read_text(encoding="ascii")
        assert "://" not in text
        assert not re.search(r"^--|--(?:extra-)?index-url|--find-links", text, flags=re.MULTILINE)
        names = re.findall(r"^([a-z0-9][a-z0-9._-]*)==", text, flags=re.MULTILINE)
        assert len(names) >= 40
        assert "keyrings-alt" not in names
        assert text.count("--hash=sha256:") > len(names)
