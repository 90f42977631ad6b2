"""A TrueNAS host, as composition knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from drtool.ports import Check, Source, SourceKind, SourceRequest
from drtool.sources.truenas.facts import FACTS

if TYPE_CHECKING:
    from pydantic import BaseModel


def _make(request: SourceRequest) -> Source:
    from drtool.sources.truenas.source import TruenasSource

    policy, settings = request.policy, request.policy.settings
    ssh = settings.get("ssh")
    return TruenasSource(
        policy=policy,
        by=request.by,
        runner=request.local,
        clock=request.clock,
        secrets=request.secrets,
        watch=tuple(sorted({str(selector["dataset"]) for _set, selector in request.selectors if selector.get("dataset")})),
        system=next((name for name, selector in request.selectors if selector.get("system")), ""),
        remote=request.reach(policy.name, host=ssh, ssh_config=settings.get("ssh_config")) if ssh else None,
        machine=request.machine,
        proofs=request.proofs,
    )


def _settings() -> type[BaseModel]:
    from drtool.sources.truenas.schema import Settings

    return Settings


def _selector() -> type[BaseModel]:
    from drtool.sources.truenas.schema import Selector

    return Selector


def _place() -> type[BaseModel]:
    from drtool.sources.truenas.schema import Place

    return Place


def _checks() -> tuple[Check, ...]:
    from drtool.sources.truenas.configuration.check import ApplianceCheck

    return (ApplianceCheck(),)


def _check_keys() -> Mapping[str, type[Any]]:
    from drtool.sources.truenas.schema import Check as ConfigurationCheck

    return {"truenas_config": ConfigurationCheck}


TRUENAS: Final = SourceKind("truenas", _make, _settings, _selector, _place, FACTS, _checks, _check_keys)
