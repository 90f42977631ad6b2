from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from drtool.model.damage import Damage
from drtool.model.evidence import Evidence
from drtool.model.forecast import RtoForecast
from drtool.model.hold import quarantines
from drtool.model.policy import BackupSet, Policy
from drtool.model.summary import SetSummary, Summary
from drtool.planning.damaged import advice_on_damage, went_back
from drtool.planning.forecast_words import advice_on_rto_forecast, worst
from drtool.planning.off_site import home_of, is_off_site, off_site_copies
from drtool.planning.proof import decayed, fingerprint, passed, refuted
from drtool.planning.told import tell_of_others
from drtool.planning.words import spell_count, spell_duration

if TYPE_CHECKING:
    from drtool.model.inventory import Inventory, Problem


_UNASKED = "what a platform keeps of it could not be asked for"


@dataclass(frozen=True, slots=True)
class SetStatus:
    """How well a set is protected; seconds throughout, None where there is nothing to measure.

    `copies` hold the newest point that is complete and whole, `missing_copies` should and do not (or could not be read). `attention` are
    sentences; `next` is what to type about the first of them, empty when all is well.
    """

    set: str
    point: str
    instant: datetime | None
    age_seconds: float | None
    rpo_seconds: float
    rpo_met: bool
    copies: tuple[str, ...]
    missing_copies: tuple[str, ...]
    last_proof: Evidence | None
    proof_age_seconds: float | None
    rto_seconds: float | None
    rto_objective_seconds: float
    rto_met: bool | None
    attention: tuple[str, ...]
    next: str
    rto_forecast: RtoForecast | None = None
    """The copy that would take longest."""
    moved: tuple[str, ...] = ()
    """Why the last proof proves no longer; empty: it does, or there is none."""
    never_drilled: tuple[str, ...] = ()
    """Copies that no passed drill ever restored from."""
    damaged_copies: tuple[str, ...] = ()
    """Those that were found damaged: whatever they hold is no copy until it was read and found good."""
    unknown: tuple[str, ...] = ()
    """Repositories that could hold evidence of the set and were not read: what is not proven or measured may be so there."""
    unread: tuple[str, ...] = ()
    """Repositories of the set that were not read: they may hold a point, or a newer one, than is known here."""
    off_site: tuple[str, ...] = ()
    """Copies outside of the failure domain of its sources, with all that the newest point needs."""

    @property
    def is_known(self) -> bool:
        """Whether it is known how old its newest point is, or that there is none."""
        return self.age_seconds is not None or not self.unread


@dataclass(frozen=True, slots=True)
class Beyond:
    """What the listings do not tell: by set how long each copy would take, its fingerprint now, and since when each part of that is so.

    `after_failure` says what to type by what the last attempt at a set said, where that was not good.
    """

    rto_forecasts: Mapping[str, tuple[RtoForecast, ...]] = field(default_factory=dict)
    present: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    since: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)
    after_failure: Mapping[str, str] = field(default_factory=dict)


def assess(policy: Policy, inventory: Inventory, *, now: datetime, beyond: Beyond | None = None) -> tuple[SetStatus, ...]:
    """Judge every set of the policy by what the listings tell: age against RPO, copies, last passed drill and forecast against RTO."""
    from drtool.planning.summary import summarise, unread_in  # noqa: PLC0415 - a summary kept earlier is judged without

    summary = summarise(policy, inventory.repositories, now=now)
    return judge_sets(policy, summary, now=now, beyond=beyond, unread=unread_in(policy, inventory.repositories))


def judge_sets(
    policy: Policy, summary: Summary, *, now: datetime, beyond: Beyond | None = None, unread: Mapping[str, Problem] | None = None
) -> tuple[SetStatus, ...]:
    """Judge every set of the policy by a summary of the listings; `unread` are the repositories without one, and why."""
    amiss = (unread or {}, summary.damaged)
    more = beyond or Beyond()
    return tuple(_judge(policy, each, summary.sets.get(name, SetSummary()), amiss, more, now=now) for name, each in policy.sets.items())


