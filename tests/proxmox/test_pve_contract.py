from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from drtool.testing.source_contract import SourceContract, Subject
from tests.proxmox.cluster_world import cluster_of
from tests.rig.pve_lab import PveLab


class TestProxmoxSource(SourceContract):
    """Its configuration, restored beside it; whatever is done, the cluster hears nothing but questions."""

    @pytest.fixture
    def subject(self, pve: PveLab, tmp_path: Path) -> Iterator[Subject]:
        self.pve = pve
        source = cluster_of(pve)
        yield Subject(source, {"system": True}, {"directory": str(tmp_path / "sandboxes")}, tmp_path, originals=False)
        for leftover in source.leftovers(({"directory": str(tmp_path / "sandboxes")},)):
            source.release(leftover)
        assert source.leftovers(({"directory": str(tmp_path / "sandboxes")},)) == ()

    def observe(self, subject: Subject) -> object:
        """All that the cluster keeps, and that nothing but questions came."""
        return copy.deepcopy(asdict(self.pve.state)), [call for call in self.pve.calls() if call["method"] != "GET"]

    def spoil(self, subject: Subject) -> None:
        with self.pve.cluster.lock:
            self.pve.state.options["keyboard"] = "fr"
