from __future__ import annotations

from typing import Final

from drtool.ports import Clock
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.datasets.dataset import Dataset, read_datasets
from drtool.sources.truenas.inventory.guests import APP, read_guests

_LASTS_SECONDS: Final = 120.0
"""So old may be what is told to a person or planned with: a sweep, the observing after it and the plan lie within that."""


class Listing:
    """All datasets of one NAS as one question told them.

    The NAS reads every property of every dataset for whatever filter, so a question for each of many would cost their number squared. What
    drtool changes itself there ends it. Clones of a run do not: nobody looks for them in it.
    """

    def __init__(self, client: ApiClient, clock: Clock) -> None:
        self.client = client
        self._clock = clock
        self._found: tuple[Dataset, ...] | None = None
        self._apps: tuple[str, ...] | None = None
        self._asked_for_apps = False
        self._changes = 0
        self._taken = 0.0

    def recent(self) -> tuple[Dataset, ...]:
        """Return what was told a short while ago, or ask: for whoever looks or plans."""
        return self._told(at_most=_LASTS_SECONDS)

    def known(self) -> tuple[Dataset, ...]:
        """Return what was told last, however long ago: for a step that the NAS itself corrects where that is no longer so."""
        return self._told(at_most=None)

    def find(self, name: str) -> Dataset | None:
        """Return one dataset of what is known, None where none of that name was told."""
        return next((dataset for dataset in self.known() if dataset.id == name), None)

    def fresh(self) -> tuple[Dataset, ...]:
        """Ask again, and keep the answer."""
        with self.client.once:
            return self._ask()

    def apps(self) -> tuple[str, ...] | None:
        """Return the names of the apps there, asked once; None where the key may not ask, or the NAS has no such thing."""
        with self.client.once:
            if not self._asked_for_apps:
                self._asked_for_apps = True
                told = read_guests(self.client, (APP,)).get(APP)
                self._apps = None if told is None else tuple(sorted(app.name for app in told))
            return self._apps

    def _told(self, *, at_most: float | None) -> tuple[Dataset, ...]:
        with self.client.once:  # steps that begin together ask once
            found = self._found
            too_old = at_most is not None and self._clock.monotonic() - self._taken > at_most
            return self._ask() if found is None or too_old or self._changes != self.client.changes else found

    def _ask(self) -> tuple[Dataset, ...]:
        self._changes, self._taken = self.client.changes, self._clock.monotonic()
        self._found = read_datasets(self.client)
        return self._found
