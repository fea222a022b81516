"""Synced before sent: what the system calls of one real push say about the order of journal and network.

The push is the real command line under ``strace``. Every request that writes is found by its first bytes; before them the
write-ahead log must hold an ARMED event with the digest of that very body, and a sync of the log must have ended since.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from tests.kill.harness import Lane
from tests.kill.processes import ROOT

CALLS = "pwrite64,pwritev,write,writev,sendto,sendmsg,fdatasync,fsync"

_CALL = re.compile(r"(?P<pid>\d+) +(?P<name>\w+)\((?P<fd>\d+)<(?P<target>[^,]*?)>(?P<rest>[,)]? .*|\).*)")
_RESUMED = re.compile(r"(?P<pid>\d+) +<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(slots=True)
class Call:
    """One system call: the lines at which it began and ended, on which file or socket, with the text it wrote."""

    name: str
    target: str
    text: bytes
    began: int
    ended: int = -1


@dataclass(frozen=True, slots=True)
class Sent:
    """One request that writes. ``why_not`` says what was missing before its first byte; empty: everything was there."""

    request: str
    why_not: str


@dataclass(slots=True)
class Traced:
    """What one traced push did."""

    sent: list[Sent] = field(default_factory=list)
    syncs: int = 0
    status: int = 0
    committed: int = 0


def missing() -> str:
    """Why system calls cannot be traced here; empty: they can."""
    tool = shutil.which("strace")
    if tool is None:
        return "strace is not installed"
    tried = subprocess.run([tool, "-qq", "-f", "-e", "trace=none", "true"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"strace may not trace here: {tried.stderr.strip()[:100]}"


def environment(lane: Lane) -> dict[str, str]:
    """What the command line needs to work on a lane's installation."""
    secrets = {
        f"RECONCILE_SECRET_{kind}_{name}".upper(): str(value)
        for kind, fields in lane.box.settings.items() for name, value in fields["secrets"].items()
    }
    return {**os.environ, **secrets, "XDG_DATA_HOME": str(lane.folder / "home"), "OPENBLAS_NUM_THREADS": "1"}


def command(data: Path, *arguments: str) -> list[str]:
    """The real command line."""
    return [sys.executable, "-m", "reconcile_app", "--data-dir", str(data), *arguments]


def trace_push(lane: Lane) -> Traced:
    """Push everything there is under strace."""
    data, log = lane.fresh(), lane.folder / "calls.txt"
    tracing = ["strace", "-f", "-qq", "-yy", "-s", "9000", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(log)]
    push = command(data, "push", "--run", lane.run, "--yes", "--json", "-")
    done = subprocess.run([*tracing, *push], env=environment(lane), cwd=ROOT, capture_output=True, text=True, check=False)
    calls = list(read_calls(log.read_text(encoding="ascii", errors="replace").splitlines()))
    ours = [entry for entry in lane.box.ask("ledger") if entry["actor"] == "us"]
    return Traced(
        sent=list(requests(calls)), syncs=sum(_syncs_log(call) for call in calls), status=done.returncode, committed=len(ours)
    )


def read_calls(lines: Sequence[str]) -> Iterator[Call]:
    """The system calls of an strace log in the order of their beginnings."""
    waiting: dict[tuple[str, str], Call] = {}
    found: list[Call] = []
    for number, line in enumerate(lines):
        resumed = _RESUMED.match(line)
        if resumed:
            call = waiting.pop((resumed["pid"], resumed["name"]), None)
            if call is not None:
                call.ended = number
            continue
        started = _CALL.match(line)
        if started:
            call = Call(started["name"], started["target"], _text(started["rest"]), number, number)
            found.append(call)
            if line.endswith("<unfinished ...>"):
                call.ended = len(lines)
                waiting[started["pid"], started["name"]] = call
    yield from found


def _text(rest: str) -> bytes:
    return b"".join(part.encode("ascii").decode("unicode_escape").encode("latin-1") for part in _TEXT.findall(rest))


def _syncs_log(call: Call) -> bool:
    return call.name in ("fdatasync", "fsync") and call.target.endswith("-wal")


def requests(calls: Sequence[Call]) -> Iterator[Sent]:
    """Every request that writes, with what was missing before it."""
    for index, call in enumerate(calls):
        verb = call.text.split(b" ", 1)[0]
        if "127.0.0.1" not in call.target or verb not in (b"POST", b"PATCH") or _reads(call.text):
            continue
        body = _body(calls[index:], call.target)
        yield Sent(call.text.split(b"\r\n", 1)[0].decode("ascii", "replace"), _missing(calls[:index], call, body))


def _reads(text: bytes) -> bool:
    """Autotask's queries and ConnectWise's bundles of reads are sent by POST too; every other POST or PATCH writes."""
    target = text.split(b" ", 2)[1].partition(b"?")[0]
    return b"/query" in target or target.endswith(b"/system/bundles")


def _body(calls: Sequence[Call], target: str) -> bytes:
    """The body of the request that begins with the first of these calls: all that goes over its socket, behind the header."""
    sent = b"".join(call.text for call in calls if call.target == target)
    return sent.partition(b"\r\n\r\n")[2]


def _missing(before: Sequence[Call], first: Call, body: bytes) -> str:
    digest = sha256(body).hexdigest().encode()
    log = [call for call in before if call.target.endswith("-wal")]
    appended = [call for call in log if call.name.startswith(("pwrite", "write"))]
    armed = [call for call in appended if digest in call.text and b"ARMED" in call.text]
    if not armed:
        return "no ARMED event with its digest was written before it"
    synced = [call for call in log if _syncs_log(call) and call.began > appended[-1].ended and call.ended < first.began]
    return "" if synced else "the log was not synced after it was last written to"


def told(traced: Traced) -> Mapping[str, int]:
    """The figures of a traced push."""
    return {
        "requests": len(traced.sent), "synced before": sum(not sent.why_not for sent in traced.sent), "syncs": traced.syncs,
        "committed": traced.committed,
    }
