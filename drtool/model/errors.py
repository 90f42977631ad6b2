"""Every error drtool raises on purpose, and the exit code family it belongs to.

::

    DrtoolError(what, where, hint, safe)
    ├── PolicyError            the policy says something impossible (collected, never raised one by one)
    ├── Unavailable            an endpoint does not answer; transient
    │   └── TimedOut           the deadline passed
    ├── Locked                 somebody else holds a lock; transient
    ├── WrongKey               the key does not open the repository
    ├── NoRepository           there is no repository at that address
    ├── Refused                permission, quota, wrong state, failed pre-flight: a person must act
    │   └── NotNow             a precondition of the policy's own says not now
    ├── NotFound               a thing is missing
    │   ├── UnknownName        the policy has nothing of that name
    │   └── Unscheduled        nothing that was asked for has a schedule
    ├── Conflict               two truths disagree (carries both)
    ├── Corrupt                digests disagree; never repaired silently
    ├── Interrupted            the run was told to stop
    └── Bug                    anything untranslated that crossed a seam
"""

from __future__ import annotations

from dataclasses import dataclass


class DrtoolError(Exception):
    """What failed, where, what is still safe, and what to type next.

    Args:
        what: one sentence in plain words, without a trailing full stop.
        where: set / workload / step, as far as it is known.
        hint: what to type or look at next.
        safe: what is untouched.
    """

    transient = False
    again_is_harmless = True

    def __init__(self, what: str, *, where: str = "", hint: str = "", safe: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint
        self.safe = safe

    @property
    def kind(self) -> str:
        """The class name: what a journal and a report call this error."""
        return type(self).__name__


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a policy file; line and column count from 1, and are 0 where a whole file is meant, or none is there."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class PolicyProblem:
    """One mistake in a policy: where it stands, which field, what is wrong and what to type."""

    place: Place
    field: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.place}: {self.field}: {self.message}" if self.field else f"{self.place}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


class PolicyError(DrtoolError):
    """The policy cannot be carried out; every mistake is listed."""

    def __init__(self, problems: tuple[PolicyProblem, ...], *, what: str = "", hint: str = "") -> None:
        count = len(problems)
        super().__init__(what or f"the policy has {count} error{'' if count == 1 else 's'}", hint=hint)
        self.problems = problems


class Unavailable(DrtoolError):  # noqa: N818 - the vocabulary names states, not errors
    """An endpoint does not answer; trying again may help."""

    transient = True


class TimedOut(Unavailable):
    """The deadline passed before the work was done."""

    transient = False


class Locked(DrtoolError):  # noqa: N818
    """Somebody else holds a lock; waiting may help."""

    transient = True


class WrongKey(DrtoolError):  # noqa: N818
    """The key does not open the repository."""


class NoRepository(DrtoolError):  # noqa: N818
    """There is no repository at that address."""


class Refused(DrtoolError):  # noqa: N818
    """Permission, quota, wrong state or a failed pre-flight: a person must act."""


class NotNow(Refused):
    """A hook of the policy said that this is no time for it (exit code 75): a timer's later call tries again."""


class NotFound(DrtoolError):  # noqa: N818
    """A thing that was named does not exist."""


class UnknownName(NotFound):
    """A set, drill, repository or sandbox was named that the policy does not have."""


class Unscheduled(NotFound):
    """A call of a timer asks for what has no schedule, and would never do anything."""


class Conflict(DrtoolError):  # noqa: N818
    """Two truths disagree; both are told."""


class Corrupt(DrtoolError):  # noqa: N818
    """Digests disagree: the set stops, nothing is repaired silently.

    Args:
        repository: whose stored data is wrong; empty when it is not known to lie there.
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "", safe: str = "", repository: str = "") -> None:
        super().__init__(what, where=where, hint=hint, safe=safe)
        self.repository = repository


class Interrupted(DrtoolError):  # noqa: N818
    """The run was told to stop.

    Args:
        signal_number: the signal that asked for it; the exit code is 128 + this.
    """

    def __init__(self, what: str = "interrupted", *, signal_number: int = 15, where: str = "", hint: str = "") -> None:
        super().__init__(what, where=where, hint=hint)
        self.signal_number = signal_number


class Bug(DrtoolError):  # noqa: N818
    """Anything untranslated that crossed a seam; shown with its traceback."""

    again_is_harmless = False

    def __init__(self, what: str, *, traceback: str = "", where: str = "") -> None:
        super().__init__(what, where=where, hint="please report this with the lines above")
        self.traceback = traceback
