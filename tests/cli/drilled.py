"""A machine whose drills went well and then badly, with real repositories, and the reports they left behind."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rig.cheap_key import make_cheap
from tests.rig.program import called

ROOT = Path(__file__).parents[2]
KEY = "a key for this test only"
FORMS = {"html": "html", "junit": "xml", "markdown": "md", "json": "json", "text": "txt"}


@dataclass(frozen=True)
class Drilled:
    """The machine; `green` and `red` name the reports of the last drill that went well and of the one that did not."""

    directory: Path
    restic: Path

    def report(self, name: str, form: str) -> Path:
        return self.directory / "reports" / f"{name}.{FORMS[form]}"

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        home = self.directory / "home"
        return called(
            [*arguments, "--restic", str(self.restic)],
            cwd=self.directory,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "DRTOOL_POLICY": str(self.directory / "policy.yaml"),
                "DRTOOL_STATE_DIR": str(self.directory / "state"),
                "PYTHONPATH": str(ROOT),
            },
        )

    def done(self, *arguments: str) -> str:
        result = self.call(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr

    def drill(self, name: str, *drills: str) -> subprocess.CompletedProcess[str]:
        """Carry drills out, leaving a report in every form."""
        (self.directory / "reports").mkdir(exist_ok=True)
        wanted = [word for form in FORMS for word in ("--report", f"{form}={self.report(name, form)}")]
        return self.call("drill", *drills, *wanted)

    def write_policy(self, *checks: dict[str, Any], **changes: Any) -> None:  # noqa: ANN401 - keys of the policy
        """Write the policy; `checks` are asked of the documents."""
        tree = self.directory / "data"
        body = {
            "drtool": 1,
            "name": "homelab",
            "repositories": {
                "near": {"restic": str(self.directory / "near"), "password": f"file:{self.directory / 'key'}"},
                "offsite": {"restic": str(self.directory / "offsite"), "site": "cloud", "password": f"file:{self.directory / 'key'}"},
            },
            "sources": {"here": {"files": {}}},
            "defaults": {"to": "near", "copies": ["offsite"], "keep": {"last": 3}, "objectives": {"rpo": "4h", "rto": "1h"}},
            "sets": {
                "documents": {"protect": [{"here": {"paths": [str(tree / "documents")]}}], "checks": list(checks)},
                "photos": {"protect": [{"here": {"paths": [str(tree / "photos")]}}]},
            },
            "sandboxes": {"lab": {"lease": "2h", "here": {"directory": str(self.directory / "lab")}}},
            "drills": {
                "monthly": {"sets": ["documents"], "from": "offsite", "sandbox": "lab", "negative_control": True},
                "yearly": {"sets": ["documents", "photos"], "from": "offsite", "sandbox": "lab"},
            },
            **changes,
        }
        (self.directory / "policy.yaml").write_text(json.dumps(body), encoding="utf-8")  # JSON is YAML


def drilled(directory: Path, restic: Path) -> Drilled:
    """Make the machine: three good drills of the documents, then one of everything that finds an answer wrong and a pack damaged."""
    machine = Drilled(directory, restic)
    key = directory / "key"
    key.touch(mode=0o600)
    key.write_text(f"{KEY}\n", encoding="utf-8")
    for name in ("documents", "photos"):
        (directory / "data" / name).mkdir(parents=True)
    for number in range(12):
        (directory / "data" / "documents" / f"letter {number}.txt").write_bytes(os.urandom(40_000))
    (directory / "data" / "photos" / "sea.raw").write_bytes(os.urandom(400_000))
    asked = {"files": {"at_least": 10}}
    machine.write_policy(asked)
    machine.done("init")
    for repository in ("near", "offsite"):
        make_cheap(directory / repository, KEY)
    machine.done("run", "documents")
    for _ in range(3):
        good = machine.drill("green", "monthly")
        assert good.returncode == 0, good.stdout + good.stderr
    before = _packs(machine)
    machine.done("run", "photos")
    (photos,) = [pack for pack in _packs(machine) - before if pack.stat().st_size > 300_000]
    photos.chmod(0o600)
    with photos.open("r+b") as stream:  # in the middle lies the photo; the manifest, if it is in this pack at all, is small
        stream.seek(photos.stat().st_size // 2)
        stream.write(bytes(64))
    machine.write_policy(asked, {"files": {"contains": ["ledger.ods"]}})
    bad = machine.drill("red", "yearly")
    assert bad.returncode == 5, bad.stdout + bad.stderr
    return machine


def _packs(machine: Drilled) -> set[Path]:
    return {path for path in (machine.directory / "offsite" / "data").rglob("*") if path.is_file()}
