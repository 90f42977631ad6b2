from __future__ import annotations

from typing import Any, Final

from drtool.model.errors import NotFound, Refused
from drtool.sources.truenas.client import Client
from drtool.sources.truenas.guests import APP, ISCSI, READS, VM, WORDS, Guest, read_guests
from drtool.sources.truenas.parts import Parts

_BY_TITLE: Final = (("VM", VM), ("Virtual", VM), ("App", APP), ("Docker", APP), ("iSCSI", ISCSI))
"""How the titles of what the NAS tells as attached begin."""
_FOLLOW: Final = ("Share", "Task", "Replication")
"""What goes by the name of a dataset, and finds another one of that name just as well."""


def users_of(client: Client, dataset: str) -> tuple[tuple[Guest, ...], str]:
    """Return what runs from a dataset or from what lies below it, and in words what else would be pulled away, empty for nothing.

    Asked by their own queries and by what the NAS tells as attached: what only the latter tells may be another kind of thing, or one that
    this key may not ask for, and then counts as running.
    """
    told = read_guests(client)
    guests = {(guest.kind, guest.name): guest for each in told.values() for guest in each}
    running = {key: guest for key, guest in guests.items() if guest.runs and guest.is_in(dataset)}
    others = []
    for item in _attached(client, dataset):
        title, names = str(item.get("type") or ""), [str(name) for name in item.get("attachments") or ()]
        kind = next((kind for start, kind in _BY_TITLE if title.startswith(start)), "")
        if kind:
            for name in names:
                known = guests.get((kind, name))
                if known is not None and known.runs:
                    running[(kind, name)] = known
                elif known is None and kind not in told:
                    others.append(f"{WORDS[kind]} {name}, of which the key may not ask whether it runs: {READS[kind]}")
        elif not any(word in title for word in _FOLLOW):
            others.append(f"{title}: {', '.join(names)}")
    return tuple(running.values()), "; ".join(others)


def require_idle(parts: Parts, dataset: str) -> tuple[Guest, ...]:
    """Return what must be stopped before a dataset is moved; Refused by name where the policy does not say that it may be stopped.

    The NAS renames what is in use all the same, and a guest would go on writing to what was put aside.
    """
    running, others = users_of(parts.client, dataset)
    barred = [guest.words for guest in running if guest.kind not in parts.stop]
    if barred or others:
        used = "; ".join(filter(None, (", ".join(barred), others)))
        kinds = sorted({guest.kind for guest in running if guest.kind not in parts.stop})
        key = f", or let drtool stop and start them: `stop: [{', '.join(kinds)}]` of the source {parts.name}" if kinds else ""
        raise Refused(
            f"{dataset} is in use on the NAS ({used}), and would be pulled away under it",
            hint=f"stop what uses it on the NAS, and restore again{key}",
            safe=f"{dataset} is as it was",
        )
    return running


def _attached(client: Client, dataset: str) -> list[dict[str, Any]]:
    try:
        return list(client.read("pool.dataset.attachments", dataset))
    except NotFound:
        return []
