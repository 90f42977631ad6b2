"""The one table from an outcome or an error to the exit code of the program.

::

    0 succeeded, nothing due · 1 failed · 2 policy or usage · 3 partial · 4 objective missed · 5 data wrong · 6 refused
    10 no repository · 11 locked · 12 wrong key · 75 a hook said not now · 124 timed out · 130 and 143 interrupted (128 + signal)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drtool.model.errors import DrtoolError, Interrupted
from drtool.model.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from drtool.model.ledger import InventoryLine
    from drtool.model.report import Failure, Report

SUCCEEDED: Final = 0
FAILED: Final = 1
PARTIAL: Final = 3
DATA_WRONG: Final = 5
NEEDS_ATTENTION: Final = 1
SIGNAL_BASE: Final = 128
KEYBOARD: Final = 130

BY_OUTCOME: Final = {
    Outcome.SUCCEEDED: 0,
    Outcome.OBJECTIVE_MISSED: 4,
    Outcome.PARTIAL: 3,
    Outcome.REFUSED: 6,
    Outcome.INTERRUPTED: 143,
    Outcome.FAILED: 1,
    Outcome.DATA_WRONG: 5,
}

BY_KIND: Final = {
    "PolicyError": 2,
    "Unavailable": 1,
    "TimedOut": 124,
    "Locked": 11,
    "WrongKey": 12,
    "NoRepository": 10,
    "Refused": 6,
    "NotNow": 75,
    "NotFound": 1,
    "UnknownName": 2,
    "Unscheduled": 2,
    "Conflict": 1,
    "Corrupt": 5,
    "Interrupted": 143,
    "Bug": 1,
}

_RANK_AS_FAILED: Final = frozenset({1, 10, 11, 12, 124})


def of_kind(kind: str) -> int:
    """Return the code of an error by its class name; an unknown one is a failure."""
    return BY_KIND.get(kind, FAILED)


def of_error(error: DrtoolError) -> int:
    """Return the code of an error that ended the program."""
    if isinstance(error, Interrupted):
        return SIGNAL_BASE + error.signal_number
    return of_kind(error.kind)


def of_report(report: Report) -> int:
    """Return the code of a run: its worst member's; members that failed with different codes give 1."""
    if report.outcome is Outcome.INTERRUPTED and report.signal_number is not None:
        return SIGNAL_BASE + report.signal_number
    if report.outcome is Outcome.REFUSED and {failure.kind for failure in _failures(report)} == {"NotNow"}:
        return BY_KIND["NotNow"]
    if report.outcome is not Outcome.FAILED:
        return BY_OUTCOME[report.outcome]
    codes = {of_kind(failure.kind) for failure in _failures(report)} & _RANK_AS_FAILED
    # A set that failed without an error of its own (nothing matched, say) is one more way of failing.
    explained = {step.set for step in report.steps if step.failure is not None}
    unexplained = any(entry.outcome is Outcome.FAILED and entry.set not in explained for entry in report.sets)
    if report.steps and unexplained:
        codes.add(FAILED)
    return codes.pop() if len(codes) == 1 else FAILED


def of_inventory(lines: Iterable[InventoryLine], fail_on: Collection[str]) -> int:
    """Return the code of a look at everything: 1 where a line is what `fail_on` names, or nobody knows whether it is.

    Whatever it names, 1 where a set or a source could not be asked, or something stands in the way of what a set protects.
    """
    return NEEDS_ATTENTION if any(line.is_bad(fail_on) for line in lines) else SUCCEEDED


def joined(codes: set[int]) -> int:
    """Return the code of several runs: that of the bad ones if they are of one mind, else 1."""
    bad = codes - {SUCCEEDED}
    return SUCCEEDED if not bad else bad.pop() if len(bad) == 1 else FAILED


def _failures(report: Report) -> list[Failure]:
    return [*report.failures, *(step.failure for step in report.steps if step.failure is not None)]
