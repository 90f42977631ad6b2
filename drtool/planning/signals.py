from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from drtool.model.attempt import Attempts, Ending, Lesson, Task
from drtool.model.metric import Metric
from drtool.model.outcome import Outcome
from drtool.model.policy import Policy
from drtool.model.signal import RPO, Occasion, Signal, SignalKind
from drtool.planning.schedule import places
from drtool.planning.status import SetStatus
from drtool.planning.words import spell_duration

_PROMISES = Task("status", RPO)
BUSY = "Busy"
"""Another call of this host works on the same set or drill."""
_PUT_OFF = frozenset({"NotNow", BUSY})


def begun(tasks: Iterable[Task], occasion: Occasion) -> tuple[Signal, ...]:
    """Return what is told when tasks begin."""
    return tuple(Signal(SignalKind.START, task.name, task.verb, occasion) for task in tasks)


def of_policy(policy: Policy, known: Mapping[Task, Attempts]) -> dict[Task, Attempts]:
    """Return what is remembered of the tasks that a policy still has, at the places that it names now.

    A copy that was brought up to date by hand is no task of its own: the next good run of its set has made up for it.
    """
    names = {
        "run": policy.sets.keys(),
        "copy": policy.sets.keys(),
        "drill": policy.drills.keys() | policy.sets.keys(),
        "prune": policy.repositories.keys(),
        "verify": policy.repositories.keys(),
    }
    own = {task: each for task, each in known.items() if task.name in names.get(task.verb, ())}
    where = places(policy, own)
    here = {task: each for task, each in own.items() if not each.place or each.place == where.get(task, "")}
    return {task: each for task, each in here.items() if task.verb != "copy" or not _made_up_for(each, here.get(Task("run", task.name)))}


def _made_up_for(copied: Attempts, run: Attempts | None) -> bool:
    return run is not None and run.succeeded is not None and copied.last is not None and run.succeeded > copied.last


def not_well(ended: Mapping[Task, Ending], before: Mapping[Task, Attempts], late: Collection[SetStatus] = ()) -> tuple[str, ...]:
    """Name all that is not well once these tasks have ended: what they left, what ended badly before, and the promises."""
    bad = [str(task) for task, each in before.items() if task not in ended and _was_bad(each)]
    bad += [str(task) for task, ending in ended.items() if ending.outcome != Outcome.SUCCEEDED.value]
    return (*bad, *((str(_PROMISES),) if late else ()))


def ended(
    endings: Mapping[Task, Ending], before: Mapping[Task, Attempts], occasion: Occasion, *, bad: Collection[str]
) -> tuple[Signal, ...]:
    """Return what is told of how tasks ended; `before` is what was remembered of every task when these began, `bad` all that is not well.

    Only what went well without a reservation is a success: a missed promise, a partial point and what waits for its next attempt are none.
    """
    return tuple(_ended(task, ending, before.get(task), bad, occasion) for task, ending in endings.items())


def _ended(task: Task, ending: Ending, last: Attempts | None, bad: Iterable[str], occasion: Occasion) -> Signal:
    good = ending.outcome == Outcome.SUCCEEDED.value
    kind = SignalKind.SUCCESS if good else SignalKind.LOG if ending.kind in _PUT_OFF else SignalKind.FAIL
    return Signal(
        kind,
        task.name,
        task.verb,
        occasion,
        outcome=ending.outcome,
        text=_told(task, ending, good=good),
        next="" if good else ending.hint or f"drtool report {occasion.run}",
        recovered=good and _was_bad(last),
        stands=f"waits: {ending.kind}" if ending.lesson is Lesson.WAIT else "",
        others=tuple(each for each in bad if each != str(task)),
    )


def _was_bad(last: Attempts | None) -> bool:
    """Tell whether an attempt left something to mend; one that is under way elsewhere leaves what the one before it left."""
    if last is None:
        return False
    if last.lesson is None:
        failed = last.failures[-1].at if last.failures else None
        return failed is not None and (last.succeeded is None or failed > last.succeeded)
    return last.lesson is not Lesson.GOOD or last.outcome not in ("", Outcome.SUCCEEDED.value)


def _told(task: Task, ending: Ending, *, good: bool) -> str:
    what = f"{task.verb} {task.name}"
    if good:
        return f"{what}: succeeded"
    words = ending.outcome.replace("_", " ")
    again = " It is tried again soon." if ending.lesson is Lesson.WAIT else ""
    return f"{what}: {words}{': ' + ending.what if ending.what else ''}.{again}"


def late_sets(statuses: Iterable[SetStatus]) -> tuple[SetStatus, ...]:
    """Return the sets outside of their RPO, those without any point too."""
    return tuple(each for each in statuses if not each.rpo_met)


def promises(late: Collection[SetStatus], occasion: Occasion, *, bad: Collection[str]) -> Signal:
    """Return whether every set of a policy keeps its RPO; `bad` is all that is not well."""
    lines = [f"{each.set}: {_age(each)}, promised {spell_duration(each.rpo_seconds)}" for each in late]
    return Signal(
        SignalKind.FAIL if late else SignalKind.SUCCESS,
        _PROMISES.name,
        _PROMISES.verb,
        occasion,
        outcome=Outcome.OBJECTIVE_MISSED.value if late else Outcome.SUCCEEDED.value,
        text="\n".join((f"outside of {'its' if len(late) == 1 else 'their'} RPO:", *lines)) if late else "every set keeps its RPO",
        next="drtool status" if late else "",
        stands=f"late: {', '.join(sorted(each.set for each in late))}" if late else "kept",
        others=tuple(each for each in bad if each != str(_PROMISES)),
    )


def unit_failed(unit: str, result: str, occasion: Occasion) -> Signal:
    """Return that a unit of systemd failed, which its own run may not have told."""
    ended = f" ({result})" if result else ""
    return Signal(
        SignalKind.FAIL,
        unit,
        "schedule",
        occasion,
        outcome=Outcome.FAILED.value,
        text=f"the unit {unit} failed{ended}",
        next=f"journalctl -u {unit}",
        stands=f"{occasion.at:%Y-%m-%d}{ended}",  # once a day: nobody tells when it is over
    )


def test(occasion: Occasion) -> Signal:
    """Return a message that says nothing but that it arrived; its subject is the one that every policy has."""
    return Signal(SignalKind.TEST, _PROMISES.name, "test", occasion, text="a test by `drtool notify test`: nothing happened")


def state(metrics: tuple[Metric, ...], occasion: Occasion) -> Signal:
    """Return how everything stands, in numbers."""
    return Signal(SignalKind.STATE, "state", "status", occasion, metrics=metrics)


def _age(status: SetStatus) -> str:
    if status.age_seconds is not None:
        return f"the newest point is {spell_duration(status.age_seconds)} old"
    return "no point yet" if status.is_known else f"whether it has a point is not known, as {', '.join(status.unread)} could not be read"
