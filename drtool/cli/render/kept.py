"""What `drtool sweep --kept` shows before it removes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drtool.cli.render.words import counted, long_duration, printable, short_id, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drtool.app.kept import KeptThing


def kept_lines(things: Sequence[KeptThing]) -> list[str]:
    """Return each thing with its age and size, and below it what would be lost with it."""
    aside = [thing for thing in things if thing.leftover.what != "placed" and not thing.gone]
    lines = ["Kept aside by restores, and gone for good when it is removed:"] if aside else []
    for thing in aside:
        amount = f", {counted(thing.files, 'file')} of {size(thing.bytes or 0)}" if thing.files is not None else ", of unknown size"
        lines += [
            f"  {printable(thing.leftover.source)}: {printable(thing.leftover.locator)}{_age(thing)}{amount}",
            f"    {_held(thing)}",
        ]
        if thing.leftover.removing:
            lines.append(
                f"    its removal had begun: it does not come back; what is left of it lies in {printable(thing.leftover.removing)}"
            )
        elif thing.leftover.way_back:
            lines.append(f"    to put it back instead: {printable(thing.leftover.way_back)}")
        elif thing.leftover.target:
            lines.append(f"    to put it back instead: drtool restore --undo {printable(thing.leftover.run)}")
    lines += [
        f"  {printable(thing.leftover.source)}: {printable(thing.leftover.locator)} is not there any more; only its label is removed"
        for thing in things
        if thing.gone
    ]
    ways = [thing for thing in things if thing.leftover.what == "placed"]
    if ways:
        lines.append("Restored where nothing was; it stays, and cannot be taken back any more when this is removed:")
    for thing in ways:
        run, place = printable(thing.leftover.run), printable(thing.leftover.target or thing.leftover.locator)
        lines.append(f"  {printable(thing.leftover.source)}: the way back of restore {run} of {place}{_age(thing)}")
        lines.append(f"    to take it back instead: drtool restore --undo {run}")
    return lines


def _age(thing: KeptThing) -> str:
    return f", {long_duration(thing.age_seconds)} old" if thing.age_seconds is not None else ""


def _held(thing: KeptThing) -> str:
    rest = "what is left of it" if thing.leftover.removing else "all of it"
    if thing.unheld_files is None or thing.files is None:
        return "what of it is in a point is not known: take it that nothing is"
    if not thing.point:
        return "no whole point holds its place: nothing of it is stored"
    if not thing.unheld_files:
        return f"{rest} is in the newest whole point {short_id(thing.point)} as well"
    unheld = f"{counted(thing.unheld_files, 'file')} of {size(thing.unheld_bytes or 0)}"
    return f"{unheld} of it {'is' if thing.unheld_files == 1 else 'are'} not in the newest whole point {short_id(thing.point)}"
