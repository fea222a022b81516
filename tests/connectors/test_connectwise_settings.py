"""Addresses and settings: what is accepted, what is refused before anything is sent."""

import pytest

from reconcile_app.connectors.connectwise import SPEC
from reconcile_app.connectors.connectwise.address import Address
from reconcile_app.connectors.connectwise.rights import offer
from reconcile_app.connectors.connectwise.settings import FIELDS, Settings, company_url
from reconcile_app.connectors.connectwise.wire import AgreementType
from reconcile_app.core.errors import SecretsUnavailable, SettingsError
from reconcile_app.core.findings import Kind
from reconcile_app.core.settings import Connection
from tests.fakes.connectwise_world import connection

CLOUD = "https://api-na.myconnectwise.net/v4_6_release/apis/3.0"


@pytest.mark.parametrize(
    ("typed", "api"),
    [
        ("https://api-na.myconnectwise.net", CLOUD),
        ("https://na.myconnectwise.net/", CLOUD),
        ("https://NA.MyConnectWise.net/v4_6_release", CLOUD),
        (" https://na.myconnectwise.net/v4_6_release/apis/3.0/ ", CLOUD),
        ("https://api-na.myconnectwise.net/apis/3.0", CLOUD),
        ("https://aus.myconnectwise.net", "https://api-aus.myconnectwise.net/v4_6_release/apis/3.0"),
        ("https://api-eu.myconnectwise.net/v2026_4/apis/3.0", "https://api-eu.myconnectwise.net/v2026_4/apis/3.0"),
        ("https://api-staging.connectwisedev.com", "https://api-staging.connectwisedev.com/v4_6_release/apis/3.0"),
        ("https://sandbox-na.myconnectwise.net", "https://sandbox-na.myconnectwise.net/v4_6_release/apis/3.0"),
        ("https://psa.example.com:8443", "https://psa.example.com:8443/v4_6_release/apis/3.0"),
        ("https://psa.example.com/gate/v4_6_release/", "https://psa.example.com/gate/v4_6_release/apis/3.0"),
        ("https://psa.example.com/gate", "https://psa.example.com/gate/v4_6_release/apis/3.0"),
        ("http://127.0.0.1:8200", "http://127.0.0.1:8200/v4_6_release/apis/3.0"),
    ],
)
def test_every_form_of_the_address_leads_to_the_api_once(typed, api):
    assert Address.read(typed).api == api


@pytest.mark.parametrize("named", ["", "v2026_5/../..", "https://elsewhere", "apis", "v"])
def test_a_code_base_that_is_none_moves_nothing(named):
    address = Address.read("https://psa.example.com")
    assert address.moved(named) == address


def test_a_moved_code_base_stays_at_the_site():
    assert Address.read("https://psa.example.com/v2026_4").moved("v2026_5/").api == "https://psa.example.com/v2026_5/apis/3.0"


def test_the_usual_settings():
    settings = Settings.read(connection())
    assert (settings.api_version, settings.by_id, settings.forward_only) == ("2026.4", False, True)
    assert (settings.bundles, settings.server_compare, settings.calls_per_hour) == (False, False, None)
    assert settings.settle_seconds == 180
    assert next(field.default for field in FIELDS if field.name == "agreement_type") == ""


@pytest.mark.parametrize("missing", ["company", "public_key", "private_key", "client_id"])
def test_each_part_of_the_sign_in_is_asked_for(missing):
    given = connection()
    values = {name: value for name, value in given.values.items() if name != missing}
    secrets = {name: value for name, value in given.secrets.items() if name != missing}
    with pytest.raises(SecretsUnavailable) as caught:
        Settings.read(Connection(name="psa", kind="connectwise", values=values, secrets=secrets))
    names = {"company": "CompanyName", "public_key": "PublicKey", "private_key": "PrivateKey", "client_id": "ClientId"}
    assert (caught.value.kind, caught.value.subject) == (Kind.SECRET_MISSING, names[missing])


def test_a_missing_address_is_told_as_such():
    with pytest.raises(SettingsError) as caught:
        Settings.read(connection(base_url=""))
    assert caught.value.kind is Kind.ADDRESS_INVALID


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("company_field", "name"),
        ("company", "acme:evil"),
        ("paging", "random"),
        ("bundles", "maybe"),
        ("server_compare", "True"),
        ("api_version", "2026.4\r\nX: y"),
        ("settle_seconds", "-1"),
        ("calls_per_hour", "many"),
        ("calls_per_hour_share", "1.5"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_with_what_to_do(name, value):
    with pytest.raises(SettingsError) as caught:
        Settings.read(connection(**{name: value}))
    assert caught.value.next_step


def test_only_a_simulator_may_settle_quickly():
    settings = Settings.read(connection(settle_seconds="5"))
    settings.check_settling(loopback=True)
    with pytest.raises(SettingsError, match="Settle time"):
        settings.check_settling(loopback=False)


@pytest.mark.parametrize(
    ("base_url", "company_id", "url"),
    [
        (
            "https://api-na.myconnectwise.net",
            "305",
            "https://na.myconnectwise.net/v4_6_release/services/system_io/router/openrecord.rails"
            "?recordType=CompanyFv&recid=305&companyName=acme_training",
        ),
        (
            "https://psa.example.com/v2026_4",
            "305",
            "https://psa.example.com/v2026_4/services/system_io/router/openrecord.rails"
            "?recordType=CompanyFv&recid=305&companyName=acme_training",
        ),
        ("https://psa.example.com", "3&x=1", ""),
        ("http://127.0.0.1:8200", "305", ""),
        ("https://user:key@psa.example.com", "305", ""),
    ],
)
def test_the_page_of_a_company(base_url, company_id, url):
    assert company_url(connection(base_url=base_url), company_id) == url


def test_the_description_says_what_connectwise_does():
    assert SPEC.capabilities is not None
    assert not SPEC.capabilities.whole_units
    assert SPEC.contract_type(connection()) == "Managed Services"
    assert SPEC.vocabulary["line"] == "addition"


def test_names_of_agreement_types_are_shortened_where_they_are_offered() -> None:
    told = offer([AgreementType(id=number, name="Managed Services " * 2_000) for number in range(30)])
    assert told.startswith("Enter one of: Managed Services")
    assert told.endswith(" and 10 more.")
    assert len(told) < 3_000
