from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.rig.truenas import Client, TrueNasServer


@pytest.fixture(scope="module")
def nas() -> Iterator[TrueNasServer]:
    """An appliance of the middle release for all tests of a file; each makes datasets of its own names."""
    with TrueNasServer() as server:
        yield server


@pytest.fixture
def client(nas: TrueNasServer) -> Iterator[Client]:
    nas.faults()
    with nas.client() as connected:
        yield connected


@pytest.fixture
def administrator(nas: TrueNasServer) -> Iterator[Client]:
    with nas.client("truenas_admin") as connected:
        yield connected
