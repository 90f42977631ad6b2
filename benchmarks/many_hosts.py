"""One machine among many that share a repository: its tree, its policy, its calls of drtool, some of them killed."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KEEP = 4
CHANGED = 0.5
"""So many files of a tree change from one run to the next."""
LOCKED = 11
SHARED_SET = "documents"
VERBS = ("run", "run", "run", "run", "prune", "verify", "drill", "copy")
"""What a host does, by chance: backups most of all."""
_MOST_TRIES = 40
_LEASE_SECONDS = 3600


@dataclass(frozen=True)
class Sealed:
    """A point as bare restic lists it: whose, of what, when, and where its manifest and its data lie."""

    machine: str
    set: str
    point: str
    instant: str
    manifest: str
    data: tuple[str, ...]


@dataclass
class Repository:
    """What bare restic says of the repository: the judge, which knows nothing of drtool's listing."""

    path: Path
    key: Path
    restic: str
    home: Path

    def call(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run restic without taking a lock."""
        places = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "RESTIC_PASSWORD_FILE": str(self.key),
            "RESTIC_REPOSITORY": str(self.path),
        }
        return subprocess.run([self.restic, "--no-lock", "--no-cache", *words], env=places, capture_output=True, text=True, check=False)

    def rows(self) -> list[dict[str, Any]]:
        """Return what restic lists; another host may forget something between its reading of names and of contents."""
        for _ in range(_MOST_TRIES):
            done = self.call("snapshots", "--json")
            if done.returncode == 0:
                found: list[dict[str, Any]] = json.loads(done.stdout)
                return found
            time.sleep(0.2)
        raise RuntimeError(f"restic does not list: {done.stderr}")

    def sealed(self) -> dict[str, Sealed]:
        """Return every point that has a manifest, with the data that bears its name."""
        rows = [(row, dict(tag.partition("=")[::2] for tag in row.get("tags") or ())) for row in self.rows()]
        data: dict[str, list[str]] = {}
        for row, tags in rows:
            if tags.get("role") == "data":
                data.setdefault(tags["point"], []).append(row["id"])
        return {
            tags["point"]: Sealed(
                tags["machine"], tags["set"], tags["point"], tags.get("instant", row["time"]), row["id"], tuple(data.get(tags["point"], ()))
            )
            for row, tags in rows
            if tags.get("role") == "manifest"
        }


@dataclass
class Host:
    """A machine of its own: state directory, policy, sets, tree."""

    number: int
    name: str
    root: Path
    repository: Repository
    chance: random.Random
    codes: Counter[tuple[str, str]] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    waited: int = 0
    kills: int = 0
    seen: dict[str, Sealed] = field(default_factory=dict)
    stored: dict[str, dict[str, str]] = field(default_factory=dict)
    """What the tree held when a point was made, by point: SHA-256 by path."""

    read: set[str] = field(default_factory=set)
    """Points that were there when this host read everything or drilled: the newest verified ones stay beside what `keep` counts."""

    def __post_init__(self) -> None:
        for name in self.sets:
            (self.tree / name).mkdir(parents=True)
        self.policy = self.root / "policy.yaml"
        body = {
            "drtool": 1,
            "name": self.name,
            "repositories": {"shared": {"restic": str(self.repository.path), "password": f"file:{self.repository.key}"}},
            "sources": {"here": {"files": {}}},
            "defaults": {"to": "shared", "keep": {"last": KEEP}, "quarantine": {"points_per_day": 100_000}},
            "sets": {name: {"protect": [{"here": {"paths": [str(self.tree / name)]}}]} for name in self.sets},
            "sandboxes": {"lab": {"lease": f"{_LEASE_SECONDS}s", "here": {"directory": str(self.root / "lab")}}},
            "drills": {"proof": {"sets": list(self.sets), "sandbox": "lab"}},
        }
        self.policy.write_text(json.dumps(body))  # JSON is YAML
        self.grow()

    @property
    def tree(self) -> Path:
        return self.root / "tree"

    @property
    def sets(self) -> tuple[str, str]:
        return (SHARED_SET, f"own-{self.number}")

    @property
    def machine(self) -> str:
        """The id that this state directory has."""
        return (self.root / "state" / "machine").read_text().split()[0]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "PYTHONPATH": str(ROOT),
            "DRTOOL_STATE_DIR": str(self.root / "state"),
            "XDG_CACHE_HOME": str(self.root / "cache"),
        }

    def grow(self) -> None:
        """Change some of what the sets hold, so that points differ and forgetting leaves something to prune."""
        for name in self.sets:
            for each in range(12):
                if self.chance.random() < CHANGED or not (self.tree / name / f"file {each}").exists():
                    (self.tree / name / f"file {each}").write_bytes(self.chance.randbytes(self.chance.randrange(1_000, 60_000)))

    def contents(self) -> dict[str, str]:
        """Return what the tree holds: SHA-256 by path."""
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(self.tree.rglob("*")) if path.is_file()}

    def start(self, *words: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "drtool.cli.main", "--policy", str(self.policy), "--restic", self.repository.restic, *words]
        return subprocess.Popen(argv, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.root)

    def call(self, *words: str, kill_after: float | None = None) -> tuple[int, str]:
        """Run drtool to its end, or to its death by SIGKILL after so many seconds."""
        child = self.start(*words)
        try:
            output, _ = child.communicate(timeout=kill_after)
        except subprocess.TimeoutExpired:
            child.kill()  # its children live on as orphans, as they would
            output = ""
            child.wait()
            assert child.stdout is not None
            child.stdout.close()
        return child.returncode, output

    def insist(self, *words: str) -> str:
        """Call until no lock is in the way; another end than success is an error that is told at the end."""
        verb = words[0]
        for _ in range(_MOST_TRIES):
            code, output = self.call(*words)
            if code != LOCKED:
                break
            self.waited += 1
            self.codes[verb, "11, tried again"] += 1
            time.sleep(self.chance.uniform(0.1, 1.0))
        self.codes[verb, str(code)] += 1
        if code:
            self.errors.append(f"host {self.number}: drtool {' '.join(words)} ended with {code}:\n{output[-3000:]}")
        return output

    def turn(self, *, kill_within: float) -> None:
        """Do one thing; `kill_within` seconds it is killed, 0: not. What was sealed meanwhile is noted."""
        verb = self.chance.choice(VERBS)
        if verb == "run":
            self.grow()
        words = (verb, "proof") if verb == "drill" else (verb,)
        if kill_within:
            code, output = self.call(*words, kill_after=self.chance.uniform(0.3, kill_within))
            died = code == -signal.SIGKILL
            self.kills += died
            self.codes[verb, "killed" if died else str(code) if code != LOCKED else "11, tried again"] += 1
            if code not in (0, LOCKED, -signal.SIGKILL):
                self.errors.append(f"host {self.number}: drtool {' '.join(words)} ended with {code}:\n{output[-3000:]}")
            self.note()
        if not kill_within or code == LOCKED:
            self.insist(*words)
            self.note()
        if verb in ("verify", "drill"):
            self.read |= self.left(self.repository.sealed())

    def left(self, there: dict[str, Sealed]) -> set[str]:
        """Return what is there of this machine."""
        return {name for name, point in there.items() if point.machine == self.machine}

    def note(self) -> None:
        """Write down what of this machine is sealed that was not before: only its own runs seal and forget it."""
        contents = self.contents()
        for name, point in self.repository.sealed().items():
            if point.machine == self.machine and name not in self.seen:
                self.seen[name] = point
                self.stored[name] = contents

    def expected(self) -> set[str]:
        """Return what `keep` has to leave, counted without drtool: the newest of each set among everything that was ever sealed."""
        kept: set[str] = set()
        for name in self.sets:
            own = sorted((each.instant, each.point) for each in self.seen.values() if each.set == name)
            kept |= {point for _instant, point in own[-KEEP:]}
        return kept
