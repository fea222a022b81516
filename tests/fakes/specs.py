"""Two connectors as the window knows them, and connections made with them."""

from collections.abc import Mapping

from reconcile_app.core.ports import Capabilities, CheckResult, ConnectorSpec, PermissionCheck, Role, WriteSemantics
from reconcile_app.core.settings import Connection, SettingField
from reconcile_app.services.desk import ConnectionView, Health
from tests.fakes.sample_run import CREATED
from tests.fakes.sample_world import CODES

ATRIA = ConnectorSpec(
    key="atria", title="Atria", role=Role.BILLING,
    fields=(
        SettingField(name="base_url", label="Address", help="The address of your Atria, as https://…", required=True),
        SettingField(name="customer_key", label="Customer is", help="Which customer a line is matched by.", default="customer",
                     choices=("customer", "bill_to")),
        SettingField(name="token", label="API token", help="Made in Atria under Settings, API tokens.", secret=True, required=True,
                     log_name="Token"),
    ),
)
AUTOTASK = ConnectorSpec(
    key="autotask", title="Autotask", role=Role.PSA, codes=CODES,
    fields=(
        SettingField(name="base_url", label="Address", help="Leave empty: the zone is looked up."),
        SettingField(name="zone_user", label="API user", help="The sign-in name of the API user.", required=True),
        SettingField(name="username", label="User name", help="The same name again.", secret=True, required=True,
                     log_name="UserName"),
        SettingField(name="secret", label="Secret", help="The API user's password.", secret=True, required=True, log_name="Secret"),
    ),
    capabilities=Capabilities(writes=WriteSemantics.DELTA, creates_lines=True, sets_unit_cost=False, has_effective_dates=True,
                              whole_units=True),
    vocabulary={"company": "company", "contract": "contract", "line": "contract service", "service": "service"},
    contract_type=lambda connection: "Recurring Services",
    company_url=lambda connection, company_id: f"https://ww14.autotask.net/company?id={company_id}",
)


def checks_of(kind: str) -> tuple[PermissionCheck, ...]:
    """What a test of a connection of this kind finds."""
    if kind == "atria":
        return (PermissionCheck(name="Billing API", needed_for="reading invoices", result=CheckResult.OK),)
    return (
        PermissionCheck(name="Contracts: view", needed_for="reading contract lines", result=CheckResult.OK),
        PermissionCheck(name="Contracts: edit", needed_for="writing quantities", result=CheckResult.MISSING,
                        grant="Admin › Security Levels › API user › Contracts: set Edit to All"),
        PermissionCheck(name="Contracts: add", needed_for="creating lines", result=CheckResult.CANNOT_TELL),
    )


def connection_view(name: str, kind: str, spec: ConnectorSpec, values: Mapping[str, str]) -> ConnectionView:
    """A connection that works."""
    return ConnectionView(
        connection=Connection(name=name, kind=kind, values=dict(values)), spec=spec, health=Health.OK, words="Connected",
        checked=CREATED, checks=checks_of(kind)[:1], sandbox=False,
        stored_secrets=frozenset(field.name for field in spec.fields if field.secret),
    )
