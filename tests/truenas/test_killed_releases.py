"""drtool dies before or after a call, on each release: the next sweep leaves nothing, and what is in service is old or new."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drtool.model.plan import Destination
from drtool.ports import ReserveRequest
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.datasets.dataset import find_dataset
from drtool.sources.truenas.land.create import create_dataset
from drtool.sources.truenas.source import TruenasSource
from tests.rig.truenas_lab import Lab, running_lab
from tests.truenas.circle import BY, RUN, land, put_back, take, tidy

RELEASES = ("25.04", "25.10", "26")
ONE: dict[str, object] = {"dataset": "tank/documents"}
CHANGES = 60
"""More than any of them asks for."""


def back_up(source: TruenasSource, lab: Lab, copies: Path) -> None:
    take(source, copies / "again")


def save(source: TruenasSource, lab: Lab, copies: Path) -> None:
    (workload,) = source.discover({"system": True})
    with source.export(source.snapshot(workload, f"{RUN}/1")) as export:
        assert export.artifacts


def restore(source: TruenasSource, lab: Lab, copies: Path) -> None:
    (member,) = MEMBERS
    source.cutover(land(source, member, copies))


def drill(source: TruenasSource, lab: Lab, copies: Path) -> None:
    (member,) = MEMBERS
    until = datetime.now(UTC) - timedelta(seconds=1)
    reserved = source.reserve(ReserveRequest({"dataset": "tank/drill"}, Destination("sandbox", sandbox="lab"), RUN, BY, 1000, until))
    put_back(source, member, copies, form="sandbox", reserved=reserved.locator)
    source.release(reserved)


MEMBERS: list[Any] = []
WORKS: dict[str, Callable[[TruenasSource, Lab, Path], None]] = {"back_up": back_up, "save": save, "restore": restore, "drill": drill}


_LOOKS = ("query", "stat", "statfs", "get_methods", "get_jobs", "attachments", "info", "version", "ping")


def dies_in(work: Callable[[], None], call: int, when: str, *, looks: bool) -> bool:
    """Carry work out in a child that is killed at its so-many-th call that changes something; tell whether it came that far.

    Where nothing is changed, those count that only look (`looks`).
    """
    child = os.fork()
    if child == 0:
        count = [0]
        before = ApiClient._call

        def dies(self: ApiClient, method: str, params: tuple[Any, ...], timeout_seconds: float) -> Any:  # noqa: ANN401 - JSON
            changes = looks or not method.endswith(_LOOKS)
            count[0] += changes
            if changes and count[0] == call and when == "before":
                os._exit(9)
            answer = before(self, method, params, timeout_seconds)
            if changes and count[0] == call:
                os._exit(9)
            return answer

        setattr(ApiClient, "_call", dies)  # noqa: B010 - in the child alone
        try:
            work()
        except BaseException:  # noqa: BLE001 - told by its exit
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9), f"call {call} {when}: {code}"
    return code == 9


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
        MEMBERS[:] = take(source, tmp_path / "copies", ONE)
        source.close()
        deaths = 0
        for call in range(1, CHANGES):
            copies = tmp_path / "copies"

            def work(number: int = call, copies: Path = copies) -> None:
                own = lab.source(by=BY, administrator=True)
                if verb == "back_up":
                    WORKS[verb](own, lab, tmp_path / f"copies{number}")
                else:
                    WORKS[verb](own, lab, copies)
                own.close()

            died = dies_in(work, call, when, looks=verb == "save")
            deaths += died
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
            if not died:
                break
        record_property("killed against a NAS", deaths)
        assert deaths >= 3, "it was hardly killed"
        assert deaths < CHANGES - 1
        tidy(lab.source(by=BY, administrator=True))
