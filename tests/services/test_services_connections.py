"""Connections: kept without their secrets, opened only when they are complete, checked in one pass."""

from dataclasses import replace

import pytest

from reconcile_app.core.errors import ConnectionFailed, NotFound, SecretsUnavailable, SettingsError, SignInFailed
from reconcile_app.core.findings import Kind
from reconcile_app.core.ports import CheckResult, PermissionCheck, Role
from reconcile_app.core.settings import Connection, Secret, environment_name
from reconcile_app.services.connections import Connections, is_loopback
from reconcile_app.services.desk import ConnectionView, Health
from tests.fakes.office import Office, unwatched


def view_of(desk: Office, name: str) -> ConnectionView:
    return next(view for view in desk.session.connections() if view.connection.name == name)


def test_every_system_that_can_be_connected() -> None:
    desk = Office()
    assert [spec.key for spec in desk.session.specs()] == ["atria", "autotask", "paper", "ledger"]
    desk.secrets.note = "There is no keyring."
    assert desk.session.secrets_note == "There is no keyring."


def test_a_connection_is_kept_without_its_secrets() -> None:
    desk = Office()
    values = {"zone_user": "b@example.net", "base_url": ""}
    desk.session.save_connection(" second ", "autotask", values, {"username": "u2", "secret": ""})
    assert desk.connections_store.held["second"] == Connection(
        name="second", kind="autotask", values={"zone_user": "b@example.net"}
    )
    assert desk.secrets.held["second", "username"].reveal() == "u2"
    assert ("second", "secret") not in desk.secrets.held
    view = view_of(desk, "second")
    assert view.stored_secrets == {"username"}
    assert (view.health, view.words, view.checked, view.checks) == (Health.NOT_CHECKED, "Not checked yet", None, ())
    assert not view.sandbox


def test_an_empty_secret_keeps_the_stored_one() -> None:
    desk = Office()
    desk.session.save_connection("atria", "atria", {}, {"token": ""})
    assert desk.secrets.held["atria", "token"].reveal() == "t"


def test_the_keyring_is_asked_once_until_something_changes() -> None:
    desk = Office()
    view_of(desk, "atria")
    view_of(desk, "atria")
    assert desk.secrets.asked.count("atria") == 1
    desk.secrets.held.clear()
    desk.session.save_connection(" atria", "atria", {}, {})
    assert view_of(desk, "atria").stored_secrets == frozenset()


@pytest.mark.parametrize(("kind", "values", "secrets", "title"), [
    ("quickbooks", {}, {}, "There is no connector quickbooks."),
    ("atria", {"zone_user": "x"}, {}, "Atria has no setting zone_user."),
    ("atria", {"token": "x"}, {}, "Atria has no setting token."),
    ("atria", {"customer_key": "name"}, {}, "Match by cannot be name."),
    ("atria", {}, {"password": "x", "key": "y"}, "Atria has no secret key, password."),
])
def test_what_cannot_be_saved(kind: str, values: dict[str, str], secrets: dict[str, str], title: str) -> None:
    desk = Office()
    before = dict(desk.connections_store.held)
    with pytest.raises(SettingsError) as caught:
        desk.session.save_connection("atria", kind, values, secrets)
    assert caught.value.title == title
    assert desk.connections_store.held == before
    assert desk.secrets.held["atria", "token"].reveal() == "t"


def test_a_connection_needs_a_name() -> None:
    with pytest.raises(SettingsError, match="needs a name"):
        Office().session.save_connection("  ", "atria", {"customer_key": ""}, {})


def test_a_choice_may_be_left_open() -> None:
    desk = Office()
    desk.session.save_connection("atria", "atria", {"customer_key": "bill_to", "base_url": "https://a.example.net"}, {})
    desk.session.save_connection("atria", "atria", {"customer_key": ""}, {})
    assert desk.connections_store.held["atria"].values == {}


def test_a_name_that_is_not_there_names_the_known_ones() -> None:
    desk = Office()
    with pytest.raises(NotFound, match="atria, autotask"):
        desk.connections.view("other")
    desk.connections_store.held.clear()
    with pytest.raises(NotFound, match="none yet"):
        desk.connections.named("other")


