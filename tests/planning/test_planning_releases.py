"""Who may end a hold: whoever is accepted here, or whose signature is on the hold itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from drtool.cli.render.listings import holds_lines, points_lines
from drtool.model.hold import PIN, QUARANTINE, Hold, active_holds, ending, pinned_by, quarantines, spent_pins
from drtool.model.looked import Looked, looked_at
from drtool.model.standing import Ours
from drtool.model.view import PointView
from drtool.planning.others import others_of
from drtool.planning.repository_view import repository_views
from drtool.planning.standing import judged
from tests.planning.planning_values import BY, DAY, NOW, inventory, listing, point

OURS = Ours(BY, frozenset({"nas"}), frozenset({"SHA256:mine", "SHA256:adopted"}))
HELD = Hold("H1", "documents", BY, "legal", NOW - DAY, NOW + DAY, "P001", machine="nas")


def _records(*records: Hold) -> tuple[Hold, ...]:
    return judged(listing("near", holds=records), OURS).holds


def _release(hold: Hold = HELD, **changes: str) -> Hold:
    return replace(hold, id="R1", releases=hold.id, created=NOW, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["", PIN, QUARANTINE])
@pytest.mark.parametrize(
    ("held_by", "released_by", "ends"),
    [
        ("SHA256:mine", "SHA256:mine", True),
        ("SHA256:mine", "SHA256:adopted", True),
        ("SHA256:mine", "SHA256:thief", False),
        ("SHA256:mine", "", False),
        ("SHA256:theirs", "SHA256:theirs", True),
        ("SHA256:theirs", "SHA256:mine", True),
        ("SHA256:theirs", "SHA256:thief", False),
        ("SHA256:theirs", "", False),
        ("", "SHA256:mine", True),
        ("", "SHA256:thief", False),
        ("", "", True),
    ],
)
def test_who_ends_a_hold(kind: str, held_by: str, released_by: str, ends: bool) -> None:  # noqa: FBT001 - pytest's shape
    held = replace(HELD, kind=kind, signer=held_by)
    records = _records(held, _release(held, signer=released_by))
    assert (active_holds(records, NOW) == ()) is ends
    assert (pinned_by(records, NOW) == ()) is (ends or kind != PIN)
    assert (quarantines(records, "documents", NOW) == ()) is (ends or kind != QUARANTINE)


def test_one_release_of_ours_among_forged_ones_ends_it() -> None:
    held = replace(HELD, signer="SHA256:mine")
    forged = _release(held, signer="SHA256:thief")
    assert active_holds(_records(held, forged, replace(forged, id="R2", signer="SHA256:mine")), NOW) == ()


def test_judged_again_the_answer_may_be_another() -> None:
    held = replace(HELD, signer="SHA256:mine")
    once = judged(listing("near", holds=(held, _release(held, signer="SHA256:new"))), OURS)
    later = judged(once, replace(OURS, signers=OURS.signers | {"SHA256:new"}))
    assert active_holds(once.holds, NOW)
    assert active_holds(later.holds, NOW) == ()
    assert judged(later, OURS) == once


def test_nobody_else_says_that_a_quarantine_was_looked_at() -> None:
    wrong = replace(HELD, kind=QUARANTINE, point="")
    ahead = NOW + 1000 * DAY
    for held_by, released_by in (("SHA256:mine", "SHA256:thief"), ("SHA256:thief", "SHA256:thief"), ("", "")):
        held = replace(wrong, signer=held_by)
        forged = replace(_release(held, signer=released_by), created=ahead)
        assert looked(*_records(held, forged)) == looked(*_records(held))
    assert looked(*_records(replace(wrong, signer="SHA256:thief"))) is None, "what others hold was shown to nobody of ours"


def looked(*records: Hold) -> Looked | None:
    return looked_at(records, "documents", now=NOW)


def test_what_came_while_a_quarantine_stood_was_not_looked_at() -> None:
    wrong = replace(HELD, kind=QUARANTINE, point="", signer="SHA256:mine")
    assert looked(*_records(wrong)) == Looked(wrong.created, ((wrong.created, NOW),)), "it stands"
    release = _release(wrong, signer="SHA256:mine")
    seen = looked(*_records(wrong, release))
    assert seen == Looked(wrong.created, ((wrong.created, release.created),))
    assert seen is not None
    assert seen.at(wrong.created)
    assert not seen.at(wrong.created + timedelta(seconds=1))
    assert not seen.measures_by(release.created)
    assert seen.measures_by(release.created + timedelta(seconds=1))
    later = replace(wrong, id="H2", created=wrong.created + timedelta(hours=1))
    both = looked(*_records(wrong, release, later, _release(later, signer="SHA256:mine")))
    assert both is not None
    assert both.until == later.created


def test_a_clock_that_was_ahead_says_nothing_of_what_was_looked_at() -> None:
    wrong = replace(HELD, kind=QUARANTINE, point="", signer="SHA256:mine")
    ahead = NOW + 400 * DAY
    released = replace(_release(wrong, signer="SHA256:mine"), created=ahead)
    assert looked(*_records(wrong, released)) == Looked(wrong.created, ((wrong.created, ahead),))
    assert looked(*_records(replace(wrong, created=ahead), released)) is None
    assert looked(*_records(released)) is None, "its quarantine is not listed"


def test_a_forged_hold_of_the_same_id_hides_none() -> None:
    genuine = replace(HELD, signer="SHA256:mine")
    forged = replace(HELD, signer="", until=NOW - timedelta(seconds=1), point="P999")
    for near, far in (((genuine, forged), ()), ((genuine,), (forged,)), ((forged,), (genuine,))):
        seen = inventory(judged(listing("near", holds=near), OURS), judged(listing("offsite", holds=far), OURS))
        for holding in repository_views(seen, {"near": None, "offsite": None}).values():
            assert [(hold.point, hold.signer) for hold in active_holds(holding.listing.holds, NOW)] == [("P001", "SHA256:mine")]


def test_a_release_that_does_not_count_is_told() -> None:
    held = replace(HELD, signer="SHA256:mine")
    near = judged(
        listing("near", (point("P001", machine="nas", signer="SHA256:mine"),), holds=(held, _release(held, signer="SHA256:thief"))), OURS
    )
    (told,) = others_of((near, near), "documents", by=BY, now=NOW)
    assert told.words == "1 hold of documents released by nobody of ours: it still keeps"
    assert told.next == "drtool hold list"
    ended = judged(replace(near, holds=(*near.holds, replace(_release(held, signer="SHA256:mine"), id="R2"))), OURS)
    assert others_of((ended,), "documents", by=BY, now=NOW) == ()
    assert others_of((near,), "documents", by=BY, now=NOW + 9 * DAY) == ()


def test_a_pin_goes_once_it_was_ended_or_a_day_after_it_ran_out_and_no_other_record_does() -> None:
    pin = Hold("P", "documents", BY, "it was read", NOW - DAY, NOW + DAY, "X", kind=PIN, run="R", machine="nas")

    def spent(*records: Hold) -> tuple[str, ...]:
        return spent_pins(records, NOW, by=BY, machine="nas")

    over = ending(pin, id="E", created=NOW, machine="nas")
    assert spent(pin) == ()
    assert spent(pin, over) == ("P", "E")
    assert spent(over) == (), "what it ended is not seen here"
    assert spent(pin, replace(over, counts=False, signer="SHA256:thief")) == ()
    assert spent(replace(pin, until=NOW - timedelta(hours=23))) == ()
    assert spent(replace(pin, until=NOW - timedelta(hours=25))) == ("P",)
    for changed in (replace(pin, machine="another"), replace(pin, by="another"), replace(pin, kind=QUARANTINE), replace(pin, kind="")):
        assert spent(changed, ending(changed, id="E", created=NOW, machine=changed.machine)) == ()


def test_a_hold_is_shown_with_what_ends_it() -> None:
    """The screen of points sends nobody to the screen of points."""
    adopted = Hold(
        "H1", "documents", "us", "the points of old count here since it was adopted: drtool points documents", NOW, kind=QUARANTINE
    )
    empty = replace(adopted, id="H2", reason="0 files where 20 were: drtool diff A B")
    by_hand = replace(adopted, id="H3", reason="the auditor asks", kind="")
    for hold, expected in (
        (adopted, "since it was adopted; when"),
        (empty, "20 were: drtool diff A B; when"),
        (by_hand, "the auditor asks"),
    ):
        view = PointView(point("P"), ("near",), holds=(hold,))
        for text in ("\n".join(map(str, points_lines((view,)))), "\n".join(map(str, holds_lines((hold,))))):
            assert expected in text
            assert "drtool points" not in text
            assert (f"drtool hold release {hold.id}" in text) is (hold.kind == QUARANTINE)
