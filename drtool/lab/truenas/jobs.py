"""Jobs as the vendor has them: integer ids that begin anew with each boot, states, progress, events that get lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from drtool.lab.truenas.answers import CallError, Json, MatchNotFoundError, ValidationErrors, date, described
from drtool.lab.truenas.faults import Fault
from drtool.lab.truenas.ledger import redacted
from drtool.ports import Clock

_KEPT: Final = 1000
STARS: Final = "********"
Publish = Callable[[str, "Job"], None]
Run = Callable[[Callable[[], object]], Awaitable[object]]
"""Carries work out off the loop."""


@dataclass(slots=True)
class Job:
    """One job; `message_ids` are the calls that started it, `faults` what shall go wrong with it."""

    id: int
    method: str
    arguments: Sequence[Json]
    user: str
    message_ids: list[Json]
    secret: bool = False
    abortable: bool = False
    faults: tuple[Fault, ...] = ()
    state: str = "WAITING"
    percent: int = 0
    description: str = ""
    result: Json = None
    failure: dict[str, Json] = field(default_factory=dict)
    started: float = 0.0
    finished: float = 0.0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    def has(self, kind: str) -> bool:
        """Tell whether that goes wrong with it."""
        return any(fault.kind == kind for fault in self.faults)

    def row(self, *, raw: bool) -> dict[str, Json]:
        """Return it as the vendor tells it; without `raw` a secret result is stars."""
        return {
            "id": self.id,
            "message_ids": list(self.message_ids),
            "method": self.method,
            "arguments": redacted(self.method, list(self.arguments)),
            "transient": False,
            "description": None,
            "abortable": self.abortable,
            "logs_path": None,
            "logs_excerpt": None,
            "progress": {"percent": self.percent, "description": self.description, "extra": None},
            "result": STARS if self.secret and self.result is not None and not raw else self.result,
            "result_encoding_error": None,
            "error": self.failure.get("error"),
            "exception": self.failure.get("exception"),
            "exc_info": self.failure.get("exc_info"),
            "state": self.state,
            "time_started": date(self.started) if self.started else None,
            "time_finished": date(self.finished) if self.finished else None,
            "credentials": {"type": "API_KEY", "data": {"username": self.user}},
        }


@dataclass(slots=True)
class Jobs:
    """All jobs since the last boot, the newest thousand of them."""

    clock: Clock
    publish: Publish
    _jobs: dict[int, Job] = field(default_factory=dict)
    _last: int = 0
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    def start(self, job: Job, work: Callable[[Job], object], *, lock: str, run: Run) -> Job:
        """Begin a job and return it at once. Jobs of one `lock` wait for each other."""
        self._last += 1
        job.id = self._last
        self._jobs[job.id] = job
        for old in list(self._jobs)[:-_KEPT]:
            del self._jobs[old]
        self._tell(job, "added")
        job.task = asyncio.ensure_future(self._carry_out(job, work, lock, run))
        return job

    def get(self, number: int) -> Job:
        """Return a job by its number; unknown ones are answered as the vendor does."""
        if number not in self._jobs:
            raise MatchNotFoundError
        return self._jobs[number]

    def rows(self, *, raw: bool, user: str | None) -> list[dict[str, Json]]:
        """Return all jobs, or only those of one user."""
        return [job.row(raw=raw) for job in self._jobs.values() if user is None or job.user == user]

    def abort(self, number: int) -> None:
        """End a job that lets itself be ended."""
        job = self.get(number)
        if not job.abortable:
            raise CallError("Job is not abortable")
        if job.task is not None:
            job.task.cancel()

    def forget(self) -> None:
        """Lose all of them, as a reboot does; the next one has number 1 again."""
        for job in self._jobs.values():
            if job.task is not None:
                job.task.cancel()
        self._jobs.clear()
        self._last = 0

    async def _carry_out(self, job: Job, work: Callable[[Job], object], lock: str, run: Run) -> None:
        own = self._locks.setdefault(lock or f"job {job.id}", asyncio.Lock())
        try:
            async with own:
                job.state, job.started = "RUNNING", self.clock.now().timestamp()
                self._tell(job, "changed")
                result = await run(lambda: work(job))
                if job.has("job_never_ends"):
                    await asyncio.Event().wait()
                _fail_after(job)
                job.result, job.state, job.percent = result, "SUCCESS", 100
        except (CallError, ValidationErrors, MatchNotFoundError, OSError) as error:
            job.state, job.failure = "FAILED", described(error)
        except asyncio.CancelledError:
            job.state = "ABORTED"
        finally:
            job.finished = self.clock.now().timestamp()
            job.ended.set()
            self._tell(job, "changed")

    def _tell(self, job: Job, kind: str) -> None:
        """Send the event, or what a fault makes of it: the vendor's own may be missing, repeated or late."""
        last = job.state in {"SUCCESS", "FAILED", "ABORTED"}
        if job.has("events_lost") and (last or job.state == "RUNNING"):
            return
        if job.has("events_reordered") and job.state == "RUNNING":
            return
        self.publish(kind, job)
        if job.has("events_doubled"):
            self.publish(kind, job)
        if job.has("events_reordered") and last:
            state, job.state = job.state, "RUNNING"
            self.publish(kind, job)
            job.state = state


def _fail_after(job: Job) -> None:
    for fault in job.faults:
        if fault.kind == "job_fails_after":
            raise CallError(fault.reason or "Interrupted after part of the work")
