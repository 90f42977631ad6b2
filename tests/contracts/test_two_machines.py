"""Two machines with one policy name at one place: neither verb of a source touches what the other left, even by a stale plan."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from drtool.model.errors import Refused
from drtool.model.label import LabelProofs
from drtool.model.plan import Destination
from drtool.model.policy import SourcePolicy
from drtool.ports import ReserveRequest
from drtool.runners.local import LocalRunner
from drtool.sources.files.source import FilesSource
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.source_contract import BY, LATER, RUN
from tests.contracts.test_files_carry import RULES, STORED, everything_in, landed_in, request_for
from tests.contracts.test_files_carry import live as live  # noqa: PLC0414 - a fixture


def at(live: Path, machine: str, accepted: Iterable[str] = ()) -> FilesSource:
    return FilesSource(
        policy=SourcePolicy("here", "files", "home"),
        by=BY,
        runner=LocalRunner(),
        clock=FixedClock(),
        watch=(str(live),),
        machine=lambda: machine,
        proofs=lambda: LabelProofs(machine.encode(), frozenset(accepted)),
    )


def restored(live: Path) -> None:
    laptop = at(live, "laptop")
    laptop.cutover(landed_in(laptop, request_for(live, rules=RULES), STORED))
    landed_in(laptop, request_for(live, rules=RULES, run=f"{RUN[:-1]}7"), STORED)  # and one that stays in its staging place


def test_everything_it_makes_names_its_machine(live: Path) -> None:
    restored(live)
    found = at(live, "nas").leftovers(())
    assert {each.what for each in found} == {"kept", "staging"}
    assert {each.machine for each in found} == {"laptop"}


def test_a_stale_plan_does_nothing_to_another_machines(live: Path) -> None:
    restored(live)
    nas = at(live, "nas")
    rest = everything_in(live.parent)
    for leftover in nas.leftovers(()):
        assert leftover.unproven
        stale = replace(leftover, unproven="", proven=True, machine="nas")
        with pytest.raises(Refused, match="no label that this machine is known to have made") as refused:
            nas.release(stale)
        assert "drtool adopt --leftovers laptop" in refused.value.hint
        if leftover.what == "kept":
            with pytest.raises(Refused, match="no label"):
                nas.undo(stale, f"{RUN[:-1]}8")
    assert everything_in(live.parent) == rest


def test_what_was_taken_over_is_released_and_taken_back(live: Path) -> None:
    """A label is accepted as it was looked at; changed by anybody since, it is another."""
    restored(live)
    nas = at(live, "nas", [each.unproven for each in at(live, "nas").leftovers(())])
    found = {each.what: each for each in nas.leftovers(())}
    nas.release(found["staging"])
    nas.undo(found["kept"], f"{RUN[:-1]}8")
    (again,) = nas.leftovers(())
    assert (again.what, again.machine) == ("kept", "nas")


@pytest.mark.parametrize("text", ["../x", "a b", "\x1b[2Jx", "x" * 65, "-x"])
def test_a_text_that_is_no_machine_is_as_if_nobody_wrote_it_down(live: Path, text: str) -> None:
    restored(live)
    for path in live.parent.rglob("*.json"):
        if b"drtool.marker/1" in path.read_bytes():
            path.write_text(json.dumps({**json.loads(path.read_bytes()), "machine": text}))
    found = at(live, "nas").leftovers(())
    assert len(found) == 2
    assert {each.machine for each in found} == {""}


def test_a_sandbox_of_another_machine_is_left(live: Path) -> None:
    laptop, nas = at(live, "laptop"), at(live, "nas")
    place = live.parent / "lab"
    place.mkdir()
    made = laptop.reserve(ReserveRequest({"directory": str(place)}, Destination("sandbox", sandbox="lab"), RUN, BY, 1, LATER))
    with pytest.raises(Refused, match="left by machine laptop"):
        nas.release(replace(made, machine=""))
    assert Path(made.locator).is_dir()
    nas.release(made)
    assert not Path(made.locator).exists()
