"""Where files were found: each path with its versions, the newest first, and what to type to have it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drtool.cli.render.table import table
from drtool.cli.render.words import BAD, printable, shell_word, size, stamp
from drtool.cli.saying import said

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from drtool.model.found import Found, FoundFile, FoundVersion

_COLUMNS = ("MODIFIED", "SIZE", "POINTS", "FIRST", "LAST", "LAST POINT", "NOTES")


def found_lines(files: Sequence[FoundFile]) -> Iterator[str]:
    """Yield the lines of what was found; nothing where nothing was."""
    if not files:
        return
    rows = iter(table([_COLUMNS, *(_row(version) for file in files for version in file.versions)], right=frozenset({1, 2}), indent="  "))
    yield next(rows)
    for file in files:
        gone = f", gone from the newest point {BAD}" if file.gone else ""
        yield f"{printable(file.path)}  ({printable(file.set)}, {printable(file.workload)}{gone})"
        yield from (next(rows) for _ in file.versions)
        yield f"  next: {_command(file)}"


def _row(version: FoundVersion) -> tuple[str, ...]:
    is_file = version.type == "file"
    return (
        printable(version.modified)[:19],
        size(version.bytes) if is_file else printable(version.type),
        str(version.points),
        stamp(version.first_instant),
        stamp(version.last_instant),
        printable(version.last),
        f"partial {BAD}" if version.partial else "",
    )


def _command(file: FoundFile) -> str:
    """Return what brings the newest version back beside what is there; only its own words are said another way, never a name in it."""
    words = (file.set, "--point", file.versions[0].last, "--workload", file.workload, "--path", file.path)
    return f"{said('drtool restore')} {' '.join(map(shell_word, words))} --to directory PATH"


def unsearched_lines(found: Found) -> Iterable[str]:
    """Say what could not be searched, and what may help."""
    for each in found.unlisted:
        what, next_ = printable(each.problem.what), printable(each.problem.hint) or f"drtool doctor {printable(each.repository)}"
        yield f"failed  {printable(each.repository)} could not be listed, and points that it alone has were not searched: {what}"
        yield f"        next: {next_}"
    for one in found.unsearched:
        inside = f"{printable(one.workload)} of " if one.workload else ""
        point = f"the point {printable(one.point)} of {printable(one.set)}"
        yield f"failed  {inside}{point} was not searched whole: {printable(one.problem.what)}"
        if one.problem.hint:
            yield f"        next: {printable(one.problem.hint)}"
