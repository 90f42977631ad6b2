from __future__ import annotations

from drtool.engine.actions.work import Work
from drtool.engine.safeguard import require_unchanged
from drtool.model.errors import Locked, Refused
from drtool.model.hold import pinned_by
from drtool.model.plan import Done, Prune


def prune(work: Work, action: Prune) -> Done:
    """Free space, unless a restore reads from there: it takes no lock, so what is moved under it would be missing.

    Refused while a point of ours is not whole there: nothing claims the data that vanished, and pruning is what destroys it. What
    a platform keeps is no matter here: no pruning touches it.
    """
    adapters = work.adapters
    repository = adapters.repositories[action.repository]
    listing = repository.list()
    require_unchanged(listing, "it is not pruned")
    frozen = pinned_by(listing.holds, adapters.clock.now())
    if frozen:
        hold = frozen[0]
        raise Locked(
            f"the repository {action.repository} is not pruned: {hold.reason}",
            hint=f"wait for it; if it is over: drtool hold release {hold.id}",
            safe="nothing was removed",
        )
    broken = [point for point in listing.points if not point.stored]
    if broken:
        told = f"{broken[0].point} of {broken[0].set}" + (f" and {len(broken) - 1} more" if len(broken) > 1 else "")
        raise Refused(
            f"the repository {action.repository} is not pruned: data of {told} is not listed, and what may be left of it would go for good",
            hint=f"bring it again: drtool copy {broken[0].set}; once you hold it lost: restic forget {broken[0].manifest[:8]}"
            f" and drtool rebuild --accept {action.repository}",
            safe="nothing was removed",
        )
    repository.prune(on_progress=work.on_progress)
    return Done("pruned")
