"""Where drtool itself keeps things on this machine: protected folders hold them, points do not."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from drtool.model.location import LocationError, parse_location
from drtool.model.policy import Policy

REPOSITORY, STATE, SANDBOX, KEY, POLICY = "the repository", "the state directory", "the sandbox", "the key", "the policy"
IN_USE = frozenset({REPOSITORY, STATE})
"""What a restore itself reads or writes while it works: it cannot be moved meanwhile, not even for a moment."""


@dataclass(frozen=True, slots=True)
class OwnPlace:
    """A path of this machine, and what it is."""

    what: str
    path: str
    name: str = ""

    @property
    def is_written(self) -> bool:
        """Whether runs and drills write there; keys and policies they only read."""
        return self.what in (REPOSITORY, STATE, SANDBOX)

    @property
    def words(self) -> str:
        """What it is and its name, if it has one."""
        return f"{self.what} {self.name}" if self.name else self.what

    def lies_in(self, path: str) -> bool:
        """Tell whether it lies inside a path."""
        return self.path.startswith(f"{path.rstrip('/')}/")


def own_places(policy: Policy, *, state_directory: str, policy_paths: Iterable[str] = ()) -> tuple[OwnPlace, ...]:
    """Return the repositories, the state directory, keys, sandboxes and policy that lie on this machine, each path once."""
    found = [OwnPlace(STATE, state_directory), *(OwnPlace(POLICY, path) for path in policy_paths)]
    references = [policy.evidence_key]
    for repository in policy.repositories.values():
        try:
            location = parse_location(repository.address.location)
        except LocationError:
            continue
        if location.scheme == "path":
            found.append(OwnPlace(REPOSITORY, location.path, repository.name))
        references.append(repository.address.password)
    references += [drill.key for drill in policy.drills.values()]
    found += [OwnPlace(KEY, key.value) for key in references if key is not None and key.scheme == "file"]
    for sandbox in policy.sandboxes.values():
        for source, place in sandbox.places.items():
            local = source in policy.sources and not any(policy.sources[source].settings.values())
            if local and str(place.get("directory", "")).startswith("/"):
                found.append(OwnPlace(SANDBOX, str(place["directory"]), sandbox.name))
    unique = {posixpath.normpath(each.path): each for each in reversed(found) if each.path.startswith("/")}
    return tuple(OwnPlace(each.what, path, each.name) for path, each in sorted(unique.items()))


def told_of_own_places(policy: Policy, own: Iterable[OwnPlace]) -> tuple[str, ...]:
    """Say which of them lie below a protected path of this machine, and what that means."""
    lines = []
    for place in own:
        for name, path in _protected(policy):
            if place.lies_in(path):
                meaning = (
                    f"it is left out of its points, and {path} is restored in place folder by folder (--path)"
                    if place.what in IN_USE
                    else "it is left out of its points, and stays where it is when they are restored"
                )
                lines.append(f"{place.words} {place.path} lies in {path} of {name}: {meaning}")
    return tuple(lines)


def _protected(policy: Policy) -> list[tuple[str, str]]:
    return [
        (backup_set.name, str(path))
        for backup_set in policy.sets.values()
        for protect in backup_set.protect
        if protect.source in policy.sources and not any(policy.sources[protect.source].settings.values())  # on this machine
        for path in protect.selector.get("paths", ())
    ]
