"""A set that reads snapshots of somebody else is planned in those words: none is made for it, and none is removed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drtool.app.doctor.sets import examine_set
from drtool.cli.render.plan import plan_lines
from drtool.engine.protected import Protected
from drtool.model.inventory import SetInventory
from drtool.model.plan import Plan, Release, Step, TakeSnapshot
from drtool.model.workload import Workload
from drtool.planning.doing import spell_doing
from drtool.planning.hooks import Gate
from drtool.planning.snapshots import release_step, snapshot_steps
from tests.planning.planning_values import NOW

OWN = Workload("nas:tank/a", "nas", "truenas", {"dataset": "tank/a"}, snapshots=True)
THEIRS = replace(OWN, existing_snapshot=True)


def steps(workload: Workload) -> tuple[Step, Step]:
    (taken,) = snapshot_steps("set", (workload,), Gate(), point="P", stays=None)
    return taken, release_step("set", workload, snapshot=taken.id, store="store", stays=None)


@pytest.mark.parametrize(
    ("workload", "taken", "given_back", "doing"),
    [
        (OWN, ("take snapshot", "it is read as it is at one instant"), "a snapshot is no backup", "taking a snapshot of nas:tank/a"),
        (
            THEIRS,
            ("use snapshot", "the newest that is there is read, and none is made"),
            "the clone goes as soon as its data is stored; the snapshot stays",
            "choosing the newest snapshot of nas:tank/a",
        ),
    ],
)
def test_the_words_tell_whose_snapshot_it_is(workload: Workload, taken: tuple[str, str], given_back: str, doing: str) -> None:
    first, last = steps(workload)
    assert isinstance(first.action, TakeSnapshot)
    assert isinstance(last.action, Release)
    lines = plan_lines(Plan(verb="run", run="R", policy="us", created=NOW, steps=(first, last)))
    (line,) = [line for line in lines if taken[1] in line]
    assert taken[0] in line
    assert any(given_back in line for line in lines)
    assert spell_doing(first) == doing


def test_doctor_tells_a_doubt() -> None:
    doubtful = replace(THEIRS, doubt="tank/a has no snapshot but drtool's own")
    found = Protected({"set": SetInventory("set", workloads=(doubtful,))}, {})
    (finding,) = examine_set("set", found)
    assert (finding.good, finding.text) == (False, doubtful.doubt)
