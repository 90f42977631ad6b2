"""The commands by which a platform gives drtool no more rights than it needs; nobody is asked for them."""

from __future__ import annotations

from drtool.app.composition import SOURCES
from drtool.app.runtime import Runtime
from drtool.model.errors import NotFound
from drtool.model.nearest import named


def grants(runtime: Runtime, source: str) -> tuple[str, ...]:
    """Return the commands for a source; NotFound where its kind has none, UnknownName where the policy has no such source."""
    sources = runtime.policy.sources
    policy = sources[named(source, sources, "source")]
    kind = SOURCES[policy.kind]
    if kind.grants is None:
        raise NotFound(
            f"there are no such commands for `{source}`: it is of the kind `{policy.kind}`",
            hint="what each platform needs is in docs/platforms",
            safe="nobody was asked",
        )
    selectors = (each.selector for of in runtime.policy.sets.values() for each in of.protect if each.source == policy.name)
    return kind.grants(policy.settings, tuple(selectors))
