"""What may be newer where a repository does not answer."""

from __future__ import annotations

import pytest

from drtool.model.inventory import Listing, Problem
from drtool.planning.unlisted import counts_from_newest, tell_unlisted
from tests.planning.planning_values import DAY, NOW, listing, point

CHOSEN = point("OLD", NOW - DAY)
AWAY = listing("near", problem=Problem("NoRepository", "there is no repository near at /n"))
HERE = listing("offsite", (CHOSEN,))


def told(*known: Listing, until_days: int = 0) -> tuple[str, ...]:
    return tell_unlisted({"near": AWAY, "offsite": HERE}, {each.repository: each for each in known}, CHOSEN, until=NOW - until_days * DAY)


def test_the_newest_that_was_known_there_is_named() -> None:
    (words,) = told(listing("near", (point("NEW"), point("PARTIAL", NOW, complete=False), point("OTHER", NOW, set="photos"), CHOSEN)))
    assert "there is no repository near at /n" in words
    assert "NEW of " in words
    assert "24h newer than OLD" in words
    assert "bring near back" in words


@pytest.mark.parametrize("points", [(), (CHOSEN,), (point("AHEAD", NOW + DAY),), (point("PARTIAL", NOW, complete=False),)])
def test_where_none_is_known_that_is_newer_one_may_have_come(points: tuple[object, ...]) -> None:
    (words,) = told(listing("near", points))  # type: ignore[arg-type]
    assert "whether it holds a newer point of documents than OLD is not known" in words
    assert "drtool doctor near" in words


def test_nothing_after_the_instant_asked_for_counts() -> None:
    (words,) = told(listing("near", (point("NEW"),)), until_days=1)
    assert "NEW" not in words


def test_of_what_was_listed_nothing_is_said() -> None:
    assert tell_unlisted({"offsite": HERE}, {"near": listing("near", (point("NEW"),))}, CHOSEN, until=NOW) == ()


def test_a_name_of_its_own_is_no_question_of_age() -> None:
    for name, expected in ((None, True), ("latest", True), ("latest~1", True), ("documents~2", True), ("01JD", False), ("photos", False)):
        assert counts_from_newest(name, "documents") is expected
