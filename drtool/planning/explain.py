from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from drtool.model.policy import BackupSet, Hook, Policy, Retention
from drtool.planning.due import slots
from drtool.planning.order import recovery_order, set_of
from drtool.planning.words import spell_count, spell_duration, spell_instant

_NEXT = 5
_USUAL = {"census": "sample"}
"""What is not worth telling, besides what is empty."""
_CALENDAR = (("hourly", "hour"), ("daily", "day"), ("weekly", "week"), ("monthly", "month"), ("yearly", "year"))


def explain(policy: Policy, set: str, *, now: datetime) -> tuple[str, ...]:  # noqa: A002 - the vocabulary's word
    """Say in plain words what will happen to a set, when, and what is kept and why; one line each.

    Raises NotFound for an unknown set, Refused for a schedule that cannot be read.
    """
    backup_set = set_of(policy, set)
    return (
        *_protection(policy, backup_set),
        *_when(backup_set.schedule, backup_set.time_zone, now=now, what="It is backed up", call="run", name=backup_set.name),
        *_flow(backup_set),
        *(
            line
            for repository in policy.repositories_of(backup_set)
            for line in _kept(policy.retention_in(backup_set, repository), repository)
        ),
        *_promises(policy, backup_set),
        *_drills(policy, backup_set, now=now),
    )


def _protection(policy: Policy, backup_set: BackupSet) -> list[str]:
    lines = [f"{backup_set.name} is protected, recovered and judged as one."]
    for protect in backup_set.protect:
        source = policy.sources.get(protect.source)
        kind = f" ({source.kind})" if source is not None else ""
        keys = "; ".join(_spelled(key, value) for key, value in protect.selector.items() if value and _USUAL.get(key) != value)
        selection = f": {keys}" if keys else ""
        empty = "; finding nothing is allowed" if protect.allow_empty else ""
        lines.append(f"From {protect.source}{kind}{selection}{empty}.")
    return lines


def _spelled(key: str, value: object) -> str:
    name = key.replace("_", " ")
    if value is True:
        return name
    if isinstance(value, Mapping):
        value = [f"{each} = {item}" for each, item in value.items()]
    return f"{name}: {', '.join(map(str, value)) if isinstance(value, list | tuple) else value}"


def _when(schedule: str | None, time_zone: str, *, now: datetime, what: str, call: str, name: str) -> list[str]:
    if schedule is None:
        return [f"{what} only when you type `drtool {call} {name}`: there is no schedule."]
    times = slots(schedule, time_zone, start=now, count=_NEXT)
    if not times:
        return [f"{what} by the schedule `{schedule}`, which never comes."]
    listed = ", ".join(spell_instant(time) for time in times)
    return [
        f"{what} by the schedule `{schedule}` ({time_zone}), when a timer calls `drtool {call} --due`; next: {listed}.",
        "Once for each of these times; again after 5, 10, 20 … minutes only where waiting helps (not there, locked, interrupted, not now).",
    ]


def _flow(backup_set: BackupSet) -> list[str]:
    hooks = backup_set.hooks
    quiet = [] if backup_set.quiesce is None else [_quiet(backup_set.quiesce)]
    lines = [
        *_hook_lines("Before the data is touched", hooks.before),
        *quiet,
        *_hook_lines("As soon as no live data is needed, whatever happened", hooks.after),
        f"A point is stored and sealed in {backup_set.to}.",
    ]
    if backup_set.keep_on_source is not None:
        lines.append(f"The snapshot of what is stored stays where it was taken for {spell_duration(backup_set.keep_on_source)}.")
    lines.extend(f"It is then copied to {copy.repository}." for copy in backup_set.copies)
    lines.extend(_hook_lines("When the run fails", hooks.on_failure))
    lines.extend(_hook_lines("Before a restore to the original place", hooks.before_restore))
    lines.extend(_hook_lines("After a restore to the original place", hooks.after_restore))
    return lines


def _quiet(longest: timedelta) -> str:
    return f"All members are held still together while their snapshots are taken, at most {spell_duration(longest)}; a later one is none."


def _hook_lines(when: str, hooks: tuple[Hook, ...]) -> list[str]:
    return [f"{when}, {hook.where}: {' '.join(hook.run)} (at most {spell_duration(hook.timeout)})." for hook in hooks]


def _kept(keep: Retention, repository: str) -> list[str]:
    rules = [f"the last {keep.last}"] if keep.last else []
    for name, unit in _CALENDAR:
        number = getattr(keep, name)
        if number:
            rules.append(f"the newest of each of the last {spell_count(number, unit)} that have one")
    if keep.within is not None:
        rules.append(f"everything younger than {spell_duration(keep.within)}")
    kept = "; ".join(rules) if rules else "every complete point, as no rule says otherwise"
    newer = "is 1 newer one" if keep.verified == 1 else f"are {keep.verified} newer ones"
    floor = f"a verified point until there {newer}" if keep.verified else ""
    always = ", ".join(filter(None, ("the newest complete point", floor, "what a hold names")))
    return [
        f"In {repository} are kept: {kept}.",
        f"In {repository} are always kept: {always}.",
        f"In {repository} partial points follow the same rules among themselves; the newest with a member stays until a newer one has it.",
    ]


def _promises(policy: Policy, backup_set: BackupSet) -> list[str]:
    objectives = backup_set.objectives
    lost, back = spell_duration(objectives.rpo), spell_duration(objectives.rto)
    lines = [f"At most {lost} of data may be lost (RPO), and service is back within {back} (RTO)."]
    lines.append(f"A passed drill proves it for {spell_duration(objectives.proof)}, or until it is no longer what was drilled.")
    if backup_set.consistent_within is not None:
        within = spell_duration(backup_set.consistent_within)
        lines.append(
            f"Its members shall be taken within {within} of each other; a run whose point is not has missed its objective (exit 4)."
        )
    earlier = recovery_order(policy, (*backup_set.needs, backup_set.name))[:-1]
    if earlier:
        lines.append(f"It is restored after {', '.join(earlier)}.")
    names = ", ".join(("census", *(check.name for check in backup_set.checks)))
    lines.append(f"Asked of what was restored: {names}.")
    return lines


def _drills(policy: Policy, backup_set: BackupSet, *, now: datetime) -> list[str]:
    lines = []
    for drill in policy.drills.values():
        if backup_set.name in drill.sets:
            what = f"The drill {drill.name} restores it from {drill.repository} into the sandbox {drill.sandbox}"
            lines.extend(_when(drill.schedule, drill.time_zone, now=now, what=what, call="drill", name=drill.name)[:1])
    return lines or ["No drill proves it: a backup that was never restored is a hope."]
