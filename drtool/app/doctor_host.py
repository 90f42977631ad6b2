"""What `doctor` asks of this machine itself: its state, what died here, who it is, and who else may write what decides."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import fields

from drtool.app.power import power_state
from drtool.app.runtime import Runtime
from drtool.app.scheduling import calling_folders
from drtool.catalog.dead import dead_runs
from drtool.catalog.exposure import exposed_state
from drtool.catalog.machine import VARIABLE
from drtool.catalog.unfinished import UnfinishedFile
from drtool.engine.adapters import Adapters
from drtool.engine.attest import evidence_folder
from drtool.engine.hook import hook_openings
from drtool.model.errors import DrtoolError
from drtool.model.policy import Policy
from drtool.openness import Opening, opening_of
from drtool.planning.others import others_of, restless
from drtool.planning.schedule import every_task
from drtool.ports import Finding
from drtool.secrets.rotating_file import RotatingFile

_RECENT_SECONDS = 60.0


def examine_host(runtime: Runtime) -> list[Finding]:
    """Tell what is asked of this machine whatever the policy names."""
    adapters, directory = runtime.adapters, runtime.state_directory
    unfinished = _unfinished(directory, runtime.policy.name)
    found = [_state(directory), *_dead(directory), *unfinished, *_signer(adapters), *_machine(adapters)]
    found += [*_timers(runtime), *_power(runtime)]
    return [*found, *_open_to_others(adapters, directory, runtime.openings), *_beside_keys(runtime.policy)]


def asked(subject: str, examine_it: Callable[[], tuple[Finding, ...]]) -> tuple[Finding, ...]:
    """Return what an examination finds; an error that stops it is a finding."""
    try:
        return examine_it()
    except DrtoolError as error:
        return (Finding(subject, good=False, text=error.what, remedy=error.hint),)


def _signer(adapters: Adapters) -> tuple[Finding, ...]:
    """Look at a signing key that the policy names; one of this host's own is made when it is needed."""
    reference = adapters.policy.evidence_key
    if reference is None:
        return ()
    return asked(
        "evidence key",
        lambda: (Finding("evidence key", good=True, text=f"{reference} signs as {evidence_folder(adapters).signer().fingerprint}"),),
    )


def _machine(adapters: Adapters) -> tuple[Finding, ...]:
    """Say which machine this is, and what others made in its name; a repository that cannot be listed is told where it is examined."""
    if not adapters.machine:
        remedy = f"make the state directory writable, or set ${VARIABLE} to a name of its own"
        return (Finding("machine", good=False, text="this machine has no id: it cannot tell its points from another's", remedy=remedy),)
    listings = []
    for repository in adapters.repositories.values():
        with contextlib.suppress(DrtoolError):
            listings.append(repository.list(maximum_age_seconds=_RECENT_SECONDS))
    by, now = adapters.policy.name, adapters.clock.now()
    found = [Finding("machine", good=True, text=f"{adapters.machine} of {by}")]
    changing = restless(listings, by=by)
    if changing:
        text = f"{changing} machines of the name {by} made points in one run each: an id that changes at each run is no machine"
        remedy = f"where the state directory does not last, set ${VARIABLE}, and name a key that lasts: evidence: {{key: …}}"
        found.append(Finding("machine", good=False, text=text, remedy=remedy))
    told = [each for name in adapters.policy.sets for each in others_of(listings, name, by=by, now=now)]
    return (*found, *(Finding("machine", good=False, text=each.words, remedy=each.next) for each in told))


def _timers(runtime: Runtime) -> tuple[Finding, ...]:
    """Tell whether this machine calls drtool by itself: a schedule in a policy wakes nobody."""
    policy = runtime.policy
    if not every_task(policy):
        return ()
    folders = calling_folders(policy.name)
    if folders:
        return (Finding("timers", good=True, text=f"what is due is asked for by timers in {' and '.join(folders)}"),)
    text = "no timer of drtool's calls it here: what is due waits until somebody types `drtool run --due`"
    return (Finding("timers", good=None, text=text, remedy="drtool schedule install; if something else calls it, all is well"),)


def _power(runtime: Runtime) -> tuple[Finding, ...]:
    """Ask the UPS that the policy names: one that says nothing would let a battery run empty under a backup."""
    state, ups = power_state(runtime), runtime.policy.ups
    if state is None:
        return ()
    if state.on_battery is None:
        remedy = f"try: upsc {ups}; install nut-client where there is no upsc, or correct `power: {{ups: …}}`"
        return (Finding("power", good=False, text=f"the UPS {ups} does not answer: {state.words}", remedy=remedy),)
    text = f"the UPS {ups} runs on battery: what is due waits" if state.on_battery else f"the UPS {ups} is on line ({state.words})"
    return (Finding("power", good=None if state.on_battery else True, text=text),)


def _open_to_others(adapters: Adapters, state_directory: str, openings: tuple[Opening, ...]) -> list[Finding]:
    """Tell what decides here and may be written by others: policies, the state, and as root the programs of hooks of this machine."""
    found = [("policy", opening) for opening in openings]
    found += [("state directory", opening) for opening in (opening_of(state_directory),) if opening is not None]
    if os.geteuid() == 0:
        for name, backup_set in adapters.policy.sets.items():
            hooks = (hook for phase in fields(backup_set.hooks) for hook in getattr(backup_set.hooks, phase.name))
            own = (
                hook
                for hook in hooks
                if not hook.workload and hook.on in adapters.sources and adapters.sources[hook.on].runner.name == adapters.local.name
            )
            found += [(f"set {name}: hook", opening) for hook in own for opening in hook_openings(hook)]
    return [Finding(subject, good=False, text=opening.words, remedy=opening.remedy) for subject, opening in found]


def _beside_keys(policy: Policy) -> list[Finding]:
    """Tell who else may put a passphrase beside a repository's key file, and what lies there that no rotation left."""
    keys = {name: repository.address.password for name, repository in policy.repositories.items()}
    faults = [(name, fault) for name, key in keys.items() if key.scheme == "file" for fault in RotatingFile(key).faults()]
    return [Finding(f"{name}: key file", good=False, text=fault.what, remedy=fault.hint) for name, fault in faults]


def _dead(directory: str) -> list[Finding]:
    """Tell what died here: it stands in nobody's way, and what it left is not gone."""
    return [Finding("runs", good=None, text=each.words, remedy="drtool sweep") for each in dead_runs(directory)]


def _unfinished(directory: str, by: str) -> list[Finding]:
    """Tell what the last sweep could not bring back into service."""
    found = UnfinishedFile(directory, by=by).load()
    return [Finding(f"source {each.source}", good=False, text=each.words, remedy="drtool sweep") for each in found]


def _state(directory: str) -> Finding:
    parent = directory
    while not os.path.exists(parent):
        parent = os.path.dirname(parent)
    exposed = exposed_state(directory)
    if exposed:
        return Finding("state directory", good=False, text="; ".join(each.what for each in exposed), remedy=exposed[0].remedy)
    good = os.access(parent, os.W_OK)
    remedy = "" if good else "set $DRTOOL_STATE_DIR to a folder you may write"
    return Finding("state directory", good=good, text=f"{directory} {'can' if good else 'cannot'} be written", remedy=remedy)
