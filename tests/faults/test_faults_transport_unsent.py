"""Where no connection comes about nothing was sent: that is certain, it is tried again a little, and it is said."""

import socket
import sys
from collections.abc import Iterator

import httpx
import pytest

from reconcile_app.core.errors import ConnectionFailed
from reconcile_app.core.judge import OpState
from reconcile_app.sandbox.server import Sandbox
from tests.faults.wire_bench import SHORT, on, running

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a listener with a full queue may refuse instead")


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with running() as started:
        yield started


@pytest.mark.fault("F-01", "W", "before")
async def test_a_refused_connection_is_tried_again_after_reading_again(box: Sandbox) -> None:
    async with on(box) as bench:
        plan = await bench.plan(bench.changes(1))
        bench.outage_before_send("refused", 3.0)
        pushed = await bench.push(plan)
        assert pushed.passed == [OpState.ARMED, OpState.PLANNED, OpState.ARMED, OpState.APPLIED, OpState.VERIFIED]
        assert (pushed.states, pushed.sends, pushed.commits) == ([OpState.VERIFIED], 2, ["us"])
        again = next(view for view in bench.views if view.ops[0].message)
        assert again.ops[0].message.startswith("The PSA could not be reached; trying again.")


@pytest.mark.fault("F-01", "W", "before")
async def test_three_refused_connections_end_in_not_sent(box: Sandbox) -> None:
    async with on(box) as bench:
        plan = await bench.plan(bench.changes(2))
        bench.outage_before_send("refused", 3.0, times=3)
        pushed = await bench.push(plan)
        assert pushed.states == [OpState.NOT_SENT, OpState.VERIFIED]
        assert (pushed.sends, pushed.first_commits) == (4, [])
        assert pushed.messages[0].startswith("The PSA could not be reached. Nothing was sent.")
        assert "127.0.0.1" in pushed.messages[0]
        assert "refused the connection" in pushed.messages[0]
        assert pushed.window == "1 written and confirmed · 1 not sent"


@pytest.mark.fault("F-01", "W", "before")
async def test_a_psa_that_stays_away_is_no_doubt_but_nothing_sent(box: Sandbox) -> None:
    async with on(box) as bench:
        plan = await bench.plan(bench.changes(1))
        bench.outage_before_send("refused", 0.0)
        pushed = await bench.push(plan)
        assert (pushed.states, pushed.sends, pushed.commits) == ([OpState.BLOCKED], 1, [])
        assert pushed.messages[0].startswith("Could not be read right before the write:")
        assert pushed.messages[0].endswith("Nothing was sent.")
        assert pushed.view.result == "refused"
        assert pushed.rows == ["could not be written, nothing sent"]


@pytest.mark.fault("F-01", "R")
@pytest.mark.fault("F-01", "W", "before")
async def test_a_push_that_cannot_begin_says_that_nothing_was_sent(box: Sandbox) -> None:
    async with on(box) as bench:
        plan = await bench.plan(bench.changes(1))
        box.outage("refused")
        with pytest.raises(ConnectionFailed) as caught:
            await bench.push(plan)
        assert "refused the connection or is not reachable" in caught.value.happened
        assert "Nothing was changed." in caught.value.meaning
        assert "VPN" in caught.value.next_step
        assert (bench.client.sends, bench.commits(), bench.journal.stored.ops) == (0, [], {})


