from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import replace

from drtool.model.lying import lies_in
from drtool.model.policy import Settings
from drtool.model.workload import Leftover
from drtool.staging.marker import REMOVING, SANDBOX_MARKER, SANDBOX_PREFIX, UNDER_WAY, Marker, Owner, has_moved, read_markers
from drtool.trees.filesystem import ancestors, require_plain


def leftovers(owner: Owner, *, places: Iterable[Settings], watch: Iterable[str]) -> tuple[Leftover, ...]:
    """Return every sandbox in `places` and everything staged or kept aside in them, in `watch` or in a directory above `watch`."""
    roots = list(dict.fromkeys(require_plain(str(place["directory"])) for place in places if "directory" in place))
    sandboxes = _sandboxes(owner, roots)
    watched = [directory for path in watch for directory in (path, *ancestors(path))]
    markers = read_markers(owner, [*roots, *watched, *sandboxes])
    found = []
    for path, marker in markers.items():
        if marker.what == "sandbox" and posixpath.basename(path) == SANDBOX_MARKER:
            found.append(_leftover(marker, posixpath.dirname(path)))
        elif posixpath.dirname(path) in sandboxes:
            continue  # goes with its sandbox
        elif marker.what == "staging":
            under_way = marker.moves[0].target if marker.state in UNDER_WAY and marker.moves else ""
            found.append(_leftover(marker, path.removesuffix(".json"), target=under_way))
        elif marker.what == "kept":
            found.append(_leftover(marker, marker.aside, target=target_of(marker)))
        elif marker.what == "placed":
            found.append(_leftover(marker, path, target=target_of(marker)))
    found = _about_something(owner, found, markers)
    found = _as_they_go(owner, found, markers)
    labelled = {leftover.locator for leftover in found}
    for path in sandboxes:
        if path not in labelled and owner.file_system.is_empty_directory(path):  # died before it wrote its marker
            run = posixpath.basename(path).removeprefix(SANDBOX_PREFIX).partition("-")[0]
            found.append(Leftover(owner.source, "sandbox", path, run, owner.by))
    found += _covered(owner, [leftover for leftover in found if leftover.what == "kept" and leftover.target], watched)
    return tuple(sorted(found, key=lambda leftover: leftover.locator))


def _about_something(owner: Owner, found: list[Leftover], markers: Mapping[str, Marker]) -> list[Leftover]:
    """Leave out the labels that lie elsewhere than they were written, alone: a second name of the file is about nothing."""
    strayed = {marker.aside for path, marker in markers.items() if marker.what == "kept" and has_moved(marker, path)}
    there = owner.file_system.look(strayed) if strayed else {}
    return [each for each in found if each.locator not in strayed or each.locator in there]


def _as_they_go(owner: Owner, found: list[Leftover], markers: Mapping[str, Marker]) -> list[Leftover]:
    """Say of what was kept aside where the rest of it lies, when its removal has begun."""
    going = {marker.aside: marker.removing for marker in markers.values() if marker.what == "kept" and marker.state == REMOVING}
    there = owner.file_system.look(going.values()) if going else {}
    return [
        replace(each, removing=going[each.locator]) if each.what == "kept" and going.get(each.locator) in there else each for each in found
    ]


def _covered(owner: Owner, kept: list[Leftover], watched: list[str]) -> list[Leftover]:
    """Return what lies labelled inside what is kept aside: it was put aside in there, and moved along when that was."""
    found: list[Leftover] = []
    around = [(leftover.locator, leftover) for leftover in kept]
    while around:
        places = {
            place + directory[len(outer.target) :]: (place, outer)
            for place, outer in around
            for directory in watched
            if lies_in(directory, outer.target)
        }
        around = []
        for path, marker in read_markers(owner, places, as_written=True).items():
            place, outer = places[posixpath.dirname(path)]
            locator = marker.aside if marker.what == "kept" else outer.target + path[len(place) :]
            target = target_of(marker)
            inner = target != outer.target and lies_in(target, outer.target) and lies_in(locator, outer.target)
            if marker.what not in ("kept", "placed") or not inner:
                continue
            found.append(_leftover(marker, locator, target=target, inside=outer.locator))
            if marker.what == "kept":
                around.append((place + locator[len(outer.target) :], found[-1]))
    return found


def target_of(marker: Marker) -> str:
    """Return where what a label is about was put into service; older labels say so by the name of what was kept."""
    return marker.moves[0].target if marker.moves else marker.aside.rpartition(".before-")[0]


def _leftover(marker: Marker, locator: str, *, target: str = "", inside: str = "") -> Leftover:
    expires = marker.expires.isoformat() if marker.expires is not None else ""
    return Leftover(
        marker.source,
        marker.what,
        locator,
        marker.run,
        marker.by,
        expires=expires,
        target=target,
        machine=marker.machine,
        took_back=marker.took_back,
        brought_back=marker.brought_back,
        exchanged=marker.exchanged,
        unproven=marker.unproven,
        spent=marker.spent,
        does=_what_it_does(marker),
        proven=marker.what != "sandbox" and not marker.unproven,
        inside=inside,
    )


def _what_it_does(marker: Marker) -> tuple[str, ...]:
    """Say what carrying a label out does to what it names: a person who takes it over has to see that, not where it lies."""
    if marker.what == "kept":
        return (f"`sweep --kept` removes {marker.aside}; `restore --undo` puts it at {target_of(marker)}",)
    if marker.what == "placed":
        return (f"`restore --undo` takes {target_of(marker)} out of service",)
    if marker.state == "moving":
        return tuple(
            " and ".join(
                (
                    *([f"moves {move.target} to {move.aside}"] if move.aside else []),
                    *([f"puts {move.content} at {move.target}"] if move.content else []),
                )
            )
            for move in marker.moves
        )
    if marker.state == "reversing":
        return tuple(
            f"moves what is at {move.target} to {move.content or 'nowhere'} and puts {move.aside or 'nothing'} there"
            for move in marker.moves
        )
    return ()


def _sandboxes(owner: Owner, roots: list[str]) -> list[str]:
    if not roots:
        return []
    completed = owner.file_system.run(
        "find", "-H", *roots, "-mindepth", "1", "-maxdepth", "1", "-type", "d", "-name", f"{SANDBOX_PREFIX}*", "-print0"
    )
    return [os.fsdecode(name) for name in completed.standard_output.split(b"\0") if name]
