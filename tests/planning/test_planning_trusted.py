"""What a trusted side forgets for another machine: its own memory of when points came, and nobody's dates."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as values

from drtool.model.arrivals import Arrivals
from drtool.model.errors import UnknownName
from drtool.model.inventory import Listing
from drtool.model.plan import Forget, Guard, Plan, Release
from drtool.model.point import RecoveryPoint, Unsealed
from drtool.model.policy import ForgetFor, Policy, Quarantine, Retention
from drtool.model.standing import Standing
from drtool.planning.forget_for import chosen_pair, owed_points, plan_for_another, policy_for
from drtool.planning.late import arrived, looked_over, verdicts_for_another
from drtool.planning.only_taking import spell_append_only
from drtool.planning.retention import verdicts
from tests.planning.planning_values import BY, DAY, NOW, listing, point, policy, repository

KEEP = Retention(within=timedelta(days=10), verified=0)
RULES = Quarantine(points_per_day=7)
LOOKED = NOW - timedelta(days=5)
BEFORE = Arrivals(NOW - timedelta(hours=20))


def trusting(*names: str) -> Policy:
    """A machine that forgets in `near` and `far` for the policies named."""
    trusted = {name: ForgetFor(("laptop-1",), ("SHA256:one",), KEEP, RULES) for name in names}
    return policy(repositories={name: replace(repository(name), forget_for=trusted) for name in ("near", "far")})


def planned(points: tuple[RecoveryPoint, ...], *, late: tuple[str, ...] = (), before: Arrivals | None = BEFORE, **changes: Any) -> Plan:  # noqa: ANN401
    found: Listing = listing("near", points, **changes)
    other = policy_for(trusting(BY), BY, "near", sets=sorted({each.set for each in points}))
    return plan_for_another(other, found, before=before, arrivals=Arrivals(NOW, (), late), now=NOW, run="R9")


def going(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {step.set: step.action.points for step in plan.steps if isinstance(step.action, Forget)}


def aged(name: str, days: float, **changes: Any) -> RecoveryPoint:  # noqa: ANN401
    return point(name, NOW - days * DAY, **changes)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ((), "say whose points, and where"),
        (("laptop",), "say whose points, and where"),
        (("lapptop", "near"), "lapptop"),
        (("laptop", "nere"), "nere"),
    ],
)
def test_whose_points_and_where_is_said_or_asked(names: tuple[str, ...], words: str) -> None:
    with pytest.raises(UnknownName, match=words):
        chosen_pair(trusting("laptop", "desk"), *names)
    assert chosen_pair(trusting("laptop", "desk"), "desk", "far") == ("desk", "far")


def test_a_machine_forgets_for_nobody_unless_it_is_told_for_whom() -> None:
    with pytest.raises(UnknownName, match="forgets for nobody"):
        chosen_pair(policy())


def test_it_forgets_by_the_rules_written_for_the_other_and_with_no_source() -> None:
    other = policy_for(trusting("laptop"), "laptop", "far", sets=("documents", "photos"))
    assert (other.name, list(other.repositories), dict(other.sources), other.signers) == ("laptop", ["far"], {}, ("SHA256:one",))
    assert {name: (each.to, each.keep, each.quarantine) for name, each in other.sets.items()} == dict.fromkeys(
        ("documents", "photos"), ("far", KEEP, RULES)
    )


def test_what_no_rule_keeps_goes_behind_a_look_at_the_newest_and_sets_do_not_mix() -> None:
    plan = planned((aged("new", 1), aged("old", 12), aged("older", 13), aged("photo", 30, set="photos")))
    assert going(plan) == {"documents": ("older", "old")}, "the newest of a set stays"
    for step in plan.steps:
        if isinstance(step.action, Forget):
            guard = next(each for each in plan.steps if each.id in step.needs)
            assert isinstance(guard.action, Guard)
            assert (guard.action.point, guard.action.rules, guard.set) == ("new", RULES, "documents")
    assert {step.set for step in plan.steps if isinstance(step.action, Guard)} == {"documents", "photos"}
    assert plan.notes == ()


def test_a_date_in_the_future_is_not_the_newest_to_look_at() -> None:
    plan = planned((aged("ahead", -40), aged("new", 1), aged("old", 12)))
    assert [step.action.point for step in plan.steps if isinstance(step.action, Guard)] == ["new"]


def test_only_points_that_do_not_count_begin_nothing() -> None:
    assert planned((aged("ahead", -40),)).steps == ()


def test_what_came_late_takes_no_other_s_place() -> None:
    """By `last: 2` alone the three late ones would be the two that stay and the reason that the two good ones go.

    Nor does one late point take another's: each is newer than every timely one, and so stays.
    """
    keep = Retention(last=2, verified=0)
    trusted = ForgetFor(("laptop-1",), ("SHA256:one",), keep, RULES)
    body = policy(repositories={"near": replace(repository("near"), forget_for={BY: trusted})})
    points = (*(aged(f"late{number}", number) for number in (1, 2, 3)), aged("good1", 4), aged("good2", 5), aged("good3", 6))
    other = policy_for(body, BY, "near", sets=("documents",))

    def gone(late: tuple[str, ...]) -> tuple[str, ...]:
        plan = plan_for_another(other, listing("near", points), before=BEFORE, arrivals=Arrivals(NOW, (), late), now=NOW, run="R9")
        return going(plan)["documents"]

    assert {"good1", "good2"} <= set(gone(()))
    assert set(gone(("late1", "late2", "late3"))) == {"good3"}


def test_an_id_that_is_there_twice_is_never_forgotten_nor_counted() -> None:
    twice = aged("old", 12)
    plan = planned((aged("new", 1), twice), others=(replace(twice, manifest="m-other", standing=Standing.STRANGER),))
    assert going(plan) == {}
    assert [each.reasons for each in plan.verdicts if each.point == "old"] == [("another manifest bears its id",)]
    assert any("left alone" in note for note in plan.notes)


def test_the_first_look_and_late_points_are_told() -> None:
    told = " ".join(planned((aged("new", 1),), late=("new",), before=None).notes)
    assert "nobody looked at near from here before" in told
    assert "1 point in near came long after the date on it" in told


def test_who_forgets_is_said_of_a_store_that_only_takes() -> None:
    assert spell_append_only("far").startswith("nothing is forgotten in far from here")


def test_at_the_first_look_nothing_came_late() -> None:
    assert arrived(None, (aged("old", 400),), now=NOW) == Arrivals(NOW, ("old",))


@given(values.lists(values.integers(-40, 400), unique=True, max_size=8), values.sets(values.integers(0, 7)), values.integers(0, 700))
def test_late_is_what_was_not_there_and_is_dated_more_than_a_day_before_the_last_look_or_than_two_before_now(
    ages: list[int], seen: set[int], gap: int
) -> None:
    points = [aged(f"P{number}", hours / 24) for number, hours in enumerate(ages)]
    known = [each.point for number, each in enumerate(points) if number in seen]
    found = arrived(Arrivals(NOW - timedelta(hours=gap), tuple(known)), points, now=NOW)
    oldest = 48 if gap > 24 else gap + 24
    assert set(found.late) == {f"P{number}" for number, hours in enumerate(ages) if hours > oldest and number not in seen}
    assert set(found.known) == {each.point for each in points}
    again = arrived(found, points, now=NOW + DAY)
    assert again.late == found.late, "what came late stays late"
    assert arrived(found, (), now=NOW + DAY).late == (), "what is gone is no matter"


_KEEPS = values.builds(
    Retention,
    within=values.sampled_from([timedelta(days=7), timedelta(days=12)]),
    last=values.integers(0, 3),
    hourly=values.integers(0, 5),
    daily=values.integers(0, 30),
    weekly=values.integers(0, 4),
    monthly=values.integers(0, 2),
    verified=values.just(0),
)
_DAYS = values.sets(values.integers(0, 45), max_size=10)


@given(_KEEPS, _DAYS, _DAYS, values.integers(0, 40 * 24), values.integers(0, 20))
def test_nothing_that_comes_two_days_after_its_date_takes_a_good_point_s_place_however_long_nobody_looked(
    keep: Retention, good: set[int], forged: set[int], gap: int, later: int
) -> None:
    """What the rules keep of the good points alone stays, at the look after the gap and at those after it."""
    looked = NOW - timedelta(hours=gap)
    sealed = [aged(f"good{days}", days) for days in good]
    bad = [point(f"bad{days}", NOW - days * DAY + timedelta(minutes=9)) for days in forged if days > 2]
    before = Arrivals(looked, tuple(each.point for each in sealed if each.instant <= looked))
    place = listing("near", (*sealed, *bad))
    found = arrived(before, place.points, now=NOW)
    for now in (NOW, NOW + later * DAY):
        found = arrived(found, place.points, now=now)
        judged = verdicts_for_another(place.points, keep, listing=place, set="documents", now=now, late=found.late)
        alone = verdicts(sealed, keep, repository="near", set="documents", now=now)
        assert {each.point for each in alone if each.reasons} <= {each.point for each in judged if each.reasons}


def test_how_long_nobody_looked_is_told_with_what_to_type() -> None:
    before = Arrivals(NOW - 26 * DAY)
    points = (aged("new", 1), aged("gap", 10))
    plan = planned(points, late=arrived(before, points, now=NOW).late, before=before)
    told = " ".join(plan.notes)
    assert "nobody looked at near from here for 26 days: when 1 point came meanwhile" in told
    assert f"drtool forget {BY} near --looked" in told
    assert "nobody looked" not in " ".join(planned(points, late=("gap",)).notes)


def test_a_person_s_word_believes_what_was_told_and_nothing_that_came_since() -> None:
    points = (aged("told", 10), aged("since", 11), aged("new", 1))
    before = Arrivals(NOW - DAY, ("told", "new"), ("told",))
    found = looked_over(arrived(before, points, now=NOW), before, points)
    assert (found.late, found.aside) == (("since",), ())
    assert looked_over(found, found, points).late == ()


def test_what_is_set_aside_is_never_believed_by_its_date() -> None:
    ahead, new = aged("ahead", -40), aged("new", 1)
    first = looked_over(arrived(None, (ahead, new), now=NOW), None, (ahead, new))
    assert (first.late, first.aside) == (("ahead",), ("ahead",))
    then = arrived(first, (ahead, new), now=NOW + 41 * DAY)
    assert (then.late, then.aside) == (("ahead",), ("ahead",)), "not when that has come either"
    assert arrived(then, (new,), now=NOW + 42 * DAY).aside == ()


def unsealed(name: str, point: str, *, by: str = BY) -> Unsealed:
    return Unsealed(name, by, "documents", point, "R1", "here:/home", NOW - DAY, None)


def test_data_of_what_a_run_that_died_forgot_goes_and_no_other() -> None:
    before = Arrivals(NOW - timedelta(hours=20), ("gone", "new"), going=("gone", "new"))
    left = (unsealed("d1", "gone"), unsealed("d2", "running"), unsealed("d3", "gone", by="another"))
    plan = planned((aged("new", 1),), before=before, unsealed=left)
    released = [step.action.leftover.locator for step in plan.steps if isinstance(step.action, Release) and step.action.leftover]
    assert released == ["d1"]
    assert owed_points(policy_for(trusting(BY), BY, "near"), listing("near", (), unsealed=left), before) == ("gone",)


def test_what_bears_another_name_under_the_id_of_a_point_is_told() -> None:
    plan = planned((aged("new", 1), aged("old", 12)), unsealed=(unsealed("d1", "old", by="zzz"),))
    assert going(plan) == {"documents": ("old",)}
    assert "1 snapshot in near of other names under the id of a point: left alone" in plan.notes
