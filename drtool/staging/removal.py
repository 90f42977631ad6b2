"""What was kept aside is renamed before its first byte goes: one rename decides, and what has begun to go never comes back."""

from __future__ import annotations

import hashlib
import posixpath
import shlex
from collections.abc import Mapping
from dataclasses import replace

from drtool.model.errors import Conflict, DrtoolError, NotFound, Refused
from drtool.staging.marker import REMOVING, STAGING_PREFIX, Marker, Owner, has_moved, read_marker, read_markers, write_marker
from drtool.staging.rename import rename_all
from drtool.staging.unfinished import refuse_unfinished


def remove_kept(owner: Owner, labels: Mapping[str, Marker]) -> None:
    """Remove what these labels say was kept aside, then the labels; whoever comes after a death goes on with it.

    Raises Refused or Conflict, with everything as it was, where anything is mounted in it or somebody takes it back meanwhile.
    """
    label, marker = next(iter(labels.items()))
    going = marker.removing if marker.state == REMOVING else _named(label, marker)
    files = owner.file_system
    found = files.look((marker.aside, going))
    if marker.aside in found and going not in found:
        files.refuse_mounted(marker.aside)
        _take_away(owner, labels, going)
    try:
        files.remove_tree(going)
    except DrtoolError as error:
        error.safe = f"what is in service was not touched; what is left of {marker.aside} lies in {going} and does not come back"
        raise
    for path, each in labels.items():
        _forget(owner, path, each)


def refuse_removing(owner: Owner, label: str, former: Marker) -> None:
    """Refuse to put back what a sweep removes, or was removing when it died."""
    now = read_marker(owner, label)
    if now is None:
        raise NotFound(f"{former.aside or label} is gone", hint="see what took it away", safe="nothing was moved")
    if now.state != REMOVING:
        return
    if owner.file_system.exists(now.removing):
        raise Refused(
            f"what was kept as {now.aside} does not come back: its removal had begun",
            hint=f"what is left of it lies in {now.removing}: take out by hand what you need; drtool sweep removes the rest",
            safe="what is in service was not touched",
        )
    raise Refused(
        f"{now.aside} does not come back: a sweep was about to remove it",
        hint=f"while that sweep is alive, wait for it; if it died, {now.aside} is whole: move it by hand, or: drtool sweep --kept",
        safe="what is in service was not touched, and nothing was removed",
    )


def _named(label: str, marker: Marker) -> str:
    """Return the one name that every sweep gives it: two at once must not take it to two places."""
    name = hashlib.sha256(posixpath.basename(label).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"{posixpath.dirname(label).rstrip('/')}/{STAGING_PREFIX}removing-{marker.run}-{name}"


def _take_away(owner: Owner, labels: Mapping[str, Marker], going: str) -> None:
    """Say in the labels that it goes, look whether anybody takes it back, then rename it: an undo says first, and looks then, too."""
    files = owner.file_system
    former = {path: _as_it_lies(marker, path) for path, marker in labels.items()}
    aside = next(iter(former.values())).aside
    for path, marker in former.items():
        write_marker(owner, path, replace(marker, state=REMOVING, removing=going))
    try:
        _refuse_taken_back(owner, labels, aside)
        if rename_all(files, ((aside, going),)):
            raise Conflict(
                f"{aside} went away while it was to be removed", hint="look again: drtool sweep --kept", safe="nothing was removed"
            )
        files.settle_directories(dict.fromkeys((posixpath.dirname(aside), posixpath.dirname(going))))
    except DrtoolError as error:
        if not files.exists(going) and files.exists(aside):
            for path, marker in former.items():
                write_marker(owner, path, replace(marker, state="", removing=""))
            error.safe = error.safe or "nothing was removed"
            error.hint = error.hint or f"see why; or remove it by hand: {shlex.quote(aside)}"
        raise


def _as_it_lies(marker: Marker, path: str) -> Marker:
    """Return a label to be written again where it lies now: it names everything there."""
    if not has_moved(marker, path):
        return marker
    return replace(marker, staging=f"{posixpath.dirname(path).rstrip('/')}/{posixpath.basename(marker.staging)}")


def _refuse_taken_back(owner: Owner, labels: Mapping[str, Marker], aside: str) -> None:
    refuse_unfinished(owner, (aside,))
    for marker in read_markers(owner, {posixpath.dirname(path) for path in labels}).values():
        if marker.what == "staging" and marker.undone in labels and marker.state != "done" and not marker.spent:
            raise Refused(
                f"run {marker.run} is putting {aside} back into service",
                hint="while that run is alive, wait for it; if it died: drtool sweep, then this again",
                safe="nothing was removed",
            )


def _forget(owner: Owner, path: str, marker: Marker) -> None:
    """Remove a label, unless another sweep has done so and a later restore keeps something by that name since."""
    now = read_marker(owner, path)
    if now is None or (now.run, now.what) != (marker.run, marker.what):
        return
    for move in marker.moves:
        if move.carried is not None and posixpath.basename(move.carried.record).startswith(STAGING_PREFIX):
            owner.file_system.remove_file(move.carried.record)
    owner.file_system.remove_file(path)
