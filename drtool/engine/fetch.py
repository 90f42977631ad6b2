from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from drtool.engine.hands import Hands
from drtool.model import plan as actions
from drtool.model.errors import Corrupt, DrtoolError, NoRepository, NotFound, TimedOut, Unavailable, WrongKey
from drtool.model.plan import Fetched, Plan
from drtool.model.point import Member
from drtool.planning.room import needed_bytes
from drtool.ports import GetRequest, LandRequest, Progress

LEASE = timedelta(hours=24)
_ANOTHER_COPY_MAY_HELP = (Corrupt, NotFound, NoRepository, WrongKey, Unavailable)


def fetch(
    hands: Hands,
    plan: Plan,
    action: actions.Restore,
    *,
    reserved: str,
    on_progress: Callable[[Progress], None],
) -> Fetched:
    """Pour a member into fresh staging from the first copy of this point that can give it whole.

    Another copy is tried when one is damaged, unreachable or does not open; never another point.
    """
    member = action.member
    request = land_request(plan, action, reserved=reserved, expires=action.expires or hands.clock.now() + LEASE)
    failed: dict[str, str] = {}
    last: DrtoolError | None = None
    for copy in action.copies:
        try:
            return replace(_from_copy(hands, action, request, copy, on_progress), failed_copies=failed)
        except _ANOTHER_COPY_MAY_HELP as error:
            if isinstance(error, TimedOut) and len(action.copies) == 1:
                raise
            failed[copy] = f"{error.kind}: {error.what}"
            last = error
    raise _worst_of(failed, last, member)


def land_request(plan: Plan, action: actions.Restore, *, reserved: str = "", expires: datetime) -> LandRequest:
    """Return what the source of a member is asked for."""
    return LandRequest(
        member=action.member,
        point=action.point,
        run=plan.run,
        by=plan.policy,
        destination=action.destination,
        expires=expires,
        paths=action.paths,
        reserved=reserved,
        bytes=needed_bytes(action) or 0,  # what nobody knows is tried
        missing=action.missing,
        leave_excluded=action.leave_excluded,
        within=action.within,
    )


def _from_copy(hands: Hands, action: actions.Restore, request: LandRequest, copy: str, on_progress: Callable[[Progress], None]) -> Fetched:
    repository = hands.repositories[copy]
    source = hands.sources[action.member.source]
    bytes_done = files_done = 0
    program = ""
    with source.land(request) as landing:
        for artifact in action.member.artifacts:
            result = repository.get(
                GetRequest(
                    artifact=artifact,
                    point=action.point,
                    workload=action.member.workload,
                    source=action.member.source,
                    directory=landing.directory,
                    runner=landing.runner,
                    paths=action.paths,
                    fresh_cache=action.fresh_cache,
                    into=landing.into,
                ),
                on_progress=on_progress,
            )
            bytes_done += result.bytes
            files_done += result.files
            program = result.program
        key = hands.used_key.words if hands.used_key else ""
        return Fetched(landing.landed, action.member, copy, bytes_done, files_done, {}, action.paths, key, program)


def _worst_of(failed: dict[str, str], last: DrtoolError | None, member: Member) -> DrtoolError:
    if last is None:
        return NotFound(f"no repository of this policy holds {member.workload} at that point", hint="drtool points")
    if len(failed) == 1:
        return last
    words = "; ".join(f"{copy}: {reason}" for copy, reason in failed.items())
    kind = Corrupt if any(reason.startswith("Corrupt") for reason in failed.values()) else type(last)
    return kind(
        f"no copy of this point could give {member.workload}: {words}",
        hint="choose an older point with --point, or drtool doctor",
        safe="what is in service was not touched",
    )
