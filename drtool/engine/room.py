from __future__ import annotations

import os

from drtool.engine.hands import Hands
from drtool.model import plan as actions
from drtool.model.errors import DrtoolError, NotFound, Refused
from drtool.model.plan import Plan
from drtool.model.quantity import spell_bytes

_ANOTHER = "name another: --to directory PATH"


def require_room(hands: Hands, plan: Plan) -> None:
    """Refuse a plan whose directories on this machine cannot be made, or have less room than everything that goes there together."""
    needed: dict[str, int] = {}
    for step in plan.steps:
        action = step.action
        if not isinstance(action, actions.Restore) or action.destination.form != "directory" or action.paths:
            continue
        if hands.sources[action.member.source].runner.name == hands.local.name:
            size = sum(artifact.census.bytes for artifact in action.member.artifacts)
            needed[action.destination.path] = needed.get(action.destination.path, 0) + size
    for directory, size in needed.items():
        _require(directory, size)


def _require(directory: str, size: int) -> None:
    place = directory
    while not os.path.lexists(place) and place != "/":
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        raise Refused(
            f"{directory} cannot be made: {place} is no directory", hint="name another: --to directory PATH", safe="nothing was started"
        )
    try:
        found = os.statvfs(place)
    except OSError as error:
        raise Refused(f"{directory} cannot be looked at: {error.strerror}", hint=_ANOTHER) from None
    free = found.f_bavail * found.f_frsize
    if free < size:
        raise Refused(
            f"{directory} has {spell_bytes(free)} free and {spell_bytes(size)} are needed",
            hint=f"{_ANOTHER}; or take less: --workload, --path",
            safe="nothing was started",
        )


def require_paths(hands: Hands, plan: Plan) -> None:
    """Raise NotFound for a path that no copy of the point has, before anything starts; a copy that cannot be asked may have it."""
    for step in plan.steps:
        action = step.action
        if not isinstance(action, actions.Restore):
            continue
        for path in action.paths:
            _require_path(hands, action, path)


def _require_path(hands: Hands, action: actions.Restore, path: str) -> None:
    member = action.member
    artifact = next((each for each in member.artifacts if each.form == "tree" and _holds(each.path, path)), None)
    if artifact is None:
        return
    for copy in action.copies:
        try:
            hands.repositories[copy].browse(artifact, action.point, member.workload, path, deep=False)
        except NotFound:
            continue
        except DrtoolError:  # it may have it: whoever pours asks again
            return
        return
    above = os.path.dirname(path)
    raise NotFound(
        f"{path} is not in {member.workload} of the point {action.point}",
        hint=f"drtool ls {action.point} {above if _holds(artifact.path, above) else artifact.path}",
        safe="nothing was started",
    )


def _holds(base: str, path: str) -> bool:
    return path == base or path.startswith(base.rstrip("/") + "/")
