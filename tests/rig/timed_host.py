"""A machine whose backups a timer calls: one set, one repository, and a restic that writes down each time it is called."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.rig.program import called

YEARLY = "0 3 1 1 *"
INSTANT = re.compile(r"20\d\d-\d\d-\d\dT")
"""What an instant begins with: a digest may begin with 20 as well."""


@dataclass
class Host:
    """A machine with one set, one repository, and a restic that writes down each time it is called."""

    root: Path
    restic: Path
    policy: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.root / "data").mkdir(parents=True)
        (self.root / "data" / "letter").write_text("dear")
        for name in ("near", "far"):
            (self.root / f"{name}.key").write_text("secret\n")
            (self.root / f"{name}.key").chmod(0o600)
        wrapper = self.root / "restic"
        wrapper.write_text(f'#!/bin/sh\necho "$@" >>{self.root}/calls\nexec {self.restic} "$@"\n')
        wrapper.chmod(0o755)
        self.policy = {
            "drtool": 1,
            "name": "timed",
            "repositories": {"near": {"restic": str(self.root / "near"), "password": f"file:{self.root}/near.key", "timeout": "1s"}},
            "sources": {"here": {"files": {}}},
            "sets": {
                "docs": {
                    "protect": [{"here": {"paths": [str(self.root / "data")]}}],
                    "to": "near",
                    "keep": {"last": 9},
                    "schedule": YEARLY,
                    "before": [self.hook("stop")],
                    "after": [self.hook("start")],
                    "on_failure": [self.hook("alarm")],
                }
            },
            "sandboxes": {"lab": {"lease": "1h", "here": {"directory": str(self.root / "lab")}}},
            "drills": {"proof": {"sets": ["docs"], "sandbox": "lab", "schedule": YEARLY}},
        }

    @property
    def documents(self) -> dict[str, Any]:
        body: dict[str, Any] = self.policy["sets"]["docs"]
        return body

    def hook(self, word: str, then: str = "true") -> dict[str, Any]:
        return {"run": ["sh", "-c", f"echo {word} >>{self.root}/log; {then}"], "on": "here"}

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        (self.root / "policy.yaml").write_text(json.dumps(self.policy))
        places = {"DRTOOL_POLICY": f"{self.root}/policy.yaml", "DRTOOL_STATE_DIR": f"{self.root}/state", "HOME": str(self.root)}
        places["PATH"] = f"{self.root}:{os.environ['PATH']}"
        return called(arguments, env={**os.environ, **places})

    def done(self, *arguments: str) -> str:
        ended = self.call(*arguments)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout + ended.stderr

    def log(self) -> list[str]:
        log = self.root / "log"
        return log.read_text().split() if log.exists() else []

    def points(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.done("points", "--json"))["points"]
        return found

    def runs(self) -> int:
        return len(list((self.root / "state" / "runs").iterdir()))

    def seen(self) -> dict[str, tuple[int, int]]:
        """Everything in the state directory as it is: nothing may be written by an idle call."""
        found = (path for path in (self.root / "state").rglob("*"))
        return {str(path): ((facts := path.lstat()).st_size, facts.st_mtime_ns) for path in found}

    def idle(self, *arguments: str) -> None:
        """One call that does nothing, says nothing, asks nobody and leaves no trace."""
        before, calls = self.seen(), self.root / "calls"
        calls.unlink(missing_ok=True)
        log = self.log()
        ended = self.call(*(arguments or ("run", "--due")))
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
        assert not calls.exists(), calls.read_text()
        assert self.seen() == before
        assert self.log() == log

    def forget(self) -> None:
        """Lose everything that is remembered, but not who this machine is: another machine's points would not count."""
        (self.root / "state" / "attempts.json").unlink()
        for folder in ("runs", "index"):
            shutil.rmtree(self.root / "state" / folder, ignore_errors=True)

    def age(self, minutes: float) -> None:
        """Let what the state remembers be so much older."""

        def older(value: Any) -> Any:  # noqa: ANN401
            if isinstance(value, dict):
                return {key: older(item) for key, item in value.items()}
            if isinstance(value, list):
                return [older(item) for item in value]
            if isinstance(value, str) and INSTANT.match(value):
                return (datetime.fromisoformat(value) - timedelta(minutes=minutes)).isoformat()
            return value

        for path in (self.root / "state" / "attempts.json", *(self.root / "state" / "runs").glob("*/journal.jsonl")):
            path.write_text("".join(f"{json.dumps(older(json.loads(line)))}\n" for line in path.read_text().splitlines()))
