"""What a shell is offered while somebody types: by what is known here, and nothing that asks or fails aloud."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.rig.cheap_key import make_cheap
from tests.rig.program import called

ROOT = Path(__file__).parents[2]
POLICY = """\
drtool: 1
name: homelab
repositories:
  near: {{restic: {directory}/near, password: "file:{directory}/near.key"}}
  offsite: {{restic: {directory}/offsite, site: cloud, password: "file:{directory}/offsite.key"}}
sources:
  here: {{files: {{}}}}
defaults: {{to: near, keep: {{last: 3}}}}
sets:
  documents: {{protect: [{{here: {{paths: [{directory}/data]}}}}]}}
  doors: {{protect: [{{here: {{paths: [{directory}/data]}}}}]}}
sandboxes:
  lab: {{lease: 2h, here: {{directory: {directory}/sandbox}}}}
drills:
  monthly: {{sets: [documents], from: near, sandbox: lab}}
"""


pytestmark = pytest.mark.usefixtures("home")


class Desk:
    def __init__(self, directory: Path, restic: Path) -> None:
        self.directory, self.restic = directory, restic
        self.environment = {
            **os.environ,
            "DRTOOL_POLICY": str(directory / "policy.yaml"),
            "DRTOOL_STATE_DIR": str(directory / "state"),
            "PYTHONPATH": str(ROOT),
        }

    def call(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return called(words, env={**self.environment, **environment})

    def done(self, *words: str) -> None:
        ended = self.call(*words, "--restic", str(self.restic))
        assert ended.returncode == 0, ended.stderr

    def offered(self, line: str) -> dict[str, str]:
        """What zsh is offered at the end of a line: names, and what each is."""
        count = str(len(line.split()) - (not line.endswith(" ")))
        ended = self.call(_DRTOOL_COMPLETE="zsh_complete", COMP_WORDS=line, COMP_CWORD=count)
        assert ended.stderr == ""
        told = ended.stdout.splitlines()
        return dict(zip(told[1::3], told[2::3], strict=True))


@pytest.fixture
def desk(tmp_path: Path, restic_newest: Path) -> Desk:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_bytes(b"x")
    (tmp_path / "policy.yaml").write_text(POLICY.format(directory=tmp_path), encoding="utf-8")
    return Desk(tmp_path, restic_newest)


def test_names_of_the_policy(desk: Desk) -> None:
    assert desk.offered("drtool run do") == {"documents": "set", "doors": "set"}
    assert set(desk.offered("drtool run documents ")) == {"doors"}, "what was typed is not typed again"
    assert set(desk.offered("drtool drill ")) == {"documents", "doors", "monthly"}
    assert set(desk.offered("drtool plan restore --sandbox ")) == {"lab"}
    assert set(desk.offered("drtool prune ")) == {"near", "offsite"}
    assert set(desk.offered("drtool doctor ")) == {"near", "offsite", "here"}
    assert set(desk.offered("drtool restore --from o")) == {"offsite"}
    assert desk.offered("drtool new --output ") != {"documents": "set"}


def test_points_and_runs_are_those_that_are_known_here(desk: Desk) -> None:
    for name in ("near", "offsite"):
        (desk.directory / f"{name}.key").write_text("secret\n")
        (desk.directory / f"{name}.key").chmod(0o600)
    desk.done("init")
    make_cheap(desk.directory / "near", "secret")
    desk.done("run", "documents")
    shutil.rmtree(desk.directory / "near")  # nobody is asked
    points = desk.offered("drtool show ")
    assert {"latest", "last"} <= points.keys()
    (point,) = (name for name, what in points.items() if what.startswith("documents, "))
    assert set(desk.offered(f"drtool ls {point[:10]}")) == {point}
    assert "last" in desk.offered("drtool report ")
    assert len(desk.offered("drtool report 0")) == 2
    assert desk.offered("drtool hold release ") == {}
    assert desk.offered("drtool restore --workload here") == {f"here\\:{desk.directory}/data": "of documents"}, "as zsh takes a colon"
    assert desk.offered("drtool ls latest --workload h").keys() == {f"here\\:{desk.directory}/data"}


def test_holds_evidence_and_machines_are_those_that_were_heard_of(desk: Desk) -> None:
    for name in ("near", "offsite"):
        (desk.directory / f"{name}.key").write_text("secret\n")
        (desk.directory / f"{name}.key").chmod(0o600)
    desk.done("init", "near")
    make_cheap(desk.directory / "near", "secret")
    desk.done("run", "documents")
    desk.done("hold", "add", "documents", "--until", "30d", "--reason", "somebody looks")
    desk.done("verify", "near")
    desk.call("points", "--refresh", "--restic", str(desk.restic))
    hold, reason = next(iter(desk.offered("drtool hold release ").items()))
    assert (len(hold), reason) == (26, "somebody looks")
    assert desk.offered("drtool evidence show x") == {}
    ((evidence, what),) = desk.offered("drtool evidence show 0").items()
    assert len(evidence) == 26
    assert what.startswith("verify, ")
    (desk.directory / "state" / "machine").unlink()
    for file in (desk.directory / "state").glob("*"):
        shutil.rmtree(file) if file.is_dir() and file.name != "cache" else file.unlink()
    desk.call("points", "--refresh", "--restic", str(desk.restic))
    (machine,) = desk.offered("drtool adopt ")
    assert machine


def test_whatever_is_wrong_is_told_by_the_verb_and_not_while_somebody_types(desk: Desk) -> None:
    assert desk.offered("drtool --policy /nowhere run ") == {}
    assert desk.offered("drtool restore --repository /srv/near --password-file /etc/key ") == {}
    assert desk.offered("drtool restore --repository /srv/near ") == {}
    (desk.directory / "policy.yaml").write_text("drtool: [")
    assert desk.offered("drtool run ") == {}
    assert set(desk.offered("drtool show ")) == {"latest", "last"}
