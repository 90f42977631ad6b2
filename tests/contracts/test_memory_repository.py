from __future__ import annotations

from pathlib import Path

import pytest

from drtool.runners.local import LocalRunner
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.memory_repository import MemoryRepository, Storage
from drtool.testing.repository_contract import BY, RepositoryContract, RepositoryPair


class TestMemoryRepository(RepositoryContract):
    @pytest.fixture
    def pair(self, tmp_path: Path) -> RepositoryPair:
        clock, near, far = FixedClock(), Storage(), Storage()
        return RepositoryPair(
            MemoryRepository(name="near", by=BY, storage=near, clock=clock),
            MemoryRepository(name="far", by=BY, storage=far, clock=clock),
            MemoryRepository(name="near", by="stranger", storage=near, clock=clock),
            LocalRunner(),
            tmp_path,
        )
