"""What a trusted side forgets for machines that may only add."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from drtool.model.arrivals import Arrivals
from drtool.model.errors import UnknownName
from drtool.model.inventory import Listing
from drtool.model.nearest import named
from drtool.model.plan import Forget, Guard, Plan, Release, Step, Verdict
from drtool.model.point import RecoveryPoint
from drtool.model.policy import BackupSet, Policy
from drtool.model.workload import Leftover
from drtool.planning.late import SLACK, is_ahead, verdicts_for_another
from drtool.planning.words import spell_count


def chosen_pair(policy: Policy, of: str | None = None, repository: str | None = None) -> tuple[str, str]:
    """Return whose points are forgotten, and where; UnknownName when the policy does not say that, or says several."""
    pairs = [(name, each) for each, body in policy.repositories.items() for name in body.forget_for]
    if not pairs:
        raise UnknownName("this policy forgets for nobody", hint="write `forget_for:` under the repository of the trusted side")
    if of is not None:
        named(of, {name for name, _repository in pairs}, "name under `forget_for:`")
    if repository is not None:
        named(repository, {each for _name, each in pairs}, "repository with `forget_for:`")
    fitting = [pair for pair in pairs if of in (None, pair[0]) and repository in (None, pair[1])]
    if len(fitting) != 1:
        raise UnknownName("say whose points, and where", hint=" or ".join(f"drtool forget {name} {each}" for name, each in pairs))
    return fitting[0]


def policy_for(policy: Policy, of: str, repository: str, *, sets: Iterable[str] = ()) -> Policy:
    """Return the policy by which a machine forgets for another: its name, that repository, and a set for each that has points there."""
    place = policy.repositories[repository]
    trusted = place.forget_for[of]
    return Policy(
        name=of,
        site=policy.site,
        repositories={repository: place},
        sources={},
        sets={name: BackupSet(name, (), repository, trusted.keep, quarantine=trusted.quarantine) for name in sets},
        notify=policy.notify,
        evidence_key=policy.evidence_key,
        signers=trusted.signers,
    )


def plan_for_another(policy: Policy, listing: Listing, *, before: Arrivals | None, arrivals: Arrivals, now: datetime, run: str) -> Plan:
    """Plan to forget what no rule keeps of a policy made by `policy_for`, after a look at the newest point of each set.

    `before` is what was known before the look that found the `arrivals`; None: nobody looked from here, so what lies there is believed as
    it is dated. The data of what was `going` then and has no manifest any more goes first.
    """
    steps = _owed(policy, listing, before)
    judged: list[Verdict] = []
    for name, backup_set in policy.sets.items():
        points = [point for point in listing.points if point.set == name]
        verdicts = verdicts_for_another(points, backup_set.keep, listing=listing, set=name, now=now, late=arrivals.late)
        newest = max((each for each in points if each.counts and not is_ahead(each, now)), key=_age, default=None)
        judged += verdicts
        if newest is None:
            continue
        rules, uses = backup_set.quarantine, (f"repository:{listing.repository}",)
        why = "a point that looks wrong must not push out good ones"
        guard = Step(f"{name}/guard", Guard(listing.repository, newest.point, rules), why=why, set=name, uses=uses)
        steps.append(guard)
        going = tuple(each.point for each in reversed(verdicts) if not each.reasons)
        if going:
            action = Forget(listing.repository, going, newest.point, rules, late=arrivals.late)
            why = f"no rule keeps {spell_count(len(going), 'point')} in {listing.repository}"
            steps.append(Step(f"{name}/forget", action, why=why, set=name, needs=(guard.id,), uses=uses, alone=True))
    return Plan("forget", run, policy.name, now, tuple(steps), verdicts=tuple(judged), notes=_notes(policy, listing, before, arrivals))


def owed_points(policy: Policy, listing: Listing, before: Arrivals | None) -> tuple[str, ...]:
    """Return the points whose forgetting was cut short: their manifests are gone, and data of theirs is there."""
    going = frozenset(before.going) if before else frozenset()
    return tuple(sorted({each.point for each in listing.unsealed if each.by == policy.name and each.point in going}))


def _owed(policy: Policy, listing: Listing, before: Arrivals | None) -> list[Step]:
    owed = owed_points(policy, listing, before)
    return [
        Step(
            f"owed/{each.id}",
            Release(Leftover(listing.repository, "unsealed", each.id, each.run, each.by, machine=each.machine)),
            why=f"{each.point} is forgotten, and a run died before its data was",
            uses=(f"repository:{listing.repository}",),
            alone=True,
        )
        for each in listing.unsealed
        if each.by == policy.name and each.point in owed
    ]


def _notes(policy: Policy, listing: Listing, before: Arrivals | None, arrivals: Arrivals) -> tuple[str, ...]:
    notes = []
    place, looked = listing.repository, f"drtool forget {policy.name} {listing.repository} --looked"
    if before is None:
        notes.append(f"nobody looked at {place} from here before: the points there are believed as they are dated")
    elif (gap := arrivals.looked - before.looked) > SLACK and (came := {*arrivals.late} - {*before.late, *before.known}):
        notes.append(
            f"nobody looked at {place} from here for {spell_count(round(gap / timedelta(days=1)), 'day')}: "
            f"when {spell_count(len(came), 'point')} came meanwhile, and whether by the date on it, nobody knows"
        )
    if late := {*arrivals.late} - {*arrivals.aside}:
        notes.append(
            f"{spell_count(len(late), 'point')} in {place} came long after the date on it: it takes nobody's place. "
            f"Look (drtool plan forget -v, drtool points); if it is right, {looked} believes the dates"
        )
    if ahead := [each.point for each in listing.points if is_ahead(each, arrivals.looked)]:
        notes.append(f"{ahead[-1]} in {place} is dated in the future, which stops all forgetting of its set; {looked} sets it aside")
    if arrivals.aside:
        notes.append(f"{spell_count(len(arrivals.aside), 'point')} in {place} dated in the future: set aside, as a person has said")
    names = {each.point for each in listing.points}
    if strange := sum(each.by != policy.name and each.point in names for each in listing.unsealed):
        notes.append(f"{spell_count(strange, 'snapshot')} in {place} of other names under the id of a point: left alone")
    left = sum(point.by == policy.name for point in listing.others)
    if left:
        notes.append(
            f"{spell_count(left, 'point')} in the name of {policy.name} of other machines, signers or under an id twice: left alone"
        )
    return tuple(notes)


def _age(point: RecoveryPoint) -> tuple[datetime, str]:
    return (point.instant, point.point)
