"""A cutover whose marker is gone: whether it ended, and what it kept."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from drtool.model.plan import Destination, Move
from drtool.staging.marker import Owner, read_markers
from drtool.staging.staged import Staged


def ended_elsewhere(owner: Owner, destination: Destination, place: Staged) -> bool:
    """Tell whether another process ended this cutover; what merely stands at an original place proves nothing."""
    found = owner.file_system.look((place.staging, *(move.target for move in place.moves)))
    if not place.moves or place.staging in found or any(move.target not in found for move in place.moves):
        return False
    return destination.form != "original" or any(move.aside for move in moves_done_before(owner, place))


def moves_done_before(owner: Owner, place: Staged) -> tuple[Move, ...]:
    """Return the moves of a cutover that ended, with what the labels beside it say was kept."""
    beside = read_markers(owner, (posixpath.dirname(place.staging),))
    kept = [marker.aside for marker in beside.values() if marker.staging == place.staging]
    return tuple(
        replace(move, aside=next((aside for aside in kept if aside.startswith(f"{move.target}.before-")), "")) for move in place.moves
    )
