"""How the sets stand: the one look that must be quick, and that needs no repository while the index knows enough."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from drtool.app.runtime import Runtime
from drtool.app.summary import known_summary, new_summary
from drtool.app.timetable import Timetable
from drtool.catalog.dead import dead_runs
from drtool.catalog.seen import Seen
from drtool.catalog.unfinished import UnfinishedFile
from drtool.model.dead_run import DeadRun
from drtool.model.gone_set import GoneSet
from drtool.model.hold import quarantines
from drtool.model.unfinished import Unfinished
from drtool.planning.cycle import ReadingStatus, reading_statuses
from drtool.planning.overdue import TaskStatus
from drtool.planning.schedule import left_out
from drtool.planning.status import Beyond, SetStatus, judge_sets

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drtool.model.inventory import Listing, Problem


_LONGEST: Final = timedelta(hours=1)
"""How long a check goes by what is known."""


@dataclass(frozen=True, slots=True)
class StatusView:
    """How the sets stand; `as_of` is when the oldest of the listings behind it was taken."""

    sets: tuple[SetStatus, ...]
    as_of: datetime
    now: datetime
    readings: tuple[ReadingStatus, ...] = ()
    schedules: tuple[TaskStatus, ...] = ()
    unscheduled: tuple[str, ...] = ()
    """Sets without a schedule, where others have one."""
    gone: tuple[GoneSet, ...] = ()
    """Sets whose points are there, and which the policy does not have any more."""
    untimed: tuple[TaskStatus, ...] = ()
    """Backups and drills without a schedule whose last attempt was not good."""
    dead: tuple[DeadRun, ...] = ()
    """Runs of this machine that died, and after which nobody has tidied up."""
    unfinished: tuple[Unfinished, ...] = ()
    """Exchanges of places that lie in pieces, and that no sweep could finish yet."""
    append_only: tuple[str, ...] = ()
    """Repositories from which nothing can be removed from here."""
    locks: tuple[str, ...] = ()
    """What is amiss with the locks of repositories that promise some."""


def checked_status(runtime: Runtime, *, refresh: bool = False) -> StatusView:
    """Tell how every set stands for whoever is alarmed by it: the repositories are asked again when what is known of one is too old.

    That is half the shortest RPO, and an hour at most: a repository that is gone is told within that time.
    """
    view = status(runtime, refresh=refresh)
    longest = min((_LONGEST, *(each.objectives.rpo / 2 for each in runtime.policy.sets.values())))
    return view if refresh or abs(view.now - view.as_of) <= longest else status(runtime, refresh=True)


def status(runtime: Runtime, *, refresh: bool = False) -> StatusView:
    """Tell how every set stands, from the index unless `refresh`."""
    policy = runtime.policy
    unread: Mapping[str, Problem] = {}
    summary = None if refresh else known_summary(runtime)
    if summary is None:
        summary, unread = new_summary(runtime, ask=lambda: _asked(runtime, refresh=refresh), refresh=refresh)
    now, timetable = runtime.clock.now(), Timetable(runtime)
    held = [name for name, each in summary.sets.items() if quarantines(each.quarantines, name, now)]
    timed, untimed = timetable.statuses(summary.told, held=held), timetable.untimed(held=held)
    failed = {each.task.name: each.next for each in (*timed, *untimed) if each.task.verb == "run" and each.attention}
    since = Seen(runtime.state_directory).since(summary.present, now)
    beyond = Beyond(summary.rto_forecasts, summary.present, since, failed)
    return StatusView(
        sets=judge_sets(policy, summary, now=now, beyond=beyond, unread=unread),
        as_of=summary.as_of,
        now=now,
        readings=reading_statuses(policy, summary.readings, now=now),
        schedules=timed,
        unscheduled=left_out(policy),
        gone=summary.gone,
        untimed=untimed,
        dead=dead_runs(runtime.state_directory),
        unfinished=UnfinishedFile(runtime.state_directory, by=policy.name).load(),
        append_only=tuple(name for name, each in policy.repositories.items() if each.append_only),
        locks=_locks(runtime),
    )


def _locks(runtime: Runtime) -> tuple[str, ...]:
    """Say of each repository with a promise what is amiss with its locks, by what was last found: nobody is asked."""
    if all(each.immutable is None for each in runtime.policy.repositories.values()):
        return ()
    from drtool.catalog.immutable_log import last_found
    from drtool.planning.locks_found import tell_of_locks

    now, state = runtime.clock.now(), runtime.state_directory
    promises = {name: each.immutable for name, each in runtime.policy.repositories.items() if each.immutable is not None}
    told = (tell_of_locks(name, promised, last_found(state, name), now=now) for name, promised in promises.items())
    return tuple(filter(None, told))


def _asked(runtime: Runtime, *, refresh: bool) -> Mapping[str, Listing]:
    from drtool.app.listings import listings

    return listings(runtime, refresh=refresh)
