from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import asdict

import pytest

from drtool.ports import Platform
from drtool.testing.platform_contract import PlatformContract
from tests.proxmox.cluster_world import cluster_of
from tests.rig.pve_lab import PveLab


class TestProxmoxIsAPlatform(PlatformContract):
    @pytest.fixture
    def platform(self, pve: PveLab) -> Platform:
        return cluster_of(pve)

    @pytest.fixture
    def seen(self, pve: PveLab) -> Callable[[], object]:
        """All that the cluster keeps, and that nothing but questions came."""
        return lambda: (copy.deepcopy(asdict(pve.state)), [call for call in pve.calls() if call["method"] != "GET"])
