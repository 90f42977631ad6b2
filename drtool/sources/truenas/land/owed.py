"""What is stopped for a cutover is owed its start: noted before it is asked to stop, paid after the last cutover that it has to do with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from drtool.model.errors import Conflict, DrtoolError, NotFound, Refused
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.datasets.dataset import Dataset, read_datasets, require_dataset
from drtool.sources.truenas.inventory.guests import APP, VM, Guest, read_guests, read_mark, runs, spell, start, stop
from drtool.sources.truenas.inventory.parts import Parts
from drtool.sources.truenas.land.create import mark_dataset
from drtool.sources.truenas.land.in_use import require_idle

OBEYS_WITHIN: Final = timedelta(minutes=15)
"""So long something that was asked to stop may still do so: a NAS stops waiting for a machine after five minutes at most."""
NOTHING_OWED: Final[dict[str, str | None]] = {"drtool:stopped": None, "drtool:asked": None}
_STOPPED_BY: Final = {VM: "vm.stop", APP: "app.stop"}


def stop_users(parts: Parts, stage: Dataset, target: str) -> None:
    """Stop what uses a dataset that shall be moved, each noted on the new one right before it is asked to.

    Whoever is killed in between leaves a mark of what was asked to stop, and of nothing else: what its owner stops then stays so.
    """
    stage = require_dataset(parts.client, stage.id)
    owed = list(read_mark(stage.marks.get("stopped", "")))
    for guest in require_idle(parts, target):
        if guest.key not in {each.key for each in owed}:
            owed.append(guest)
        mark_dataset(parts.client, stage.id, {"drtool:stopped": spell(owed), "drtool:asked": _asked_now(parts, stage)})
        parts.stopped.pop(guest.key, None)
        try:
            stopped = stop(parts.client, guest)
        except (Refused, NotFound, Conflict):
            parts.stopped[guest.key] = None  # it was answered, so nothing goes on there
            raise
        if not stopped:
            raise Refused(
                f"{guest.words} was asked to stop and runs on",
                hint="stop it on the NAS, and restore again; if it goes down later by itself, drtool sweep starts it",
            )
        parts.stopped[guest.key] = guest


def pay(parts: Parts, dataset: Dataset | None, *, doubt: bool = False) -> tuple[Guest, ...]:
    """Start what a dataset's mark says is owed, or hand it to the next cutover of that run which is about something it uses.

    Returns what may still go down, with `doubt`: it was asked to stop a short while ago and runs, so it is not settled yet.
    """
    if dataset is None:
        return ()
    owed = read_mark(dataset.marks.get("stopped", ""))
    handed: dict[str, tuple[Dataset, list[Guest]]] = {}
    doubtful: list[Guest] = []
    fresh, askers = _asked(parts, dataset)
    waiting = _waiting(parts, dataset) if owed and any(parts.stopped.get(guest.key) for guest in owed) else ()
    for guest in owed:
        known = parts.stopped.get(guest.key)
        later = next((each for each in waiting if known is not None and known.is_in(each.marks.get("target", ""))), None)
        if later is not None:
            handed.setdefault(later.id, (later, []))[1].append(guest)
        elif guest.key not in parts.stopped and runs(parts.client, guest):
            doubtful += [guest] if doubt and fresh else []
        elif guest.key in parts.stopped or not _stopped_by_somebody_else(parts.client, guest, askers):
            start(parts.client, guest)
    for later, guests in handed.values():
        known_there = read_mark(later.marks.get("stopped", ""))
        more = [guest for guest in guests if guest.key not in {each.key for each in known_there}]
        mark_dataset(parts.client, later.id, {"drtool:stopped": spell([*known_there, *more]), "drtool:asked": _asked_now(parts, later)})
    return tuple(doubtful)


def settle_stopped(parts: Parts, dataset: Dataset) -> None:
    """Start what is owed before the dataset that says so goes; Refused while something may still go down."""
    doubtful = pay(parts, dataset, doubt=True)
    if doubtful:
        if spell(doubtful) != dataset.marks.get("stopped"):
            mark_dataset(parts.client, dataset.id, {"drtool:stopped": spell(doubtful)})
        raise Refused(
            f"{words_of(parts, doubtful)} was asked to stop and still runs: it may still go down, and would stay so",
            hint=f"stop and start it on the NAS, or wait a quarter of an hour: then drtool sweep (what it is owed stands on {dataset.id})",
            safe=f"{dataset.id} waits until then",
        )


def back(parts: Parts, dataset: Dataset) -> tuple[dict[str, str | None], str]:
    """Pay after a cutover that failed; return the marks that are true then, and in words what may still go down, mostly empty."""
    doubtful = pay(parts, dataset, doubt=True)
    if not doubtful:
        return NOTHING_OWED, ""
    return {"drtool:stopped": spell(doubtful)}, f"{words_of(parts, doubtful)} may still go down, and is started again by drtool sweep"


def words_of(parts: Parts, guests: Iterable[Guest]) -> str:
    """Return guests in words, by the names that the NAS has for them."""
    return ", ".join(guest.words for guest in _as_told(parts, guests))


def owed_words(parts: Parts, dataset: Dataset) -> str:
    """Return in words what a dataset's mark says was stopped for it, empty for nothing."""
    owed = _as_told(parts, read_mark(dataset.marks.get("stopped", "")))
    return ", ".join(f"{guest.words} (it runs, and may still go down)" if guest.runs else guest.words for guest in owed)


