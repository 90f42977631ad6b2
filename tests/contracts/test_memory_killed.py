"""Killed at every moment on the platform in memory."""

from __future__ import annotations

import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from drtool.ports import Source
from drtool.runners.local import LocalRunner
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.kill_contract import BY, KillContract, Life, Platform
from drtool.testing.memory_source import MemoryPlatform, MemorySource


class InMemory(Platform):
    name = "memory"
    kind = "memory"
    selector = {"names": ["web"]}  # noqa: RUF012 - as the port has it
    place = {}  # noqa: RUF012 - likewise

    def __init__(self, root: Path, made: type[MemorySource] = MemorySource) -> None:
        self._root = root
        self._made = made
        self._clock = FixedClock()
        root.mkdir()
        self.memory = MemoryPlatform(root, {"memory:web": {"index.html": b"hello", "deep/er": b"x"}})

    def source(self, life: Life) -> Source:
        return self._made(name=self.name, by=BY, platform=self.memory, runner=LocalRunner(), clock=self._clock, before_change=life.moment)

    def in_service(self) -> object:
        return deepcopy(self.memory.content)

    def spoil(self) -> None:
        self.memory.content = {"memory:web": {"index.html": b"damaged", "new": b"since then"}}

    def kept(self, locator: str) -> object:
        return {"memory:web": dict(self.memory.aside.get(locator, {}))}

    def traces(self) -> frozenset[str]:
        labelled = {locator for locator, each in self.memory.labelled.items() if each.what != "kept"}
        made = {*self.memory.snapshots, *self.memory.landings}
        return frozenset(labelled | made | {str(path) for path in self._root.rglob("*") if path.is_file() and "service" not in path.parts})

    def shape(self) -> object:
        memory = self.memory
        landings = sorted((each.moving, bool(each.aside), Path(each.content).exists()) for each in memory.landings.values())
        labels = sorted(each.what for each in memory.labelled.values())
        return labels, landings, len(memory.snapshots), list(memory.aside.values()), len(memory.done), len(self.traces())

    def save(self) -> object:
        saved = self._root.with_name(f"{self._root.name}-{self._clock.fresh_id()}")
        shutil.copytree(self._root, saved)
        return deepcopy(self.memory), saved

    def load(self, saved: Any) -> None:  # noqa: ANN401 - what `save` returned
        memory, directory = saved
        self.memory = deepcopy(memory)
        shutil.rmtree(self._root)
        shutil.copytree(directory, self._root)


class TestKilledInMemory(KillContract):
    @pytest.fixture
    def platform(self, tmp_path: Path) -> Platform:
        return InMemory(tmp_path / "memory")
