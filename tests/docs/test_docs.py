"""The words around the program: every code, setting, command and dependency is explained, every link leads somewhere."""

import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from reconcile_app.cli import program
from reconcile_app.connectors.registry import CONNECTORS
from reconcile_app.core.codes import RC_CODES
from reconcile_app.core.findings import CodeTable
from reconcile_app.core.ports import ConnectorSpec

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
REWRITE = "python3 -m tests.docs.codes_page"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("table", [RC_CODES, *(spec.codes for spec in CONNECTORS if spec.codes)])
def test_every_code_has_its_row_with_the_exact_text(table: CodeTable) -> None:
    text = page("log-codes.md")
    for code in table.values():
        assert f"| {code.id} | {code.level} |" in text, f"rewrite the page: {REWRITE}"
        assert code.template.replace("|", "\\|") in text, f"rewrite the page: {REWRITE}"


@pytest.mark.parametrize("spec", CONNECTORS, ids=lambda spec: spec.key)
def test_every_setting_of_a_connection_is_explained(spec: ConnectorSpec) -> None:
    text = page(f"{spec.key.replace('_', '-')}.md")
    for field in spec.fields:
        assert field.secret or f"`{field.name}`" in text
        assert field.label in text


def test_every_command_is_explained() -> None:
    text = page("command-line.md")
    command = get_command(program)
    names = []
    for name, sub in command.commands.items():  # type: ignore[attr-defined]  # typer builds a group here
        if sub.hidden:
            continue
        subs = getattr(sub, "commands", None)
        names += [f"{name} {inner}" for inner in subs] if subs else [name]
    assert len(names) >= 13
    for name in names:
        assert f"reconcile-app {name}" in text


def test_every_dependency_has_its_reason() -> None:
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    text = page("architecture.md")
    for line in told:
        name = re.split(r"[<>=]", line)[0]
        assert name in text, f"{name} needs a line in the table of dependencies"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_the_readme_shows_both_commands_first() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first = text.index("python3 dev.py demo")
    assert first < text.index("python3 dev.py test") < text.index("## First real use")
    script = (ROOT / "dev.py").read_text(encoding="utf-8")
    for command in re.findall(r"python3 dev\.py (\w+)", text):
        assert f'"{command}":' in script
