"""Reading what platforms keep: each store reads its own, and what it says is held against what the manifest says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from drtool.engine.adapters import Adapters
from drtool.engine.natives import require_as_recorded, store_named
from drtool.model.errors import Corrupt, DrtoolError, Interrupted, NotFound, Unavailable
from drtool.model.native import NativePlace
from drtool.model.point import RecoveryPoint
from drtool.ports import Repository

_SAFE = "what the repository holds agrees with its digests"


@dataclass(frozen=True, slots=True)
class NativeReading:
    """How many places were read, their bytes, and the worst of what is wrong, gone or could not be asked, with how many more."""

    places: int = 0
    bytes: int = 0
    problem: DrtoolError | None = None
    wrong: tuple[tuple[RecoveryPoint, str], ...] = ()
    """The points of which something else is kept than was, and what was found."""


def verify_natives(adapters: Adapters, repository: Repository, points: Iterable[RecoveryPoint]) -> NativeReading:
    """Let stores read every place that the manifests of points name, each once; what stands in the way is in the answer.

    The rest is read all the same.
    """
    read: dict[NativePlace, int] = {}
    asked: set[NativePlace] = set()
    failed: list[DrtoolError] = []
    wrong: list[tuple[RecoveryPoint, str]] = []
    for point in points:
        places = adapters.natives.places(point, repository)
        if places is None:
            failed.append(_unread(f"the manifest of {point.point}, which tells what platforms keep of it, could not be read", hint=""))
            continue
        for place in (each for each in places if each not in asked):
            asked.add(place)
            try:
                held = store_named(adapters.stores, place).verify(place)
                require_as_recorded(held, place, what=point.point)
                read[place] = held.bytes
            except Interrupted:
                raise
            except Corrupt as error:
                failed.insert(0, error)
                wrong.append((point, error.what))
            except DrtoolError as error:
                failed.append(_of_point(error, place, point))
    return NativeReading(len(read), sum(read.values()), _first(failed), tuple(wrong))


def _of_point(error: DrtoolError, place: NativePlace, point: RecoveryPoint) -> DrtoolError:
    what = f"what {place.store} keeps of {point.point} at {place.locator}"
    if isinstance(error, NotFound):
        return NotFound(f"{what} is gone: {error.what}", hint=error.hint or "drtool doctor", safe=_SAFE)
    return _unread(f"{what} could not be read: {error.what}", hint=error.hint)


def _unread(what: str, *, hint: str) -> Unavailable:
    """Return what tells that something was not asked; nothing is asked again for it, as everything else would be read again too."""
    error = Unavailable(what, hint=hint or "drtool doctor", safe=_SAFE)
    error.transient = False
    return error


def _first(failed: list[DrtoolError]) -> DrtoolError | None:
    if len(failed) > 1:
        failed[0].what += f" (and {len(failed) - 1} more of what platforms keep)"
    return failed[0] if failed else None
