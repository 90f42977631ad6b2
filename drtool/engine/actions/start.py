from __future__ import annotations

from drtool import process
from drtool.engine.actions.ask import as_restored
from drtool.engine.actions.work import Work
from drtool.model.errors import TimedOut
from drtool.model.plan import Done, Start

_FIRST_LOOK_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 10.0


def start(work: Work, action: Start) -> Done:
    """Ask the platform to run what was put in place, and look until it says that it is up; each look is closed before the next."""
    restored, clock = as_restored(work.result(action.cutover)), work.adapters.clock
    source, deadline = work.adapters.sources[action.source], process.current_scope().deadline
    begun = clock.monotonic()
    ends = begun + action.seconds if deadline is None else min(begun + action.seconds, deadline)
    source.start(restored)
    wait = _FIRST_LOOK_SECONDS
    while True:
        with source.inspect(restored) as inspection:
            up, note = inspection.up, inspection.note
        now = clock.monotonic()
        if up:
            return Done("it is up", {"seconds": round(now - begun, 3)})
        if now >= ends:
            raise TimedOut(
                f"{restored.workload} was started and is not up after {now - begun:.0f} s{f': {note}' if note else ''}",
                hint="look at it on its platform; what was restored of it is in place",
                safe=f"what was in the way is kept as {restored.aside}" if restored.aside else "",
            )
        clock.sleep(min(wait, max(0.0, ends - now)))
        wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
