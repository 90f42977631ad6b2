"""Single files and folders, put back into a dataset that is in service on another machine.

The way is that of every directory: staging beside what is replaced, then renames. The dataset is shared with this host for as long as
that takes. A mark on it says that something of a run lies in it, as nothing there is seen from here otherwise.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from drtool.model.errors import DrtoolError, Interrupted, Locked, NotFound, Refused
from drtool.model.plan import Landed
from drtool.model.workload import Leftover
from drtool.ports import Landing, LandRequest
from drtool.sources.truenas.datasets.dataset import Dataset, read_datasets, require_dataset
from drtool.sources.truenas.datasets.labels import spell_expiry
from drtool.sources.truenas.inventory.parts import Parts, tidying
from drtool.sources.truenas.land.create import mark_dataset
from drtool.sources.truenas.land.way_back import renamed_back
from drtool.sources.truenas.read.shares import own_shares
from drtool.staging import leftovers as places_leftovers
from drtool.staging import release as places_release
from drtool.staging.cutover import cut_over
from drtool.staging.land import Site, land, wanted_paths
from drtool.staging.staged import locator_of, staged

_MARK: Final = "paths-"
_WAITS: Final = (0.2, 0.5, 1.0, 2.0)


@contextlib.contextmanager
def land_paths(parts: Parts, request: LandRequest, path: str) -> Iterator[Landing]:
    """Open a staging place in the dataset itself, for paths that shall be put back into it.

    Raises Refused where a target lies in another dataset now, or the NAS shares the dataset with this host already.
    """
    file_access, name = parts.file_access(), str(request.member.selector["dataset"])
    dataset = require_dataset(parts.client, name)
    pairs = tuple((item, item[len(path) :]) for item in wanted_paths(path, request.paths))
    _refuse_other_datasets(parts, name, tuple(inside for _, inside in pairs))
    if file_access.shares:
        mark_dataset(parts.client, name, {f"drtool:{_mark(request.run)}": _told(parts, request.run, name)})
    empty = True
    try:
        with _opened(parts, dataset, named=name, run=request.run, expires=request.expires.isoformat()) as live:
            targets = tuple((item, live + inside) for item, inside in pairs)
            for _, target in targets:
                file_access.files.require_real_directories(live, target, all_present=False)
            empty = False
            try:
                with land(parts.owner, request=request, site=Site(live, live, live, targets)) as landing:
                    yield landing
            except Interrupted:
                raise
            except DrtoolError:
                empty = not _left(parts, live, request.run)
                raise
    except DrtoolError:
        if file_access.shares and empty:
            with tidying():
                _forget(parts, name, request.run)
        raise


def cut_over_live(parts: Parts, landed: Landed) -> Landed:
    """Rename what is in the way aside and what was landed into its place, in the dataset; repeated after a crash it finishes forward."""
    file_access = parts.file_access()
    place = file_access.live_place(staged(landed).marker)
    if place is None:
        return cut_over(parts.owner, landed)
    named, run = place
    dataset = _find(parts, named, run) or require_dataset(parts.client, named)
    with parts.client.alone(), _opened(parts, dataset, named=named, run=run, expires=spell_expiry(parts.clock.now())) as live:
        result = cut_over(parts.owner, landed)
        empty = not _left(parts, live, run)
    if empty:
        _forget(parts, dataset.id, run)
    after, shown = staged(result), file_access.shown_at(dataset.id, run)
    there = ", ".join(move.aside.replace(live, dataset.mountpoint, 1) for move in after.moves if move.aside)
    return replace(result, target=shown, locator=locator_of(replace(after, target=shown)), aside=there)


def live_leftovers(parts: Parts, datasets: tuple[Dataset, ...]) -> tuple[Leftover, ...]:
    """Return what runs staged or kept aside in datasets that carry their mark; each is opened to be read, for a moment."""
    found: list[Leftover] = []
    for dataset, named, run in _marked(parts, datasets):
        file_access = parts.file_access()
        alone = (Leftover(parts.name, "staging", file_access.live_at(named, run), run, parts.by),)
        try:
            with file_access.open_live(dataset, named=named, run=run, expires=spell_expiry(parts.clock.now()), write=False) as live:
                found += [_as_on_the_nas(each, dataset, live) for each in _left(parts, live, run)] or alone
        except Refused:  # one that cannot be opened now must not hide the others, and its mark tells enough
            found += alone
    return tuple(found)


def release_live(parts: Parts, leftover: Leftover, named: str, run: str) -> None:
    """Remove what a run left in a dataset, or finish its renames; the mark goes with the last of it."""
    dataset = _find(parts, named, run)
    if dataset is None:
        return  # it was destroyed, or another sweep was faster
    with _opened(parts, dataset, named=named, run=run, expires=spell_expiry(parts.clock.now())) as live:
        if leftover.locator != live:  # that is the mark alone
            places_release.release(parts.owner, leftover=leftover)
        empty = not _left(parts, live, run)
    if empty:
        _forget(parts, dataset.id, run)


@contextlib.contextmanager
def _opened(parts: Parts, dataset: Dataset, *, named: str, run: str, expires: str) -> Iterator[str]:
    file_access = parts.file_access()
    if file_access.shares and not dataset.mountpoint:
        raise Refused(
            f"{dataset.id} is not mounted on the NAS", hint="unlock or mount it there, and restore again", safe="nothing was changed"
        )
    if file_access.shares:
        _refuse_other_shares(parts, dataset)
    with file_access.open_live(dataset, named=named, run=run, expires=expires) as live:
        yield live


def _refuse_other_shares(parts: Parts, dataset: Dataset) -> None:
    """The NAS shares one path with one host only once: where somebody else's share covers this host, ours cannot be."""
    for wait in (*_WAITS, None):
        shown = [label.run for row, label in own_shares(parts) if row.get("path") == dataset.mountpoint and row.get("ro")]
        if not shown:
            break
        if wait is None:
            raise Locked(f"run {shown[0]} has {dataset.id} shown to it", hint="wait for that run; if it is over: drtool sweep")
        parts.clock.sleep(wait)  # one that is over is being swept
    rows = parts.client.read("sharing.nfs.query", [["path", "=", dataset.mountpoint], ["enabled", "=", True]])
    own = {int(row["id"]) for row, _label in own_shares(parts)}
    address = parts.client.own_address()
    for row in rows:
        hosts, networks = row.get("hosts") or [], row.get("networks") or []
        if int(row["id"]) not in own and ((not hosts and not networks) or address in hosts):
            raise Refused(
                f"the NAS shares {dataset.mountpoint} with this host already, so a share of ours cannot be made",
                hint=f"leave {address} out of that share on the NAS, or restore with: --to directory PATH",
                safe="nothing was changed",
            )


