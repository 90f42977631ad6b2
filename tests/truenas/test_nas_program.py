"""The program itself on the simulated appliance, with a real restic: what a person types and reads when datasets are encrypted."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from drtool.sources.truenas.datasets.dataset import require_dataset
from drtool.sources.truenas.land.create import create_dataset
from drtool.sources.truenas.source import TruenasSource
from tests.rig.program import called
from tests.rig.truenas_lab import Lab

ROOT = Path(__file__).parents[2]
PHRASE = "correct horse battery"
POLICY = """\
drtool: 1
name: circle
repositories:
  near: {{restic: {directory}/near, password: "file:{directory}/near.key"}}
  crown: {{restic: {directory}/crown, password: "file:{directory}/crown.key"}}
sources:
  nas: {{truenas: {{url: "{url}", user: drtool, key: "file:{key}", ca: "{ca}", mounts: "{mounts}"}}}}
  appliance: {{truenas: {{url: "{url}", user: truenas_admin, key: "file:{administrator}", ca: "{ca}", mounts: "{mounts}"}}}}
defaults: {{to: near, keep: {{last: 3}}}}
sets:
  secret: {{protect: [{{nas: {{dataset: tank/secret, recursive: true}}}}], checks: [{{census: {{}}}}]}}
  configuration: {{protect: [{{appliance: {{system: true}}}}], to: crown, checks: [{{truenas_config: {{}}}}]}}
sandboxes:
  lab: {{lease: 2h, nas: {{dataset: tank/drill}}, appliance: {{directory: "{directory}/sandboxes"}}}}
drills:
  monthly: {{sets: [configuration], sandbox: lab}}
"""


@dataclass(frozen=True)
class Program:
    """A machine with a policy for the appliance."""

    directory: Path
    restic: Path
    lab: Lab
    source: TruenasSource

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "DRTOOL_POLICY": str(self.directory / "policy.yaml"), "PYTHONPATH": str(ROOT)}
        environment["PATH"] = f"{self.restic.parent}:{os.environ['PATH']}"
        return called(words, env=environment, cwd=self.directory)

    def done(self, *words: str) -> str:
        result = self.call(*words)
        assert result.returncode == 0, f"{words}: {result.stdout}{result.stderr}"
        return result.stdout + result.stderr


@pytest.fixture
def program(lab: Lab, home: Path, tmp_path: Path, restic_newest: Path) -> Iterator[Program]:
    directory = tmp_path / "machine"
    directory.mkdir()
    text = POLICY.format(
        directory=directory,
        url=lab.started.url,
        key=lab.started.worker_key_file,
        administrator=lab.started.administrator_key_file,
        ca=lab.started.certificate,
        mounts=lab.mounts,
    )
    (directory / "policy.yaml").write_text(text)
    source = lab.source(by="test")
    options = {"encryption": True, "inherit_encryption": False, "encryption_options": {"passphrase": PHRASE}}
    create_dataset(source.client, "tank/secret", {}, options)
    create_dataset(source.client, "tank/secret/keyless", {})
    (lab.root / "tank" / "secret" / "letter").write_text("dear")
    (lab.root / "tank" / "secret" / "folder").mkdir()
    (lab.root / "tank" / "secret" / "folder" / "deep").write_text("deep")
    yield Program(directory, restic_newest, lab, source)
    source.close()


@pytest.mark.timeout(600)
def test_what_a_person_reads(program: Program) -> None:
    top = program.lab.root / "tank" / "secret"
    program.done("init")
    said = program.call("doctor").stdout
    assert "no backup has the passphrase of tank/secret" in said
    assert "as `system: true` needs" in said
    program.done("run")

    (top / "letter").write_text("damaged")
    said = program.done("restore", "secret", "--path", "/mnt/tank/secret/letter", "--yes")
    assert (top / "letter").read_text() == "dear"
    kept = min(top.glob("letter.before-*"))  # its label lies beside it
    assert f"secret: kept aside: /mnt/tank/secret/{kept.name} (until drtool sweep --kept)" in said
    program.done("sweep", "--kept", "--yes")
    assert {each.name for each in top.iterdir()} == {"letter", "folder", "keyless"}

    program.source.client.change("pool.dataset.delete", "tank/secret", {"recursive": True}, look=lambda: False)
    # One after the other: on plain directories a child's root is the very directory that its parent's census looks at.
    said = program.done("restore", "secret", "--workload", "nas:tank/secret", "--yes")
    assert "nas:tank/secret: its passphrase was not given (`passphrases: {tank/secret: …}`), so it has a key, made by the NAS" in said
    program.done("restore", "secret", "--workload", "nas:tank/secret/keyless", "--yes")
    found = require_dataset(program.source.client, "tank/secret")
    assert (found.encrypted, found.key_form, found.locked) == (True, "HEX", False)
    assert require_dataset(program.source.client, "tank/secret/keyless").encryption_root == "tank/secret"
    assert (top / "folder" / "deep").read_text() == "deep"

    refused = program.call("restore", "configuration", "--yes")
    assert refused.returncode != 0
    told = " ".join((refused.stdout + refused.stderr).split())
    assert "it was saved by 25.10.5, and this NAS is 25.10.5: the same release" in told
    assert "System, General, Manage Configuration, Upload File" in told
    assert "drtool restore configuration --to directory /root/recovered, then upload config.tar" in told
    assert "a person puts it back: it replaces everything at once, and nothing of it can be kept aside" in told
    assert "Nothing is changed: a person puts it back, and going on tells how." in told
    assert "Nothing is overwritten" not in told
    said = program.done("drill", "monthly")
    assert "truenas_config" in said or "passed" in said
    assert list((program.directory / "sandboxes").iterdir()) == []