def _as_told(parts: Parts, guests: Iterable[Guest]) -> tuple[Guest, ...]:
    owed = tuple(guests)
    kinds = {guest.kind for guest in owed}
    told = {guest.key: guest for each in read_guests(parts.client, kinds).values() for guest in each}
    return tuple(told.get(guest.key, guest) for guest in owed)


def _asked_now(parts: Parts, dataset: Dataset) -> str:
    """Return when, and by which connections, what is owed was asked to stop: by these its jobs are known to be ours."""
    _, *askers = dataset.marks.get("asked", "").split() or ("",)
    return " ".join(dict.fromkeys((parts.clock.now().astimezone(UTC).isoformat(timespec="seconds"), *askers, parts.client.asker)))


def _asked(parts: Parts, dataset: Dataset) -> tuple[bool, tuple[str, ...]]:
    """Tell whether something was asked to stop a short while ago, and by which connections."""
    when, *askers = dataset.marks.get("asked", "").split() or ("",)
    with contextlib.suppress(ValueError, TypeError):
        return abs(parts.clock.now() - datetime.fromisoformat(when)) < OBEYS_WITHIN, tuple(askers)
    return False, ()


def _waiting(parts: Parts, dataset: Dataset) -> tuple[Dataset, ...]:
    """Return what the same run has landed and not put in place yet."""
    label = dataset.label
    return tuple(
        each
        for each in (read_datasets(parts.client) if label is not None else ())
        if each.id != dataset.id
        and each.label is not None
        and label is not None
        and (each.label.what, each.label.by, each.label.source, each.label.run) == ("staging", label.by, label.source, label.run)
        and (each.marks.get("form"), each.marks.get("state")) in (("original", "landed"), ("original", "moving"))
    )


def _stopped_by_somebody_else(client: ApiClient, guest: Guest, askers: tuple[str, ...]) -> bool:
    """Tell whether the last who had something stopped was certainly not a cutover of ours: then it stays as he wants it.

    Only what the NAS tells speaks against us: it forgets its jobs when it restarts, and has none for extents.
    """
    method = _STOPPED_BY.get(guest.kind)
    if method is None or not askers:
        return False
    try:
        rows = client.read("core.get_jobs", [["method", "=", method]])
    except DrtoolError:
        return False
    own = [row for row in rows if (row.get("arguments") or [None])[0] in (guest.id, int(guest.id) if guest.id.isdigit() else guest.id)]
    last: Mapping[str, Any] = max(own, key=lambda row: int(row["id"]), default={})
    calls = [str(call) for call in last.get("message_ids") or () if call is not None]
    return bool(calls) and not any(call.startswith(asker) for call in calls for asker in askers)
