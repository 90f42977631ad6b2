"""Whose points a bare machine takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from drtool.model.errors import Conflict, NotFound
from drtool.model.point import RecoveryPoint
from drtool.model.rotation import Rotation
from drtool.planning.whose import Whose, whose
from tests.planning.planning_values import NOW, point

ID = "01JD0000000000000000000{}"


def kept(by: str, end: str, *, machine: str = "", signer: str = "", set_name: str = "documents") -> RecoveryPoint:
    return replace(point(ID.format(end), NOW), by=by, machine=machine, signer=signer, set=set_name)


HOME = kept("home", "00A", machine="m1", signer="SHA256:home")
OFFICE = kept("office", "00B", machine="m2", signer="SHA256:office", set_name="photos")
FORGED = kept("x", "00C", machine="m1")


def taken(*points: RecoveryPoint, machine: str = "", asked: tuple[str, ...] = ()) -> tuple[str, str]:
    found = whose(points, machine=machine, asked=asked)
    return found.by, found.machine


def test_what_nobody_signed_is_left_aside_and_told() -> None:
    found = whose((HOME, FORGED))
    assert (found.by, found.machine, [each.by for each in found.left_aside]) == ("home", "m1", ["x"])
    assert taken(HOME, FORGED, machine="m1") == ("home", "m1")
    assert taken(HOME, FORGED, machine="x") == ("x", "")
    assert taken(HOME, FORGED, asked=("documents",)) == ("home", "m1")
    assert taken(HOME, FORGED, asked=(FORGED.point,)) == ("x", "")
    assert taken(FORGED) == ("x", "")
    assert whose(()) == Whose("")


@pytest.mark.parametrize(
    ("machine", "asked"),
    [
        ("office", ()),
        ("m2", ()),
        ("SHA256:office", ()),
        ("", (OFFICE.point,)),
        ("", ("latest", OFFICE.point)),
    ],
)
def test_a_name_a_machine_a_signer_or_a_whole_point_decides(machine: str, asked: tuple[str, ...]) -> None:
    assert taken(HOME, OFFICE, machine=machine, asked=asked) == ("office", "m2")


@pytest.mark.parametrize("asked", [("photos",), ("00B",), ("latest", "photos")])
@pytest.mark.parametrize(
    "thief",
    [
        replace(OFFICE, by="home"),
        replace(OFFICE, by="home", machine="m1"),
        OFFICE,
        replace(OFFICE, by="home", machine="", signer="", unsigned="e" * 64),
        replace(OFFICE, by="x", machine="", signer="", unsigned="e" * 64),
    ],
    ids=["of our name", "of our name and machine", "of another name", "unsigned", "unsigned, of another name"],
)
def test_a_set_that_only_another_has_is_not_taken_from_him_by_its_name(thief: RecoveryPoint, asked: tuple[str, ...]) -> None:
    """Whoever writes into the repository can remove what bears a set's name, and write the same."""
    with pytest.raises(Conflict):
        whose((HOME, thief), asked=asked)


@pytest.mark.parametrize("asked", [("photos",), ("00B",), ("latest", "photos")])
def test_a_set_decides_among_those_for_whom_one_key_signs(asked: tuple[str, ...]) -> None:
    shared = replace(OFFICE, signer=HOME.signer)
    assert taken(HOME, shared, asked=asked) == ("office", "m2")
    nobody = [replace(each, signer="", machine="", unsigned="e" * 64) for each in (HOME, OFFICE)]
    assert taken(*nobody, asked=asked) == ("office", "")


def test_where_all_is_signed_nothing_is_meant_by_unsigned() -> None:
    with pytest.raises(NotFound, match="everything here is signed"):
        whose((HOME, replace(OFFICE, by="unsigned")), machine="unsigned")


def test_several_names_are_offered_with_all_that_one_chooses_by() -> None:
    for asked in ((), ("latest",), ("none",)):
        with pytest.raises(Conflict) as caught:
            whose((HOME, OFFICE, FORGED), asked=asked)
        for word in ("home", "m1", "SHA256:home", HOME.point, "office", "m2", "photos"):
            assert word in caught.value.what
        assert FORGED.point not in caught.value.what
        assert "--machine FINGERPRINT" in caught.value.hint


