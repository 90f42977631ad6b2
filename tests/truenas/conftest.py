from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.truenas_lab import Lab, running_lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A simulated appliance on plain directories; its shares are mounted, which needs root."""
    if os.geteuid() != 0:
        pytest.skip("what an appliance shares is mounted, which needs root")
    with running_lab(tmp_path) as running:
        yield running


@pytest.fixture(scope="module", params=["directories", "zfs"])
def shared(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """One on plain directories and one on real ZFS, which needs /dev/fuse too."""
    if os.geteuid() != 0:
        pytest.skip("what an appliance shares is mounted, which needs root")
    with running_lab(tmp_path_factory.mktemp(request.param), real=request.param == "zfs") as running:
        yield running


@pytest.fixture
def either(shared: Lab) -> Lab:
    """That, as it is when it is fresh."""
    source = shared.source(by="nobody")
    shared.refresh(source)
    source.close()
    return shared
