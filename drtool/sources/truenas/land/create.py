from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.datasets.dataset import find_dataset
from drtool.sources.truenas.datasets.labels import PREFIX, read_marks
from drtool.sources.truenas.datasets.unlabelled import remove_dataset, unlabelled


def create_dataset(client: ApiClient, name: str, users: Mapping[str, str], properties: Mapping[str, Any] | None = None) -> None:
    """Make a file system with user properties in one go, so that nothing of ours is ever without its label.

    Raises Refused, and removes it again, where the NAS made it without what of ours was among them.
    """
    request = {
        "name": name,
        "type": "FILESYSTEM",
        **(properties or {}),
        "user_properties": [{"key": key, "value": value} for key, value in users.items()],
    }
    made = client.change("pool.dataset.create", request, look=lambda: find_dataset(client, name) is not None, timeout_seconds=300.0)
    asked = {key.removeprefix(f"{PREFIX}:"): value for key, value in users.items() if key.startswith(f"{PREFIX}:")}
    if not asked:
        return
    told = made.get("user_properties") if isinstance(made, Mapping) else None
    found = find_dataset(client, name) if told is None else None
    marks = read_marks(told or {}) if found is None else found.marks
    if not asked.items() <= marks.items():
        raise unlabelled(client, name, remove=None if made is None else lambda: remove_dataset(client, name))


def mark_dataset(client: ApiClient, name: str, users: Mapping[str, str | None]) -> None:
    """Set user properties of a dataset, and remove those that are None."""
    if not users:
        return
    changes = [{"key": key, "remove": True} if value is None else {"key": key, "value": value} for key, value in users.items()]

    def is_done() -> bool:
        found = find_dataset(client, name)
        return found is not None and all(found.marks.get(key.removeprefix("drtool:")) == value for key, value in users.items())

    client.change("pool.dataset.update", name, {"user_properties_update": changes}, look=is_done)


def can_rename(client: ApiClient) -> bool:
    """Tell whether this release of the NAS lets a dataset be renamed."""
    return client.knows("pool.dataset.rename")


def rename_dataset(client: ApiClient, name: str, new: str) -> None:
    """Rename a dataset with all below it; Locked while it is in use, Conflict when something stands at the new name."""

    def is_done() -> bool:
        return find_dataset(client, new) is not None and find_dataset(client, name) is None

    client.change("pool.dataset.rename", name, {"new_name": new, "force": True}, look=is_done, timeout_seconds=300.0)
