"""What every connector owes, whichever it is: one class over every entry of the registry."""

import json
import socket
import string
from pathlib import Path
from typing import Any

import pytest

from reconcile_app.connectors.registry import CONNECTORS
from reconcile_app.core.codes import RC_CODES, render
from reconcile_app.core.errors import ReconcileError, SettingsError, SideUnreadable
from reconcile_app.core.findings import Kind, Level
from reconcile_app.core.ports import (
    BillingPort,
    BuildContext,
    CheckResult,
    ConnectorSpec,
    PermissionCheck,
    PsaPort,
    Role,
    WriteSemantics,
)
from reconcile_app.core.settings import Connection, Secret, missing_secrets
from tests.fakes.clock import VirtualClock
from tests.fakes.raw_server import Handler, RawServer, reply, serving

WIRE = Path(__file__).parent / "wire"
PUBLISHED = {
    Kind.STARTED,
    Kind.PSA_UNREACHABLE,
    Kind.BILLING_UNREACHABLE,
    Kind.NO_BILLING_IDENTIFIER,
    Kind.COMPANY_NOT_FOUND,
    Kind.NO_CONTRACT,
    Kind.NO_SKU,
    Kind.SERVICE_NOT_FOUND,
    Kind.QUANTITY_UPDATED,
    Kind.UNCHANGED,
    Kind.LINE_CREATED,
    Kind.LINE_MISSING,
    Kind.REDUCED_TO_ZERO,
    Kind.WRITE_REFUSED,
    Kind.NO_RECORDS,
    Kind.SECRETS_UNREADABLE,
    Kind.ADDRESS_INVALID,
    Kind.SECRET_MISSING,
    Kind.PERIOD_INVALID,
    Kind.ANSWER_UNREADABLE,
    Kind.COMPLETED,
}
ADDRESSES = ("base_url", "auth_url", "zone_lookup_url")


def secret_of(name: str) -> str:
    return f"canary-{name}-9f3c71"


def connection(spec: ConnectorSpec, address: str) -> Connection:
    """Every field filled: addresses with this one, secrets with canaries, the rest with its default or a word."""
    values = {item.name: address if item.name in ADDRESSES else item.default for item in spec.fields if not item.secret}
    values |= {name: word for name, word in {"zone_user": "api@example.net", "company": "acme"}.items() if name in values}
    secrets = {item.name: Secret(secret_of(item.name)) for item in spec.fields if item.secret}
    return Connection(name="tested", kind=spec.key, values=values, secrets=secrets)


async def built(spec: ConnectorSpec, address: str) -> BillingPort | PsaPort:
    context = BuildContext(clock=VirtualClock(), progress=lambda told: None)
    build: Any = spec.build_billing or spec.build_psa
    port: BillingPort | PsaPort = await build(connection(spec, address), context)
    return port


async def checked(spec: ConnectorSpec, address: str) -> list[PermissionCheck]:
    port = await built(spec, address)
    try:
        return await port.check()
    finally:
        await port.aclose()


def everything(error: BaseException | None) -> str:
    """All that anybody could ever see of an error, its causes included."""
    parts = []
    while error is not None:
        details = (error.happened, error.details, error.next_step) if isinstance(error, ReconcileError) else ()
        parts += [str(error), repr(error), *details]
        error = error.__cause__
    return " ".join(parts)


def echoing(status: int) -> Handler:
    """A server that quotes the credentials it was given, as careless ones do."""
    return lambda seen: [reply(json.dumps({"message": "refused", "errors": [f"{dict(seen.headers)}"]}).encode(), status)]


