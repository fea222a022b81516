import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconcile_app.core.errors import StorageError
from reconcile_app.core.redact import Redactor
from reconcile_app.storage.logs import KEPT, LogFiles, start_logging, visible

SECRET = "canary/0815+x"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture(autouse=True)
def _root() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    quiet = {name: logging.getLogger(name).level for name in ("httpx", "httpcore")}
    yield
    root.setLevel(level)
    for name, before in quiet.items():
        logging.getLogger(name).setLevel(before)


@pytest.fixture
def log(folder: Path) -> Iterator[LogFiles]:
    files = start_logging(folder, Redactor([SECRET]))
    yield files
    files.close()


def written(folder: Path) -> str:
    return "".join(path.read_text("utf-8") for path in sorted(folder.iterdir()))


def test_an_entry_is_one_line_with_time_level_and_name(folder: Path, log: LogFiles) -> None:
    logging.getLogger("reconcile_app.x").info("%d of %d lines", 12, 40)
    [line] = written(folder).splitlines()
    assert line.endswith("Z INFO reconcile_app.x: 12 of 40 lines")
    assert line[:4].isdigit()


@pytest.mark.parametrize("kind", ["message", "argument", "error", "stack"])
def test_a_secret_reaches_no_part_of_an_entry(folder: Path, log: LogFiles, kind: str) -> None:
    logger = logging.getLogger("x")
    if kind == "message":
        logger.warning("sent " + SECRET)
    elif kind == "argument":
        logger.warning("sent %s", {"Secret": "another", "x": SECRET})
    elif kind == "error":
        try:
            raise ValueError(f"https://h.example/?key={SECRET}")
        except ValueError as error:
            logger.exception("failed: %s", error)
    else:
        logger.warning("here", stack_info=True, extra={"note": SECRET})
    text = written(folder)
    assert text
    assert not [form for form in (SECRET, "canary%2F0815%2Bx", "another") if form in text]


def test_secrets_that_become_known_later_are_removed_from_then_on(folder: Path, log: LogFiles) -> None:
    log.filter.use(Redactor(["typed-in-now"]))
    logging.getLogger("x").warning("typed-in-now")
    assert "typed-in-now" not in written(folder)


def test_no_entry_can_pretend_to_be_another(folder: Path, log: LogFiles) -> None:
    forged = "ok\n2026-01-01T00:00:00.000Z INFO x: pushed \x1b[31m\u202e \x00\ud800"
    logging.getLogger("x").warning("%s", forged)
    try:
        raise ValueError(forged)
    except ValueError:
        logging.getLogger("x").exception("oops")
    lines = written(folder).splitlines()
    assert [line for line in lines if not line.startswith("  | ")] == [lines[0], lines[1]]
    assert r"ok\n2026-01-01" in lines[0]
    assert r"\x1b[31m\u202e \x00\ud800" in lines[0]


def test_control_characters_are_shown() -> None:
    assert visible("a\tb\r\n\x7f\x85 \u2028é😀") == r"a\tb\r\n\x7f\x85 \u2028é😀"


def test_the_http_libraries_are_heard_from_warning_on(folder: Path, log: LogFiles) -> None:
    for name in ("httpx", "httpcore", "httpcore.connection"):
        logging.getLogger(name).info("GET https://h.example/?a=b")
    logging.getLogger("httpx").warning("heard")
    assert len(written(folder).splitlines()) == 1


def test_a_full_file_is_followed_by_the_next_and_five_are_kept(folder: Path) -> None:
    files = start_logging(folder, largest=2_000)
    for number in range(300):
        logging.getLogger("x").info("entry %d of many, long enough to fill a file soon", number)
    files.close()
    found = {path.name: path.stat() for path in folder.iterdir()}
    assert set(found) == {"reconcile.log", *(f"reconcile.log.{number}" for number in range(1, KEPT + 1))}
    assert all(status.st_size <= 2_000 for status in found.values())
    if os.name != "nt":
        assert {stat.S_IMODE(status.st_mode) for status in found.values()} == {0o600}
    assert "entry 299 " in (folder / "reconcile.log").read_text("utf-8")


def test_a_message_that_does_not_fit_its_arguments_is_still_written(folder: Path, log: LogFiles) -> None:
    logging.getLogger("x").warning("%d lines", "no number")
    assert "no number" in written(folder)


def test_after_closing_nothing_is_written(folder: Path, log: LogFiles) -> None:
    log.close()
    logging.getLogger("x").warning("late")
    assert written(folder) == ""
    log.close()


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_link_is_not_written_through(tmp_path: Path, folder: Path) -> None:
    folder.mkdir()
    (folder / "reconcile.log").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError):
        start_logging(folder)
    assert not (tmp_path / "elsewhere").exists()


def test_an_error_that_was_already_put_into_words_is_cleaned_too(folder: Path, log: LogFiles) -> None:
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed", None, None)
    record.exc_text = f"line\n{SECRET}"
    logging.getLogger("x").handle(record)
    assert written(folder).splitlines()[1:] == ["  | line", "  | ***"]
