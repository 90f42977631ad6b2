"""A cluster of Proxmox VE, as composition knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from drtool.ports import Check, Source, SourceKind, SourceRequest
from drtool.sources.proxmox.facts import FACTS, KIND, SYSTEM

if TYPE_CHECKING:
    from pydantic import BaseModel

    from drtool.model.policy import Settings as GivenSettings


def _make(request: SourceRequest) -> Source:
    from drtool.sources.proxmox.source import ProxmoxSource

    return ProxmoxSource(
        policy=request.policy,
        by=request.by,
        runner=request.local,
        clock=request.clock,
        secrets=request.secrets,
        stores=any(selector.get(SYSTEM) for _set, selector in request.selectors),
        machine=request.machine,
        proofs=request.proofs,
    )


def _settings() -> type[BaseModel]:
    from drtool.sources.proxmox.schema import Settings

    return Settings


def _selector() -> type[BaseModel]:
    from drtool.sources.proxmox.schema import Selector

    return Selector


def _place() -> type[BaseModel]:
    from drtool.sources.proxmox.schema import Place

    return Place


def _checks() -> tuple[Check, ...]:
    from drtool.sources.proxmox.configuration.check import ConfigurationCheck

    return (ConfigurationCheck(),)


def _check_keys() -> Mapping[str, type[Any]]:
    from drtool.sources.proxmox.schema import Check as CheckKeys

    return {"proxmox_config": CheckKeys}


def _grants(settings: GivenSettings, selectors: tuple[GivenSettings, ...]) -> tuple[str, ...]:
    from drtool.sources.proxmox.grants import grants

    return grants(settings, stores=any(selector.get(SYSTEM) for selector in selectors))


PROXMOX: Final = SourceKind(KIND, _make, _settings, _selector, _place, FACTS, _checks, _check_keys, _grants)
