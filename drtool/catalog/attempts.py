from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from drtool.catalog.storage import make_folder, read_json, write_atomically
from drtool.model.attempt import MOST_BEGUN, MOST_FAILURES, Attempts, Ending, FailedAttempt, Lesson, Task
from drtool.model.codec import canonical, decode, encode
from drtool.model.errors import Refused
from drtool.model.tolerance import FUTURE_TOLERANCE

ATTEMPTS_FORMAT = "drtool.attempts/1"


class AttemptBook:
    """The last attempt and the last success of everything that a schedule asks for, of one policy on this host: one file of the state.

    Nothing bounds it by count: it holds one entry for each task, and what a decision needs is never pushed out by what happens often.
    A file that is absent or damaged means not known.
    """

    def __init__(self, state_directory: str, *, by: str) -> None:
        self._folder = state_directory
        self._path = os.path.join(state_directory, "attempts.json")
        self._by = by

    def load(self) -> dict[Task, Attempts]:
        """Return what is remembered; an entry that cannot be read is not known."""
        found: dict[Task, Attempts] = {}
        own = self._read()["policies"].get(self._by)
        for key, body in own.items() if isinstance(own, dict) else ():
            verb, _slash, name = str(key).partition("/")
            with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError, OverflowError):
                found[Task(verb, name)] = decode(Attempts, body)
        return found

    def begin(self, tasks: Mapping[Task, Attempts], *, run: str, now: datetime, places: Mapping[Task, str]) -> None:
        """Write down that tasks are tried now, before anything of them is done; `tasks` is what was known of each until now.

        When this returns it outlives a power failure. Refused when it cannot be written: unstamped, an attempt would be repeated for ever.
        """
        stamped = {task: _begun(known, run=run, now=now, place=places.get(task, "")) for task, known in tasks.items()}
        try:
            self._write(stamped)
        except OSError as error:
            raise Refused(
                f"the state directory {self._folder} cannot be written: {error.strerror}",
                hint="free or repair it, or set $DRTOOL_STATE_DIR",
                safe="nothing was started",
            ) from None

    def end(self, endings: Mapping[Task, Ending], *, run: str, now: datetime) -> None:
        """Write down how attempts of a run ended; one that cannot be written is read off the run's own journal later."""
        known = self.load()
        ended = {
            task: ended_attempt(known[task], ending, now=now)
            for task, ending in endings.items()
            if task in known and known[task].run == run
        }
        with contextlib.suppress(OSError):
            self._write(ended)

    def learn(self, found: Mapping[Task, Attempts]) -> None:
        """Remember what a repository told of tasks that nothing was known of; a state that cannot be written costs only the memory."""
        with contextlib.suppress(OSError):
            self._write(found)

    def _write(self, changed: Mapping[Task, Attempts]) -> None:
        if not changed:
            return
        make_folder(self._folder)
        with self._alone():
            book = self._read()
            own = book["policies"].get(self._by)
            entries = {str(task): encode(attempts) for task, attempts in changed.items()}
            book["policies"][self._by] = {**(own if isinstance(own, dict) else {}), **entries}
            write_atomically(self._path, canonical(book))

    def _read(self) -> dict[str, Any]:
        data = read_json(self._path)
        policies = data.get("policies") if isinstance(data, dict) else None
        return {"format": ATTEMPTS_FORMAT, "policies": policies if isinstance(policies, dict) else {}}

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes of this host out for the moment of a change; nobody waits for anything while holding this."""
        descriptor = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def ended_attempt(known: Attempts, ending: Ending, *, now: datetime) -> Attempts:
    """Return what is remembered once the last attempt has ended."""
    last = known.last or now
    good = ending.lesson is Lesson.GOOD
    failed = () if good else (FailedAttempt(last, known.run, ending.outcome, ending.kind, ending.what, ending.hint),)
    return Attempts(
        begun=known.begun,
        run=known.run,
        ended=now,
        lesson=ending.lesson,
        outcome=ending.outcome,
        kind=ending.kind,
        what=ending.what,
        succeeded=last if good else known.succeeded,
        since=known.since,
        failures=(*known.failures, *failed)[-MOST_FAILURES:],
        place=known.place,
        hint=ending.hint,
    )


def failed_attempt(known: Attempts, ending: Ending, *, now: datetime, place: str) -> Attempts:
    """Return what is remembered of an attempt that failed before it had a run."""
    return ended_attempt(_begun(known, run="", now=now, place=place), ending, now=now)


def _begun(known: Attempts, *, run: str, now: datetime, place: str) -> Attempts:
    """Return what is remembered once another attempt begins; what a clock that ran ahead wrote, or was of another place, is dropped."""
    if known.place and known.place != place:
        known = Attempts(failures=known.failures)
    horizon = now + FUTURE_TOLERANCE
    earlier = tuple(each for each in known.begun if each <= horizon) if known.lesson in (None, Lesson.WAIT) else ()
    return Attempts(
        begun=(*earlier, now)[-MOST_BEGUN:],
        run=run,
        succeeded=known.succeeded if known.succeeded is not None and known.succeeded <= horizon else None,
        since=known.since if known.since is not None and known.since <= horizon else None,
        failures=known.failures,
        place=place,
    )
