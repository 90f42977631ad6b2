"""Which points hold a file, and in which versions: each body of data is gone through once, however many points have it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from drtool.app.listings import listings, points_in, read_manifest
from drtool.app.runtime import Runtime
from drtool.model.errors import DrtoolError, Interrupted, NotFound, Refused
from drtool.model.found import Found, UnlistedRepository, Unsearched
from drtool.model.inventory import Listing, Problem
from drtool.model.nearest import nearest
from drtool.model.point import DataSnapshot
from drtool.model.view import PointView
from drtool.planning.others import views_of_others
from drtool.planning.search import SearchedData, choose_data, choose_views, gather, needs_manifest
from drtool.planning.words import spell_count
from drtool.ports import Entry, FindRequest
from drtool.trees.globs import fits_any, glob

MOST_FOUND = 100_000
"""So many versions of files are kept in memory while others are looked for."""
_NARROWER = "a pattern that fits less, one --set or --workload, or --newest 5"


def find(
    runtime: Runtime,
    patterns: Iterable[str],
    *,
    set_name: str | None = None,
    repository: str | None = None,
    newest: int | None = None,
    workload: str | None = None,
    ignore_case: bool = False,
) -> Found:
    """Return which of our points hold what fits a pattern (see `drtool.trees.globs`), by the nearest repository that can be read.

    Raises Refused for a pattern that cannot be read, and where more is found than fits into memory; UnknownName, NotFound for what is not
    there; where no repository can be listed, what the first one says.
    """
    globs = tuple(glob(pattern, ignore_case=ignore_case) for pattern in patterns)
    if repository is not None:
        runtime.named(repository, runtime.policy.repositories, "repository")
    known = listings(runtime, refresh=True, only=repository)
    if all(listing.problem is not None for listing in known.values()):
        runtime.adapters.repositories[next(iter(known))].list()
    every = points_in(runtime, known)
    if set_name is not None and not any(view.point.set == set_name for view in every):
        runtime.named(set_name, {*runtime.policy.sets, *(view.point.set for view in every)}, "set")
    views = choose_views(every, set_name=set_name, newest=newest)
    trees, unread = _trees(runtime, views, known)
    data = choose_data(views, known, trees=trees, workload=workload)
    if workload is not None and views and not data and not unread:
        held = {each.workload for view in views for each in view.point.data}
        raise NotFound(f"none of these points holds {workload}", hint=nearest(workload, held, what="they hold"))
    looked_for = FindRequest((), tuple(dict.fromkeys(each.name for each in globs)), fits_any(globs, ignore_case=ignore_case), ignore_case)
    found, unsearched = _go_through(runtime, data, looked_for)
    return Found(
        files=gather(found, views, unsearched={(each.point, each.workload) for each in (*unread, *unsearched)}),
        points=len(views),
        unsearched=(*unread, *unsearched),
        unlisted=tuple(UnlistedRepository(name, listing.problem) for name, listing in known.items() if listing.problem is not None),
        notes=_notes(known, views, set_name),
    )


def _trees(
    runtime: Runtime, views: Iterable[PointView], known: Mapping[str, Listing]
) -> tuple[dict[str, frozenset[str]], tuple[Unsearched, ...]]:
    """Return which trees are a point's where only its manifest says that; and of which points it cannot be read."""
    trees, unread = {}, []
    for view in views:
        if needs_manifest(view.point):
            try:
                artifacts = read_manifest(runtime, view, known).artifacts
            except Interrupted:
                raise
            except DrtoolError as error:
                artifacts = ()
                unread.append(Unsearched(view.point.point, view.point.set, "", _problem(error)))
            trees[view.point.point] = frozenset(artifact.tree for artifact in artifacts)
    return trees, tuple(unread)


def _go_through(
    runtime: Runtime, data: Iterable[SearchedData], looked_for: FindRequest
) -> tuple[Mapping[Entry, list[SearchedData]], tuple[Unsearched, ...]]:
    """Look in each body of data where it lies nearest, and in the next place where it cannot be gone through there."""
    found: defaultdict[Entry, list[SearchedData]] = defaultdict(list)
    pending = {each.tree: each for each in data}

    over: list[Refused] = []

    def require_few(waiting: int) -> None:
        if max(waiting, len(found)) > MOST_FOUND:
            over.append(Refused(f"more than {MOST_FOUND} versions of files are called so", hint=_NARROWER, safe="nothing was changed"))
            raise over[0]

    def take(stored: DataSnapshot, entry: Entry) -> None:
        found[entry].append(pending[stored.tree])
        require_few(0)

    failed: dict[str, DrtoolError] = {}
    for attempt in range(max((len(each.places) for each in pending.values()), default=0)):
        by_repository: defaultdict[str, list[DataSnapshot]] = defaultdict(list)
        for each in pending.values():
            if len(each.places) > attempt:
                by_repository[each.places[attempt][0]].append(each.places[attempt][1])
        for name, stored in by_repository.items():
            problems = _look_in(runtime, name, replace(looked_for, data=tuple(stored), require_few=require_few), take, over)
            for one in stored:
                if one.id in problems:
                    failed[one.tree] = problems[one.id]
                else:
                    failed.pop(one.tree, None)
        pending = {tree: each for tree, each in pending.items() if tree in failed}
    return found, tuple(
        Unsearched(view.point.point, view.point.set, workload, _problem(failed[tree]))
        for tree, each in pending.items()
        for view, workload in each.holders
    )


def _look_in(
    runtime: Runtime, name: str, request: FindRequest, take: Callable[[DataSnapshot, Entry], None], over: Sequence[Refused]
) -> Mapping[str, DrtoolError]:
    try:
        return runtime.adapters.repositories[name].find(request, take)
    except Interrupted:
        raise
    except DrtoolError as error:
        if over:
            raise
        return {each.id: error for each in request.data}


def _notes(known: Mapping[str, Listing], views: Iterable[PointView], set_name: str | None) -> tuple[str, ...]:
    others = [view for view in views_of_others(known) if set_name in (None, view.point.set)]
    natives = sum(view.point.natives for view in views)
    notes = []
    if others:
        points, were = spell_count(len(others), "point"), "was" if len(others) == 1 else "were"
        notes.append(f"{points} here that {'is' if len(others) == 1 else 'are'} not ours {were} not searched: drtool adopt")
    if natives:
        notes.append(f"{spell_count(natives, 'artifact')} that platforms keep {'was' if natives == 1 else 'were'} not looked into")
    return tuple(notes)


def _problem(error: DrtoolError) -> Problem:
    return Problem(error.kind, error.what, error.hint)
