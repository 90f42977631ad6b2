from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from drtool.engine.actions.restore import LEASE, land_request
from drtool.engine.adapters import Adapters
from drtool.model.carried import Survey
from drtool.model.errors import DrtoolError, Interrupted, Refused, Unavailable
from drtool.model.plan import Plan, Restore
from drtool.ports import Entry


def _held(adapters: Adapters, action: Restore) -> Iterator[Entry]:
    """List what the point holds of a member, from the first copy that tells; a copy that does not costs only a finer count."""
    for artifact in action.member.artifacts:
        for copy in action.copies if artifact.form == "tree" else ():
            try:
                entries = tuple(adapters.repositories[copy].browse(artifact, action.point, action.member.workload, ""))
            except Interrupted:
                raise
            except DrtoolError:
                continue
            yield from entries
            break


_LOOKED_AT = ("original", "directory")


def survey(adapters: Adapters, plan: Plan) -> dict[str, Survey]:
    """Look at every place that a plan exchanges or pours into elsewhere, by the id of its restore step; nothing is changed.

    A place that cannot be asked now is told in its survey; Refused where it could never be exchanged, with the command for one folder.
    """
    found: dict[str, Survey] = {}
    for step in plan.steps:
        action = step.action
        if not isinstance(action, Restore) or action.destination.form not in _LOOKED_AT:
            continue
        request = land_request(plan, action, expires=action.expires or adapters.clock.now() + LEASE)
        request = replace(request, held=partial(_held, adapters, action))
        try:
            found[step.id] = adapters.sources[action.member.source].survey(request)
        except Unavailable as error:
            found[step.id] = Survey(notes=(f"what is in service there could not be looked at: {error.what}",))
        except Refused as error:
            error.hint = error.hint.replace(" restore SET ", f" restore {step.set} ")
            raise
    return found