@pytest.mark.parametrize("spec", CONNECTORS, ids=lambda spec: spec.key)
class TestEveryConnector:
    def test_the_form_explains_every_field(self, spec: ConnectorSpec) -> None:
        names = [item.name for item in spec.fields]
        assert len(set(names)) == len(names)
        for item in spec.fields:
            assert item.label[:1].isupper()
            assert item.help.endswith(".")
            assert not item.choices or item.default in item.choices
            assert not (item.secret and (item.default or item.choices))
            assert not (item.secret and item.required and not item.log_name)

    def test_nothing_that_smells_of_a_secret_is_a_plain_field(self, spec: ConnectorSpec) -> None:
        plain = {item.name for item in spec.fields if not item.secret}
        assert not [
            name for name in plain if any(word in name for word in ("token", "secret", "password", "private", "integration"))
        ]
        assert any(item.secret and item.required for item in spec.fields)
        empty = Connection(name="empty", kind=spec.key)
        assert missing_secrets(spec.fields, empty) == [item for item in spec.fields if item.secret and item.required]

    def test_the_role_has_its_parts(self, spec: ConnectorSpec) -> None:
        psa = spec.role is Role.PSA
        assert bool(spec.build_psa) is psa
        assert bool(spec.build_billing) is not psa
        assert bool(spec.capabilities) is psa
        assert bool(spec.codes) is psa
        assert spec.title
        assert spec.key == spec.key.lower()
        if spec.capabilities is not None:
            assert spec.capabilities.writes in WriteSemantics
            assert spec.capabilities.quantity_is in ("live", "last invoiced", "unknown")
            assert {"company", "contract", "line", "service"} <= set(spec.vocabulary)

    def test_every_published_code_has_its_text(self, spec: ConnectorSpec) -> None:
        if spec.role is not Role.PSA:
            assert spec.codes == {}
            return
        assert set(spec.codes) >= PUBLISHED
        assert not set(spec.codes) & set(RC_CODES)
        # One code may tell of several causes; then it tells them in the same words.
        told = {(code.id, code.level, code.template) for code in spec.codes.values()}
        assert len({id_ for id_, _, _ in told}) == len(told)
        for code in spec.codes.values():
            assert code.title
            assert code.resolution or code.level not in (Level.WARNING, Level.ERROR)
            fields = {name for _, name, _, _ in string.Formatter().parse(code.template) if name}
            assert all(name.isidentifier() and name.islower() for name in fields)
            filled = render(code.template, {name: f"<{name}>" for name in fields})
            assert all(f"<{name}>" in filled for name in fields)

    async def test_it_is_built_without_a_call_and_shows_no_secret(self, spec: ConnectorSpec) -> None:
        async with serving(echoing(200)) as server:
            port = await built(spec, server.origin)
            assert port.calls == 0
            assert server.connections == 0
            assert "canary" not in f"{port!r} {port} {connection(spec, server.origin)!r}"
            await port.aclose()
            await port.aclose()

    @pytest.mark.parametrize(
        "address", ["http://192.0.2.1", "http://psa.example", "https://user:key@psa.example", "ftp://127.0.0.1", "no address"]
    )
    async def test_an_address_that_would_betray_the_keys_is_refused(self, spec: ConnectorSpec, address: str) -> None:
        with pytest.raises(SettingsError) as caught:
            await checked(spec, address)
        assert caught.value.next_step

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
    async def test_a_refusal_is_told_without_the_keys(self, spec: ConnectorSpec, status: int) -> None:
        async with serving(echoing(status)) as server:
            told = await self._told(spec, server)
            assert server.seen
            assert "canary" not in told

    async def test_a_sign_in_page_is_no_data(self, spec: ConnectorSpec) -> None:
        async with serving(lambda seen: [reply(b"<html><form>Sign in</form></html>", content_type="text/html")]) as server:
            assert "sign-in page" in await self._not_told(spec, server.origin)

    async def test_nobody_there_is_told_in_words(self, spec: ConnectorSpec) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{closed.getsockname()[1]}"
        told = await self._not_told(spec, address)
        assert "127.0.0.1" in told
        assert "canary" not in told

    def test_it_brings_recorded_answers(self, spec: ConnectorSpec) -> None:
        samples = sorted((WIRE / spec.key).glob("*.json"))
        assert samples
        for sample in samples:
            assert json.loads(sample.read_bytes())

    async def _told(self, spec: ConnectorSpec, server: RawServer) -> str:
        try:
            return " ".join(map(repr, await checked(spec, server.origin)))
        except SideUnreadable as error:
            return everything(error)

    async def _not_told(self, spec: ConnectorSpec, address: str) -> str:
        """The words for a side that says nothing: an error for its reader, or checks that all admit that they cannot tell."""
        try:
            checks = await checked(spec, address)
        except SideUnreadable as error:
            return everything(error) if error.title and error.next_step and error.exit_code == 3 else "wordless"
        assert {check.result for check in checks} == {CheckResult.CANNOT_TELL}
        return " ".join(map(repr, checks))
