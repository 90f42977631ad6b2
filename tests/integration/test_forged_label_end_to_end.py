"""A file in a person's data that looks like a label: a run neither obeys it nor leaves anything out for it, and says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from drtool.app.facade import App
from drtool.model.errors import Refused
from drtool.model.plan import Destination
from drtool.model.report import Report
from drtool.planning.draft import RestoreRequest
from tests.integration.key_world import KeyWorld
from tests.integration.test_signed_points import world as world  # noqa: PLC0414 - a fixture

RUN = "01J00000000000000000000RVN"


def label(path: Path, **told: Any) -> None:  # noqa: ANN401 - whatever a label says
    whose = {"format": "drtool.marker/1", "by": "keyed", "source": "here", "run": RUN, "expires": "2020-01-01T00:00:00+00:00"}
    path.write_text(json.dumps({**whose, **told}))
    path.chmod(0o600)


def contents(world: KeyWorld) -> dict[str, str]:
    return {str(path): path.read_text() for path in world.tree.rglob("*") if path.is_file()}


def run(app: App) -> Report:
    report = app.run(("documents",))
    assert report is not None
    return report


@pytest.mark.parametrize("what", ["swallowed", "exchanged", "reversed"])
def test_a_run_does_not_obey_it(world: KeyWorld, what: str) -> None:
    letters, staging = world.tree / "letters", world.tree / ".drtool-aaaa"
    (staging / "new").mkdir(parents=True)
    aside = f"{staging}/old" if what == "swallowed" else f"{letters}.before-{RUN}"
    move = {"content": f"{staging}/{'gone' if what == 'reversed' else 'new'}", "target": str(letters), "aside": aside}
    label(Path(f"{staging}.json"), what="staging", state="reversing" if what == "reversed" else "moving", moves=[move])
    before = contents(world)
    report = run(world.app())
    assert report.outcome == "partial"
    assert any("was exchanging" in each and "drtool adopt --leftovers unknown" in each for each in report.skipped)
    assert contents(world) == before
    back = world.root / "back"
    app = world.app()
    assert app.restore(app.plan_restore(RestoreRequest(("documents",), Destination("directory", path=str(back))))).outcome == "succeeded"
    stored = {str(path).removeprefix(f"{back}/here") for path in back.rglob("*") if path.is_file()}
    assert set(before) <= stored


def test_it_hides_nothing_from_the_backup(world: KeyWorld) -> None:
    label(world.tree / "x.drtool.json", what="kept", aside=str(world.tree / "letters"))
    assert run(world.app()).outcome == "succeeded"
    back = world.root / "back"
    app = world.app()
    assert app.restore(app.plan_restore(RestoreRequest(("documents",), Destination("directory", path=str(back))))).outcome == "succeeded"
    assert len(list(back.rglob("letters/*.txt"))) == 5
    skipped = app.plan_sweep(kept=True, shown=frozenset()).skipped
    assert any("bears no proof" in each.reason for each in skipped)
    app.sweep(kept=True)
    assert len(list((world.tree / "letters").iterdir())) == 5


def test_what_a_lost_state_left_is_taken_over_once_it_was_looked_at(world: KeyWorld) -> None:
    app = world.app()
    letter = world.tree / "letters" / "0.txt"
    letter.write_text("changed since")
    plan = app.plan_restore(RestoreRequest(("documents",), Destination("original")))
    assert app.restore(plan).outcome == "succeeded"
    (world.root / "state" / "label-key.json").unlink()
    later = world.app()
    with pytest.raises(Refused, match="machine"):
        later.plan_undo(plan.run)
    assert later.kept() == ()
    chosen = later.choose_adoption(later.machine(), leftovers=True)
    assert any(".before-" in place for place in chosen.places)
    assert later.adopt(chosen).outcome == "succeeded"
    assert later.restore(later.plan_undo(plan.run)).outcome == "succeeded"
    assert letter.read_text() == "changed since"
