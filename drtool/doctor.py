from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from dataclasses import fields

from drtool.catalog.dead import dead_runs
from drtool.catalog.machine import VARIABLE
from drtool.engine.attest import evidence_folder
from drtool.engine.hands import Hands
from drtool.engine.hook import hook_openings
from drtool.engine.observe import list_repository
from drtool.engine.protected import Protected, look_at_protected
from drtool.keys.opening import require_open
from drtool.model.command import Command
from drtool.model.errors import DrtoolError, Refused
from drtool.model.nearest import named
from drtool.model.policy import DrillPolicy
from drtool.model.secret import SecretReference
from drtool.openness import Opening, opening_of
from drtool.planning.caution import spell_damage
from drtool.planning.evidence import damage
from drtool.planning.memory import spell_vanished
from drtool.planning.others import others_of, restless
from drtool.planning.words import spell_count
from drtool.ports import Finding, Runner, WorkPlace
from drtool.process import shown

_LOGIN_SECONDS = 60.0
_RECENT_SECONDS = 60.0
_NAMED = 3
OpenAlone = Callable[[str, SecretReference], Hands]
"""Return hands for one repository that know one key and no other."""


def examine(
    hands: Hands, state_directory: str, subjects: tuple[str, ...], *, open_alone: OpenAlone, openings: tuple[Opening, ...] = ()
) -> tuple[Finding, ...]:
    """Ask everything the policy names whether a run and a restore would work; with `subjects` only those names."""
    findings: list[Finding] = []
    policy = hands.policy
    known = (*hands.repositories, *hands.sources, *policy.sandboxes, *policy.drills)
    for subject in subjects:  # a slip that asks nothing must not say that all is well
        named(subject, known, "repository, source, sandbox or drill")
    if not subjects:
        findings += [_state(state_directory), *_dead(state_directory), *_signer(hands), *_machine(hands)]
        findings += _open_to_others(hands, state_directory, openings)
    protected = look_at_protected(hands, _sets_about(hands, subjects))
    for name in _asked_of(hands.repositories, subjects):
        findings += _repository(hands, name, _coming(hands, name, protected))
    for name in _asked_of(hands.sources, subjects):
        findings += _asked(f"source {name}", hands.sources[name].examine)
    findings += _sets(hands, subjects, protected)
    findings += _logins(hands, subjects)
    findings += _remembered(hands, subjects)
    findings += _sandboxes_and_keys(hands, subjects, open_alone)
    return tuple(dict.fromkeys(findings))


def _sandboxes_and_keys(hands: Hands, subjects: tuple[str, ...], open_alone: OpenAlone) -> list[Finding]:
    findings: list[Finding] = []
    for sandbox in hands.policy.sandboxes.values():
        for source, place in sandbox.places.items():
            directory = place.get("directory")
            if directory and (not subjects or sandbox.name in subjects):
                findings += _asked(f"sandbox {sandbox.name}", lambda source=source: hands.sources[source].examine())  # type: ignore[misc]
    for drill in hands.policy.drills.values():
        if drill.key is not None and (not subjects or drill.name in subjects or drill.repository in subjects):
            findings.append(_drill_key(hands, drill, drill.key, open_alone))
    return findings


def _sets(hands: Hands, subjects: tuple[str, ...], protected: Protected) -> list[Finding]:
    """Tell of the sets that were asked for: all, or those of the sources that are named."""
    asked = [name for name in protected.sets if not subjects or {each.source for each in hands.policy.sets[name].protect} & set(subjects)]
    return [finding for name in asked for finding in _set(name, protected)]


def _work_places(hands: Hands, repository: str) -> tuple[WorkPlace, ...]:
    """Return the other machines whose restic will work on a repository: those of sources that are stored there, or restored from there."""
    found: dict[str, WorkPlace] = {}
    for backup_set in hands.policy.sets.values():
        if repository not in hands.policy.repositories_of(backup_set):
            continue
        for name in (protect.source for protect in backup_set.protect):
            runner = hands.sources[name].runner
            if runner.name != hands.local.name:
                writes = backup_set.to == repository or (name in found and found[name].writes)
                found[name] = WorkPlace(name, runner, writes)
    return tuple(found.values())


