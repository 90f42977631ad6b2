from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from drtool.catalog.door import admit
from drtool.model.bounds import shown
from drtool.model.codec import decode, encode, parse
from drtool.model.errors import Corrupt, Refused
from drtool.model.evidence import EvidenceHead
from drtool.model.inventory import Listing
from drtool.model.plan import Stored
from drtool.model.point import MANIFEST_FORMAT, Manifest, Member, MissingMember, RecoveryPoint
from drtool.model.policy import BackupSet, Policy

_ANOTHER = "drtool points shows others"
_IDENTIFIER = 26
MOST_COUNTED = 500
"""So many points a manifest names at most: about 32 KiB."""


def build(
    *,
    policy: Policy,
    backup_set: BackupSet,
    point: str,
    run: str,
    stored: tuple[Stored, ...],
    missing: tuple[MissingMember, ...],
    listing: Listing,
    now: datetime,
    versions: Mapping[str, str],
    evidence: Mapping[str, EvidenceHead],
    spell: Callable[[Policy], str] = lambda _policy: "",
    machine: str = "",
    quiet_seconds: float = 0.0,
) -> Manifest:
    """Write the manifest of a point from what was stored; Corrupt when the repository does not list a stored artifact."""
    if not stored:
        raise Refused("no member was stored, so there is no point to seal", safe="earlier points are untouched")
    members = tuple(_with_trees(result, listing) for result in stored)
    instants = [member.instant for member in members]
    travelling = travelling_policy(policy, backup_set)
    counted = _counted(listing, backup_set.name)
    return Manifest(
        point=point,
        set=backup_set.name,
        by=policy.name,
        run=run,
        instant=min(instants),
        sealed=now,
        complete=not missing and all(member.complete for member in members),
        members=members,
        missing=missing,
        skew_seconds=(max(instants) - min(instants)).total_seconds(),
        quiet_seconds=quiet_seconds,
        policy=encode(travelling),
        policy_text=spell(travelling),
        versions=versions,
        evidence=evidence,
        machine=machine,
        counted=tuple(point.digest for point in counted),
        counted_unsigned=tuple(point.unsigned for point in counted if point.unsigned),
    )


def read(data: bytes, *, digest: str) -> Manifest:
    """Return a manifest whose bytes have that SHA-256, admitted by the one door; Corrupt when they differ or it is none of ours."""
    if hashlib.sha256(data).hexdigest() != digest:
        raise Corrupt("the manifest differs from the digest it was sealed with")
    try:
        manifest = decode(Manifest, parse(data))
    except (ValueError, KeyError, TypeError) as error:
        raise Corrupt(f"the manifest cannot be read: {error}", hint=_ANOTHER) from None
    if manifest.format.partition("/")[0] != MANIFEST_FORMAT.partition("/")[0]:
        raise Corrupt(f"this is no manifest but {shown(manifest.format)}", hint=_ANOTHER)
    try:
        return admit(manifest)
    except ValueError as error:
        raise Corrupt(
            f"the manifest of {manifest.point[:_IDENTIFIER]} is none that drtool writes: {error}",
            hint=f"somebody with the key of the repository wrote it: do not restore from it; {_ANOTHER}",
            safe="nothing of it was used",
        ) from None


def policy_of(manifest: Manifest) -> Policy:
    """Return the policy that travelled in a manifest, as data; Corrupt when it cannot be read, or does not name the manifest's set."""
    try:
        policy = decode(Policy, manifest.policy)
    except (KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"the policy inside the manifest of {manifest.set} cannot be read: {error}", hint=_ANOTHER) from None
    if manifest.set not in policy.sets:
        raise Corrupt(f"the policy inside the manifest of {manifest.set} has no such set", hint=_ANOTHER)
    return policy


def travelling_policy(policy: Policy, backup_set: BackupSet) -> Policy:
    """Return the policy that goes into a manifest: as far as one set needs it, or whole where it says so; secrets are references only."""
    if policy.policy_in_points == "whole":
        return policy
    hooks = backup_set.hooks
    every = (*hooks.before, *hooks.after, *hooks.before_restore, *hooks.after_restore, *hooks.on_failure)
    sources = {protect.source for protect in backup_set.protect} | {hook.source for hook in every}
    repositories = set(policy.repositories_of(backup_set))
    return replace(
        policy,
        repositories={name: value for name, value in policy.repositories.items() if name in repositories},
        sources={name: value for name, value in policy.sources.items() if name in sources},
        sets={backup_set.name: replace(backup_set, needs=())},
        sandboxes={},
        drills={},
        evidence_key=None,
        exclusions=(),
    )


def _counted(listing: Listing, set_name: str) -> list[RecoveryPoint]:
    """Return the newest points of a set that count here: what others add or take away later shows against them."""
    newest = sorted((point for point in listing.points if point.set == set_name), key=lambda point: (point.instant, point.point))
    return newest[: -MOST_COUNTED - 1 : -1]


def _with_trees(stored: Stored, listing: Listing) -> Member:
    listed = {entry.id: entry for entry in listing.unsealed}
    artifacts = []
    for artifact, snapshot in zip(stored.member.artifacts, stored.snapshots, strict=True):
        if artifact.native:
            artifacts.append(artifact)
            continue
        entry = listed.get(snapshot) or next((item for key, item in listed.items() if key.startswith(snapshot)), None)
        if entry is None or not entry.tree:
            raise Corrupt(
                f"{stored.member.workload} was stored, but the repository {listing.repository} does not list it",
                hint="run again",
                safe="earlier points are untouched",
            )
        artifacts.append(replace(artifact, tree=entry.tree))
    return replace(stored.member, artifacts=tuple(artifacts))
