"""A sandbox in another process, and the program as a scheduler calls it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PROGRAM = [sys.executable, "-m", "reconcile_app"]


@dataclass
class Done:
    """One finished call of the program."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON document it must be."""
        return json.loads(self.out)


@dataclass
class Installation:
    """A data folder, the connections in it and the environment that holds the secrets."""

    folder: Path
    settings: Mapping[str, Mapping[str, Any]]
    ledger_file: Path
    secrets: dict[str, str] = field(default_factory=dict)

    def connect(self, **changes: Mapping[str, str]) -> None:
        """Write connections.toml by hand, as an operator may; ``changes`` are fields by connection."""
        lines = []
        for kind, fields in self.settings.items():
            lines.append(f'[connections.{kind}]\nkind = "{kind}"')
            plain = {k: v for k, v in fields.items() if k != "secrets"} | dict(changes.get(kind, {}))
            lines += [f"{name} = {json.dumps(str(value))}" for name, value in plain.items()]
            self.secrets |= {f"RECONCILE_SECRET_{kind}_{name}".upper(): str(value) for name, value in fields["secrets"].items()}
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "connections.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def run(self, *arguments: str, **environment: str) -> Done:
        """Call the program and wait for it."""
        done = subprocess.run(
            [*PROGRAM, "--data-dir", str(self.folder), *arguments], capture_output=True, text=True, check=False, timeout=100,
            env={**os.environ, **self.secrets, **environment, "PYTHONWARNINGS": "error::ResourceWarning"},
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def compare(self, *arguments: str, psa: str = "autotask", status: int = 0) -> Any:
        """A comparison as JSON."""
        done = self.run("compare", "--billing", "atria", "--psa", psa, "--json", "-", *arguments)
        assert done.status == status, done.err
        return done.json

    def ledger(self) -> list[dict[str, Any]]:
        """What the sandbox really committed for us."""
        if not self.ledger_file.exists():
            return []
        entries = [json.loads(line) for line in self.ledger_file.read_text(encoding="utf-8").splitlines()]
        return [entry for entry in entries if entry["actor"] == "us"]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """The demo scenario served by another process, connected."""
    ledger = tmp_path / "ledger.jsonl"
    with subprocess.Popen(
        [*PROGRAM, "sandbox", "serve", "--ledger", str(ledger)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        settings = json.loads(process.stdout.readline())
        made = Installation(tmp_path / "data", settings, ledger)
        made.connect()
        yield made
        process.terminate()
        process.wait(20)