def test_one_machine_with_two_policies_is_told_apart_by_name_or_point() -> None:
    first, second = HOME, replace(HOME, by="lab", point=ID.format("00D"))
    for machine in ("m1", "SHA256:home", ""):
        with pytest.raises(Conflict, match="bears 2 names"):
            taken(first, second, machine=machine, asked=("documents",))
    assert taken(first, second, machine="lab") == ("lab", "m1")
    assert taken(first, second, asked=(second.point,)) == ("lab", "m1")


def test_a_name_somebody_chose_hides_no_machine_and_no_machine_a_name() -> None:
    for thief in (kept("m1", "00E", machine="m9", signer="SHA256:thief"), kept("x", "00E", machine="home", signer="SHA256:thief")):
        word = thief.by if thief.by == "m1" else thief.machine
        with pytest.raises(Conflict, match="in two ways") as caught:
            whose((HOME, thief), machine=word)
        for key in (HOME.signer, thief.signer):
            assert key in caught.value.what
        assert taken(HOME, thief, machine=HOME.signer) == ("home", "m1")
    same = replace(HOME, machine="home")
    assert taken(same, OFFICE, machine="home") == ("home", "home"), "a machine that is called as its policy is one"
    named = kept(HOME.signer, "00E", machine=HOME.signer, signer="SHA256:thief")
    assert taken(HOME, named, machine=HOME.signer) == ("home", "m1"), "nobody can choose a fingerprint"


def test_two_signers_of_one_machine_are_told_apart_by_a_person_alone() -> None:
    thief = replace(
        HOME, point=ID.format("00E"), signer="SHA256:thief", instant=NOW - timedelta(days=3000), sealed=NOW - timedelta(days=3000)
    )
    for points in ((HOME, thief), (HOME, thief, replace(thief, point=ID.format("00G")))):
        for machine, asked in (("", ()), ("m1", ()), ("home", ()), ("", ("documents",)), ("", ("latest",))):
            with pytest.raises(Conflict, match="several signatures") as caught:
                whose(points, machine=machine, asked=asked)
            assert HOME.signer in caught.value.what
            assert "SHA256:thief" in caught.value.what
            assert "SHA256:" not in caught.value.hint, "nobody is recommended"
    for key in (HOME.signer, thief.signer):
        found = whose((HOME, thief), machine=key)
        assert (found.machine, found.signer, found.said) == ("m1", key, key)
    assert whose((HOME, thief), asked=(HOME.point,)).signer == HOME.signer
    replayed = replace(thief, point=HOME.point)
    with pytest.raises(Conflict):
        whose((HOME, replayed), asked=(HOME.point,))


def test_keys_that_followed_one_another_are_one_signer() -> None:
    later = replace(HOME, point=ID.format("00E"), signer="SHA256:later")
    word = Rotation("R", "home", "m1", HOME.signer, later.signer, NOW)
    rotations = {"home": (word,)}
    found = whose((HOME, later), rotations=lambda by: rotations.get(by, ()))
    assert (found.machine, found.signer) == ("m1", HOME.signer)
    assert whose((HOME, later), machine=later.signer, rotations=lambda by: rotations.get(by, ())).signer == later.signer
    with pytest.raises(Conflict):
        whose((HOME, later), rotations=lambda _by: ())
    claimed = (word, replace(word, new="SHA256:thief"))
    with pytest.raises(Conflict, match="2 successors"):
        whose((HOME, later), rotations=lambda _by: claimed)


@pytest.mark.parametrize("word", ["latest", "LATEST", " Latest "])
def test_latest_is_everybodys(word: str) -> None:
    for thief in (replace(OFFICE, set="latest"), replace(OFFICE, point="ZZLATEST"), replace(OFFICE, point="LATEST")):
        with pytest.raises(Conflict, match="2 names"):
            whose((HOME, thief), asked=(word,))


def test_a_set_that_is_called_as_a_part_of_a_point_decides_nothing() -> None:
    end, shared = HOME.point[-6:], replace(OFFICE, signer=HOME.signer)
    with pytest.raises(Conflict):
        whose((HOME, replace(shared, set=end)), asked=(end,))
    assert taken(HOME, replace(shared, set="0a"), asked=("0a",)) == ("office", "m2"), "two letters are an end by chance"


