from __future__ import annotations

import hashlib

from drtool.catalog import manifest as manifests
from drtool.engine.actions.thaw import longest_quiet
from drtool.engine.actions.work import Work
from drtool.engine.adapters import Adapters
from drtool.engine.attest import known_heads
from drtool.engine.natives import have, natives_of
from drtool.model.codec import canonical
from drtool.model.errors import Conflict
from drtool.model.plan import Seal, Sealed, Stored
from drtool.model.point import MissingMember


def seal(work: Work, action: Seal) -> Sealed:
    """Write the manifest, or find it written, and look that the repository shows the point as it was sealed.

    What platforms keep of it must be present before the point exists; Conflict where it is not.
    """
    adapters = work.adapters
    repository = adapters.repositories[action.repository]
    stored = tuple(result for step in action.stores.values() if isinstance(result := work.results.get(step), Stored))
    failed = tuple(
        MissingMember(workload, "it could not be stored in this run")
        for workload, step in action.stores.items()
        if not isinstance(work.results.get(step), Stored)
    )
    listing = repository.list()
    already = next((point for point in listing.points if point.point == action.point), None)
    if already is not None:  # an earlier attempt sealed it, and only its answer was lost
        manifest = manifests.read(repository.read(already.manifest), digest=already.digest)
    else:
        _require_present(adapters, stored)
        manifest = manifests.build(
            policy=adapters.policy,
            backup_set=adapters.policy.sets[work.step.set],
            point=action.point,
            run=work.plan.run,
            stored=stored,
            missing=(*action.missing, *failed),
            listing=listing,
            now=adapters.clock.now(),
            versions=adapters.versions,
            evidence=known_heads(adapters, listing),
            spell=adapters.spell_policy,
            machine=adapters.machine,
            quiet_seconds=longest_quiet(work, action.thaws),
        )
        repository.append(manifest)
    digest = hashlib.sha256(canonical(manifest)).hexdigest()
    sealed = next((point for point in repository.list().points if point.point == action.point), None)
    if sealed is None or sealed.digest != digest or not sealed.whole:
        raise Conflict(
            f"the repository {action.repository} does not show the point {action.point} as it was sealed, with all its data",
            hint="drtool run again, and drtool doctor",
            safe="earlier points are untouched",
        )
    return Sealed(
        point=manifest.point,
        set=manifest.set,
        instant=manifest.instant,
        complete=manifest.complete,
        digest=digest,
        manifest=sealed.manifest,
        bytes=manifest.bytes,
        files=manifest.files,
        missing=manifest.missing,
        skew_seconds=manifest.skew_seconds,
        quiet_seconds=manifest.quiet_seconds,
    )


def _require_present(adapters: Adapters, stored: tuple[Stored, ...]) -> None:
    """Look that every native artifact is there before anything claims it."""
    for result in stored:
        for native in natives_of(result.member):
            if not have(native, adapters.stores):
                places = ", ".join(f"{place.locator} in {place.store}" for place in native.places)
                raise Conflict(
                    f"{result.member.workload} was kept by its platform, which does not show it any more: {places}",
                    hint="drtool run again; look at the platform who removes what it keeps",
                    safe="earlier points are untouched",
                )
