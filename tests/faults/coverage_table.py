"""Which test shows which fault, collected from the markers; ``python -m tests.faults.coverage_table`` rewrites the table.

The tests are parsed, never imported, so that the table can be made where they cannot run.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- faults:begin -->", "<!-- faults:end -->"

SIDES = frozenset({"", "R", "W"})
WHENS = frozenset({"", "before", "after", "late"})

FAULTS = {
    "F-01": "the connection is refused",
    "F-02": "the name of the host is not known",
    "F-03": "connecting takes forever, or nobody ever answers",
    "F-04": "the certificate or the TLS version is bad",
    "F-05": "a proxy on the way refuses",
    "F-06": "the headers arrive byte by byte",
    "F-07": "the body arrives byte by byte and never ends",
    "F-08": "the connection is reset",
    "F-09": "the server closes a connection that was kept open",
    "F-10": "an answer comes twice, or bytes follow it",
    "F-11": "the network is gone for minutes",
    "F-12": "too many requests, with a time to wait",
    "F-13": "too many requests, without one, again and again",
    "F-14": "too many requests at the same time",
    "F-15": "an internal error",
    "F-16": "an internal error that reads like a refusal",
    "F-17": "a gateway's error page",
    "F-18": "a sign-in page instead of data",
    "F-19": "a redirect",
    "F-20": "accepted, to be done later",
    "F-21": "a line that was there a minute ago is not found",
    "F-22": "a conflict with somebody else's work",
    "F-23": "headers without measure",
    "F-24": "a body that ends early or is damaged",
    "F-25": "text that is no whole JSON",
    "F-26": "JSON under a wrong name, or under none",
    "F-27": "an answer that unpacks to gigabytes",
    "F-28": "JSON of another shape",
    "F-29": "success, told of something we did not send",
    "F-30": "the sign-in expires between two pages",
    "F-31": "the sign-in expires before a write",
    "F-32": "the sign-in cannot be renewed",
    "F-33": "a permission is taken away",
    "F-34": "the clock of this computer is wrong",
    "F-35": "the keys belong to another tenant",
    "F-36": "a page comes twice or overlaps",
    "F-37": "a page is missing or short",
    "F-38": "the pages never end",
    "F-39": "the next page is on another host",
    "F-40": "rows move between pages while reading",
    "F-41": "another user changes the line",
    "F-42": "another user makes the same change, or takes it back",
    "F-43": "the line or its parent is deleted",
    "F-44": "the contract ends, or its period is posted",
    "F-45": "a second copy of this program",
    "F-46": "a quantity that is none",
    "F-47": "parts of units",
    "F-48": "duplicates on either side",
    "F-49": "ambiguous keys and ids",
    "F-50": "hostile text",
    "F-51": "nothing, or very much",
    "F-52": "the billing period changes meanwhile",
    "F-53": "the disk is full",
    "F-54": "the disk cannot be written",
    "F-55": "the journal is locked, damaged, replaced or newer",
    "F-56": "the workbook cannot be written",
    "F-57": "the process is killed",
    "F-58": "the power fails",
    "F-59": "the computer sleeps",
    "F-60": "the program itself fails",
    "F-61": "the keyring fails",
    "F-62": "another version of the program",
}
"""Every fault of the catalogue in a few words."""


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """One marker: a fault, the side (reading, writing or neither), for a write when it strikes, and the test that shows it."""

    fault: str
    side: str
    when: str
    test: str


class MarkerInvalid(ValueError):
    """A marker that names no fault of the catalogue, or is not written in plain words."""


def marks_of(file: Path, root: Path = ROOT) -> list[Mark]:
    """The markers of one file.

    A marker belongs to the test it decorates, to every test of the file when it is in ``pytestmark``, and, in a table of cases at
    the top of the file, to each test whose decorators name that table.

    Raises:
        MarkerInvalid: naming the place.
    """
    tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    place = file.relative_to(root).as_posix()
    tables = {name: node for node in tree.body for name in _assigned(node)}
    found: list[Mark] = []
    for function in _tests(tree.body):
        sources: list[ast.AST] = list(function.decorator_list)
        named = {each.id for source in sources for each in ast.walk(source) if isinstance(each, ast.Name)}
        sources += [node for name, node in tables.items() if name in named | {"pytestmark"}]
        calls = [call for source in sources for call in _markers(source)]
        found += [_mark(call, f"{place}::{function.name}") for call in calls]
    return found


def collected(root: Path = ROOT) -> list[Mark]:
    """The markers of all tests, in order, none twice."""
    files = sorted((root / "tests").rglob("test_*.py"))
    return sorted({mark for file in files for mark in marks_of(file, root)})


def missing(marks: Sequence[Mark]) -> list[str]:
    """Faults that no test shows."""
    return sorted(set(FAULTS) - {mark.fault for mark in marks})


def table(marks: Sequence[Mark]) -> str:
    """The table as Markdown."""
    lines = ["| fault | what happens | reading | writing | tests |", "| --- | --- | --- | --- | --- |"]
    for fault, title in FAULTS.items():
        own = [mark for mark in marks if mark.fault == fault]
        reads = "yes" if any(mark.side == "R" for mark in own) else ""
        writes = ", ".join(when for when in ("before", "after", "late") if any(mark.when == when for mark in own))
        if not writes and any(mark.side == "W" for mark in own):
            writes = "yes"
        lines.append(f"| {fault} | {title} | {reads} | {writes} | {_places(own)} |")
    return "\n".join(lines)


def rewritten(page: str, marks: Sequence[Mark]) -> str:
    """The page with the table of these markers between its two comments.

    Raises:
        ValueError: the page has no place for it.
    """
    head, begun, rest = page.partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"the page needs a line {BEGIN} and a line {END}")
    return f"{head}{BEGIN}\n{table(marks)}\n{END}{tail}"


def _places(marks: Sequence[Mark]) -> str:
    """Files with the number of their tests: names of single tests would make the table unreadable."""
    counts: dict[str, set[str]] = {}
    for mark in marks:
        place, _, test = mark.test.partition("::")
        counts.setdefault(place.removeprefix("tests/"), set()).add(test)
    return "<br>".join(f"`{place}` {len(tests)}" for place, tests in sorted(counts.items()))


def _assigned(node: ast.stmt) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _tests(body: Sequence[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node
        elif isinstance(node, ast.ClassDef):
            yield from _tests(node.body)


def _markers(source: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(source):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fault":
            yield node


def _mark(call: ast.Call, test: str) -> Mark:
    words = [each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    if len(words) != len(call.args) or call.keywords or not 1 <= len(words) <= 3:
        raise MarkerInvalid(f"{test}: {ast.unparse(call)} must be one to three plain texts")
    fault, side, when = (*words, "", "")[:3]
    if fault not in FAULTS or side not in SIDES or when not in WHENS or (when and side != "W"):
        raise MarkerInvalid(f"{test}: {ast.unparse(call)} names no fault, side or time of the catalogue")
    return Mark(fault, side, when, test)


def main() -> None:
    """Rewrite the table in the documentation."""
    PAGE.write_text(rewritten(PAGE.read_text(encoding="utf-8"), collected()), encoding="utf-8")


if __name__ == "__main__":
    main()
