"""Which signing keys follow those that are accepted, and what the replaced ones still prove."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from drtool.model.evidence import Evidence
from drtool.model.hold import Hold
from drtool.model.rotation import KNOWN_MOST, RECORDS_MOST, Rotation, known_points, known_records
from drtool.model.standing import Acceptance, Adopted, Adoption, Ours, Standing
from drtool.planning.adopt import adoptable, choose_adoption
from drtool.planning.choose import choose_point
from drtool.planning.others import others_of
from drtool.planning.standing import judged, ours_of, proves
from drtool.planning.succession import MOST_OF_A_KEY, MOST_STEPS, at_once, follow, learnt, lineage, unfinished
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
    assert set(ours.retired) == {A}
    assert len(ours.disputed) == 1
    near = judged(listing("near"), ours)
    (told,) = others_of([near], "documents", by=BY, now=NOW)
    assert told.words.startswith(ours.disputed[0])
    assert "in the policy: signers:" in told.words


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
    claimed = replace(known, rotations=(*known.rotations, first(A, EVIL), last(A, EVIL)))
    for listed in ((A,), (A, B)):
        assert ours_of(claimed, by=BY, signers=listed) == ours_of(known, by=BY, signers=listed), "a person has decided"


def test_whose_last_word_is_known_is_followed_by_nobody_else() -> None:
    known = learnt((), (first(A, B), last(A, B)), direct=frozenset({A}))
    claimed = learnt(known, (replace(first(A, EVIL), at=NOW - 99 * DAY), last(A, EVIL)), direct=frozenset({A}))
    ours = accepted(*claimed)
    assert ours.signers == {A, B}
    assert ours.retired == {A: (last(A, B),)}
    assert EVIL in ours.disputed[0]
    assert accepted(*at_once(claimed)).signers == {A}, "who remembers nothing cannot tell"


def test_what_one_call_reads_in_several_repositories_is_learnt_at_once() -> None:
    """Somebody who writes into one repository alone must not be the first there, and so decide about the others."""
    direct: frozenset[str] = frozenset({A})
    claimed = learnt((), (first(A, EVIL), last(A, EVIL)), direct=direct, before=frozenset())
    doubted = learnt(claimed, (first(A, B), last(A, B)), direct=direct, before=frozenset())
    assert accepted(*doubted).signers == {A}
    later = learnt(claimed, (first(A, B), last(A, B)), direct=direct, before=frozenset(claimed))
    assert accepted(*later).signers == {A, EVIL}
    assert B in accepted(*later).disputed[0]
    adopted = accepted(*later, adopted=(Adopted("nas", (B,), NOW),))
    assert adopted.signers == {A, B}
    assert adopted.retired == {A: (last(A, B),)}


def test_a_machine_believes_itself_and_not_what_was_claimed_before() -> None:
    ours = accepted(first(A, EVIL), last(A, EVIL), first(A, B), last(A, B), signers=(A, B))
    assert ours.signers == {A, B}
    assert ours.retired == {A: (last(A, B),)}


def test_in_a_dispute_nothing_counts_that_the_old_key_signs_since_the_first_claim() -> None:
    claim = NOW - timedelta(hours=3)
    before, after = claim - timedelta(hours=1), claim + timedelta(hours=1)
    said = (first(A, B), last(A, B), replace(first(A, EVIL), at=claim), last(A, EVIL))
    points = [replace(point(name, at), machine="nas", signer=A, sealed=at) for name, at in (("P", before), ("Q", after))]
    drills = [_drill(id=name, ended=at) for name, at in (("D", before), ("E", after))]
    held = Hold("h1", "documents", BY, "", before, signer=A)
    seen = replace(listing("near", points), evidence=tuple(drills), holds=(held, replace(held, id="h2", releases="h0")))
    near = judged(seen, accepted(*at_once(said)))
    assert [each.point for each in near.points] == ["P"]
    assert [(each.point, each.standing) for each in near.others] == [("Q", Standing.RETIRED)]
    assert [(each.id, each.counts) for each in near.evidence] == [("D", True), ("E", False)]
    assert [each.counts for each in near.holds] == [True, False]
    told = others_of([near], "documents", by=BY, now=NOW)
    assert any("none of them counts" in each.words and "signers:" in each.words for each in told)
    unreplaced = ours_of(Acceptance(machines=("nas",), first=A, rotations=said), by=BY, signers=(A,))
    assert len(judged(near, unreplaced).points) == 2, "a person says that the key was never replaced"


def test_strangers_take_no_room_from_a_key_that_is_followed() -> None:
    known = learnt((), (first(A, B), last(A, B)), direct=frozenset({A}))
    names = [A, *(f"SHA256:{number:043}" for number in range(300))]
    flood = [Rotation(str(number), BY, "nas", old, new, NOW) for number, (old, new) in enumerate(itertools.pairwise(names))]
    direct: frozenset[str] = frozenset({A, B})
    known = learnt(known, flood, direct=direct)
    assert len(known) == 3
    believed = learnt((), flood, direct=frozenset({A}))
    for each in (known, believed):
        grown = learnt(each, (first(B, C), last(B, C)), direct=direct)
        assert C in follow(direct, grown).signers
        assert B in follow(direct, grown).retired


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


def _drill(**changes: Any) -> Evidence:  # noqa: ANN401
    good = evidence(ended=NOW - DAY, signer=A, tags_signer=A, number=2, digest="2" * 64, snapshot="s2")
    return replace(good, **{"details": {"drill": "monthly"}, **changes})


def test_evidence_of_a_replaced_key_counts_only_if_it_was_known() -> None:
    there = [_drill(), _drill(number=3, digest="3" * 64)]
    ours = accepted(first(A, B), last(A, B, number=3, head="3" * 64, records=known_records(there, ())))
    assert all(proves(replace(each, snapshot="another", counts=False), ours) for each in there)
    assert not proves(_drill(number=1, digest="1" * 64), ours), "older than the head, and not known"
    near = judged(replace(listing("near"), evidence=(there[0], _drill(id="E2", digest="4" * 64))), ours)
    assert [(each.counts, each.retired) for each in near.evidence] == [(True, False), (False, True)]
    told = others_of([near], "documents", by=BY, now=NOW)
    assert [(each.words.partition(" ")[0], each.next) for each in told] == [("1", "drtool evidence verify")]


@pytest.mark.parametrize(
    "change",
    [
        *({"outcome": "failed"}, {"point": "P2"}, {"set": "photos"}, {"rto_seconds": 1.0}, {"rto_seconds": None}, {"checks_passed": 9}),
        *({"details": {}}, {"details": {"drill": "yearly"}}, {"ended": NOW}, {"id": "E9"}, {"number": 1}, {"tested": "m"}, {"key": "k"}),
    ],
)
def test_other_tags_for_known_evidence_do_not_count(change: dict[str, Any]) -> None:
    word = last(A, B, records=known_records([_drill()], ()))
    assert word.covers_evidence(_drill())
    assert not word.covers_evidence(_drill(**change))


def test_a_last_word_of_an_earlier_release_vouches_for_the_head_of_its_chain_alone() -> None:
    word = last(A, B, number=3, head="3" * 64)
    assert word.covers_evidence(_drill(number=3, digest="3" * 64))
    assert not word.covers_evidence(_drill())
    assert not word.covers_evidence(_drill(number=3, digest="3" * 64, ended=NOW + DAY))
    assert not last(A, B).covers_evidence(_drill(number=0, digest="1" * 64))


def test_of_more_records_than_a_tag_holds_the_newest_are_known() -> None:
    every = [_drill(number=number, ended=NOW - timedelta(minutes=RECORDS_MOST + 3 - number)) for number in range(RECORDS_MOST + 3)]
    word = last(A, B, records=known_records(every, ()))
    assert [word.covers_evidence(each) for each in (every[2], every[3], every[-1])] == [False, True, True]


def test_a_replaced_key_releases_no_hold_any_more() -> None:
    before = Hold("h1", "documents", BY, "", NOW - DAY, releases="h0", signer=A)
    ours = accepted(first(A, B), last(A, B, records=known_records((), [before])))
    backdated, other, held = replace(before, id="h2"), replace(before, releases="h9"), replace(before, id="h3", releases="")
    near = judged(replace(listing("near"), holds=(before, backdated, other, held, replace(held, id="h4", created=NOW + DAY))), ours)
    assert [each.counts for each in near.holds] == [True, False, False, True, False]


def test_what_nobody_accepts_is_not_remembered_and_what_casts_doubt_is() -> None:
    direct = frozenset({A})
    assert learnt((), (first(B, C), last(A, B)), direct=direct) == ()
    assert set(learnt((), (last(B, C), first(B, C), first(A, B)), direct=direct)) == {first(A, B), first(B, C), last(B, C)}
    names = [A, *(f"SHA256:{number:043}" for number in range(MOST_STEPS + 50))]
    chain = [Rotation(str(number), BY, "nas", old, new, NOW) for number, (old, new) in enumerate(itertools.pairwise(names))]
    known = learnt((), chain, direct=direct)
    assert MOST_STEPS <= len(known) <= MOST_STEPS + 1
    doubted = learnt(known, (first(A, B),), direct=direct)
    assert first(A, B) in doubted
    assert learnt(doubted, (first(A, B), *chain[:10]), direct=direct) == doubted
    many = learnt((), [replace(first(A, B), new=name) for name in names[1:]], direct=direct)
    assert len(many) == MOST_OF_A_KEY
    assert first(A, C) in learnt(many, (first(A, C),), direct=frozenset({A, C})), "whom a person accepts always finds room"


def test_a_key_has_the_lineage_that_leads_to_it() -> None:
    every = (first(A, B), last(A, B), first(B, C), first(A, EVIL))
    assert lineage(C, every) == every[:3]
    assert lineage(A, every) == ()


def test_of_keys_that_follow_one_another_the_first_is_adopted() -> None:
    found = [Adoption("nas", signer, 1, ("documents",), NOW, NOW) for signer in (B, A)]
    chosen = choose_adoption(found, "nas", ours=accepted(), signers=(), rotations=(first(A, B),))
    assert chosen.signer == A


def test_who_accepts_a_key_takes_its_word_for_the_one_before_and_no_more() -> None:
    there = replace(point("P", NOW - DAY), machine="nas", signer=A, digest="1" * 64, sealed=NOW - DAY)
    backdated = replace(there, point="Q", digest="2" * 64)
    known, since = known_points([there])
    said = (first(A, B), last(A, B, known=known, since=since, records=known_records([_drill()], ())))
    ours = accepted(*said, first="", adopted=(Adopted("nas", (B,), NOW),))
    assert ours.signers == {A, B}
    near = judged(replace(listing("near"), points=(there, backdated), evidence=(_drill(), _drill(id="E2", digest="4" * 64))), ours)
    assert [each.point for each in near.points] == ["P"]
    assert [(each.point, each.standing) for each in near.others] == [("Q", Standing.RETIRED)]
    assert [each.counts for each in near.evidence] == [True, False]
    without = accepted(first(A, B), first="", adopted=(Adopted("nas", (B,), NOW),))
    assert without.signers == {B}, "until the last word is said nothing is vouched for"
    assert ours_of(Acceptance(("nas",), rotations=said), by=BY, signers=(B,)).signers == {B}, "the list of the policy decides"
    claimed = accepted(*said, first(A, EVIL), last(A, EVIL), first="", adopted=(Adopted("nas", (B,), NOW),))
    assert claimed.signers == {A, B}
    assert claimed.retired == {A: (said[1],)}
    assert EVIL in claimed.disputed[0]


def test_a_key_that_was_replaced_names_none_before_it() -> None:
    forged = replace(point("P", NOW - DAY), machine="nas", signer=EVIL, digest="1" * 64, sealed=NOW - DAY)
    known, since = known_points([forged])
    said = (first(A, B), last(A, B), first(EVIL, A), last(EVIL, A, known=known, since=since))
    assert accepted(*said).signers == {A, B}
    direct = frozenset({A})
    assert learnt(said[:2], said[2:], direct=direct) == said[:2], "nor is that remembered"
    assert learnt((), (first(A, B), last(A, B)), direct=frozenset({B})) == (first(A, B), last(A, B))
    names = [f"SHA256:{number:043}" for number in range(300)]
    flood = learnt((), [replace(first(name, B), id=name[-4:]) for name in names], direct=frozenset({B}))
    assert len(flood) == MOST_OF_A_KEY


def test_the_keys_of_a_machine_that_followed_one_another_are_one_adoption() -> None:
    def theirs(name: str, signer: str, days: int) -> object:
        return point(name, NOW - days * DAY, machine="nas", signer=signer, standing="another_machine")

    points = (theirs("P", A, 3), theirs("Q", B, 2), theirs("R", C, 1), theirs("S", EVIL, 1))
    near = {"near": replace(listing("near"), others=points)}  # type: ignore[arg-type]
    chain = (first(A, B), last(A, B), first(B, C), last(B, C))
    found = adoptable(near, Acceptance(first=A), rotations=chain)
    assert [(each.signer, each.keys, each.points) for each in found] == [(A, (A, B, C), 3), (EVIL, (EVIL,), 1)]
    for named, signer in (("nas", A), (C, C), (B, B)):
        chosen = choose_adoption(found, named, ours=accepted(), signers=(), rotations=chain)
        assert (chosen.signer, chosen.keys) == (signer, (A, B, C))
    assert choose_adoption(found, "nas", signer=B, ours=accepted(), signers=(), rotations=chain).signer == B
    disputed = adoptable(near, Acceptance(), rotations=(first(A, B), first(A, EVIL)))
    assert sorted(each.signer for each in disputed) == sorted((A, B, C, EVIL))
    circle = adoptable(near, Acceptance(), rotations=(first(A, B), first(B, A)))
    assert sum(each.points for each in circle) == 4


def _left(signers: tuple[str, ...], *known: Rotation, kept: tuple[Rotation, ...] = (), waiting: bool = False) -> tuple[str, ...]:
    there = tuple(each for each in known if each not in kept)
    return unfinished(signers, known, kept=kept, there=there, repository="near", waiting=waiting)


def test_what_of_a_rotation_is_not_done_is_told() -> None:
    assert _left((A,)) == ()
    assert _left((A, B), first(A, B), last(A, B)) == ()
    assert "being changed" in _left((A, B), first(A, B))[0]
    assert "lies ready" in _left((A,), waiting=True)[0]
    assert "near does not tell" in _left((A, B), first(A, B), last(A, B), kept=(last(A, B),))[0]
    assert _left((A,), first(A, EVIL)) == (), "what a thief says is no rotation of ours"
    assert _left((A, B, C), first(A, B)) == (), "the key was put aside, and another signs"
    near = replace(listing("near"), unfinished=("so it is",))
    (told,) = others_of([near], "documents", by=BY, now=NOW)
    assert (told.words, told.next) == ("so it is; to finish it: drtool evidence rotate", "drtool evidence rotate")
