"""Rewrites docs/log-codes.md from the code tables: ``python3 -m tests.docs.codes_page``."""

from pathlib import Path

from reconcile_app.connectors.registry import CONNECTORS
from reconcile_app.core.codes import RC_CODES
from reconcile_app.core.findings import CodeTable, Kind, Scope, blocks

PAGE = Path(__file__).resolve().parents[2] / "docs" / "log-codes.md"

HEAD = """# Log codes

Every entry of the log has a code and a level. **Error**: technical, something could not be done. **Warning**: needs a person,
mostly data. **Info** and **Verbose**: nothing to do. Search for a code in the window (Ctrl+F) or filter the sheet *Log* of the
workbook.

The texts are the published ones, including their slips, because people and scripts search for them. Words in braces are filled in.
Codes that report a write (such as AT09) appear in a comparison, too; the column *planned* tells that nothing has been written yet.
After a fix in Atria (identifier, SKU) run *Reprocess Billing Records* there before you check again.
"""

REACH = {
    Scope.NOTHING: "", Scope.SELECTION: "not ticked for you", Scope.ROW: "this line", Scope.CUSTOMER: "all lines of the customer",
    Scope.RUN: "the run",
}  # fmt: skip


def rows(table: CodeTable) -> list[str]:
    """Table rows in order of the ids."""
    ordered = sorted(table.items(), key=lambda item: item[1].id)
    told = [(kind, (code.id, code.level, code.template, code.resolution)) for kind, code in ordered]
    return [row(kind, *(text.replace("|", "\\|") for text in texts)) for kind, texts in told]


def row(kind: Kind, code: str, level: str, template: str, resolution: str) -> str:
    """One row."""
    return f"| {code} | {level} | `{template}` | {REACH[blocks(kind)]} | {resolution} |"


def content() -> str:
    """The whole page."""
    parts = [HEAD]
    tables = [(spec.title, spec.codes) for spec in CONNECTORS if spec.codes] + [("Every PSA", RC_CODES)]
    for title, table in tables:
        titles = "| code | level | text | blocks | what to do |\n| --- | --- | --- | --- | --- |"
        parts.append(f"\n## {title}\n\n{titles}\n" + "\n".join(rows(table)) + "\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(content(), encoding="utf-8")
