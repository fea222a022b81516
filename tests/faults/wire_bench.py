"""A light bench for faults of the wire: the real engine and the real connector over sockets, on the time of the sandbox's world.

The plan is made from a fresh reading instead of a comparison, and the journal is in memory; one sandbox serves a whole file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from reconcile_app.connectors.autotask import Autotask
from reconcile_app.connectors.http import Answer, ApiClient, ReadPolicy, WritePolicy
from reconcile_app.core.changes import Change, ChangeKind
from reconcile_app.core.judge import OpState, Transport
from reconcile_app.core.plan import Fresh, Plan, draft
from reconcile_app.core.ports import BuildContext, PreparedWrite, Progress, WriteSemantics
from reconcile_app.core.settings import Connection, Limits, Secret
from reconcile_app.sandbox.doors import Door
from reconcile_app.sandbox.scenarios import fill_accounts
from reconcile_app.sandbox.server import Sandbox
from reconcile_app.sandbox.world import World
from reconcile_app.services.desk import PushView
from reconcile_app.services.push import Push
from reconcile_app.ui.messages import Numbers
from reconcile_app.ui.views.push_words import STATES, result_text
from tests.fakes.journal import MemoryJournal
from tests.fakes.world_clock import WorldClock

NOW = datetime(2026, 12, 3, 12, tzinfo=UTC)
EFFECTIVE = date(2026, 11, 26)
CUSTOMERS = ("ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX")
UNITS = 20_000
WANTED = 30_000
LATE = 60.0
"""Seconds after which a late commit follows: inside the settle window."""

COMMITS = {"before": [], "after": ["us"], "late": ["late"]}
"""Who commits once, by when the fault strikes."""

NO_LIMITS = Limits(lines=10_000, percent=10_000, units=1_000_000, zeroing=False)
SHORT = 0.3
"""Seconds of patience where a test needs an answer that never comes."""


def six_customers(world: World) -> None:
    """Six customers with one line of two units each."""
    fill_accounts(world)
    service = world.autotask.add_service("Mail", service_id=601, price=55_000, cost=31_000)
    start = world.atria.periods()[-3].start
    for code in CUSTOMERS:
        company = world.autotask.add_company(f"{code.title()} Ltd")
        contract = world.autotask.add_contract(company, "Cloud", start=start, end=start + timedelta(days=729))
        world.autotask.add_line(contract, service, 2)


def change_of(code: str, contract: int, line: int, **values: Any) -> Change:
    """Two units become three."""
    return Change(
        key=f"{code}/{contract}/601", kind=values.pop("kind", ChangeKind.SET_QUANTITY), customer_code=code,
        customer_name=f"{code.title()} Ltd", company_id="174", contract_id=str(contract), contract_name="Cloud", line_id=str(line),
        service_id="601", service_name="Mail", sku="601", description="Mail", quantity_before=UNITS,
        quantity_target=values.pop("target", WANTED), effective_date=EFFECTIVE, unit_price=55_000, **values,
    )  # fmt: skip


@contextmanager
def running() -> Iterator[Sandbox]:
    """A sandbox for a whole file of tests."""
    with Sandbox(six_customers, now=NOW, ticking=False) as box:
        yield box


class CountingClient(ApiClient):
    """Counts what is sent as a write."""

    sends = 0

    async def send(self, prepared: PreparedWrite, *, content_type: str = "application/json") -> Answer | Transport:
        type(self).sends += 1
        return await super().send(prepared, content_type=content_type)


class ArmingJournal(MemoryJournal):
    """Does something right after an op was armed: between the reading and the send, when nothing else is under way."""

    armed: Callable[[], None] = staticmethod(lambda: None)

    async def arm(self, op_id: str, body: Mapping[str, object]) -> bool:
        done = await super().arm(op_id, body)
        self.armed()
        return done


class WireBench:
    """One program on a sandbox that starts from the beginning.

    Args:
        box: the sandbox.
        patience: seconds for every read and write, where a fault takes longer than a test should; the usual ones when left out.
        options: further arguments of every HTTP client.
    """

    def __init__(self, box: Sandbox, patience: float | None = None, **options: Any) -> None:
        box.faults.clear()
        box.outage("open")
        box.call(box.world.rebuild)
        self.box = box
        self.clock = WorldClock(box)
        self.journal = ArmingJournal(self.clock)
        self.told: list[Progress] = []
        self.views: list[PushView] = []
        self._patience, self._options = patience, options
        self._old = len(box.ledger.entries)
        self.client = type("Client", (CountingClient,), {})
        fields = dict(box.settings["autotask"])
        secrets = {name: Secret(text) for name, text in fields.pop("secrets").items()}
        connection = Connection(name="autotask", kind="autotask", values=fields, secrets=secrets)
        self.psa = Autotask(connection, BuildContext(clock=self.clock, progress=self.told.append), client=self._client)

    def _client(self, **values: Any) -> ApiClient:
        usual, patience = values.pop("policy", ReadPolicy()), self._patience
        values |= self._options
        if patience is None:
            return self.client(policy=usual, **values)
        policy = replace(usual, connect_timeout=patience / 2, read_timeout=patience, total_timeout=patience)
        writing = WritePolicy(connect_timeout=patience / 2, read_timeout=patience, total_timeout=patience)
        return self.client(policy=policy, writing=writing, **values)

    def strike(self, fault_id: str, name: str = "", when: str = "before", **changes: object) -> None:
        """Plan a fault of the catalogue for the next write."""
        late = {"late_by": LATE} if when == "late" else {}
        self.box.plan(fault_id, name, product="autotask", **{"writes": True, "when": when, **late, **changes})

    def strike_read(self, fault_id: str, name: str = "", path: str = "ContractServiceUnits/query", **changes: object) -> None:
        """Plan a fault of the catalogue for the next reading of unit rows."""
        self.box.plan(fault_id, name, product="autotask", **{"path": path, **changes})

    def outage_before_send(self, door: Door, seconds: float, times: int = 1) -> None:
        """Let the network be gone when a write is about to be sent, for the first so many sends."""
        left = [None] * times

        def begin() -> None:
            if left:
                left.pop()
                self.box.outage(door, seconds)

        self.journal.armed = begin

    def changes(self, count: int, **values: Any) -> list[Change]:
        """One change for each of so many customers: two units become three."""
        lines = list(self.box.world.autotask.lines.values())[:count]
        return [change_of(code, line.contract_id, line.id, **values) for code, line in zip(CUSTOMERS, lines, strict=False)]

    async def plan(self, changes: list[Change]) -> Plan:
        """A plan made from a fresh reading now."""
        fresh = Fresh(states=await self.psa.read_lines(changes), writes=WriteSemantics.DELTA, whole_units=True)
        return draft(
            changes, fresh, run_id="P1", source_run="R1", tenant=(await self.psa.tenant()).fingerprint, psa_kind="autotask",
            created=self.clock.now(), effective_date=changes[0].effective_date, limits=NO_LIMITS, snapshot_sha256="0" * 64,
        )  # fmt: skip

    async def push(self, plan: Plan) -> Pushed:
        """Push it to its end."""
        engine = Push(self.psa, self.journal, self.clock, "Ada", "desk-1", 180.0, jitter=lambda: 0.5)
        return Pushed(self, await engine.run(plan, "", self.views.append))

    async def struck(self, fault_id: str, name: str = "", when: str = "before", *, count: int = 1, **changes: object) -> Pushed:
        """Plan some changes, let the first write suffer a fault, and push."""
        plan = await self.plan(self.changes(count))
        self.strike(fault_id, name, when, **changes)
        return await self.push(plan)

    def commits(self, line: str = "") -> list[str]:
        """Who committed something (to a line) since this bench began."""
        new = self.box.ledger.entries[self._old :]
        return [entry.actor for entry in new if entry.product == "autotask" and line in {"", entry.line}]


class Pushed:
    """What came of a push, as the ledger, the journal and the operator see it."""

    def __init__(self, bench: WireBench, view: PushView) -> None:
        self._bench = bench
        self.view = view
        self.states = [op.state for op in view.ops]
        self.messages = [op.message for op in view.ops]
        self.commits = bench.commits()
        self.first_commits = bench.commits(view.ops[0].change.line_id)
        self.sends = bench.client.sends

    @property
    def window(self) -> str:
        """The result as the window tells it."""
        return result_text(self.view.ops, Numbers())

    @property
    def rows(self) -> list[str]:
        """The word the window shows beside each change."""
        return [STATES[op.state].word for op in self.view.ops]

    @property
    def passed(self) -> list[OpState]:
        """The journalled states of the first op, in order."""
        return [OpState(str(event["kind"])) for event in self._bench.journal.stored.events if str(event["op_id"]) == "P1-0001"]


def check_doubt(pushed: Pushed, when: str) -> None:
    """The first write was in doubt and decided by reading: sent once, committed at most once, told as it is."""
    assert pushed.sends == len(pushed.states)
    assert pushed.first_commits == COMMITS[when]
    assert OpState.UNKNOWN in pushed.passed
    if when == "before":
        assert pushed.states[0] is OpState.NOT_APPLIED
        assert "Nothing was sent again. Plan it again if you still want it." in pushed.messages[0]
        assert "proven not written" in pushed.window
        assert "not applied" in pushed.view.message
    else:
        assert pushed.states[0] is OpState.CONFIRMED_BY_STATE
        assert pushed.messages[0].startswith("Applied; the PSA's answer was lost. Confirmed by reading.")
        assert "written and confirmed" in pushed.window
        assert "written and confirmed" in pushed.view.message


@asynccontextmanager
async def on(box: Sandbox, patience: float | None = None, **options: Any) -> AsyncIterator[WireBench]:
    """A bench that lets go of its connections."""
    bench = WireBench(box, patience, **options)
    try:
        yield bench
    finally:
        await bench.psa.aclose()
