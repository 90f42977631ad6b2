"""A restore that meets the deadline says so, however many copies there are: no other copy or point would help."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, Never

import pytest

from drtool.engine.actions import restore as restoring
from drtool.model.errors import Corrupt, TimedOut
from drtool.process import Scope, scope

ACTION: Any = SimpleNamespace(copies=("near", "offsite"), member=SimpleNamespace(workload="here:/data"), expires=1)
WORK: Any = SimpleNamespace(plan=None, adapters=None)


@pytest.fixture(autouse=True)
def _no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restoring, "land_request", lambda *_places, **_words: None)
    monkeypatch.setattr(restoring, "reserved_by", lambda _work: "")


def test_a_deadline_is_no_word_about_the_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def late(*given: object) -> Never:
        asked.append(given[-1])
        raise TimedOut("restic did not end before the deadline of the run")

    monkeypatch.setattr(restoring, "_from_copy", late)
    with scope(Scope(deadline=time.monotonic() - 1)), pytest.raises(TimedOut) as told:
        restoring.restore(WORK, ACTION)
    assert (told.value.hint, asked) == ("", ["near"])


def test_a_damaged_copy_is_told_whatever_became_of_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = {"near": Corrupt("it is damaged"), "offsite": TimedOut("restic did not end before the deadline of the run")}

    def fail(*given: Any) -> Never:  # noqa: ANN401
        raise errors[given[-1]]

    monkeypatch.setattr(restoring, "_from_copy", fail)
    with scope(Scope(deadline=time.monotonic() - 1)), pytest.raises(Corrupt, match="near: Corrupt: it is damaged"):
        restoring.restore(WORK, ACTION)
