from __future__ import annotations

import itertools
import os
from collections.abc import Iterable
from dataclasses import fields
from functools import partial

from drtool.app.doctor_host import asked, examine_host
from drtool.app.doctor_notifiers import examine_notifiers
from drtool.app.immutable.looks import examine_locks
from drtool.app.keys.opening import require_open
from drtool.app.runtime import Runtime
from drtool.app.working import working
from drtool.engine.adapters import Adapters
from drtool.engine.hook import hook_runner
from drtool.engine.observe import list_repository, side_by_side
from drtool.engine.protected import Protected, look_at_protected
from drtool.model.command import Command
from drtool.model.errors import DrtoolError, Refused
from drtool.model.nearest import named
from drtool.model.policy import DrillPolicy, Hook
from drtool.model.secret import SecretReference
from drtool.planning.damaged import spell_damage
from drtool.planning.evidence import damage
from drtool.planning.memory import spell_vanished
from drtool.planning.only_taking import spell_append_only
from drtool.planning.words import spell_count
from drtool.ports import Finding, Runner, WorkPlace
from drtool.process import shown

_LOGIN_SECONDS = 60.0
_NAMED = 3


def doctor(runtime: Runtime, subjects: tuple[str, ...] = ()) -> tuple[Finding, ...]:
    """Ask everything the policy names whether a run and a restore would work; with `subjects` only those names."""
    with working(runtime):
        return _examine(runtime, subjects)


def _examine(runtime: Runtime, subjects: tuple[str, ...]) -> tuple[Finding, ...]:
    adapters, policy = runtime.adapters, runtime.policy
    known = (*adapters.repositories, *adapters.sources, *policy.sandboxes, *policy.drills)
    for subject in subjects:  # a slip that asks nothing must not say that all is well
        named(subject, known, "repository, source, sandbox or drill")
    findings = [] if subjects else examine_host(runtime)
    protected = look_at_protected(adapters, _sets_about(adapters, subjects))
    repositories = [
        partial(_repository, adapters, name, _coming(adapters, name, protected)) for name in _asked_of(adapters.repositories, subjects)
    ]
    sources = [partial(asked, f"source {name}", adapters.sources[name].examine) for name in _asked_of(adapters.sources, subjects)]
    findings += itertools.chain.from_iterable(side_by_side([*repositories, *sources]))
    findings += _inside(adapters, subjects)
    findings += _sets(adapters, subjects, protected)
    findings += _logins(adapters, subjects)
    findings += _remembered(adapters, subjects)
    findings += [each for name in _asked_of(adapters.repositories, subjects) for each in examine_locks(runtime, name)]
    findings += _sandboxes_and_keys(runtime, subjects)
    findings += [] if subjects else examine_notifiers(runtime)
    return tuple(dict.fromkeys(findings))


def _sandboxes_and_keys(runtime: Runtime, subjects: tuple[str, ...]) -> list[Finding]:
    adapters = runtime.adapters
    findings: list[Finding] = []
    for sandbox in adapters.policy.sandboxes.values():
        for source, place in sandbox.places.items():
            directory = place.get("directory")
            if directory and (not subjects or sandbox.name in subjects):
                findings += asked(f"sandbox {sandbox.name}", lambda source=source: adapters.sources[source].examine())  # type: ignore[misc]
    for drill in adapters.policy.drills.values():
        if drill.key is not None and (not subjects or drill.name in subjects or drill.repository in subjects):
            findings.append(_drill_key(runtime, drill, drill.key))
    return findings


def _inside(adapters: Adapters, subjects: tuple[str, ...]) -> list[Finding]:
    """Ask whether commands can be run inside the workloads in which hooks are to run; none is run."""
    phases = [backup_set.hooks for backup_set in adapters.policy.sets.values()]
    hooks = [hook for hooks in phases for phase in fields(hooks) for hook in getattr(hooks, phase.name)]
    wanted = {hook.workload: hook for hook in hooks if hook.workload and (not subjects or hook.source in subjects)}
    return [finding for hook in wanted.values() for finding in asked(f"hook inside {hook.workload}", partial(_can_be_run, adapters, hook))]


