"""A whole installation on the desk: real connectors over loopback sockets, real files in a temporary folder, virtual time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import pandas as pd

from reconcile_app.composition import Composition
from reconcile_app.core.basis import Run
from reconcile_app.core.settings import CompareOptions, Limits, Secret
from reconcile_app.sample import SampleSecrets
from reconcile_app.sandbox.scenarios import fill_accounts
from reconcile_app.sandbox.server import Sandbox
from reconcile_app.sandbox.world import World
from reconcile_app.services.desk import PushView
from reconcile_app.services.session import Session
from reconcile_app.storage.secrets import SecretStore
from tests.fakes.clock import VirtualClock
from tests.fakes.world_clock import WorldClock

NOW = datetime(2026, 12, 3, 12, tzinfo=UTC)
"""The closed period is 26 October to 25 November 2026; changes take effect on 26 November."""

EFFECTIVE = date(2026, 11, 26)


@dataclass(frozen=True)
class Told:
    """What the log must tell: the literal message, its level, and whether it is flagged as planned."""

    code: str
    level: str
    message: str
    planned: bool = False


class Bench:
    """One installation connected to one sandbox.

    Args:
        folder: where its data folder goes.
        scenario: as for ``Sandbox``.
        secrets: the store of secrets; one in memory that holds the sandbox's when left out.
        psa: the kind of PSA, which is also the name of its connection.
        one_time: the program goes by the time of the sandbox's world, so that what is late there comes while the program waits.
    """

    def __init__(
        self,
        folder: Path,
        scenario: str | Callable[[World], None] = "demo",
        *,
        secrets: SecretStore | None = None,
        psa: str = "autotask",
        one_time: bool = False,
    ) -> None:
        self.psa = psa
        self.folder = folder / "data"
        self.box = Sandbox(scenario, seed=1, now=NOW, psas=(psa,), ticking=False)
        self.clock = WorldClock(self.box) if one_time else VirtualClock(NOW)
        self._given = secrets
        self._composition: Composition | None = None

    def __enter__(self) -> Bench:
        self.box.start()
        self.settings = self.box.settings
        self.open()
        if self._given is None:
            for kind, fields in self.settings.items():
                self.connect(kind, **{name: str(value) for name, value in fields.items() if name != "secrets"})
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.shut()
        self.box.stop()

    @property
    def program(self) -> Composition:
        """The program as it is started now."""
        assert self._composition is not None
        return self._composition

    def shut(self) -> None:
        """End the program; its files are let go."""
        if self._composition is not None:
            self._composition.close()
            self._composition = None

    def open(self) -> Session:
        """Start the program again on the same files, with the same secrets."""
        session = self.open_without_connecting()
        if self._given is None:
            for name, fields in self.settings.items():
                for field, value in fields["secrets"].items():
                    self.secrets.set(name, field, Secret(value))
        return session

    def open_without_connecting(self) -> Session:
        """Start the program again on the same files, whatever is in them."""
        self.shut()
        self.secrets = self._given or SampleSecrets()
        self._composition = Composition(self.folder, clock=self.clock, secrets=self.secrets)
        self.session = self._composition.session
        return self.session

    def connect(self, kind: str, secrets: Mapping[str, str] | None = None, **values: str) -> None:
        """Save a connection, as the form does; what is not named stays as the sandbox gave it."""
        plain = {name: str(value) for name, value in self.settings[kind].items() if name != "secrets"}
        self.session.save_connection(kind, kind, plain | values, secrets or {})

    def control(self, product: str, name: str, **order: Any) -> Any:
        """A control call of the sandbox: what other users do, or what goes wrong."""
        answer = httpx.post(f"{self.box.simulators[product].base_url}/__sim/{name}", content=json.dumps(order).encode(), timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ledger(self, actor: str = "us") -> list[dict[str, Any]]:
        """What was really committed."""
        return [entry for entry in self.box.ledger.records() if entry["actor"] == actor]

    # the operator ------------------------------------------------------------------------------------------------------------

    async def compare(self, **options: Any) -> Run:
        """A comparison with these options."""
        return await self.session.compare("atria", self.psa, CompareOptions(**options), lambda progress: None)

    async def select(self, *keys: str) -> Run:
        """Tick exactly these rows."""
        run = self.session.run
        assert run is not None
        ticked = run.rows.loc[run.rows["selected"], "key"].tolist()
        await self.session.decide([key for key in ticked if key not in keys], False)
        return await self.session.decide(keys, True)

    async def push(self, *keys: str) -> PushView:
        """Tick exactly these rows, review, push and confirm."""
        if keys:
            await self.select(*keys)
        plan = await self.session.review(Limits())
        return await self.session.push(plan, str(plan.totals.lines), lambda view: None)

    @property
    def pushed_log(self) -> pd.DataFrame:
        """The log of the last push."""
        assert self.session.run is not None
        return self.session.reports(self.session.run.run_id)[-1].log


def told(log: pd.DataFrame, code: str, customer: str = "", sku: str = "") -> list[Told]:
    """Every entry of a code, of one customer or SKU where that is given."""
    those = log[(log["code"] == code).to_numpy(dtype=bool)]
    if customer:
        those = those[(those["customer_code"] == customer).to_numpy(dtype=bool, na_value=False)]
    if sku:
        those = those[(those["sku"] == sku).to_numpy(dtype=bool, na_value=False)]
    entries = zip(those["code"], those["level"], those["message"], those["planned"], strict=True)
    return [Told(str(each), str(level), str(message), bool(planned)) for each, level, message, planned in entries]


def rows_of(run: Run, customer: str, sku: str = "") -> list[dict[str, Any]]:
    """The rows of a customer, or of one of its SKUs."""
    rows = run.rows[(run.rows["customer_code"] == customer).to_numpy(dtype=bool)]
    if sku:
        rows = rows[(rows["sku"] == sku).to_numpy(dtype=bool, na_value=False)]
    return rows.to_dict("records")


def row_of(run: Run, customer: str, sku: str) -> dict[str, Any]:
    """The only row of a customer's SKU."""
    found = rows_of(run, customer, sku)
    assert len(found) == 1, found
    return found[0]


def two_customers(world: World) -> None:
    """Customers ONE and TWO (companies 174 and 175) with one line of two units each, of which Atria bills three."""
    fill_accounts(world)
    service = world.autotask.add_service("Mail", service_id=601, price=55_000, cost=31_000)
    plan = world.atria.add_plan("HE", "Mail", "Basic", sku="601", level="Customer", pattern="Mail")
    start = world.atria.periods()[-3].start
    for code in ("ONE", "TWO"):
        company = world.autotask.add_company(f"{code.title()} Ltd")
        contract = world.autotask.add_contract(company, "Cloud", start=start, end=start + timedelta(days=729))
        world.autotask.add_line(contract, service, 2)
        customer = world.atria.add_customer(code, f"{code.title()} Ltd", identifier=str(company.id))
        world.atria.assign(customer, plan, start=datetime.combine(start, time(9)), quantity=30_000)
