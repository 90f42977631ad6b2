from __future__ import annotations

from collections.abc import Callable

from drtool.model.errors import DrtoolError, Interrupted, Refused
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.api.release_number import read_release
from drtool.sources.truenas.api.supported import drops_properties, version_of
from drtool.sources.truenas.datasets.dataset import find_dataset


def unlabelled(client: ApiClient, name: str, *, remove: Callable[[], object] | None) -> Refused:
    """Return the refusal of a thing that the NAS made without our label, after removing it again.

    `remove` takes away what this call made, by the exact name that it gave; it is None where nobody knows who made it.
    """
    gone = False
    if remove is not None:
        try:
            remove()
            gone = True
        except Interrupted:
            raise
        except DrtoolError:
            pass  # that it is there without a label tells more
    version = version_of(client)
    hint = "look whether something on the NAS removes user properties"
    if drops_properties(read_release(version)):
        hint = f"TrueNAS {version} drops them (NAS-142001): update it to a later beta or to the release"
    return Refused(
        f"{client.source} made {name} without the label that was asked for, so no sweep would ever find it",
        hint=hint if gone else f"{hint}, and remove {name} by hand if nobody needs it",
        safe="it was removed again, and nothing else was changed" if gone else f"nothing but {name} was made",
    )


def remove_dataset(client: ApiClient, name: str) -> None:
    """Destroy a dataset that was made a moment ago, by its name."""
    options = {"recursive": False, "force": False}
    client.change("pool.dataset.delete", name, options, look=lambda: find_dataset(client, name) is None, timeout_seconds=300.0)
