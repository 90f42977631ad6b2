"""One machine with a tree, a repository of one point, and key files; its repository opens quickly with the first key."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drtool.app.facade import App
from drtool.app.opening import open_policy
from drtool.app.runtime import Runtime
from drtool.engine.adapters import Adapters
from tests.rig.cheap_key import make_cheap
from tests.rig.opened import runtime_of

LIVE = "the key in use"


@dataclass(frozen=True)
class KeyWorld:
    """Everything below one directory; `policy` may be changed before `app` is called."""

    root: Path
    binary: Path
    policy: dict[str, Any] = field(default_factory=dict)

    @property
    def tree(self) -> Path:
        return self.root / "documents"

    @property
    def repository(self) -> Path:
        return self.root / "near"

    @property
    def live(self) -> Path:
        return self.root / "near.key"

    @property
    def policy_file(self) -> Path:
        return self.root / "policy.yaml"

    def app(self, **repository: Any) -> App:  # noqa: ANN401
        """A fresh drtool, with changes to the policy's repository."""
        body = json.loads(json.dumps(self.policy))
        body["repositories"]["near"] |= repository
        self.policy_file.write_text(json.dumps(body))
        return open_policy(str(self.policy_file), state_directory=str(self.root / "state"), binary=str(self.binary))

    def runtime(self) -> Runtime:
        """What the verbs of such a drtool work with."""
        return runtime_of(self.app(), self.binary)

    def adapters(self) -> Adapters:
        """Fresh ones, as a verb would have them."""
        return self.runtime().adapters

    def opens(self, passphrase: str) -> bool:
        """Ask restic itself."""
        return self.restic("cat", "config", passphrase=passphrase).returncode == 0

    def restic(self, *arguments: str, passphrase: str = LIVE) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": os.defpath, "HOME": str(self.root), "RESTIC_PASSWORD": passphrase, "RESTIC_REPOSITORY": str(self.repository)}
        return subprocess.run(
            [str(self.binary), "--no-cache", "--no-lock", *arguments], env=environment, capture_output=True, text=True, check=False
        )

    def unlock(self) -> subprocess.CompletedProcess[str]:
        """For when the owner of a lock is known to be gone; restic takes a process that nobody buried for a living one."""
        environment = {"PATH": os.defpath, "HOME": str(self.root), "RESTIC_PASSWORD_FILE": str(self.live)}
        argv = [str(self.binary), "--no-cache", "--repo", str(self.repository), "unlock", "--remove-all"]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)

    def escrow(self, app: App, name: str = "escrow.key") -> Path:
        """Add a break-glass key and return its file."""
        file = self.root / "media" / name
        app.key_add("near", file=str(file))
        return file


def make_key_world(root: Path, binary: Path, *, backed_up: bool = True) -> KeyWorld:
    """Make the tree, the repository, its key and one point."""
    world = KeyWorld(root, binary)
    (world.tree / "letters").mkdir(parents=True)
    for number in range(5):
        (world.tree / "letters" / f"{number}.txt").write_text(f"{number} the quick brown fox\n")
    world.policy.update(
        {
            "drtool": 1,
            "name": "keyed",
            "repositories": {"near": {"restic": str(world.repository), "password": f"file:{world.live}", "timeout": "5s"}},
            "sources": {"here": {"files": {}}},
            "sets": {"documents": {"protect": [{"here": {"paths": [str(world.tree)]}}], "to": "near", "keep": {"last": 3}}},
            "sandboxes": {"lab": {"lease": "1h", "here": {"directory": str(root / "lab")}}},
            "drills": {"escrowed": {"sets": ["documents"], "from": "near", "sandbox": "lab", "key": f"file:{root}/media/escrow.key"}},
        }
    )
    world.live.touch(mode=0o600)
    world.live.write_text(LIVE + "\n")
    app = world.app()
    assert app.initialise().outcome == "succeeded"
    make_cheap(world.repository, LIVE)
    if backed_up:
        assert app.run().outcome == "succeeded"
    return world
