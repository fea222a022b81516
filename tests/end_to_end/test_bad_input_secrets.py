"""A canary scan: after a month full of trouble no secret is in any file, log, journal, workbook or output, in any form."""

import base64
import json
import logging
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from reconcile_app.core.errors import ReconcileError
from reconcile_app.core.report import compare_json, push_json
from reconcile_app.services.comparing import RunStopped
from tests.end_to_end.conftest import Installation
from tests.end_to_end.desk_fixture import Bench, row_of

WRONG = "wrong-canary-4711-0815"


def forms(secret: str) -> Iterator[bytes]:
    """Every form in which a secret may have been written down."""
    raw = secret.encode()
    yield raw
    yield quote(secret, safe="").encode()
    yield json.dumps(secret)[1:-1].encode()
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    yield secret.encode("utf-16-le")
    yield secret.encode("utf-16-be")
    for skipped in range(3):
        # Inside a longer text base64 starts anywhere; the ends that depend on the neighbours are cut off.
        yield base64.b64encode(b"\0" * skipped + raw)[4:-4]
        yield base64.urlsafe_b64encode(b"\0" * skipped + raw)[4:-4]


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, and what is inside of those that are zip archives."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path), path.read_bytes()
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    yield from ((f"{path}!{name}", archive.read(name)) for name in archive.namelist())


def leaks(secrets: Iterable[str], places: Iterable[tuple[str, bytes]]) -> list[str]:
    wanted = {form for secret in secrets for form in forms(secret) if len(form) >= 8}
    found = []
    for name, content in places:
        lowered = content.lower()
        found += [f"{name}: {form[:12]!r}…" for form in wanted if form.lower() in lowered]
    return found


def test_the_scan_finds_what_is_there(tmp_path: Path) -> None:
    for number, form in enumerate(forms(WRONG)):
        (tmp_path / str(number)).write_bytes(b"before" + form + b"after")
    assert len({leak.partition(":")[0] for leak in leaks([WRONG], contents(tmp_path))}) == len(list(forms(WRONG)))
    with zipfile.ZipFile(tmp_path / "book.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside", WRONG * 20)
    assert any("book.zip!inside" in leak for leak in leaks([WRONG], contents(tmp_path)))


async def trouble(bench: Bench, told: list[str]) -> None:
    """Comparisons and checks that fail, with servers that repeat every secret they were sent."""
    sent = {name: " and ".join(bench.settings[name]["secrets"].values()) for name in ("atria", "autotask")}
    for product, path, status in (
        ("atria", "parameters", 400),
        ("atria", "parameters", 500),
        ("atria", "invoice", 403),
        ("autotask", "contracts/query", 500),
        ("autotask", "services/query", 401),
        ("autotask", "zoneinformation", 500),
        ("autotask", "contractservices/query", 200),
    ):
        body = json.dumps({"errors": [f"{sent[product]} was not accepted"], "you sent": sent[product]})
        bench.control(product, "clear-faults")
        bench.control(product, "faults", kind="status", status=status, path=path, body=body, times=None)
        try:
            run = await bench.compare()
            told.append(json.dumps(compare_json(run)))
            told.append(f"{run.basis.psa.side} {run.basis.billing.side}")
            await bench.session.export(bench.folder / f"trouble-{len(told)}.xlsx")
        except ReconcileError as error:
            told.append(f"{error} {error.details} {error.subject}")
            if isinstance(error, RunStopped):
                told.append(error.log.to_json())
        for name in ("atria", "autotask"):
            view = await bench.session.verify(name)
            told.append(f"{view.words} {view.checks} {view.connection!r}")
    bench.control("atria", "clear-faults")


async def test_nothing_keeps_or_shows_a_secret(tmp_path: Path) -> None:
    told: list[str] = []
    with Bench(tmp_path) as bench:
        atria, autotask = bench.settings["atria"]["secrets"], bench.settings["autotask"]["secrets"]
        await trouble(bench, told)
        bench.connect("atria", {"token": WRONG})
        with pytest.raises(RunStopped) as caught:
            await bench.compare()
        told.append(f"{caught.value} {caught.value.details} {caught.value.log.to_json()}")
        bench.connect("atria", {"token": atria["token"]})

        run = await bench.compare(allow_create=True)
        refusal = json.dumps({"errors": [f"UserName and Secret {autotask['secret']} may not do this."]})
        bench.control("autotask", "faults", kind="status", status=500, path="adjustments", body=refusal)
        view = await bench.push(row_of(run, "ASP", "602")["key"], row_of(run, "CANTER", "605")["key"])
        told += [json.dumps(push_json(run.run_id, bench.session.reports(run.run_id)[-1])), view.message]
        await bench.session.export(bench.folder / "month.xlsx")
        logging.getLogger("somewhere").error("a careless line with %s and %r", atria["token"], {"secret": autotask["secret"]})
        bench.shut()
    secrets = [atria["token"], autotask["secret"], autotask["integration_code"], WRONG]
    assert leaks(secrets, contents(tmp_path)) == []
    assert leaks(secrets, [("told", "\n".join(told).encode("utf-8", "surrogateescape"))]) == []
    written = {path.suffix for path in (tmp_path / "data").rglob("*") if path.is_file()}
    assert {".toml", ".db", ".log", ".xlsx"} <= written
    assert "a careless line with" in (tmp_path / "data" / "logs" / "reconcile.log").read_text(encoding="utf-8")


def test_the_command_line_prints_and_keeps_none_either(installation: Installation, tmp_path: Path) -> None:
    both = ("--billing", "atria", "--psa", "autotask", "--json", "-")
    outputs = [
        installation.run("compare", *both, "--xlsx", str(tmp_path / "log.xlsx")),
        installation.run("connections", "verify", "autotask"),
        installation.run("connections", "list"),
        installation.run("compare", *both, RECONCILE_SECRET_ATRIA_TOKEN=WRONG),
        installation.run("compare", *both, RECONCILE_SECRET_AUTOTASK_SECRET=WRONG),
    ]
    outputs.append(installation.run("push", "--run", outputs[0].json["run_id"], "--yes", "--json", "-"))
    secrets = [value for name, value in installation.secrets.items() if not name.endswith("USERNAME")] + [WRONG]
    assert len(secrets) == 7
    told = "\n".join(done.out + done.err for done in outputs).encode()
    assert leaks(secrets, [("told", told)]) == []
    assert leaks(secrets, contents(tmp_path)) == []
