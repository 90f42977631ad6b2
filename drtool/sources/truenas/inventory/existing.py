from __future__ import annotations

from typing import Final

from drtool.model.ledger import Existing, Stock
from drtool.sources.truenas.datasets.dataset import Dataset
from drtool.sources.truenas.inventory.discover import is_passing
from drtool.sources.truenas.inventory.listing import Listing

_HIDDEN: Final = "the NAS hides ix-apps, ix-applications, .ix-virt and .system: what lies in them is not listed, and not covered"


def existing(listing: Listing) -> Stock:
    """Return every dataset and volume that the NAS tells of, its own configuration, and the apps whose data it hides.

    What drtool itself made there is left out. Everything comes of one listing, and one question for the apps.
    """
    source = listing.client.source
    found = [
        Existing(f"{source}:{each.id}", "volume" if each.is_volume else "dataset", note=_note(each))
        for each in listing.recent()
        if not is_passing(each)
    ]
    found.append(Existing(f"{source}:system", "appliance", note="its own configuration, protected with `system: true`"))
    return Stock((*found, *_apps(source, listing.apps())), (_HIDDEN,))


def _apps(source: str, names: tuple[str, ...] | None) -> tuple[Existing, ...]:
    name = f"{source}:ix-apps"
    if names is None:
        return (Existing(name, "apps", problem="whether apps keep anything in hidden datasets was not told; a key with APPS_READ may ask"),)
    if not names:
        return ()
    return (Existing(name, "apps", note=f"what the apps {', '.join(names)} keep in hidden datasets: docs/platforms/truenas.md, Apps"),)


def _note(dataset: Dataset) -> str:
    return "locked" if dataset.locked else ""
