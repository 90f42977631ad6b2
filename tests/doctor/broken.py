"""A set-up that is well: protected files on one disk; copy, sandbox and an escrowed key on another. Tests break it on purpose."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drtool.app.facade import App
from drtool.app.opening import open_policy
from drtool.cli.main import main
from drtool.ports import Finding
from tests.rig.cheap_key import make_cheap

OTHER_DISK = Path("/dev/shm")
POLICY: dict[str, Any] = {
    "drtool": 1,
    "name": "broken",
    "site": "home",
    "repositories": {
        "near": {"restic": "{root}/near", "password": "file:{root}/near.key", "timeout": "1s"},
        "off": {"restic": "{other}/off", "site": "away", "password": "file:{root}/off.key", "timeout": "1s"},
    },
    "sources": {"here": {"files": {}}},
    "sets": {"docs": {"protect": [{"here": {"paths": ["{root}/data"]}}], "to": "near", "copies": ["off"], "keep": {"last": 3}}},
    "sandboxes": {"lab": {"lease": "1h", "here": {"directory": "{other}/lab"}}},
    "drills": {"proof": {"sets": ["docs"], "from": "off", "sandbox": "lab", "key": "file:{other}/media/off.key"}},
}


@dataclass
class Broken:
    """The machine; what a test changes in `policy` counts from the next call on."""

    root: Path
    other: Path
    restic: Path
    oldest: Path
    policy: dict[str, Any] = field(default_factory=dict)

    def build(self) -> None:
        """Make everything, run once, and prove the escrowed key."""
        self.mend_policy()
        (self.root / "data").mkdir(parents=True)
        (self.other / "media").mkdir(parents=True)
        (self.root / "data" / "film").write_bytes(os.urandom(2 << 20))
        for name in ("near", "off"):
            self.write(self.root / f"{name}.key", name)
        app = self.app()
        app.initialise()
        app.run()
        self.add_key("off", self.root / "off.key", self.other / "media" / "off.key")
        self.app().key_prove("off", str(self.other / "media" / "off.key"))
        for place in (self.root, self.other):
            shutil.copytree(place, self.pristine(place), symlinks=True)

    def pristine(self, place: Path) -> Path:
        return place.with_name(f"{place.name}.pristine")

    def mend(self) -> None:
        """Make everything as it was built."""
        self.mend_policy()
        for place in (self.root, self.other):
            shutil.rmtree(place)
            shutil.copytree(self.pristine(place), place, symlinks=True)

    def mend_policy(self) -> None:
        text = json.dumps(POLICY).replace("{root}", str(self.root)).replace("{other}", str(self.other))
        self.policy = json.loads(text)

    def write(self, path: Path, text: str) -> None:
        path.write_text(f"{text}\n")
        path.chmod(0o600)

    def add_key(self, repository: str, opens: Path, file: Path) -> None:
        """Let a second passphrase open a repository, quickly: restic's own makes each opening cost half a second."""
        (place,) = (self.at(repository) / "keys").iterdir()
        first = place.read_bytes()
        self.write(file, f"escrowed {repository}")
        make_cheap(self.at(repository), opens.read_text().strip(), becomes=f"escrowed {repository}")
        place.write_bytes(first)

    def at(self, repository: str) -> Path:
        return Path(self.policy["repositories"][repository]["restic"])

    @property
    def policy_file(self) -> Path:
        return self.root / "policy.yaml"

    def app(self) -> App:
        if not self.policy_file.exists() or self.policy_file.read_text() != json.dumps(self.policy):
            self.policy_file.write_text(json.dumps(self.policy))
        return open_policy(str(self.policy_file), state_directory=str(self.root / "state"), binary="restic")

    def doctor(self, *subjects: str) -> tuple[Finding, ...]:
        return self.app().doctor(subjects)

    def typed(self, command: str) -> None:
        """Type a command as it is printed."""
        self.app()
        words = shlex.split(command)
        if words[0] == "drtool":
            assert main(words[1:]) == 0, command
        else:
            subprocess.run(["sh", "-c", command], check=True, capture_output=True)


@dataclass(frozen=True)
class Case:
    """One way in which the set-up is broken: which question tells of it, in which words, and how its remedy is followed.

    `subjects` are what is asked about, to ask no more than that; `red` whether it is a fault, or a warning.
    """

    name: str
    question: str
    words: str
    breaks: Callable[[Broken], object]
    follow: Callable[[Broken, str], object]
    subjects: tuple[str, ...] = ()
    red: bool = False
    remedy: str = ""
    """Words that the remedy has."""


def as_printed(world: Broken, remedy: str) -> None:
    """The whole remedy is a command."""
    world.typed(remedy)
