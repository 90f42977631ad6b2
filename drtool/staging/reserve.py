from __future__ import annotations

from drtool.model.workload import Leftover
from drtool.ports import ReserveRequest
from drtool.staging.land import require_room_below
from drtool.staging.marker import SANDBOX_MARKER, SANDBOX_PREFIX, Marker, Owner, write_marker
from drtool.trees.filesystem import require_plain


def reserve(owner: Owner, *, request: ReserveRequest) -> Leftover:
    """Make a private, labelled, leased sandbox directory below `directory` of its settings; Refused when `bytes` do not fit."""
    place = require_plain(str(request.settings["directory"]))
    file_system = owner.file_system
    hint = f"free space there, or name a larger place: sandboxes: {{{request.destination.sandbox}: {{{owner.source}: …}}}}"
    require_room_below(owner, place, request.bytes, hint=hint)
    file_system.require(f"making {place}", "mkdir", "-p", "--", place)
    locator = f"{place.rstrip('/')}/{SANDBOX_PREFIX}{request.run}-{owner.clock.fresh_id()}"
    marker = Marker(
        what="sandbox",
        by=owner.by,
        source=owner.source,
        run=request.run,
        expires=request.expires,
        destination=request.destination,
        settings=dict(request.settings),
    )
    file_system.make_directory(locator, private=True)
    write_marker(owner, f"{locator}/{SANDBOX_MARKER}", marker)
    return Leftover(owner.source, "sandbox", locator, request.run, owner.by, expires=request.expires.isoformat(), machine=owner.machine())
