"""drtool dies before or after a call, on each release: the next sweep leaves nothing, and what is in service is old or new."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from drtool.model.codec import encode
from drtool.sources.truenas.datasets.dataset import find_dataset
from drtool.sources.truenas.land.create import create_dataset
from tests.rig.truenas_lab import Lab, running_lab
from tests.truenas.circle import BY, take, tidy
from tests.truenas.forked import forking
from tests.truenas.killed_release import WORKS

RELEASES = ("25.04", "25.10", "26")
ONE: dict[str, object] = {"dataset": "tank/documents"}
CHANGES = 60
"""More than any of them asks for."""


def sweep(lab: Lab, old: str) -> None:
    """Release all that was left, twice, and look whether the NAS is as it was."""
    sweeper = lab.source(by=BY, administrator=True)
    for leftover in sweeper.leftovers(()):
        sweeper.release(leftover)
    for leftover in sweeper.leftovers(()):  # what was kept aside by a cutover that the first sweep finished
        assert leftover.what in ("kept", "mount", "share"), leftover
        sweeper.release(leftover)
    assert sweeper.leftovers(()) == ()
    assert find_dataset(sweeper.client, "tank/documents") is not None
    assert (lab.root / "tank/documents/read-me").read_text() == old
    names = {row["id"] for row in sweeper.client.read("pool.dataset.query", [["id", "^", "tank/"]], {"extra": {"properties": []}})}
    assert names == {"tank/documents", "tank/documents/letters", "tank/drill"}, names
    sweeper.close()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("verb", WORKS)
@pytest.mark.parametrize("release", RELEASES)
def test_the_next_sweep_leaves_nothing(
    tmp_path: Path, release: str, verb: str, when: str, record_property: Callable[[str, object], None]
) -> None:
    if (release, verb) == ("25.04", "restore"):
        pytest.skip("it cannot rename, and says so before anything is made")
    with running_lab(tmp_path, release=release) as lab:
        source = lab.source(by=BY, administrator=True)
        create_dataset(source.client, "tank/drill", {})
        old = (lab.root / "tank/documents/read-me").read_text()
        (member,) = take(source, tmp_path / "copies", ONE)
        source.close()
        settings = lab.settings(administrator=True)
        given = {"settings": settings, "verb": verb, "when": when, "member": encode(member), "copies": str(tmp_path / "copies")}
        deaths = 0
        with forking("tests.truenas.killed_release", given) as ends:
            for number in range(1, CHANGES):
                ended = ends(number)
                assert ended in (0, -signal.SIGKILL), f"call {number} {when}: {ended}"
                sweep(lab, old)
                if ended == 0:
                    break
                deaths += 1
        record_property("killed against a NAS", deaths)
        assert 3 <= deaths < CHANGES - 1, "it was hardly killed, or never came to its end"
        tidy(lab.source(by=BY, administrator=True))
