"""Which signing keys follow those that are accepted, and what the replaced ones still prove."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from drtool.model.hold import Hold
from drtool.model.rotation import KNOWN_MOST, Rotation, known_points
from drtool.model.standing import Acceptance, Adoption, Ours, Standing
from drtool.planning.adopt import choose_adoption
from drtool.planning.choose import choose_point
from drtool.planning.others import others_of
from drtool.planning.standing import judged, ours_of, proves
from drtool.planning.succession import MOST_KNOWN, MOST_STEPS, follow, learnt, lineage
from tests.planning.planning_values import BY, DAY, NOW, evidence, listing, point

A, B, C, EVIL = (f"SHA256:{letter * 43}" for letter in "abce")


def first(old: str, new: str) -> Rotation:
    return Rotation(f"{old[7]}{new[7]}", BY, "nas", old, new, NOW)


def last(old: str, new: str, **more: object) -> Rotation:
    return replace(first(old, new), final=True, **more)  # type: ignore[arg-type]


def accepted(*rotations: Rotation, **more: object) -> Ours:
    known = Acceptance(machines=("nas",), first=A, rotations=rotations)
    return ours_of(replace(known, **more), by=BY)  # type: ignore[arg-type]


def test_the_successors_of_an_accepted_key_are_accepted() -> None:
    assert accepted(first(A, B), first(B, C)).signers == {A, B, C}
    assert accepted(first(B, C)).signers == {A}


def test_a_circle_ends_and_a_chain_is_followed_so_far() -> None:
    assert accepted(first(A, B), first(B, A)).signers == {A, B}
    names = [f"SHA256:{number:043}" for number in range(MOST_STEPS + 10)]
    chain = [Rotation(str(number), BY, "nas", old, new, NOW) for number, (old, new) in enumerate(itertools.pairwise(names))]
    assert follow(frozenset(names[:1]), chain).signers == set(names[: MOST_STEPS + 1])


def test_of_two_successors_neither_counts_and_that_is_told() -> None:
    ours = accepted(first(A, B), first(A, EVIL), first(EVIL, C), last(A, EVIL))
    assert ours.signers == {A}
    assert not ours.retired
    assert len(ours.disputed) == 1
    near = judged(listing("near"), ours)
    assert [told.words for told in others_of([near], "documents", by=BY, now=NOW)] == list(ours.disputed)


def test_of_two_successors_the_one_that_is_accepted_by_itself_counts() -> None:
    ours = accepted(first(A, B), first(A, EVIL), last(A, B), signers=(B,))
    assert ours.signers == {A, B}
    assert set(ours.retired) == {A}
    assert len(ours.disputed) == 1


def test_nobody_else_replaces_a_key_of_this_machine() -> None:
    ours = accepted(first(A, EVIL), last(A, EVIL), signers=(A,))
    assert ours.signers == {A}
    assert not ours.retired
    assert "not done here" in ours.disputed[0]


def test_the_list_of_the_policy_decides() -> None:
    known = Acceptance(machines=("nas",), first=A, rotations=(first(A, B), last(A, B)))
    assert ours_of(known, by=BY, signers=(A,)).signers == {A}
    assert not ours_of(known, by=BY, signers=(A,)).retired
    both = ours_of(known, by=BY, signers=(A, B))
    assert both.signers == {A, B}
    assert set(both.retired) == {A}
    assert not both.disputed


def test_a_point_of_a_replaced_key_counts_only_if_it_was_known() -> None:
    there = replace(point("A", NOW - DAY), machine="nas", signer=A, digest="1" * 64, sealed=NOW - DAY)
    backdated = replace(there, point="B", digest="2" * 64)
    later = replace(there, point="C", digest="1" * 64, sealed=NOW + DAY)
    by_new = replace(there, point="D", digest="3" * 64, signer=B, sealed=NOW + DAY)
    known, since = known_points([there])
    ours = accepted(first(A, B), last(A, B, known=known, since=since))
    near = judged(replace(listing("near"), points=(there, backdated, later, by_new)), ours)
    assert [each.point for each in near.points] == ["A", "D"]
    assert [(each.point, each.standing) for each in near.others] == [("B", Standing.RETIRED), ("C", Standing.RETIRED)]
    (told,) = others_of([near], there.set, by=BY, now=NOW)
    assert told.words.startswith("2 points")
    late_only = {"near": replace(near, points=())}
    with pytest.raises(Exception, match="no recovery point"):
        choose_point(late_only, set=there.set, by=BY, now=NOW + 2 * DAY, signers=ours.signers)
    without_last_word = judged(near, accepted(first(A, B)))
    assert len(without_last_word.points) == 4


@pytest.mark.parametrize(
    "change",
    [{"point": "B"}, {"instant": NOW}, {"complete": False}, {"files": 9}, {"run": "R"}, {"machine": "m"}, {"sealed": NOW}],
)
def test_other_tags_for_a_known_manifest_do_not_count(change: dict[str, Any]) -> None:
    there = replace(point("A", NOW - DAY), machine="nas", signer=A, digest="1" * 64, sealed=NOW - DAY)
    known, since = known_points([there])
    assert last(A, B, known=known, since=since).covers_point(there)
    assert not last(A, B, known=known, since=since).covers_point(replace(there, **change))


def test_what_another_successor_says_of_a_key_takes_no_room_from_its_own() -> None:
    theirs = [replace(last(A, C), id=f"{number}") for number in range(9)]
    known = learnt((), [first(A, C), *theirs, first(A, B)], direct=frozenset({A}))
    assert last(A, B) in learnt(known, [last(A, B)], direct=frozenset({A}))


def test_a_replaced_key_does_not_end_a_hold_of_its_own_that_counts() -> None:
    held = Hold("h0", "documents", BY, "", NOW - DAY, signer=A)
    ending = Hold("h1", "documents", BY, "", NOW, releases="h0", signer=A, counts=False)
    assert not ending.ends(held)
    assert ending.ends(replace(held, counts=False)), "of two that do not count, whoever signed one ends it"
    assert replace(ending, counts=True).ends(held)


def test_of_more_points_than_a_tag_holds_the_oldest_go_by_their_instant() -> None:
    count = KNOWN_MOST + 3
    every = [
        replace(point(str(number), NOW), signer=A, digest=f"{number:064x}", sealed=NOW - timedelta(minutes=count - number))
        for number in range(count)
    ]
    known, since = known_points(every)
    assert since == every[3].sealed
    word = last(A, B, known=known, since=since)
    assert all(word.covers_point(each) for each in every)
    assert not word.covers_point(replace(every[-1], digest="f" * 64))


def test_evidence_of_a_replaced_key_ends_at_its_head() -> None:
    ours = accepted(first(A, B), last(A, B, number=3, head="3" * 64))
    good = replace(evidence(ended=NOW - DAY), by=BY, signer=A, tags_signer=A, number=3, digest="3" * 64)
    assert proves(good, ours)
    assert proves(replace(good, number=2, digest="2" * 64), ours)
    assert not proves(replace(good, digest="4" * 64), ours)
    assert not proves(replace(good, number=4), ours)
    assert not proves(replace(good, ended=NOW + DAY), ours)


def test_a_replaced_key_releases_no_hold_any_more() -> None:
    ours = accepted(first(A, B), last(A, B))
    before = Hold("h1", "documents", BY, "", NOW - DAY, releases="h0", signer=A)
    near = judged(replace(listing("near"), holds=(before, replace(before, id="h2", created=NOW + DAY))), ours)
    assert [each.counts for each in near.holds] == [True, False]


def test_what_nobody_accepts_is_not_remembered_and_what_casts_doubt_is() -> None:
    direct = frozenset({A})
    assert learnt((), (first(B, C), last(A, B)), direct=direct) == ()
    assert set(learnt((), (last(B, C), first(B, C), first(A, B)), direct=direct)) == {first(A, B), first(B, C), last(B, C)}
    names = [A, *(f"SHA256:{number:043}" for number in range(MOST_KNOWN + 50))]
    chain = [Rotation(str(number), BY, "nas", old, new, NOW) for number, (old, new) in enumerate(itertools.pairwise(names))]
    known = learnt((), chain, direct=direct)
    assert len(known) == MOST_KNOWN
    doubted = learnt(known, (first(A, B),), direct=direct)
    assert first(A, B) in doubted
    assert learnt(doubted, (first(A, B), *chain[:10]), direct=direct) == doubted


def test_a_key_has_the_lineage_that_leads_to_it() -> None:
    every = (first(A, B), last(A, B), first(B, C), first(A, EVIL))
    assert lineage(C, every) == every[:3]
    assert lineage(A, every) == ()


def test_of_keys_that_follow_one_another_the_first_is_adopted() -> None:
    found = [Adoption("nas", signer, 1, ("documents",), NOW, NOW) for signer in (B, A)]
    chosen = choose_adoption(found, "nas", ours=accepted(), signers=(), rotations=(first(A, B),))
    assert chosen.signer == A
