"""The keys of repositories as text; a passphrase is spelled here once, for a person with paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drtool.cli.render.table import table
from drtool.cli.render.words import BAD, GOOD, printable, short_id, stamp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drtool.model.key import AddedKey, KeyListing, KeyProof, RemovedKey, RotatedKey
    from drtool.model.secret import Secret


def listing_lines(listings: Sequence[KeyListing]) -> list[str]:
    """Return one line per key, and what to do about repositories without a second, proven one."""
    rows: list[Sequence[str]] = [("REPOSITORY", "KEY", "WHOSE", "SINCE", "IN USE", "LAST PROVEN")]
    ends = []
    for listing in listings:
        if listing.problem:
            ends.append(f"{printable(listing.repository)}: {BAD} {printable(listing.problem)}")
            continue
        rows += [
            (
                printable(listing.repository),
                printable(key.id),
                printable(f"{key.user}@{key.host}"),
                stamp(key.created),
                "yes" if key.current else "",
                f"{stamp(key.last_proven)} {GOOD}" if key.last_proven else "never",
            )
            for key in listing.keys
        ]
        name = printable(listing.repository)
        others = [key for key in listing.keys if not key.current]
        if not others:
            ends.append(f"{name} has one key only: lost with this machine, nothing can be read.  next: drtool key add {name} --file FILE")
        elif all(key.last_proven is None for key in others):
            ends.append(f"no key of {name} but the one in use was ever proven.  next: drtool key prove {name} --file FILE")
    return [*table(rows), *ends]


def added_lines(added: AddedKey) -> list[str]:
    """Return what was added and where it lies."""
    lines = [f"{printable(added.repository)}: key {printable(added.id)} ({printable(f'{added.user}@{added.host}')}) was added {GOOD}"]
    if added.file:
        file, name = printable(added.file), printable(added.repository)
        lines.append(f"  its passphrase is in {file}: take it away from this machine, then: drtool key prove {name} --file FILE")
    return lines


def passphrase_lines(passphrase: Secret) -> list[str]:
    """Spell the passphrase, for the one time it is shown."""
    return ["", f"    {passphrase.reveal()}", "", "Write it down now, hyphens too: it is not shown again."]


def proof_lines(proof: KeyProof) -> list[str]:
    """Return what the key has shown."""
    lines = [
        f"{printable(proof.repository)}: {printable(proof.reference)} opens it alone {GOOD}  key {printable(proof.id or 'of unknown id')}",
        f"  read: the manifest of {printable(proof.set)}, point {short_id(proof.point)}, at {stamp(proof.proven)}",
    ]
    return [*lines, f"  not recorded in the repository: {printable(proof.unrecorded)}"] if proof.unrecorded else lines


def removed_lines(removed: RemovedKey) -> list[str]:
    """Return what opens nothing any more, and what a removal does not undo."""
    whose = printable(f"{removed.user}@{removed.host}")
    left = "1 key is left" if removed.left == 1 else f"{removed.left} keys are left"
    return [
        f"{printable(removed.repository)}: key {printable(removed.id)} ({whose}) is removed {GOOD}  {left}",
        *(f"  {printable(note)}" for note in removed.notes),
        "  who had it can go on reading what they copied: if it was stolen, make a new repository and drtool copy into it",
    ]


def rotated_lines(rotated: RotatedKey) -> list[str]:
    """Return what took whose place."""
    went_on = ", going on where an earlier call ended" if rotated.resumed else ""
    removed = f"key {printable(rotated.removed)} is removed" if rotated.removed else "the old key was removed already"
    return [
        f"{printable(rotated.repository)}: {printable(rotated.file)} holds the fresh key {printable(rotated.id)} {GOOD}{went_on}",
        f"  {removed}",
        *(f"  key {printable(each)} is removed too: the old passphrase opened it as well" for each in rotated.removed_too),
        *(f"  {printable(note)}" for note in rotated.notes),
    ]
