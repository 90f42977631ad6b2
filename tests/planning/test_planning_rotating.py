"""A key that signs takes another's place: who may follow it, and what its last words say of those before it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from drtool.model.errors import Refused
from drtool.model.evidence import EvidenceRecord
from drtool.model.hold import Hold
from drtool.model.rotation import KNOWN_MOST, Rotation
from drtool.model.standing import Acceptance
from drtool.planning.rotating import following, last_words, require_counted, require_fresh, require_one_successor, require_unreplaced
from tests.planning.planning_values import BY, DAY, NOW, evidence, listing, point

A, B, C = (f"SHA256:{letter * 43}" for letter in "abc")
WORD = Rotation("AB", BY, "nas", A, B, NOW)
BEFORE = NOW - DAY


def test_the_last_words_vouch_for_all_that_the_old_key_signed_and_for_nothing_else() -> None:
    ours, later = point("P1", BEFORE, signer=A), point("P2", NOW - timedelta(hours=1), signer=A)
    foreign = point("P3", BEFORE, signer=C)
    elsewhere = replace(point("P4", BEFORE, signer=A), by="another")
    proof = evidence(signer=A, tags_signer=A, number=4, digest="d4")
    older = evidence(id="E0", signer=A, number=3, digest="d3")
    unbelieved = evidence(id="E2", signer=A, tags_signer=A, number=9, digest="d9", counts=False)
    held, anothers = Hold("H1", "documents", BY, "court", BEFORE, signer=A), Hold("H2", "documents", BY, "court", BEFORE, signer=C)
    near = listing("near", (ours, later, foreign, elsewhere), evidence=(proof, unbelieved), holds=(held, anothers))
    (said,) = last_words(WORD, {"near": near}, (older,), sets={"documents"})
    assert said.final
    assert (said.point, said.number, said.head) == ("P2", 4, "d4")
    assert [said.covers_point(each) for each in (ours, later, foreign, elsewhere)] == [True, True, False, False]
    assert [said.covers_evidence(each) for each in (proof, older, unbelieved)] == [True, True, False]
    assert [said.covers_hold(replace(each, releases="H9")) for each in (held, anothers)] == [False, False]
    assert said.covers_hold(held)
    assert said.untold is None


def test_more_points_than_one_word_holds_are_told_in_several_and_only_the_first_tells_the_newest() -> None:
    points = [point(f"P{number:05d}", NOW - timedelta(minutes=KNOWN_MOST + 10 - number), signer=A) for number in range(KNOWN_MOST + 5)]
    words = last_words(WORD, {"near": listing("near", points)}, (), sets={"documents"})
    assert [each.point for each in words] == [points[-1].point, ""]
    assert all(any(word.covers_point(each) for word in words) for each in points)
    assert all(each.final and (each.old, each.new) == (A, B) for each in words)


def test_where_it_signed_nothing_one_word_says_so() -> None:
    (said,) = last_words(WORD, {"near": listing("near")}, (), sets=set())
    assert (said.final, said.point, said.known, said.number, said.head) == (True, "", "", 0, "")


def test_a_key_that_was_replaced_says_nothing_and_follows_nobody() -> None:
    require_unreplaced(A, (B,))
    with pytest.raises(Refused, match="was replaced") as caught:
        require_unreplaced(A, (A, B))
    assert caught.value.safe == "nothing was changed"
    known = Acceptance(signers=(A, B), rotations=(WORD,))
    require_fresh(C, known, ())
    require_fresh(A, Acceptance(signers=(A,), rotations=(WORD,)), ())
    for retired in ((), (A,)):
        with pytest.raises(Refused, match="counts for nobody"):
            require_fresh(A, known if not retired else Acceptance(), retired)


def test_a_key_that_the_policy_would_not_let_count_is_refused_with_the_line_to_type() -> None:
    require_counted(A, B, public_key="ssh-ed25519 BBBB", listed=(A, B))
    require_counted(A, B, public_key="ssh-ed25519 BBBB", listed=())
    with pytest.raises(Refused, match="lists the old key and not the new one") as caught:
        require_counted(A, B, public_key="ssh-ed25519 BBBB", listed=(A,))
    assert '- "ssh-ed25519 BBBB"' in caught.value.hint


def one(new: str, *said: str, there: tuple[Rotation, ...] = (), decided: bool = False, named: bool = False) -> None:
    require_one_successor(A, new, said=set(said), known=Acceptance(), there=there, decided=decided, named=named)


def test_of_one_key_there_is_one_successor() -> None:
    one(B)
    one(B, B)
    one(B, there=(WORD,))
    one(C, there=(WORD,), decided=True)
    for new in ("", C):
        with pytest.raises(Refused, match="another one follows it"):
            one(new, there=(WORD,))


@pytest.mark.parametrize(("new", "named", "hint"), [(C, False, "put SHA256:b"), ("", True, "put SHA256:b"), ("", False, "key.next")])
def test_a_second_one_is_refused_and_it_is_said_how_the_first_is_finished(new: str, named: bool, hint: str) -> None:  # noqa: FBT001 - a row
    with pytest.raises(Refused, match="of two successors neither would count") as caught:
        one(new, B, named=named)
    assert hint in caught.value.hint


def record(signer: str, key: str = "") -> EvidenceRecord:
    return EvidenceRecord("E", "drill", BY, "near", "succeeded", BEFORE, BEFORE, signer, key, 1)


def test_a_file_that_allows_a_key_allows_those_who_follow_it() -> None:
    asked = []

    def allowed(record: EvidenceRecord) -> bool:
        asked.append((record.signer, record.public_key, record.ended))
        return record.public_key == "ssh A"

    may = following(allowed, (WORD, replace(WORD, old=B, new=C)), {A: "ssh A", B: "ssh B"}, now=NOW)
    assert may(record(A, "ssh A"))
    assert may(record(C, "ssh C"))
    assert asked[-1][1:] == ("ssh A", NOW), "by the date of now: who has an ended key dates its succession as he likes"
    assert not following(allowed, (replace(WORD, old=C, new=B),), {C: "ssh C"}, now=NOW)(record(B, "ssh B"))
    assert not following(allowed, (replace(WORD, old=B, new=B),), {B: "ssh B"}, now=NOW)(record(B, "ssh B")), "a circle ends"
