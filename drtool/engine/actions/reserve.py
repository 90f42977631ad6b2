from __future__ import annotations

from drtool.engine.actions.work import Work
from drtool.model.codec import decode, encode
from drtool.model.plan import Done, Reserve
from drtool.model.workload import Leftover
from drtool.ports import ReserveRequest


def reserve(work: Work, action: Reserve) -> Done:
    """Make the sandbox place of one source."""
    sandbox = work.adapters.policy.sandboxes[action.destination.sandbox]
    leftover = work.adapters.sources[action.source].reserve(
        ReserveRequest(
            settings=sandbox.places[action.source],
            destination=action.destination,
            run=work.plan.run,
            by=work.adapters.policy.name,
            bytes=action.bytes,
            expires=action.expires,
        )
    )
    return Done("reserved", encode(leftover))


def reserved_by(work: Work) -> str:
    """Return the place that the Reserve step of this step made; empty when there is none."""
    for step in work.plan.steps:
        if isinstance(step.action, Reserve) and step.id in work.step.needs:
            result = work.results.get(step.id)
            if isinstance(result, Done):
                return decode(Leftover, result.data).locator
    return ""
