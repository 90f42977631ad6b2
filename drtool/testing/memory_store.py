from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from drtool.model.errors import NotFound, Refused, Unavailable
from drtool.model.locator import Locator
from drtool.model.native import Held, NativePlace
from drtool.model.workload import NATIVE, Leftover
from drtool.ports import Guarantees, RecallRequest


@dataclass(slots=True)
class Shelf:
    """What outlives every process: bodies by locator, and the label of each that is ours; `away`: it does not answer."""

    bodies: dict[str, bytes] = field(default_factory=dict)
    labels: dict[str, Leftover] = field(default_factory=dict)
    away: bool = False


class MemoryStore:
    """A native store in memory: what is on its shelf is there for whoever is given the same.

    Args:
        name: the store's name.
        by: the policy's name.
        shelf: what outlives this object.
        put: takes a body that is recalled: where to, from which locator, and its bytes.
        site: the failure domain.
        before_change: called before each single change: who raises there dies in the middle of something.
    """

    def __init__(
        self,
        *,
        name: str,
        by: str,
        shelf: Shelf,
        put: Callable[[Locator, str, bytes], None],
        site: str = "home",
        before_change: Callable[[str], object] = lambda _words: None,
    ) -> None:
        self.name, self.shelf = name, shelf
        self._by, self._put, self._site, self._before_change = by, put, site, before_change

    def keep(self, locator: str, body: bytes, *, run: str) -> NativePlace:
        """Keep a body, its label first; the same locator keeps what it has."""
        if locator not in self.shelf.bodies:
            self._before_change("labelling what is kept")
            self.shelf.labels[locator] = Leftover(self.name.partition(":")[0], NATIVE, locator, run, self._by, store=self.name)
            self._before_change("keeping it")
            self.shelf.bodies[locator] = body
        return NativePlace(self.name, self._site, locator, _digest(self.shelf.bodies[locator]), made=True)

    def present(self, places: Sequence[NativePlace]) -> tuple[Held | None, ...]:
        self._require_there()
        found = [self.shelf.bodies.get(place.locator) for place in places]
        return tuple(None if body is None else Held(_digest(body), len(body)) for body in found)

    def verify(self, place: NativePlace) -> Held:
        (held,) = self.present((place,))
        if held is None:
            raise NotFound(f"{self.name} has no {place.locator}", hint="look there who removed it")
        return held

    def recall(self, request: RecallRequest) -> Held:
        held = self.verify(request.place)
        self._put(request.into, request.place.locator, self.shelf.bodies[request.place.locator])
        return held

    def forget(self, place: NativePlace) -> None:
        self._require_there()
        if place.locator not in self.shelf.labels:
            if place.locator in self.shelf.bodies:
                raise Refused(f"{place.locator} in {self.name} carries no label of ours", hint="remove it there", safe="it is untouched")
            return
        self._before_change("removing what is kept")
        self.shelf.bodies.pop(place.locator, None)
        self._before_change("removing its label")
        del self.shelf.labels[place.locator]

    def guarantees(self) -> Guarantees:
        return Guarantees(encrypted=False, site=self._site, identity=self.name, program_version="memory")

    def _require_there(self) -> None:
        if self.shelf.away:
            raise Unavailable(f"{self.name} does not answer", hint="wait for it")


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
