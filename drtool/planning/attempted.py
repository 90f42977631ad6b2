"""What a repository tells of the things that a schedule asks for: when they were last tried, and how that ended."""

from __future__ import annotations

from datetime import datetime

from drtool.model.attempt import Attempts, Lesson, Task
from drtool.model.evidence import Evidence
from drtool.model.inventory import Listing
from drtool.model.outcome import Outcome
from drtool.model.policy import Policy
from drtool.planning.evidence import believable
from drtool.planning.proof import passed


def told_by(policy: Policy, task: Task, listing: Listing, *, now: datetime) -> Attempts | None:
    """Return what a repository tells of a task that the state knows nothing of; None: it was never tried, so it is due.

    A prune leaves no trace: a time of it that lies before the newest point was there to be served when that point was made.
    """
    if task.verb == "run":
        points = [each for each in listing.points if each.set == task.name and each.instant <= now]
        there = [each for each in points if each.counts or not each.complete]  # one whose data is gone is as if it had never been made
        return _from_times([(each.instant, each.complete, "" if each.complete else Outcome.PARTIAL.value) for each in there])
    if task.verb == "verify":
        readings = [each for each in believable(listing) if each.subject == "verify" and not each.point]
        return _from_times([(each.started, each.outcome == Outcome.SUCCEEDED.value, each.outcome) for each in readings])
    if task.verb == "drill":
        return _told_of_drill(policy, task.name, listing)
    newest = max((each.sealed for each in listing.points if each.sealed <= now), default=None)
    return Attempts(since=newest or now)


def _told_of_drill(policy: Policy, name: str, listing: Listing) -> Attempts | None:
    """A drill was tried when each of its sets was: a set that was added since makes it due."""
    newest: list[tuple[datetime, bool, str]] = []
    for each in policy.drills[name].sets:
        own = [record for record in believable(listing) if _is_of(record, name, set_name=each)]
        if not own:
            return None
        last = max(own, key=lambda record: record.started)
        newest.append((last.started, passed(last), last.outcome))
    started = min(each[0] for each in newest)
    bad = next((outcome for _at, good, outcome in newest if not good), "")
    return _from_times([(started, not bad, bad)])


def _is_of(record: Evidence, drill: str, *, set_name: str) -> bool:
    """Tell whether a record is of a drill; one of an earlier release names none and may be of any."""
    named = record.details.get("drill", drill)
    return record.subject == "drill" and record.set == set_name and named == drill


def _from_times(times: list[tuple[datetime, bool, str]]) -> Attempts | None:
    if not times:
        return None
    at, good, outcome = max(times)
    succeeded = max((each for each, well, _outcome in times if well), default=None)
    lesson = Lesson.GOOD if good else Lesson.WAIT if outcome == Outcome.INTERRUPTED.value else Lesson.USED
    return Attempts(begun=(at,), ended=at, lesson=lesson, outcome="" if good else outcome, succeeded=succeeded)
