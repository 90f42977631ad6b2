"""Recovery points: what the manifest says, and what one listing of a repository tells of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from drtool.model.evidence import EvidenceHead
from drtool.model.native import NOT_ASKED, NativePlace, NativeState

MANIFEST_FORMAT = "drtool.manifest/1"
TREE_CHARACTERS, TREES_TOLD = 8, 64
"""How many trees of a point stand in its tags, each by so many characters: a listing stays bounded."""


@dataclass(frozen=True, slots=True)
class SampledFile:
    """One file read from the source: path as text (undecodable bytes as surrogate escapes), size in bytes, SHA-256 in hex.

    `mode` is octal and empty when nothing but the content was recorded; `user` and `group` are numbers; `modified` is in whole seconds.
    """

    path: str
    bytes: int
    sha256: str
    mode: str = ""
    user: int = -1
    group: int = -1
    modified: int = 0
    extended: str = ""
    """SHA-256 of its extended attributes and access lists; empty when they could not be read."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What was told of every entry of a tree that did not change while it was read: how many of each type, and sums over the rest.

    `left_out` counts the entries of which nothing is recorded, since something beside them changed. Each of `groups` is
    `files.directories.links.others:SUM:OWNERS`, empty when something in it changed; `docs/format.md` tells what is added up.
    """

    files: int
    directories: int
    symlinks: int
    others: int
    left_out: int = 0
    groups: tuple[str, ...] = ()
    undated: int = 0
    """Entries dated before 1677 or after 2262, which restic restores with another date; their groups are left out."""


CANARY_NAME = ".drtool-canary.json"
UNREADABLE = "could not be read"  # so ends every warning of a member that tells of something unreadable: a restore goes by it
CANARY_FORMAT = "drtool.canary/1"


@dataclass(frozen=True, slots=True)
class Canary:
    """The record planted in a workload before it was read; its nonce stands in the file only, here is its SHA-256 in hex.

    `problem` says why none could be planted; then it is nowhere.
    """

    by: str
    set: str
    point: str
    run: str
    instant: datetime
    nonce_sha256: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Census:
    """What was counted at the source: regular files, their bytes, a sample of contents, and attributes of everything."""

    files: int
    bytes: int
    sample: tuple[SampledFile, ...] = ()
    sha256: str = ""
    """Of a whole stream; empty for a tree."""
    attributes: Attributes | None = None
    canary: Canary | None = None
    seen_files: int = -1
    """Regular files that were there, whatever the rules leave out; -1: they were not counted."""
    marks: int = 0
    """How many of those are stored though all else is left out: what marks folders to be left out, and our own canary."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One named body of data: a `tree` or a `stream` of a repository, named by content; or `native`, which a platform keeps itself.

    `tree` is the repository's content id of the snapshot (restic's tree id survives `copy`); `path` is where the data lies inside it. A
    native one has no tree; its `places` are where a platform keeps it, the best first. `facts` are what its source knows it by.
    """

    name: str
    form: str
    tree: str
    path: str
    census: Census
    stored_bytes: int = 0
    """What the repository grew by when it was written."""
    places: tuple[NativePlace, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def native(self) -> bool:
        """Whether a platform keeps it, and no repository."""
        return self.form == "native"


@dataclass(frozen=True, slots=True)
class Member:
    """A workload as it is held in a point."""

    workload: str
    source: str
    kind: str
    selector: Mapping[str, Any]
    instant: datetime
    artifacts: tuple[Artifact, ...]
    warnings: tuple[str, ...] = ()
    complete: bool = True

    @property
    def by_hand(self) -> str:
        """Why only a person puts it back in its original place, as its source said when it was stored; empty: drtool does."""
        return str(self.selector.get("by_hand") or "")

    @property
    def starts(self) -> bool:
        """Whether its platform has to be asked to run it once it is in place, as its source said when it was stored."""
        return self.selector.get("starts") is True


@dataclass(frozen=True, slots=True)
class MissingMember:
    """A workload that should be in a point and is not, and why."""

    workload: str
    reason: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The document that makes a recovery point exist; sealed last, removed first, copied verbatim."""

    point: str
    set: str
    by: str
    run: str
    instant: datetime
    """The oldest member's instant: what the point stands for."""
    sealed: datetime
    complete: bool
    members: tuple[Member, ...]
    missing: tuple[MissingMember, ...] = ()
    skew_seconds: float = 0.0
    """Distance between the oldest and the newest member's instant."""
    quiet_seconds: float = 0.0
    """How long its members were held still together for one instant, at most; 0: they were not."""
    policy: Mapping[str, Any] = field(default_factory=dict)
    """The compiled policy as far as this set needs it, or whole: data, never trusted to run commands."""
    policy_text: str = ""
    """The same as a person reads and writes it, for whoever has nothing but restic."""
    versions: Mapping[str, str] = field(default_factory=dict)
    evidence: Mapping[str, EvidenceHead] = field(default_factory=dict)
    """The newest evidence of every signer known when this was sealed: what is removed later is missed here."""
    machine: str = ""
    """Which machine sealed it; empty: a release that did not tell machines apart."""
    counted: tuple[str, ...] = ()
    """Digests of the newest points of this set that its signer counted when it was sealed, newest first."""
    counted_unsigned: tuple[str, ...] = ()
    """Digests of the tags of those among them that a release sealed that did not sign."""
    format: str = MANIFEST_FORMAT

    @property
    def bytes(self) -> int:
        """Size of all artifacts at the source."""
        return sum(artifact.census.bytes for member in self.members for artifact in member.artifacts)

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """Those of all members."""
        return tuple(artifact for member in self.members for artifact in member.artifacts)

    @property
    def files(self) -> int:
        """Regular files (a stream counts one)."""
        return sum(artifact.census.files for member in self.members for artifact in member.artifacts)


