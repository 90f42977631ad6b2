"""Whose points a bare machine takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from drtool.model.errors import Conflict, NotFound
from drtool.model.point import RecoveryPoint
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
        ("", ("photos",)),
        ("", (OFFICE.point,)),
        ("", ("00B",)),
        ("", ("latest", "photos")),
    ],
)
def test_a_name_a_machine_a_signer_a_set_or_a_point_decides(machine: str, asked: tuple[str, ...]) -> None:
    assert taken(HOME, OFFICE, machine=machine, asked=asked) == ("office", "m2")


def test_several_names_are_offered_with_all_that_one_chooses_by() -> None:
    for asked in ((), ("latest",), ("none",)):
        with pytest.raises(Conflict) as caught:
            whose((HOME, OFFICE, FORGED), asked=asked)
        for word in ("home", "m1", "SHA256:home", HOME.point, "office", "m2", "photos"):
            assert word in caught.value.what
        assert FORGED.point not in caught.value.what
        assert "--machine home" in caught.value.hint


def test_one_machine_with_two_policies_is_told_apart_by_name_or_point() -> None:
    first, second = HOME, replace(HOME, by="lab", point=ID.format("00D"))
    for machine in ("m1", "SHA256:home", ""):
        with pytest.raises(Conflict, match="bears 2 names"):
            taken(first, second, machine=machine, asked=("documents",))
    assert taken(first, second, machine="lab") == ("lab", "m1")
    assert taken(first, second, asked=(second.point,)) == ("lab", "m1")


def test_a_name_somebody_chose_hides_no_machine() -> None:
    thief = kept("m1", "00E", machine="m9", signer="SHA256:thief")
    assert taken(HOME, thief, machine="m1") == ("home", "m1")


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


def test_the_oldest_chain_is_recommended_and_all_are_counted() -> None:
    stray = replace(HOME, by="a-copy", machine="m0", signer="SHA256:stray", point=ID.format("0A0"), instant=NOW + timedelta(days=9))
    chain = [replace(HOME, point=ID.format(f"0B{number}"), instant=NOW + timedelta(days=number)) for number in range(3)]
    for points in ((stray, *chain), (*chain, stray)):
        with pytest.raises(Conflict) as caught:
            whose(points)
        assert "--machine home (the oldest chain here)" in caught.value.hint
        assert caught.value.what.index("home on m1: 3 points") < caught.value.what.index("a-copy on m0: 1 point of")
    same = replace(stray, by="home")
    with pytest.raises(Conflict, match="3 points of documents since") as told:
        whose((same, *chain))
    assert "--machine m1 (the oldest chain here)" in told.value.hint
    as_old = replace(same, instant=NOW)
    with pytest.raises(Conflict) as longest:
        whose((as_old, *chain))
    assert "--machine m1 " in longest.value.hint


def test_what_says_the_same_by_name_is_known_where_others_are_there() -> None:
    other = replace(HOME, machine="m3", signer="SHA256:three", point=ID.format("00F"))
    assert whose((HOME,)).said == ""
    found = whose((HOME, other), asked=(other.point,))
    assert (found.said, found.signer_asked) == ("m3", "SHA256:three")
    assert whose((HOME, OFFICE), asked=("photos",)).said == "m2"
    assert whose((HOME, other), machine="SHA256:three").said == "SHA256:three"
