from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from drtool.model.evidence import Evidence, Reading
from drtool.model.inventory import Listing
from drtool.model.outcome import Outcome
from drtool.model.plan import Plan, Step, Verify
from drtool.model.policy import Policy, VerifyPolicy
from drtool.planning.due import count_slots
from drtool.planning.evidence import believable
from drtool.planning.repositories import named_repositories
from drtool.planning.words import spell_duration

MOST_SLICES = 256
"""A store picks its slices by the first byte of its names."""
_ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)
"""Times are counted from here, so that a policy always gives the same number of slices."""


@dataclass(frozen=True, slots=True)
class ReadingStatus:
    """How much of a repository was read again: `done` of `slices` of the cycle begun `cycle_age_seconds` ago.

    `oldest_seconds` is how long ago the slice was read that was read longest ago; None when one never was. `late`: the cycle
    has taken longer than the policy says.
    """

    repository: str
    done: int
    slices: int
    cycle_age_seconds: float
    oldest_seconds: float | None
    late: bool


def plan_verify(policy: Policy, *, repositories: Iterable[str], now: datetime, run: str) -> Plan:
    """Plan to read every byte of repositories against its digests; raises NotFound for an unknown repository."""
    steps = tuple(
        _step(name, Verify(repository=name), why="only what was read again is known to be readable")
        for name in named_repositories(policy, repositories)
    )
    return Plan(verb="verify", run=run, policy=policy.name, created=now, steps=steps)


def plan_verify_point(policy: Policy, *, point: str, repositories: Iterable[str], now: datetime, run: str) -> Plan:
    """Plan to read what one point needs, in each of the repositories; raises NotFound for an unknown repository."""
    steps = tuple(
        _step(name, Verify(repository=name, point=point), why=f"what {point} needs is read again, and nothing else")
        for name in named_repositories(policy, repositories)
    )
    return Plan(verb="verify", run=run, policy=policy.name, created=now, steps=steps)


def plan_due_verify(policy: Policy, listings: Mapping[str, Listing], *, repositories: Iterable[str], now: datetime, run: str) -> Plan:
    """Plan the readings whose time has come: a repository with a `cycle` its next slice, any other everything."""
    steps: list[Step] = []
    for name in named_repositories(policy, repositories):
        rules = policy.repositories[name].verify
        slices = slices_of(rules) if rules is not None else 1
        if slices < 2:  # noqa: PLR2004 - one slice is everything
            steps += plan_verify(policy, repositories=(name,), now=now, run=run).steps
            continue
        number, cycle = next_slice(listings.get(name), slices=slices)
        action = Verify(repository=name, slice=number, slices=slices, cycle=cycle)
        steps.append(_step(name, action, why=f"slice {number} of {slices}: everything is read again within {_within(rules)}"))
    return Plan(verb="verify", run=run, policy=policy.name, created=now, steps=tuple(steps))


def slices_of(rules: VerifyPolicy) -> int:
    """Return into how many slices a cycle is cut: as many as its schedule has times within it, 256 at most, at least one."""
    if rules.cycle is None:
        return 1
    return max(1, count_slots(rules.schedule, start=_ANCHOR, length=rules.cycle, most=MOST_SLICES))


def next_slice(listing: Listing | None, *, slices: int) -> tuple[int, datetime | None]:
    """Return the slice to read next and the start of its cycle; None begins a new one.

    A slice whose reading failed, or whose data moved since, comes first, being the lowest that is not done.
    """
    last = _last(listing)
    if last is None or last.complete or last.slices != slices:  # cut otherwise by an earlier policy: that cycle is given up
        return 1, None
    return next(number for number in range(1, slices + 1) if number not in last.done), last.cycle


def reading_status(policy: Policy, listings: Mapping[str, Listing], *, now: datetime) -> tuple[ReadingStatus, ...]:
    """Tell of every repository that is read in slices how far its cycle is; one that was never read has nothing to tell."""
    found = []
    for name, repository in policy.repositories.items():
        if repository.verify is None or repository.verify.cycle is None:
            continue
        listing = listings.get(name)
        last = _last(listing)
        if listing is None or last is None:
            continue
        slices = last.slices
        read = _read_at(listing, slices=slices)
        age = (now - last.cycle).total_seconds()
        found.append(
            ReadingStatus(
                repository=name,
                done=len(last.done),
                slices=slices,
                cycle_age_seconds=max(0.0, age),
                oldest_seconds=max(0.0, (now - min(read.values())).total_seconds()) if len(read) == slices else None,
                late=not last.complete and age > repository.verify.cycle.total_seconds(),
            )
        )
    return tuple(found)


def _step(name: str, action: Verify, *, why: str) -> Step:
    return Step(id=f"verify/{name}", action=action, why=why, uses=(f"repository:{name}",))


def _within(rules: VerifyPolicy | None) -> str:
    return spell_duration(rules.cycle) if rules is not None and rules.cycle is not None else "each time"


def _readings(listing: Listing | None) -> list[Evidence]:
    return [each for each in believable(listing) if each.subject == "verify"] if listing is not None else []


def _last(listing: Listing | None) -> Reading | None:
    sliced = [each for each in _readings(listing) if each.reading is not None]
    newest = max(sliced, key=lambda each: (each.ended, each.id), default=None)
    return newest.reading if newest is not None else None


def _read_at(listing: Listing, *, slices: int) -> dict[int, datetime]:
    read: dict[int, datetime] = {}
    for each in _readings(listing):
        if each.outcome != Outcome.SUCCEEDED or each.point:
            continue
        numbers = range(1, slices + 1) if each.reading is None else (each.reading.slice,) if each.reading.slices == slices else ()
        for number in numbers:
            read[number] = max(read.get(number, each.started), each.started)
    return read
