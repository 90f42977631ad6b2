"""Which version of an object is the right one, when a lock is renewed, and what a bucket lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as values

from drtool.model.immutable import COMPLIANCE, GOVERNANCE, BucketLock, History, ImmutableAudit, ObjectVersion
from drtool.planning.immutable import MOST_MARKERS, Mending, decide, extended_to, judge_audit, judge_bucket, renewed_below
from tests.planning.planning_values import DAY, NOW

PROMISED = timedelta(days=30)
SINCE = NOW - 2 * DAY
GOOD = BucketLock(versioning="Enabled", object_lock=True, mode=COMPLIANCE, default_days=45)
BEFORE, AFTER = SINCE - DAY, SINCE + timedelta(hours=1)
Kinds = Sequence[str]


def history(kinds: Kinds, part: str) -> History:
    """Versions, the oldest first: `right` and `wrong` content, `deleted`; those before the theft first, each an hour after the other."""
    versions = [
        ObjectVersion(
            f"v{number}",
            (BEFORE if number == 0 else AFTER) + number * timedelta(minutes=1),
            size=len(kind),
            digest="" if kind == "deleted" else kind,
            marker=kind == "deleted",
        )
        for number, kind in enumerate(kinds)
    ]
    return History(f"{part}/ab", tuple(reversed(versions)))


def decided(part: str, kinds: Kinds, *, needed: bool = True) -> Mending:
    return decide(
        part,
        history(kinds, part),
        since=SINCE,
        needed=needed,
        is_right=lambda version: version.digest == "right",
        is_locked=lambda version: version.id == "v0",
    )


def served(found: History, mending: Mending) -> str:
    """What whoever asks by name is given after a mending was carried out on the bucket: empty, nothing."""
    if mending.how == "bring_back":
        assert mending.version is not None
        return mending.version.digest
    if mending.how == "set_aside":
        return ""
    left = [each for each in found.versions if each.id not in mending.markers]
    return "" if not left or left[0].marker else left[0].digest


@pytest.mark.parametrize("part", ["index", "snapshots", "keys", "data"])
@given(kinds=values.lists(values.sampled_from(["right", "wrong", "deleted"]), max_size=6))
def test_what_was_right_before_is_served_again_whatever_a_thief_did(part: str, kinds: list[str]) -> None:
    every = ["right", *kinds]
    mending = decided(part, every)
    assert mending.how in {"fine", "uncover", "bring_back"}
    assert served(history(every, part), mending) == "right"
    assert (mending.how == "fine") == (served(history(every, part), Mending("fine")) == "right")


@given(kinds=values.lists(values.sampled_from(["wrong", "deleted"]), max_size=5))
def test_what_never_was_right_is_never_served_as_right(kinds: list[str]) -> None:
    for part in ("index", "snapshots", "keys"):
        mending = decided(part, ["wrong", *kinds])
        assert mending.how in {"set_aside", "left", "lost"}
        assert served(history(["wrong", *kinds], part), mending) == "" or mending.how in {"left", "lost"}


@given(kinds=values.lists(values.sampled_from(["other", "deleted"]), max_size=5))
def test_config_is_the_oldest_locked_version_as_no_name_tells_its_content(kinds: list[str]) -> None:
    mending = decided("config", ["first", *kinds])
    assert served(history(["first", *kinds], "config"), mending) == "first"


@pytest.mark.parametrize(
    ("part", "kinds", "needed", "how"),
    [
        ("data", ["right"], True, "fine"),
        ("data", ["never read"], True, "fine"),  # nobody overwrote it: to be read by `verify`
        ("data", ["right", "deleted"], True, "uncover"),
        ("data", ["deleted"], True, "lost"),
        ("data", ["deleted"], False, "left"),
        ("data", ["wrong", "worse"], True, "lost"),
        ("locks", ["wrong"], False, "set_aside"),
        ("locks", ["right"], False, "fine"),
        ("locks", ["right", "deleted"], False, "fine"),
        ("index", ["right", *["deleted"] * MOST_MARKERS], True, "uncover"),
        ("index", ["right", *["deleted"] * (MOST_MARKERS + 1)], True, "bring_back"),
    ],
)
def test_what_is_done_to_one_object(part: str, kinds: list[str], needed: bool, how: str) -> None:  # noqa: FBT001 - a column of the table
    assert decided(part, kinds, needed=needed).how == how


@pytest.mark.parametrize(("needed", "how"), [(True, "uncover"), (False, "left")])
def test_what_was_forgotten_before_the_theft_stays_forgotten_unless_it_is_needed(needed: bool, how: str) -> None:  # noqa: FBT001
    versions = (ObjectVersion("marker", BEFORE, marker=True), ObjectVersion("v0", BEFORE - DAY, 5, "right"))
    found = decide(
        "index", History("index/ab", versions), since=SINCE, needed=needed, is_right=lambda _each: True, is_locked=lambda _each: True
    )
    assert found.how == how


def test_a_lock_is_renewed_once_in_a_quarter_of_the_promise_and_never_falls_below_it() -> None:
    renewed = extended_to(NOW.replace(microsecond=7), PROMISED)
    assert renewed.microsecond == 0
    assert renewed_below(NOW, PROMISED) - NOW > PROMISED
    later = NOW + PROMISED / 4 - timedelta(seconds=2)
    assert renewed >= renewed_below(later, PROMISED), "not at each call"
    assert renewed < renewed_below(later + timedelta(seconds=4), PROMISED)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"object_lock": False}, "no Object Lock, and immutable: 30d is promised"),
        ({"default_days": 0}, "locks nothing by default"),
        ({"default_days": 29}, "locked for 29 d"),
        ({"versioning": "Suspended"}, "keeps no versions"),
        ({"expiring": ("a rule deletes data/",)}, "a rule deletes data/"),
        ({"unasked": ("get_object_lock_configuration",), "object_lock": False}, "may not ask get_object_lock_configuration"),
        ({"skew_seconds": -700.0}, "differ by"),
    ],
)
def test_each_thing_that_a_bucket_lacks_is_told_alone(changes: dict[str, object], words: str) -> None:
    told = judge_bucket("far", replace(GOOD, **changes), PROMISED)  # type: ignore[arg-type]
    assert [words in each.text for each in told] == [True], told
    assert told[0].good is False
    assert told[0].remedy


def test_a_bucket_that_keeps_its_promise_is_well_and_governance_is_a_warning() -> None:
    (well,) = judge_bucket("far", GOOD, PROMISED)
    assert (well.good, "45 d" in well.text) == (True, True)
    assert [each.good for each in judge_bucket("far", replace(GOOD, mode=GOVERNANCE), PROMISED)] == [True, None]
    assert judge_bucket("far", replace(GOOD, default_days=1), None)[0].good is True, "nothing is promised"


@pytest.mark.parametrize(
    ("changes", "promised", "words", "then"),
    [
        ({}, PROMISED, "", ""),
        (
            {"hidden": 2, "gone": 1, "hidden_since": NOW},
            PROMISED,
            "3 objects that may be needed cannot be read, 1 of them",
            f"drtool immutable recover far --since {NOW:%Y-%m-%dT%H:%M:%S}",
        ),
        ({"lacking": ("config",)}, PROMISED, "nothing is there of: config", "drtool doctor far"),
        ({"needed": 0}, PROMISED, "nothing at all is there", "drtool doctor far"),
        ({"missed_points": ("far went back in time",)}, PROMISED, "far went back in time", "drtool doctor far"),
        ({"unlocked": 1}, PROMISED, "1 object of 9 can be deleted now", "drtool immutable extend far"),
        ({"unlocked": 1}, None, "1 object of 9 can be deleted now", "write immutable: 30d into the repository far"),
        (
            {"short": 4, "earliest": NOW},
            PROMISED,
            "4 of 9 run out before 30d are over, the first on 2026-11-23",
            "drtool immutable extend far",
        ),
        ({"bucket": replace(GOOD, versioning="")}, PROMISED, "keeps no versions", ""),
        ({"hidden": 1, "unlocked": 1}, PROMISED, "cannot be read", "drtool immutable recover far --since INSTANT"),
    ],
)
def test_what_of_an_audit_needs_attention_and_what_to_type_first(
    changes: dict[str, object], promised: timedelta | None, words: str, then: str
) -> None:
    audit = ImmutableAudit("far", NOW, None if promised is None else promised.total_seconds(), GOOD, needed=9)
    told, following = judge_audit(replace(audit, **changes), promised)  # type: ignore[arg-type]
    assert (words in " ".join(told), following, bool(told)) == (True, then, bool(words))