def _drill_key(hands: Hands, drill: DrillPolicy, key: SecretReference, open_alone: OpenAlone) -> Finding:
    """A key that is not at hand is where an escrowed key belongs, and no fault before its drill; one that opens nothing is a fault.

    So is a copy of the key in use under another name: only here are both asked.
    """
    subject = f"drill {drill.name}: key"
    try:
        used = require_open(open_alone(drill.repository, key), drill.repository, key, what=f"the drill {drill.name}")
    except Refused as error:
        return Finding(subject, good=None, text=error.what, remedy=error.hint)
    except DrtoolError as error:
        return Finding(subject, good=False, text=error.what, remedy=error.hint)
    if used.id and used.id == _id_in_use(hands, drill.repository):
        text = f"{used.words} is the key that {drill.repository} is opened with every day: it proves nothing about another"
        return Finding(subject, good=False, text=text, remedy=f"drtool key add {drill.repository} --file FILE")
    return Finding(subject, good=True, text=f"{used.words} opens {drill.repository}")


def _id_in_use(hands: Hands, repository: str) -> str:
    try:
        return hands.key_rings[repository].current()
    except DrtoolError:  # told where the repository is examined
        return ""


def _asked(subject: str, examine_it: Callable[[], tuple[Finding, ...]]) -> tuple[Finding, ...]:
    try:
        return examine_it()
    except DrtoolError as error:
        return (Finding(subject, good=False, text=error.what, remedy=error.hint),)


def _asked_of(names: Iterable[str], subjects: tuple[str, ...]) -> list[str]:
    return [name for name in names if not subjects or name in subjects]


def _repository(hands: Hands, name: str, coming: int) -> tuple[Finding, ...]:
    return _asked(f"repository {name}", lambda: hands.repositories[name].examine(_work_places(hands, name), coming_bytes=coming))


def _sets_about(hands: Hands, subjects: tuple[str, ...]) -> list[str]:
    """Name the sets that a question is about: all, or those of the sources and repositories that are named."""
    policy = hands.policy
    return [
        name
        for name, each in policy.sets.items()
        if not subjects or {*policy.repositories_of(each), *(protect.source for protect in each.protect)} & set(subjects)
    ]


def _coming(hands: Hands, repository: str, protected: Protected) -> int:
    """Return how many bytes the next runs store in a repository at least: what sets hold beyond their newest point there."""
    sets = {name: size for name in protected.sets if repository in _kept_in(hands, name) and (size := protected.bytes_of(name))}
    if not sets:
        return 0
    listing = list_repository(hands, repository)
    held: dict[str, int] = {}
    for point in sorted(listing.points, key=lambda each: each.instant):
        if point.counts and point.complete:
            held[point.set] = point.bytes
    return sum(max(0, size - held.get(name, 0)) for name, size in sets.items())


def _kept_in(hands: Hands, name: str) -> tuple[str, ...]:
    return hands.policy.repositories_of(hands.policy.sets[name])


def _set(name: str, protected: Protected) -> list[Finding]:
    """Tell of a set what a run would meet: what is not there, what cannot be asked, and what this user cannot read of it."""
    found, subject = protected.sets[name], f"set {name}"
    gone = f"is its disk mounted, and may this user look there? What is gone for good: take it out of `protect:` of {name}"
    findings = [Finding(subject, good=False, text=each.problem, remedy=gone) for each in found.workloads if each.problem]
    findings += [Finding(subject, good=False, text=each.what, remedy=each.hint) for each in found.problems]
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


def _logins(hands: Hands, subjects: tuple[str, ...]) -> list[Finding]:
    return [finding for name in _asked_of(hands.sources, subjects) for finding in _login(name, hands.sources[name].runner)]


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


