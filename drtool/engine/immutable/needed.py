from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from drtool.catalog.known_locks import KnownLocks
from drtool.engine.immutable.side_by_side import asked_in_order
from drtool.model.errors import DrtoolError, Interrupted
from drtool.model.immutable import NAMED, PARTS, History, Lock, ObjectVersion
from drtool.ports import ImmutableStore, PackIndex

_EVERYTHING: Final = "every object that is listed"
_ALWAYS: Final = frozenset({"config", "keys"})
_NEVER_EMPTY: Final = ("config", "keys", "index")


@dataclass(slots=True)
class Needed:
    """What a kept point may need of a bucket: every object that is listed, and what is hidden and was not let go.

    Which packs the trees of the kept points lead to only restic knows, by reading all of them; what is listed is never less. What is
    read of the listing is a page at a time, and of the index what is not known yet.
    """

    store: ImmutableStore
    index: PackIndex
    known: KnownLocks
    basis: str = _EVERYTHING
    objects: int = 0
    hidden: int = 0
    changed: int = 0
    hidden_names: list[str] = field(default_factory=list)
    asked: int = 0
    hidden_since: datetime | None = None
    recovers: bool = False
    """Whether only what is current counts of the index: a recovery goes by its instant."""
    _named: int = 0
    _knows: bool = True
    _hidden_indexes: set[str] = field(default_factory=set)
    _there: set[str] = field(default_factory=set)

    def read_index(self) -> None:
        """Learn which packs the index names; where it cannot be read, that is told, and nothing is called needless by it.

        A hidden file of the index counts on, unless restic finds that no point that is listed needs it, and no other point is missed.
        """
        listed = [each for each in self.store.histories("index") if each.data]
        files = [each.identity for each in listed if each.current is not None]
        hidden = [each for each in listed if each.current is None]
        self.known.forget_indexes_but(each.identity for each in listed)
        self._hidden_indexes = {each.identity for each in (() if self.recovers else self._not_let_go(hidden, others=bool(files)))}
        try:
            for name in files:
                if not self.known.knows_index(name):
                    self.known.learn_index(name, self.index.packs_in(name))
        except Interrupted:
            raise
        except DrtoolError as error:
            self._knows = False
            self.basis = f"{_EVERYTHING}, hidden or not, as the index cannot be read: {error.what}"
        counted = (*files, *self._hidden_indexes)
        self.known.count_only(counted)
        if self._knows and not (files and all(map(self.known.knows_index, self._hidden_indexes))):
            self._knows = False
            self.basis = f"{_EVERYTHING}, hidden or not, as {'a hidden file of the index was never read' if files else 'no index is there'}"
        if self._knows:
            self.basis = f"{_EVERYTHING}, and the {self.known.packs()} packs that the index names"

    def _not_let_go(self, hidden: list[History], *, others: bool) -> list[History]:
        """Return which of the hidden files of the index may have been taken away: what a prune removed no listed point needs."""
        unexplained = [each for each in hidden if not (self.known.explains(each) or self.known.is_needless(each))]
        if not unexplained or not others:
            return unexplained
        points = list(self.store.histories("snapshots"))
        missed = any(each.current is None and each.data and not self.known.explains(each) for each in points)
        if missed or not any(each.current for each in points) or not self._is_sound():
            return unexplained
        for each in unexplained:
            self.known.learn_needless(each)
        return []

    def _is_sound(self) -> bool:
        try:
            return not self.index.unsound()
        except Interrupted:
            raise
        except DrtoolError:
            return False

    @property
    def lacking(self) -> tuple[str, ...]:
        """Of which parts nothing is there; only after everything was gone through."""
        return tuple(part for part in _NEVER_EMPTY if part not in self._there)

    @property
    def gone(self) -> int:
        """How many packs that the index names have no version left; only after everything was gone through."""
        return max(0, self.known.packs() - self._named)

    def versions(self) -> Iterator[tuple[str, ObjectVersion]]:
        """Yield the versions that have to stay: the current one, and the oldest, which nobody overwrote."""
        for part in PARTS:
            for history in self.store.histories(part):
                yield from ((history.name, each) for each in self._kept(part, history))

    def locks(self, *, good_until: datetime | None) -> Iterator[tuple[str, ObjectVersion, Lock | None]]:
        """Yield each of those with its lock: what is known to last until then is not asked for again."""

        def ask(each: tuple[str, ObjectVersion]) -> Callable[[], Lock | None] | None:
            known = self.known.lock_of(each[0], each[1].id)
            if known is not None and (good_until is None or known.until >= good_until):
                return None
            self.asked += 1
            return partial(self.store.lock_of, each[0], each[1].id)

        for (name, version), told in asked_in_order(self.versions(), ask):
            if told is not None:
                self.known.learn_lock(name, version.id, told)
            yield name, version, told or self.known.lock_of(name, version.id)

    def _kept(self, part: str, history: History) -> tuple[ObjectVersion, ...]:
        named = part == "data" and self.known.needs(history.identity)
        data, current = history.data, history.current
        if not data:
            return ()
        self._named += named
        if len({(each.size, each.digest) for each in data}) > 1:
            self.changed += 1
        if current is not None:
            self._there.add(part)
        else:
            if not self._counts(part, history, named=named):
                return ()
            if part != "keys":  # a key that was removed is no loss, and locked all the same
                self.hidden += 1
                since = history.versions[0].written
                self.hidden_since = min(since, self.hidden_since or since)
                if len(self.hidden_names) < NAMED:
                    self.hidden_names.append(history.name)
        self.objects += 1
        return (data[0],) if current is None or current is data[0] else (data[0], current)

    def _counts(self, part: str, history: History, *, named: bool) -> bool:
        """Tell whether a hidden object may be needed."""
        match part:
            case "index":
                return history.identity in self._hidden_indexes
            case "snapshots":
                return not self.known.explains(history)
            case "data":
                return named or not (self._knows or self.known.explains(history))
            case _:
                return part in _ALWAYS
