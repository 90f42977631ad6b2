from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace

from drtool.model.carried import LeftOut
from drtool.model.errors import DrtoolError, Interrupted, Refused
from drtool.model.lying import lies_in
from drtool.model.plan import Destination, Landed, Move
from drtool.model.point import UNREADABLE
from drtool.ports import Landing, LandingWay, LandRequest
from drtool.staging.marker import (
    SANDBOX_MARKER,
    STAGING_PREFIX,
    Marker,
    Owner,
    read_marker,
    write_marker,
)
from drtool.staging.settle import note_landed, written_early
from drtool.staging.staged import Staged, locator_of
from drtool.staging.unfinished import refuse_unfinished
from drtool.trees.filesystem import below, require_plain


@dataclass(frozen=True, slots=True)
class Site:
    """Where a landing shall happen: the directory that holds staging, where the workload belongs, and the pairs (path, target).

    Every component below `base` on the way to a target must be a real directory.
    """

    home: str
    target: str
    base: str
    wanted: tuple[tuple[str, str], ...]


def wanted_paths(path: str, paths: tuple[str, ...]) -> tuple[str, ...]:
    """Return what shall be restored of a member that lies at `path`: all of it, or `paths` without those inside another."""
    require_plain(path)
    for item in paths:
        if not lies_in(require_plain(item), path):
            raise Refused(f"{item} does not lie inside {path}", hint="drtool ls POINT shows what is inside")
    outer = [item for item in paths if not any(item != other and lies_in(item, other) for other in paths)]
    return tuple(dict.fromkeys(outer)) or (path,)


def site_inside(owner: Owner, request: LandRequest, path: str) -> Site:
    """Choose the site for a `directory` or `sandbox` destination: DIRECTORY/<source>/<full path>; Refused when something is there."""
    file_system = owner.file_system
    home = _home_of(owner, request)
    base = f"{home.rstrip('/')}/{owner.source}"
    pairs = tuple((item, below(base, item)) for item in wanted_paths(path, request.paths))
    for _, target in pairs:
        file_system.require_real_directories(home, target, all_present=False)
        if not request.within and file_system.exists(target) and not file_system.is_empty_directory(target):
            raise Refused(f"{target} exists already", hint="choose another directory, or move it away", safe="nothing was written")
    return Site(home, below(base, path), home, pairs)


@contextlib.contextmanager
def land(owner: Owner, *, request: LandRequest, site: Site) -> Iterator[Landing]:
    """Open a fresh, labelled, private staging directory at a site; removed at once when it fails."""
    file_system = owner.file_system
    if request.destination.form == "original":
        refuse_unfinished(owner, (target for _path, target in site.wanted), run=request.run)
    file_system.require_space(site.home, request.bytes)
    staging = below(site.home.rstrip("/"), f"/{STAGING_PREFIX}{request.run}-{owner.clock.fresh_id()}")
    marker_path = f"{staging}.json"
    moves = tuple(Move(below(staging, path), target) for path, target in site.wanted)
    marker = Marker(
        what="staging",
        by=owner.by,
        source=owner.source,
        run=request.run,
        workload=request.member.workload,
        point=request.point,
        expires=request.expires,
        state="landing",
        destination=request.destination,
        target=site.target,
        base=site.base,
        moves=moves,
        within=request.within,
        left_out=left_out_of(owner, request) if request.destination.form == "original" and not request.leave_excluded else None,
    )
    try:
        write_marker(owner, marker_path, marker, then_make=staging)
        with written_early(owner.settling, file_system, site.home, expected_bytes=request.bytes):
            yield Landing(
                way=LandingWay(file_system.runner, staging),
                landed=Landed(
                    workload=request.member.workload,
                    source=owner.source,
                    destination=request.destination,
                    target=site.target,
                    locator=locator_of(
                        Staged(
                            staging=staging,
                            content=moves[0].content if moves else "",
                            target=site.target,
                            marker=marker_path,
                            moves=moves,
                            sandbox=site.home if request.destination.form == "sandbox" else "",
                        )
                    ),
                ),
            )
    except Interrupted:
        raise  # told to stop: the marker hands it to the sweep
    except DrtoolError:
        with contextlib.suppress(DrtoolError):
            file_system.remove_tree(staging)
            file_system.remove_file(marker_path)
        raise
    note_landed(owner.settling, staging)
    write_marker(owner, marker_path, replace(marker, state="landed"))


def left_out_of(owner: Owner, request: LandRequest) -> LeftOut:
    """Return by what the point left things out of a member, as the manifest tells it."""
    rules, prefix = request.member.selector, f"{owner.source}:"
    return LeftOut(
        exclude=tuple(rules.get("exclude", ())),
        exclude_if_present=tuple(rules.get("exclude_if_present", ())),
        exclude_caches=bool(rules.get("exclude_caches", False)),
        one_file_system=bool(rules.get("one_file_system", False)),
        missing=tuple(name.removeprefix(prefix) for name in request.missing if name.startswith(prefix)),
        unreadable=tuple(warning for warning in request.member.warnings if warning.endswith(UNREADABLE)),
        complete=request.member.complete,
        instant=request.member.instant,
    )


def require_room_below(owner: Owner, home: str, needed: int, *, hint: str = "") -> None:
    """Refuse when what goes into `home` does not fit, before that is made: a refusal leaves no empty directory."""
    owner.file_system.require_space(owner.file_system.nearest_directory(home), needed, hint=hint)


def _home_of(owner: Owner, request: LandRequest) -> str:
    destination: Destination = request.destination
    if destination.form == "sandbox":
        home = require_plain(request.reserved) if request.reserved else ""
        marker = read_marker(owner, posixpath.join(home, SANDBOX_MARKER)) if home else None
        if marker is None or marker.what != "sandbox":
            raise Refused(
                f"{home or 'no place'} was not reserved as a sandbox of {owner.source}",
                hint="drill again; a sweep may have ended its lease",
            )
        return home
    if destination.form != "directory":
        raise Refused(f"{owner.source} cannot restore to {destination.form!r}", hint="restore with: --to directory PATH")
    home = require_plain(destination.path)
    require_room_below(owner, home, request.bytes)
    owner.file_system.require(f"making {home}", "mkdir", "-p", "--", home)
    return home
