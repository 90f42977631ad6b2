from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Final

from drtool.model.errors import DrtoolError, NotFound, Refused, TimedOut
from drtool.model.ledger import Existing, Stock
from drtool.sources.files.machine.containers import PROGRAMS, read_containers
from drtool.sources.files.machine.databases import read_databases
from drtool.sources.files.machine.file_systems import read_file_systems
from drtool.sources.files.machine.links import with_what_links_lead_to
from drtool.trees.filesystem import FileSystem

_SILENT: Final = (NotFound, Refused, TimedOut)
Look = Callable[[FileSystem], Iterable[Existing]]


def existing(file_system: FileSystem, *, source: str) -> Stock:
    """Return what there is on a machine; a question without an answer is a line of its own, with its problem.

    Raises Unavailable where the machine does not answer at all.
    """
    try:
        mounted, mounts = read_file_systems(file_system)
    except _SILENT as error:
        mounted, mounts = [_unknown("file systems", error)], None
    looks: dict[str, Look] = {"databases": read_databases}
    looks |= {program: partial(read_containers, program=program) for program in PROGRAMS}
    found = [each for what, look in looks.items() for each in _answer(file_system, what, look)]
    everything = (*mounted, *with_what_links_lead_to(file_system, found))
    return Stock(tuple(replace(each, name=f"{source}:{each.name}") for each in everything), mounts=mounts)


def _answer(file_system: FileSystem, what: str, look: Look) -> tuple[Existing, ...]:
    try:
        return tuple(look(file_system))
    except _SILENT as error:
        return (_unknown(what, error),)


def _unknown(what: str, error: DrtoolError) -> Existing:
    return Existing(what, what, problem=f"nobody knows what is there: {error.what}")
