from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from drtool.model.metric import Metric
from drtool.model.outcome import Outcome
from drtool.planning.overdue import TaskStatus
from drtool.planning.status import SetStatus

_OF_A_SET: Final = ("policy", "set")
_OF_A_JOB: Final = ("policy", "verb", "name")
_OF_A_COPY: Final = ("policy", "set", "repository")
_OF_A_POLICY: Final = ("policy",)
GOOD, WARNING, BAD = 2.0, 1.0, 0.0
"""As other tools for restic count: 2 good, 1 good with a reservation, 0 anything else."""
_RESERVED: Final = frozenset({Outcome.OBJECTIVE_MISSED.value, Outcome.PARTIAL.value})


def metrics_of(
    sets: Iterable[SetStatus],
    jobs: Iterable[TaskStatus],
    *,
    policy: str,
    unfinished: int,
    dead: int,
    as_of: datetime,
    now: datetime,
    unprotected: tuple[int, datetime] | None = None,
) -> tuple[Metric, ...]:
    """Return what a monitor may ask of one policy; `unprotected` is how many workloads were so at the last look at everything, and when.

    Nothing of an earlier run is repeated as if it was of now: how old something is, is told as an instant; what is not known is left out.
    """
    known, tasks = tuple(sets), tuple(jobs)

    def of_sets(name: str, words: str, value: Callable[[SetStatus], float | None]) -> Metric:
        values = tuple(((policy, each.set), found) for each in known if (found := value(each)) is not None)
        return Metric(name, words, _OF_A_SET, values)

    def of_jobs(name: str, words: str, value: Callable[[TaskStatus], float | None]) -> Metric:
        values = tuple(((policy, each.task.verb, each.task.name), found) for each in tasks if (found := value(each)) is not None)
        return Metric(name, words, _OF_A_JOB, values)

    def of_policy(name: str, words: str, value: float | None) -> Metric:
        return Metric(name, words, _OF_A_POLICY, () if value is None else (((policy,), value),))

    bare, looked = unprotected or (None, None)

    copies = tuple(
        ((policy, each.set, name), float(name in each.copies))
        for each in known
        for name in dict.fromkeys((*each.copies, *each.missing_copies))
        if name not in each.unread
    )
    return (
        of_sets(
            "drtool_set_newest_point_timestamp_seconds",
            "When the newest complete and whole point was taken.",
            lambda each: _at(each.instant),
        ),
        of_sets("drtool_set_rpo_target_seconds", "The promised RPO.", lambda each: each.rpo_seconds),
        of_sets("drtool_set_rto_target_seconds", "The promised RTO.", lambda each: each.rto_objective_seconds),
        of_sets("drtool_set_rto_forecast_seconds", "How long the copy that takes longest would take, as measured.", _forecast),
        of_sets("drtool_drill_last_rto_seconds", "The RTO that the last passed drill measured.", lambda each: each.rto_seconds),
        of_sets(
            "drtool_set_proof_timestamp_seconds",
            "When a drill last proved the set.",
            lambda each: None if each.last_proof is None else _at(each.last_proof.ended),
        ),
        of_sets("drtool_set_needs_attention", "How many things a person should look at.", lambda each: float(len(each.attention))),
        Metric("drtool_copy_whole", "1 where a copy holds the newest point, complete and whole.", _OF_A_COPY, copies),
        of_jobs("drtool_job_last_attempt_timestamp_seconds", "When the last attempt began.", lambda each: _at(each.last_attempt)),
        of_jobs("drtool_job_last_success_timestamp_seconds", "When the last good attempt began.", lambda each: _at(each.last_success)),
        of_jobs("drtool_job_last_status", "2 good, 1 with a reservation, 0 anything else, at the last attempt.", _status),
        of_jobs(
            "drtool_job_overdue_timestamp_seconds", "Since when an attempt is owed that nobody made.", lambda each: _at(each.overdue_since)
        ),
        of_policy("drtool_unfinished_exchanges", "Places that a restore left in pieces.", float(unfinished)),
        of_policy("drtool_dead_runs", "Runs that died, after which nobody has tidied up.", float(dead)),
        of_policy(
            "drtool_unprotected_assets", "Workloads that no set protects and nothing excludes, at the last `drtool inventory`.", bare
        ),
        of_policy("drtool_inventory_timestamp_seconds", "When that was.", _at(looked)),
        of_policy("drtool_listed_timestamp_seconds", "When the oldest listing behind this was taken.", as_of.timestamp()),
        of_policy("drtool_updated_timestamp_seconds", "When all of this was written.", now.timestamp()),
    )


def _at(instant: datetime | None) -> float | None:
    return None if instant is None else instant.timestamp()


def _forecast(status: SetStatus) -> float | None:
    return None if status.rto_forecast is None else status.rto_forecast.forecast.p50_seconds


def _status(task: TaskStatus) -> float | None:
    if task.last_attempt is None:
        return None
    return GOOD if task.outcome == Outcome.SUCCEEDED.value else WARNING if task.outcome in _RESERVED else BAD
