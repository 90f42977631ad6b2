"""What the questions of `doctor` share: what was listed and looked at before, and how one is asked for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from drtool.app.runtime import Runtime
from drtool.engine.adapters import Adapters
from drtool.engine.limited import within
from drtool.engine.observe import list_repository, side_by_side
from drtool.engine.protected import Protected, look_at_protected
from drtool.model.errors import DrtoolError, Interrupted, TimedOut
from drtool.model.inventory import Listing, Problem, SetInventory
from drtool.model.key import RepositoryKey
from drtool.model.location import Location, LocationError, parse_location
from drtool.model.policy import Policy
from drtool.planning.keys import last_proofs
from drtool.ports import Finding

QUESTION_SECONDS: Final = 180.0
"""How long one question may take: a disk wakes up and a locked repository is waited for within it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that is asked, beside the others: whom it is about, in words, and what finds out."""

    subject: str
    ask: Callable[[], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Known:
    """What questions share; `subjects` are the names that were asked for, empty: all.

    `listings` and `keys` are by repository, keys with when each was last proven; of one that did not tell its keys there are none.
    """

    runtime: Runtime
    subjects: tuple[str, ...] = ()
    protected: Protected = field(default_factory=lambda: Protected({}, {}))
    listings: Mapping[str, Listing] = field(default_factory=dict)
    keys: Mapping[str, tuple[RepositoryKey, ...]] = field(default_factory=dict)

    @property
    def adapters(self) -> Adapters:
        """Everything the policy names."""
        return self.runtime.adapters

    @property
    def policy(self) -> Policy:
        """What the operator wrote."""
        return self.runtime.policy

    def asked_of(self, names: Iterable[str]) -> list[str]:
        """Return those of the names that are asked about: all, or those that were named."""
        return [name for name in names if not self.subjects or name in self.subjects]

    @property
    def repositories(self) -> list[str]:
        """The repositories that are asked about."""
        return self.asked_of(self.adapters.repositories)

    @property
    def sources(self) -> list[str]:
        """The sources that are asked about."""
        return self.asked_of(self.adapters.sources)

    @property
    def sets(self) -> list[str]:
        """The sets that are asked about: all, or those of the sources that were named."""
        named = set(self.subjects)
        sets = self.policy.sets
        return [name for name in sets if not named or {each.source for each in sets[name].protect} & named]

    def location(self, repository: str) -> Location | None:
        """Return where a repository lies as seen from here; None where its address says nothing of it."""
        try:
            return parse_location(self.policy.repositories[repository].address.location)
        except LocationError:
            return None

    def path_of(self, repository: str) -> str:
        """Return the folder of this machine that a repository is; empty: it is somewhere else."""
        found = self.location(repository)
        return found.path if found is not None and found.scheme == "path" else ""

    def is_here(self, source: str) -> bool:
        """Tell whether a source is this machine."""
        return self.adapters.sources[source].runner.name == self.adapters.local.name


@dataclass(frozen=True, slots=True)
class Question:
    """One question of `doctor`: its name, what it asks as a sentence, and its parts; `of_machine`: not asked where names are given."""

    name: str
    asks: str
    parts: Callable[[Known], Iterable[Part]]
    of_machine: bool = False


def asked(part: Part, *, question: str = "", seconds: float | None = None) -> tuple[Finding, ...]:
    """Return what a part finds; an error that stops it is a finding, and so is that it takes too long."""
    limit = seconds or QUESTION_SECONDS
    try:
        found = within(lambda: tuple(part.ask()), seconds=limit, what=f"asking about {part.subject}")
    except Interrupted:
        raise
    except TimedOut as error:
        text = f"this question was given up: {error.what}"
        remedy = "look at what it waits for: a disk, a server, a network; the other questions were asked all the same"
        found = (Finding(part.subject, good=False, text=text, remedy=remedy),)
    except DrtoolError as error:
        found = (Finding(part.subject, good=False, text=error.what, remedy=error.hint),)
    return tuple(replace(each, question=each.question or question) for each in found)


def look(runtime: Runtime, subjects: tuple[str, ...]) -> Known:
    """Look once at what several questions need: sets, listings and keys, side by side."""
    known = Known(runtime, subjects)
    policy, adapters = runtime.policy, runtime.adapters
    drilled = {name for each in policy.drills.values() if {each.name, each.sandbox} & set(subjects) for name in each.sets}
    about = [
        name
        for name, each in policy.sets.items()
        if not subjects or name in drilled or {*policy.repositories_of(each), *(protect.source for protect in each.protect)} & set(subjects)
    ]
    listed = adapters.repositories if not subjects else {name for each in about for name in policy.repositories_of(policy.sets[each])}
    names = [name for name in adapters.repositories if name in {*listed, *known.repositories}]
    looks = side_by_side([partial(_protected, adapters, name) for name in about])
    stores = side_by_side([partial(_listed, adapters, name) for name in names])
    return Known(
        runtime,
        subjects,
        Protected(
            {name: found for each in looks for name, found in each.sets.items()},
            {name: tried for each in looks for name, tried in each.tried.items()},
        ),
        {listing.repository: listing for listing, _keys in stores},
        {listing.repository: keys for listing, keys in stores if keys},
    )


def _protected(adapters: Adapters, name: str) -> Protected:
    try:
        return within(lambda: look_at_protected(adapters, [name]), seconds=QUESTION_SECONDS, what=f"looking at what {name} protects")
    except TimedOut as error:
        return Protected({name: SetInventory(name, (), (Problem(error.kind, error.what, "look at its disk, or its server"),))}, {})


def _listed(adapters: Adapters, name: str) -> tuple[Listing, tuple[RepositoryKey, ...]]:
    def ask() -> tuple[Listing, tuple[RepositoryKey, ...]]:
        listing = list_repository(adapters, name)
        keys: tuple[RepositoryKey, ...] = ()
        if listing.problem is None and name in adapters.key_rings:
            proven = last_proofs(listing)
            try:
                keys = tuple(replace(key, last_proven=proven.get(key.id)) for key in adapters.key_ring(name).list_keys())
            except Interrupted:
                raise
            except DrtoolError:  # told where the repository is examined
                keys = ()
        return listing, keys

    try:
        return within(ask, seconds=QUESTION_SECONDS, what=f"reading what lies in {name}")
    except TimedOut as error:
        return Listing(repository=name, taken=adapters.clock.now(), problem=Problem(error.kind, error.what, error.hint)), ()
