"""Where a policy came from, and so what it may do: the operator wrote it, or it came out of a repository."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Protocol

from drtool.model.errors import Refused

if TYPE_CHECKING:
    from drtool.app.notary import Notary
    from drtool.engine.adapters import Adapters
    from drtool.model.inventory import Problem
    from drtool.model.plan import Plan
    from drtool.model.policy import Policy
    from drtool.model.secret import SecretReference
    from drtool.ports import Clock, Notifier


_OF_A_BARE_MACHINE: Final = ("restore", "undo", "sweep")


class Origin(Protocol):
    """Gives a policy the hands it deserves, and shows on paper what they will not do."""

    def adapters(self, policy: Policy, *, state_directory: str, clock: Clock, notary: Notary, binary: str) -> Adapters:
        """Build everything a run of this policy may touch the world with."""

    def on_paper(self, plan: Plan, policy: Policy) -> Plan:
        """Return a plan without what those adapters refuse, told; Refused when nothing useful would be left."""

    def settles(self, plan: Plan) -> bool:
        """Tell whether those adapters can do all that a dead run of such a plan may owe."""

    def swept(self, policy: Policy) -> tuple[str, ...]:
        """Name the repositories from which those adapters may remove what dead runs left there; in all they may end holds."""

    def withholds(self, problem: Problem) -> bool:
        """Tell whether a source was not asked because those adapters may not, and not because it is away."""

    def notifiers(self, policy: Policy) -> tuple[Notifier, ...]:
        """Build whoever is told how things ended."""


class Operator:
    """The operator wrote it, or vouched for it."""

    def adapters(self, policy: Policy, *, state_directory: str, clock: Clock, notary: Notary, binary: str) -> Adapters:
        from drtool.app.composition import make_adapters

        return make_adapters(policy, state_directory=state_directory, clock=clock, notary=notary, binary=binary)

    def on_paper(self, plan: Plan, policy: Policy) -> Plan:
        del policy
        return plan

    def settles(self, plan: Plan) -> bool:
        del plan
        return True

    def swept(self, policy: Policy) -> tuple[str, ...]:
        return tuple(policy.repositories)

    def withholds(self, problem: Problem) -> bool:
        del problem
        return False

    def notifiers(self, policy: Policy) -> tuple[Notifier, ...]:
        if not policy.notify:
            return ()
        from drtool.app.composition import make_secrets
        from drtool.app.notifying import make_notifiers

        return make_notifiers(policy, make_secrets())


@dataclass(frozen=True, slots=True)
class FromRepository:
    """It came out of a repository, where whoever holds the key may have written it: data, not orders.

    `given` are the references of the command line, the only ones that are looked up.
    """

    given: Collection[SecretReference]

    def adapters(self, policy: Policy, *, state_directory: str, clock: Clock, notary: Notary, binary: str) -> Adapters:
        from drtool.app.composition import FACTS, make_adapters, make_secrets
        from drtool.catalog.runs import Runs
        from drtool.checks.restored_only import RestoredOnly
        from drtool.engine.sweep import died_into
        from drtool.planning.withhold import at_home, reached_by
        from drtool.repositories.append_only import AppendOnly
        from drtool.repositories.look_only import LookOnly
        from drtool.runners.refusing import Refusing
        from drtool.secrets.given import OnlyGiven
        from drtool.sources.at_home import AtHome
        from drtool.sources.sandbox_only import SandboxOnly

        tame = replace(policy, sources={name: at_home(source, FACTS) for name, source in policy.sources.items()}, evidence_key=None)
        secrets = OnlyGiven(make_secrets(), self.given)
        bare = make_adapters(tame, state_directory=state_directory, clock=clock, notary=notary, binary=binary, secrets=secrets)
        refusing = Refusing(bare.local)

        def own_runs() -> frozenset[str]:
            return frozenset(folder.run for folder in Runs(state_directory).all())

        def own_directories() -> frozenset[str]:
            return frozenset(directory for _source, directory in died_into(state_directory))

        sources = {
            name: AtHome(
                source,
                refusing,
                reaches=reached_by(policy.sources[name], FACTS),
                own_runs=own_runs,
                own_directories=own_directories,
            )
            for name, source in bare.sources.items()
        }
        return replace(
            bare,
            sources=sources,
            repositories={name: LookOnly(repository, own_runs) for name, repository in bare.repositories.items()},
            checks={kind: RestoredOnly(check) for kind, check in bare.checks.items()},
            read_only={name: AppendOnly(repository) for name, repository in bare.repositories.items()},
            sandbox_only={name: SandboxOnly(source) for name, source in sources.items()},
            key_rings={},
            pack_indexes={},
        )

    def on_paper(self, plan: Plan, policy: Policy) -> Plan:
        from drtool.app.composition import FACTS, make_checks
        from drtool.planning.withhold import withhold

        beyond = {kind: check.beyond for kind, check in make_checks().items()}
        return withhold(plan, sources=policy.sources, facts=FACTS, beyond=beyond)

    def settles(self, plan: Plan) -> bool:
        from drtool.model.plan import RunHook

        return plan.verb in _OF_A_BARE_MACHINE and not any(isinstance(step.action, RunHook) for step in plan.steps)

    def swept(self, policy: Policy) -> tuple[str, ...]:
        del policy
        return ()

    def withholds(self, problem: Problem) -> bool:
        return problem.kind == Refused.__name__

    def notifiers(self, policy: Policy) -> tuple[Notifier, ...]:
        """Tell nobody: whoever holds the key could have written where to."""
        del policy
        return ()
