"""What was seen at the source is compared with what was stored: nothing of something is no backup."""

from __future__ import annotations

import pytest

from drtool.model.point import Attributes, Census, SampledFile
from drtool.planning.implied_checks import always_asked
from drtool.planning.selection import Selected
from drtool.planning.stored import why_not_stored
from tests.planning.planning_values import member

RULES = {"exclude": ["cache"], "exclude_caches": True}


def _seen(files: int, *, stored: int, marks: int = 0, certain: int | None = None) -> Census:
    attributes = None if certain is None else Attributes(certain, 1, 0, 0)
    return Census(files=stored, bytes=stored, seen_files=files, marks=marks, attributes=attributes)


@pytest.mark.parametrize(
    ("census", "words"),
    [
        (_seen(2, stored=0), "2 files are there"),
        (_seen(1, stored=0), "1 file is there"),
        (_seen(6, stored=1, marks=1), "only 1 file that marks"),
        (_seen(9, stored=2, marks=2), "only 2 files that mark"),
        (_seen(9, stored=5, certain=6), "5 files were stored where at least 6"),
    ],
)
def test_nothing_of_something_is_not_stored(census: Census, words: str) -> None:
    told = why_not_stored("here:/cache/docs", census, rules=RULES, vanished=False)
    assert words in told
    assert ("exclude: cache" in told) == ("at least" not in words)


@pytest.mark.parametrize(
    "census",
    [
        _seen(0, stored=0),  # an empty folder
        _seen(1, stored=1, marks=1),  # nothing but the mark is there
        _seen(9, stored=3, marks=2),
        _seen(9, stored=9, certain=9),
        _seen(9, stored=9),
        Census(files=0, bytes=0),  # not counted: an older manifest, or a source that cannot
        Census(files=1, bytes=5, sha256="0" * 64),
    ],
)
def test_what_was_stored_as_asked_is_stored(census: Census) -> None:
    assert why_not_stored("here:/data", census, rules=RULES, vanished=False) == ""


def test_files_that_vanished_are_not_missed() -> None:
    assert why_not_stored("here:/data", _seen(9, stored=5, certain=6), rules={}, vanished=True) == ""


def test_a_census_is_asked_where_it_can_compare_something() -> None:
    sampled = Census(2, 10, (SampledFile("/home/ann/letter", 5, "0" * 64),))
    home = member("here:/home", "/home")
    home = member("here:/home", "/home", artifacts=(type(home.artifacts[0])("data", "tree", "t", "/home", sampled),))
    stream = type(home.artifacts[0])("billing", "stream", "t", "/billing", Census(1, 5, sha256="0" * 64))
    billing = member("billing", "/billing", artifacts=(stream,))

    def labels(*paths: str) -> list[str]:
        return [label for label, _check in always_asked(Selected(each, paths) for each in (home, billing))]

    assert labels() == ["census/here:/home", "census/billing"]
    assert labels("/home/ann") == ["census/here:/home", "census/billing"]
    assert labels("/home/ann/letter") == ["census/here:/home", "census/billing"]
    assert labels("/home/bob", "/home/an") == ["census/billing"]
