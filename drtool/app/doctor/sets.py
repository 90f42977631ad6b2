"""What `doctor` asks of sets: what a run would find of each, and whether there is room to bring it back."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable
from functools import partial
from typing import Final

from drtool.app.composition import FACTS
from drtool.app.doctor.asking import Known, Part
from drtool.app.doctor.disks import device_at
from drtool.catalog.lanes import Lanes
from drtool.engine.protected import Protected
from drtool.model.quantity import spell_bytes
from drtool.model.workload import Workload
from drtool.planning.words import spell_count
from drtool.ports import Finding
from drtool.trees.filesystem import FileSystem

_NAMED: Final = 3


def sets(known: Known) -> Iterable[Part]:
    """Ask what a run would meet: what is not there, what cannot be asked, and what this user cannot read."""
    for name in known.sets:
        yield Part(f"set {name}", partial(examine_set, name, known.protected))


def room(known: Known) -> Iterable[Part]:
    """Ask whether there is room beside what is protected: a restore in place pours it there before anything is exchanged."""
    for name in known.sets:
        yield Part(f"set {name}: room", partial(_room, known, name))


def bytes_known(known: Known, name: str) -> dict[str, int]:
    """Return how large the workloads of a set are: as last stored or restored, or what lies in them uppermost, whichever is more."""
    found = {each.name: each for each in known.protected.sets[name].workloads if not each.problem}
    tried = {each: known.protected.tried[each].bytes for each in found if each in known.protected.tried}
    held = {each.workload: each.bytes for each in Lanes(known.runtime.state_directory).load().contents if each.set == name}
    return {each: max(tried.get(each, 0), held.get(each, 0), workload.bytes or 0) for each, workload in found.items()}


def _room(known: Known, name: str) -> list[Finding]:
    sizes = bytes_known(known, name)
    findings = []
    for workload in known.protected.sets[name].workloads:
        size, path = sizes.get(workload.name, 0), _path_of(known, workload)
        if not size or not path:
            continue
        files = FileSystem(known.adapters.sources[workload.source].runner)
        beside = _landing_place(files, path)
        free = files.free_bytes(beside)
        if free < size:
            told = f"it needs {spell_bytes(size)}, and {beside} has {spell_bytes(free)}"
            text = f"a restore of {workload.name} in place would be refused: {told}"
            remedy = f"make room there; or restore to another disk, and move it by hand: drtool restore {name} --to directory PATH"
            findings.append(Finding(f"set {name}: room", good=None, text=text, remedy=remedy))
    known_of = sum(1 for size in sizes.values() if size)
    if not findings and known_of:
        text = f"a restore in place has room, for {spell_count(known_of, 'workload')} of known size"
        findings.append(Finding(f"set {name}: room", good=True, text=text))
    return findings


def _landing_place(files: FileSystem, path: str) -> str:
    """Return where a restore in place pours: beside the folder, or in it where it is a file system of its own."""
    above = posixpath.dirname(path.rstrip("/")) or "/"
    return files.nearest_directory(above if device_at(files, above) == device_at(files, path) else path)


def _path_of(known: Known, workload: Workload) -> str:
    """Return the path of a workload that is a folder of the machine its source is on; empty: it is something else."""
    _source, _colon, path = workload.name.partition(":")
    return (
        path
        if workload.kind in FACTS
        and FACTS[workload.kind].directories
        and path.startswith("/")
        and workload.source in known.adapters.sources
        else ""
    )


def examine_set(name: str, protected: Protected) -> list[Finding]:
    """Tell of a set what a run would meet: what is not there, what cannot be asked, and what this user cannot read of it."""
    found, subject = protected.sets[name], f"set {name}"
    gone = f"is its disk mounted, and may this user look there? What is gone for good: take it out of `protect:` of {name}"
    findings = [Finding(subject, good=False, text=each.problem, remedy=gone) for each in found.workloads if each.problem]
    findings += [Finding(subject, good=False, text=each.what, remedy=each.hint) for each in found.problems]
    findings += [Finding(subject, good=False, text=each.doubt) for each in found.workloads if each.doubt and not each.problem]
    findings += [
        Finding(subject, good=False, text=f"the selector matches nothing at {source}", remedy="correct it, or write allow_empty: true")
        for source in found.empty
    ]
    there = [each.name for each in found.workloads if not each.problem]
    for workload in there:
        barred = protected.tried[workload].barred if workload in protected.tried else ()
        if barred:
            remedy = f"let this user ({os.geteuid()}) read it, or run drtool as root; or leave it out: exclude: of {name}"
            text = f"a run would be partial: this user cannot read {', '.join(barred[:_NAMED])}{_and_more(barred)}"
            findings.append(Finding(subject, good=False, text=text, remedy=remedy))
    if not findings:
        read = sum(each in protected.tried for each in there)
        words = f"; the upper levels of {read} can be read by this user, what lies deeper was not tried" if read else ""
        findings.append(Finding(subject, good=True, text=f"{spell_count(len(there), 'workload')} found{words}"))
    return findings


def _and_more(barred: tuple[str, ...]) -> str:
    return f" and {len(barred) - _NAMED} more" if len(barred) > _NAMED else ""
