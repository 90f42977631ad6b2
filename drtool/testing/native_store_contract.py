# ruff: noqa: S101 - a suite of tests, to be inherited
"""What every native store promises; inherit it and give a `kept` fixture."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from drtool.model.codec import decode, encode
from drtool.model.errors import NotFound, Refused
from drtool.model.locator import Locator
from drtool.model.native import NativePlace
from drtool.model.workload import NATIVE, Leftover
from drtool.ports import NativeStore, RecallRequest


@dataclass(frozen=True, slots=True)
class Kept:
    """A store that keeps something of ours and something of somebody else's, and something landed that takes what is recalled.

    `ours` and `foreign` are places; `into` and `recalled` tell where the landing is and what it holds by now; `content` is what ours holds.
    `spoil` puts something else in the place of ours.
    """

    store: NativeStore
    source: str
    ours: NativePlace
    foreign: NativePlace
    content: bytes
    into: Locator
    recalled: Callable[[], bytes | None]
    leftovers: Callable[[], tuple[Leftover, ...]]
    spoil: Callable[[], None]


class NativeStoreContract(ABC):
    """Nothing in it knows where bytes lie, or how they come back."""

    @pytest.fixture
    @abstractmethod
    def kept(self) -> Kept:
        """Return a fresh store with all that is said of `Kept`."""

    def test_it_is_called_like_its_source(self, kept: Kept) -> None:
        assert kept.store.name.partition(":")[0] == kept.source
        assert kept.ours.store == kept.store.name

    def test_a_place_travels_as_json(self, kept: Kept) -> None:
        assert decode(NativePlace, json.loads(json.dumps(encode(kept.ours)))) == kept.ours

    def test_each_place_is_answered_in_its_order(self, kept: Kept) -> None:
        nowhere = replace(kept.ours, locator=f"{kept.ours.locator}x")
        none, ours, foreign = kept.store.present((nowhere, kept.ours, kept.foreign))
        assert none is None
        assert ours is not None
        assert foreign is not None
        assert ours.digest == kept.ours.digest
        assert kept.store.present(()) == ()

    def test_asking_and_reading_change_nothing(self, kept: Kept) -> None:
        assert kept.store.present((kept.ours,)) == kept.store.present((kept.ours,))
        assert kept.store.verify(kept.ours) == kept.store.verify(kept.ours)
        assert kept.store.verify(kept.ours).digest == kept.ours.digest

    def test_what_is_there_is_told_and_not_what_was_asked_for(self, kept: Kept) -> None:
        kept.spoil()
        (held,) = kept.store.present((kept.ours,))
        assert held is not None
        assert held.digest != kept.ours.digest
        assert kept.store.verify(replace(kept.ours, digest="another")).digest == held.digest

    def test_it_comes_back_as_often_as_it_is_asked_for(self, kept: Kept) -> None:
        request = RecallRequest(kept.ours, kept.into, "a workload")
        first = kept.store.recall(request)
        assert kept.store.recall(request) == first
        assert first.digest == kept.ours.digest
        assert kept.recalled() == kept.content
        assert kept.store.verify(kept.ours).digest == kept.ours.digest

    def test_what_somebody_else_made_comes_back_too(self, kept: Kept) -> None:
        assert kept.store.recall(RecallRequest(kept.foreign, kept.into, "a workload")).digest == kept.foreign.digest

    def test_it_is_recalled_only_into_what_was_landed(self, kept: Kept) -> None:
        for into in (Locator(), replace(kept.into, kind="another"), replace(kept.into, version=kept.into.version + 1)):
            with pytest.raises(Refused):
                kept.store.recall(RecallRequest(kept.ours, into, "a workload"))
        assert kept.recalled() is None

    def test_what_is_ours_is_a_leftover_by_its_place(self, kept: Kept) -> None:
        found = {(each.store, each.locator): each for each in kept.leftovers() if each.what == NATIVE}
        assert found[kept.ours.identity].source == kept.source
        assert found[kept.ours.identity].run
        assert kept.foreign.identity not in found

    def test_what_is_forgotten_is_gone_and_forgetting_twice_is_well(self, kept: Kept) -> None:
        kept.store.forget(kept.ours)
        kept.store.forget(kept.ours)
        assert kept.store.present((kept.ours,)) == (None,)
        assert not [each for each in kept.leftovers() if each.what == NATIVE]
        touches: tuple[Callable[[], object], ...] = (
            lambda: kept.store.verify(kept.ours),
            lambda: kept.store.recall(RecallRequest(kept.ours, kept.into, "it")),
        )
        for touch in touches:
            with pytest.raises(NotFound):
                touch()
        assert kept.recalled() is None

    def test_what_bears_no_label_of_ours_is_never_removed(self, kept: Kept) -> None:
        with pytest.raises(Refused):
            kept.store.forget(kept.foreign)
        with pytest.raises(Refused):  # whatever a manifest says of it
            kept.store.forget(replace(kept.foreign, made=True))
        assert kept.store.verify(kept.foreign).digest == kept.foreign.digest

    def test_it_says_where_it_lies(self, kept: Kept) -> None:
        said = kept.store.guarantees()
        assert said.identity
        assert said == kept.store.guarantees()
