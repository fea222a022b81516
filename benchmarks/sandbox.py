"""A sandbox in a process of its own, and an installation that is connected to it."""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import ROOT
from reconcile_app.composition import Composition
from reconcile_app.sample import SampleSecrets

_SERVE = """
import json, sys, threading
from datetime import date
from reconcile_app.sandbox.server import Sandbox
with Sandbox(sys.argv[1], latency=float(sys.argv[2]), psas=(sys.argv[3],)) as box:
    print(json.dumps(box.settings), flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def served(scenario: str, latency: float = 0.0, psa: str = "autotask") -> Iterator[dict[str, dict[str, Any]]]:
    """The settings of every connection of a running sandbox; every answer takes ``latency`` seconds longer."""
    command = [sys.executable, "-c", _SERVE, scenario, str(latency), psa]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(30)


@contextlib.contextmanager
def installation(settings: dict[str, dict[str, Any]]) -> Iterator[Composition]:
    """A throw-away installation with those connections."""
    with tempfile.TemporaryDirectory() as folder:
        composition = Composition(Path(folder), secrets=SampleSecrets())
        for kind, fields in settings.items():
            values = {name: str(value) for name, value in fields.items() if name != "secrets"}
            composition.session.save_connection(kind, kind, values, fields["secrets"])
        try:
            yield composition
        finally:
            composition.close()
