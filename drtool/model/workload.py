from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from drtool.model.point import Member

CHAIN: Final = "chain"
"""The key of a workload's selector that tells of how many streams a point consists at most, the first of them whole."""
NATIVE = "native"
"""What a leftover is that a platform keeps for us: a run made it, and perhaps a manifest names it."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One protected thing on a source.

    `name` is unique in a policy (`here:/home`, `billing`). `selector` holds what its source needs to export it; with `nests` in it, what
    lies inside it by its name moves along when it is put in place, so that is put in place first; with `by_hand`, it says why only a person
    puts it back in its original place; with `starts`, it runs and is asked to once it is in place; with `node`, on which node of its source
    it lies. `snapshots` tells whether the source can take a snapshot; without one the data is read live.
    `problem` says why it cannot be protected now.
    """

    name: str
    source: str
    kind: str
    selector: Mapping[str, Any] = field(default_factory=dict)
    snapshots: bool = False
    bytes: int | None = None
    problem: str = ""
    way: str = ""
    """How it will be read, and why so; empty where there is one way only."""
    may_be_empty: bool = False
    """The entry of the policy that matched it says `allow_empty`."""
    lacks: str = ""
    """What of it stands aside just now, and why: what is stored is not all of it."""
    existing_snapshot: bool = False
    """A snapshot that somebody else made is read, which stays; none is taken for it."""
    doubt: str = ""
    """Why a run might not store it although nothing bars it now, so that a person knows it today."""


@dataclass(frozen=True, slots=True)
class EarlierMember:
    """A workload as an earlier point holds it, all of which the repository lists."""

    point: str
    member: Member


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A point-in-time image on the source; short-lived; not a backup. `live` when the data itself is read."""

    workload: Workload
    label: str
    live: bool = True
    locator: str = ""
    canary: Mapping[str, str] = field(default_factory=dict)
    """The record to be planted before it is read; empty: none."""
    instant: datetime | None = None
    """As of when the data is; None: as of when it is read."""
    earlier: EarlierMember | None = None
    """What may be gone on with, so that only what changed since is read; None: all of it is."""


LOCAL: Final = "local"
"""What a leftover is called that is the snapshot of a stored point, and stays where it was taken until its time is over."""
QUIET: Final = "quiet"
"""What a leftover is called that holds workloads still until it is released."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something labelled that a run made and that is still there."""

    source: str
    """The source or repository that can release it."""
    what: str
    """`staging`, `sandbox`, `kept`, `snapshot`, `native`, `unsealed` …"""
    locator: str
    run: str
    by: str
    expires: str = ""
    """RFC 3339; empty: never by itself (what was kept aside)."""
    target: str = ""
    """Where what was kept aside was in service, or (`placed`) what was restored where nothing was."""
    machine: str = ""
    """Which machine left it; empty: nobody wrote that down."""
    took_back: str = ""
    """The run whose exchange was taken back when this was put aside; empty: none was, or one that had taken back another."""
    brought_back: str = ""
    """The run whose exchange is in service again since this was put aside: what had taken it back was taken back."""
    exchanged: tuple[str, ...] = ()
    """The runs that had exchanged its place before, to and fro, oldest first; each took back what the one before it did."""
    unproven: str = ""
    """The digest of its label, where nothing shows that this state directory wrote that; empty: it is proven, or its place proves it."""
    proven: bool = False
    """Whether its label bears this state directory's proof; what is labelled at a platform's own gate bears none."""
    spent: bool = False
    """Its label tells of an exchange that this state directory knows to have ended: a copy of it came back, and it does nothing."""
    owes: str = ""
    """What was stopped for it and is down until it is released, in words; empty: nothing."""
    does: tuple[str, ...] = ()
    """What its label moves or removes when it is carried out, in words, for whoever takes it over."""
    inside: str = ""
    """What is kept aside around this, by its own locator; only once that is back is this where its label says it is."""
    removing: str = ""
    """Where what is left of it lies, once the removal of what was kept aside has begun: it does not come back."""
    way_back: str = ""
    """How a person takes its exchange back where drtool does not, in words; empty: `drtool restore --undo` does."""
    store: str = ""
    """The native store that keeps it, where it is `native`; its locator is that of its place there."""
