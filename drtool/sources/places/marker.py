from __future__ import annotations

import json
import os
import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from drtool.model.bounds import told_machine
from drtool.model.carried import LeftOut
from drtool.model.codec import canonical, decode, encode
from drtool.model.errors import Refused
from drtool.model.label import UNKNOWN_MACHINE, LabelProofs
from drtool.model.plan import Destination, Landed, Move
from drtool.ports import Clock
from drtool.sources.places.filesystem import FileSystem

FORMAT = "drtool.marker/1"
SANDBOX_MARKER = ".drtool.json"
STAGING_PREFIX = ".drtool-"
SANDBOX_PREFIX = "drtool-"
KEPT_SUFFIX = ".drtool.json"

# Only files of this user that nobody else may write: a marker decides what is renamed and removed.
_READ = (
    'find -H "$@" -maxdepth 1 -type f -uid "$(id -u)" ! -perm /022 -size -256k '
    "'(' -name '.drtool-*.json' -o -name '*.drtool.json' ')' "
    "-printf '%p\\0' '(' -exec cat -- '{}' ';' -o -true ')' -printf '\\0'; true"  # one that is gone meanwhile must not shift the others
)


NOWHERE = Destination("")
UNDER_WAY = ("moving", "reversing")
"""States of a marker whose exchange was begun and has not ended."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who lands and where: the source's name, the policy's name, the file system and the clock."""

    source: str
    by: str
    file_system: FileSystem
    clock: Clock
    takes_back: bool = True
    """A restore can be undone here, so what it puts where nothing was is labelled."""
    machine: Callable[[], str] = str
    """Which machine this is, asked when something is written; empty where none is known."""
    proofs: Callable[[], LabelProofs] = LabelProofs
    """By what markers are proven; without a key of its own everybody could."""
    done: dict[str, Landed] = field(default_factory=dict)
    """Cutovers this process carried out, by staging place: a repeated one is answered from here."""


@dataclass(frozen=True, slots=True)
class Marker:
    """The label beside everything we make: owner, run, expiry, and how far a cutover got.

    `state` of a staging place: `landing`, `landed`, `moving`, `reversing` (a cutover that could not be finished is taken back), `done`.
    `left_out` tells what goes back from the old tree into the restored one; None: nothing does. `base` is the directory below which every
    component must be real.
    `within`: what stands in the way came with what the same restore put around it, and is kept aside wherever that is.
    `settings` are a sandbox's own keys (references, never secrets). `staging` of a kept thing names the landing that put it aside.
    `placed` labels what was restored where nothing was, as long as that may be taken back.
    """

    what: str
    by: str
    source: str
    run: str
    workload: str = ""
    point: str = ""
    expires: datetime | None = None
    state: str = ""
    destination: Destination = NOWHERE
    target: str = ""
    base: str = ""
    aside: str = ""
    staging: str = ""
    moves: tuple[Move, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    left_out: LeftOut | None = None
    undone: str = ""
    """The label of the exchange that is taken back here; `aside` is then what goes into service again."""
    took_back: str = ""
    """The run whose exchange is taken back, unless that had itself taken back another: it goes on in what is then kept aside."""
    brought_back: str = ""
    """The run that had been taken back and is in service again, where what is taken back here had itself taken back another."""
    exchanged: tuple[str, ...] = ()
    """The runs that exchanged this before, to and fro, oldest first: the last ones."""
    within: bool = False
    machine: str = ""
    """Which machine made it; empty: a release that did not write that down."""
    unproven: str = ""
    """What is read without a proof that this state directory made it: its digest. Never written."""
    format: str = FORMAT


def write_marker(owner: Owner, path: str, marker: Marker) -> None:
    """Write a marker, whole or not at all, with its proof; one that names no machine is this machine's from here on."""
    named = marker if marker.machine else replace(marker, machine=owner.machine())
    told = encode(named)
    del told["unproven"]
    proof = owner.proofs().prove(posixpath.basename(path), told)
    owner.file_system.write(path, canonical({**told, "proof": proof}) + b"\n")


def read_markers(owner: Owner, directories: Iterable[str]) -> dict[str, Marker]:
    """Return the markers of this owner that lie directly in any of `directories`, by path; what is not ours is left out."""
    names = b"".join(os.fsencode(directory) + b"\0" for directory in dict.fromkeys(directories))
    if not names:
        return {}
    argv = ("xargs", "-0", "-r", "-n", "500", "sh", "-c", _READ, "drtool")
    output = owner.file_system.require("looking for markers", *argv, standard_input=names)
    fields = output.split(b"\0")
    markers = {}
    proofs: LabelProofs | None = None
    for name, body in zip(fields[0::2], fields[1::2], strict=False):
        path = posixpath.normpath(os.fsdecode(name))
        read = _parse(body)
        if read is None or (read[0].by, read[0].source) != (owner.by, owner.source):
            continue
        proofs = proofs or owner.proofs()
        marker, told = read
        of_its_own = posixpath.basename(path) == SANDBOX_MARKER  # it lies in a place that the policy gave to drtool, among nobody's data
        markers[path] = replace(marker, unproven="" if of_its_own else proofs.unproven(posixpath.basename(path), told))
    return markers


def read_marker(owner: Owner, path: str) -> Marker | None:
    """Return the marker at `path`, None when nothing is there; Refused when what is there is not ours."""
    marker = read_markers(owner, (posixpath.dirname(path),)).get(path)
    if marker is None and owner.file_system.exists(path):
        raise Refused(
            f"{path} is not a marker of {owner.by} for {owner.source}",
            hint="look at it: another policy or another user may own it",
            safe="nothing was touched",
        )
    return marker


def _parse(body: bytes) -> tuple[Marker, Mapping[str, Any]] | None:
    try:
        told = json.loads(body)
        marker = decode(Marker, told)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return (replace(marker, machine=told_machine(marker.machine)), told) if marker.format == FORMAT else None


def require_proven(marker: Marker, path: str) -> None:
    """Refuse to do what a marker says that this state directory cannot have written: anybody who may write there can write one."""
    if marker.unproven:
        raise Refused(
            f"{path} is no label that this machine is known to have made",
            hint=f"look at it: if a machine of yours that is gone left it, drtool adopt --leftovers {marker.machine or UNKNOWN_MACHINE}; "
            "else remove it",
            safe="nothing was touched",
        )


def require_machine(owner: Owner, machine: str, *, planned: str, place: str) -> None:
    """Refuse what another machine than the one the plan looked at (`planned`) left at a place, for it may have been exchanged since."""
    if machine not in ("", planned, owner.machine()):
        raise Refused(
            f"{place} was left by machine {machine}",
            hint=f"it is its own to sweep; if that is gone: drtool adopt --leftovers {machine}, then drtool sweep, then this again",
            safe="nothing was touched",
        )
