"""The settings of a ConnectWise connection: what the form asks for, and what is refused before anything is sent."""

import re
from dataclasses import dataclass

from reconcile_app.connectors.connectwise.access import Keys
from reconcile_app.connectors.connectwise.address import Address, company_page
from reconcile_app.connectors.connectwise.wire import TITLE
from reconcile_app.connectors.entered import Entered, field_named, refused
from reconcile_app.core.errors import SecretsUnavailable, SettingsError
from reconcile_app.core.findings import Kind
from reconcile_app.core.settings import Connection, Secret, SettingField, missing_secrets

SETTLE_SECONDS = 180
_YES_NO = ("no", "yes")

FIELDS: tuple[SettingField, ...] = (
    SettingField(
        name="base_url",
        label="Address",
        required=True,
        help="Address of your ConnectWise, such as https://api-na.myconnectwise.net or your own server. /v4_6_release/apis/3.0 may "
        "follow or be left out.",
    ),
    SettingField(name="company", label="Company", required=True, help="The company that you enter when you log in to ConnectWise."),
    SettingField(
        name="agreement_type",
        label="Agreement type",
        required=True,
        offered=True,
        help="Name of the agreement type that carries these services, as ConnectWise writes it. The names can be read from there.",
    ),
    SettingField(
        name="change_by",
        label="Change of quantity",
        default="quantity",
        choices=("quantity", "replace"),
        help="quantity: the line gets the new quantity as a whole, and nothing is prorated. replace: on agreements that prorate, "
        "the line is cancelled on the effective date and a new one starts that day, so that ConnectWise prorates. The new line has "
        "another id, and undo does not take it back.",
    ),
    SettingField(
        name="company_field",
        label="Billing identifier is",
        default="identifier",
        choices=("identifier", "id"),
        help="What the Billing Identifier in Atria names: the company ID that ConnectWise shows (identifier), or its number (id).",
    ),
    SettingField(
        name="api_version",
        label="Model version",
        default="2026.4",
        help="Version of the API's model that answers are asked for in. A version is served for about a year after it came out.",
    ),
    SettingField(
        name="paging",
        label="Paging",
        default="forward-only",
        choices=("forward-only", "navigable"),
        help="How long lists are read. Forward-only goes by record number and misses nothing while others work; where the server "
        "does not know it, pages are counted instead.",
    ),
    SettingField(
        name="bundles",
        label="Read in bundles",
        default="no",
        choices=_YES_NO,
        help="Asks for the additions of 25 agreements with one call. Not every ConnectWise does this; where it is refused the "
        "agreements are read one by one.",
    ),
    SettingField(
        name="server_compare",
        label="Server compares first",
        default="no",
        choices=_YES_NO,
        help="Sends the quantity that was read along with a change (operation test), so that ConnectWise refuses the change when "
        "somebody else was faster. Turn it on only where a trial has shown that a wrong value is refused.",
    ),
    SettingField(
        name="ca_file",
        label="CA file",
        help="Only for a certificate of your own authority: a PEM file with that authority's certificate.",
    ),
    SettingField(
        name="settle_seconds",
        label="Settle time in seconds",
        default=str(SETTLE_SECONDS),
        help="How long a lost answer is waited for before a change counts as not applied. At least 180, except for a simulator.",
    ),
    SettingField(
        name="calls_per_hour",
        label="Calls per hour",
        help="How many calls per hour your agreement with ConnectWise allows, if you were told. Empty: ConnectWise names no limit "
        "and asks for a pause when it wants one.",
    ),
    SettingField(
        name="calls_per_hour_share",
        label="Share of the hourly calls",
        default="0.5",
        help="How much of the calls per hour this program may use, between 0 and 1. Counts only where these are given.",
    ),
    SettingField(
        name="public_key",
        label="Public key",
        help="Public key of the API member.",
        secret=True,
        required=True,
        log_name="PublicKey",
    ),
    SettingField(
        name="private_key",
        label="Private key",
        help="Private key of the API member; ConnectWise shows it once.",
        secret=True,
        required=True,
        log_name="PrivateKey",
    ),
    SettingField(
        name="client_id",
        label="Client ID",
        help="The identifier that ConnectWise issued for your integration; it goes with every request.",
        secret=True,
        required=True,
        log_name="ClientId",
    ),
)
"""The fields of the form, in order."""

