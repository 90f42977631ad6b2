"""Tables of what exists: points, manifests, holds, findings, entries."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING, Final

from drtool.cli.render.table import table
from drtool.cli.render.words import BAD, GOOD, counted, printable, short_id, size, stamp
from drtool.model.hold import QUARANTINE
from drtool.model.point import briefly
from drtool.model.quarantine import COMPARE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from drtool.model.hold import Hold
    from drtool.model.point import Artifact, Manifest, RecoveryPoint
    from drtool.model.view import PointView
    from drtool.ports import Entry, Finding

_FINDING_MARKS: Final = {True: GOOD, False: BAD, None: "!"}


def points_lines(views: Sequence[PointView], others: Sequence[PointView] = ()) -> list[str]:
    """Return one line per point: its full id, what is in it, and where it lies; where there is none, what to do about `others`."""
    if not views:
        return [_no_point_but(others) if others else "There is no recovery point.  next: drtool run"]
    rows: list[Sequence[str]] = [("POINT", "SET", "INSTANT", "SIZE", "FILES", "REPOSITORIES", "NOTES")]
    for view in views:
        point = view.point
        notes = [] if point.complete else [f"partial {BAD}"]
        notes += [f"not whole in {' '.join(map(printable, view.not_whole))} {BAD}"] if view.not_whole and not view.unasked else []
        notes += [f"whole or not is not known: its platform could not be asked {BAD}"] if view.unasked else []
        notes += [_kept(point)] if point.natives else []
        notes += [f"verified in {' '.join(map(printable, view.verified))} {GOOD}"] if view.verified else []
        notes += [f"proven in {' '.join(map(printable, view.proven))} {GOOD}"] if view.proven else []
        notes += [_held(hold) for hold in view.holds]
        rows.append(
            (
                printable(point.point),
                printable(point.set),
                stamp(point.instant),
                size(point.bytes),
                str(point.files),
                " ".join(map(printable, view.repositories)),
                ", ".join(notes),
            )
        )
    return table(rows, right=frozenset({3, 4}))


def _no_point_but(others: Sequence[PointView]) -> str:
    """Say that what lies there comes first: on a machine that has lost its state or its data, a run is the wrong advice."""
    made = sum(1 for view in others if view.point.standing == "another_machine")
    whose = "another machine of this name made (new state directory?)" if made else "nobody of ours sealed"
    count = made or len(others)
    lie = "lies" if count == 1 else "lie"
    return f"There is no recovery point of ours: {counted(count, 'point')} {lie} here that {whose}.  next: drtool adopt"


def _kept(point: RecoveryPoint) -> str:
    sites = sorted({site for sites in point.native.sites for site in sites if site})
    where = f" at {' and '.join(map(printable, sites))}" if sites else ""
    return f"{point.native.present} of {counted(point.natives, 'artifact')} kept by the platform{where}"


def others_lines(views: Sequence[PointView]) -> list[str]:
    """Return one line per point in our name that is not ours: it is counted for nothing, and left alone."""
    if not views:
        return []
    rows = [
        (
            printable(view.point.point),
            printable(view.point.set),
            stamp(view.point.instant),
            " ".join(map(printable, view.repositories)),
            _whose(view),
        )
        for view in views
    ]
    return [
        f"Not ours, counted for nothing and left alone {BAD}",
        *table(rows, indent="  "),
        "  next: drtool adopt lists the machines there are",
    ]


def _whose(view: PointView) -> str:
    point = view.point
    if point.standing == "another_machine":
        return f"of machine {printable(point.machine) or 'without an id'}"
    if point.standing == "retired":
        return f"signed by {point.signer} after that key was replaced"
    if point.signer:
        return f"signed by {point.signer}"
    return "not signed" if point.unsigned else "its signature does not fit"


def _held(hold: Hold) -> str:
    until = f"until {stamp(hold.until)}" if hold.until else "without end"
    return f"held {until}: {_why_held(hold)}"


def _why_held(hold: Hold) -> str:
    """Spell the reason of a hold; of one that waits for a person with what ends it, and not with the screen that shows it already."""
    why, _, look = hold.reason.rpartition(COMPARE)
    if hold.kind != QUARANTINE:
        return printable(hold.reason)
    reason = why if look.startswith("points ") else hold.reason
    return f"{printable(reason)}; when you have looked and it is right: drtool hold release {printable(hold.id)}"


def manifest_lines(manifest: Manifest) -> list[str]:
    """Return what a point holds, member by member."""
    state = f"complete {GOOD}" if manifest.complete else f"partial {BAD}"
    lines = [
        f"point {printable(manifest.point)} of {printable(manifest.set)}, {state}",
        f"  instant {stamp(manifest.instant)} · sealed {stamp(manifest.sealed)} · members {manifest.skew_seconds:.0f} s apart",
        f"  by {printable(manifest.by)} · run {printable(manifest.run)} · {counted(manifest.files, 'file')}, {size(manifest.bytes)}",
    ]
    rows = [
        (
            printable(member.workload),
            printable(member.kind),
            artifact.form,
            counted(artifact.census.files, "file"),
            size(artifact.census.bytes),
            _where(artifact),
            "" if member.complete else f"incomplete {BAD}",
        )
        for member in manifest.members
        for artifact in member.artifacts
    ]
    lines += table(rows, right=frozenset({3, 4}), indent="  ")
    lines += [f"  missing {printable(item.workload)}: {printable(item.reason)}" for item in manifest.missing]
    lines += [f"  {printable(member.workload)}: {printable(briefly(text))}" for member in manifest.members for text in member.warnings]
    versions = ", ".join(f"{printable(name)} {printable(version)}" for name, version in manifest.versions.items())
    return [*lines, f"  written with {versions}"] if versions else lines


def _where(artifact: Artifact) -> str:
    if not artifact.native:
        return f"tree {artifact.tree[:8]}"
    return ", ".join(f"{printable(place.locator)} in {printable(place.store)}, {printable(place.site)}" for place in artifact.places)


def holds_lines(holds: Sequence[Hold]) -> list[str]:
    """Return one line per hold in force."""
    if not holds:
        return ["Nothing is held."]
    rows: list[Sequence[str]] = [("HOLD", "SET", "POINT", "UNTIL", "BY", "REASON")]
    rows += [
        (
            printable(hold.id),
            printable(hold.set),
            short_id(hold.point) if hold.point else "all points",
            stamp(hold.until) if hold.until else "until released",
            _written_by(hold),
            _why_held(hold),
        )
        for hold in holds
    ]
    return table(rows)


def _written_by(hold: Hold) -> str:
    if hold.counts:
        return printable(hold.by)
    return f"{printable(hold.by)}, signed by nobody of ours" if hold.signer else f"{printable(hold.by)}, not signed"


_SELF: Final = re.compile(r"(, then:? |; )?`?drtool doctor\b(?! --grants)[^,;]*")
"""A remedy that sends back here."""


def findings_lines(findings: Sequence[Finding]) -> list[str]:
    """Return what `doctor` found, each line with its remedy, and a sum."""
    bad = sum(1 for finding in findings if finding.good is False)
    verdict = f"{counted(bad, 'problem')} {BAD}" if bad else f"{_tried(findings)} {GOOD}"
    warnings = sum(1 for finding in findings if finding.good is None)
    also = f"; {counted(warnings, 'warning')} !" if warnings else ""
    return [*finding_rows(findings), f"{counted(len(findings), 'question')} asked: {verdict}{also}"]


def finding_rows(findings: Sequence[Finding]) -> list[str]:
    """Return a line for each, and its remedy below where it is not well."""
    lines = []
    for row, finding in zip(
        table([(_FINDING_MARKS[item.good], printable(item.subject), printable(item.text)) for item in findings]),
        findings,
        strict=True,
    ):
        lines.append(row)
        remedy = _SELF.sub("", finding.remedy).strip(" ,;:")
        if remedy and finding.good is not True:
            lines.append(f"     next: {printable(remedy)}")
    return lines


def _tried(findings: Sequence[Finding]) -> str:
    """Say that it would work only where writing was tried and nothing was left out."""
    writing = [finding.good for finding in findings if finding.subject.endswith(": writing")]
    return "a run and a restore would work, by all that was tried" if writing and all(writing) else "what was tried works"


def entry_line(entry: Entry) -> str:
    """Return one item inside a point as `ls -l` would."""
    mode = stat.filemode(_FILE_TYPES.get(entry.type, 0) | (entry.mode & 0o7777))
    return f"{mode}  {entry.bytes:>14}  {printable(entry.modified)[:19]}  {printable(entry.path)}"


_FILE_TYPES: Final = {
    "file": stat.S_IFREG,
    "dir": stat.S_IFDIR,
    "symlink": stat.S_IFLNK,
    "fifo": stat.S_IFIFO,
    "socket": stat.S_IFSOCK,
    "chardev": stat.S_IFCHR,
    "dev": stat.S_IFBLK,
}


def plain_lines(lines: Iterable[str]) -> list[str]:
    """Return lines that were written elsewhere, made safe for a terminal."""
    return [printable(line) for line in lines]
