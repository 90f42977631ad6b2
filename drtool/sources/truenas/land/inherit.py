"""What a dataset takes from the one above it, across a restore: meanwhile it waits below another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drtool.model.quantity import spell_bytes
from drtool.sources.truenas.datasets.dataset import Dataset, require_dataset
from drtool.sources.truenas.inventory.parts import Parts
from drtool.sources.truenas.inventory.takes import settable, spell

_OF_ACCESS_LISTS: Final = ("acltype", "aclmode")


def poured_with(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a new dataset is made with: what was set on the old one, and as it was worth there what decides how data is written."""
    found = {**recorded.get("inherited", {}), **recorded.get("properties", {})}
    if found.get("acltype") == "NFSV4":  # the NAS refuses other pairs, and with DISCARD setting a mode would strip access lists
        found["aclmode"] = "RESTRICTED" if found.get("aclmode") == "RESTRICTED" else "PASSTHROUGH"
    elif "acltype" in found:
        found["aclmode"] = "DISCARD"
    return found


def taken_of(recorded: Mapping[str, Any], *, sandbox: bool, free: int = 0) -> tuple[dict[str, Any], str]:
    """Return what a new dataset is made with, and what the person must know of what it is made without.

    A sandbox has its own quota: a larger one inside would promise what is not there. Room is not reserved twice where there is not so much:
    the old dataset has its own as long as it is kept.
    """
    wanted, refused = settable(poured_with(recorded))
    notes = [spell(refused)]
    limits = ("quota", "refquota", "reservation", "refreservation")
    reserved = max(int(wanted.get("reservation", 0)), int(wanted.get("refreservation", 0)))
    if sandbox:
        wanted = {name: value for name, value in wanted.items() if name not in limits}
    elif reserved > free:
        notes.append(f"without its reservation of {spell_bytes(reserved)}, which the old one has: give it that when the old one is gone")
        wanted = {name: value for name, value in wanted.items() if name not in limits[2:]}
    return wanted, "; ".join(filter(None, notes))


def inherited_mark(recorded: Mapping[str, Any]) -> dict[str, str]:
    """Return what the waiting dataset is marked with, for its cutover."""
    names = recorded.get("inherited", {})
    return {"drtool:inherited": " ".join(sorted(names))} if names else {}


def inherit_again(parts: Parts, current: Dataset) -> str:
    """Let what was put into its place inherit what the old one inherited, unless its access lists would mean something else then.

    Returns what the person must know, mostly nothing.
    """
    names = current.marks.get("inherited", "").split()
    if not names:
        return ""
    above = require_dataset(parts.client, current.parent)
    own, theirs = (" and ".join(item.worth(name) for name in _OF_ACCESS_LISTS) for item in (current, above))
    again = {name: "INHERIT" for name in names if own == theirs or name not in _OF_ACCESS_LISTS}

    def is_done() -> bool:
        return not again.keys() & require_dataset(parts.client, current.id).recorded().keys()

    if again:
        parts.client.change("pool.dataset.update", current.id, again, look=is_done)
    if len(again) == len(names):
        return ""
    own = " and ".join(f"{name} {current.worth(name)}" for name in _OF_ACCESS_LISTS)
    return f"{current.id} keeps {own}, as {above.id} has {theirs}"
