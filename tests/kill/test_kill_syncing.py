"""Whether the journal is on the disk before a request is on the wire, by the system calls of a real push."""

from pathlib import Path

import pytest

from tests.kill.harness import Lane
from tests.kill.syncing import missing, read_calls, requests, told, trace_push

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"no system calls: {missing()}")


def test_every_request_follows_a_sync_of_its_armed_event(set_lane: Lane) -> None:
    traced = trace_push(set_lane)
    assert traced.status == 0
    assert [sent for sent in traced.sent if sent.why_not] == []
    assert len(traced.sent) == traced.committed >= 20
    assert told(traced)["synced before"] == len(traced.sent)
    assert traced.syncs >= 3 * len(traced.sent)
    _bites(set_lane.folder / "calls.txt")


def _bites(log: Path) -> None:
    """The same trace without its syncs, and without what was appended, does not pass."""
    lines = log.read_text(encoding="ascii", errors="replace").splitlines()
    unsynced = [line for line in lines if "fdatasync(" not in line or "-wal>" not in line]
    assert all("not synced" in sent.why_not for sent in requests(list(read_calls(unsynced))))
    unwritten = [line.replace("ARMED", "OTHER") for line in lines]
    assert all("no ARMED event" in sent.why_not for sent in requests(list(read_calls(unwritten))))


def test_posts_that_only_read_are_told_from_writes() -> None:
    lines = [
        f'10 sendto(7<TCP:[127.0.0.1:5->127.0.0.1:6]>, "{line} HTTP/1.1\\r\\n\\r\\n", 20, 0, NULL, 0) = 20'
        for line in ("POST /v1.0/Companies/query", "POST /v4/apis/3.0/system/bundles?version=1", "GET /a", "PATCH /x/additions/3")
    ]
    assert [sent.request for sent in requests(list(read_calls(lines)))] == ["PATCH /x/additions/3 HTTP/1.1"]


def test_calls_that_were_interrupted_end_where_they_are_resumed() -> None:
    lines = [
        '10 pwrite64(5</d/x.db-wal>, "ARMED", 5, 0) = 5',
        "10 fdatasync(5</d/x.db-wal> <unfinished ...>",
        '11 sendto(7<TCP:[127.0.0.1:5->127.0.0.1:6]>, "POST /a HTTP/1.1\\r\\n\\r\\n", 20, 0, NULL, 0) = 20',
        "10 <... fdatasync resumed>) = 0",
    ]
    calls = list(read_calls(lines))
    assert [(call.name, call.began, call.ended) for call in calls] == [("pwrite64", 0, 0), ("fdatasync", 1, 3), ("sendto", 2, 2)]
    assert calls[2].text.startswith(b"POST /a")
    assert calls[2].target == "TCP:[127.0.0.1:5->127.0.0.1:6]"
