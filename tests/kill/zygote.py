"""A process that has imported the program and forks one child per order: ``python -m tests.kill.zygote ERRORS``.

It starts no thread, so that a fork copies everything there is. For each JSON line on standard input it prints the child's process
id, and when the child has ended, how.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import certifi  # noqa: F401 - as sqlalchemy
import httpx  # noqa: F401 - as sqlalchemy
import sqlalchemy.dialects.sqlite  # noqa: F401 - imported here once instead of in every child

from tests.kill.child import live


def threads() -> int:
    """Threads of this process, where the system tells."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.exists() else 1


def main(errors: str) -> None:
    if threads() != 1:
        raise SystemExit("the zygote must have a single thread to be forked")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _child(json.loads(line), errors)
        _say({"pid": child})
        _, status = os.waitpid(child, 0)
        _say({"status": os.waitstatus_to_exitcode(status)})


def _child(order: Mapping[str, Any], errors: str) -> None:
    sink = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    try:
        live(order)
    except BaseException:  # noqa: BLE001 - the fork must end here whatever happens; its error is in the file
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(70)
    os._exit(0)


def _say(value: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