async def test_verify_tells_every_permission_and_remembers() -> None:
    desk = Office()
    assert (await desk.session.verify("atria")).health is Health.OK
    view = await desk.session.verify("autotask")
    assert (view.health, view.words, view.checked) == (Health.OK, "Connected", desk.clock.now())
    assert view.checks == tuple(desk.psa.checks)
    assert view_of(desk, "autotask") == view
    assert desk.connections.missing_permissions("autotask") == ()
    assert desk.everything_released()


async def test_verify_names_what_is_missing() -> None:
    desk = Office()
    desk.psa.checks += [
        PermissionCheck(name="Contracts: edit", needed_for="push", result=CheckResult.MISSING),
        PermissionCheck(name="Threshold", needed_for="pace", result=CheckResult.CANNOT_TELL),
    ]
    view = await desk.session.verify("autotask")
    assert (view.health, view.words) == (Health.LIMITED, "Connected · missing: Contracts: edit")
    assert desk.connections.missing_permissions("autotask") == ("Contracts: edit",)
    assert desk.connections.missing_permissions("atria") == ()


@pytest.mark.parametrize(("error", "name"), [
    (SignInFailed("The keys were refused.", next_step="Enter them again."), "Sign in"),
    (ConnectionFailed("Could not be reached.", "No route.", next_step="Enter them again."), "Connect"),
])
async def test_verify_of_what_cannot_be_reached(error: SignInFailed | ConnectionFailed, name: str) -> None:
    desk = Office()
    desk.psa.failures["check"] = error
    view = await desk.session.verify("autotask")
    assert (view.health, view.words) == (Health.FAILED, error.reason)
    (check,) = view.checks
    assert (check.name, check.result, check.grant) == (name, CheckResult.MISSING, "Enter them again.")
    assert check.detail == f"{error.title} {error.happened}".strip()
    assert desk.connections.missing_permissions("autotask") == ()
    assert desk.everything_released()


async def test_verify_without_a_secret_says_which_and_forgets_nothing_else() -> None:
    desk = Office()
    del desk.secrets.held["autotask", "username"]
    view = await desk.session.verify("autotask")
    assert view.health is Health.FAILED
    assert "User name is missing" in view.words
    assert desk.opened == 0
    desk.session.save_connection("autotask", "autotask", {}, {"username": "u"})
    assert view_of(desk, "autotask").health is Health.NOT_CHECKED


async def test_a_missing_secret_says_where_to_enter_it() -> None:
    desk = Office()
    del desk.secrets.held["autotask", "secret"]
    with pytest.raises(SecretsUnavailable) as caught:
        await desk.connections.open_psa("autotask", unwatched)
    assert (caught.value.kind, caught.value.subject) == (Kind.SECRET_MISSING, "secret")
    assert "RECONCILE_SECRET_AUTOTASK_SECRET" in caught.value.next_step
    desk.secrets.held["autotask", "secret"] = Secret("")
    with pytest.raises(SecretsUnavailable):
        await desk.connections.open_psa("autotask", unwatched)


async def test_a_keyring_that_cannot_be_read_is_no_missing_secret() -> None:
    desk = Office()
    desk.secrets.held.clear()
    desk.secrets.unreadable = "the keyring is locked"
    with pytest.raises(SecretsUnavailable) as caught:
        await desk.connections.open_billing("atria", unwatched)
    assert caught.value.kind is Kind.SECRETS_UNREADABLE
    assert "the keyring is locked." in caught.value.happened


async def test_each_side_is_opened_as_what_it_is() -> None:
    desk = Office()
    with pytest.raises(SettingsError, match="atria is not a PSA"):
        await desk.connections.open_psa("atria", unwatched)
    with pytest.raises(SettingsError, match="autotask is not a billing source"):
        await desk.connections.open_billing("autotask", unwatched)
    desk.connections_store.save(Connection(name="paper", kind="paper"))
    desk.connections_store.save(Connection(name="ledger", kind="ledger"))
    with pytest.raises(SettingsError, match="Paper is no billing source"):
        await desk.connections.open_billing("paper", unwatched)
    with pytest.raises(SettingsError, match="Ledger is no PSA"):
        await desk.connections.open_psa("ledger", unwatched)


