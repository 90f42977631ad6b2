"""A timer's life: `python -m benchmarks.timer_life` plays nights, days and losses, and prints how often each time was served, and when."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

if __name__ == "__main__":  # started by its path: the repository's root is not where Python looks
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from drtool.catalog.attempts import failed_attempt
from drtool.model.attempt import Attempts, Ending, Lesson
from drtool.planning.due import next_turn
from drtool.planning.timers import offset_of

EVERY_SECONDS = 300
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_GOOD = Ending(Lesson.GOOD, "succeeded")
_AWAY = Ending(Lesson.WAIT, "failed", "Unavailable")
_ONE_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Span:
    """From an instant to before another."""

    start: datetime
    end: datetime

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end


@dataclass(frozen=True)
class Scenario:
    """What happens to hosts that have one schedule: between `start` and `end`, some of it `asleep`, some without a network."""

    name: str
    schedule: str
    time_zone: str
    span: Span
    hosts: int = 1
    asleep: Span | None = None
    cut: Span | None = None


@dataclass
class Life:
    """What came of it: per host when it tried, and when that was good, with the scheduled time that it served."""

    scenario: Scenario
    tried: dict[int, list[datetime]] = field(default_factory=dict)
    served: dict[int, list[tuple[datetime, datetime]]] = field(default_factory=dict)
    """By host: the scheduled time, and when the attempt that served it began."""

    @property
    def slots(self) -> list[datetime]:
        """The scheduled times that anybody served, in their order."""
        return sorted({slot for each in self.served.values() for slot, _at in each})

    def runs_of(self, slot: datetime) -> list[datetime]:
        """When hosts served a scheduled time, in order."""
        return sorted(at for each in self.served.values() for found, at in each if found == slot)


def at(text: str) -> datetime:
    """Read an instant of UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _span(start: str, end: str) -> Span:
    return Span(at(start), at(end))


SCENARIOS = (
    Scenario("night in which clocks go on", "30 2 * * *", "Europe/Berlin", _span("2026-03-27 12:00", "2026-03-31 12:00")),
    Scenario("night in which clocks go back", "30 2 * * *", "Europe/Berlin", _span("2026-10-23 12:00", "2026-10-27 12:00")),
    Scenario("hourly, clocks go back", "0 * * * *", "Europe/Berlin", _span("2026-10-24 22:30", "2026-10-25 03:30")),
    Scenario("leap day", "0 3 * * *", "UTC", _span("2028-02-27 12:00", "2028-03-02 12:00")),
    Scenario("on a leap day only", "0 3 29 2 *", "UTC", _span("2027-03-01 00:00", "2033-01-01 00:00")),
    Scenario(
        "three days of sleep",
        "0 3 * * *",
        "UTC",
        _span("2026-06-01 12:00", "2026-06-08 12:00"),
        hosts=100,
        asleep=_span("2026-06-02 20:00", "2026-06-05 20:00"),
    ),
    Scenario(
        "an hour without a network",
        "0 3 * * *",
        "UTC",
        _span("2026-06-01 12:00", "2026-06-03 12:00"),
        hosts=100,
        cut=_span("2026-06-02 02:30", "2026-06-02 03:30"),
    ),
    Scenario("a hundred hosts", "0 3 * * *", "UTC", _span("2026-06-01 12:00", "2026-06-03 12:00"), hosts=100),
)


def machine(number: int) -> str:
    """Return the id of a host."""
    return f"host-{number:03}"


def live(scenario: Scenario, *, offset: Callable[[int], int] | None = None) -> Life:
    """Let each host's timer call drtool at its own second of each five minutes, and do what it decides.

    Raises AssertionError where a call is due earlier than the one before said, which would be missed by who goes by that.
    """
    life = Life(scenario)
    for host in range(scenario.hosts):
        late = offset(host) if offset else offset_of("home", machine=machine(host), every_seconds=EVERY_SECONDS)
        life.tried[host], life.served[host] = [], []
        known = Attempts(since=scenario.span.start)
        now: datetime | None = _call_after(scenario.span.start, late, scenario)
        while now is not None and now in scenario.span:
            turn = next_turn(scenario.schedule, scenario.time_zone, known=known, now=now)
            if turn.due:
                assert turn.slot is not None
                life.tried[host].append(now)
                away = scenario.cut is not None and now in scenario.cut
                known = failed_attempt(known, _AWAY if away else _GOOD, now=now, place="")
                if not away:
                    life.served[host].append((turn.slot, now))
                now = _call_after(now + _ONE_SECOND, late, scenario)
                continue
            if turn.at is None:
                break
            just_before = turn.at - _ONE_SECOND  # a call between this one and then finds nothing due
            assert just_before < now or not next_turn(scenario.schedule, scenario.time_zone, known=known, now=just_before).due
            now = _call_after(max(turn.at, now + _ONE_SECOND), late, scenario)
    return life


def _call_after(instant: datetime, offset: int, scenario: Scenario) -> datetime:
    """Return when the timer calls next, at that instant or later; what it missed asleep it makes up for at its next turn."""
    if scenario.asleep is not None and instant in scenario.asleep:
        instant = scenario.asleep.end
    waited = (offset - (instant - _EPOCH).total_seconds()) % EVERY_SECONDS
    found = instant + timedelta(seconds=waited)
    if scenario.asleep is not None and found in scenario.asleep:
        return _call_after(scenario.asleep.end, offset, scenario)
    return found


def main() -> int:
    print(f"{'what happens':31}{'scheduled':>18}{'hosts':>7}{'runs':>6}{'tries':>7}{'first':>10}{'last':>10}{'in one second':>15}")
    for scenario in SCENARIOS:
        life = live(scenario)
        for slot in life.slots:
            runs = life.runs_of(slot)
            tries = sum(slot <= each <= runs[-1] for tried in life.tried.values() for each in tried)
            most = max(runs.count(each) for each in runs)
            first, last = (str(each - slot).replace(" days, ", "d ") for each in (runs[0], runs[-1]))
            columns = f"{scenario.hosts:7}{len(runs):6}{tries:7}{first:>10}{last:>10}{most:15}"
            print(f"{scenario.name:31}{slot:%Y-%m-%d %H:%M}Z{columns}".replace(f"{slot:%Y}", f"{'':1}{slot:%Y}", 1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
