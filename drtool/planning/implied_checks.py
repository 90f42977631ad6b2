from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from drtool.model.address import PLACEHOLDER
from drtool.model.ladder import Level
from drtool.model.point import Member
from drtool.model.policy import CheckPolicy
from drtool.planning.selection import Selected

_WHY = {
    "census": "it is compared with what was counted at the source",
    "canary": "what was planted before the point was read must be there",
}


def always_asked(items: Iterable[Selected]) -> list[tuple[str, CheckPolicy]]:
    """Return the checks that no policy has to name, each with its label: the census of every member, and its canary where it has one.

    When only some paths are restored, a canary need not be among them, and a census is asked where a file of its sample is.
    """
    found = []
    for item in items:
        member = item.member
        kinds = ["census"] if not item.paths or _has_sample(member, item.paths) else []
        if not item.paths and any(artifact.census.canary is not None for artifact in member.artifacts):
            kinds.append("canary")
        found += [
            (f"{kind}/{member.workload}", CheckPolicy(kind=kind, name=kind, of=member.workload, level=Level.COMPLETE)) for kind in kinds
        ]
    return found


def _has_sample(member: Member, paths: tuple[str, ...]) -> bool:
    wanted = [path.rstrip("/") + "/" for path in paths]
    return any(
        artifact.form != "tree" or any(f"{file.path}/".startswith(path) for file in artifact.census.sample for path in wanted)
        for artifact in member.artifacts
    )


def address_of(check: CheckPolicy) -> str:
    """Return the `host:port` that a check asks instead of what was restored: whoever listens there answers it; empty for other kinds."""
    if check.kind == "tcp":
        return str(check.settings["address"])
    if check.kind != "http":
        return ""
    parts = urlsplit(check.settings["url"])
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def is_placed(check: CheckPolicy) -> bool:
    """Tell whether a check asks at the address that the platform tells of what was restored: nobody knows that before."""
    return address_of(check).startswith(PLACEHOLDER)


def why_asked(check: CheckPolicy) -> str:
    """Say why a check is asked."""
    return _WHY.get(check.kind, "the policy asks")