_DEFAULTS = {field.name: field.default for field in FIELDS}
_VERSION = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){1,2}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A connection's settings, checked. ``calls_per_hour`` is None where nobody told; ``share`` is between 0 and 1."""

    address: Address
    company: str
    agreement_type: str
    by_id: bool
    api_version: str
    forward_only: bool
    bundles: bool
    server_compare: bool
    replaces: bool
    ca_file: str
    settle_seconds: float
    calls_per_hour: int | None
    share: float
    keys: Keys

    @classmethod
    def read(cls, connection: Connection) -> "Settings":
        """Check every setting but the agreement type, which only ConnectWise can judge (CW21).

        Raises:
            SecretsUnavailable: the company, a key or the client ID is missing (CW18).
            SettingsError: a value cannot be used; CW17 where it is the address.
        """
        company = connection.value("company")
        keys = _keys(connection, company)
        address = connection.value("base_url")
        if not address:
            raise SettingsError(
                f"The address of {TITLE} is missing.",
                meaning="Nothing was sent.",
                next_step="Enter it as https://host, such as https://api-na.myconnectwise.net.",
                kind=Kind.ADDRESS_INVALID,
            )
        allowed, entered = connection.value("calls_per_hour"), _entered(connection)
        return cls(
            address=Address.read(address),
            company=company,
            agreement_type=connection.value("agreement_type"),
            by_id=entered.choice("company_field") == "id",
            api_version=_version(connection),
            forward_only=entered.choice("paging") == "forward-only",
            bundles=entered.choice("bundles") == "yes",
            server_compare=entered.choice("server_compare") == "yes",
            replaces=replaces(connection),
            ca_file=connection.value("ca_file"),
            settle_seconds=entered.number("settle_seconds", 0.0, 86_400.0),
            calls_per_hour=int(entered.number("calls_per_hour", 1.0, 10_000_000.0)) if allowed else None,
            share=entered.number("calls_per_hour_share", 0.0, 1.0),
            keys=keys,
        )

    def check_settling(self, *, loopback: bool) -> None:
        """A real tenant may commit late.

        Raises:
            SettingsError: the settle time is shorter than that.
        """
        if self.settle_seconds < SETTLE_SECONDS and not loopback:
            raise _refused("settle_seconds", f"{self.settle_seconds:g}", f"Enter {SETTLE_SECONDS} or more.")


def agreement_type(connection: Connection) -> str:
    """The name of the agreement type, for messages."""
    return connection.value("agreement_type")


def replaces(connection: Connection) -> bool:
    """Whether lines are cancelled and made anew instead of changed.

    Raises:
        SettingsError: the setting is neither of the two.
    """
    return _entered(connection).choice("change_by") == "replace"


def company_url(connection: Connection, company_id: str) -> str:
    """The page of a company in ConnectWise, or empty; see ``address.company_page``."""
    try:
        return company_page(connection.value("base_url"), connection.value("company"), company_id)
    except SettingsError:
        return ""


def _entered(connection: Connection) -> Entered:
    return Entered(connection=connection, fields=FIELDS, title=TITLE)


def _refused(name: str, value: str, next_step: str) -> SettingsError:
    return refused(field_named(FIELDS, name), TITLE, value, next_step)


def _keys(connection: Connection, company: str) -> Keys:
    if not company:
        raise _missing("Company", "CompanyName")
    if ":" in company or not company.isprintable():
        raise _refused("company", company, "Enter the company as you do when you log in; it has no colon.")
    for field in missing_secrets(FIELDS, connection):
        raise _missing(field.label, field.log_name)
    trimmed = {name: Secret(secret.reveal().strip()) for name, secret in connection.secrets.items()}
    return Keys(
        company=company, public_key=trimmed["public_key"], private_key=trimmed["private_key"], client_id=trimmed["client_id"]
    )


def _missing(label: str, log_name: str) -> SecretsUnavailable:
    return SecretsUnavailable(
        f"{label} of {TITLE} is missing.",
        f"{log_name} must have a valid value.",
        meaning="Nothing was sent.",
        next_step="Enter it in the connection.",
        kind=Kind.SECRET_MISSING,
        subject=log_name,
    )


def _version(connection: Connection) -> str:
    text = connection.value("api_version", _DEFAULTS["api_version"])
    if not _VERSION.fullmatch(text):
        raise _refused("api_version", text, "Enter it as year and number, such as 2026.4.")
    return text