@dataclass(frozen=True, slots=True)
class DataSnapshot:
    """One stored artifact as a repository lists it."""

    id: str
    tree: str
    workload: str
    point: str


SAID_OF_A_POINT = (
    *("by", "set", "point", "run", "instant", "sealed", "complete", "bytes", "files"),
    *("members", "artifacts", "trees", "digest", "machine"),
)
"""The tags of a manifest beside its role and its signature, and what tells one point from another wherever that is signed.

What a rotation says of points is the digest of exactly these: a tag of a later release enters it only where it says something.
"""
SAID_LATER = ("natives", "native_members")  # counts, which say something where they are not 0


@dataclass(frozen=True, slots=True)
class RecoveryPoint:
    """A sealed point as one listing of one repository tells it; everything here comes from tags, nothing per member is read."""

    point: str
    set: str
    by: str
    run: str
    instant: datetime
    complete: bool
    bytes: int
    files: int
    members: int
    digest: str
    """SHA-256 in hex of the manifest's bytes."""
    manifest: str
    """Snapshot id of the manifest in this repository."""
    sealed: datetime
    data: tuple[DataSnapshot, ...] = ()
    artifacts: int = 0
    """How many the manifest has; 0: it was sealed by a release that did not tell."""
    trees: tuple[str, ...] = ()
    """The beginnings of their trees, as far as the tags tell them."""
    lacking: int = 0
    """How many of its artifacts this repository does not list."""
    machine: str = ""
    """Which machine sealed it, as its tags say."""
    signer: str = ""
    """Fingerprint of the key whose signature of the tags fits; empty: none fits, or there is none."""
    unsigned: str = ""
    """SHA-256 in hex of the tags of a point without any signature; empty for a signed one."""
    standing: str = ""
    """What it is to this machine (`drtool.model.standing`) when it is not ours; empty: ours, or not judged."""
    mark: str = ""
    """What tells it by all that its tags say (`drtool.model.rotation`), as they were read: an index forgets some of them."""
    natives: int = 0
    """How many of its artifacts a platform keeps, and no repository; `native` is what the stores said of them when this was listed."""
    native_members: int = 0
    """How many of its members have nothing in a repository."""
    native: NativeState = NOT_ASKED

    @property
    def whole(self) -> bool:
        """Its manifest and every artifact of it are listed in this repository, and what a platform keeps of it is present there."""
        return self.stored and self.native.present >= self.natives

    @property
    def stored(self) -> bool:
        """All of it that repositories keep is listed in this one, whatever platforms say of the rest."""
        return not self.lacking

    @property
    def unasked(self) -> int:
        """Of how many artifacts nobody knows whether a platform still has them: its store could not be asked."""
        return max(self.natives - self.native.present - self.native.gone, 0)

    @property
    def workloads(self) -> tuple[str, ...]:
        """Of what something is there or should be."""
        return tuple(dict.fromkeys((*(each.workload for each in self.data), *self.native.there, *self.native.lacking)))

    @property
    def counts(self) -> bool:
        """Complete and whole: only such a point counts for RPO, `keep` and the verified floor, and as the newest."""
        return self.complete and self.whole

    def listed_with(self, data: Iterable[DataSnapshot]) -> RecoveryPoint:
        """Return the point with what a listing has of it; the one place where it is decided whether a point is whole.

        Something else that bears its id, such as what a first attempt stored, stands in for nothing. A point of a release that told no
        artifacts has at least one for each member.
        """
        there = tuple(data)
        different, trees = {(each.workload, each.tree) for each in there}, {each.tree[:TREE_CHARACTERS] for each in there}
        lacking = max(
            self.artifacts - self.natives - len(different),
            self.members - self.native_members - len({workload for workload, _tree in different}),
            sum(1 for tree in self.trees if tree not in trees),
            0,
        )
        return replace(self, data=there, lacking=lacking)


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A stored artifact whose point was never sealed in this repository; `copied`: it was written by a copy, not by a run's store."""

    id: str
    by: str
    set: str
    point: str
    run: str
    workload: str
    stored: datetime
    expires: datetime | None
    copied: bool = False
    tree: str = ""
    machine: str = ""


def briefly(warning: str) -> str:
    """Return a member's warning as people read it: the reason alone says that something could not be read."""
    return warning.removesuffix(f": {UNREADABLE}")
