"""Connections: adding, checking, opening and removing them."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

from reconcile_app.core.errors import NotFound, ReconcileError, SecretsUnavailable, SettingsError, SignInFailed
from reconcile_app.core.findings import Kind
from reconcile_app.core.ports import (
    BillingPort,
    BuildContext,
    CheckResult,
    Clock,
    ConnectorSpec,
    PermissionCheck,
    ProgressSink,
    PsaPort,
    Role,
)
from reconcile_app.core.settings import Connection, Secret, environment_name, missing_secrets
from reconcile_app.core.snapshot import Side
from reconcile_app.services.desk import ConnectionView, Health
from reconcile_app.services.stores import ConnectionsStore, SecretsStore

_ADDRESS_FIELDS = ("base_url", "zone_lookup_url", "auth_url")


class Connections:
    """The configured connections, their secrets and their health.

    ``learned`` is told every secret before it is used, so that the program's log can keep it out.
    """

    def __init__(
        self,
        specs: Sequence[ConnectorSpec],
        store: ConnectionsStore,
        secrets: SecretsStore,
        clock: Clock,
        *,
        learned: Callable[[Iterable[Secret]], None] | None = None,
    ) -> None:
        self._specs = {spec.key: spec for spec in specs}
        self._store = store
        self._secrets = secrets
        self._clock = clock
        self._learned = learned
        self._known_secrets: dict[str, frozenset[str]] = {}
        self._health: dict[str, tuple[Health, str, datetime, tuple[PermissionCheck, ...]]] = {}

    @property
    def specs(self) -> tuple[ConnectorSpec, ...]:
        """Every system that can be connected."""
        return tuple(self._specs.values())

    @property
    def secrets_note(self) -> str:
        """Why secrets are kept for this session only, or empty."""
        return self._secrets.note

    def views(self) -> list[ConnectionView]:
        """Every connection as its card shows it, in order of the file.

        One of a kind that this program does not know is shown as failed, and the others can be used.
        """
        return [self._view(connection) for connection in self._store.load().values()]

    def view(self, name: str) -> ConnectionView:
        """One connection.

        Raises:
            NotFound: there is none of this name.
        """
        return self._view(self.named(name))

    def named(self, name: str) -> Connection:
        """A connection without its secrets.

        Raises:
            NotFound: there is none of this name.
        """
        connections = self._store.load()
        if name not in connections:
            known = ", ".join(connections) or "none yet"
            raise NotFound(
                f"There is no connection named {name}.",
                f"Known connections: {known}.",
                next_step="Check the name, or add the connection.",
            )
        return connections[name]

    def save(self, name: str, kind: str, values: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        """Keep a connection; an empty secret leaves the stored one as it is.

        Raises:
            SettingsError: a field is unknown or its value is not one of the choices.
        """
        spec = self.spec(kind)
        plain = {field.name: field for field in spec.fields if not field.secret}
        secret_names = {field.name for field in spec.fields if field.secret}
        name = name.strip()
        if not name:
            raise SettingsError("A connection needs a name.", next_step="Enter a short name, such as atria.")
        for field, value in values.items():
            if field not in plain:
                raise SettingsError(f"{spec.title} has no setting {field}.", f"Its settings: {', '.join(plain)}.")
            if plain[field].choices and value and value not in plain[field].choices:
                raise SettingsError(
                    f"{plain[field].label} cannot be {value[:60]}.",
                    f"It is one of: {', '.join(plain[field].choices)}.",
                    next_step="Choose one of them.",
                )
        unknown = set(secrets) - secret_names
        if unknown:
            raise SettingsError(
                f"{spec.title} has no secret {', '.join(sorted(unknown))}.", f"Its secrets: {', '.join(sorted(secret_names))}."
            )
        self._store.save(Connection(name=name, kind=kind, values={k: v for k, v in values.items() if v}))
        for field, value in secrets.items():
            if value:
                self._secrets.set(name, field, Secret(value))
        self._health.pop(name, None)
        self._known_secrets.pop(name.strip(), None)

    def remove(self, name: str) -> None:
        """Forget a connection and its secrets.

        Raises:
            NotFound: there is none of this name.
            SecretsUnavailable: its secrets could not be deleted; the connection stays.
        """
        spec = self._specs.get(self.named(name).kind)
        self._secrets.delete(name, [field.name for field in spec.fields if field.secret] if spec else ())
        self._store.remove(name)
        self._health.pop(name, None)
        self._known_secrets.pop(name, None)

    def spec(self, kind: str) -> ConnectorSpec:
        """The connector of a kind.

        Raises:
            SettingsError: there is none.
        """
        if kind not in self._specs:
            raise SettingsError(
                f"There is no connector {kind}.",
                f"Known: {', '.join(self._specs)}.",
                next_step="Correct the kind of the connection.",
            )
        return self._specs[kind]

    async def open_billing(self, name: str, progress: ProgressSink) -> tuple[Connection, ConnectorSpec, BillingPort]:
        """Open a billing source.

        Raises:
            SettingsError, SecretsUnavailable: it cannot be opened as configured.
        """
        connection, spec = await self._ready(name, Role.BILLING)
        if spec.build_billing is None:
            raise SettingsError(f"{spec.title} is no billing source.", next_step="Choose another connection.")
        return connection, spec, await spec.build_billing(connection, BuildContext(clock=self._clock, progress=progress))

    async def open_psa(self, name: str, progress: ProgressSink) -> tuple[Connection, ConnectorSpec, PsaPort]:
        """Open a PSA.

        Raises:
            SettingsError, SecretsUnavailable: it cannot be opened as configured.
        """
        connection, spec = await self._ready(name, Role.PSA)
        if spec.build_psa is None:
            raise SettingsError(f"{spec.title} is no PSA.", next_step="Choose another connection.")
        return connection, spec, await spec.build_psa(connection, BuildContext(clock=self._clock, progress=progress))

    def read(self, side: Side) -> None:
        """A comparison has read this side: what that says about the connection, where no check has said more."""
        if side.failure is not None:
            self._health[side.connection] = (Health.FAILED, side.error, self._clock.now(), ())
        elif self._health.get(side.connection, (Health.FAILED,))[0] is Health.FAILED:
            self._health[side.connection] = (Health.OK, "Connected", self._clock.now(), ())

    async def verify(self, name: str) -> ConnectionView:
        """Run every permission check in one pass and remember the result."""
        spec = self.spec(self.named(name).kind)
        port: BillingPort | PsaPort | None = None
        try:
            if spec.role is Role.BILLING:
                _, _, port = await self.open_billing(name, _no_progress)
            else:
                _, _, port = await self.open_psa(name, _no_progress)
            checks = tuple(await port.check())
        except ReconcileError as error:
            self._health[name] = (Health.FAILED, error.reason, self._clock.now(), _failed_check(error))
        else:
            self._health[name] = (*_judge(checks), self._clock.now(), checks)
        finally:
            if port is not None:
                await port.aclose()
        return self.view(name)

    async def offers(
        self, kind: str, values: Mapping[str, str], secrets: Mapping[str, str], name: str = ""
    ) -> Mapping[str, tuple[str, ...]]:
        """What the system offers for settings of a connection that need not be saved yet: field name → values.

        Args:
            kind: the connector.
            values: plain settings as they were entered.
            secrets: secrets as they were entered; those that are missing are taken from the saved connection.
            name: the saved connection, or empty.

        Raises:
            SettingsError, SecretsUnavailable: it cannot be asked as configured, or offers nothing.
            SideUnreadable: it could not be read.
        """
        spec = self.spec(kind)
        if spec.offers is None:
            raise SettingsError(f"{spec.title} offers nothing to choose from.", next_step="Enter the settings by hand.")
        entered = {field: Secret(value) for field, value in secrets.items() if value}
        connection = Connection(name=name, kind=kind, values=dict(values), secrets={**await self._kept(name, spec), **entered})
        if self._learned is not None:
            self._learned(connection.secrets.values())
        return await spec.offers(connection, BuildContext(clock=self._clock, progress=_no_progress))

    async def _kept(self, name: str, spec: ConnectorSpec) -> dict[str, Secret]:
        """The stored secrets of a connection that is saved."""
        names = [field.name for field in spec.fields if field.secret] if name else []
        found = await asyncio.to_thread(lambda: {field: self._secrets.get(name, field) for field in names})
        return {field: secret for field, secret in found.items() if secret}

    def missing_permissions(self, name: str) -> tuple[str, ...]:
        """The permissions that the last check of a connection in this session found missing, as the vendor calls them."""
        health, _, _, checks = self._health.get(name, (Health.NOT_CHECKED, "", None, ()))
        return tuple(check.name for check in checks if health is Health.LIMITED and check.result is CheckResult.MISSING)

    async def _ready(self, name: str, role: Role) -> tuple[Connection, ConnectorSpec]:
        """The connection with its secrets."""
        connection = self.named(name)
        spec = self.spec(connection.kind)
        if spec.role is not role:
            raise SettingsError(
                f"{name} is not a {'billing source' if role is Role.BILLING else 'PSA'}.",
                f"It is a connection to {spec.title}.",
                next_step="Choose another connection.",
            )
        found = await self._kept(name, spec)
        if self._learned is not None:
            self._learned(found.values())
        complete = Connection(name=connection.name, kind=connection.kind, values=connection.values, secrets=found)
        missing = missing_secrets(spec.fields, complete)
        if missing and self._secrets.unreadable:
            raise SecretsUnavailable(
                f"{spec.title}: {missing[0].label} could not be read.",
                f"{self._secrets.unreadable}.",
                meaning="Nothing was read and nothing was sent.",
                next_step="Unlock the secure storage of this computer, or enter the secrets of the connection again.",
            )
        if missing:
            raise SecretsUnavailable(
                f"{spec.title}: {missing[0].label} is missing.",
                meaning="Nothing was read and nothing was sent.",
                next_step=f"Enter it on the Connections page, or set {environment_name(name, missing[0].name)}.",
                subject=missing[0].log_name or missing[0].name,
                kind=Kind.SECRET_MISSING,
            )
        return complete, spec

    def _stored(self, name: str, fields: list[str]) -> frozenset[str]:
        """Which secrets are stored; asked once, because a keyring may take its time."""
        if name not in self._known_secrets:
            self._known_secrets[name] = frozenset(self._secrets.stored(name, fields))
        return self._known_secrets[name]

    def _view(self, connection: Connection) -> ConnectionView:
        spec = self._specs.get(connection.kind)
        health, words, checked, checks = self._health.get(connection.name, (Health.NOT_CHECKED, "Not checked yet", None, ()))
        if spec is None:
            spec = ConnectorSpec(key=connection.kind, title=connection.kind, role=Role.NEITHER, fields=())
            health, words = Health.FAILED, f"unknown kind {connection.kind}"
        secret_names = [field.name for field in spec.fields if field.secret]
        return ConnectionView(
            connection=connection,
            spec=spec,
            health=health,
            words=words,
            checked=checked,
            checks=checks,
            stored_secrets=self._stored(connection.name, secret_names),
            sandbox=is_loopback(connection),
        )


def is_loopback(connection: Connection) -> bool:
    """Whether every address of the connection is on this computer: it is sample data then."""
    addresses = [connection.value(field) for field in _ADDRESS_FIELDS if connection.value(field)]
    return bool(addresses) and all(_loopback_host(urlsplit(address).hostname or "") for address in addresses)


def _loopback_host(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _no_progress(progress: object) -> None:
    """Checks are quick; nobody watches their pages."""


def _judge(checks: Sequence[PermissionCheck]) -> tuple[Health, str]:
    missing = [check for check in checks if check.result is CheckResult.MISSING]
    if not missing:
        return Health.OK, "Connected"
    return Health.LIMITED, f"Connected · missing: {', '.join(check.name for check in missing)}"


def _failed_check(error: ReconcileError) -> tuple[PermissionCheck, ...]:
    name = "Sign in" if isinstance(error, SignInFailed) else "Connect"
    return (
        PermissionCheck(
            name=name,
            needed_for="everything",
            result=CheckResult.MISSING,
            grant=error.next_step,
            detail=f"{error.title} {error.happened}".strip(),
        ),
    )
