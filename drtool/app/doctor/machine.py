"""What `doctor` asks of this machine itself: its state, what died here, who it is, and who else may write what decides."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import fields
from functools import partial

from drtool.app.doctor.asking import Known, Part
from drtool.app.power import power_state
from drtool.app.runtime import Runtime
from drtool.catalog.dead import dead_runs
from drtool.catalog.exposure import exposed_state
from drtool.catalog.machine import VARIABLE
from drtool.catalog.unfinished import UnfinishedFile
from drtool.engine.attest import evidence_folder
from drtool.engine.hook import hook_openings
from drtool.model.policy import Policy
from drtool.openness import opening_of
from drtool.planning.others import others_of, restless
from drtool.ports import Finding
from drtool.secrets.rotating_file import RotatingFile


def state(known: Known) -> Iterable[Part]:
    """Ask whether the state directory can be written, by this user alone."""
    yield Part("state directory", partial(_state, known.runtime.state_directory))


def runs(known: Known) -> Iterable[Part]:
    """Ask what died here and what it left: it stands in nobody's way, and it is not gone."""
    directory, by = known.runtime.state_directory, known.policy.name
    yield Part("runs", lambda: [Finding("runs", good=None, text=each.words, remedy="drtool sweep") for each in dead_runs(directory)])
    yield Part("runs", lambda: _unfinished(directory, by))


def evidence_key(known: Known) -> Iterable[Part]:
    """Look at a signing key that the policy names; one of this host's own is made when it is needed."""
    reference = known.policy.evidence_key
    if reference is not None:
        yield Part("evidence key", lambda: [_signer(known, str(reference))])


def machine(known: Known) -> Iterable[Part]:
    """Ask which machine this is, and what others made in its name; a repository that cannot be listed is told where it is examined."""
    yield Part("machine", lambda: _machine(known))


def power(known: Known) -> Iterable[Part]:
    """Ask the UPS that the policy names: one that says nothing would let a battery run empty under a backup."""
    if known.policy.ups:
        yield Part("power", lambda: _power(known.runtime))


def modes(known: Known) -> Iterable[Part]:
    """Ask who else may write what decides here: policies, the state, keys, and as root the programs of hooks of this machine."""
    yield Part("policy", lambda: _open_to_others(known))
    yield Part("key files", lambda: _beside_keys(known.policy))


def _signer(known: Known, reference: str) -> Finding:
    return Finding("evidence key", good=True, text=f"{reference} signs as {evidence_folder(known.adapters).signer().fingerprint}")


def _machine(known: Known) -> list[Finding]:
    adapters = known.adapters
    if not adapters.machine:
        remedy = f"make the state directory writable, or set ${VARIABLE} to a name of its own"
        return [Finding("machine", good=False, text="this machine has no id: it cannot tell its points from another's", remedy=remedy)]
    listings = [each for each in known.listings.values() if each.problem is None]
    by, now = adapters.policy.name, adapters.clock.now()
    found = [Finding("machine", good=True, text=f"{adapters.machine} of {by}")]
    changing = restless(listings, by=by)
    if changing:
        text = f"{changing} machines of the name {by} made points in one run each: an id that changes at each run is no machine"
        remedy = f"where the state directory does not last, set ${VARIABLE}, and name a key that lasts: evidence: {{key: …}}"
        found.append(Finding("machine", good=False, text=text, remedy=remedy))
    told = [each for name in adapters.policy.sets for each in others_of(listings, name, by=by, now=now)]
    return [*found, *(Finding("machine", good=False, text=each.words, remedy=each.next) for each in told)]


def _power(runtime: Runtime) -> list[Finding]:
    state, ups = power_state(runtime), runtime.policy.ups
    if state is None:
        return []
    if state.on_battery is None:
        remedy = f"try: upsc {ups}; install nut-client where there is no upsc, or correct `power: {{ups: …}}`"
        return [Finding("power", good=False, text=f"the UPS {ups} does not answer: {state.words}", remedy=remedy)]
    text = f"the UPS {ups} runs on battery: what is due waits" if state.on_battery else f"the UPS {ups} is on line ({state.words})"
    return [Finding("power", good=None if state.on_battery else True, text=text)]


def _open_to_others(known: Known) -> list[Finding]:
    adapters, directory = known.adapters, known.runtime.state_directory
    found = [("policy", opening) for opening in known.runtime.openings]
    found += [("state directory", opening) for opening in (opening_of(directory),) if opening is not None]
    if os.geteuid() == 0:
        for name, backup_set in adapters.policy.sets.items():
            hooks = (hook for phase in fields(backup_set.hooks) for hook in getattr(backup_set.hooks, phase.name))
            own = (hook for hook in hooks if not hook.workload and hook.on in adapters.sources and known.is_here(hook.on))
            found += [(f"set {name}: hook", opening) for hook in own for opening in hook_openings(hook)]
    return [Finding(subject, good=False, text=opening.words, remedy=opening.remedy) for subject, opening in found]


def _beside_keys(policy: Policy) -> list[Finding]:
    """Tell who else may put a passphrase beside a repository's key file, and what lies there that no rotation left."""
    keys = {name: repository.address.password for name, repository in policy.repositories.items()}
    faults = [(name, fault) for name, key in keys.items() if key.scheme == "file" for fault in RotatingFile(key).faults()]
    return [Finding(f"{name}: key file", good=False, text=fault.what, remedy=fault.hint) for name, fault in faults]


def _unfinished(directory: str, by: str) -> list[Finding]:
    """Tell what the last sweep could not bring back into service."""
    found = UnfinishedFile(directory, by=by).load()
    return [Finding(f"source {each.source}", good=False, text=each.words, remedy="drtool sweep") for each in found]


def _state(directory: str) -> list[Finding]:
    parent = directory
    while not os.path.exists(parent):
        parent = os.path.dirname(parent)
    exposed = exposed_state(directory)
    if exposed:
        return [Finding("state directory", good=False, text="; ".join(each.what for each in exposed), remedy=exposed[0].remedy)]
    good = os.access(parent, os.W_OK)
    remedy = "" if good else "set $DRTOOL_STATE_DIR to a folder you may write"
    return [Finding("state directory", good=good, text=f"{directory} {'can' if good else 'cannot'} be written", remedy=remedy)]
