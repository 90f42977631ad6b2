"""Faults by script: what goes wrong in which call, read anew whenever the script changes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Final

from drtool.model.errors import Refused

CONNECTION: Final = ("cut_before", "cut_after", "certificate")
PROXY: Final = ("unreachable", "timeout_before", "timeout_after", "broken_pipe")
ANSWER: Final = ("error", "slow", "nothing", "garbage", "empty")
LASTING: Final = ("revoke", "offline", "no_quorum", "unprivileged")
KINDS: Final = (*CONNECTION, *PROXY, *ANSWER, *LASTING)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    `path` is that of a call or a pattern (`/nodes/pve1/*`), and `method` its method (`*`: any). `call` says in which of its calls,
    counted from when the script was read, from 1 (0: in every one), and `times` in how many from there on. The kinds:

    - `cut_before`, `cut_after`: the connection ends before the work, or after it and before the answer;
    - `certificate`: from now on the nodes show other certificates; the connection ends;
    - `unreachable`: 595 of the proxy with `reason`, without the work;
    - `timeout_before`, `timeout_after`: 596 of the proxy after `seconds`, without the work, or with it;
    - `broken_pipe`: 596 after the work, as from a worker that died while it answered;
    - `error`: `status` with `reason`, without the work; `slow`: by `seconds`;
    - `nothing`: 200 and null instead of the data; `empty`: 200 and no body; `garbage`: 200 and what is no JSON;
    - `revoke`: the token that asks is gone, before the work; `unprivileged`: who asks has no privilege left, before the work;
    - `offline`: the node named `reason` goes down, before the work; `no_quorum`: the cluster loses its quorum, before the work.
    """

    path: str
    kind: str
    method: str = "*"
    call: int = 1
    times: int = 1
    status: int = 500
    reason: str = ""
    seconds: float = 0.0

    def covers(self, count: int) -> bool:
        """Tell whether the `count`-th call is hit."""
        return self.call == 0 or self.call <= count < self.call + self.times


def read_script(entries: Iterable[object]) -> tuple[Fault, ...]:
    """Return the faults of a script; Refused names the entry that is none."""
    known = {each.name for each in fields(Fault)}
    faults = []
    for entry in entries:
        if not isinstance(entry, dict) or not known.issuperset(entry) or not {"path", "kind"}.issubset(entry):
            raise Refused(f"this is no fault: {json.dumps(entry)}", hint=f"a fault has path, kind, and any of {', '.join(sorted(known))}")
        if entry["kind"] not in KINDS:
            raise Refused(f"there is no kind of fault named {entry['kind']}", hint=f"one of {', '.join(KINDS)}")
        faults.append(Fault(**entry))
    return tuple(faults)


@dataclass(slots=True)
class Faults:
    """The script in a file, and how often each of its calls was made since it was read."""

    path: str
    _seen: tuple[int, int] | None = None
    _faults: tuple[Fault, ...] = ()
    _counts: list[int] = field(default_factory=list)

    def of(self, method: str, path: str) -> tuple[Fault, ...]:
        """Count a call and return what goes wrong in it."""
        self._reread()
        hits = []
        for place, fault in enumerate(self._faults):
            if fnmatchcase(path, fault.path) and fault.method in {"*", method}:
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
