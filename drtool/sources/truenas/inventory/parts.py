from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from drtool import process
from drtool.model.errors import DrtoolError, Refused
from drtool.model.plan import Landed
from drtool.ports import Clock
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.api.shell import Shell
from drtool.sources.truenas.datasets.labels import Label
from drtool.sources.truenas.datasets.snapshot import Taken
from drtool.sources.truenas.inventory.access import FileAccess
from drtool.sources.truenas.inventory.discover import Choose
from drtool.sources.truenas.inventory.listing import Listing
from drtool.sources.truenas.keys.dataset_keys import DatasetKeys
from drtool.staging.marker import Owner


@dataclass(frozen=True, slots=True)
class Wants:
    """What the policy protects by this source."""

    datasets: bool = True
    system: str = ""
    """The set that holds the appliance itself, empty where none does."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What every verb of this source works with; `reach` is asked for only when files are touched."""

    name: str
    by: str
    client: ApiClient
    clock: Clock
    owner: Owner
    file_access: Callable[[], FileAccess]
    choose: Choose
    listing: Listing
    shell: Shell | None = None
    """The NAS over SSH, where the policy names it."""
    taken: Taken = field(default_factory=Taken)
    dataset_keys: DatasetKeys = field(default_factory=DatasetKeys)
    wants: Wants = field(default_factory=Wants)
    done: dict[str, Landed] = field(default_factory=dict)
    """Cutovers this process carried out, by staging place."""
    notes: dict[str, str] = field(default_factory=dict)
    """What the person must know of what was landed, by staging dataset, as far as it turned out after the data was poured."""
    stop: tuple[str, ...] = ()
    """The kinds of guests that may be stopped for a cutover, and are started again after it."""
    stopped: dict[tuple[str, str], Any] = field(default_factory=dict)
    """What this process saw stopped for a cutover, as it was; None where the NAS refused to stop it."""
    made: set[str] = field(default_factory=set)
    """The clones that this process made."""
    chosen: dict[str, str] = field(default_factory=dict)
    """The snapshot of somebody else that all of a set have, by the label of the point."""
    existing: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """The snapshots of others, by pool, as they were told once."""

    def label(self, what: str, run: str, expires: str = "", more: Mapping[str, str] | None = None) -> Label:
        """Return the label of something that a run of ours makes on the NAS."""
        return Label(what, self.by, self.name, run, expires, more or {}, machine=self.owner.machine())


def require_shell(parts: Parts) -> Shell:
    """Return the NAS over SSH; Refused where the policy does not name it."""
    if parts.shell is None:
        raise Refused(
            f"{parts.name} is not reached over SSH, which blocks and exact streams need",
            hint=f"add `ssh:` to the source {parts.name}, or restore with: --to directory PATH",
            safe="nothing was changed",
        )
    return parts.shell


@contextlib.contextmanager
def tidying() -> Iterator[None]:
    """Tidy up although the run was told to stop; what fails is left to the sweep, which finds it by its label."""
    with process.scope(replace(process.current_scope(), shielded=True, deadline=None)), contextlib.suppress(DrtoolError):
        yield
