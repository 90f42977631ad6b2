"""What apps keep in datasets that the NAS hides is named as not covered; the documented way around it is a policy that loads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drtool.app.composition import KINDS
from drtool.lab.truenas.appliance import Appliance
from drtool.lab.truenas.run import WORKER_ROLES
from drtool.policy.load import load
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY
from tests.truenas.test_in_use import app

DOCUMENT = (Path(__file__).parents[2] / "docs" / "platforms" / "truenas.md").read_text()


def test_apps_are_named_as_not_covered(lab: Lab) -> None:
    source = lab.source(by=BY)
    assert not any("not covered" in each.way for each in source.discover({"dataset": "tank/documents", "recursive": True}))
    assert not any("not covered" in finding.text for finding in source.examine())
    source.close()
    admin = lab.source(by=BY, administrator=True)
    app(admin.client)
    admin.close()
    source = lab.source(by=BY)
    first, *others = source.discover({"dataset": "tank/documents", "recursive": True})
    assert "not covered: what the apps cloud keep in datasets that the NAS hides (ix-apps)" in first.way
    assert not any("not covered" in each.way for each in others)
    assert any(finding.good is None and "not covered: what the apps cloud keep" in finding.text for finding in source.examine())
    assert lab.calls("app.query") <= 4, "asked once by each source"
    source.close()


def test_a_key_that_may_not_ask_for_apps_does_its_work(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Appliance, "roles_of", lambda _self, _user: [role for role in WORKER_ROLES if role != "READONLY_ADMIN"])
    source = lab.source(by=BY)
    (workload,) = source.discover({"dataset": "tank/documents"})
    assert not workload.problem
    source.close()


def test_the_example_of_an_app_is_a_policy_that_loads(tmp_path: Path) -> None:
    section = DOCUMENT.partition("## Apps")[2].partition("\n## ")[0]
    examples = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    assert len(examples) == 2
    for number, text in enumerate(examples):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        policy = load((str(path),), KINDS)
        assert policy.sets