def _left(parts: Parts, live: str, run: str) -> tuple[Leftover, ...]:
    return tuple(item for item in places_leftovers.leftovers(parts.owner, places=(), watch=(live,)) if item.run == run)


def _as_on_the_nas(leftover: Leftover, dataset: Dataset, live: str) -> Leftover:
    """Give a person the NAS's own names: where it is mounted here is gone in a moment."""
    aside, target = (name.replace(live, dataset.mountpoint, 1) for name in (leftover.locator, leftover.target))
    return renamed_back(leftover, aside=aside, target=target)


def _refuse_other_datasets(parts: Parts, name: str, inside: tuple[str, ...]) -> None:
    """What is a dataset of its own today hides what would be written below its mount point."""
    below = [item.id[len(name) :] for item in read_datasets(parts.client, ["id", "^", f"{name}/"])]
    for path in inside:
        other = next((item for item in below if f"{path}/".startswith(f"{item}/") or f"{item}/".startswith(f"{path}/")), None)
        if other is not None and parts.file_access().shares:
            raise Refused(
                f"{name}{other} is a dataset of its own now, and {path} of {name} would lie hidden below it or take it along",
                hint="restore it with: --to directory PATH",
                safe="nothing was changed",
            )


def _mark(run: str) -> str:
    return f"{_MARK}{run.lower()}"  # ZFS takes no capitals there


def _told(parts: Parts, run: str, named: str) -> str:
    return f"{parts.by} {parts.name} {run} {named}"


def _marked(parts: Parts, datasets: tuple[Dataset, ...]) -> Iterator[tuple[Dataset, str, str]]:
    for dataset in datasets:
        for mark, value in dataset.marks.items():
            by, source, run, named = (*value.split(" ", 3), "", "", "")[:4]
            ours = (by, source) == (parts.by, parts.name) and named.partition("/")[0] == dataset.pool  # a replica lies in another pool
            if mark.startswith(_MARK) and ours and mark == _mark(run):
                yield dataset, named, run


def _find(parts: Parts, named: str, run: str) -> Dataset | None:
    """Return the dataset that carries the mark of a run: it may have another name by now."""
    marked = _marked(parts, read_datasets(parts.client))
    return next((dataset for dataset, name, marker in marked if (name, marker) == (named, run)), None)


def _forget(parts: Parts, name: str, run: str) -> None:
    with contextlib.suppress(NotFound):
        mark_dataset(parts.client, name, {f"drtool:{_mark(run)}": None})
