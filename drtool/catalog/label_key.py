"""The key by which this state directory proves the labels that it leaves among a person's data."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from drtool.catalog.runs import Runs
from drtool.catalog.storage import read_json, write_atomically, write_once
from drtool.model.codec import canonical
from drtool.model.event import Event, EventKind
from drtool.model.label import LabelProofs
from drtool.model.plan import Plan, Undo

_BYTES: Final = 32
_EXCHANGING: Final = frozenset({"restore", "undo"})
"""The verbs whose runs leave labels among a person's data."""


def label_proofs(state_directory: str) -> LabelProofs:
    """Return the key, made at first need, and the restores there were before; where none can be kept it is one for this process alone."""
    found = _read(state_directory) or _make(state_directory)
    return replace(found, spent=spent_labels(state_directory), spend=lambda name: _spend(state_directory, name))


def keeps_key(state_directory: str) -> bool:
    """Tell whether what is proven now will be known again."""
    return _read(state_directory) is not None


def spent_labels(state_directory: str) -> frozenset[str]:
    """Return the labels, by file name, of exchanges that ended here."""
    try:
        with open(_spent_file(state_directory), encoding="utf-8", errors="surrogateescape") as stream:
            return frozenset(filter(None, stream.read().split("\n")))
    except OSError:
        return frozenset()


def _spend(state_directory: str, name: str) -> None:
    """Write a line behind the others, the one before it ended first: killed at any moment, what was written before stands."""
    if name in spent_labels(state_directory):
        return
    with contextlib.suppress(OSError):  # the exchange has ended all the same
        descriptor = os.open(_spent_file(state_directory), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with open(descriptor, "ab") as stream:
            stream.write(b"\n" + name.encode("utf-8", "surrogateescape") + b"\n")
            stream.flush()
            os.fsync(stream.fileno())


def _make(state_directory: str) -> LabelProofs:
    path = _file(state_directory)
    damaged = os.path.exists(path)
    fresh = LabelProofs(os.urandom(_BYTES))
    if not damaged:  # else there was a key already, and a label without a proof is of nobody
        unended, places = _earlier(state_directory)
        fresh = replace(fresh, earlier_runs=unended, earlier_places=places)
    told = {"earlier_runs": sorted(fresh.earlier_runs), "earlier_places": sorted(map(list, fresh.earlier_places))}
    body = canonical({"format": "drtool.label-key/1", "key": fresh.key.hex(), **told})
    try:
        if damaged and _read(state_directory) is None:
            write_atomically(path, body)  # a damaged one proves nothing
        else:
            write_once(path, body)
    except OSError:
        return fresh
    return _read(state_directory) or fresh


def _read(state_directory: str) -> LabelProofs | None:
    data: Any = read_json(_file(state_directory))
    try:
        key, earlier = bytes.fromhex(data["key"]), frozenset(str(run) for run in data["earlier_runs"])
        places = frozenset((str(run), str(place)) for run, place in data.get("earlier_places", ()))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return LabelProofs(key, earlier_runs=earlier, earlier_places=places) if len(key) == _BYTES else None


def _earlier(state_directory: str) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """Return the restores that left labels without a proof: those that have not ended, and of the others the places that they exchanged.

    Every other run wrote none, and the ids of backups stand in the tags of each repository, for whoever can read that.
    """
    unended: set[str] = set()
    places: set[tuple[str, str]] = set()
    for folder in Runs(state_directory).all():
        plan = folder.plan()
        if plan is None or plan.verb not in _EXCHANGING:
            continue
        events = folder.events()
        if any(event.kind is EventKind.RUN_ENDED and not event.data.get("swept") for event in events):
            places |= {(folder.run, place) for place in _exchanged(plan, events)}
        else:  # what settled it, a moment ago, has not finished its exchange
            unended.add(folder.run)
    return frozenset(unended), frozenset(places)


def _exchanged(plan: Plan, events: Iterable[Event]) -> Iterator[str]:
    """Name the places that a restore, as its journal tells, or the taking back of one, as it was planned, exchanged."""
    for step in plan.steps:
        if isinstance(step.action, Undo):
            yield step.action.leftover.target
    for event in events:
        if event.kind is EventKind.STEP_ENDED:
            for move in (event.data.get("result") or {}).get("moves") or ():
                yield str(move.get("target", ""))


def _spent_file(state_directory: str) -> str:
    return os.path.join(state_directory, "spent-labels")


def _file(state_directory: str) -> str:
    return os.path.join(state_directory, "label-key.json")
