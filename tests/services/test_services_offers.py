"""What a system offers for the settings of a connection that need not be saved yet."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from reconcile_app.core.errors import ConnectionFailed, NotFound, SettingsError
from reconcile_app.core.ports import BuildContext, ConnectorSpec
from reconcile_app.core.settings import Connection, Secret
from reconcile_app.services.connections import Connections
from tests.fakes.office import Office


class Offering(Office):
    """An office whose PSA has two kinds of contracts to choose from; ``asked`` is what it was asked with."""

    def __init__(self) -> None:
        self.asked: list[Connection] = []
        self.learned: list[Secret] = []
        super().__init__()

    def specs(self) -> tuple[ConnectorSpec, ...]:
        return tuple(replace(spec, offers=self._offer) if spec.key == "autotask" else spec for spec in super().specs())

    async def _offer(self, connection: Connection, context: BuildContext) -> Mapping[str, tuple[str, ...]]:
        self.asked.append(connection)
        if connection.value("zone_user") == "nobody":
            raise ConnectionFailed("Gone.")
        return {"zone_user": ("a@example.net", "b@example.net")}


async def test_a_form_that_is_not_saved_is_asked_with_what_was_entered() -> None:
    desk = Offering()
    offered = await desk.session.offers("autotask", {"zone_user": "x"}, {"username": "u9", "secret": ""})
    assert offered == {"zone_user": ("a@example.net", "b@example.net")}
    (asked,) = desk.asked
    assert (asked.name, asked.kind, dict(asked.values)) == ("", "autotask", {"zone_user": "x"})
    assert dict(asked.secrets) == {"username": Secret("u9")}
    assert desk.secrets.asked == []
    assert set(desk.connections_store.held) == {"atria", "autotask"}


async def test_secrets_that_were_not_typed_again_are_the_stored_ones() -> None:
    desk = Offering()
    heard: list[Secret] = []
    connections = Connections(desk.specs(), desk.connections_store, desk.secrets, desk.clock, learned=heard.extend)
    await connections.offers("autotask", {}, {"secret": "s9"}, "autotask")
    assert dict(desk.asked[0].secrets) == {"username": Secret("u"), "secret": Secret("s9")}
    assert set(heard) == {Secret("u"), Secret("s9")}
    assert desk.secrets.held["autotask", "secret"] == Secret("s")


async def test_what_cannot_be_asked_says_so() -> None:
    desk = Offering()
    with pytest.raises(SettingsError, match="Atria offers nothing to choose from"):
        await desk.session.offers("atria", {}, {})
    with pytest.raises(ConnectionFailed):
        await desk.session.offers("autotask", {"zone_user": "nobody"}, {})


def test_one_connection_by_its_name() -> None:
    desk = Office()
    assert desk.session.connection("atria").spec.key == "atria"
    with pytest.raises(NotFound):
        desk.session.connection("elsewhere")
