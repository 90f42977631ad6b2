"""What a repository tells when it is met for the first time, and what is said of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drtool.model.inventory import Listing
from drtool.model.rotation import Rotation
from drtool.model.standing import Acceptance
from drtool.planning.first_contact import Met, met, spell_met
from tests.planning.planning_values import BY, NOW, evidence, listing, point

A, B, C = (f"SHA256:{letter * 43}" for letter in "abc")
FOLLOWS = Rotation("AB", BY, "nas", A, B, NOW)
SIGNED = listing("near", (point("P1", signer=A),))
TWO = listing("near", (point("P1", signer=A), point("P2", signer=B)))
UNSIGNED = listing("near", (point("P1", unsigned="u1"), point("P2", unsigned="u2")), evidence=(evidence(unsigned="u3"),))
PROOF = evidence(signer=C, tags_signer=C)


@pytest.mark.parametrize(
    ("seen", "rotations", "expected"),
    [
        (listing("near"), (), Met()),
        (SIGNED, (), Met(first=A)),
        (replace(SIGNED, evidence=(PROOF,)), (), Met(first=A)),
        (replace(listing("near"), evidence=(PROOF,)), (), Met(first=C)),
        (replace(listing("near"), evidence=(replace(PROOF, tags_signer=A),)), (), Met()),
        (replace(listing("near"), evidence=(replace(PROOF, by="x"),)), (), Met()),
        (TWO, (), Met(several=(A, B))),
        (TWO, (FOLLOWS,), Met(first=A)),
        (UNSIGNED, (), Met(unsigned=("u1", "u2", "u3"))),
        (replace(UNSIGNED, points=(*UNSIGNED.points, point("P3", signer=A))), (), Met(first=A)),
    ],
)
def test_who_alone_signed_there_is_believed_and_of_several_none(seen: Listing, rotations: tuple[Rotation, ...], expected: Met) -> None:
    assert met(seen, by=BY, rotations=rotations) == expected


def said(seen: Listing, known: Acceptance | None = None, *own: str, decided: bool = False, by_name: bool = False) -> tuple[str, ...]:
    return spell_met(seen, met(seen, by=BY), known or Acceptance(), own=own, decided=decided, by_name=by_name)


def test_what_was_decided_is_said_once() -> None:
    (alone,) = said(SIGNED)
    assert f"signed by {A} alone" in alone
    assert said(SIGNED, Acceptance(first=A)) == said(SIGNED, None, A) == said(SIGNED, by_name=True) == ()
    (strangers,) = said(TWO)
    assert f"{A} and {B} sign there" in strangers
    assert f"our name {B} sign" in said(TWO, None, A)[0]
    assert said(TWO, decided=True) == said(TWO, None, A, B) == ()
    (without,) = said(UNSIGNED)
    assert without == "near: 2 points of a release that did not sign are taken for ours, this once"
    assert said(UNSIGNED, Acceptance(unsigned=("u1", "u2", "u3"))) == ()
