"""A whole session over fakes: a billing source, a PSA, what is kept on this computer, and the services between them."""

from datetime import UTC, datetime
from typing import Any

from reconcile_app.connectors.autotask.codes import CODES
from reconcile_app.core.amounts import SCALE
from reconcile_app.core.basis import Run
from reconcile_app.core.ports import (
    BillingPort,
    BuildContext,
    Capabilities,
    ConnectorSpec,
    Progress,
    PsaPort,
    Role,
    WriteSemantics,
)
from reconcile_app.core.settings import CompareOptions, Connection, Limits, Secret, SettingField
from reconcile_app.services.connections import Connections
from reconcile_app.services.desk import PushView
from reconcile_app.services.pushes import Pushes
from reconcile_app.services.session import Session, Stores
from tests.fakes.billing import FakeBilling
from tests.fakes.clock import VirtualClock
from tests.fakes.comparing import World, provider
from tests.fakes.reading_psa import ReadingPsa
from tests.fakes.stores import (
    DecisionFiles,
    MemoryConnections,
    MemoryJournals,
    MemoryLocks,
    MemorySecrets,
    MemorySnapshots,
    MemoryWorkspace,
    Workbooks,
)

NO_LIMITS = Limits(lines=10_000, percent=10_000, units=1_000_000, zeroing=False)
WRITES = Capabilities(
    writes=WriteSemantics.DELTA, creates_lines=True, sets_unit_cost=True, has_effective_dates=True, whole_units=True
)


def unwatched(progress: Progress) -> None:
    """Nobody watches."""


class Office:
    """Connections ``atria`` and ``autotask`` and a session that works with them.

    The world has three customers (ASP, BIR, CED: companies 174 to 176, contracts C174 to C176) and the services 650, 712 and 800.
    """

    def __init__(self, world: World | None = None) -> None:
        self.clock = VirtualClock(datetime(2026, 11, 27, 8, 15, tzinfo=UTC))
        self.world = world or provider()
        self.billing = FakeBilling(self.world)
        self.psa = ReadingPsa(self.clock, self.world)
        self.opened = 0
        self.capabilities: Capabilities | None = WRITES
        self.build_failures: dict[str, Exception] = {}
        self.connections_store = MemoryConnections({
            "atria": Connection(name="atria", kind="atria", values={"base_url": "https://atria.example.net"}),
            "autotask": Connection(name="autotask", kind="autotask", values={"zone_user": "api@example.net"}),
        })
        self.secrets = MemorySecrets({
            ("atria", "token"): Secret("t"), ("autotask", "username"): Secret("u"), ("autotask", "secret"): Secret("s"),
        })
        self.workspace = MemoryWorkspace()
        self.snapshots = MemorySnapshots()
        self.journals = MemoryJournals(self.clock)
        self.locks = MemoryLocks()
        self.workbooks = Workbooks()
        self.decision_files = DecisionFiles()
        self.views: list[PushView] = []
        self.session = self.new_session()

    def new_session(self) -> Session:
        """The next start of the program over what is kept."""
        self.connections = Connections(self.specs(), self.connections_store, self.secrets, self.clock)
        self.pushes = Pushes(
            self.connections, self.journals, self.locks, self.workspace, self.snapshots, self.clock,
            operator="Ada", machine="desk-1",
        )
        stores = Stores(
            workspace=self.workspace, snapshots=self.snapshots, write_workbook=self.workbooks, read_decisions=self.decision_files
        )
        self.session = Session(self.connections, self.pushes, stores, self.clock, operator="Ada", machine="desk-1", version="1.2")
        return self.session

    def specs(self) -> tuple[ConnectorSpec, ...]:
        """One connector for each side, and one that has neither."""
        address = SettingField(name="base_url", label="Address", help="")
        token = SettingField(name="token", label="API token", help="", secret=True, required=True, log_name="Token")
        match_by = SettingField(name="customer_key", label="Match by", help="", choices=("customer", "bill_to"))
        zone_user = SettingField(name="zone_user", label="Zone user", help="")
        user = SettingField(name="username", label="User name", help="", secret=True, required=True, log_name="UserName")
        key = SettingField(name="secret", label="Secret", help="", secret=True, required=True)
        return (
            ConnectorSpec(
                key="atria", title="Atria", role=Role.BILLING, fields=(address, token, match_by), build_billing=self._build_billing
            ),
            ConnectorSpec(
                key="autotask", title="Autotask", role=Role.PSA, fields=(address, zone_user, user, key), build_psa=self._build_psa,
                codes=CODES, capabilities=self.capabilities, contract_type=lambda connection: "Recurring Service",
                sku_field=lambda connection: "ServiceId", sku_is_number=lambda connection: True,
            ),
            ConnectorSpec(key="paper", title="Paper", role=Role.BILLING, fields=()),
            ConnectorSpec(key="ledger", title="Ledger", role=Role.PSA, fields=()),
        )

    async def _build_billing(self, connection: Connection, context: BuildContext) -> BillingPort:
        self._build(connection)
        return self.billing

    async def _build_psa(self, connection: Connection, context: BuildContext) -> PsaPort:
        self._build(connection)
        return self.psa

    def _build(self, connection: Connection) -> None:
        if connection.name in self.build_failures:
            raise self.build_failures[connection.name]
        self.opened += 1

    def everything_released(self) -> bool:
        """Every port was closed, every journal, and no lock is held."""
        closed = self.billing.closed + self.psa.closed
        return closed == self.opened and all(journal.closed for journal in self.journals.opened) and not self.locks.held

    # what operators do -------------------------------------------------------------------------------------------------------

    def bill(self, customer: str, sku: str, quantity: int, *, held: int | None, line: str = "") -> str:
        """A billed service and, where it is given, what the contract line holds. The line's id."""
        self.world.both(customer, sku, quantity, quantity)
        line_id = line or f"L-{customer}-{sku}"
        if held is not None:
            contract = {"ASP": "C174", "BIR": "C175", "CED": "C176"}[customer]
            self.psa.add_line(line_id, held, contract_id=contract, service_id=sku, cost=2 * SCALE)
        return line_id

    def match_by_payer(self) -> None:
        """The paying customer is matched."""
        self.connections_store.save(Connection(name="atria", kind="atria", values={"customer_key": "bill_to"}))

    async def compare(self, **options: Any) -> Run:
        """A comparison of the previous period."""
        return await self.session.compare("atria", "autotask", CompareOptions(**options), unwatched)

    async def recheck(self, *customers: str) -> Run:
        """These customers again."""
        return await self.session.recheck(customers, unwatched)

    async def push(self, limits: Limits = NO_LIMITS) -> PushView:
        """Review and push what is ticked."""
        return await self.session.push(await self.session.review(limits), "", self.views.append)
