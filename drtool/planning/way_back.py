from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping

from drtool.model.errors import Refused
from drtool.model.kind import KindFacts
from drtool.model.outcome import Outcome
from drtool.model.plan import Skipped
from drtool.model.point import Manifest
from drtool.model.policy import Policy, SourcePolicy
from drtool.planning.selection import Selected


def without_way_back(
    selected: Mapping[str, tuple[Selected, ...]],
    *,
    sources: Mapping[str, SourcePolicy],
    facts: Mapping[str, KindFacts],
    manifests: Mapping[str, Manifest],
    in_place: bool,
) -> tuple[dict[str, tuple[Selected, ...]], list[Skipped]]:
    """Leave out of a restore in place what nothing there would take, with the command that gives it; Refused when that is everything."""
    if not in_place:
        return dict(selected), []
    kept: dict[str, tuple[Selected, ...]] = {}
    skipped, commands = [], []
    for name, items in selected.items():
        barred = {item.member.workload: key for item in items if (key := _lacking(sources.get(item.member.source), facts))}
        kept[name] = tuple(item for item in items if item.member.workload not in barred)
        for workload, key in barred.items():
            commands.append(as_directory(name, point=manifests[name].point, workload=workload))
            reason = f"its source has no `{key}:` command, so it is not put in place; this gives it: {commands[-1]}"
            hint = f"{commands[-1]} gives it as a file"
            skipped.append(Skipped(workload, reason, Outcome.PARTIAL.value, set=name, hint=hint, workload=workload))
    if skipped and not any(kept.values()):
        raise Refused(
            f"{' and '.join(each.what for each in skipped)} cannot be put in place: no `restore:` command takes it",
            hint=f"{'; '.join(commands)}; or write that command in the policy",
            safe="nothing was changed",
        )
    return kept, skipped


def as_directory(set_name: str, *, point: str, workload: str) -> str:
    """Return the whole command that pours one workload of a point into a directory; named alone it might come from another point."""
    return f"drtool restore {shlex.quote(set_name)} --point {point} --workload {shlex.quote(workload)} --to directory PATH"


def told_of_no_way_back(policy: Policy, facts: Mapping[str, KindFacts]) -> tuple[str, ...]:
    """Say which protected sources are stored and cannot be put back in place."""
    return tuple(
        f"{name} of {source} has no `{key}:` command: a restore in place leaves it out, and only --to directory gives it"
        for name, source, key in _barred(policy, facts)
    )


def _barred(policy: Policy, facts: Mapping[str, KindFacts]) -> Iterator[tuple[str, str, str]]:
    for backup_set in policy.sets.values():
        for source in dict.fromkeys(protect.source for protect in backup_set.protect):
            if key := _lacking(policy.sources.get(source), facts):
                yield source, backup_set.name, key


def _lacking(source: SourcePolicy | None, facts: Mapping[str, KindFacts]) -> str:
    """Return the key of the command without which nothing of a source goes in place, where it is not written; empty: none lacks."""
    key = facts.get(source.kind, KindFacts()).taken_by if source is not None else ""
    return key if source is not None and key and not source.settings.get(key) else ""