def test_what_an_earlier_release_left_unsigned_is_offered_beside_what_is_signed() -> None:
    for by in ("home", "old"):
        former = replace(HOME, by=by, machine="", signer="", unsigned="e" * 64, point=ID.format("00G"))
        with pytest.raises(Conflict) as caught:
            whose((HOME, former, FORGED))
        assert "signed by nobody" in caught.value.what
        assert "--machine unsigned" in caught.value.hint
        for found in (whose((HOME, former, FORGED), machine="unsigned"), whose((HOME, former), asked=(former.point,))):
            assert (found.by, found.machine, found.signer, found.unsigned) == (by, "", "", True)
        assert whose((HOME, former, FORGED), machine=HOME.signer).signer == HOME.signer
        assert not whose((former,)).unsigned, "where nobody signs it is as it always was"


def test_a_thousand_names_are_told_briefly_and_quickly() -> None:
    many = [kept(f"name-{number:04}", f"{number:04}", machine=f"m{number}", signer=f"SHA256:{number:043}") for number in range(1000)]
    whole = [replace(HOME, point=ID.format(f"0B{number}")) for number in range(5)]
    for points, machine in (((*many, *whole), ""), (tuple(replace(each, by="home", machine="m1") for each in (*many, *whole)), "m1")):
        with pytest.raises(Conflict) as caught:
            whose(points, machine=machine)
        assert len(caught.value.what) < 4000
        assert HOME.signer in caught.value.what, "whose points are many stands first"
        assert "and 991 more" in caught.value.what
    with pytest.raises(NotFound) as nobody:
        whose(many, machine="nosuch")
    assert len(nobody.value.hint) < 4000
    sets = [replace(HOME, set=f"set-{number}", point=ID.format(f"{number:04}")) for number in range(1000)]
    with pytest.raises(Conflict) as wide:
        whose((*sets, OFFICE))
    assert len(wide.value.what) < 1000


def test_several_machines_of_one_name_are_offered_or_a_point_decides() -> None:
    other = replace(HOME, machine="m3", signer="SHA256:three", point=ID.format("00F"))
    with pytest.raises(Conflict, match="several machines named home"):
        taken(HOME, other, machine="home")
    assert taken(HOME, other, asked=(other.point,)) == ("home", "m3")
    assert taken(HOME, other, machine="m3") == ("home", "m3")
    shared = replace(other, signer=HOME.signer)
    with pytest.raises(Conflict, match="several machines"):
        taken(HOME, shared, machine=HOME.signer)


def test_nobody_of_that_name() -> None:
    with pytest.raises(NotFound, match="no machine m7") as caught:
        taken(HOME, machine="m7")
    assert "home on m1" in caught.value.hint


def test_nobody_is_recommended_by_a_date_or_by_the_alphabet_and_all_are_counted() -> None:
    stray = replace(HOME, by="a-copy", machine="m0", signer="SHA256:stray", point=ID.format("0A0"), instant=NOW - timedelta(days=9))
    chain = [replace(HOME, point=ID.format(f"0B{number}"), instant=NOW + timedelta(days=number)) for number in range(3)]
    for other in (stray, replace(stray, by="home")):
        for points in ((other, *chain), (*chain, other)):
            with pytest.raises(Conflict, match="3 points of documents, dated") as caught:
                whose(points)
            assert caught.value.what.index("home on m1: 3 points") < caught.value.what.index("on m0: 1 point of")
            for name in ("home", "a-copy", "m0", "m1", HOME.signer, "SHA256:stray", "oldest"):
                assert name not in caught.value.hint


def test_what_says_the_same_by_name_is_known_where_others_are_there() -> None:
    other = replace(HOME, machine="m3", signer="SHA256:three", point=ID.format("00F"))
    assert whose((HOME,)).said == ""
    found = whose((HOME, other), asked=(other.point,))
    assert (found.said, found.signer) == ("SHA256:three", "SHA256:three")
    assert whose((HOME, OFFICE), asked=(OFFICE.point,)).said == OFFICE.signer
    shared = replace(other, signer=HOME.signer)
    assert whose((HOME, shared), machine="m3").said == "m3", "one key of several machines says less than a machine"
    assert whose((HOME, other), machine="SHA256:three").said == "SHA256:three"
