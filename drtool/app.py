"""Chooses and joins: which implementation carries out which kind, and one short method per verb."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from drtool.catalog.dead import dead_runs
from drtool.catalog.index import Index
from drtool.engine.clock import SystemClock
from drtool.engine.lock import drill_held, sets_held
from drtool.model.attempt import Task
from drtool.model.errors import DrtoolError, NotFound, Unavailable, UnknownName
from drtool.model.hold import Hold, ending
from drtool.model.inventory import Inventory, Listing
from drtool.model.nearest import named
from drtool.model.policy import DrillPolicy, Policy
from drtool.model.secret import Secret, SecretReference
from drtool.model.view import DeadRun, GoneSet
from drtool.openness import Opening
from drtool.origin import Operator, Origin
from drtool.planning.gone import gone_sets
from drtool.planning.overdue import TaskStatus
from drtool.planning.schedule import left_out
from drtool.planning.status import SetStatus, assess
from drtool.planning.verify import ReadingStatus, reading_status
from drtool.wiring import make_notary

if TYPE_CHECKING:
    from drtool.archive import Archive
    from drtool.catalog.signer import Signer
    from drtool.engine.hands import Hands
    from drtool.engine.session import Listener
    from drtool.evidence import EvidenceDesk
    from drtool.forecasts import ForecastView
    from drtool.kept import KeptThing
    from drtool.model.examination import EvidenceView, Examination
    from drtool.model.key import AddedKey, KeyListing, KeyProof, RotatedKey, UsedKey
    from drtool.model.plan import Plan
    from drtool.model.point import Manifest, RecoveryPoint
    from drtool.model.report import Report
    from drtool.model.standing import Adoption
    from drtool.model.view import InventoryLine, PointView, ShownEvidence
    from drtool.planning.choose import ChosenPoint
    from drtool.planning.own_policy import Joined
    from drtool.planning.restore import RestoreRequest
    from drtool.planning.schedule import Agenda, Timed
    from drtool.ports import Entry, Finding, GetResult, KeyRing
    from drtool.process import Interrupt
    from drtool.rotation import RotatedSigner, Rotating
    from drtool.timetable import Timetable
    from drtool.workshop import Workshop


@dataclass(frozen=True, slots=True)
class StatusView:
    """How the sets stand; `as_of` is when the oldest of the listings behind it was taken."""

    sets: tuple[SetStatus, ...]
    as_of: datetime
    now: datetime
    readings: tuple[ReadingStatus, ...] = ()
    schedules: tuple[TaskStatus, ...] = ()
    unscheduled: tuple[str, ...] = ()
    """Sets without a schedule, where others have one."""
    gone: tuple[GoneSet, ...] = ()
    """Sets whose points are there, and which the policy does not have any more."""
    untimed: tuple[TaskStatus, ...] = ()
    """Backups and drills without a schedule whose last attempt was not good."""
    dead: tuple[DeadRun, ...] = ()
    """Runs of this machine that died, and after which nobody has tidied up."""


@dataclass(frozen=True, slots=True)
class Browse:
    """A point opened for looking: `folder` lists a directory, `take_out` copies a file or directory to a new place here."""

    point: RecoveryPoint
    folder: Callable[[str], tuple[Entry, ...]]
    take_out: Callable[[str, str], GetResult]


@dataclass(frozen=True, slots=True)
class TravelledPolicy:
    """The policy that travelled in a point: its text, the sets it tells of, and those that have points and are not in it."""

    text: str
    sets: tuple[str, ...]
    others: tuple[str, ...]


class App:
    """One policy on one host: every verb of the command line as a method; errors are those of `drtool.model.errors`."""

    def __init__(
        self,
        policy: Policy,
        *,
        state_directory: str,
        listeners: Iterable[Listener] = (),
        binary: str = "restic",
        origin: Origin | None = None,
        bare: bool = False,
        deadline_seconds: float | None = None,
        standing_in: Adoption | None = None,
    ) -> None:
        self.policy = policy
        self.state_directory = state_directory
        self._binary = binary
        self._origin = origin or Operator()
        self.is_bare = bare
        """Whether nothing but a repository was named: what is said is about what lies there."""
        self._deadline_seconds = deadline_seconds
        self._listeners = tuple(listeners)
        self._clock = SystemClock()
        self._workshops: dict[str, Workshop] = {}
        """What can carry out a plan that reads points by their own policies, by run."""
        self.notary = make_notary(policy, state_directory=state_directory, standing_in=standing_in)
        self._index = Index(state_directory, policy.repositories, judge=self.notary.judge)
        self.openings: tuple[Opening, ...] = ()
        """By whom else the files of this policy may be written."""
        self.told: tuple[str, ...] = ()
        """What a person must know of how it was found out what lies in a bare repository."""
        self.chosen_by = ""
        """What `--machine` says of whose points those are, where others keep points there too."""

    def forget_listings(self) -> None:
        """Ask the repositories anew: on a bare machine nobody knows how old what is remembered is."""
        self._index.forget()

    @cached_property
    def workshop(self) -> Workshop:
        """What working verbs share; looking at the index needs none of it."""
        from drtool.workshop import Workshop

        return Workshop(
            self.policy,
            self.state_directory,
            self._clock,
            self._index,
            self.notary,
            listeners=self._listeners,
            binary=self._binary,
            deadline_seconds=self._deadline_seconds,
            origin=self._origin,
        )

    @cached_property
    def timetable(self) -> Timetable:
        """What was tried when, and what is due."""
        from drtool.timetable import Timetable

        return Timetable(self.policy, self.state_directory, self._clock)

    @property
    def hands(self) -> Hands:
        """Everything this app may touch the world with."""
        return self.workshop.hands

    @property
    def archive(self) -> Archive:
        """What lies in the repositories."""
        return self.workshop.archive

    @property
    def interrupt(self) -> Interrupt:
        """How this app is told to stop."""
        return self.workshop.interrupt

    def state_openings(self) -> tuple[Opening, ...]:
        """Return by whom else the state directory may be written: what is told of schedules and runs is read there."""
        from drtool.openness import opening_of

        found = opening_of(self.state_directory)
        return () if found is None else (found,)

    def told_of_own_places(self) -> tuple[str, ...]:
        """Say what of drtool's own lies below a protected path of this machine, and what that means."""
        from drtool.planning.own import told_of_own_places
        from drtool.wiring import places_of_our_own

        return told_of_own_places(self.policy, places_of_our_own(self.policy, self.state_directory))

    # what changes something

    def initialise(self, repositories: Iterable[str] = ()) -> Report:
        """Create the repositories that do not exist yet, each with a fresh key file where the policy names one that is missing."""
        from drtool.missed import refuse_missed
        from drtool.planning.initialise import plan_initialise
        from drtool.secrets.keyfile import make_key_file, remove_key_file

        names = tuple(repositories) or tuple(self.policy.repositories)
        now, run = self._clock.now(), self._clock.fresh_id()
        plan = plan_initialise(self.policy, repositories=names, run=run, now=now)
        keys = {name: self.policy.repositories[name].address.password for name in names}
        refuse_missed(self.hands, keys)
        made: dict[str, SecretReference] = {}
        try:
            made.update((name, key) for name, key in keys.items() if make_key_file(key))
        except DrtoolError:
            for key in made.values():  # keys of nothing: the next call makes them
                remove_key_file(key)
            raise
        with self.workshop.working():
            self.workshop.writable_state()
            report = self.workshop.carry_out(plan)
        for step in report.steps:
            name = step.id.rpartition("/")[2]
            if name in made and not step.result.get("data", {}).get("created"):
                remove_key_file(made[name])
        return report

    def run(self, sets: Iterable[str] = ()) -> Report:
        """Back sets up: snapshot, store, seal, copy, forget."""
        names = self._sets(sets)
        with self.workshop.alone_with(names):
            found = self.workshop.sweep_and_observe(names)
            return self.workshop.carry_out(self.workshop.plan_run(names, found))

    def run_due(self, sets: Iterable[str] = ()) -> Report | None:
        """Back up the sets whose time has come, and prune and read what is due; None when nothing was: then nobody was asked.

        Raises Unscheduled when nothing could ever be due.
        """
        from drtool.planning.schedule import run_tasks

        tasks = run_tasks(self.policy, self._sets(sets))
        look = self.timetable.agenda(tasks)
        if not (look.due or look.unknown or self.timetable.owes()):
            return None
        workshop = self.workshop
        with workshop.working():
            workshop.writable_state()
            look = self._informed(look, tasks)
            if not look.due:
                workshop.sweep_quietly()
                return None
            with sets_held(self.state_directory, look.names("run")):
                look = self._informed(self.timetable.agenda(tasks), tasks)  # another call may have taken them on while this one looked
                if not look.due:
                    return None
                with self._remembering(look.due):
                    found = workshop.sweep_and_observe(look.names("run"), also=look.names("verify"))
                    return workshop.carry_out(workshop.plan_due(look, found))

    def restore(self, plan: Plan) -> Report:
        """Carry out a plan of `plan_restore`; an unwritable state directory does not stop it."""
        workshop = self._workshops.get(plan.run, self.workshop)
        with workshop.working():
            return workshop.carry_out(plan, needs_state=False)

    def plan_undo(self, run: str) -> Plan:
        """Return what would take back what a run put into service; whatever a dead run left is finished or released first."""
        from drtool.engine.observe import observe
        from drtool.planning.undo import plan_undo

        with self.workshop.working():
            self.workshop.writable_state()
            self.workshop.sweep_quietly()
            found = observe(self.hands, leftovers=True)
            return plan_undo(
                found.leftovers,
                undone=run,
                run=self._clock.fresh_id(),
                now=self._clock.now(),
                by=self.policy.name,
                machines=self.notary.ours().machines,
                problems=found.unasked,
            )

    def drill(self, names: Iterable[str] = ()) -> Report:
        """Carry out drills: restore into a sandbox from the named copy, ask the checks, record the evidence, release."""
        drills = tuple(names) or tuple(self.policy.drills)
        if len(drills) != 1:
            known = ", ".join((*self.policy.drills, *(name for name in self.policy.sets if name not in self.policy.drills)))
            raise UnknownName("name one drill or set", hint=f"there are: {known or 'none'}")
        drill = self._drill(drills[0])
        with self.workshop.working():
            workshop, used_key = self._opened_for(drill)
            workshop.sweep_quietly()
            plan, workshop = self._plan_drill(drill, workshop)
            return workshop.carry_out(plan, hands=workshop.hands.for_drill(used_key))

    def due_drills(self, names: Iterable[str] = ()) -> tuple[str, ...]:
        """Name the drills whose time has come; the repositories are asked only about those of which nothing is remembered here.

        Raises Unscheduled when nothing could ever be due.
        """
        from drtool.planning.schedule import drill_tasks

        chosen = tuple(named(name, self.policy.drills, "drill") for name in dict.fromkeys(names)) or tuple(self.policy.drills)
        tasks = drill_tasks(self.policy, chosen)
        look = self.timetable.agenda(tasks)
        if look.unknown:
            with self.workshop.working():
                look = self._informed(look, tasks)
        elif not look.due and self.timetable.owes():
            with self.workshop.working():
                self.workshop.sweep_quietly()
        return look.names("drill")

    def drill_due(self, name: str) -> Report | None:
        """Carry out a drill if its time has come; None when it has not, or another call took it on meanwhile."""
        with drill_held(self.workshop.writable_state(), name):
            if name not in self.due_drills([name]):
                return None
            with self._remembering((Task("drill", name),)):
                return self.drill([name])

    def verify(self, repositories: Iterable[str] = (), *, point: str | None = None) -> Report:
        """Read every byte of repositories against its digests, and record that; with `point` only what that needs, wherever it lies."""
        from drtool.planning.verify import plan_verify, plan_verify_point

        if point is not None:
            view = self.archive.find(point, self.archive.listings(refresh=True))
            holders, wanted = tuple(repositories) or view.listed, view.point.point
            return self._simple(lambda run, now: plan_verify_point(self.policy, point=wanted, repositories=holders, run=run, now=now))
        names = tuple(repositories) or tuple(self.policy.repositories)
        return self._simple(lambda run, now: plan_verify(self.policy, repositories=names, run=run, now=now))

    def prune(self, repositories: Iterable[str] = ()) -> Report:
        """Free the space that nothing claims any more."""
        from drtool.planning.prune import plan_prune

        names = tuple(repositories) or tuple(self.policy.repositories)
        return self._simple(lambda run, now: plan_prune(self.policy, repositories=names, run=run, now=now))

    def copy(self, sets: Iterable[str] = ()) -> Report:
        """Bring the copies of sets up to date."""
        from drtool.planning.copy import plan_copy

        names = self._sets(sets)
        with self.workshop.alone_with(names):
            self.workshop.sweep_quietly()
            inventory = self.workshop.observe(repositories=self.workshop.repositories_of(names))
            plan = plan_copy(self.policy, inventory, sets=names, now=self._clock.now(), run=self._clock.fresh_id())
            return self.workshop.carry_out(plan)

    def sweep(self, *, kept: bool = False, shown: frozenset[str] | None = None) -> Report:
        """Release what runs that are over left behind; what was kept aside only with `kept`, and of that only what was `shown`."""
        with self.workshop.working():
            self.workshop.writable_state()
            return self.workshop.carry_out(self.workshop.plan_whole_sweep(kept=kept, shown=shown))

    def kept(self) -> tuple[KeptThing, ...]:
        """Look at what restores kept aside: how old and large it is, and what of it the newest whole point does not hold."""
        from drtool.engine.observe import observe
        from drtool.kept import look_at_kept
        from drtool.planning.standing import left_here

        with self.workshop.working():
            found = observe(self.hands, leftovers=True)
            machines = self.notary.ours().machines
            mine = [each for each in found.leftovers if left_here(each, by=self.policy.name, machines=machines)]
            ours = [leftover for leftover in mine if not leftover.inside]
            return look_at_kept(self.hands, self.archive, ours, now=self._clock.now())

    def rebuild(self, *, accept: str | None = None) -> Report:
        """Make the local cache anew from the repositories: one listing of each; what this machine remembers of them stays.

        With `accept` that repository is right as it is listed now: what is missing there is missed no longer, and that is written down.
        """
        from drtool.catalog.lanes import Lanes
        from drtool.missed import accept as accept_missed
        from drtool.model.plan import Plan

        with self.workshop.working():
            notes = () if accept is None else accept_missed(self.hands, named(accept, self.policy.repositories, "repository"))
            self._index.clear()
            self.archive.listings(refresh=True)
            Lanes(self.state_directory).rebuild()
            plan = Plan("rebuild", self._clock.fresh_id(), self.policy.name, self._clock.now(), (), notes=notes)
            return self.workshop.carry_out(plan, needs_state=False)

    def adoptable(self) -> tuple[Adoption, ...]:
        """Return the machines of our name that are not ours, and what adopting each would bring."""
        from drtool.planning.adopt import adoptable

        with self.workshop.working():
            listings = self.archive.listings(refresh=True)
            return adoptable(listings, self.notary.acceptance, rotations=self.notary.rotations_in(listings.values()))

    def doubt_of(self, adoption: Adoption) -> str:
        """Say why a machine that is to be adopted may well be alive; empty where nothing tells so."""
        from drtool.planning.adopt import doubt

        return doubt(adoption, now=self._clock.now())

    def choose_adoption(self, name: str, *, signer: str = "", leftovers: bool = False) -> Adoption:
        """Return what `adopt` would accept, of `leftovers` no key; NotFound or Refused when that is not clear."""
        from drtool.engine.observe import observe
        from drtool.planning.adopt import choose_adoption, choose_leftovers

        ours = self.notary.ours()
        if leftovers:
            with self.workshop.working():
                left = observe(self.hands, leftovers=True).leftovers
            return choose_leftovers(left, name, ours=ours, at=self._clock.now())
        found = self.adoptable()
        rotations = self.notary.rotations_in(self.archive.listings(refresh=False).values())
        try:
            return choose_adoption(found, name, signer=signer, ours=ours, signers=self.policy.signers, rotations=rotations)
        except NotFound as error:
            if name in self._machines_that_left():
                error.hint += f"; what it left at the sources alone is taken over by: drtool adopt --leftovers {name}"
            raise

    def _machines_that_left(self) -> frozenset[str]:
        """Return the machines that left something labelled at the sources that answer; where none does, none is known."""
        from drtool.engine.observe import observe

        with contextlib.suppress(DrtoolError), self.workshop.working():
            return frozenset(each.machine for each in observe(self.hands, leftovers=True).leftovers)
        return frozenset()

    def adopt(self, adoption: Adoption) -> Report:
        """Take over a machine and its signer: from now on its points and evidence count here as our own."""
        from drtool.model.plan import Plan
        from drtool.planning.adopt import adopted
        from drtool.planning.words import spell_count

        with self.workshop.working():
            self.workshop.writable_state()
            now = self._clock.now()
            self.notary.adopt(lambda known: adopted(known, adoption, at=now))
            listings = self.archive.listings(refresh=True)
            unsigned = self._counted_unsigned(adoption, listings) if adoption.signer else frozenset()
            if unsigned:
                self.notary.adopt(lambda known: adopted(known, adoption, unsigned=unsigned, at=now))
                self.archive.listings(refresh=True)
            brought = f"{spell_count(adoption.points + len(unsigned), 'point')} of {', '.join(adoption.sets)}"
            note = f"{adoption.machine or 'what is signed'} by {adoption.signer} is ours from now on: {brought}"
            if not adoption.signer:
                note = f"what machine {adoption.machine} left is ours from now on; it brings no points, and no key is accepted"
            plan = Plan("adopt", self._clock.fresh_id(), self.policy.name, now, (), notes=(note,))
            return self.workshop.carry_out(plan)

    def _counted_unsigned(self, adoption: Adoption, listings: Mapping[str, Listing]) -> frozenset[str]:
        """Return the tags' digests of the unsigned points that a machine counted, as the newest manifest of each of its sets names them."""
        newest: dict[str, PointView] = {}
        for view in self.archive.views(listings):
            if view.point.machine == adoption.machine and view.point.signer in (adoption.signer, *adoption.keys):
                newest.setdefault(view.point.set, view)
        digests: set[str] = set()
        for view in newest.values():
            with contextlib.suppress(DrtoolError):  # its unsigned points stay what they are
                digests |= set(self.archive.manifest(view, listings).counted_unsigned)
        return frozenset(digests)

    def hold_add(self, target: str, *, until: datetime | None, reason: str) -> Hold:
        """Keep a point, or every point of a set, from being forgotten.

        Raises NotFound when the point is gone, Unavailable when the hold stands, but not in every repository.
        """
        listings = self.archive.listings(refresh=True)
        set_name, point = target, ""
        if target not in self.policy.sets and target not in {view.point.set for view in self.archive.views(listings)}:
            view = self.archive.find(target, listings)
            set_name, point = view.point.set, view.point.point
        hold = Hold(self._clock.fresh_id(), set_name, self.policy.name, reason, self._clock.now(), until, point, machine=self.hands.machine)
        left_out = self._append_hold(hold, listings)
        if point:
            self.archive.find(point, self.archive.listings(refresh=False))
        self._require_everywhere(
            f"the hold {hold.id} was written", left_out, hint=f"the same again when it answers: drtool hold add {target} …"
        )
        return hold

    def hold_list(self) -> tuple[Hold, ...]:
        """Return the holds in force."""
        return self.archive.holds(self.archive.listings(refresh=True))

    def hold_release(self, name: str) -> Hold:
        """End a hold by an appended release record."""
        listings = self.archive.listings(refresh=True)
        holds = self.archive.holds(listings)
        matches = [hold for hold in holds if hold.id == name] or [hold for hold in holds if hold.id.startswith(name)]
        if len(matches) != 1:
            told = f"{len(matches)} holds are called {name}" if matches else f"no hold is called {name}"
            raise NotFound(told, hint="drtool hold list")
        hold = matches[0]
        if hold.signer:
            self.notary.sign(hold.id.encode())  # refused here: without a signature the release would end nothing
        ended = ending(hold, id=self._clock.fresh_id(), created=self._clock.now(), machine=self.hands.machine)
        left_out = self._append_hold(ended, listings)
        self._require_everywhere(f"{hold.id} is released", left_out, hint=f"again when that answers: drtool hold release {hold.id}")
        return hold

    def key_list(self, repositories: Iterable[str] = ()) -> tuple[KeyListing, ...]:
        """Return the keys of repositories, each with when it was last proven."""
        from drtool.keys.listing import list_keys

        with self.workshop.working():
            return list_keys(self.hands, tuple(map(self._repository, repositories)) or tuple(self.policy.repositories))

    def key_add(self, repository: str, *, file: str = "", name: str = "break-glass") -> tuple[AddedKey, Secret]:
        """Add a fresh key to a repository, written to a new file when one is named; returns the passphrase to be shown once."""
        from drtool.keys.add import add_key

        with self.workshop.working():
            path = os.path.abspath(file) if file else ""
            return add_key(self.hands, self._repository(repository), name=name, file=path, ring_with=self._ring_of(repository))

    def key_prove(self, repository: str | None, file: str) -> KeyProof:
        """Open a repository with the key in a file and nothing else, read a manifest, and record that."""
        from drtool.engine.prove_key import prove_key
        from drtool.keys.opening import require_open

        name, reference = self._repository(repository), SecretReference("file", os.path.abspath(file))
        with self.workshop.working():
            hands = self.workshop.opened_with(name, reference).hands
            used_key = require_open(hands, name, reference, what="the proof")
            return prove_key(hands.for_drill(used_key), name, used_key)

    def key_rotate(self, repository: str) -> RotatedKey:
        """Replace the key in a repository's own key file by a fresh one; no run of its sets may be going on."""
        from drtool.keys.rotate import rotate_key
        from drtool.wiring import make_secrets

        name = self._repository(repository)
        sets = tuple(each.name for each in self.policy.sets.values() if name in self.policy.repositories_of(each))
        with self.workshop.alone_with(sets):
            rotated = rotate_key(self.policy, name, ring_with=self._ring_of(name), secrets=make_secrets())
        del self.workshop  # its hands have opened the repository with the old key
        return rotated

    # what was proven

    @property
    def evidence(self) -> EvidenceDesk:
        """The signed records of drills and readings."""
        from drtool.evidence import EvidenceDesk

        return EvidenceDesk(self.hands, self.notary.succession)

    def signer(self) -> Signer:
        """Return who signs evidence on this host; its key is made when there is none."""
        return self.evidence.folder.signer()

    def shared_signer(self) -> tuple[str, ...]:
        """Return the other policies for which this state directory signs with the same key."""
        from drtool.catalog.acceptance import sharing

        return sharing(self.state_directory, by=self.policy.name, signer=self.signer().fingerprint)

    def signer_to_replace(self, to: SecretReference | None = None) -> str:
        """Return the key whose place a rotation would give to another; empty where it would only finish one that was begun."""
        with self.workshop.working():
            return self._rotating().to_replace(to)

    def rotate_signer(self, to: SecretReference | None = None) -> RotatedSigner:
        """Let a new signing key take the place of ours, signed by both; killed anywhere, the same call goes on."""
        with self.workshop.alone_with(tuple(self.policy.sets)):
            return self._rotating().rotate(to)

    def _rotating(self) -> Rotating:
        from drtool.rotation import Rotating

        return Rotating(self.hands, self.notary, lambda: self.archive.listings(refresh=True), machine=self.hands.machine)

    def evidence_list(self, set_name: str | None = None) -> tuple[tuple[EvidenceView, ...], tuple[str, ...]]:
        """Return all evidence (of a set), newest first, and what could not be read."""
        with self.workshop.working():
            listings = self.evidence.listings()
        unread = tuple(f"{name}: {listing.problem.what}" for name, listing in listings.items() if listing.problem is not None)
        return self.evidence.views(listings, set_name=set_name), unread

    def evidence_show(self, name: str) -> ShownEvidence:
        """Return one piece of evidence and whether its signature fits."""
        with self.workshop.working():
            return self.evidence.show(name)

    def evidence_verify(self, allowed_signers: str | None = None) -> Examination:
        """Check every signature, every chain and the heads in all manifests; with a file of allowed signers also who signed."""
        with self.workshop.working():
            return self.evidence.examine(allowed_signers=allowed_signers)

    def evidence_export(self, directory: str) -> Mapping[str, Any]:
        """Write records, signatures, allowed signers and an index into a new directory; returns the index."""
        with self.workshop.working():
            return self.evidence.export(directory)

    # what is decided on paper

    def explain(self, set_name: str) -> tuple[str, ...]:
        """Say in words what will happen to a set, and when."""
        from drtool.planning.explain import explain

        return explain(self.policy, self._sets([set_name])[0], now=self._clock.now())

    def plan_run(self, sets: Iterable[str] = (), *, due: bool = False) -> Plan:
        """Return what `run`, or with `due` what `run_due`, would do now; nothing is written down."""
        from drtool.planning.schedule import run_tasks

        names = self._sets(sets)
        with self.workshop.working():
            if not due:
                return self.workshop.plan_run(names, self.workshop.observe_run(names))
            tasks = run_tasks(self.policy, names)
            look = self._informed(self.timetable.agenda(tasks), tasks, remember=False)
            return self.workshop.plan_due(look, self.workshop.observe_run(look.names("run"), also=look.names("verify")))

    def plan_restore(self, request: RestoreRequest) -> Plan:
        """Return what `restore` would do: the points are chosen, their manifests read, and places, room and paths looked at."""
        from drtool.engine.room import require_room, size_paths
        from drtool.engine.survey import survey
        from drtool.planning.others import about_choice
        from drtool.planning.restore import plan_restore
        from drtool.planning.room import with_sizes
        from drtool.planning.survey import with_surveys

        with self.workshop.working():
            declared = self._clock.now()
            sets = self._restorable(request)
            request = replace(request, sets=sets)
            chosen: dict[str, ChosenPoint] = {}
            read: dict[str, Manifest] = {}
            for name in sets:
                preferred = request.repositories or self._kept_in(name)
                chosen[name], read[name] = self.archive.choose(
                    name, preferred, point=request.point, at=request.at, workloads=request.workloads
                )
            copies = {name: choice.copies for name, choice in chosen.items()}
            joined = self._joined(read, copies=copies, form=request.destination.form, renamed=request.renamed)
            plan = plan_restore(
                joined.policy,
                request,
                manifests=joined.manifests,
                copies=copies,
                now=declared,
                declared=declared,
                run=self._clock.fresh_id(),
                unprotected=joined.unprotected,
                notes=joined.notes,
            )
            if joined.policy != self.policy:
                self._workshops[plan.run] = replace(self.workshop, policy=joined.policy)
            plan = self._origin.on_paper(plan, joined.policy)
            hands = self._workshops.get(plan.run, self.workshop).hands
            for choice in chosen.values():
                notes, asks = about_choice(choice, in_place=request.destination.form == "original")
                plan = replace(plan, notes=(*plan.notes, *notes), asks=(*plan.asks, *asks))
            plan = with_sizes(plan, size_paths(hands, plan))
            require_room(hands, plan)
            return self._with_forecast(with_surveys(plan, survey(hands, plan)), read)

    def plan_drill(self, name: str) -> Plan:
        """Return what `drill` would do; a set's name stands for a drill of that set in the only sandbox."""
        drill = self._drill(name)
        with self.workshop.working():
            workshop, _used_key = self._opened_for(drill)
            return self._plan_drill(drill, workshop)[0]

    # what only looks

    def doctor(self, subjects: Iterable[str] = ()) -> tuple[Finding, ...]:
        """Ask every source, repository, sandbox and key whether a run and a restore would work."""
        from drtool.doctor import examine

        with self.workshop.working():
            return examine(
                self.hands,
                self.state_directory,
                tuple(subjects),
                openings=self.openings,
                open_alone=lambda repository, key: self.workshop.opened_with(repository, key).hands,
            )

    def inventory(self) -> tuple[InventoryLine, ...]:
        """Return every workload the policy protects, and what stands in its way."""
        from drtool.engine.protected import look_at_protected
        from drtool.model.view import InventoryLine

        with self.workshop.working():
            found = look_at_protected(self.hands, self.policy.sets)
        lines = []
        for name, members in found.sets.items():
            for workload in members.workloads:
                barred = found.tried[workload.name].barred if workload.name in found.tried else ()
                unread = f"this user cannot read {', '.join(barred)}" if barred else ""
                state = "problem" if workload.problem or unread else "protected"
                lines.append(InventoryLine(workload.name, workload.source, name, state, workload.problem or unread or workload.way))
            lines += [InventoryLine("", "", name, "problem", problem.what) for problem in members.problems]
            lines += [InventoryLine("", source, name, "problem", "the selector matches nothing") for source in members.empty]
        return tuple(lines)

    def status(self, *, refresh: bool = False) -> StatusView:
        """Tell how every set stands, from the index unless `refresh`."""
        from drtool.forecasts import Forecasts

        listings = {} if refresh else self._index.load()
        if len(listings) < len(self.policy.repositories):
            listings = self.archive.listings(refresh=refresh)
        now = self._clock.now()
        inventory = Inventory(taken=now, repositories=listings)
        as_of = min((listing.taken for listing in listings.values()), default=now)
        timed, untimed = self.timetable.statuses(listings), self.timetable.untimed()
        failed = {each.task.name: each.next for each in (*timed, *untimed) if each.task.verb == "run" and each.attention}
        beyond = replace(Forecasts(self.policy, self.state_directory).beyond(listings, now=now), after_failure=failed)
        return StatusView(
            assess(self.policy, inventory, now=now, beyond=beyond),
            as_of,
            now,
            reading_status(self.policy, listings, now=now),
            timed,
            left_out(self.policy),
            gone_sets(self.policy, listings),
            untimed,
            dead_runs(self.state_directory),
        )

    def forecast(self, sets: Iterable[str] = (), *, refresh: bool = False) -> ForecastView:
        """Say how long sets would take from each of their copies, and how good earlier forecasts were."""
        from drtool.forecasts import Forecasts

        return Forecasts(self.policy, self.state_directory).view(self._sets(sets), self.archive.listings(refresh=refresh))

    def points(self, set_name: str | None = None, *, refresh: bool = False) -> tuple[PointView, ...]:
        """Return the recovery points, newest first."""
        listings = self.archive.listings(refresh=refresh)
        return tuple(view for view in self.archive.views(listings) if set_name in (None, view.point.set))

    def show(self, name: str) -> Manifest | Report:
        """Return the manifest of a point, or the report of a run."""
        try:
            return self.report(name)
        except NotFound:
            listings = self.archive.listings(refresh=False)
            return self.archive.manifest(self.archive.find(name, listings), listings)

    def policy_of(self, name: str) -> TravelledPolicy:
        """Return the policy that travelled in a point, as text that `validate` reads, and what it does not tell of."""
        from drtool.catalog.manifest import policy_of
        from drtool.model.errors import Corrupt
        from drtool.policy.write import spell

        listings = self.archive.listings(refresh=True)
        manifest = self.archive.manifest(self.archive.find(name, listings), listings)
        others = {point.set for listing in listings.values() for point in listing.points} - {manifest.set}
        try:
            policy = policy_of(manifest)
        except Corrupt:  # written by a later release, perhaps
            if manifest.policy_text:
                return TravelledPolicy(manifest.policy_text, (manifest.set,), tuple(sorted(others)))
            raise
        return TravelledPolicy(spell(policy), tuple(policy.sets), tuple(sorted(others - set(policy.sets))))

    def list_files(self, point: str, path: str = "", workload: str | None = None) -> Iterator[Entry]:
        """Yield what is inside a point."""
        return self.archive.files(point, path, workload)

    def mount(self, plan: Plan) -> Report:
        """Carry out a plan of `plan_mount`: returns when it is interrupted, unmounted, or its time is over."""
        with self.workshop.working():
            self.workshop.writable_state()
            self.workshop.sweep_quietly()
            return self.workshop.carry_out(plan)

    def plan_mount(self, point: str, directory: str | None = None, *, until: datetime, repository: str | None = None) -> Plan:
        """Return what `mount` would do; Refused where nothing can be shown."""
        from drtool.engine.mount import require_place
        from drtool.model.plan import Mount
        from drtool.planning.mount import plan_mount

        view = self.archive.find(point, self.archive.listings(refresh=True))
        name = repository or view.listed[0]
        if name not in view.listed:
            raise NotFound(f"{name} does not hold that point", hint=f"it is in: {', '.join(view.listed)}")
        now = self._clock.now()
        plan = plan_mount(
            view.point,
            repository=name,
            directory=os.path.abspath(directory or self.mount_directory(view.point.point)),
            made=directory is None,
            until=until,
            now=now,
            run=self._clock.fresh_id(),
            by=self.policy.name,
        )
        for step in plan.steps:
            if isinstance(step.action, Mount):
                require_place(step.action)
        return plan

    def mount_directory(self, point: str) -> str:
        """Name the directory a point is shown at when nobody names one."""
        return os.path.join(os.path.abspath(self.state_directory), "mounts", point)

    def browse(self, point: str) -> Browse:
        """Open a point for many looks inside."""
        archive = self.archive
        view, manifest = archive.members(point)
        return Browse(
            view.point,
            lambda path: archive.folder(view, manifest, path),
            lambda path, target: archive.take_out(view, manifest, path, target),
        )

    def diff(self, older: str, newer: str) -> tuple[str, ...]:
        """Return what differs between two points, a line each: `+` added, `-` removed, `M` changed."""
        return self.archive.differences(older, newer)

    def history(self) -> tuple[Report, ...]:
        """Return the reports of the runs this host remembers, newest first."""
        return tuple(report for folder in self.workshop.runs.all() if (report := folder.report()) is not None)

    def report(self, name: str) -> Report:
        """Return the report of one run, by its id, a unique beginning or end of it, or `last`."""
        folders = list(self.workshop.runs.all())
        matches = folders[:1] if name == "last" else [each for each in folders if each.run.startswith(name) or each.run.endswith(name)]
        report = matches[0].report() if len(matches) == 1 else None
        if report is None:
            raise NotFound(f"no run is called {name}", hint="drtool history")
        return report

    def last_restore(self) -> str:
        """Return the newest run of this machine that put something into service; NotFound when there is none."""
        for report in self.history():
            if report.verb == "restore" and any(step.action == "cutover" and step.outcome is not None for step in report.steps):
                return report.run
        raise NotFound("no restore that this machine remembers put anything into service", hint="drtool history; then --undo and a run")

    # the pieces

    def _informed(self, look: Agenda, tasks: Mapping[Task, Timed], *, remember: bool = True) -> Agenda:
        """Ask the repositories about what this host does not remember."""
        if not look.unknown:
            return look
        return self.timetable.informed(look, tasks, self.workshop.listings_for(look), remember=remember)

    def _simple(self, make_plan: Callable[[str, datetime], Plan]) -> Report:
        with self.workshop.working():
            self.workshop.writable_state()
            self.workshop.sweep_quietly()
            return self.workshop.carry_out(make_plan(self._clock.fresh_id(), self._clock.now()))

    @contextlib.contextmanager
    def _remembering(self, tasks: Iterable[Task]) -> Iterator[None]:
        """Count an error before there was a plan as an attempt too: it must not come again at every call."""
        try:
            yield
        except DrtoolError as error:
            self.timetable.failed(tasks, error)
            raise

    def _with_forecast(self, plan: Plan, read: Mapping[str, Manifest]) -> Plan:
        from drtool.forecasts import Forecasts

        known = self._index.load()
        return Forecasts(self.policy, self.state_directory).of_plan(plan, known, read.values())

    def _sets(self, names: Iterable[str]) -> tuple[str, ...]:
        return tuple(self.named(name, self.policy.sets, "set") for name in dict.fromkeys(names)) or tuple(self.policy.sets)

    def named(self, name: str, known: Iterable[str], noun: str) -> str:
        """Return a name that is known; on a bare machine there is no policy that could have it."""
        try:
            return named(name, known, noun)
        except UnknownName as error:
            if not self.is_bare:
                raise
            raise UnknownName(f"there is no {noun} `{name}` in this repository", hint=error.hint) from None

    def _ring_of(self, repository: str) -> Callable[[SecretReference], KeyRing]:
        return lambda reference: self.workshop.opened_with(repository, reference).hands.key_rings[repository]

    def _repository(self, name: str | None) -> str:
        names = tuple(self.policy.repositories)
        if name is None and len(names) == 1:
            return names[0]
        if name is None:
            raise UnknownName("name a repository", hint=f"there are: {', '.join(names)}")
        return named(name, names, "repository")

    def _drill(self, name: str) -> DrillPolicy:
        return self.policy.drills.get(name) or self._drill_of_set(name)

    def _opened_for(self, drill: DrillPolicy) -> tuple[Workshop, UsedKey | None]:
        """Return what a drill works with; with a `key:` of its own, that alone opens its repository."""
        if drill.key is None:
            return self.workshop, None
        from drtool.keys.opening import require_open

        workshop = self.workshop.opened_with(drill.repository, drill.key)
        return workshop, require_open(workshop.hands, drill.repository, drill.key, what=f"the drill {drill.name}")

    def _plan_drill(self, drill: DrillPolicy, workshop: Workshop) -> tuple[Plan, Workshop]:
        """Return the plan of a drill, and the workshop that can carry it out: its points are read by their own policies."""
        from drtool.planning.drill import plan_drill
        from drtool.planning.own_policy import with_sources

        declared = self._clock.now()
        read = {each: workshop.archive.choose(each, (drill.repository,), signers=self._accepted_signers)[1] for each in drill.sets}
        older = workshop.archive.before(read.values(), drill.repository) if drill.negative_control else {}
        joined = self._joined(read, copies=dict.fromkeys(read, (drill.repository,)), form="sandbox")
        plan = plan_drill(
            joined.policy,
            drill,
            manifests=joined.manifests,
            older={each: with_sources(manifest, joined.renamed) for each, manifest in older.items()},
            notes=joined.notes,
            repository=drill.repository,
            now=declared,
            declared=declared,
            run=self._clock.fresh_id(),
        )
        if joined.policy != self.policy:
            workshop = replace(workshop, policy=replace(workshop.policy, sources=joined.policy.sources, sets=joined.policy.sets))
        return self._with_forecast(plan, read), workshop

    def _accepted_signers(self) -> frozenset[str]:
        """Return whose points a drill takes: it goes to a sandbox, so it needs no machine to be adopted."""
        return self.notary.ours().signers

    def _drill_of_set(self, name: str) -> DrillPolicy:
        if name not in self.policy.sets:
            named(name, (*self.policy.drills, *self.policy.sets, *self._gone_sets()), "drill and no set")
        if not self.policy.sandboxes:
            raise NotFound("the policy has no sandbox to drill in", hint="add sandboxes: {lab: {lease: 2h, …}}")
        return DrillPolicy(name, (name,), self._kept_in(name)[-1], next(iter(self.policy.sandboxes)))

    def _restorable(self, request: RestoreRequest) -> tuple[str, ...]:
        """Return the sets that a restore is about: those named, that of a point named alone, else all; one may live in its points only."""
        if not request.sets and request.point:
            return (self.archive.find(request.point, self.archive.listings(refresh=True)).point.set,)
        unknown = [name for name in request.sets if name not in self.policy.sets]
        if unknown:
            known = (*self.policy.sets, *self._gone_sets())
            for name in unknown:
                self.named(name, known, "set")
            return tuple(dict.fromkeys(request.sets))
        return self._sets(request.sets)

    def _gone_sets(self) -> tuple[str, ...]:
        """Return the sets that have points of ours and are not in the policy."""
        return tuple(each.set for each in gone_sets(self.policy, self.archive.listings(refresh=False)))

    def _kept_in(self, set_name: str) -> tuple[str, ...]:
        """Name the repositories that hold points of a set; of one that the policy does not have any may."""
        known = self.policy.sets.get(set_name)
        return self.policy.repositories_of(known) if known is not None else tuple(self.policy.repositories)

    def _joined(
        self,
        read: Mapping[str, Manifest],
        *,
        copies: Mapping[str, tuple[str, ...]],
        form: str,
        renamed: Mapping[str, str] | None = None,
    ) -> Joined:
        """Read points by their own policies; one that cannot be read is done without."""
        from drtool.catalog.manifest import policy_of
        from drtool.model.errors import Corrupt
        from drtool.planning.own_policy import join
        from drtool.wiring import FACTS

        own = {}
        for name, manifest in read.items():
            with contextlib.suppress(Corrupt):
                own[name] = policy_of(manifest)
        return join(self.policy, read, own=own, copies=copies, form=form, renamed=renamed, facts=FACTS)

    def _append_hold(self, hold: Hold, listings: Mapping[str, Listing]) -> tuple[str, ...]:
        """Write a hold wherever its set is kept, its end wherever it is listed, too; returns the repositories that could not be asked."""
        listed = (name for name, listing in listings.items() if hold.releases and any(each.id == hold.releases for each in listing.holds))
        names = tuple(dict.fromkeys((*self._kept_in(hold.set), *listed)))
        with self.workshop.working():  # it locks: killed, it must be known whose that lock was
            for name in names:
                if listings[name].problem is None:
                    self.hands.repositories[name].append(hold)
        self.archive.listings(refresh=True)  # what is remembered knows it, too
        return tuple(name for name in names if listings[name].problem is not None)

    def _require_everywhere(self, done: str, left_out: tuple[str, ...], *, hint: str) -> None:
        if left_out:
            raise Unavailable(f"{done}, but not in {', '.join(left_out)}: it could not be read", hint=hint, safe="elsewhere it counts")


