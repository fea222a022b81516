"""The sandbox that the program starts ends with it, however the program ends."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.end_to_end.conftest import PROGRAM

PARENT = """
import json, sys, time
from reconcile_app.sample import SampleData
print(json.dumps(SampleData("empty").settings), flush=True)
sys.stdin.read()
"""


def listens(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(5)
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_the_sandbox_ends_when_the_program_is_killed(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        settings = json.loads(parent.stdout.readline())
        port = urlsplit(settings["atria"]["base_url"]).port or 0
        assert listens(port)
        parent.kill()
    while listens(port):  # pytest's time-out ends a test that waits in vain
        time.sleep(0.05)


def test_without_the_option_the_end_of_input_means_nothing() -> None:
    with subprocess.Popen(
        [*PROGRAM, "sandbox", "serve", "--scenario", "empty"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        settings = json.loads(process.stdout.readline())
        time.sleep(1)
        assert process.poll() is None
        assert listens(urlsplit(settings["atria"]["base_url"]).port or 0)
        process.terminate()
        assert process.wait() == 0


def test_with_the_option_it_ends_in_good_order() -> None:
    with subprocess.Popen(
        [*PROGRAM, "sandbox", "serve", "--scenario", "empty", "--until-input-ends"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        json.loads(process.stdout.readline())
        process.stdin.close()
        assert process.wait() == 0
        assert process.stderr.read() == ""
