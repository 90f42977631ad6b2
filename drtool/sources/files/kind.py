"""Files of a machine, as composition knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from drtool.model.kind import KindFacts
from drtool.model.lying import lies_in
from drtool.ports import Source, SourceKind, SourceRequest

if TYPE_CHECKING:
    from pydantic import BaseModel


def _make(request: SourceRequest) -> Source:
    from drtool.sources.files.source import FilesSource

    policy, settings = request.policy, request.policy.settings
    ssh = settings.get("ssh")
    return FilesSource(
        policy=policy,
        by=request.by,
        runner=request.reach(policy.name, host=ssh, ssh_config=settings.get("ssh_config")) if ssh else request.local,
        clock=request.clock,
        watch=tuple(sorted({path for _set, selector in request.selectors for path in selector.get("paths", ())})),
        spared=() if ssh else request.spared,
        machine=request.machine,
        proofs=request.proofs,
    )


def _settings() -> type[BaseModel]:
    from drtool.sources.files.schema import Settings

    return Settings


def _selector() -> type[BaseModel]:
    from drtool.sources.files.schema import Selector

    return Selector


def _place() -> type[BaseModel]:
    from drtool.sources.files.schema import Place

    return Place


def _protects(selector: Mapping[str, Any], name: str) -> bool:
    return any(lies_in(name, path) for path in selector.get("paths", ()))


FILES: Final = SourceKind(
    "files",
    _make,
    _settings,
    _selector,
    _place,
    KindFacts(connects={"ssh": "the machine"}, found_by=("ssh_config",), protects=_protects, directories=True),
)
