from __future__ import annotations

from datetime import UTC, datetime, timedelta

from drtool.model.identifier import identifier


class FixedClock:
    """A clock that moves only when told to, or slept on; ids are the same in every test run."""

    def __init__(self, instant: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC)) -> None:
        self._now = instant
        self._elapsed = 0.0
        self._ids = 0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(timedelta(seconds=seconds))

    def advance(self, duration: timedelta) -> None:
        """Let time pass."""
        self._now += duration
        self._elapsed += duration.total_seconds()

    def fresh_id(self) -> str:
        self._ids += 1
        return identifier(int(self._now.timestamp() * 1000), self._ids.to_bytes(10, "big"))
