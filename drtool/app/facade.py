"""Every verb of drtool as a method; what each does is in the module that it calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drtool.app import verbs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta

    from drtool.app.forecasts import ForecastView
    from drtool.app.inside import Browse, PointFiles
    from drtool.app.kept import KeptThing
    from drtool.app.looking import TravelledPolicy
    from drtool.app.rotation import RotatedSigner
    from drtool.app.runtime import Runtime
    from drtool.app.scheduling import TimerWish
    from drtool.app.status import StatusView
    from drtool.catalog.signer import Signer
    from drtool.model.examination import EvidenceView, Examination
    from drtool.model.found import Found
    from drtool.model.hold import Hold
    from drtool.model.immutable import Extended, ExtendPlan, ImmutableAudit, Recovered, RecoverPlan
    from drtool.model.inventory import Listing
    from drtool.model.key import AddedKey, KeyListing, KeyProof, RemovedKey, RotatedKey
    from drtool.model.ledger import Ledger
    from drtool.model.plan import Plan
    from drtool.model.point import Manifest
    from drtool.model.report import Report
    from drtool.model.secret import Secret, SecretReference
    from drtool.model.standing import Adoption
    from drtool.model.timer import SchedulePlan, TimerFile
    from drtool.model.view import PointView, ShownEvidence
    from drtool.openness import Opening
    from drtool.planning.restore import RestoreRequest
    from drtool.ports import Finding


class App:
    """One policy on one host: every verb of the command line as a method; errors are those of `drtool.model.errors`.

    Verbs have one shape: `plan_x` returns a Plan and changes nothing, `x` carries out such a plan, or plans by names and carries that out.

    Args:
        runtime: what every verb works with; who opened the policy made it.
        told: what a person must know of how it was found out what lies in a bare repository.
        chosen_by: what `--machine` says of whose points those are, where others keep points there too.
    """

    def __init__(self, runtime: Runtime, *, told: tuple[str, ...] = (), chosen_by: str = "") -> None:
        self._runtime = runtime
        self.policy, self.state_directory = runtime.policy, runtime.state_directory
        self.is_bare, self.openings = runtime.is_bare, runtime.openings
        self.told, self.chosen_by = told, chosen_by

    # protect
    def plan_initialise(self, repositories: Iterable[str] = ()) -> Plan:
        """Return what `initialise` would create."""
        return verbs.upkeep.plan_initialise(self._runtime, repositories)

    def initialise(self, what: Plan | Iterable[str] = ()) -> Report:
        """Create the repositories that do not exist yet, each with a fresh key file where the policy names one that is missing."""
        return verbs.upkeep.initialise(self._runtime, what)

    def plan_run(self, sets: Iterable[str] = (), *, due: bool = False) -> Plan:
        """Return what `run`, or with `due` what `run_due`, would do now."""
        return verbs.backup.plan_run(self._runtime, sets, due=due)

    def run(self, what: Plan | Iterable[str] = ()) -> Report:
        """Back sets up: snapshot, store, seal, copy, forget."""
        return verbs.backup.run(self._runtime, what)

    def run_due(self, sets: Iterable[str] = ()) -> Report | None:
        """Back up the sets whose time has come, and prune and read what is due; None when nothing was; Unscheduled when nothing can be."""
        return verbs.due.run_due(self._runtime, sets)

    def plan_copy(self, sets: Iterable[str] = ()) -> Plan:
        """Return what `copy` would do now."""
        return verbs.backup.plan_copy(self._runtime, sets)

    def copy(self, what: Plan | Iterable[str] = ()) -> Report:
        """Bring the copies of sets up to date."""
        return verbs.backup.copy_points(self._runtime, what)

    def plan_verify(self, repositories: Iterable[str] = (), *, point: str | None = None) -> Plan:
        """Return what `verify` would read."""
        return verbs.upkeep.plan_verify(self._runtime, repositories, point=point)

    def verify(self, what: Plan | Iterable[str] = (), *, point: str | None = None) -> Report:
        """Read every byte of repositories, with `point` only what that needs, against its digests, and record that."""
        return verbs.upkeep.verify(self._runtime, what, point=point)

    def plan_prune(self, repositories: Iterable[str] = ()) -> Plan:
        """Return what `prune` would do."""
        return verbs.upkeep.plan_prune(self._runtime, repositories)

    def prune(self, what: Plan | Iterable[str] = ()) -> Report:
        """Free the space that nothing claims any more."""
        return verbs.upkeep.prune(self._runtime, what)

    def plan_forget(self, names: Iterable[str] = ()) -> Plan:
        """Return what `forget` would forget now, with what keeps every other point."""
        return verbs.forgetting.plan_forget(self._runtime, names)

    def forget(self, what: Plan | Iterable[str] = (), *, looked: bool = False) -> Report:
        """Forget, as the trusted side of a store, points of another policy (its name, and the repository, where several are meant)."""
        return verbs.forgetting.forget(self._runtime, what, looked=looked)

    # recover and prove
    def plan_restore(self, request: RestoreRequest) -> Plan:
        """Return what `restore` would do: the points are chosen, their manifests read, and places, room and paths looked at."""
        return verbs.restore.plan_restore(self._runtime, request)

    def plan_undo(self, run: str) -> Plan:
        """Return what would take back what a run put into service; whatever a dead run left is finished or released first."""
        return verbs.restore.plan_undo(self._runtime, run)

    def restore(self, plan: Plan) -> Report:
        """Carry out a plan of `plan_restore` or `plan_undo`, and none by names: a person has seen it before."""
        return verbs.restore.restore(self._runtime, plan)

    def last_restore(self) -> str:
        """Return the newest run of this machine that put something into service; NotFound when there is none."""
        return verbs.history.last_restore(self._runtime)

    def plan_drill(self, name: str) -> Plan:
        """Return what `drill` would do; a set's name stands for a drill of that set in the only sandbox."""
        return verbs.drill.plan_drill(self._runtime, name)

    def drill(self, names: Iterable[str] = ()) -> Report:
        """Restore into a sandbox, ask the checks, record the evidence, release: by its name alone, since its clock starts with its plan."""
        return verbs.drill.drill(self._runtime, names)

    def due_drills(self, names: Iterable[str] = ()) -> tuple[str, ...]:
        """Name the drills whose time has come; Unscheduled when nothing could ever be due."""
        return verbs.due.due_drills(self._runtime, names)

    def drill_due(self, name: str) -> Report | None:
        """Carry out a drill if its time has come; None when it has not, or another call took it on meanwhile."""
        return verbs.drill.drill_due(self._runtime, name)

    def signer(self) -> Signer:
        """Return who signs evidence on this host; its key is made when there is none."""
        return verbs.evidence.signer(self._runtime)

    def shared_signer(self) -> tuple[str, ...]:
        """Return the other policies for which this state directory signs with the same key."""
        return verbs.evidence.shared_signer(self._runtime)

    def evidence_list(self, set_name: str | None = None) -> tuple[tuple[EvidenceView, ...], tuple[str, ...]]:
        """Return all evidence (of a set), newest first, and what could not be read."""
        return verbs.evidence.evidence_list(self._runtime, set_name)

    def evidence_show(self, name: str) -> ShownEvidence:
        """Return one piece of evidence and whether its signature fits."""
        return verbs.evidence.evidence_show(self._runtime, name)

    def evidence_verify(self, allowed_signers: str | None = None) -> Examination:
        """Check every signature, every chain and the heads in all manifests; with a file of allowed signers also who signed."""
        return verbs.examining.evidence_verify(self._runtime, allowed_signers)

    def evidence_export(self, directory: str) -> Mapping[str, Any]:
        """Write records, signatures, allowed signers and an index into a new directory; returns the index."""
        return verbs.examining.evidence_export(self._runtime, directory)

    def signer_to_replace(self, to: SecretReference | None = None) -> str:
        """Return the key whose place a rotation would give to another; empty where it would only finish one that was begun."""
        return verbs.rotation.signer_to_replace(self._runtime, to)

    def rotate_signer(self, to: SecretReference | None = None) -> RotatedSigner:
        """Let a new signing key take the place of ours; there is no plan, since what is next depends on what a killed call had done."""
        return verbs.rotation.rotate_signer(self._runtime, to)

    # look
    def status(self, *, refresh: bool = False) -> StatusView:
        """Tell how every set stands, from the index unless `refresh`."""
        return verbs.status.status(self._runtime, refresh=refresh)

    def checked_status(self, *, refresh: bool = False) -> StatusView:
        """Tell how every set stands, by listings that are young enough to be alarmed by, or taken now."""
        return verbs.status.checked_status(self._runtime, refresh=refresh)

    def listings(self, *, refresh: bool = False) -> Mapping[str, Listing]:
        """Return a listing of every repository, from the index unless `refresh`."""
        return verbs.listings.listings(self._runtime, refresh=refresh)

    def age_of(self, known: Mapping[str, Listing]) -> timedelta:
        """Tell how old the oldest of these listings is."""
        return verbs.listings.age_of(self._runtime, known)

    def points_in(self, known: Mapping[str, Listing]) -> tuple[PointView, ...]:
        """Return the recovery points that listings tell of, newest first."""
        return verbs.listings.points_in(self._runtime, known)

    def points(self, set_name: str | None = None, *, refresh: bool = False) -> tuple[PointView, ...]:
        """Return the recovery points, newest first."""
        return verbs.looking.points(self._runtime, set_name, refresh=refresh)

    def show(self, name: str) -> Manifest | Report:
        """Return the manifest of a point, or the report of a run."""
        return verbs.looking.show(self._runtime, name)

    def policy_of(self, name: str) -> TravelledPolicy:
        """Return the policy that travelled in a point, as text that `validate` reads, and what it does not tell of."""
        return verbs.looking.policy_of(self._runtime, name)

    def list_files(self, point: str, path: str = "", workload: str | None = None) -> PointFiles:
        """Return what is inside a point."""
        return verbs.inside.list_files(self._runtime, point, path, workload)

    def find(
        self,
        patterns: Iterable[str],
        *,
        set_name: str | None = None,
        repository: str | None = None,
        newest: int | None = None,
        workload: str | None = None,
        ignore_case: bool = False,
    ) -> Found:
        """Return which points hold what fits a pattern, in which versions: of a set, a repository, a workload, of the newest so many."""
        return verbs.finding.find(
            self._runtime,
            patterns,
            set_name=set_name,
            repository=repository,
            newest=newest,
            workload=workload,
            ignore_case=ignore_case,
        )

    def diff(self, older: str, newer: str) -> tuple[str, ...]:
        """Return what differs between two points, a line each: `+` added, `-` removed, `M` changed."""
        return verbs.inside.diff(self._runtime, older, newer)

    def browse(self, point: str) -> Browse:
        """Open a point for many looks inside."""
        return verbs.inside.browse(self._runtime, point)

    def plan_mount(self, point: str, directory: str | None = None, *, until: datetime, repository: str | None = None) -> Plan:
        """Return what `mount` would do; Refused where nothing can be shown."""
        return verbs.looking.plan_mount(self._runtime, point, directory, until=until, repository=repository)

    def mount(self, plan: Plan) -> Report:
        """Carry out a plan of `plan_mount`: returns when it is interrupted, unmounted, or its time is over."""
        return verbs.looking.mount(self._runtime, plan)

    def history(self) -> tuple[Report, ...]:
        """Return the reports of the runs this host remembers, newest first."""
        return verbs.history.history(self._runtime)

    def report(self, name: str) -> Report:
        """Return the report of one run, by its id, a unique beginning or end of it, or `last`."""
        return verbs.history.report(self._runtime, name)

    def inventory(self) -> Ledger:
        """Return everything that exists on the sources of the policy: protected, excluded, unprotected, or a problem."""
        return verbs.inventory.inventory(self._runtime)

    def forecast(self, sets: Iterable[str] = (), *, refresh: bool = False) -> ForecastView:
        """Say how long sets would take from each of their copies, and how good earlier forecasts were."""
        return verbs.looking.forecast(self._runtime, sets, refresh=refresh)

    def explain(self, set_name: str) -> tuple[str, ...]:
        """Say in words what will happen to a set, and when."""
        return verbs.looking.explain(self._runtime, set_name)

    # set up and look after
    def machine(self) -> str:
        """Return this machine's id; empty where none can be kept."""
        return self._runtime.notary.machine

    def doctor(self, subjects: Iterable[str] = ()) -> tuple[Finding, ...]:
        """Ask every source, repository, sandbox and key whether a run and a restore would work."""
        return verbs.doctor.doctor(self._runtime, tuple(subjects))

    def grants(self, source: str) -> tuple[str, ...]:
        """Return the commands of a source's own platform that make a login with the rights that drtool needs there, and no more."""
        return verbs.doctor.grants(self._runtime, source)

    def state_openings(self) -> tuple[Opening, ...]:
        """Return by whom else the state directory may be written: what is told of schedules and runs is read there."""
        return verbs.history.state_openings(self._runtime)

    def told_of_own_places(self) -> tuple[str, ...]:
        """Say what of drtool's own lies below a protected path of this machine, and what that means."""
        return verbs.looking.told_of_own_places(self._runtime)

    def own_place_of(self, path: str) -> str:
        """Say which place of drtool's own on this machine a path is or lies in, links followed; empty: in none."""
        return verbs.looking.own_place_of(self._runtime, path)

    def known_names(self, kind: str) -> Mapping[str, str]:
        """Return the names of a kind (`SET`, `POINT`, `RUN`, …) that are known without asking anybody, each with what it is."""
        return verbs.known.known_names(self._runtime, kind)

    def named(self, name: str, known: Iterable[str], noun: str) -> str:
        """Return a name that is known; UnknownName with the nearest one else."""
        return self._runtime.named(name, known, noun)

    def plan_sweep(self, *, kept: bool = False, shown: frozenset[str] | None = None) -> Plan:
        """Return what `sweep` would release; of what was kept aside, with `kept`, only what was `shown` (None: all)."""
        return verbs.sweeping.plan_sweep(self._runtime, kept=kept, shown=shown)

    def sweep(self, what: Plan | None = None, *, kept: bool = False, shown: frozenset[str] | None = None) -> Report:
        """Release what runs that are over left behind; what was kept aside only with `kept`, and of that only what was `shown`."""
        return verbs.sweeping.sweep(self._runtime, what, kept=kept, shown=shown)

    def kept(self) -> tuple[KeptThing, ...]:
        """Look at what restores kept aside: how old and large it is, and what of it the newest whole point does not hold."""
        return verbs.kept.kept(self._runtime)

    def rebuild(self, *, accept: str | None = None) -> Report:
        """Make the local cache anew; there is no plan, since nothing else is changed. With `accept` that repository is right as it is."""
        return verbs.upkeep.rebuild(self._runtime, accept=accept)

    def adoptable(self) -> tuple[Adoption, ...]:
        """Return the machines of our name that are not ours, and what adopting each would bring."""
        return verbs.adoption.adoptable(self._runtime)

    def doubt_of(self, adopted: Adoption) -> str:
        """Say why a machine that is to be adopted may well be alive; empty where nothing tells so."""
        return verbs.adoption.doubt_of(self._runtime, adopted)

    def choose_adoption(self, name: str, *, signer: str = "", leftovers: bool = False) -> Adoption:
        """Return what `adopt` would accept, of `leftovers` no key; NotFound or Refused when that is not clear."""
        return verbs.adoption.choose_adoption(self._runtime, name, signer=signer, leftovers=leftovers)

    def adopt(self, adopted: Adoption) -> Report:
        """Take over a machine and its signer; what `choose_adoption` returns stands in the place of a plan."""
        return verbs.adoption.adopt(self._runtime, adopted)

    def timer_files(self, wish: TimerWish) -> tuple[TimerFile, ...]:
        """Return the files by which this machine calls drtool by itself."""
        return verbs.scheduling.timer_files(self._runtime, wish)

    def plan_schedule(self, wish: TimerWish, *, install: bool = False, remove: bool = False) -> SchedulePlan:
        """Return what `schedule` would change where such files lie; with `install` Refused where that would start nothing, or twice."""
        return verbs.scheduling.plan_schedule(self._runtime, wish, install=install, remove=remove)

    def schedule(self, what: SchedulePlan) -> tuple[str, ...]:
        """Write and remove them, and let systemd know; returns what was not possible."""
        return verbs.scheduling.schedule(self._runtime, what)

    def tell_of_unit(self, unit: str) -> tuple[str, ...]:
        """Tell whoever the policy names that a unit of systemd failed; returns who was not told."""
        return verbs.telling.tell_of_unit(self._runtime, unit)

    def notify_test(self, names: Iterable[str] = ()) -> tuple[Finding, ...]:
        """Send a message that says so to whoever the policy names; there is no plan, as nothing is changed."""
        return verbs.doctor.notify_test(self._runtime, names)

    def hold_add(self, target: str, *, until: datetime | None, reason: str) -> Hold:
        """Keep a point, or every point of a set, from being forgotten; there is no plan, since it is one appended record."""
        return verbs.holds.hold_add(self._runtime, target, until=until, reason=reason)

    def hold_list(self) -> tuple[Hold, ...]:
        """Return the holds in force."""
        return verbs.holds.hold_list(self._runtime)

    def hold_release(self, name: str) -> Hold:
        """End a hold by an appended release record; there is no plan, as for `hold_add`."""
        return verbs.holds.hold_release(self._runtime, name)

    def immutable_audit(self, repository: str | None = None) -> ImmutableAudit:
        """Look until when everything that a kept point needs of a bucket is locked."""
        return verbs.immutable.immutable_audit(self._runtime, repository)

    def plan_immutable_extend(self, repository: str | None = None) -> ExtendPlan:
        """Return which locks `immutable_extend` would renew, and until when."""
        return verbs.immutable.plan_immutable_extend(self._runtime, repository)

    def immutable_extend(self, what: ExtendPlan) -> Extended:
        """Renew the locks of what a kept point needs; none is ever shortened."""
        return verbs.immutable.immutable_extend(self._runtime, what)

    def plan_immutable_recover(self, repository: str | None = None, *, since: datetime) -> RecoverPlan:
        """Return what was hidden or overwritten in a bucket since an instant, and what would bring it back."""
        return verbs.immutable.plan_immutable_recover(self._runtime, repository, since=since)

    def immutable_recover(self, what: RecoverPlan) -> Recovered:
        """Bring back what was hidden or overwritten, and ask which points are whole again; no version of anything is deleted."""
        return verbs.immutable.immutable_recover(self._runtime, what)

    def key_list(self, repositories: Iterable[str] = ()) -> tuple[KeyListing, ...]:
        """Return the keys of repositories, each with when it was last proven."""
        return verbs.keys.key_list(self._runtime, repositories)

    def key_add(self, repository: str, *, file: str = "", name: str = "break-glass") -> tuple[AddedKey, Secret]:
        """Add a fresh key; returns the passphrase to be shown once. There is no plan: a journal must not know of a secret."""
        return verbs.keys.key_add(self._runtime, repository, file=file, name=name)

    def key_prove(self, repository: str | None, file: str) -> KeyProof:
        """Open a repository with the key in a file alone, read a manifest, and record that; there is no plan, as for `key_add`."""
        return verbs.keys.key_prove(self._runtime, repository, file)

    def key_remove(self, repository: str, key: str, *, anyway: bool = False) -> RemovedKey:
        """Remove a key that nothing of the policy opens the repository with; there is no plan, as for `key_add`."""
        return verbs.keys.key_remove(self._runtime, repository, key, anyway=anyway)

    def key_rotate(self, repository: str) -> RotatedKey:
        """Replace the key in a repository's own key file by a fresh one; there is no plan, as for `key_add`."""
        return verbs.keys.key_rotate(self._runtime, repository)