def _judge(
    policy: Policy,
    backup_set: BackupSet,
    seen: SetSummary,
    amiss: tuple[Mapping[str, Problem], Mapping[str, Damage]],
    beyond: Beyond,
    *,
    now: datetime,
) -> SetStatus:
    unread, damaged = amiss
    proof = seen.proof
    age = None if seen.instant is None else max(0.0, (now - seen.instant).total_seconds())
    rpo = backup_set.objectives.rpo.total_seconds()
    rto = backup_set.objectives.rto.total_seconds()
    realised = None if proof is None else proof.rto_seconds
    repositories = policy.repositories_of(backup_set)
    missing = tuple(name for name in repositories if name not in seen.holders)
    unknown = tuple(name for name in unread if name in {*repositories, *_drilled_from(policy, backup_set)})
    silent = tuple(name for name in repositories if name in unread)
    moved = () if proof is None else (*refuted(seen.drill, proof, damaged), *_moved(policy, backup_set, proof, seen, beyond, now=now))
    rto_forecast = worst(beyond.rto_forecasts.get(backup_set.name, ()))
    advice = (
        *_about_repositories(repositories, unread),
        *_about_vanished(backup_set, seen, repositories),
        *advice_on_damage(repositories, damaged, now=now),
        *_about_quarantines(backup_set.name, seen, now=now),
        *_about_points(backup_set, seen, silent, again=beyond.after_failure.get(backup_set.name, ""), age=age, now=now),
        *_about_broken(backup_set.name, seen),
        *_about_native(policy, backup_set, seen),
        *_about_copies(backup_set, missing if seen.point else (), unread, seen),
        *_about_drills(policy, backup_set, seen, moved, unknown),
        *((told.words, told.next) for told in tell_of_others(seen.others, backup_set.name, by=policy.name, now=now)),
        *advice_on_rto_forecast(rto_forecast, now=now),
    )
    return SetStatus(
        set=backup_set.name,
        point=seen.point,
        instant=seen.instant,
        age_seconds=age,
        rpo_seconds=rpo,
        rpo_met=age is not None and age <= rpo,
        copies=tuple(name for name in repositories if name in seen.holders and name not in damaged),
        missing_copies=missing,
        last_proof=proof,
        proof_age_seconds=None if proof is None else max(0.0, (now - proof.ended).total_seconds()),
        rto_seconds=realised,
        rto_objective_seconds=rto,
        rto_met=None if realised is None else realised <= rto,
        attention=tuple(sentence for sentence, _ in advice),
        next=advice[0][1] if advice else "",
        rto_forecast=rto_forecast,
        moved=moved,
        never_drilled=tuple(name for name in repositories if name in seen.holders and name not in seen.drilled) if seen.drilled else (),
        damaged_copies=tuple(name for name in repositories if name in seen.holders and name in damaged),
        unknown=unknown,
        unread=silent,
        off_site=_off_site(policy, backup_set, seen, damaged),
    )


def _about_repositories(repositories: tuple[str, ...], unread: Mapping[str, Problem]) -> list[tuple[str, str]]:
    return [
        (f"the repository {name} could not be read: {unread[name].what}", _remedy(unread[name])) for name in repositories if name in unread
    ]


def _remedy(problem: Problem) -> str:
    """What was never made is made; of anything else the cause is looked for."""
    return problem.hint if problem.kind == "NoRepository" and problem.hint.startswith("drtool init ") else "drtool doctor"


def _about_vanished(backup_set: BackupSet, seen: SetSummary, repositories: tuple[str, ...]) -> list[tuple[str, str]]:
    advice = [(words, f"drtool doctor {name}") for name in repositories for words in seen.vanished.get(name, ())]
    origin = backup_set.to
    if seen.instant is None or seen.vanished.get(origin) or origin in seen.newest_broken:
        return advice
    return [*advice, *went_back(backup_set, seen.held.get(origin), seen.instant, holders=seen.holders)]


def _about_quarantines(name: str, seen: SetSummary, *, now: datetime) -> list[tuple[str, str]]:
    advice = []
    for hold in quarantines(seen.quarantines, name, now):
        why, _, look = hold.reason.rpartition(": drtool ")
        then = f"if all is well: drtool hold release {hold.id}"
        advice.append(
            (
                f"nothing of {name} is forgotten until you have looked: {why or hold.reason}; {then}",
                f"drtool {look}" if why else f"drtool points {name}",
            )
        )
    return advice


def _about_points(
    backup_set: BackupSet, seen: SetSummary, silent: tuple[str, ...], *, again: str, age: float | None, now: datetime
) -> list[tuple[str, str]]:
    name = backup_set.name
    advice = []
    again = again or f"drtool run {name}"
    if age is None and silent:
        words = f"whether {name} has a complete recovery point is not known: {', '.join(silent)} could not be read"
        advice.append((words, f"drtool doctor {silent[0]}"))
    elif age is None and seen.unasked:
        advice.append((f"whether {name} has a complete recovery point is not known: {_UNASKED}", "drtool doctor"))
    elif age is None:
        advice.append(_about_none(name, seen, again=again))
    elif age > backup_set.objectives.rpo.total_seconds():
        objective = spell_duration(backup_set.objectives.rpo)
        known = f" that is known without {', '.join(silent)}" if silent else " that is known to be whole" if seen.unasked else ""
        advice.append((f"the newest complete point of {name}{known} is {spell_duration(age)} old, RPO {objective}", again))
    if seen.partial is not None and (seen.instant is None or seen.partial > seen.instant):
        old = spell_duration(max(0.0, (now - seen.partial).total_seconds()))
        advice.append((f"the last backup of {name}, {old} ago, is partial", again))
    if seen.future:
        count = spell_count(seen.future, "point")
        advice.append((f"{count} of {name} dated in the future: nothing of it is forgotten", f"drtool points {name}"))
    return advice


