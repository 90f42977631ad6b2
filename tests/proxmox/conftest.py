from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.pve_lab import PveLab, running_pve


@pytest.fixture
def pve(tmp_path: Path) -> Iterator[PveLab]:
    with running_pve(tmp_path) as running:
        yield running
