"""The registry: one entry per connector, found by its key."""

import pytest

from reconcile_app.connectors.registry import CONNECTORS, connector, connectors
from reconcile_app.core.errors import SettingsError
from reconcile_app.core.ports import Role


def test_keys_are_unique_and_found_in_any_spelling() -> None:
    assert len({spec.key for spec in CONNECTORS}) == len(CONNECTORS)
    for spec in CONNECTORS:
        assert connector(f" {spec.key.upper()} ") is spec


def test_each_side_has_its_own() -> None:
    assert {spec.key for spec in connectors(Role.BILLING)} >= {"atria"}
    assert {spec.key for spec in connectors(Role.PSA)} >= {"autotask"}
    assert len(connectors(Role.BILLING)) + len(connectors(Role.PSA)) == len(CONNECTORS)


def test_an_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="atria, autotask"):
        connector("quickbooks")
