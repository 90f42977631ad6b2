from __future__ import annotations

from drtool.engine.actions.work import Work
from drtool.engine.loss import note_loss
from drtool.model.errors import Refused
from drtool.model.memory import SAME_HINT, same_repository
from drtool.model.plan import Copied, Copy
from drtool.ports import Repository


def copy(work: Work, action: Copy) -> Copied:
    """Bring the points that the target lacks, or does not hold whole."""
    origin, target = work.adapters.repositories[action.origin], work.adapters.repositories[action.target]
    _require_apart(origin, target)
    listed = {point.point: point for point in target.list().points}
    wanted = tuple(name for name in action.points if name not in listed or not listed[name].stored)
    again = tuple(listed[name] for name in wanted if name in listed)
    for point in again:  # before it looks whole again: what was read of it earlier says nothing of what comes now
        note_loss(work.adapters, point, work.plan, action.target, work.events())
    written = target.copy(wanted, origin, on_progress=work.on_progress) if wanted else 0
    return Copied(wanted, tuple(name for name in action.points if name not in wanted), written, tuple(point.point for point in again))


def _require_apart(origin: Repository, target: Repository) -> None:
    """Refuse two names of one repository by its own id, also where it seems to lack nothing: it holds what it was to get."""
    identity = target.guarantees().identity
    if origin is not target and identity and identity == origin.guarantees().identity:
        raise Refused(same_repository(target.name, origin.name), hint=SAME_HINT, safe="nothing was copied")
