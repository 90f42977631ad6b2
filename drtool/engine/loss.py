from __future__ import annotations

import contextlib
from collections.abc import Sequence

from drtool.engine.adapters import Adapters
from drtool.engine.attest import attest
from drtool.model.errors import DrtoolError
from drtool.model.event import Event
from drtool.model.evidence import Evidence
from drtool.model.outcome import Outcome
from drtool.model.plan import Plan
from drtool.model.point import RecoveryPoint

_NAMED = 5


def note_loss(adapters: Adapters, point: RecoveryPoint, plan: Plan, repository: str, events: Sequence[Event], *, what: str = "") -> None:
    """Sign that a repository lost data of a point, or `what` is wrong with it: until it is read again, nothing read of it before stands."""
    now = adapters.clock.now()
    evidence = Evidence(
        id=adapters.clock.fresh_id(),
        subject="verify",
        by=plan.policy,
        repository=repository,
        outcome=Outcome.DATA_WRONG,
        started=now,
        ended=now,
        point=point.point,
        set=point.set,
        details={"what": what or spell_loss([point], repository)},
    )
    with contextlib.suppress(DrtoolError):
        attest(adapters, evidence, plan=plan, events=events)


def spell_loss(broken: Sequence[RecoveryPoint], repository: str) -> str:
    """Say which points are not whole in a repository, the newest few by name."""
    names = ", ".join(point.point for point in broken[-_NAMED:])
    more = f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
    are = "a point is" if len(broken) == 1 else f"{len(broken)} points are"
    return f"{are} not whole in {repository}, data is not listed there any more: {names}{more}"
