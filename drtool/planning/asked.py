from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from drtool.model.ladder import Level
from drtool.model.point import Member
from drtool.model.policy import CheckPolicy

_WHY = {
    "census": "it is compared with what was counted at the source",
    "canary": "what was planted before the point was read must be there",
}


def always_asked(members: Iterable[Member], *, whole: bool) -> list[tuple[str, CheckPolicy]]:
    """Return the checks that no policy has to name, each with its label: the census of every member, and its canary where it has one.

    `whole` is False when only some paths are restored: a canary need not be among them.
    """
    found = []
    for member in members:
        kinds = ["census"]
        if whole and any(artifact.census.canary is not None for artifact in member.artifacts):
            kinds.append("canary")
        found += [
            (f"{kind}/{member.workload}", CheckPolicy(kind=kind, name=kind, of=member.workload, level=Level.COMPLETE)) for kind in kinds
        ]
    return found


def address_of(check: CheckPolicy) -> str:
    """Return the `host:port` that a check asks instead of what was restored: whoever listens there answers it; empty for other kinds."""
    if check.kind == "tcp":
        return str(check.settings["address"])
    if check.kind != "http":
        return ""
    parts = urlsplit(check.settings["url"])
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def why_asked(check: CheckPolicy) -> str:
    """Say why a check is asked."""
    return _WHY.get(check.kind, "the policy asks")
