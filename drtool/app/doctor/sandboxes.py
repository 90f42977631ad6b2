"""What `doctor` asks of sandboxes: is there one for each set, apart from what is in service, and large enough."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from drtool.app.doctor.asking import Known, Part
from drtool.app.doctor.disks import device_at
from drtool.app.doctor.sets import bytes_known
from drtool.model.lying import lies_in
from drtool.model.policy import DrillPolicy, Sandbox
from drtool.model.quantity import spell_bytes
from drtool.ports import Finding
from drtool.trees.filesystem import FileSystem


def sandboxes(known: Known) -> Iterable[Part]:
    """Ask of each sandbox on a folder whether it is apart from what is protected, and of each drill whether its sets fit."""
    for sandbox in known.policy.sandboxes.values():
        for source, place in sandbox.places.items():
            directory = str(place.get("directory", ""))
            if directory.startswith("/") and (not known.subjects or {sandbox.name, source} & set(known.subjects)):
                yield Part(f"sandbox {sandbox.name}", partial(_isolation, known, sandbox, source, directory))
    for drill in known.policy.drills.values():
        if not known.subjects or {drill.name, drill.sandbox} & set(known.subjects):
            yield Part(f"drill {drill.name}: room", partial(_room, known, drill))


def proofs(known: Known) -> Iterable[Part]:
    """Ask of each set whether a drill could ever prove it: what has no sandbox, or no drill, is never seen to come back."""
    for name in known.sets:
        yield Part(f"set {name}: drill", partial(_drilled, known, name))


def _drilled(known: Known, name: str) -> list[Finding]:
    subject, policy = f"set {name}: drill", known.policy
    drill = next((each for each in policy.drills.values() if name in each.sets), None)
    if drill is not None:
        text = f"{drill.name} restores it from {drill.repository} into {drill.sandbox}"
        return [Finding(subject, good=True, text=text)]
    needed = {each.source for each in policy.sets[name].protect}
    sandbox = next((each.name for each in policy.sandboxes.values() if needed <= set(each.places)), "")
    there = f"drills: {{monthly: {{sets: [{name}], from: {policy.repositories_of(policy.sets[name])[-1]}, sandbox: {sandbox or 'lab'}}}}}"
    if sandbox:
        text = "no drill of the policy proves that it comes back"
        return [Finding(subject, good=None, text=text, remedy=f'write in the policy: {there}; with schedule: "0 4 1 * *" by itself')]
    places = ", ".join(f"{each}: {{directory: /var/lib/drtool/sandbox}}" for each in sorted(needed))
    text = "no sandbox has a place for it, so no drill can prove that it comes back"
    return [Finding(subject, good=None, text=text, remedy=f"write in the policy: sandboxes: {{lab: {{lease: 2h, {places}}}}} and {there}")]


def _isolation(known: Known, sandbox: Sandbox, source: str, directory: str) -> list[Finding]:
    """Tell of a sandbox among what it is to be apart from."""
    subject, place = f"sandbox {sandbox.name}", f"{{{source}: {{directory: …}}}}"
    runner = known.adapters.sources[source].runner
    protected = {
        path: name
        for name, backup_set in known.policy.sets.items()
        for protect in backup_set.protect
        if known.adapters.sources[protect.source].runner.name == runner.name
        for path in map(str, protect.selector.get("paths", ()))
        if path.startswith("/")
    }
    around = next((path for path in protected if lies_in(directory, path)), "")
    if around:
        text = f"{directory} lies in {around}, which {protected[around]} protects: drills pour among what is in service"
        return [Finding(subject, good=None, text=text, remedy=f"name another folder: sandboxes: {{{sandbox.name}: {place}}}")]
    files = FileSystem(runner)
    device = device_at(files, directory)
    beside = sorted(path for path in protected if device_at(files, path) == device)
    if beside:
        text = f"{directory} lies on the file system of {beside[0]}: a drill that fills it fills that"
        remedy = f"name a folder of another file system, or give it a quota or a volume of its own: sandboxes: {{{sandbox.name}: {place}}}"
        return [Finding(subject, good=None, text=text, remedy=remedy)]
    return [Finding(subject, good=True, text=f"{directory} lies apart from what is protected")]


def _room(known: Known, drill: DrillPolicy) -> list[Finding]:
    """Compare what a drill pours at once with what its sandbox has: where it does not fit, the drill is refused."""
    sandbox = known.policy.sandboxes[drill.sandbox]
    needed: dict[str, int] = {}
    for name in drill.sets:
        if name in known.protected.sets:
            for workload, size in bytes_known(known, name).items():
                source = workload.partition(":")[0]
                needed[source] = needed.get(source, 0) + size
    findings = []
    for source, size in needed.items():
        directory = str(sandbox.places.get(source, {}).get("directory", ""))
        if not size or not directory.startswith("/"):
            continue
        files = FileSystem(known.adapters.sources[source].runner)
        free = files.free_bytes(files.nearest_directory(directory))
        subject, have = f"drill {drill.name}: room", f"{directory} has {spell_bytes(free)} free, and {spell_bytes(size)} are poured into it"
        remedy = f"free space there, or name a larger place: sandboxes: {{{drill.sandbox}: {{{source}: {{directory: …}}}}}}"
        findings.append(Finding(subject, good=free >= size, text=have, remedy="" if free >= size else remedy))
    return findings
