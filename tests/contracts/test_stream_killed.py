"""Killed at every moment where a program prints what is stored and another loads it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from drtool.model.policy import SourcePolicy
from drtool.ports import Source
from drtool.runners.local import LocalRunner
from drtool.sources.stream.source import StreamSource
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.kill_contract import BY, KillContract, Life, MortalRunner, Platform
from tests.contracts.test_files_killed import InFiles
from tests.contracts.test_stream_source import OneSecret


class InStream(InFiles):
    """A table that is exchanged whole; what waits to be loaded lies in the folder where files have their documents."""

    name = "billing"
    kind = "stream"
    keeps_aside = False

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._clock = FixedClock()
        self._table = root / "table"
        self._table.write_bytes(b"rows\n")
        self.selector = {}

    def source(self, life: Life) -> Source:
        load = ["sh", "-c", 'cat >"$0.new" && mv "$0.new" "$0"', str(self._table)]
        settings = {"command": ["cat", str(self._table)], "restore": load}
        policy = SourcePolicy("billing", "stream", "home", settings)
        runner = MortalRunner(LocalRunner(), life)
        return StreamSource(policy=policy, by=BY, runner=runner, clock=self._clock, secrets=OneSecret(), staging=str(self.data))

    def in_service(self) -> object:
        return self._table.read_bytes()

    def spoil(self) -> None:
        self._table.write_bytes(b"damaged")


class TestKilledInStream(KillContract):
    twice = False

    @pytest.fixture
    def platform(self, tmp_path: Path) -> Platform:
        return InStream(tmp_path / "stream")


class TestKilledTwiceInStream(TestKilledInStream):
    twice = True
