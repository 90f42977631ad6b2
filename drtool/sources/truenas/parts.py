from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from drtool import process
from drtool.model.errors import DrtoolError
from drtool.model.plan import Landed
from drtool.ports import Clock
from drtool.sources.places.marker import Owner
from drtool.sources.truenas.client import Client
from drtool.sources.truenas.custody import Custody
from drtool.sources.truenas.reach import Reach
from drtool.sources.truenas.snapshot import Taken


@dataclass(frozen=True, slots=True)
class Wants:
    """What the policy protects by this source."""

    datasets: bool = True
    system: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """What every verb of this source works with; `reach` is asked for only when files are touched."""

    name: str
    by: str
    client: Client
    clock: Clock
    owner: Owner
    reach: Callable[[], Reach]
    taken: Taken = field(default_factory=Taken)
    custody: Custody = field(default_factory=Custody)
    wants: Wants = field(default_factory=Wants)
    done: dict[str, Landed] = field(default_factory=dict)
    """Cutovers this process carried out, by staging place."""


@contextlib.contextmanager
def tidying() -> Iterator[None]:
    """Tidy up although the run was told to stop; what fails is left to the sweep, which finds it by its label."""
    with process.scope(replace(process.current_scope(), shielded=True, deadline=None)), contextlib.suppress(DrtoolError):
        yield
