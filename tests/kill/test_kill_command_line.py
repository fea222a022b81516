"""The real command line, started as an operator or a scheduler starts it, and killed."""

import json
import os
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.kill.harness import Lane
from tests.kill.judge import judge
from tests.kill.processes import KILLED, ROOT
from tests.kill.syncing import command, environment

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no SIGKILL")


def start(lane: Lane, data: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command(data, *arguments), env=environment(lane), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def kill_when(process: "subprocess.Popen[str]", reached: Any) -> None:
    """Kill the process as soon as the world shows something."""
    deadline = time.monotonic() + 60
    while not reached():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert process.returncode == KILLED


def recover(lane: Lane, data: Path) -> Any:
    done = start(lane, data, "recover", "--json", "-")
    out, errors = done.communicate(timeout=60)
    assert done.returncode == 0, errors
    return json.loads(out)


@pytest.mark.fault("F-57", "W", "after")
def test_a_push_killed_on_the_wire_is_settled_by_the_next_start(lane: Lane) -> None:
    data = lane.fresh()
    initial = lane.quantities()
    lane.box.ask("fault", fault={"kind": "latency", "seconds": 0.15, "writes": True, "nth": 4})
    push = start(lane, data, "push", "--run", lane.run, "--yes")
    kill_when(push, lambda: len(lane.box.ask("arrivals")) == 4)

    settling = start(lane, data, "recover")
    found = "found"
    kill_when(settling, lambda: found in json.dumps([event["body"] for event in lane.records(data).events]))

    told = recover(lane, data)
    states = Counter(op["state"] for op in told["ops"])
    assert states == {"VERIFIED": 3, "CONFIRMED_BY_STATE": 1, "CANCELLED": len(told["ops"]) - 4}
    assert told["problems"] == []
    assert judge(lane.records(data), lane.world(initial)) == []
    assert len(lane.box.ask("arrivals")) == 4, "recovery writes nothing"


def test_a_push_killed_before_it_began_leaves_nothing(lane: Lane) -> None:
    data = lane.fresh()
    push = start(lane, data, "push", "--run", lane.run, "--yes")
    kill_when(push, lambda: any((data / "journal").glob("*")))
    assert recover(lane, data)["problems"] == []
    records = lane.records(data)
    assert records.faults == []
    assert len(lane.box.ask("ledger")) <= len(records.ops)
