"""What each restic can do, and in plain sentences what an older one cannot."""

from __future__ import annotations

import re
from dataclasses import dataclass

from drtool.model.errors import Refused

_PATTERN = re.compile(r"restic (\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A restic version; compares by its numbers."""

    major: int
    minor: int
    patch: int = 0

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def restores_sparse(self) -> bool:
        """`restore --sparse` exists."""
        return self >= Version(0, 15)

    @property
    def restores_in_json(self) -> bool:
        """`restore --json` counts what it restored."""
        return self >= Version(0, 16)

    @property
    def streams_into_folders(self) -> bool:
        """`backup --stdin-filename` takes a name with folders; 0.18.0 looks for those on the disk, and fails."""
        return self != Version(0, 18, 0)

    @property
    def reads_one_point(self) -> bool:
        """`check --read-data ID` reads what one snapshot needs."""
        return self >= Version(0, 19)


OLDEST = Version(0, 14)
NEWEST_KNOWN = Version(0, 19)

_LOSSES = (
    (Version(0, 15), "holes in sparse files are written out by a restore: it needs the full size on disk"),
    (Version(0, 16), "a restore shows no progress and gives no counts of its own: what was restored is counted afterwards"),
    (Version(0, 17), "exit codes do not tell a locked or missing repository or a wrong key apart: its words are read instead"),
    (Version(0, 18), "`check` names damage in words only"),
    (Version(0, 19), "one point cannot be read again by itself (`verify --point`): everything is, or a slice of it"),
)


def parse_version(text: str) -> Version:
    """Read the answer of `restic version`.

    Raises:
        Refused: it is no restic, or older than 0.14.
    """
    match = _PATTERN.search(text)
    if match is None:
        raise Refused(f"this does not look like restic: {text.strip()[:200]!r}", hint="install restic 0.14 or newer")
    version = Version(int(match[1]), int(match[2]), int(match[3] or 0))
    if version < OLDEST:
        raise Refused(f"restic {version} is too old", hint=f"install restic {OLDEST} or newer")
    return version


def losses(version: Version) -> tuple[str, ...]:
    """Return what this version cannot do, each as a sentence."""
    found = tuple(sentence for since, sentence in _LOSSES if version < since)
    if (version.major, version.minor) > (NEWEST_KNOWN.major, NEWEST_KNOWN.minor):
        return (*found, f"restic {version} is newer than what was tested ({NEWEST_KNOWN.major}.{NEWEST_KNOWN.minor})")
    return found
