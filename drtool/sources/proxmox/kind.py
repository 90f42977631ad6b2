"""A cluster of Proxmox VE, as composition knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drtool.ports import Platform, PlatformKind, SourceRequest
from drtool.sources.proxmox.facts import FACTS, KIND

if TYPE_CHECKING:
    from pydantic import BaseModel

    from drtool.model.policy import Settings as GivenSettings


def _make(request: SourceRequest) -> Platform:
    from drtool.sources.proxmox.cluster import ProxmoxCluster

    return ProxmoxCluster(policy=request.policy, clock=request.clock, secrets=request.secrets)


def _settings() -> type[BaseModel]:
    from drtool.sources.proxmox.schema import Settings

    return Settings


def _grants(settings: GivenSettings) -> tuple[str, ...]:
    from drtool.sources.proxmox.grants import grants

    return grants(settings)


PROXMOX: Final = PlatformKind(KIND, _make, _settings, "guests of Proxmox", _grants, FACTS)
