from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TypeVar

from drtool.engine.adapters import Adapters
from drtool.model.errors import DrtoolError, Interrupted
from drtool.model.inventory import Inventory, Listing, Problem, SetInventory
from drtool.model.native import Claims
from drtool.model.policy import BackupSet
from drtool.model.workload import NATIVE, Leftover, Workload
from drtool.process import doing

answer = TypeVar("answer")
PARALLEL = 8


def observe(
    adapters: Adapters,
    *,
    sets: Iterable[str] = (),
    repositories: Iterable[str] = (),
    leftovers: bool = False,
    places: Iterable[tuple[str, str]] = (),
    meanwhile: Callable[[], None] | None = None,
) -> Inventory:
    """Ask sources and repositories at once what exists; what cannot be asked is a problem in the answer, not an error.

    Leftovers are also looked for in `places`: directories, each with its source, that no policy names. `meanwhile` is done beside it.
    """
    names = tuple(dict.fromkeys(sets))
    stores = tuple(dict.fromkeys(repositories))
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        listed = [_begin(pool, partial(list_repository, adapters, name)) for name in stores]
        beside = _begin(pool, meanwhile) if meanwhile is not None else None
        left, unasked = _leftovers(adapters, tuple(places)) if leftovers else ((), ())  # asked anew, and what is protected may come of it
        found = [_begin(pool, partial(_set, adapters, adapters.policy.sets[name])) for name in names]
        listings = {name: future.result() for name, future in zip(stores, listed, strict=True)}
        if beside is not None:
            beside.result()
        asks = any(each.what == NATIVE for each in left) and not adapters.repositories.keys() - listings.keys()
        return Inventory(
            taken=adapters.clock.now(),
            sets={name: future.result() for name, future in zip(names, found, strict=True)},
            repositories=listings,
            leftovers=left,
            unasked=unasked,
            claims=adapters.natives.claims(listings.values(), adapters.repositories) if asks else None,
        )


def side_by_side(asks: Iterable[Callable[[], answer]]) -> tuple[answer, ...]:
    """Ask several at once, each in the scope of the caller, and return what they answer in their order; the first error is raised."""
    with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        begun = [_begin(pool, ask) for ask in asks]
        return tuple(future.result() for future in begun)


def claims_of(adapters: Adapters) -> Claims | None:
    """Return what the manifests of every repository name of what platforms keep; None where one cannot be read."""
    return adapters.natives.claims([list_repository(adapters, name) for name in adapters.repositories], adapters.repositories)


def list_repository(adapters: Adapters, name: str) -> Listing:
    """List one repository; an error becomes the listing's problem."""
    try:
        with doing(f"reading what lies in {name}"):
            return adapters.repositories[name].list()
    except Interrupted:
        raise
    except DrtoolError as error:
        return Listing(repository=name, taken=adapters.clock.now(), problem=Problem(error.kind, error.what, error.hint))


def _set(adapters: Adapters, backup_set: BackupSet) -> SetInventory:
    workloads: dict[str, Workload] = {}
    problems: list[Problem] = []
    empty: list[str] = []
    for protect in backup_set.protect:
        try:
            with doing(f"looking for what {backup_set.name} protects on {protect.source}"):
                matched = adapters.sources[protect.source].discover(protect.selector)
        except Interrupted:
            raise
        except DrtoolError as error:
            problems.append(Problem(error.kind, f"{protect.source}: {error.what}", error.hint))
            continue
        if not matched and not protect.allow_empty:
            empty.append(protect.source)
        workloads.update({workload.name: replace(workload, may_be_empty=protect.allow_empty) for workload in matched})
    return SetInventory(backup_set.name, tuple(workloads.values()), tuple(problems), tuple(empty))


def _leftovers(adapters: Adapters, also: tuple[tuple[str, str], ...]) -> tuple[tuple[Leftover, ...], tuple[Problem, ...]]:
    found: list[Leftover] = []
    unasked: list[Problem] = []
    for name, source in adapters.sources.items():
        places: list[Mapping[str, object]] = [
            sandbox.places[name] for sandbox in adapters.policy.sandboxes.values() if name in sandbox.places
        ]
        places += [{"directory": directory} for source, directory in also if source == name]
        try:
            with doing(f"looking for what ended runs left on {name}"):
                found += source.leftovers(places)
        except Interrupted:
            raise
        except DrtoolError as error:
            unasked.append(Problem(error.kind, f"{name}: {error.what}", error.hint))
    return tuple(found), tuple(unasked)


def _begin(pool: ThreadPoolExecutor, ask: Callable[[], answer]) -> Future[answer]:
    context = contextvars.copy_context()
    return pool.submit(lambda: context.run(ask))
