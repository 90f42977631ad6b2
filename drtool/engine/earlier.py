"""What an earlier point has of a workload whose source sends only what changed since."""

from __future__ import annotations

from drtool.catalog import manifest as manifests
from drtool.engine.actions.work import Work
from drtool.model.errors import Corrupt, NotFound, Refused
from drtool.model.plan import Store
from drtool.model.workload import CHAIN, EarlierMember
from drtool.planning.chain import extendable, member_of

_RECENT_SECONDS = 60.0


def earlier_member(work: Work, action: Store) -> tuple[EarlierMember | None, str]:
    """Return what the newest point has of a workload, where it is written to; else why all of it is read, where that is news."""
    if not action.workload.selector.get(CHAIN):
        return None, ""
    repository = work.adapters.repositories[action.repository]
    listing = repository.list(maximum_age_seconds=_RECENT_SECONDS)
    found = extendable(listing, set_name=work.step.set, machine=work.adapters.machine)
    if found.point is None:
        return None, found.reason
    try:
        manifest = manifests.read(repository.read(found.point.manifest), digest=found.point.digest)
    except (Corrupt, NotFound, Refused) as error:
        return None, f"the manifest of the point {found.point.point} cannot be read: {error.what}"
    member = member_of(manifest, action.workload)
    return (EarlierMember(manifest.point, member), "") if member is not None else (None, "")
