from __future__ import annotations

import os
from collections.abc import Callable

from drtool.engine.adapters import Adapters
from drtool.model import plan as actions
from drtool.model.errors import DrtoolError, Interrupted, NotFound, Refused
from drtool.model.lying import lies_in
from drtool.model.plan import Plan
from drtool.model.point import Artifact
from drtool.model.quantity import spell_bytes
from drtool.planning.room import needed_bytes, whole_bytes

_ANOTHER = "name another: --to directory PATH"


def require_room(adapters: Adapters, plan: Plan) -> None:
    """Refuse a plan whose directories on this machine cannot be made, or have less room than everything that goes there together."""
    for directory, size in _wanted(adapters, plan, lambda action: needed_bytes(action) or 0).items():
        free = _free(directory)
        if free < size:
            raise Refused(
                f"{directory} has {spell_bytes(free)} free and {spell_bytes(size)} are needed",
                hint=f"{_ANOTHER}; or take less: --workload, --path",
                safe="nothing was started",
            )


def directories_here(adapters: Adapters, plan: Plan) -> tuple[str, ...]:
    """Return the directories of this machine that a plan restores to."""
    return tuple(_wanted(adapters, plan, lambda _action: 0))


def size_paths(adapters: Adapters, plan: Plan) -> dict[str, int | None]:
    """Return how much the single paths of each restore step need, as a copy of the point lists them; None where none can be asked.

    Where everything would fit that is enough to know: nothing is listed then but the paths themselves. Raises NotFound for a path that no
    copy has, before anything starts; a copy that cannot be asked may have it.
    """
    roomy = {directory for directory, size in _wanted(adapters, plan, whole_bytes).items() if size <= _free(directory)}
    sizes: dict[str, int | None] = {}
    for step in plan.steps:
        action = step.action
        if not isinstance(action, actions.Restore) or not action.paths:
            continue
        deep = action.destination.path not in roomy or not _is_here(adapters, action)
        found = [_size_of(adapters, action, path, deep=deep) for path in action.paths if not _lies_in_another(path, action.paths)]
        known = [size for size in found if size is not None]
        whole = len(known) == len(found)
        sizes[step.id] = (sum(known) if deep else whole_bytes(action)) if whole else None
    return sizes


def _wanted(adapters: Adapters, plan: Plan, size_of: Callable[[actions.Restore], int]) -> dict[str, int]:
    """Return how much goes into each directory of this machine."""
    wanted: dict[str, int] = {}
    for step in plan.steps:
        action = step.action
        if isinstance(action, actions.Restore) and _is_here(adapters, action):
            wanted[action.destination.path] = wanted.get(action.destination.path, 0) + size_of(action)
    return wanted


def _is_here(adapters: Adapters, action: actions.Restore) -> bool:
    return action.destination.form == "directory" and adapters.sources[action.member.source].runner.name == adapters.local.name


def _free(directory: str) -> int:
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
    return found.f_bavail * found.f_frsize


def _size_of(adapters: Adapters, action: actions.Restore, path: str, *, deep: bool) -> int | None:
    member = action.member
    artifact = next((each for each in member.artifacts if each.form == "tree" and lies_in(path, each.path)), None)
    if artifact is None:
        return None
    unasked = False
    for copy in action.copies:
        try:
            entries = adapters.repositories[copy].browse(artifact, action.point, member.workload, path, deep=deep)
            return sum(entry.bytes for entry in entries if entry.type == "file")
        except NotFound:
            continue
        except Interrupted:
            raise
        except DrtoolError:  # it may have it: whoever pours asks again
            unasked = True
    if unasked:
        return None
    raise NotFound(
        f"{path} is not in {member.workload} of the point {action.point}",
        hint=f"drtool ls {action.point} {_nearest_folder(adapters, action, path, artifact=artifact)}",
        safe="nothing was started",
    )


def _nearest_folder(adapters: Adapters, action: actions.Restore, path: str, *, artifact: Artifact) -> str:
    """Return the deepest folder above a path that is in the point: a hint that names another slip helps nobody."""
    above = os.path.dirname(path)
    while above != artifact.path and lies_in(above, artifact.path):
        for copy in action.copies:
            try:
                for _entry in adapters.repositories[copy].browse(artifact, action.point, action.member.workload, above, deep=False):
                    break
            except Interrupted:
                raise
            except DrtoolError:
                continue
            return above
        above = os.path.dirname(above)
    return artifact.path


def _lies_in_another(path: str, paths: tuple[str, ...]) -> bool:
    return any(other != path and lies_in(path, other) for other in paths)
