"""Clock, ledger, switches and the choice of faults, without a network."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from reconcile_app.sandbox.clock import Clock
from reconcile_app.sandbox.faults import Fault, FaultPlan
from reconcile_app.sandbox.gate import Reply, Request
from reconcile_app.sandbox.ledger import Ledger, Origin
from reconcile_app.sandbox.scenarios import empty
from reconcile_app.sandbox.switches import Switches
from reconcile_app.sandbox.world import World

TODAY = date(2026, 12, 3)


def request(path: str = "/a", method: str = "GET") -> Request:
    return Request(method=method, target=path, path=path, query=(), headers={}, body=b"", connection="c-1", port=1)


def test_a_clock_that_stands_still_moves_only_when_told() -> None:
    clock = Clock(today=TODAY, ticking=False)
    assert clock.now() == datetime(2026, 12, 3, 12, tzinfo=UTC) == clock.now()
    clock.advance(timedelta(days=30))
    assert clock.today() == date(2027, 1, 2)
    with pytest.raises(ValueError, match="forward"):
        clock.advance(timedelta(seconds=-1))


def test_a_ticking_clock_never_goes_backwards_and_starts_where_told() -> None:
    start = datetime(2026, 12, 3, 23, 30, tzinfo=UTC)
    clock = Clock(now=start)
    first = clock.now()
    assert start <= first <= clock.now()


def test_the_real_clock_gives_the_local_date() -> None:
    before = datetime.now().astimezone().date()
    seen = Clock().today()
    assert before <= seen <= datetime.now().astimezone().date()


def test_the_ledger_file_is_complete_after_every_entry(tmp_path: Path) -> None:
    file = tmp_path / "ledger.jsonl"
    clock = Clock(today=TODAY, ticking=False)
    ledger = Ledger(clock.now, file)
    origin = Origin(actor="us", connection="autotask-1", path="/x", body_sha256="ab")
    ledger.append("autotask", "adjustment", origin, line="8001", before=10_000, after=30_000, effective=TODAY)
    first = msgspec.json.decode(file.read_bytes().splitlines()[0])
    assert first == ledger.records()[0]
    assert (first["seq"], first["actor"], first["effective_date"]) == (1, "us", "2026-12-03")
    assert first["time"] == "2026-12-03T12:00:00.000Z"
    ledger.append("autotask", "set_cost", Origin(), line="8001")
    assert [entry.seq for entry in ledger.entries] == [1, 2]
    ledger.close()
    ledger.close()
    assert len(file.read_bytes().splitlines()) == 2


def test_switches_refuse_what_they_do_not_know() -> None:
    switches = Switches({"answer": ("null", "id")})
    assert not switches.changed()
    switches.set("answer", "id")
    assert switches["answer"] == "id"
    assert switches.changed()
    assert switches.values() == {"answer": "id"}
    with pytest.raises(ValueError, match="no switch 'x'; there are: answer"):
        switches.set("x", "id")
    with pytest.raises(ValueError, match="takes null, id"):
        switches.set("answer", "maybe")


def test_a_fault_strikes_the_nth_match_and_as_often_as_told() -> None:
    plan = FaultPlan([Fault(kind="status", path="^/b", nth=2, times=2)])
    paths = ["/a", "/b", "/B/x", "/b", "/b"]
    struck = [plan.pick("atria", request(path), changes=False) is not None for path in paths]
    assert struck == [False, False, True, True, False]
    assert [path for _, path in plan.struck] == ["/B/x", "/b"]


def test_a_fault_can_be_for_writes_of_one_product_only() -> None:
    plan = FaultPlan([Fault(kind="cut", product="autotask", writes=True, method="post", times=None)])
    post = request(method="POST")
    assert plan.pick("atria", post, changes=True) is None
    assert plan.pick("autotask", post, changes=False) is None
    assert plan.pick("autotask", request(method="PATCH"), changes=True) is None
    assert plan.pick("autotask", post, changes=True) is not None
    plan.clear()
    assert plan.pick("autotask", post, changes=True) is None


def test_the_first_of_two_faults_wins_and_both_count() -> None:
    first, second = Fault(kind="html"), Fault(kind="cut", nth=2)
    plan = FaultPlan([first, second])
    assert plan.pick("atria", request(), changes=False) is first
    assert plan.pick("atria", request(), changes=False) is second


def test_chance_is_the_same_for_the_same_seed() -> None:
    def struck(seed: int) -> list[bool]:
        plan = FaultPlan([Fault(kind="status", chance=0.3)], seed=seed)
        return [plan.pick("atria", request(), changes=False) is not None for _ in range(60)]

    assert struck(7) == struck(7)
    assert struck(7) != struck(8)
    assert 3 < sum(struck(7)) < 40


@pytest.mark.parametrize(
    ("fault", "raw", "parts", "end"),
    [
        (Fault(kind="cut"), b"abcdef", (b"abc",), "close"),
        (Fault(kind="cut", keep_bytes=0), b"abcdef", (), "close"),
        (Fault(kind="lost_answer"), b"abcdef", (), "reset"),
        (Fault(kind="slow", seconds=0.5, block_bytes=4), b"abcdef", (b"abcd", b"ef"), "keep"),
        (Fault(kind="latency"), b"abcdef", (b"abcdef",), "keep"),
    ],
)
def test_a_fault_decides_which_bytes_leave(fault: Fault, raw: bytes, parts: tuple[bytes, ...], end: str) -> None:
    delivery = fault.deliver()(raw)
    assert tuple(part for _, part in delivery.parts) == parts
    assert delivery.end == end
    assert all(pause == fault.seconds for pause, _ in delivery.parts)


def test_a_fault_decides_what_the_answer_says() -> None:
    real = Reply(body=b'{"itemId":null}')
    assert Fault(kind="truncated").reply(real).body == b'{"itemI'
    assert Fault(kind="truncated", keep_bytes=3).reply(None).body == b'{"i'
    assert Fault(kind="html").reply(real).content_type.startswith("text/html")
    assert Fault(kind="not_json").reply(real).body == b"The operation completed successfully."
    assert Fault(kind="latency").reply(real) is real
    assert b"errors" in Fault(kind="status").reply(None).body
    assert Fault(kind="status", status=503).reply(None).body.startswith(b"<!DOCTYPE")
    limited = Fault(kind="status", status=429, headers={"Retry-After": "7"}).reply(None)
    assert (limited.status, limited.body, limited.headers) == (429, b"", {"Retry-After": "7"})
    assert Fault(kind="status", status=409, body='{"errors":["in use"]}').reply(None).body == b'{"errors":["in use"]}'


def test_late_things_happen_when_their_time_has_come() -> None:
    world = World(empty, today=TODAY, ticking=False)
    done: list[str] = []
    world.later(timedelta(seconds=30), lambda: done.append("second"))
    world.later(timedelta(seconds=10), lambda: done.append("first"))
    world.advance(timedelta(seconds=9))
    assert done == []
    world.advance(timedelta(seconds=21))
    assert done == ["first", "second"]


def test_a_rebuilt_world_is_as_it_began_and_the_ledger_says_so() -> None:
    world = World(empty, today=TODAY, ticking=False)
    world.later(timedelta(seconds=1), lambda: pytest.fail("a reset forgets what was planned"))
    world.atria.add_customer("ONE", "One Ltd")
    users = dict(world.autotask.users)
    world.rebuild()
    world.advance(timedelta(seconds=5))
    assert not world.atria.customers
    assert world.autotask.users == users
    assert [entry.kind for entry in world.ledger.entries] == ["reset"]
