from __future__ import annotations

from pathlib import Path

import pytest

from drtool.runners.local import LocalRunner
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.memory_source import MemoryPlatform, MemorySource
from drtool.testing.source_contract import BY, SourceContract, Subject


class TestMemorySource(SourceContract):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Subject:
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        platform = MemoryPlatform(scratch, {"memory:web": {"index.html": b"hello", "deep/er": b"x"}})
        source = MemorySource(name="memory", by=BY, platform=platform, runner=LocalRunner(), clock=FixedClock())
        return Subject(source, {"names": ["web"]}, {}, tmp_path, missing={"names": ["nothing"]})

    def observe(self, subject: Subject) -> object:
        assert isinstance(subject.source, MemorySource)
        return dict(subject.source.platform.content["memory:web"])

    def spoil(self, subject: Subject) -> None:
        assert isinstance(subject.source, MemorySource)
        subject.source.platform.content["memory:web"] = {}
