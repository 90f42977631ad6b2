from __future__ import annotations

from typing import Final

from drtool.model.errors import NotFound, Refused
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.api.roles import STOPPING, WHERE, read_roles, unstoppable
from drtool.sources.truenas.inventory.guests import APP, ISCSI, KINDS, READS, VM, WORDS, Guest, read_guests
from drtool.sources.truenas.inventory.parts import Parts

_BY_TITLE: Final = (("VM", VM), ("Virtual", VM), ("App", APP), ("Docker", APP), ("iSCSI", ISCSI))
"""How the titles of what the NAS tells as attached begin."""
_FOLLOW: Final = ("Share", "Task", "Replication")
"""What goes by the name of a dataset, and finds another one of that name just as well."""


def users_of(client: ApiClient, dataset: str) -> tuple[tuple[Guest, ...], str]:
    """Return what runs from a dataset, from below or from around it, and in words what else would be pulled away, empty for nothing.

    Asked by their own queries and by what the NAS tells as attached: what only the latter tells may be another kind of thing, or one that
    this key may not ask for, and then counts as running. Of the datasets around it the NAS tells everything that is attached anywhere in
    them; so these are asked about only for the kinds that this key may not ask for, and a whole pool never.
    """
    told = read_guests(client)
    guests = {(guest.kind, guest.name): guest for each in told.values() for guest in each}
    running = {key: guest for key, guest in guests.items() if guest.runs and guest.is_in(dataset)}
    others = []
    for title, names in _attached(client, dataset):
        kind = _kind_of(title)
        if kind:
            for name in names:
                known = guests.get((kind, name))
                if known is not None and known.runs:
                    running[(kind, name)] = known
                elif known is None and kind not in told:
                    others.append(_unasked(kind, name))
        elif not any(word in title for word in _FOLLOW):
            others.append(f"{title}: {', '.join(names)}")
    above = dataset.rpartition("/")[0]
    while "/" in above and not set(KINDS) <= told.keys():
        for title, names in _attached(client, above):
            kind = _kind_of(title)
            others += [_unasked(kind, name) for name in names if kind and kind not in told]
        above = above.rpartition("/")[0]
    return tuple(running.values()), "; ".join(dict.fromkeys(others))


def _kind_of(title: str) -> str:
    return next((kind for start, kind in _BY_TITLE if title.startswith(start)), "")


def _unasked(kind: str, name: str) -> str:
    return f"{WORDS[kind]} {name}, of which the key may not ask whether it runs: {READS[kind]}"


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
    roles = unstoppable(read_roles(parts.client), {guest.kind for guest in running}) if running else ()
    if roles:
        words = ", ".join(guest.words for guest in running if STOPPING[guest.kind] in roles)
        raise Refused(
            f"the key of {parts.name} may not stop and start {words}, which uses {dataset}",
            hint=f"{WHERE}: add {', '.join(roles)}; or stop it on the NAS, and restore again",
            safe=f"{dataset} is as it was",
        )
    return running


def _attached(client: ApiClient, dataset: str) -> list[tuple[str, list[str]]]:
    """Return what the NAS tells as attached to a dataset or to what lies below it: titles, and names under each."""
    try:
        told = client.read("pool.dataset.attachments", dataset)
    except NotFound:
        return []
    return [(str(item.get("type") or ""), [str(name) for name in item.get("attachments") or ()]) for item in told]
