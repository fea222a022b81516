"""The settings of an Autotask connection: what the form asks for, and what is refused before anything is sent."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from reconcile_app.connectors.autotask.frames import SKU_FIELDS
from reconcile_app.connectors.autotask.keys import LOOKUP, Keys
from reconcile_app.connectors.entered import Entered, field_named, refused
from reconcile_app.core.errors import SecretsUnavailable, SettingsError
from reconcile_app.core.findings import Kind
from reconcile_app.core.settings import Connection, Secret, SettingField, missing_secrets

SETTLE_SECONDS = 180

FIELDS: tuple[SettingField, ...] = (
    SettingField(
        name="base_url", label="Base URL", help="Address of your Autotask zone. Leave empty: the program finds it by the zone user."
    ),
    SettingField(
        name="zone_user",
        label="Zone user",
        help="Email address of an Autotask user, best the API user itself. It tells in which zone your tenant is.",
    ),
    SettingField(
        name="sku_field",
        label="SKU is compared with",
        default="ServiceId",
        choices=tuple(SKU_FIELDS),
        help="Field of the Autotask service that the SKU in Atria names. ServiceId, the number of the service, is safest.",
    ),
    SettingField(
        name="company_field",
        label="Billing identifier is",
        default="id",
        choices=("id", "companyNumber"),
        help="Field of the Autotask company that the Billing Identifier in Atria names: its id, or its company number.",
    ),
    SettingField(
        name="zone_lookup_url",
        label="Zone look-up",
        default=LOOKUP,
        help="Where the zone is asked for. Change it only for a simulator.",
    ),
    SettingField(
        name="settle_seconds",
        label="Settle time in seconds",
        default=str(SETTLE_SECONDS),
        help="How long a lost answer is waited for before a change counts as not applied. At least 180, except for a simulator.",
    ),
    SettingField(
        name="calls_per_hour_share",
        label="Share of the hourly calls",
        default="0.5",
        help="How much of the tenant's calls per hour this program may use, between 0 and 1. All your integrations share them.",
    ),
    SettingField(
        name="username", label="User name", help="User name (key) of the API user.", secret=True, required=True, log_name="UserName"
    ),
    SettingField(
        name="secret", label="Secret", help="Secret (password key) of the API user.", secret=True, required=True, log_name="Secret"
    ),
    SettingField(
        name="integration_code",
        label="Integration code",
        secret=True,
        required=True,
        log_name="ApiIntegrationCode",
        help="Tracking identifier of the API user: Autotask shows it on the user's Security tab.",
    ),
)
"""The fields of the form, in order."""

_DEFAULTS = {field.name: field.default for field in FIELDS}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A connection's settings, checked. ``share`` is between 0 and 1."""

    base_url: str
    lookup_url: str
    zone_user: str
    sku_field: str
    company_field: str
    share: float
    settle_seconds: float
    keys: Keys

    @classmethod
    def read(cls, connection: Connection) -> "Settings":
        """Check every setting.

        Raises:
            SecretsUnavailable: a key is missing (AT18).
            SettingsError: a value cannot be used; AT17 where the zone user is neither given as an email address nor needless.
        """
        keys = _keys(connection)
        base_url = connection.value("base_url")
        zone_user = connection.value("zone_user")
        if not base_url and not _EMAIL.fullmatch(zone_user):
            raise SettingsError(
                "The zone user is not an email address.",
                f"It is {zone_user[:60]!r}, and no Base URL is given." if zone_user else "It is empty, and no Base URL is given.",
                meaning="Nothing was sent.",
                next_step="Enter the email address of an Autotask user, or the address of your zone.",
                kind=Kind.ADDRESS_INVALID,
            )
        entered = Entered(connection=connection, fields=FIELDS, title="Autotask")
        return cls(
            base_url=base_url,
            lookup_url=connection.value("zone_lookup_url", LOOKUP),
            zone_user=zone_user,
            sku_field=entered.choice("sku_field"),
            company_field=entered.choice("company_field"),
            share=entered.number("calls_per_hour_share", 0.0, 1.0),
            settle_seconds=entered.number("settle_seconds", 0.0, 86_400.0),
            keys=keys,
        )

    def check_settling(self, *, loopback: bool) -> None:
        """A real tenant may commit late.

        Raises:
            SettingsError: the settle time is shorter than that.
        """
        if self.settle_seconds < SETTLE_SECONDS and not loopback:
            raise refused(
                field_named(FIELDS, "settle_seconds"), "Autotask", f"{self.settle_seconds:g}", f"Enter {SETTLE_SECONDS} or more."
            )


def sku_field(connection: Connection) -> str:
    """The field of a service that SKUs are compared with."""
    return connection.value("sku_field", _DEFAULTS["sku_field"])


def _keys(connection: Connection) -> Keys:
    for field in missing_secrets(FIELDS, connection):
        raise SecretsUnavailable(
            f"{field.label} of Autotask is missing.",
            f"{field.log_name} must have a valid value.",
            meaning="Nothing was sent.",
            next_step="Enter the key in the connection.",
            kind=Kind.SECRET_MISSING,
        )
    trimmed = {name: Secret(secret.reveal().strip()) for name, secret in connection.secrets.items()}
    return Keys(username=trimmed["username"], secret=trimmed["secret"], integration_code=trimmed["integration_code"])


_ZONE_HOST = re.compile(r"webservices([0-9]{1,3})\.autotask\.net")
_ID = re.compile(r"[0-9]{1,20}")


def company_url(connection: Connection, company_id: str) -> str:
    """The page of a company in Autotask (ExecuteCommand, code OpenAccount), or empty.

    The address is built here from the number of the zone and the id, and nothing that a server sent. Without an address of the
    connection the zone is not known, and at an address that is not Autotask's there is no such page.
    """
    split = urlsplit(connection.value("base_url"))
    zone = _ZONE_HOST.fullmatch((split.hostname or "").lower())
    if split.scheme != "https" or zone is None or not _ID.fullmatch(company_id):
        return ""
    page = "Autotask/AutotaskExtend/ExecuteCommand.aspx?Code=OpenAccount"
    return f"https://ww{zone[1]}.autotask.net/{page}&AccountID={company_id}"
