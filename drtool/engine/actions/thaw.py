from __future__ import annotations

from collections.abc import Iterable

from drtool.engine.actions.work import Work
from drtool.model.codec import decode
from drtool.model.plan import Done, Thaw
from drtool.model.workload import QUIET, Leftover


def thaw(work: Work, action: Thaw) -> Done:
    """Let go on what is held still; where holding failed, whatever this run holds there by its label."""
    source, held = work.adapters.sources[action.source], work.results.get(action.quiesce)
    if not isinstance(held, Done):
        left = [each for each in source.leftovers(()) if each.what == QUIET and each.run == work.plan.run]
        for each in left:
            source.release(each)
        return Done("it goes on" if left else "nothing was held still")
    source.release(decode(Leftover, held.data["held"]))
    return Done("it goes on", {"seconds": round(work.adapters.clock.monotonic() - held.data["since"], 3)})


def longest_quiet(work: Work, thaws: Iterable[str]) -> float:
    """Return how long the longest of what was let go on had been held still."""
    results = [work.results.get(step) for step in thaws]
    return max((float(result.data.get("seconds", 0.0)) for result in results if isinstance(result, Done)), default=0.0)
