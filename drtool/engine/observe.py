from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

from drtool.engine.hands import Hands
from drtool.model.errors import DrtoolError, Interrupted
from drtool.model.inventory import Inventory, Listing, Problem, SetInventory
from drtool.model.policy import BackupSet
from drtool.model.workload import Leftover, Workload
from drtool.process import doing

type_variable = TypeVar("type_variable")
PARALLEL = 8


def observe(
    hands: Hands,
    *,
    sets: Iterable[str] = (),
    repositories: Iterable[str] = (),
    dead_runs: frozenset[str] = frozenset(),
    live_runs: frozenset[str] = frozenset(),
    leftovers: bool = False,
) -> Inventory:
    """Ask sources and repositories at once what exists; what cannot be asked is a problem in the answer, not an error."""
    names = tuple(dict.fromkeys(sets))
    stores = tuple(dict.fromkeys(repositories))
    found = _at_once([lambda name=name: _set(hands, hands.policy.sets[name]) for name in names])  # type: ignore[misc]
    listed = _at_once([lambda name=name: list_repository(hands, name) for name in stores])  # type: ignore[misc]
    left, unasked = _leftovers(hands) if leftovers else ((), ())
    return Inventory(
        taken=hands.clock.now(),
        sets=dict(zip(names, found, strict=True)),
        repositories=dict(zip(stores, listed, strict=True)),
        leftovers=left,
        unasked=unasked,
        dead_runs=dead_runs,
        live_runs=live_runs,
    )


def list_repository(hands: Hands, name: str) -> Listing:
    """List one repository; an error becomes the listing's problem."""
    try:
        with doing(f"reading what lies in {name}"):
            return hands.repositories[name].list()
    except Interrupted:
        raise
    except DrtoolError as error:
        return Listing(repository=name, taken=hands.clock.now(), problem=Problem(error.kind, error.what, error.hint))


def _set(hands: Hands, backup_set: BackupSet) -> SetInventory:
    workloads: dict[str, Workload] = {}
    problems: list[Problem] = []
    empty: list[str] = []
    for protect in backup_set.protect:
        try:
            with doing(f"looking for what {backup_set.name} protects on {protect.source}"):
                matched = hands.sources[protect.source].discover(protect.selector)
        except Interrupted:
            raise
        except DrtoolError as error:
            problems.append(Problem(error.kind, f"{protect.source}: {error.what}", error.hint))
            continue
        if not matched and not protect.allow_empty:
            empty.append(protect.source)
        workloads.update({workload.name: replace(workload, may_be_empty=protect.allow_empty) for workload in matched})
    return SetInventory(backup_set.name, tuple(workloads.values()), tuple(problems), tuple(empty))


def _leftovers(hands: Hands) -> tuple[tuple[Leftover, ...], tuple[Problem, ...]]:
    found: list[Leftover] = []
    unasked: list[Problem] = []
    for name, source in hands.sources.items():
        places: list[Mapping[str, object]] = [sandbox.places[name] for sandbox in hands.policy.sandboxes.values() if name in sandbox.places]
        try:
            with doing(f"looking for what ended runs left on {name}"):
                found += source.leftovers(places)
        except Interrupted:
            raise
        except DrtoolError as error:
            unasked.append(Problem(error.kind, f"{name}: {error.what}", error.hint))
    return tuple(found), tuple(unasked)


def _at_once(calls: list[Callable[[], type_variable]]) -> list[type_variable]:
    if len(calls) < 2:  # noqa: PLR2004 - one call needs no pool
        return [call() for call in calls]
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        futures = [pool.submit(contextvars.copy_context().run, call) for call in calls]
        return [future.result() for future in futures]
