"""The output of a program, as composition knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drtool.model.kind import KindFacts
from drtool.ports import Source, SourceKind, SourceRequest

if TYPE_CHECKING:
    from pydantic import BaseModel


def _make(request: SourceRequest) -> Source:
    from drtool.sources.stream.source import StreamSource

    return StreamSource(
        policy=request.policy,
        by=request.by,
        runner=request.local,
        clock=request.clock,
        secrets=request.secrets,
        machine=request.machine,
        proofs=request.proofs,
    )


def _settings() -> type[BaseModel]:
    from drtool.sources.stream.schema import Settings

    return Settings


def _selector() -> type[BaseModel]:
    from drtool.sources.stream.schema import Selector

    return Selector


def _place() -> type[BaseModel]:
    from drtool.sources.stream.schema import Place

    return Place


STREAM: Final = SourceKind("stream", _make, _settings, _selector, _place, KindFacts(runs={"restore": "the command"}, taken_by="restore"))
