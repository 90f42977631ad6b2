"""Faults by script: what goes wrong in which call, read anew whenever the script changes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Final

from drtool.lab.truenas.answers import Json
from drtool.model.errors import Refused

CONNECTION: Final = ("cut_before", "cut_after", "reboot_before", "reboot_after")
ANSWER: Final = ("error", "error_after", "rate_limit", "slow", "large", "nothing", "revoke", "certificate", "obeys_late")
STORAGE: Final = ("storage", "not_mounted", "late_device", "users_lost")
OTHERS: Final = ("meanwhile",)
JOB: Final = ("events_lost", "events_doubled", "events_reordered", "job_never_ends", "job_fails_after")
KINDS: Final = (*CONNECTION, *ANSWER, *STORAGE, *OTHERS, *JOB)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    `method` is a name or a pattern (`pool.snapshot.*`); `call` says in which of its calls, counted from when the script was read, from 1
    (0: in every one), and `times` in how many from there on; `every` in every so-many-th from there on, without end. The kinds:

    - `cut_before`, `cut_after`: the connection ends before the work, or after it and before the answer;
    - `reboot_before`, `reboot_after`: so does every connection, and for `seconds` nobody is let in; jobs are forgotten;
    - `error`, `error_after`: answered with `errno` and `reason` instead of the work, or after it;
    - `storage`: the storage itself fails with `reason` (`out of space`, `dataset is busy`), told as the method tells such a failure;
    - `not_mounted`: what the call makes is there and not mounted;
    - `users_lost`: what the call makes has no user properties;
    - `late_device`: the device of the volume it makes appears after `seconds`;
    - `obeys_late`: the machine that is asked to stop goes off only `seconds` after the NAS has given up waiting for it, and answered;
    - `meanwhile`: before the work somebody else with all rights `asks` for other things, each a method and its parameters, in which the
      name of a dataset or snapshot may be a pattern (`tank/documents@drtool-*`);
    - `rate_limit`, `slow` (by `seconds`), `large` (an answer of at least `bytes`), `nothing` (an empty answer, or an empty file to be
      fetched), `revoke` (the key of this session, before the work), `certificate` (from now on another one);
    - `events_lost`, `events_doubled`, `events_reordered`, `job_never_ends`, `job_fails_after` (its work): of the job the call starts.
    """

    method: str
    kind: str
    call: int = 1
    times: int = 1
    errno: str = "EFAULT"
    reason: str = ""
    seconds: float = 0.0
    bytes: int = 5_000_000
    every: int = 0
    asks: tuple[Json, ...] = ()

    def covers(self, count: int) -> bool:
        """Tell whether the `count`-th call of its method is hit."""
        if self.every:
            return count >= self.call and (count - self.call) % self.every == 0
        return self.call == 0 or self.call <= count < self.call + self.times


def read_script(entries: Iterable[object]) -> tuple[Fault, ...]:
    """Return the faults of a script; Refused names the entry that is none."""
    known = {each.name for each in fields(Fault)}
    faults = []
    for entry in entries:
        if not isinstance(entry, dict) or not known.issuperset(entry) or not {"method", "kind"}.issubset(entry):
            raise Refused(f"this is no fault: {json.dumps(entry)}", hint=f"a fault has method, kind, and any of {', '.join(sorted(known))}")
        if entry["kind"] not in KINDS:
            raise Refused(f"there is no kind of fault named {entry['kind']}", hint=f"one of {', '.join(KINDS)}")
        faults.append(Fault(**entry))
    return tuple(faults)


@dataclass(slots=True)
class Faults:
    """The script in a file, and how often each of its methods was called since it was read."""

    path: str
    _seen: tuple[int, int] | None = None
    _faults: tuple[Fault, ...] = ()
    _counts: list[int] = field(default_factory=list)

    def of(self, method: str) -> tuple[Fault, ...]:
        """Count a call of `method` and return what goes wrong in it."""
        self._reread()
        hits = []
        for place, fault in enumerate(self._faults):
            if fnmatchcase(method, fault.method):
                self._counts[place] += 1
                if fault.covers(self._counts[place]):
                    hits.append(fault)
        return tuple(hits)

    def _reread(self) -> None:
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            self._seen, self._faults, self._counts = None, (), []
            return
        seen = (found.st_mtime_ns, found.st_ino)
        if seen != self._seen:
            with open(self.path, encoding="utf-8") as stream:
                self._faults = read_script(json.load(stream))
            self._counts = [0] * len(self._faults)
            self._seen = seen
