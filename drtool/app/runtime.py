"""What every verb works with: one frozen value, made once when a policy is opened."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from drtool.app.origin import Operator, Origin
from drtool.model.errors import UnknownName
from drtool.model.nearest import named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from drtool.app.notary import Notary
    from drtool.catalog.index import Index
    from drtool.engine.adapters import Adapters
    from drtool.engine.session import Listener
    from drtool.model.plan import Plan
    from drtool.model.policy import Policy
    from drtool.model.secret import SecretReference
    from drtool.openness import Opening
    from drtool.ports import Clock, KeyRing
    from drtool.process import Interrupt


@dataclass(frozen=True)
class Runtime:
    """One policy's means of work on one host; what a look at what is known does not need is opened when it is asked for, once."""

    policy: Policy
    state_directory: str
    clock: Clock
    open_notary: Callable[[], Notary]
    open_index: Callable[[], Index]
    open_interrupt: Callable[[], Interrupt]
    origin: Origin = field(default_factory=Operator)
    """Who wrote the policy."""
    listeners: tuple[Listener, ...] = ()
    deadline: float | None = None
    """When the work must be over, on the monotonic clock: one end for looking, sweeping and working together."""
    binary: str = "restic"
    is_bare: bool = False
    """Whether nothing but a repository was named: what is said is about what lies there."""
    minds_power: bool = True
    """Whether what only protects waits while the UPS of the policy runs on battery."""
    policy_places: tuple[str, ...] = ()
    """The files and folders from which the policy was read."""
    openings: tuple[Opening, ...] = ()
    """By whom else the files of this policy may be written."""

    @property
    def notary(self) -> Notary:
        """Who we are, and whose points count."""
        return self.open_notary()

    @property
    def index(self) -> Index:
        """What was last listed, so that a look needs no repository."""
        return self.open_index()

    @property
    def interrupt(self) -> Interrupt:
        """How this work is told to stop."""
        return self.open_interrupt()

    @cached_property
    def adapters(self) -> Adapters:
        """Everything a run may touch the world with; whoever only looks at the index needs none of it."""
        return self.origin.adapters(
            self.policy, state_directory=self.state_directory, clock=self.clock, notary=self.notary, binary=self.binary
        )

    def opened_with(self, repository: str, reference: SecretReference) -> Runtime:
        """Return a runtime for one repository and one key, with no way to the key in use."""
        from drtool.planning.keys import opened_with

        return replace(self, policy=opened_with(self.policy, repository, reference))

    def ring_of(self, repository: str) -> Callable[[SecretReference], KeyRing]:
        """Return what gives the keys of a repository as one key alone opens it."""
        return lambda reference: self.opened_with(repository, reference).adapters.key_ring(repository)

    def for_plan(self, plan: Plan) -> Runtime:
        """Return a runtime that can carry out a plan: by the sources and sets that its points need, where those of today are others."""
        if plan.of_points is None:
            return self
        return replace(self, policy=replace(self.policy, sources=plan.of_points.sources, sets=plan.of_points.sets))

    def sets_named(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the sets of the policy with these names, each once; all when none is named."""
        return tuple(self.named(name, self.policy.sets, "set") for name in dict.fromkeys(names)) or tuple(self.policy.sets)

    def repositories_of(self, sets: Iterable[str]) -> tuple[str, ...]:
        """Name the repositories of sets of the policy."""
        return tuple(dict.fromkeys(name for each in sets for name in self.policy.repositories_of(self.policy.sets[each])))

    def kept_in(self, set_name: str) -> tuple[str, ...]:
        """Name the repositories that hold points of a set; of one that the policy does not have any may."""
        return self.repositories_of((set_name,)) if set_name in self.policy.sets else tuple(self.policy.repositories)

    def repository_named(self, name: str | None) -> str:
        """Return a repository of the policy by its name, or the only one."""
        names = tuple(self.policy.repositories)
        if name is None and len(names) == 1:
            return names[0]
        if name is None:
            raise UnknownName("name a repository", hint=f"there are: {', '.join(names)}")
        return named(name, names, "repository")

    def named(self, name: str, known: Iterable[str], noun: str) -> str:
        """Return a name that is known; on a bare machine there is no policy that could have it."""
        try:
            return named(name, known, noun)
        except UnknownName as error:
            if not self.is_bare:
                raise
            raise UnknownName(f"there is no {noun} `{name}` in this repository", hint=error.hint) from None