def open_policy(
    policy: str | None = None,
    *,
    state_directory: str | None = None,
    listeners: Iterable[Listener] = (),
    binary: str | None = None,
    deadline_seconds: float | None = None,
) -> App:
    """Open the policy at a path, in $DRTOOL_POLICY, ./policies/ or /etc/drtool/; PolicyError lists every mistake."""
    from drtool.policy.find import find
    from drtool.policy.load import load, openings
    from drtool.wiring import KINDS

    state = state_directory or default_state_directory(os.environ)
    places = find(policy, os.environ)
    loaded = load(places, KINDS, cache_directory=os.path.join(state, "policy"))
    app = App(loaded, state_directory=state, listeners=listeners, binary=binary or "restic", deadline_seconds=deadline_seconds)
    app.openings = openings(places)
    return app


def open_repository(
    location: str,
    password_file: str,
    *,
    state_directory: str | None = None,
    listeners: Iterable[Listener] = (),
    binary: str | None = None,
    trust_commands: bool = False,
    ssh_config: str = "",
    deadline_seconds: float | None = None,
    machine: str = "",
    asked: Sequence[str] = (),
) -> App:
    """Open a repository on a bare machine, with a key and nothing else: the policy is read from its newest manifests.

    Credentials are taken from the environment by name (AWS_* and the like). Nothing of that policy is run, connected to or
    looked up as a secret unless `trust_commands`. Where several machines or policies keep their points there, `machine` says whose,
    or the whole id of a point among those `asked` for; a set's name does only where one key signs for all.
    """
    from drtool.bare import given_to, policy_from_repository
    from drtool.origin import FromRepository

    state = state_directory or default_state_directory(os.environ)
    found = policy_from_repository(
        location,
        os.path.abspath(password_file),
        os.environ,
        binary=binary or "restic",
        ssh_config=ssh_config,
        machine=machine,
        asked=asked,
    )
    origin = Operator() if trust_commands else FromRepository(given_to(found.policy))
    app = App(
        found.policy,
        state_directory=state,
        listeners=listeners,
        binary=binary or "restic",
        origin=origin,
        bare=True,
        deadline_seconds=deadline_seconds,
        standing_in=found.of,
    )
    app.told = found.told
    app.chosen_by = found.said
    app.forget_listings()
    return app


def open_journals(*, state_directory: str | None = None) -> App:
    """Open what this machine itself remembers of its runs: there is no policy, and nothing else is known."""
    return App(Policy("", "", {}, {}, {}), state_directory=state_directory or default_state_directory(os.environ), bare=True)


def default_state_directory(environment: Mapping[str, str]) -> str:
    """Return $DRTOOL_STATE_DIR, $STATE_DIRECTORY, /var/lib/drtool for root, else $XDG_STATE_HOME/drtool."""
    for name in ("DRTOOL_STATE_DIR", "STATE_DIRECTORY"):
        if environment.get(name):
            return environment[name]
    if os.geteuid() == 0:
        return "/var/lib/drtool"
    home = environment.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    return os.path.join(home, "drtool")
