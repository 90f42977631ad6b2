from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from drtool import process
from drtool.engine.actions.reserve import reserved_by
from drtool.engine.actions.work import Work
from drtool.engine.natives import natives_of, recall
from drtool.model.errors import Corrupt, DrtoolError, NoRepository, NotFound, TimedOut, Unavailable, WrongKey
from drtool.model.plan import Fetched, Plan, Restore
from drtool.model.point import Artifact, Member
from drtool.planning.room import needed_bytes
from drtool.ports import GetRequest, LandRequest

LEASE = timedelta(hours=24)
_ANOTHER_COPY_MAY_HELP = (Corrupt, NotFound, NoRepository, WrongKey, Unavailable)


def restore(work: Work, action: Restore) -> Fetched:
    """Pour a member into fresh staging from the first copy of this point that can give it whole.

    Another copy is tried when one is damaged, unreachable or does not open; never another point.
    """
    adapters, member = work.adapters, action.member
    request = land_request(work.plan, action, reserved=reserved_by(work), expires=action.expires or adapters.clock.now() + LEASE)
    failed: dict[str, str] = {}
    last: DrtoolError | None = None
    for copy in action.copies:
        try:
            return replace(_from_copy(work, action, request, copy), failed_copies=failed)
        except _ANOTHER_COPY_MAY_HELP as error:
            if isinstance(error, TimedOut) and len(action.copies) == 1:
                raise
            if not failed:
                process.raise_at_deadline(error)
            failed[copy] = f"{error.kind}: {error.what}"
            last = error
    raise _worst_of(failed, last, member)


def land_request(plan: Plan, action: Restore, *, reserved: str = "", expires: datetime) -> LandRequest:
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


def _from_copy(work: Work, action: Restore, request: LandRequest, copy: str) -> Fetched:
    adapters, member = work.adapters, action.member
    repository = adapters.repositories[copy]
    source = adapters.sources[member.source]
    bytes_done = files_done = 0
    program, warnings = "", tuple[str, ...]()
    with source.land(request) as landing:
        for native in natives_of(action.member):  # first: what is gone there makes the rest of it worth nothing
            bytes_done += recall(native, landing.way_of(native.name), adapters.stores, workload=action.member.workload)
            files_done += native.census.files
        for artifact in (each for each in action.member.artifacts if not each.native):
            way = landing.way_of(artifact.name)
            result = repository.get(
                GetRequest(
                    artifact=artifact,
                    point=action.point,
                    workload=action.member.workload,
                    source=action.member.source,
                    directory=way.directory,
                    runner=way.runner,
                    paths=action.paths,
                    fresh_cache=action.fresh_cache,
                    into=way.into,
                ),
                on_progress=work.on_progress,
            )
            bytes_done += result.bytes
            files_done += result.files
            program = result.program
            warnings += result.warnings
            member = _without(member, artifact, result.never_stored)
        key = adapters.used_key.words if adapters.used_key else ""
        return Fetched(landing.landed, member, copy, bytes_done, files_done, {}, action.paths, key, program, warnings)


def _without(member: Member, artifact: Artifact, never_stored: int) -> Member:
    """Return a member of which less is expected than was counted: what was never read of a file that grew is in no repository."""
    if not never_stored:
        return member
    expected = replace(artifact, census=replace(artifact.census, bytes=artifact.census.bytes - never_stored))
    return replace(member, artifacts=tuple(expected if each == artifact else each for each in member.artifacts))


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
