from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from drtool.model.errors import Refused
from drtool.model.kind import KindFacts, kind_of_directories
from drtool.model.nearest import named
from drtool.model.plan import OfPoints, Plan
from drtool.model.point import Manifest, Member
from drtool.model.policy import BackupSet, CopyPolicy, Hooks, Policy, Retention, SourcePolicy


@dataclass(frozen=True, slots=True)
class Joined:
    """Today's policy with what points need of their own, members with the sources by which they go back, and what to tell.

    `unprotected` are the workloads that no set of today's policy means.
    """

    policy: Policy
    manifests: Mapping[str, Manifest]
    unprotected: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    """By which source of today what lay on another goes back."""

    def noted_on(self, plan: Plan, *, today: Policy) -> Plan:
        """Return a plan that says by which sources and sets it is carried out, where those of today are others."""
        return plan if self.policy == today else replace(plan, of_points=OfPoints(self.policy.sources, self.policy.sets))


def join(
    policy: Policy,
    manifests: Mapping[str, Manifest],
    *,
    own: Mapping[str, Policy],
    copies: Mapping[str, tuple[str, ...]],
    form: str,
    renamed: Mapping[str, str] | None = None,
    facts: Mapping[str, KindFacts],
) -> Joined:
    """Read points by their own policies: a set or a source that today's policy no longer has is told, mapped, or refused, by name.

    `own` are the policies out of the manifests, as far as they can be read, and `copies` who holds each point, both by set. `form` is that
    of the destination, `renamed` what a person said (`""`: every source that is gone). A source that is gone goes back by the one of today
    that is set up alike and protects the same place; into a directory by none. Raises UnknownName or Refused for a mapping that does not
    fit, Refused for a place of a source that is gone.
    """
    said = _checked(policy, renamed or {})
    sets, sources = dict(policy.sets), dict(policy.sources)
    notes: dict[str, None] = {}
    mapped: dict[str, str] = {}
    for name, manifest in manifests.items():
        if name not in sets:
            sets[name] = _gone_set(name, own.get(name), copies.get(name, ()))
            notes[f"no set of the policy is named {name}: hooks and checks of it are not run, its members are counted and compared"] = None
        for member in manifest.members:
            if _fits(policy, member) and member.source not in said:
                continue
            target = said.get(member.source, said.get("", "")) or mapped.get(member.source) or _alike(policy, member, own.get(name), facts)
            if target:
                _require_kind(policy, member, target)
                mapped[member.source] = target
                notes[f"what lay on the source {member.source} goes back by {target}"] = None
            elif form == "directory":
                sources[member.source] = SourcePolicy(
                    member.source, kind_of_directories(facts), policy.site
                )  # nothing to connect to or run
            elif form == "original" or member.source in policy.sources:
                raise _gone_source(policy, manifest, member)
    read = {name: with_sources(manifest, mapped) for name, manifest in manifests.items()}
    members = [member for manifest in read.values() for member in manifest.members]
    found = replace(policy, sources=sources, sets={name: _asking(each, members) for name, each in sets.items()})
    unprotected = frozenset(member.workload for member in members if not _protected(policy, member, facts))
    return Joined(found, read, unprotected, tuple(notes), mapped)


def with_sources(manifest: Manifest, mapped: Mapping[str, str]) -> Manifest:
    """Return a manifest whose members go back by other sources."""
    if not mapped:
        return manifest
    return replace(manifest, members=tuple(replace(each, source=mapped.get(each.source, each.source)) for each in manifest.members))


def _checked(policy: Policy, renamed: Mapping[str, str]) -> Mapping[str, str]:
    return {old: named(new, policy.sources, "source") for old, new in renamed.items()}


def _fits(policy: Policy, member: Member) -> bool:
    source = policy.sources.get(member.source)
    return source is not None and source.kind == member.kind


def _alike(policy: Policy, member: Member, own: Policy | None, facts: Mapping[str, KindFacts]) -> str:
    """Return the only source of today that is set up as the member's was and protects the same place; empty: there is none, or several."""
    before = own.sources.get(member.source) if own is not None else None
    if before is None or before.kind != member.kind:
        return ""
    names = [
        name
        for name, source in policy.sources.items()
        if source.kind == before.kind and source.settings == before.settings and _protects(policy, name, member, facts)
    ]
    return names[0] if len(names) == 1 else ""


def _protected(policy: Policy, member: Member, facts: Mapping[str, KindFacts]) -> bool:
    return member.source in policy.sources and _protects(policy, member.source, member, facts)


def _protects(policy: Policy, source: str, member: Member, facts: Mapping[str, KindFacts]) -> bool:
    kind = facts.get(member.kind, KindFacts())
    place = member.workload.partition(":")[2]
    return any(
        protect.source == source and kind.protects(protect.selector, place)
        for backup_set in policy.sets.values()
        for protect in backup_set.protect
    )


def _require_kind(policy: Policy, member: Member, target: str) -> None:
    kind = policy.sources[target].kind
    if kind != member.kind:
        raise Refused(
            f"{member.workload} is of the kind {member.kind}, and the source {target} of the kind {kind}",
            hint="name a source of the same kind with --as, or restore with: --to directory PATH",
            safe="nothing was changed",
        )


def _gone_set(name: str, own: Policy | None, copies: tuple[str, ...]) -> BackupSet:
    """Return a set that the policy no longer has, without what it would run: a point is data."""
    first, *others = copies or ("",)
    before = own.sets.get(name) if own is not None else None
    described = before or BackupSet(name, (), first, Retention())
    return replace(
        described,
        name=name,
        protect=(),
        to=first,
        copies=tuple(CopyPolicy(other, Retention()) for other in others),
        needs=(),
        hooks=Hooks(),
        checks=(),
    )


def _gone_source(policy: Policy, manifest: Manifest, member: Member) -> Refused:
    now = policy.sources.get(member.source)
    gone = f"is of the kind {now.kind} now" if now is not None else "is not in the policy any more"
    alike = [name for name, source in policy.sources.items() if source.kind == member.kind]
    how = f"say which it is now: --as {' | '.join(alike)}; or restore" if alike else "restore"
    return Refused(
        f"{member.workload} lay on the source {member.source}, which {gone}",
        hint=f"{how} with: drtool restore {manifest.set} --point {manifest.point} --to directory PATH",
        safe="nothing was changed",
    )


def _asking(backup_set: BackupSet, members: list[Member]) -> BackupSet:
    """Let checks ask members by the names they have in the point: `local:/home` of today may be `here:/home` there."""
    names = {f"{member.source}:{member.workload.partition(':')[2]}".rstrip(":"): member.workload for member in members}
    checks = tuple(replace(check, of=names.get(check.of, check.of)) for check in backup_set.checks)
    return backup_set if checks == backup_set.checks else replace(backup_set, checks=checks)
