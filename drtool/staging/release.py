from __future__ import annotations

import posixpath

from drtool.model.errors import Refused
from drtool.model.workload import Leftover
from drtool.staging.cutover import finish, kept_markers, reverse
from drtool.staging.marker import (
    REMOVING,
    SANDBOX_MARKER,
    SANDBOX_PREFIX,
    STAGING_PREFIX,
    Owner,
    read_marker,
    remove_spent,
    require_machine,
    require_proven,
)
from drtool.staging.removal import remove_kept
from drtool.staging.unfinished import refuse_unfinished
from drtool.trees.filesystem import require_plain


def release(owner: Owner, *, leftover: Leftover) -> None:
    """Remove a leftover by its marker, or finish the cutover it died in; already gone is success, without our marker it is Refused."""
    require_plain(leftover.locator)
    verbs = {"sandbox": _release_sandbox, "staging": _release_staging, "kept": _release_kept, "placed": _release_placed}
    if leftover.source != owner.source or leftover.what not in verbs:
        raise Refused(f"{leftover.what} {leftover.locator} is not a leftover of {owner.source}", safe="nothing was touched")
    verbs[leftover.what](owner, leftover)


def _release_sandbox(owner: Owner, leftover: Leftover) -> None:
    locator = leftover.locator
    file_system = owner.file_system
    if not posixpath.basename(locator).startswith(SANDBOX_PREFIX):
        raise _without_label(locator)
    entry = file_system.look((locator,)).get(locator)
    if entry is None:
        return
    if entry.type != "d":
        raise _without_label(locator)
    marker_path = f"{locator}/{SANDBOX_MARKER}"
    marker = read_marker(owner, marker_path)
    if marker is None and file_system.is_empty_directory(locator):
        file_system.remove_empty_directory(locator)
        return
    if marker is None:
        _require_gone(owner, locator)
        return
    if marker.what != "sandbox":
        raise _without_label(locator)
    require_machine(owner, marker.machine, planned=leftover.machine, place=locator)
    file_system.refuse_mounted(locator)
    content = file_system.require(
        f"listing {locator}", "find", locator, "-mindepth", "1", "-maxdepth", "1", "!", "-name", SANDBOX_MARKER, "-printf", "x"
    )
    if content:  # the label goes last
        removal = ("-exec", "rm", "-rf", "--one-file-system", "--", "{}", "+")
        argv = ("find", locator, "-mindepth", "1", "-maxdepth", "1", "!", "-name", SANDBOX_MARKER, *removal)
        if file_system.run(*argv).exit_code != 0:
            file_system.run("find", locator, "-xdev", "-type", "d", "-exec", "chmod", "u+rwx", "--", "{}", "+")
            file_system.require(f"emptying {locator}", *argv, hint="look whether something is mounted in it")
    file_system.remove_file(marker_path)
    file_system.remove_empty_directory(locator)


def _release_staging(owner: Owner, leftover: Leftover) -> None:
    locator = leftover.locator
    if not posixpath.basename(locator).startswith(STAGING_PREFIX):
        raise _without_label(locator)
    marker = read_marker(owner, f"{locator}.json")
    if marker is None:
        _require_gone(owner, locator)
        return
    if marker.what != "staging":
        raise _without_label(locator)
    require_proven(marker, f"{locator}.json")
    if marker.state in ("moving", "done"):
        finish(owner, locator, marker)
        return
    if marker.state == "reversing":
        marker = reverse(owner, locator, marker)
    owner.file_system.remove_tree(locator)
    for number in range(len(marker.moves)):
        owner.file_system.remove_file(f"{locator}.carried-{number}")
    remove_spent(owner, f"{locator}.json")


def _release_kept(owner: Owner, leftover: Leftover) -> None:
    locator = leftover.locator
    markers = kept_markers(owner, locator)
    if not markers:
        _require_gone(owner, locator)
        return
    if ".before-" not in posixpath.basename(locator):
        raise _without_label(locator)
    for path, marker in markers.items():
        require_proven(marker, path)
    refuse_unfinished(owner, (locator,))
    label, marker = next(iter(markers.items()))
    if marker.state != REMOVING:
        _require_a_place(owner, locator, label)
    remove_kept(owner, markers)


def _require_a_place(owner: Owner, locator: str, label: str) -> None:
    """Refuse to forget what was kept aside in a folder that is gone: it may have been renamed, with all that lies in it."""
    around = posixpath.dirname(locator)
    if not owner.file_system.exists(around):
        raise Refused(
            f"{locator} is not where its label says: there is no folder {around} any more",
            hint=f"look where that went, and what is kept aside in it; then remove the label by hand: {label}",
            safe="nothing was removed",
        )


def _release_placed(owner: Owner, leftover: Leftover) -> None:
    """Remove the label alone: what it is about is in service."""
    locator = leftover.locator
    marker = read_marker(owner, locator)
    if marker is None:
        return
    if marker.what != "placed":
        raise _without_label(locator)
    require_proven(marker, locator)
    owner.file_system.remove_file(locator)


def _require_gone(owner: Owner, locator: str) -> None:
    """Refuse what carries no label of ours, unless another sweep removed it meanwhile."""
    if owner.file_system.exists(locator):
        raise _without_label(locator)


def _without_label(locator: str) -> Refused:
    return Refused(
        f"{locator} carries no label of ours", hint="look at it and remove it by hand if it is not needed", safe="nothing was touched"
    )