def _about_none(name: str, seen: SetSummary, *, again: str) -> tuple[str, str]:
    """Say that a set has no point, and what to do: look first at what another machine of our name made, for a machine may be made anew."""
    words = f"{name} has no complete recovery point"
    made = sum(machine.points for machine in seen.others.machines.values())
    if seen.partial is not None or not (made or seen.others.strangers or seen.others.retired):
        return words, again
    if not made:
        return f"{words} of ours", f"drtool points {name}"
    lie = "lies" if made == 1 else "lie"
    return (
        f"{words} of ours; {spell_count(made, 'point')} {lie} here that another machine of this name made (new state directory?)",
        "drtool adopt",
    )


def _about_broken(name: str, seen: SetSummary) -> list[tuple[str, str]]:
    told = []
    for repository, points in seen.broken.items():
        are = "is" if points == 1 else "are"
        told.append((f"{spell_count(points, 'point')} of {name} in {repository} {are} not whole: data is gone", f"drtool copy {name}"))
    return told


def _off_site(policy: Policy, backup_set: BackupSet, seen: SetSummary, damaged: Mapping[str, Damage]) -> tuple[str, ...]:
    copies = off_site_copies(policy, backup_set, seen.holders) if is_off_site(seen.native_sites, home=home_of(policy, backup_set)) else ()
    return tuple(name for name in copies if name not in damaged)


def _about_native(policy: Policy, backup_set: BackupSet, seen: SetSummary) -> list[tuple[str, str]]:
    """Tell what could not be asked for, and which copies are no off-site copies, as a part of the point stays at home."""
    name = backup_set.name
    told = []
    for repository, points in seen.unasked.items():
        words = f"whether {spell_count(points, 'point')} of {name} in {repository} {'is' if points == 1 else 'are'} whole"
        told.append((f"{words} is not known: {_UNASKED}", "drtool doctor"))
    away = off_site_copies(policy, backup_set, seen.holders)
    if away and not is_off_site(seen.native_sites, home=home_of(policy, backup_set)):
        words = f"the copy of {name} in {' and '.join(away)} is no off-site copy: a platform keeps {spell_count(seen.natives, 'artifact')}"
        told.append((f"{words} of its newest point, and not all of them elsewhere", f"drtool show {seen.point}"))
    return told


def _about_copies(
    backup_set: BackupSet, missing: tuple[str, ...], unread: Mapping[str, Problem], seen: SetSummary
) -> list[tuple[str, str]]:
    name = backup_set.name
    return [
        (
            f"{repository} does not hold the newest point of {name}",
            f"drtool run {name}" if repository == backup_set.to else f"drtool copy {name}",
        )
        for repository in missing
        if repository not in unread and repository not in seen.newest_broken
    ]


def _drilled_from(policy: Policy, backup_set: BackupSet) -> set[str]:
    return {drill.repository for drill in policy.drills.values() if backup_set.name in drill.sets}


def _about_drills(
    policy: Policy, backup_set: BackupSet, seen: SetSummary, moved: tuple[str, ...], unknown: tuple[str, ...]
) -> list[tuple[str, str]]:
    name = backup_set.name
    again = f"drtool drill {next((drill.name for drill in policy.drills.values() if name in drill.sets), name)}"
    if not _has_sandbox(policy, backup_set):
        again = "drtool doctor"  # it says what to write in the policy before there can be a drill
    if seen.drill is not None and not passed(seen.drill):
        return [(f"the last drill of {name} ended {seen.drill.outcome.replace('_', ' ')}", again)]
    if seen.proof is None and unknown:
        return [(f"whether {name} was ever proven is not known: {', '.join(unknown)} could not be read", f"drtool doctor {unknown[0]}")]
    if seen.proof is None:
        return [(f"{name} was never proven by a drill", again)]
    advice = [(f"{name} is not proven: {'; '.join(moved)}", again)] if moved else []
    realised, objective = seen.proof.rto_seconds, backup_set.objectives.rto
    if realised is not None and realised > objective.total_seconds():
        took, limit = spell_duration(realised), spell_duration(objective)
        advice.append((f"the last drill of {name} took {took}, RTO {limit}", again))
    return advice


def _has_sandbox(policy: Policy, backup_set: BackupSet) -> bool:
    """Tell whether a drill of a set has somewhere to go."""
    needed = {each.source for each in backup_set.protect}
    is_drilled = any(backup_set.name in drill.sets for drill in policy.drills.values())
    return is_drilled or any(needed <= set(sandbox.places) for sandbox in policy.sandboxes.values())


def _moved(policy: Policy, backup_set: BackupSet, proof: Evidence, seen: SetSummary, beyond: Beyond, *, now: datetime) -> tuple[str, ...]:
    present = beyond.present.get(backup_set.name) or fingerprint(policy, backup_set, workloads=seen.workloads)
    since = beyond.since.get(backup_set.name, {})
    return decayed(backup_set, proof, newest_bytes=seen.bytes if seen.point else None, present=present, since=since, now=now)
