"""Which members of a point fell far below what they were: the sizes of one set hide them behind its other members."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final

from drtool.model.point import Artifact, Manifest, Member
from drtool.model.policy import Quarantine
from drtool.model.quarantine import REASON_CHARACTERS, Stop, clip, compare
from drtool.model.workload import CHAIN

FEW_FILES: Final = 8
"""Of fewer files some may go unnoticed, but not all."""
FEW_BYTES: Final = 4096
"""Of fewer bytes some may go unnoticed, but not all of a stream."""


def shrunk(
    before: Manifest, members: Iterable[Member], rules: Quarantine, *, point: str, may_be_empty: Container[str] = frozenset()
) -> tuple[Stop, ...]:
    """Say which members of `point` went empty or fell below `shrinks_below` of what an earlier point has of them.

    What `may_be_empty` shrinks as it likes; a member that one of the two does not have is no matter of its size.
    """
    below = rules.shrinks_below
    if below is None:
        return ()
    had = {member.workload: member for member in before.members}
    fell = {}
    for member in members:
        if member.workload in had and member.workload not in may_be_empty:
            words = _fell(had[member.workload], member, below)
            if words:
                fell[member.workload] = words
    if not fell:
        return ()
    names = sorted(fell)
    more = f"; {len(names) - 1} more shrank" if len(names) > 1 else ""
    words = f": {fell[names[0]]}{more}{compare(before.point, point)}"
    return (Stop("shrunk", clip(names[0], max(2, REASON_CHARACTERS - len(words))) + words),)


def newest_of_each(members: Iterable[Member], before: Manifest) -> list[Member]:
    """Return these, and of what is not among them what the point before has: it may be of a run that died before it compared that."""
    return [*{member.workload: member for member in (*before.members, *members)}.values()]


def holds_something(member: Member) -> bool:
    """Tell whether there was a file or a byte of a member; of what was empty nothing can be compared."""
    return any(artifact.census.files or artifact.census.bytes for artifact in member.artifacts)


def _fell(before: Member, now: Member, below: float) -> str:
    """Say how many files or bytes there are where more were; where it is read in another way only that nothing is left tells something."""
    alike = _way(before) == _way(now)
    files, had_files = _files(now), _files(before)
    size, had_size = _bytes(now), _bytes(before)
    is_tree = any(artifact.form == "tree" for artifact in now.artifacts)
    few_bytes = FEW_BYTES if is_tree else 1
    told = []
    if alike and had_files and (not files or (had_files >= FEW_FILES and files < below * had_files)):
        told.append(f"{files} files where {had_files} were")
    if had_size >= few_bytes and (not size or (alike and had_size >= FEW_BYTES and size < below * had_size)):
        told.append(f"{size} bytes where {had_size} were")
    return " and ".join(told)


def _way(member: Member) -> tuple[object, ...]:
    return (member.selector.get("way"), bool(member.selector.get(CHAIN)), *sorted({artifact.form for artifact in member.artifacts}))


def _counted(member: Member) -> tuple[Artifact, ...]:
    """Of a chain only the first stream is whole: the others come and go with what changed."""
    return member.artifacts[:1] if member.selector.get(CHAIN) else member.artifacts


def _files(member: Member) -> int:
    return sum(max(artifact.census.files - _planted(artifact), 0) for artifact in _counted(member))


def _planted(artifact: Artifact) -> int:
    canary = artifact.census.canary
    return int(canary is not None and not canary.problem)


def _bytes(member: Member) -> int:
    return sum(artifact.census.bytes for artifact in _counted(member))
