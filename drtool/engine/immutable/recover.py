from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from drtool.catalog.immutable_log import ChangeLog
from drtool.catalog.known_locks import KnownLocks
from drtool.engine.immutable.needed import Needed
from drtool.model.errors import Refused
from drtool.model.immutable import NAMED, PARTS, History, ObjectVersion, RecoverPlan
from drtool.planning.immutable import Mending, decide
from drtool.ports import Clock, ImmutableStore, PackIndex

_LATELY: Final = timedelta(days=7)
_EVERY_PART: Final = (*PARTS, "locks")


@dataclass(slots=True)
class Recovery:
    """One pass over a bucket: what has to be mended since an instant, and, with `mend`, mending it.

    The index comes back before the packs, so that it is known which are needed, and the snapshots come last: a point is there again when
    everything that it needs is. Each object is looked at when its turn comes, so ended anywhere, the same again goes on.
    """

    store: ImmutableStore
    index: PackIndex
    known: KnownLocks
    clock: Clock
    since: datetime
    counts: Counter[str] = field(default_factory=Counter)
    names: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    read: int = 0
    first_lately: datetime | None = None
    needed: Needed = field(init=False)

    def __post_init__(self) -> None:
        self.needed = Needed(self.store, self.index, self.known, recovers=True)

    def plan(self) -> RecoverPlan:
        """Return what would be mended; nothing is changed."""
        for _history, _mending in self._mendings():
            continue
        kinds = {kind: self.counts[kind] for kind in ("uncover", "bring_back", "set_aside", "lost", "fine", "left")}
        lost, names = tuple(self.lost), tuple(self.names)
        return RecoverPlan(
            self.store.name,
            self.since,
            **kinds,
            left_lately=self.counts["left lately"],
            first_lately=self.first_lately,
            read=self.read,
            lost_names=lost,
            names=names,
            foreign=self.store.foreign,
        )

    def mend(self, log: ChangeLog) -> None:
        """Mend everything; each change is written into `log` before it is made, with the versions that stood there."""
        for history, mending in self._mendings():
            if mending.how in ("uncover", "bring_back", "set_aside"):
                before = [{"version": each.id, "marker": each.marker, "written": each.written.isoformat()} for each in history.versions]
                chosen = mending.version.id if mending.version else ""
                log.tell({"did": mending.how, "name": history.name, "version": chosen, "before": before[:NAMED]}, at=self.clock.now())
                self._mend(history, mending)

    def _mend(self, history: History, mending: Mending) -> None:
        if mending.how == "set_aside":
            self.store.set_aside(history.name)
        elif mending.version is not None and mending.markers:
            try:
                for marker in mending.markers:
                    self.store.uncover(history.name, marker)
            except Refused:  # who may not lift a marker may still copy over it
                self.store.bring_back(history.name, mending.version)
                self.counts["uncover"] -= 1
                self.counts["bring_back"] += 1
        elif mending.version is not None:
            self.store.bring_back(history.name, mending.version)

    def _mendings(self) -> Iterator[tuple[History, Mending]]:
        for part in _EVERY_PART:
            if part == "data":
                self.needed.read_index()
            for history in self.store.histories(part):
                mending = decide(
                    part,
                    history,
                    since=self.since,
                    needed=part == "data" and self.known.needs(history.identity),
                    is_right=lambda version, history=history: self._is_right(history, version),  # type: ignore[misc]
                    is_locked=lambda version, history=history: self._is_locked(history, version),  # type: ignore[misc]
                )
                self.counts[mending.how] += 1
                self._note_lately(history, mending)
                if mending.how == "lost" and len(self.lost) < NAMED:
                    self.lost.append(history.name)
                if mending.how in ("uncover", "bring_back", "set_aside") and len(self.names) < NAMED:
                    self.names.append(history.name)
                yield history, mending

    def _note_lately(self, history: History, mending: Mending) -> None:
        """Count what stays hidden though it was hidden shortly before: the instant may be too late."""
        hidden = history.versions[0].written
        left = mending.how == "left" and history.current is None and bool(history.data)
        if left and self.since - _LATELY <= hidden < self.since and not self.known.explains(history):
            self.counts["left lately"] += 1
            self.first_lately = min(hidden, self.first_lately or hidden)

    def _is_right(self, history: History, version: ObjectVersion) -> bool:
        known = self.known.is_good(history.name, version.id)
        if known is None:
            self.read += version.size
            known = self.store.content(history.name, version) == history.identity
            self.known.learn_content(history.name, version.id, good=known)
        return known

    def _is_locked(self, history: History, version: ObjectVersion) -> bool:
        lock = self.store.lock_of(history.name, version.id)
        return lock is not None and lock.until > self.clock.now()