def _can_be_run(adapters: Adapters, hook: Hook) -> tuple[Finding, ...]:
    with hook_runner(adapters, hook) as runner:
        return (Finding(f"hook inside {hook.workload}", good=True, text=f"commands can be run by {runner.name}"),)


def _sets(adapters: Adapters, subjects: tuple[str, ...], protected: Protected) -> list[Finding]:
    """Tell of the sets that were asked for: all, or those of the sources that are named."""
    asked = [
        name for name in protected.sets if not subjects or {each.source for each in adapters.policy.sets[name].protect} & set(subjects)
    ]
    return [finding for name in asked for finding in _set(name, protected)]


def _work_places(adapters: Adapters, repository: str) -> tuple[WorkPlace, ...]:
    """Return the other machines whose restic will work on a repository: those of sources that are stored there, or restored from there."""
    found: dict[str, WorkPlace] = {}
    for backup_set in adapters.policy.sets.values():
        if repository not in adapters.policy.repositories_of(backup_set):
            continue
        for name in (protect.source for protect in backup_set.protect):
            runner = adapters.sources[name].runner
            if runner.name != adapters.local.name:
                writes = backup_set.to == repository or (name in found and found[name].writes)
                found[name] = WorkPlace(name, runner, writes, _drill_from(adapters, repository, backup_set.name))
    return tuple(found.values())


def _drill_from(adapters: Adapters, repository: str, set_name: str) -> str:
    drills = adapters.policy.drills.values()
    return next((each.name for each in drills if each.repository == repository and set_name in each.sets), "")


def _drill_key(runtime: Runtime, drill: DrillPolicy, key: SecretReference) -> Finding:
    """A key that is not at hand is where an escrowed key belongs, and no fault before its drill; one that opens nothing is a fault.

    So is a copy of the key in use under another name: only here are both asked.
    """
    subject = f"drill {drill.name}: key"
    try:
        used = require_open(runtime.opened_with(drill.repository, key).adapters, drill.repository, key, what=f"the drill {drill.name}")
    except Refused as error:
        return Finding(subject, good=None, text=error.what, remedy=error.hint)
    except DrtoolError as error:
        return Finding(subject, good=False, text=error.what, remedy=error.hint)
    if used.id and used.id == _id_in_use(runtime.adapters, drill.repository):
        text = f"{used.words} is the key that {drill.repository} is opened with every day: it proves nothing about another"
        return Finding(subject, good=False, text=text, remedy=f"drtool key add {drill.repository} --file FILE")
    return Finding(subject, good=True, text=f"{used.words} opens {drill.repository}")


def _id_in_use(adapters: Adapters, repository: str) -> str:
    try:
        return adapters.key_ring(repository).current()
    except DrtoolError:  # told where the repository is examined
        return ""


def _asked_of(names: Iterable[str], subjects: tuple[str, ...]) -> list[str]:
    return [name for name in names if not subjects or name in subjects]


def _repository(adapters: Adapters, name: str, coming: int) -> tuple[Finding, ...]:
    found = asked(f"repository {name}", lambda: adapters.repositories[name].examine(_work_places(adapters, name), coming_bytes=coming))
    return (*found, *_trust(adapters, name))


def _trust(adapters: Adapters, name: str) -> tuple[Finding, ...]:
    """Say who forgets in a store that only takes, and for whom this machine does."""
    policy = adapters.policy.repositories[name]
    subject = f"repository {name}"
    taking = (Finding(subject, good=True, text=spell_append_only(name)),) if policy.append_only else ()
    forgets = (Finding(subject, good=True, text=f"this machine forgets there for {of}: drtool forget {of}") for of in policy.forget_for)
    return (*taking, *forgets)


def _sets_about(adapters: Adapters, subjects: tuple[str, ...]) -> list[str]:
    """Name the sets that a question is about: all, or those of the sources and repositories that are named."""
    policy = adapters.policy
    return [
        name
        for name, each in policy.sets.items()
        if not subjects or {*policy.repositories_of(each), *(protect.source for protect in each.protect)} & set(subjects)
    ]


