"""Keeping points from being forgotten, and ending that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from drtool.app.holding import append_hold
from drtool.app.listings import listings
from drtool.app.runtime import Runtime
from drtool.model.errors import Conflict, Unavailable
from drtool.model.hold import Hold, ending
from drtool.model.inventory import Listing
from drtool.planning.views import find_hold, find_point, holds_in_force, view_points


def hold_add(runtime: Runtime, target: str, *, until: datetime | None, reason: str) -> Hold:
    """Keep a point, or every point of a set, from being forgotten.

    Raises NotFound when the point is gone, Unavailable when the hold stands, but not in every repository.
    """
    known, now = listings(runtime, refresh=True), runtime.clock.now()
    set_name, point = target, ""
    if target not in runtime.policy.sets and target not in {view.point.set for view in view_points(known, now=now)}:
        view = find_point(target, known, now=now)
        set_name, point = view.point.set, view.point.point
    hold = Hold(
        runtime.clock.fresh_id(), set_name, runtime.policy.name, reason, runtime.clock.now(), until, point, machine=runtime.adapters.machine
    )
    left_out = append_hold(runtime, hold, known)
    after = listings(runtime, refresh=True)  # what is remembered knows it, too
    if point:
        find_point(point, after, now=now)
    _require_everywhere(f"the hold {hold.id} was written", left_out, hint=f"the same again when it answers: drtool hold add {target} …")
    return hold


def hold_list(runtime: Runtime) -> tuple[Hold, ...]:
    """Return the holds in force."""
    return holds_in_force(listings(runtime, refresh=True), now=runtime.clock.now())


def hold_release(runtime: Runtime, name: str) -> Hold:
    """End a hold by an appended release record, and look whether it is over.

    Raises Unavailable when it is over, but not in every repository, and Conflict when it stands all the same, here or for whoever wrote it.
    """
    known = listings(runtime, refresh=True)
    hold = find_hold(name, known, now=runtime.clock.now())
    if hold.signer:
        runtime.notary.sign(hold.id.encode())  # refused here: without a signature the release would end nothing
    ended = ending(hold, id=runtime.clock.fresh_id(), created=runtime.clock.now(), machine=runtime.adapters.machine)
    left_out = append_hold(runtime, ended, known)
    _require_over(runtime, hold, listings(runtime, refresh=True))
    _require_everywhere(f"{hold.id} is released", left_out, hint=f"again when that answers: drtool hold release {hold.id}")
    return hold


def _require_over(runtime: Runtime, hold: Hold, after: Mapping[str, Listing]) -> None:
    """Raise Conflict where a hold stands although its release was written."""
    read = {name: listing for name, listing in after.items() if listing.problem is None}
    if any(each.id == hold.id for each in holds_in_force(read, now=runtime.clock.now())):
        raise Conflict(
            f"the release of {hold.id} was written, and the hold is still in force",
            hint="drtool status (tells whose releases count); drtool doctor",
            safe="nothing was forgotten",
        )
    if hold.signer and not runtime.notary.is_heard_by(hold.signer):
        raise Conflict(
            f"{hold.id} is released for the state directory {runtime.state_directory} alone: another wrote it, and goes on by it",
            hint="the same with the state directory that wrote it (--state-directory or $DRTOOL_STATE_DIR, on the machine "
            f"{hold.machine or 'that wrote it'}); where that is gone: drtool adopt",
            safe="nothing was forgotten",
        )


def _require_everywhere(done: str, left_out: tuple[str, ...], *, hint: str) -> None:
    if left_out:
        raise Unavailable(f"{done}, but not in {', '.join(left_out)}: it could not be read", hint=hint, safe="elsewhere it counts")