def _remembered(hands: Hands, subjects: tuple[str, ...]) -> list[Finding]:
    """Compare what each repository lists with what this machine knew; one that cannot be listed is told where it is examined."""
    findings: list[Finding] = []
    for name in _asked_of(hands.repositories, subjects):
        listing = list_repository(hands, name)
        remedy = f"find out who changed it, and bring back what is lost; if it was meant: drtool rebuild --accept {name}"
        findings += [Finding(f"{name}: memory", good=False, text=text, remedy=remedy) for text in spell_vanished(name, listing.vanished)]
        found = damage(listing)
        if found is not None:
            text = f"{spell_damage(name, found, now=hands.clock.now())}: {found.what}"
            findings.append(Finding(f"{name}: data", good=False, text=text, remedy=f"drtool verify {name}"))
    return findings


def _signer(hands: Hands) -> tuple[Finding, ...]:
    """Look at a signing key that the policy names; one of this host's own is made when it is needed."""
    reference = hands.policy.evidence_key
    if reference is None:
        return ()
    return _asked(
        "evidence key",
        lambda: (Finding("evidence key", good=True, text=f"{reference} signs as {evidence_folder(hands).signer().fingerprint}"),),
    )


def _machine(hands: Hands) -> tuple[Finding, ...]:
    """Say which machine this is, and what others made in its name; a repository that cannot be listed is told where it is examined."""
    if not hands.machine:
        remedy = f"make the state directory writable, or set ${VARIABLE} to a name of its own"
        return (Finding("machine", good=False, text="this machine has no id: it cannot tell its points from another's", remedy=remedy),)
    listings = []
    for repository in hands.repositories.values():
        with contextlib.suppress(DrtoolError):
            listings.append(repository.list(maximum_age_seconds=_RECENT_SECONDS))
    by, now = hands.policy.name, hands.clock.now()
    found = [Finding("machine", good=True, text=f"{hands.machine} of {by}")]
    changing = restless(listings, by=by)
    if changing:
        text = f"{changing} machines of the name {by} made points in one run each: an id that changes at each run is no machine"
        remedy = f"where the state directory does not last, set ${VARIABLE}, and name a key that lasts: evidence: {{key: …}}"
        found.append(Finding("machine", good=False, text=text, remedy=remedy))
    told = [each for name in hands.policy.sets for each in others_of(listings, name, by=by, now=now)]
    return (*found, *(Finding("machine", good=False, text=each.words, remedy=each.next) for each in told))


def _open_to_others(hands: Hands, state_directory: str, openings: tuple[Opening, ...]) -> list[Finding]:
    """Tell what decides here and may be written by others: policies, the state, and as root the programs of hooks of this machine."""
    found = [("policy", opening) for opening in openings]
    found += [("state directory", opening) for opening in (opening_of(state_directory),) if opening is not None]
    if os.geteuid() == 0:
        for name, backup_set in hands.policy.sets.items():
            hooks = (hook for phase in fields(backup_set.hooks) for hook in getattr(backup_set.hooks, phase.name))
            own = (hook for hook in hooks if hook.on in hands.sources and hands.sources[hook.on].runner.name == hands.local.name)
            found += [(f"set {name}: hook", opening) for hook in own for opening in hook_openings(hook)]
    return [Finding(subject, good=False, text=opening.words, remedy=opening.remedy) for subject, opening in found]


def _dead(directory: str) -> list[Finding]:
    """Tell what died here: it stands in nobody's way, and what it left is not gone."""
    return [Finding("runs", good=None, text=each.words, remedy="drtool sweep") for each in dead_runs(directory)]


def _state(directory: str) -> Finding:
    from drtool.catalog.exposure import exposed_state  # noqa: PLC0415 - asked by nothing else here

    parent = directory
    while not os.path.exists(parent):
        parent = os.path.dirname(parent)
    exposed = exposed_state(directory)
    if exposed:
        return Finding("state directory", good=False, text="; ".join(each.what for each in exposed), remedy=exposed[0].remedy)
    good = os.access(parent, os.W_OK)
    remedy = "" if good else "set $DRTOOL_STATE_DIR to a folder you may write"
    return Finding("state directory", good=good, text=f"{directory} {'can' if good else 'cannot'} be written", remedy=remedy)
