from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence

from drtool.model.plan import Step
from drtool.planning.limits import Limits, Room


def ends_of(steps: Sequence[Step], seconds: Mapping[str, float], *, limits: Limits) -> dict[str, float]:
    """Return when each step ends, in seconds from the start, under list scheduling in the order given.

    As the engine does it: a step starts once all it waits for has ended and there is room, the first in the plan first. Steps without
    `seconds` take no time; waiting for what is not among `steps` takes none either.
    """
    return _Timeline(steps, seconds, limits=limits).run()


class _Timeline:
    def __init__(self, steps: Sequence[Step], seconds: Mapping[str, float], *, limits: Limits) -> None:
        known = {step.id for step in steps}
        self._steps, self._seconds = steps, seconds
        self._room = Room(limits)
        self._waits: list[int] = []
        self._followers: dict[str, list[int]] = {}
        for number, step in enumerate(steps):
            earlier = known.intersection((*step.needs, *step.after))
            self._waits.append(len(earlier))
            for name in earlier:
                self._followers.setdefault(name, []).append(number)
        self._ready = [number for number, count in enumerate(self._waits) if not count]
        self._running: list[tuple[float, int]] = []

    def run(self) -> dict[str, float]:
        ends: dict[str, float] = {}
        now = 0.0
        while self._ready or self._running:
            self._start(now)
            now, ended = heapq.heappop(self._running)
            ends[self._steps[ended].id] = now
            self._finish(ended)
        return ends

    def _start(self, now: float) -> None:
        held_back: list[int] = []
        while self._ready and not self._room.full:
            number = heapq.heappop(self._ready)
            step = self._steps[number]
            if not self._room.fits(step):
                held_back.append(number)
                continue
            self._room.take(step)
            heapq.heappush(self._running, (now + self._seconds.get(step.id, 0.0), number))
        for number in held_back:
            heapq.heappush(self._ready, number)

    def _finish(self, ended: int) -> None:
        step = self._steps[ended]
        self._room.leave(step)
        for number in self._followers.get(step.id, ()):
            self._waits[number] -= 1
            if not self._waits[number]:
                heapq.heappush(self._ready, number)