def _coming(adapters: Adapters, repository: str, protected: Protected) -> int:
    """Return how many bytes the next runs store in a repository at least: what sets hold beyond their newest point there."""
    sets = {name: size for name in protected.sets if repository in _kept_in(adapters, name) and (size := protected.bytes_of(name))}
    if not sets:
        return 0
    listing = list_repository(adapters, repository)
    held: dict[str, int] = {}
    for point in sorted(listing.points, key=lambda each: each.instant):
        if point.counts and point.complete:
            held[point.set] = point.bytes
    return sum(max(0, size - held.get(name, 0)) for name, size in sets.items())


def _kept_in(adapters: Adapters, name: str) -> tuple[str, ...]:
    return adapters.policy.repositories_of(adapters.policy.sets[name])


def _set(name: str, protected: Protected) -> list[Finding]:
    """Tell of a set what a run would meet: what is not there, what cannot be asked, and what this user cannot read of it."""
    found, subject = protected.sets[name], f"set {name}"
    gone = f"is its disk mounted, and may this user look there? What is gone for good: take it out of `protect:` of {name}"
    findings = [Finding(subject, good=False, text=each.problem, remedy=gone) for each in found.workloads if each.problem]
    findings += [Finding(subject, good=False, text=each.what, remedy=each.hint) for each in found.problems]
    findings += [Finding(subject, good=False, text=each.doubt) for each in found.workloads if each.doubt and not each.problem]
    findings += [
        Finding(subject, good=False, text=f"the selector matches nothing at {source}", remedy="correct it, or write allow_empty: true")
        for source in found.empty
    ]
    there = [each.name for each in found.workloads if not each.problem]
    for workload in there:
        barred = protected.tried[workload].barred if workload in protected.tried else ()
        if barred:
            remedy = f"let this user ({os.geteuid()}) read it, or run drtool as root; or leave it out: exclude: of {name}"
            text = f"a run would be partial: this user cannot read {', '.join(barred[:_NAMED])}{_and_more(barred)}"
            findings.append(Finding(subject, good=False, text=text, remedy=remedy))
    if not findings:
        read = sum(each in protected.tried for each in there)
        words = f"; the upper levels of {read} can be read by this user, what lies deeper was not tried" if read else ""
        findings.append(Finding(subject, good=True, text=f"{spell_count(len(there), 'workload')} found{words}"))
    return findings


def _and_more(barred: tuple[str, ...]) -> str:
    return f" and {len(barred) - _NAMED} more" if len(barred) > _NAMED else ""


def _logins(adapters: Adapters, subjects: tuple[str, ...]) -> list[Finding]:
    return [finding for name in _asked_of(adapters.sources, subjects) for finding in _login(name, adapters.sources[name].runner)]


def _login(source: str, runner: Runner) -> tuple[Finding, ...]:
    """Tell what the login shell of another machine prints: drtool passes over it, sftp and scp do not."""
    try:
        printed = shown(runner.run(Command(("true",), timeout_seconds=_LOGIN_SECONDS)).beside)
    except DrtoolError:  # told where the source is examined
        return ()
    if not printed:
        return ()
    text = f"the login shell of {runner.name} prints: {printed}; drtool passes over it, and sftp breaks by it"
    return (Finding(f"source {source}: login", good=None, text=text, remedy="let it print nothing for those who are no terminal"),)


def _remembered(adapters: Adapters, subjects: tuple[str, ...]) -> list[Finding]:
    """Compare what each repository lists with what this machine knew; one that cannot be listed is told where it is examined."""
    findings: list[Finding] = []
    for name in _asked_of(adapters.repositories, subjects):
        listing = list_repository(adapters, name)
        remedy = f"find out who changed it, and bring back what is lost; if it was meant: drtool rebuild --accept {name}"
        findings += [Finding(f"{name}: memory", good=False, text=text, remedy=remedy) for text in spell_vanished(name, listing.vanished)]
        found = damage(listing)
        if found is not None:
            text = f"{spell_damage(name, found, now=adapters.clock.now())}: {found.what}"
            findings.append(Finding(f"{name}: data", good=False, text=text, remedy=f"drtool verify {name}"))
    return findings
