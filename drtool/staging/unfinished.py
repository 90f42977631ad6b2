"""Places that a cutover, or its reverse, was moving when it stopped: nothing else may touch them until a sweep has finished it."""

from __future__ import annotations

from collections.abc import Iterable

from drtool.model.errors import Refused
from drtool.model.label import UNKNOWN_MACHINE
from drtool.model.lying import lies_in
from drtool.staging.marker import UNDER_WAY, Marker, Owner, read_markers
from drtool.trees.filesystem import ancestors


def refuse_unfinished(owner: Owner, places: Iterable[str], *, run: str = "") -> None:
    """Refuse places that lie in, or around, anything that an exchange is moving; those of `run` itself are no hindrance."""
    wanted = tuple(places)
    beside = [directory for place in wanted for directory in (place, *ancestors(place))]
    for path, marker in read_markers(owner, beside).items():
        if marker.what != "staging" or marker.state not in UNDER_WAY or marker.run == run or marker.spent:
            continue
        touched = next((place for place in wanted if _moves(marker, place)), None)
        if touched is not None:
            elsewhere = marker.machine or UNKNOWN_MACHINE if marker.unproven else ""
            raise Refused(
                f"run {marker.run} {f'of machine {elsewhere} ' if elsewhere else ''}was exchanging {marker.moves[0].target} "
                f"and has not ended: {touched} may lie in pieces",
                hint=f"finish that first: {_finishing(elsewhere, path)}; then repeat",
                safe="nothing was touched",
            )


def _finishing(elsewhere: str, path: str) -> str:
    if elsewhere:
        gone = f"drtool adopt --leftovers {elsewhere} and drtool sweep here"
        return f"drtool sweep on that machine, or if it is gone, {gone} (was {path} never drtool's, look at it and remove it)"
    return "drtool sweep, on a bare machine with its --repository and --password-file (while that run is alive, wait for it)"


def _moves(marker: Marker, place: str) -> bool:
    names = [name for move in marker.moves for name in (move.content, move.target, move.aside) if name]
    return any(lies_in(place, name) or lies_in(name, place) for name in names)
