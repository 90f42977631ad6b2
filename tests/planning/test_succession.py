"""Which signing keys follow those that are accepted, and what the replaced ones still prove."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from drtool.model import rotation as model
from drtool.model.errors import Refused
from drtool.model.evidence import Evidence
from drtool.model.hold import Hold
from drtool.model.point import RecoveryPoint
from drtool.model.rotation import KNOWN_MOST, LAST_WORDS_MOST, Rotation, known_points, known_records
from drtool.model.standing import Acceptance, Adopted, Adoption, Ours, Standing
from drtool.planning.adopt import adoptable, choose_adoption
from drtool.planning.choose import choose_point
from drtool.planning.others import others_of
from drtool.planning.standing import judged, ours_of, proves
from drtool.planning.succession import (
    MOST_OF_A_KEY,
    MOST_STEPS,
    at_once,
    chains,
    follow,
    learnt,
    lineage,
    require_sole,
    roots,
    unfinished,
)
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


def test_what_another_call_learnt_meanwhile_was_known_before() -> None:
    direct: frozenset[str] = frozenset({A})
    mine, theirs = (first(B, C), last(B, C)), (first(A, B), last(A, B))
    known = (*theirs, *mine)
    claimed = learnt(known, (first(A, EVIL), last(A, EVIL)), direct=direct, before=frozenset(theirs))
    assert accepted(*claimed).signers == {A, B, C}
    assert accepted(*learnt(known, (first(B, EVIL), last(B, EVIL)), direct=direct, before=frozenset(theirs))).signers == {A, B}
    between = learnt((*mine[:1], *theirs, *mine[1:]), (first(A, EVIL),), direct=direct, before=frozenset(theirs))
    assert accepted(*between).signers == {A, B, C}, "whatever this call itself learnt about other keys"


def test_a_key_that_says_elsewhere_that_another_follows_it_is_refused() -> None:
    require_sole(A, (first(A, B), last(A, B), first(B, C)), but=frozenset({A, B}))
    require_sole(A, (first(A, EVIL),), but=frozenset({A}), ended=True)
    for said, ended in (((first(A, EVIL),), False), ((first(A, B), first(A, EVIL), last(A, EVIL)), True)):
        with pytest.raises(Refused, match=EVIL) as refused:
            require_sole(A, said, but=frozenset({A, B}), ended=ended)
        assert f'signers: ["{A}"]' in refused.value.hint


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
    (known,) = known_points([there], at=NOW)
    ours = accepted(first(A, B), last(A, B, known=known))
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
    (known,) = known_points([there], at=NOW)
    assert last(A, B, known=known).covers_point(there)
    assert not last(A, B, known=known).covers_point(replace(there, **change))


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


def _many(count: int, **changes: Any) -> list[RecoveryPoint]:  # noqa: ANN401
    return [
        replace(point(str(number), NOW - timedelta(minutes=number + 1)), signer=A, digest=f"{number:064x}", **changes)
        for number in range(count)
    ]


def _words(points: list[RecoveryPoint], *sets: str) -> list[Rotation]:
    return [last(A, B, known=each) for each in known_points(points, at=NOW, sets=frozenset(sets))]


def test_more_points_than_a_tag_holds_are_told_by_several_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "KNOWN_MOST", 3)
    every = _many(LAST_WORDS_MOST * 3 + 2)
    told = _words(every)
    assert len(told) == LAST_WORDS_MOST <= MOST_OF_A_KEY
    ours = accepted(
        *learnt((), (first(A, B), *(replace(each, id=f"L{number}") for number, each in enumerate(told))), direct=frozenset({A}))
    )
    near = judged(replace(listing("near"), points=tuple(replace(each, machine="nas") for each in every)), ours)
    assert not near.points, "other tags"
    assert [any(word.covers_point(each) for word in ours.retired[A]) for each in every] == [True] * (len(every) - 2) + [False] * 2


def test_a_flood_before_the_rotation_vouches_for_nothing_forged_after_it() -> None:
    (genuine,) = _many(1)
    yesterday = replace(genuine, point="forged", digest="f" * 64, sealed=NOW - DAY)
    for year, sets in ((2100, ()), (2020, ("documents",))):
        flood = _many(KNOWN_MOST + 1, set="elsewhere", sealed=NOW.replace(year=year))
        told = _words([genuine, *flood], *sets)
        assert any(each.covers_point(genuine) for each in told)
        assert not any(each.covers_point(yesterday) for each in told)
    everything = _many(KNOWN_MOST * LAST_WORDS_MOST + 5)
    assert not any(each.covers_point(yesterday) for each in _words(everything))


@pytest.mark.parametrize("change", [{"set": "elsewhere"}, {"set": "documents", "sealed": NOW + timedelta(hours=1)}])
def test_a_flood_takes_no_room_from_the_sets_of_the_policy(monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]) -> None:
    monkeypatch.setattr(model, "KNOWN_MOST", 1)
    genuine = [replace(each, sealed=each.sealed - DAY, set=name) for name in ("documents", "photos") for each in _many(2)]
    told = _words([*genuine, *(replace(each, **{"sealed": NOW, **change}) for each in _many(50))], "documents", "photos")
    assert all(any(word.covers_point(each) for word in told) for each in genuine)


def test_nobody_signed_before_a_rotation_what_is_dated_far_behind_it() -> None:
    far, near = (replace(point("P", NOW), signer=A, sealed=NOW + ahead) for ahead in (2 * DAY, timedelta(minutes=5)))
    assert known_points([far], at=NOW) == ()
    assert [each.covers_point(near) for each in _words([far, near])] == [True]


def test_the_instant_of_an_earlier_release_reaches_no_further_than_its_rotation() -> None:
    old, late = (replace(point("P", NOW), signer=A, sealed=NOW - days * DAY) for days in (9, 1))
    word = last(A, B, since=NOW - 5 * DAY)
    assert (word.covers_point(old), word.covers_point(late)) == (True, False)
    assert not last(A, B, since=NOW.replace(year=2100)).covers_point(old)


def _drill(**changes: Any) -> Evidence:  # noqa: ANN401
    good = evidence(ended=NOW - DAY, signer=A, tags_signer=A, number=2, digest="2" * 64, snapshot="s2")
    return replace(good, **{"details": {"drill": "monthly"}, **changes})


def test_evidence_of_a_replaced_key_counts_only_if_it_was_known() -> None:
    there = [_drill(), _drill(number=3, digest="3" * 64)]
    ours = accepted(first(A, B), last(A, B, number=3, head="3" * 64, records=known_records(there, (), at=NOW)[0][0]))
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
    word = last(A, B, records=known_records([_drill()], (), at=NOW)[0][0])
    assert word.covers_evidence(_drill())
    assert not word.covers_evidence(_drill(**change))


def test_a_last_word_of_an_earlier_release_vouches_for_the_head_of_its_chain_alone() -> None:
    word = last(A, B, number=3, head="3" * 64)
    assert word.covers_evidence(_drill(number=3, digest="3" * 64))
    assert not word.covers_evidence(_drill())
    assert not word.covers_evidence(_drill(number=3, digest="3" * 64, ended=NOW + DAY))
    assert not last(A, B).covers_evidence(_drill(number=0, digest="1" * 64))


def test_of_more_records_than_last_words_hold_the_rest_is_not_accused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "RECORDS_MOST", 2)
    count = LAST_WORDS_MOST * 2 + 3
    every = [_drill(id=f"E{number}", number=number, ended=NOW - timedelta(minutes=count - number)) for number in range(count)]
    told, untold = known_records(every, (), at=NOW)
    assert untold == every[2].ended
    words = [last(A, B, id=str(number), records=each, untold=untold) for number, each in enumerate(told)]
    forged = [_drill(id="old", ended=NOW - DAY), _drill(id="late", ended=NOW + DAY), _drill(id="between", ended=NOW)]
    near = judged(replace(listing("near"), evidence=(*every, *forged)), accepted(first(A, B), *words))
    assert [each.counts for each in near.evidence] == [False] * 3 + [True] * (count - 3) + [False] * 3
    assert [each.id for each in near.evidence if each.untold] == ["E0", "E1", "E2", "old"]
    assert [each.id for each in near.evidence if each.retired] == ["late", "between"]
    (words_told,) = others_of([near], "documents", by=BY, now=NOW)
    assert words_told.words.startswith("2 drills")


def test_a_flood_of_records_dated_ahead_takes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "RECORDS_MOST", 1)
    flood = [_drill(id=f"F{number}", ended=NOW + timedelta(hours=number + 1)) for number in range(99)]
    told, untold = known_records([_drill(), *flood], (), at=NOW)
    assert last(A, B, records=told[0]).covers_evidence(_drill())
    assert untold is None


def test_a_last_word_of_an_earlier_release_accuses_nothing_older_than_its_head() -> None:
    older, newer = _drill(number=1, digest="1" * 64), _drill(number=4, digest="4" * 64)
    near = judged(replace(listing("near"), evidence=(older, newer)), accepted(first(A, B), last(A, B, number=3, head="3" * 64)))
    assert [(each.counts, each.retired, each.untold) for each in near.evidence] == [(False, False, True), (False, True, False)]


def test_a_key_that_signed_no_evidence_has_no_head_to_vouch_for() -> None:
    assert not last(A, B).covers_evidence(_drill(number=0, digest=""))


def test_what_the_old_key_signed_and_the_new_one_brought_counts_if_the_last_word_tells_it() -> None:
    ours = accepted(first(A, B), last(A, B, records=known_records([_drill()], (), at=NOW)[0][0]))
    assert proves(_drill(tags_signer=B), ours)
    assert not proves(_drill(tags_signer=B, id="E9"), ours)
    assert not proves(_drill(tags_signer=EVIL), ours)
    assert not proves(_drill(tags_signer=B), accepted(first(A, B)))


def test_a_replaced_key_releases_no_hold_any_more() -> None:
    before = Hold("h1", "documents", BY, "", NOW - DAY, releases="h0", signer=A)
    ours = accepted(first(A, B), last(A, B, records=known_records((), [before], at=NOW)[0][0]))
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
    (known,) = known_points([there], at=NOW)
    said = (first(A, B), last(A, B, known=known, records=known_records([_drill()], (), at=NOW)[0][0]))
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
    (known,) = known_points([forged], at=NOW)
    said = (first(A, B), last(A, B), first(EVIL, A), last(EVIL, A, known=known))
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
    with pytest.raises(Refused, match="several signatures"):
        choose_adoption(found, "nas", ours=accepted(), signers=(), rotations=chain)
    assert choose_adoption(found[:1], "nas", ours=accepted(), signers=(), rotations=chain).signer == A
    for named, signer in ((A, A), (C, C), (B, B)):
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


def test_thousands_of_signers_are_looked_at_once_each() -> None:
    names = [f"SHA256:{number:043}" for number in range(3000)]
    joined = [Rotation(str(number), BY, "nas", old, new, NOW) for number, (old, new) in enumerate(itertools.pairwise(names[:1000]))]
    found = chains(names, joined)
    assert found[names[0]] == tuple(names[:1000])
    assert len(found) == 2001
    assert roots(names, joined) == frozenset((names[0], *names[1000:]))
    assert chains((A, B, C), (first(A, C), first(B, C))) in ({A: (A, C), B: (B,)}, {B: (B, C), A: (A,)}), "each stands in one chain"
    assert chains((A, B), (first(A, B), first(B, A))) == {A: (A,), B: (B,)}
    assert chains((A, C), (first(A, B), first(B, C))) == {A: (A, C)}
