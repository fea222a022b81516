"""One sandbox with its zygotes for each scene, for all tests here that share them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kill.harness import Lane
from tests.kill.loop import OpenLanes
from tests.kill.races import OPERATORS


def _lane(name: str, folder: Path, operators: tuple[str, ...] = OPERATORS) -> Iterator[Lane]:
    if not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    with Lane(name, folder / "lane", operators) as made:
        yield made


@pytest.fixture(scope="session")
def lane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    """A PSA that takes differences."""
    yield from _lane("autotask", tmp_path_factory.mktemp("kill"))


@pytest.fixture(scope="session")
def set_lane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    """A PSA that takes quantities as they are to be."""
    yield from _lane("connectwise", tmp_path_factory.mktemp("kill"))


@pytest.fixture(scope="session")
def replace_lane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    """The same PSA with a connection whose lines end and are made anew."""
    yield from _lane("connectwise-replace", tmp_path_factory.mktemp("kill"), OPERATORS[:1])


@pytest.fixture
def opener(lane: Lane, set_lane: Lane, replace_lane: Lane) -> OpenLanes:
    """Opens no lanes of its own, but gives these."""

    @contextmanager
    def shared(kind: str, count: int) -> Iterator[list[Lane]]:
        yield [each for each in (lane, set_lane, replace_lane) if each.scene.name == kind][:count]

    return shared
