"""What every verb that works needs: hands, a way to be stopped, the sweep before, the session, the index after."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from drtool.archive import Archive
from drtool.catalog.exposure import exposed_state
from drtool.catalog.index import Index
from drtool.catalog.lanes import Lanes
from drtool.catalog.runs import Runs
from drtool.catalog.storage import make_folder
from drtool.engine.desk import noting
from drtool.engine.hands import Hands
from drtool.engine.lock import sets_held
from drtool.engine.observe import observe
from drtool.engine.session import Listener, Session
from drtool.engine.signals import listening
from drtool.engine.sweep import DeadRuns, settle_dead_runs
from drtool.model.errors import DrtoolError, Refused
from drtool.model.inventory import Inventory, Listing, Problem
from drtool.model.plan import Plan
from drtool.model.policy import Policy
from drtool.model.report import Report
from drtool.model.secret import SecretReference
from drtool.notary import Notary
from drtool.openness import opening_of
from drtool.origin import Operator, Origin
from drtool.planning.backup import plan_run as plan_backup
from drtool.planning.keys import opened_with
from drtool.planning.memory import spell_vanished
from drtool.planning.schedule import Agenda, put_off, repository_of, with_maintenance
from drtool.planning.standing import left_here
from drtool.planning.sweep import in_pieces
from drtool.planning.sweep import plan_sweep as plan_what_to_sweep
from drtool.ports import Clock
from drtool.process import Interrupt
from drtool.timetable import Timetable

KEPT_RUNS = 500
EVER = float("inf")


@dataclass(frozen=True)
class Workshop:
    """One policy's means of work on one host."""

    policy: Policy
    state_directory: str
    clock: Clock
    index: Index
    notary: Notary
    listeners: Sequence[Listener] = ()
    binary: str = "restic"
    deadline_seconds: float | None = None
    origin: Origin = field(default_factory=Operator)
    """Who wrote the policy."""
    interrupt: Interrupt = field(default_factory=Interrupt)

    @cached_property
    def hands(self) -> Hands:
        """Everything a run may touch the world with."""
        return self.origin.hands(
            self.policy, state_directory=self.state_directory, clock=self.clock, notary=self.notary, binary=self.binary
        )

    @cached_property
    def deadline(self) -> float | None:
        """When the work must be over, on the monotonic clock: one end for looking, sweeping and working together."""
        return None if self.deadline_seconds is None else self.clock.monotonic() + self.deadline_seconds

    @cached_property
    def archive(self) -> Archive:
        """What lies in the repositories."""
        return Archive(self.policy, self.clock, self.index, lambda: self.hands)

    @cached_property
    def runs(self) -> Runs:
        """The journals of this host."""
        return Runs(self.state_directory)

    @cached_property
    def timetable(self) -> Timetable:
        """What was tried when, and what is due."""
        return Timetable(self.policy, self.state_directory, self.clock)

    def opened_with(self, repository: str, reference: SecretReference) -> Workshop:
        """Return a workshop for one repository and one key, with no way to the key in use."""
        return replace(self, policy=opened_with(self.policy, repository, reference))

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Hear signals, and let what is started be stopped and be known again, while this is open."""
        with (
            listening(self.interrupt),
            noting(self.interrupt, state_directory=self.state_directory, clock=self.clock, deadline=self.deadline),
        ):
            yield

    @contextlib.contextmanager
    def alone_with(self, sets: tuple[str, ...]) -> Iterator[None]:
        """Work, and keep a second run of these sets on this host out."""
        with self.working(), sets_held(self.writable_state(), sets):
            yield

    def observe(self, *, sets: Iterable[str] = (), repositories: Iterable[str] = ()) -> Inventory:
        """Ask what exists."""
        return observe(self.hands, sets=sets, repositories=repositories)

    def writable_state(self) -> str:
        """Return the state directory; Refused when it cannot be written."""
        try:
            make_folder(self.state_directory)
            if not os.access(self.state_directory, os.W_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            raise Refused(
                f"the state directory {self.state_directory} cannot be written: {error.strerror}",
                hint="set $DRTOOL_STATE_DIR to a folder you may write",
                safe="nothing was started",
            ) from None
        self.closed_state()
        return self.state_directory

    def closed_state(self) -> None:
        """Refuse to work by a state that anybody may write: what dead runs owe, hooks too, is read there and carried out."""
        opening = opening_of(self.state_directory)
        if opening is not None and opening.anybody:
            raise Refused(
                f"the state directory {self.state_directory} is not used: {opening.words}", hint=opening.remedy, safe="nothing was started"
            )

    def _settled(self) -> DeadRuns:
        self.closed_state()
        return settle_dead_runs(self.state_directory, self.hands, settles=self.origin.settles)

    def carry_out(self, plan: Plan, *, hands: Hands | None = None, needs_state: bool = True) -> Report:
        """Carry a plan out, bring the index up to date, and drop the journals of long ago."""
        plan = replace(plan, notes=(*plan.notes, *self.notary.tell()))
        session = Session(
            hands=self.hands,
            state_directory=self.state_directory,
            interrupt=self.interrupt,
            listeners=self.listeners,
            deadline=self.deadline,
        )
        self.timetable.begin(plan)  # before anything of it is done: killed right after this, it is repeated later and not at once
        exposed = (f"{found.what}: {found.remedy}" for found in exposed_state(self.state_directory))
        plan = replace(plan, notes=(*plan.notes, *exposed))
        report = session.carry_out(plan, hands=hands, needs_state=needs_state)
        self.timetable.end(plan, report)
        Lanes(self.state_directory).take(plan, report)
        self._refresh_index(plan)
        self.runs.forget_all_but(KEPT_RUNS)
        return report

    def _refresh_index(self, plan: Plan) -> None:
        used = {name for step in plan.steps for kind, _colon, name in (use.partition(":") for use in step.uses) if kind == "repository"}
        for name in sorted(used & self.policy.repositories.keys()):
            if self.interrupt.requests:
                return
            try:
                self.index.save(self.hands.repositories[name].list(maximum_age_seconds=EVER))
            except DrtoolError:  # the cache keeps what it knew
                continue

    def sweep_quietly(self) -> None:
        """Settle what dead runs of this host owe and release what runs that are over left; every run does this first.

        A source or repository that is away cannot be swept now; the run that needs it will say so.
        """
        dead = self._settled()
        found = observe(self.hands, repositories=self.policy.repositories if dead.dead else (), leftovers=True)
        self._release(found, dead)

    def sweep_and_observe(self, names: tuple[str, ...], *, also: Iterable[str] = ()) -> Inventory:
        """Sweep quietly with what a run looks at anyway: its sets, their repositories, and those named by `also`."""
        dead = self._settled()
        asked = tuple(self.policy.repositories if dead.dead else also)
        found = self.observe_run(names, also=asked)
        if self._release(found, dead):  # a cutover that was finished only now brings back what the look missed
            found = self.observe_run(names, also=asked)
        return found

    def _release(self, found: Inventory, dead: DeadRuns) -> bool:
        plan = self.plan_sweep(found, dead)
        if plan.steps:
            self.carry_out(plan)
        return bool(plan.steps)

    def plan_whole_sweep(self, *, kept: bool, shown: frozenset[str] | None = None) -> Plan:
        """Settle what dead runs owe, and plan to release everything that is over, in the repositories too.

        Of what was kept aside only what was `shown`; None: all.
        """
        dead = self._settled()
        found = observe(self.hands, repositories=self.origin.swept(self.policy), leftovers=True)
        if shown is not None:
            by, machines = self.policy.name, self.notary.ours().machines
            others = {each for each in found.leftovers if not left_here(each, by=by, machines=machines)}  # they are told of, and stay
            left = tuple(each for each in found.leftovers if each.what not in ("kept", "placed") or each.locator in shown or each in others)
            found = replace(found, leftovers=left)
        unlisted = (listing.problem for listing in found.repositories.values() if listing.problem is not None)
        unsettled = (Problem(error.kind, error.what, error.hint) for error in dead.failures)
        missed = (
            Problem("Refused", f"{words}; nothing of what it holds is swept", f"drtool doctor {name}")
            for name, listing in found.repositories.items()
            for words in spell_vanished(name, listing.vanished)
        )
        problems = (*(each for each in found.unasked if not self.origin.withholds(each)), *unlisted, *unsettled, *missed)
        withheld = tuple(filter(self.origin.withholds, found.unasked))
        return self.plan_sweep(found, dead, kept=kept, problems=problems, withheld=withheld)

    def plan_sweep(
        self,
        found: Inventory,
        dead: DeadRuns,
        *,
        kept: bool = False,
        problems: Sequence[Problem] = (),
        withheld: Sequence[Problem] = (),
    ) -> Plan:
        """Plan to release what runs that are over left behind, as found after `dead` was told."""
        return plan_what_to_sweep(
            found.leftovers,
            run=self.clock.fresh_id(),
            now=self.clock.now(),
            by=self.policy.name,
            machines=self.notary.ours().machines,
            dead_runs=dead.dead,
            live_runs=dead.live,
            ended_runs=dead.ended,
            kept=kept,
            # Where a manifest is missed, what it claims looks unsealed.
            unsealed={name: () if listing.vanished else listing.unsealed for name, listing in found.repositories.items()},
            holds={name: listing.holds for name, listing in found.repositories.items()},
            problems=problems,
            withheld=withheld,
        )

    def observe_run(self, names: tuple[str, ...], *, also: Iterable[str] = ()) -> Inventory:
        """Return what exists for the sets of a run."""
        return observe(self.hands, sets=names, repositories=(*self.repositories_of(names), *also), leftovers=True)

    def listings_for(self, plan: Agenda) -> Mapping[str, Listing]:
        """Ask the repositories that should know what this host does not remember."""
        names = dict.fromkeys(repository_of(self.policy, task) for task in plan.unknown)
        return self.observe(repositories=[name for name in names if name]).repositories

    def plan_run(self, names: tuple[str, ...], found: Inventory) -> Plan:
        """Plan a backup of sets."""
        points = {name: self.clock.fresh_id() for name in names}
        plan = plan_backup(self.policy, found, sets=names, now=self.clock.now(), run=self.clock.fresh_id(), points=points)
        pieces = in_pieces(found.leftovers, by=self.policy.name, machines=self.notary.ours().machines)
        return replace(plan, skipped=(*plan.skipped, *pieces))

    def plan_due(self, due: Agenda, found: Inventory) -> Plan:
        """Plan what a timer's call takes on: sets whose repository answers, then prunes and readings."""
        waiting = put_off(self.policy, found, due.names("run"))
        sets = tuple(name for name in due.names("run") if name not in {each.set for each in waiting})
        plan = self.plan_run(sets, found)
        plan = replace(plan, skipped=(*plan.skipped, *waiting))
        return with_maintenance(self.policy, found, plan, prunes=due.names("prune"), readings=due.names("verify"))

    def repositories_of(self, sets: Iterable[str]) -> tuple[str, ...]:
        """Name the repositories of sets."""
        return tuple(dict.fromkeys(name for each in sets for name in self.policy.repositories_of(self.policy.sets[each])))
