from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

ID_CHARACTERS = 8
"""An old restic tells no more of a key's id."""


@dataclass(frozen=True, slots=True)
class RepositoryKey:
    """One key of a repository: whoever has its passphrase can read everything in it.

    `id` is the beginning of the repository's own id of it; `current`: the policy opens the repository with it; `last_proven` is when it was
    last shown, by `key prove` or a drill, to open the repository alone.
    """

    id: str
    user: str
    host: str
    created: datetime
    current: bool
    last_proven: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyListing:
    """The keys of one repository; `problem` says why they could not be listed."""

    repository: str
    keys: tuple[RepositoryKey, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class UsedKey:
    """The key that a repository was opened with: its id (empty when the repository did not tell) and the reference it came from."""

    id: str
    reference: str

    @property
    def words(self) -> str:
        """Spell both: `1a2b3c4d (file:/media/escrow/offsite.key)`."""
        return f"{self.id or 'an unnamed key'} ({self.reference})"


@dataclass(frozen=True, slots=True)
class AddedKey:
    """A key that was added; `file` is where its passphrase lies, empty when it was only to be shown."""

    repository: str
    id: str
    user: str
    host: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class KeyProof:
    """A key that opened its repository alone, and read the manifest of `point` with it; `unrecorded` says why that is not written there."""

    repository: str
    id: str
    reference: str
    set: str
    point: str
    proven: datetime
    unrecorded: str = ""


@dataclass(frozen=True, slots=True)
class RemovedKey:
    """A key that opens its repository no more; `left` is how many do, `notes` are what a person has to look at."""

    repository: str
    id: str
    user: str
    host: str
    left: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RotatedKey:
    """A key replaced by a fresh one in the same file; `notes` are what a person has to do now.

    `kept` is where the old passphrase lies; `removed_too` are further keys of the repository that it opened.
    """

    repository: str
    file: str
    id: str
    removed: str
    resumed: bool = False
    notes: tuple[str, ...] = ()
    kept: str = ""
    removed_too: tuple[str, ...] = ()
