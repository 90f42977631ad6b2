"""What a run would find now: every set asked for what it protects, and the upper levels of that read as this user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from drtool.engine.adapters import Adapters
from drtool.engine.observe import observe
from drtool.model.errors import DrtoolError, Interrupted
from drtool.model.inventory import SetInventory
from drtool.ports import TriedReading


@dataclass(frozen=True, slots=True)
class Protected:
    """What sets match, and by workload what came of trying to read it; what was not tried is not in `tried`."""

    sets: Mapping[str, SetInventory]
    tried: Mapping[str, TriedReading]

    def bytes_of(self, name: str) -> int:
        """Return how many bytes a set holds at least."""
        found = self.sets[name].workloads
        known = (self.tried[each.name].bytes if each.name in self.tried else each.bytes or 0 for each in found if not each.problem)
        return sum(known)


def look_at_protected(adapters: Adapters, sets: Iterable[str]) -> Protected:
    """Ask the sources of sets as a run does, and try to read what they tell of."""
    found = observe(adapters, sets=sets).sets
    tried: dict[str, TriedReading] = {}
    for inventory in found.values():
        for source in dict.fromkeys(workload.source for workload in inventory.workloads):
            own = [workload for workload in inventory.workloads if workload.source == source]
            try:
                tried |= adapters.sources[source].try_reading(own)
            except Interrupted:
                raise
            except DrtoolError:  # what cannot be asked is told by what it is asked for first
                continue
    return Protected(found, tried)
