"""Machines that can be looked into and held still keep what every platform promises, and are killed at every moment of that."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest

from drtool.model.workload import QUIET, Leftover
from drtool.ports import Source
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.kill_contract import BY, KillContract, Life, Platform, kill_everywhere
from drtool.testing.source_contract import Subject
from tests.toy.guests import Guests, Rack
from tests.toy.test_toy import TestToy as ToyContract
from tests.toy.test_toy import ToyPlatform
from tests.toy.toy_world import THREE


class TestGuests(ToyContract):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Subject:
        source = Guests(name="toy", by="contract", cluster=Rack(deepcopy(THREE)), clock=FixedClock())
        return Subject(
            source, {"machines": ["1", "2"]}, {}, tmp_path, missing={"machines": ["7"]}, directories=False, inside=True, quiesces=True
        )


del ToyContract  # it is tried where it stands


class GuestsPlatform(ToyPlatform):
    quiesces = True

    def __init__(self) -> None:
        super().__init__()
        self.rack = self.cluster = Rack(deepcopy(THREE))

    def source(self, life: Life) -> Source:
        return Guests(name="toy", by=BY, cluster=self.rack, clock=FixedClock(), before_change=life.moment)

    def traces(self) -> frozenset[str]:
        return super().traces() | {f"{number} is held still" for number in self.rack.still}

    def shape(self) -> object:
        return super().shape(), len(self.rack.still)

    def load(self, saved: object) -> None:
        assert isinstance(saved, Rack)
        self.rack = self.cluster = deepcopy(saved)


class TestKilledGuests(KillContract):
    @pytest.fixture
    def platform(self) -> Platform:
        return GuestsPlatform()


def lets_nothing_go_on(guests: Guests, leftover: Leftover) -> None:
    if leftover.what == QUIET:
        guests.cluster.labels.pop(leftover.locator, None)
    else:
        RELEASE(guests, leftover)


def shows_nothing_that_it_holds(guests: Guests, places: object) -> tuple[Leftover, ...]:
    return tuple(each for each in guests.cluster.labels.values() if each.what != QUIET)


RELEASE = Guests.release


@pytest.mark.parametrize(("what", "fault"), [("release", lets_nothing_go_on), ("leftovers", shows_nothing_that_it_holds)])
def test_what_stays_still_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, fault: object) -> None:
    monkeypatch.setattr(Guests, what, fault)
    try:
        found = kill_everywhere(GuestsPlatform(), tmp_path / "state", "run", twice=False, stop=True).problems
    except AssertionError as error:  # not even undisturbed
        found = [str(error)]
    assert found
