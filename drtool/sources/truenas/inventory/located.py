from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from drtool.model.locator import Locator, locate, read_locator
from drtool.model.plan import Landed, Restored
from drtool.staging import staged as on_files

_KIND: Final = "truenas.dataset"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Located:
    """A dataset or volume that was poured: under which name it waits, and where it is seen once it stands in its place.

    In a sandbox both are paths there, as they are seen by whoever looks at files; else `waits` is the dataset's name.
    """

    waits: str
    target: str
    sandbox: str = ""


def locator_of(place: Located) -> Locator:
    """Return the locator of a dataset or volume."""
    return locate(_KIND, _VERSION, place)


def located(thing: Landed | Restored) -> Located:
    """Return where a dataset or volume landed; Refused where its locator tells of none."""
    return read_locator(thing.locator, _KIND, _VERSION, shape=Located)


def seen_at(restored: Restored) -> tuple[str, str]:
    """Return where something restored is seen, and the sandbox there that holds it (empty: none)."""
    if restored.locator.kind == on_files.KIND:
        place = on_files.staged(restored)
        return place.target, place.sandbox
    dataset = located(restored)
    return dataset.target, dataset.sandbox
