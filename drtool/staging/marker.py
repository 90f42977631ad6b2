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
from drtool.model.label import SPENT, SPENT_HINT, UNKNOWN_MACHINE, LabelProofs
from drtool.model.lying import lies_in
from drtool.model.plan import Destination, Landed, Move
from drtool.ports import Clock
from drtool.staging.labels import bodies
from drtool.staging.proof import UNDER_WAY as UNDER_WAY  # noqa: PLC0414 - whoever reads markers asks for their state
from drtool.staging.proof import digest_of, is_spent, of_this_process, prove, shows, unproven
from drtool.staging.settle import Settling
from drtool.trees.filesystem import FileSystem, below

FORMAT = "drtool.marker/1"
SANDBOX_MARKER = ".drtool.json"
STAGING_PREFIX = ".drtool-"
SANDBOX_PREFIX = "drtool-"
KEPT_SUFFIX = ".drtool.json"
REMOVING = "removing"
"""State of the label of what was kept aside from before its first byte goes."""

NOWHERE = Destination("")


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
    proofs: Callable[[], LabelProofs] = of_this_process
    """By what markers are proven."""
    done: dict[str, Landed] = field(default_factory=dict)
    """Cutovers this process carried out, by staging place: a repeated one is answered from here."""
    settling: Settling = field(default_factory=Settling)
    read: dict[str, Read] = field(default_factory=dict)
    """What was read last at each path of a label: hundreds lie beside each other, and each restore beside them looks at all."""


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
    removing: str = ""
    """Where what was kept aside (`state` is `removing`) goes by one rename, before the first byte of it is removed; it never comes back."""
    machine: str = ""
    """Which machine made it; empty: a release that did not write that down."""
    unproven: str = ""
    """What is read without a proof that this state directory made it, or of an exchange that has ended: its digest. Never written."""
    spent: bool = False
    """Its exchange has ended here, and a copy of it came back. Never written."""
    format: str = FORMAT


@dataclass(frozen=True, slots=True)
class Read:
    """A file that may be a label, as it was read last: what it holds, what that says, as written and where it lies, by which key proven."""

    body: bytes
    marker: Marker | None
    here: Marker | None
    said: Mapping[str, Any]
    proven_by: bytes = field(default=b"", repr=False)


def write_marker(owner: Owner, path: str, marker: Marker, *, then_make: str = "") -> None:
    """Write a marker, whole or not at all, with its proof, then make the new private directory that it labels.

    One that names no machine is this machine's from here on.
    """
    named = marker if marker.machine else replace(marker, machine=owner.machine())
    told = encode(named)
    del told["unproven"], told["spent"]
    proof = prove(owner.proofs(), posixpath.basename(path), told)
    owner.file_system.write(path, canonical({**told, "proof": proof}) + b"\n", then_make=then_make)


def read_markers(owner: Owner, directories: Iterable[str], *, as_written: bool = False) -> dict[str, Marker]:
    """Return the markers of this owner that lie directly in any of `directories`, by path; what is not ours is left out.

    What was kept aside, or put where nothing was, is where its label lies, also when the folder around both was renamed or copied since;
    unless it is asked for `as_written`.
    """
    return _read(owner, directories, inside=True, as_written=as_written)


def has_moved(marker: Marker, path: str) -> bool:
    """Tell whether a label of what was kept aside, or placed, lies elsewhere than it was written, as the folder around it was renamed."""
    return marker.what in ("kept", "placed") and bool(marker.staging) and posixpath.dirname(marker.staging) != posixpath.dirname(path)


def _where_it_lies(marker: Marker, path: str) -> Marker:
    """Return a label that names what lies beside it: such labels lie in the folder in which their exchange was staged."""
    if not has_moved(marker, path):
        return marker
    home, here = posixpath.dirname(marker.staging), posixpath.dirname(path)

    def there(name: str) -> str:
        return below(here.rstrip("/"), name[len(home.rstrip("/")) :]) if name and name != home and lies_in(name, home) else name

    moves = tuple(
        replace(
            move,
            content=there(move.content),
            target=there(move.target),
            aside=there(move.aside),
            carried=replace(move.carried, record=there(move.carried.record)) if move.carried is not None else None,
        )
        for move in marker.moves
    )
    return replace(
        marker,
        aside=there(marker.aside),
        removing=there(marker.removing),
        target=there(marker.target),
        base=there(marker.base),
        moves=moves,
    )


def remove_spent(owner: Owner, path: str, *, staging: str = "") -> None:
    """Remove the label of an exchange that has ended, behind its staging place; a copy of it which comes back does nothing."""
    owner.proofs().spend(posixpath.basename(path))
    if staging:
        owner.file_system.remove_tree(staging, label=path)
    else:
        owner.file_system.remove_file(path)


def read_marker(owner: Owner, path: str) -> Marker | None:
    """Return the marker at `path`, None when nothing is there; Refused when what is there is not ours."""
    marker = _read(owner, (path,), inside=False).get(path)
    if marker is None and owner.file_system.exists(path):
        raise Refused(
            f"{path} is not a marker of {owner.by} for {owner.source}",
            hint="look at it: another policy or another user may own it",
            safe="nothing was touched",
        )
    return marker


def _read(owner: Owner, places: Iterable[str], *, inside: bool, as_written: bool = False) -> dict[str, Marker]:
    markers = {}
    proofs: LabelProofs | None = None
    for path, body in bodies(owner.file_system, places, inside=inside).items():
        known = owner.read.get(path)
        if known is None or known.body != body:
            parsed, said = _parse(body) or (None, {})
            known = owner.read[path] = Read(body, parsed, parsed and _where_it_lies(parsed, path), said)
        marker, said = known.marker, known.said
        if marker is None or (marker.by, marker.source) != (owner.by, owner.source):
            continue
        proofs = proofs or owner.proofs()
        name = posixpath.basename(path)
        if name != SANDBOX_MARKER:  # that one lies in a place that the policy gave to drtool, among nobody's data
            if known.proven_by != proofs.key and shows(proofs, name, said):
                owner.read[path] = known = replace(known, proven_by=proofs.key)
            doubt = "" if proofs.key and known.proven_by == proofs.key else unproven(proofs, name, said)
            spent = not doubt and is_spent(proofs, name, said)
            if doubt or spent:
                marker = replace(marker, unproven=digest_of(name, said) if spent else doubt, spent=spent)
                markers[path] = marker if as_written else _where_it_lies(marker, path)
                continue
        markers[path] = marker if as_written or known.here is None else known.here
    return markers


def _parse(body: bytes) -> tuple[Marker, Mapping[str, Any]] | None:
    try:
        told = json.loads(body)
        _require_names(told)
        marker = decode(Marker, told)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return (replace(marker, machine=told_machine(marker.machine)), told) if marker.format == FORMAT else None


def _require_names(value: object) -> None:
    """Raise ValueError for a text that is in no name of a file: a NUL, or half of a pair of UTF-16. Nobody could look at it."""
    if isinstance(value, str):
        if b"\0" in os.fsencode(value):
            raise ValueError("a NUL")
    elif isinstance(value, dict):
        for each in value.values():
            _require_names(each)
    elif isinstance(value, list):
        for each in value:
            _require_names(each)


def require_proven(marker: Marker, path: str) -> None:
    """Refuse to do what a marker says that this state directory cannot have written: anybody who may write there can write one."""
    if marker.spent:
        raise Refused(f"the exchange of {path} has ended: {SPENT}", hint=SPENT_HINT, safe="nothing was touched")
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