async def test_the_port_gets_settings_and_secrets() -> None:
    desk = Office()
    connection, spec, _ = await desk.connections.open_psa("autotask", unwatched)
    assert connection.value("zone_user") == "api@example.net"
    assert {name: secret.reveal() for name, secret in connection.secrets.items()} == {"username": "u", "secret": "s"}
    assert spec.key == "autotask"


def test_removing_forgets_secrets_and_health() -> None:
    desk = Office()
    desk.connections.remove("atria")
    assert list(desk.connections_store.held) == ["autotask"]
    assert all(name != "atria" for name, _ in desk.secrets.held)
    with pytest.raises(NotFound):
        desk.connections.remove("atria")


def test_a_connection_of_an_unknown_kind_can_be_removed() -> None:
    desk = Office()
    desk.connections_store.save(Connection(name="old", kind="quickbooks"))
    desk.secrets.held["old", "key"] = Secret("k")
    desk.connections.remove("old")
    assert "old" not in desk.connections_store.held
    assert ("old", "key") not in desk.secrets.held


async def test_a_connection_of_an_unknown_kind_does_not_hide_the_others() -> None:
    desk = Office()
    desk.connections_store.save(Connection(name="old", kind="quickbooks"))
    assert [view.connection.name for view in desk.session.connections()] == ["atria", "autotask", "old"]
    view = view_of(desk, "old")
    assert (view.health, view.words, view.stored_secrets) == (Health.FAILED, "unknown kind quickbooks", frozenset())
    assert (view.spec.key, view.spec.title, view.spec.fields) == ("quickbooks", "quickbooks", ())
    assert view.spec.role not in (Role.BILLING, Role.PSA)
    for opening in (desk.connections.open_billing("old", unwatched), desk.connections.open_psa("old", unwatched)):
        with pytest.raises(SettingsError, match="There is no connector quickbooks"):
            await opening
    with pytest.raises(SettingsError, match="There is no connector quickbooks"):
        await desk.session.verify("old")
    assert desk.opened == 0


@pytest.mark.parametrize(("values", "sandbox"), [
    ({}, False),
    ({"base_url": "http://127.0.0.1:8080"}, True),
    ({"base_url": "http://[::1]:8080", "zone_lookup_url": "http://localhost:1"}, True),
    ({"base_url": "http://127.0.0.1:8080", "auth_url": "https://auth.example.net"}, False),
    ({"base_url": "https://10.0.0.1"}, False),
    ({"base_url": "not an address"}, False),
])
def test_sample_data_is_what_comes_from_this_computer(values: dict[str, str], sandbox: bool) -> None:
    connection = Connection(name="a", kind="atria", values=values)
    assert is_loopback(connection) is sandbox
    desk = Office()
    desk.connections_store.save(replace(connection, name="atria"))
    assert view_of(desk, "atria").sandbox is sandbox


def test_the_environment_may_hold_a_secret() -> None:
    assert environment_name("autotask é-2", "integration_code") == "RECONCILE_SECRET_AUTOTASK___2_INTEGRATION_CODE"


async def test_the_log_learns_secrets_before_they_are_used() -> None:
    desk = Office()
    learned: list[str] = []
    connections = Connections(
        desk.specs(), desk.connections_store, desk.secrets, desk.clock,
        learned=lambda secrets: learned.extend(secret.reveal() for secret in secrets),
    )
    desk.build_failures["autotask"] = ConnectionFailed("Gone.")
    with pytest.raises(ConnectionFailed):
        await connections.open_psa("autotask", unwatched)
    assert learned == ["u", "s"]


async def test_a_comparison_tells_what_it_learned_of_a_connection_unless_a_check_said_more() -> None:
    desk = Office()
    await desk.compare()
    assert view_of(desk, "autotask").health is Health.OK
    side = desk.session.run.basis.psa.side
    connections = desk.connections
    connections.read(replace(side, complete=False, error="Nobody answers.", failure=Kind.PSA_UNREACHABLE))
    assert (view_of(desk, "autotask").health, view_of(desk, "autotask").words) == (Health.FAILED, "Nobody answers.")
    connections.read(side)
    assert view_of(desk, "autotask").health is Health.OK
    desk.psa.checks.append(PermissionCheck(name="Contracts: edit", needed_for="push", result=CheckResult.MISSING))
    await desk.session.verify("autotask")
    connections.read(side)
    assert view_of(desk, "autotask").health is Health.LIMITED