class NameLost(httpx.AsyncBaseTransport):
    """The host's name is not known any more when a new connection is made, which a write always does."""

    def __init__(self) -> None:
        self.asked = 0
        self._inner = httpx.AsyncHTTPTransport(trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("ServiceAdjustments"):
            return await self._inner.handle_async_request(request)
        self.asked += 1
        cause = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        raise httpx.ConnectError(str(cause)) from cause

    async def aclose(self) -> None:
        await self._inner.aclose()


@pytest.mark.fault("F-02", "W", "before")
async def test_a_name_that_is_lost_makes_three_tries_and_no_doubt(box: Sandbox) -> None:
    transport = NameLost()
    async with on(box, transport=transport) as bench:
        pushed = await bench.push(await bench.plan(bench.changes(1)))
        assert (pushed.states, pushed.commits, transport.asked) == ([OpState.NOT_SENT], [], 3)
        assert "could not be found" in pushed.messages[0]
        assert "Nothing was sent." in pushed.messages[0]
        # no storm: five seconds and ten between the tries
        assert [wait for wait in bench.clock.waits if wait >= 5] == [5.0, 10.0]


@linux_only
@pytest.mark.fault("F-03", "W", "before")
async def test_a_connection_that_never_comes_about_was_never_used(box: Sandbox) -> None:
    async with on(box, SHORT) as bench:
        plan = await bench.plan(bench.changes(1))
        bench.outage_before_send("full", 3.0)
        pushed = await bench.push(plan)
        assert (pushed.states, pushed.sends, pushed.commits) == ([OpState.VERIFIED], 2, ["us"])
        again = next(view for view in bench.views if view.ops[0].message)
        assert "did not answer in time" in again.ops[0].message


@linux_only
@pytest.mark.fault("F-03", "R")
async def test_reading_through_a_connection_that_never_comes_about_ends(box: Sandbox) -> None:
    async with on(box, SHORT) as bench:
        box.outage("full")
        with pytest.raises(ConnectionFailed) as caught:
            await bench.psa.tenant()
        assert "did not answer in time" in caught.value.happened
        assert bench.psa.calls == 2


@pytest.mark.fault("F-03", "W", "before")
async def test_a_host_that_takes_the_connection_and_is_silent_leaves_a_doubt(box: Sandbox) -> None:
    async with on(box, SHORT) as bench:
        plan = await bench.plan(bench.changes(1))
        bench.outage_before_send("silent", 3.0)
        pushed = await bench.push(plan)
        assert (pushed.states, pushed.sends, pushed.commits) == ([OpState.NOT_APPLIED], 1, [])


@pytest.mark.fault("F-03", "R")
async def test_a_host_that_is_silent_is_given_up(box: Sandbox) -> None:
    async with on(box, SHORT) as bench:
        box.outage("silent")
        with pytest.raises(ConnectionFailed) as caught:
            await bench.psa.tenant()
        assert "took too long to answer" in caught.value.happened


@pytest.mark.fault("F-05", "R")
@pytest.mark.fault("F-05", "W", "before")
async def test_proxies_of_the_environment_are_neither_asked_nor_told(box: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = box.trap()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, trap.urls[0].replace("http://", "http://proxy-user:proxy-password@"))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with on(box) as bench:
        pushed = await bench.push(await bench.plan(bench.changes(1)))
        assert pushed.states == [OpState.VERIFIED]
        assert (trap.connections, trap.received) == (0, b"")


@pytest.mark.fault("F-11", "W", "before")
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_network_that_is_lost_stops_the_run_and_what_was_under_way_is_settled(box: Sandbox, when: str) -> None:
    async with on(box) as bench:
        pushed = await bench.struck("F-11", "network_lost", when, count=6)
        known = {"before": OpState.NOT_APPLIED, "after": OpState.CONFIRMED_BY_STATE}[when]
        assert pushed.states == [known, *[OpState.BLOCKED] * 2, *[OpState.CANCELLED] * 3]
        assert (pushed.sends, pushed.commits) == (1, {"before": [], "after": ["us"]}[when])
        assert all("Nothing was sent." in message for message in pushed.messages[1:3])
        assert set(pushed.messages[3:]) == {"Not sent: 3 changes in a row had no usable answer."}
        assert "3 not sent" in pushed.view.message
        assert "2 could not be written" in pushed.window
        assert "3 stopped before sending" in pushed.window
        assert pushed.view.message.endswith("3 changes in a row had no usable answer.")
        stopped = next(view for view in bench.views if view.ops[-1].state is OpState.CANCELLED)
        assert stopped.ops[0].state is OpState.UNKNOWN
        assert stopped.message == "3 changes in a row had no usable answer. 1 change is being checked, 5 were not sent."


@pytest.mark.fault("F-11", "W", "after")
async def test_a_network_that_stays_away_leaves_the_doubt_open_and_says_so(box: Sandbox) -> None:
    async with on(box) as bench:
        pushed = await bench.struck("F-11", "network_lost", "after", count=6, seconds=0.0)
        assert pushed.states[0] is OpState.UNKNOWN
        assert pushed.commits == ["us"]
        assert pushed.view.result == "finished, 1 open"
        assert pushed.view.message.startswith("2 could not be written · 3 not sent · 1 in doubt, being watched.")
        assert "1 in doubt, being watched" in pushed.window
