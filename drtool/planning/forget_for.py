"""What a trusted side forgets for machines that may only add."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from drtool.model.arrivals import Arrivals
from drtool.model.errors import UnknownName
from drtool.model.inventory import Listing
from drtool.model.nearest import named
from drtool.model.plan import Forget, Guard, Plan, Step, Verdict
from drtool.model.point import RecoveryPoint
from drtool.model.policy import BackupSet, Policy
from drtool.model.tolerance import FUTURE_TOLERANCE
from drtool.planning.late import verdicts_for_another
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


def plan_for_another(policy: Policy, listing: Listing, *, arrivals: Arrivals, first: bool, now: datetime, run: str) -> Plan:
    """Plan to forget what no rule keeps of a policy made by `policy_for`, after a look at the newest point of each set.

    `first`: nobody looked from here before, so what lies there is believed as it is dated.
    """
    steps: list[Step] = []
    judged: list[Verdict] = []
    for name, backup_set in policy.sets.items():
        points = [point for point in listing.points if point.set == name]
        verdicts = verdicts_for_another(points, backup_set.keep, listing=listing, set=name, now=now, late=arrivals.late)
        newest = max((each for each in points if each.counts and each.instant <= now + FUTURE_TOLERANCE), key=_age, default=None)
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
    return Plan("forget", run, policy.name, now, tuple(steps), verdicts=tuple(judged), notes=_notes(policy, listing, arrivals, first=first))


def _notes(policy: Policy, listing: Listing, arrivals: Arrivals, *, first: bool) -> tuple[str, ...]:
    notes = []
    if first:
        notes.append(f"nobody looked at {listing.repository} from here before: the points there are believed as they are dated")
    if arrivals.late:
        count = spell_count(len(arrivals.late), "point")
        notes.append(f"{count} in {listing.repository} came long after the date on it: it takes nobody's place")
    left = sum(point.by == policy.name for point in listing.others)
    if left:
        notes.append(
            f"{spell_count(left, 'point')} in the name of {policy.name} of other machines, signers or under an id twice: left alone"
        )
    return tuple(notes)


def _age(point: RecoveryPoint) -> tuple[datetime, str]:
    return (point.instant, point.point)
