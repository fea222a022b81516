"""The operator's month in a real window: keys and mouse in, clipboard and the sandbox's own ledger out."""

import sys
from collections import Counter
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

from tests.end_to_end import real_screen
from tests.end_to_end.conftest import Installation
from tests.end_to_end.real_screen import Person, at_work, screen, until

pytestmark = pytest.mark.skipif(bool(real_screen.missing()), reason=f"no real window: {real_screen.missing()}")

_HISTORY = (51, 170)
"""Where the rail shows History, in the window of the design size."""


def rows_of(person: Person) -> list[dict[str, str]]:
    """All rows that the table shows, by header."""
    person.press("ctrl+a")
    header, *lines = person.copied()
    return [dict(zip(header, line, strict=True)) for line in lines]


def search(person: Person, text: str) -> list[dict[str, str]]:
    """Search, go into the table, read what is left."""
    person.press("ctrl+f")
    person.write(text)
    person.press("Return")
    return rows_of(person)


def steps(rows: list[dict[str, str]]) -> Counter[tuple[int, int]]:
    """Quantity before → after of rows, in ten-thousandths; a side without the line counts as none of it."""
    def amount(text: str) -> int:
        return int(Decimal(text or "0") * 10_000)
    return Counter((amount(row["Autotask"]), amount(row["Atria"])) for row in rows)


def committed(installation: Installation) -> Counter[tuple[int, int]]:
    """What the sandbox really wrote for us."""
    return Counter((entry["before"], entry["after"]) for entry in installation.ledger())


def compared(person: Person, runs: Path) -> bool:
    """Press F5 until there is a comparison (while the program still starts it does nothing); whether the table has its rows."""
    if not any(runs.iterdir()):
        person.press("F5")
        with suppress(AssertionError):
            until(lambda: any(runs.iterdir()), "the comparison was kept", 4)
    return len(person.copied()) > 1


def test_a_month_by_keys_and_mouse_writes_exactly_what_was_ticked(installation, tmp_path):
    command = [sys.executable, "-m", "reconcile_app", "--data-dir", str(installation.folder)]
    log = tmp_path / "program.log"
    with screen() as environment, at_work(command, {**environment, **installation.secrets}, log) as person:
        until(lambda: compared(person, installation.folder / "runs"), "the comparison was kept and is on the screen")
        everything = rows_of(person)
        assert len(everything) > 40

        found = search(person, "RC01")
        assert 0 < len(found) < len(everything)
        assert all("RC01" in row["Codes"] for row in found), "the search shows what was searched for, and nothing else"
        person.press("Escape")
        assert len(rows_of(person)) == len(everything), "Esc clears the search"

        # everything that may be ticked is ticked, then unticked; after that exactly two customers are chosen
        person.press("space", "space")
        wanted = search(person, "Aspen Street")
        person.press("space", "Escape")
        wanted += search(person, "Bygone Antiques")
        person.press("space", "Escape", "F8")
        ticked = [row for row in rows_of(person) if row["✓"] == "yes"]
        assert steps(ticked) == steps(wanted)
        assert len(wanted) == 3
        assert not installation.ledger(), "nothing is written before it was reviewed and confirmed"

        person.press("ctrl+Return")
        until(lambda: confirmed(person, installation, len(wanted)), "the push wrote something")
        until(lambda: committed(installation) == steps(wanted), f"the ledger holds {steps(wanted)}")

        person.click(*_HISTORY)
        until(lambda: pushed(person), "the history says that the run was pushed")
        assert committed(installation) == steps(wanted), "nothing was written twice"
        assert person.close() == 0
    assert "Traceback" not in log.read_text()


def confirmed(person: Person, installation: Installation, lines: int) -> bool:
    """Type the number of lines, as lines that go to zero ask for; before the review is open this does nothing."""
    person.press("ctrl+a")
    person.write(str(lines))
    person.press("Return")
    return bool(installation.ledger())


def pushed(person: Person) -> bool:
    """Whether the row under the cursor of the history is a finished push."""
    told = person.copied()
    return told[0][0] == "Period" and told[1][-1] == "✓ Pushed"
