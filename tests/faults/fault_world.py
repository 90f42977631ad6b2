"""A small world to break: a tree, a stream, two repositories, hooks that tell, a sandbox, and a drtool in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import drtool
from drtool import process
from drtool.app.facade import App
from drtool.engine.adapters import Adapters
from drtool.model.inventory import Listing
from tests.faults.forge import Forge
from tests.rig.cheap_key import make_cheap
from tests.rig.opened import runtime_of
from tests.rig.tree import assert_same, make_tree

REPOSITORY_ROOT = Path(__file__).resolve().parents[2]
STAGING = Path("/var/tmp")
PASSWORDS = {"near": "near-pass-word", "offsite": "offsite-pass-word"}


@dataclass(frozen=True)
class Ended:
    """How a drtool ended: exit code of its process (negative: the signal), its report or error, and what was heard."""

    code: int
    words: str
    seconds: float
    report: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    heard: list[list[str]] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        if self.error is not None:
            return str(self.error["kind"])
        return str(self.report["outcome"]) if self.report is not None else f"died {self.code}"

    def explain(self) -> str:
        told = self.error if self.report is None else [self.report["failures"], self.report["skipped"], self.report["sets"]]
        return f"{self.outcome}: {json.dumps(told, indent=1)}\n{self.words[-3000:]}"


class World:
    """Everything below one directory; `save` and `load` put it back to how it was, at the same paths."""

    def __init__(self, root: Path, binary: Path, *, name: str) -> None:
        self.root, self.binary, self.name = root, binary, name
        self.data = root / "data"
        self.tree = self.data / "documents"
        self.table = root / "table"
        self.log = root / "hooks.log"
        self.lab = root / "lab"
        self.state = root / "state"
        self.temporary = root / "temporary"
        self.policy_file = root / "policy.yaml"
        self.policy: dict[str, Any] = self._policy()
        self._saved = root.with_name(root.name + ".saved")
        self._original = root.with_name(root.name + ".original")
        self._calls = 0
        self._eye: Adapters | None = None
        self._forge = Forge()

    def _policy(self) -> dict[str, Any]:
        def hook(word: str) -> dict[str, Any]:
            return {"run": ["sh", "-c", f'echo "{word} $DRTOOL_RUN" >> {self.log}'], "on": "here", "timeout": "20s"}

        return {
            "drtool": 1,
            "name": self.name,
            "site": "home",
            "repositories": {
                name: {
                    "restic": str(self.root / name),
                    "password": f"file:{self.root / name}.key",
                    "site": site,
                    "timeout": "5s",
                }
                for name, site in (("near", "home"), ("offsite", "cloud"))
            },
            "sources": {
                "here": {"files": {}},
                "table": {
                    "stream": {"command": ["cat", str(self.table)], "restore": ["sh", "-c", f"cat > {self.root}/table.restored"]},
                },
            },
            "sets": {
                "documents": {
                    "protect": [{"here": {"paths": [str(self.tree)]}}, {"table": {}}],
                    "to": "near",
                    "copies": ["offsite"],
                    "keep": {"last": 2},
                    "before": [hook("before")],
                    "after": [hook("after")],
                    "on_failure": [hook("on_failure")],
                }
            },
            "sandboxes": {"lab": {"lease": "1h", "here": {"directory": str(self.lab)}, "table": {"directory": str(self.lab)}}},
            "drills": {"proof": {"sets": ["documents"], "from": "offsite", "sandbox": "lab"}},
        }

    def write_policy(self, policy: dict[str, Any] | None = None) -> None:
        self._eye = None
        self.policy_file.write_text(json.dumps(policy or self.policy))

    def make(self, *, points: int = 0) -> None:
        """Make the tree, the repositories and so many points."""
        self.root.mkdir(parents=True)
        for folder in (self.data, self.lab, self.temporary, self.root / "home", self.root / "cache"):
            folder.mkdir()
        make_tree(self.tree, files=6)
        self.table.write_bytes(b"a row of the table\n" * 5000)
        self.log.touch()
        self.write_policy()
        for name, password in PASSWORDS.items():
            (self.root / f"{name}.key").write_text(password + "\n")
            (self.root / f"{name}.key").chmod(0o600)
        ended = self.drtool("initialise")
        assert ended.outcome == "succeeded", ended.explain()
        for name, password in PASSWORDS.items():
            make_cheap(self.root / name, password)
        shutil.rmtree(self._original, ignore_errors=True)
        copy(self.tree, self._original)
        for _number in range(points):
            self.must("run")

    @property
    def original(self) -> Path:
        """The tree as it was when the points were made, outside of the world."""
        return self._original

    def save(self) -> None:
        self.save_as(self._saved)

    def load(self) -> None:
        self.load_from(self._saved)

    def save_as(self, path: Path) -> None:
        remove(path)
        copy(self.root, path)

    def end_orphans(self) -> None:
        """End what a killed call left at work in this world: it would go on writing into the next one."""
        until = time.monotonic() + 10
        while time.monotonic() < until and (orphans := [pid for pid in _labelled() if os.fsencode(self.root) in _environment_of(pid)]):
            for pid in orphans:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)

    def load_from(self, path: Path) -> None:
        self.end_orphans()
        for left in self.own_staging():
            remove(left)
        remove(self.root)
        copy(path, self.root)

    def close(self) -> None:
        self._forge.close()
        for path in (*self.own_staging(), self.root, self._saved, self._original):
            remove(path)

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.temporary),
            "XDG_CACHE_HOME": str(self.root / "cache"),
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": str(REPOSITORY_ROOT),
            "PYTHONUTF8": "1",
        }

    def _specify(self, verb: str, *names: str, state: Path | None = None, **keys: Any) -> Specification:  # noqa: ANN401
        self._calls += 1
        made = Specification(self.root.with_name(f"{self.root.name}.call{self._calls}"))
        words = {
            "policy": str(self.policy_file),
            "state": str(state or self.state),
            "binary": str(self.binary),
            "environment": self.environment(),
            "directory": str(self.root.parent),
            "answer": str(made.answer),
            "output": str(made.output),
            "seconds": 120,
            "verb": verb,
            "names": list(names),
            **keys,
        }
        made.path.write_text(json.dumps(words))
        return made

    def start(self, verb: str, *names: str, state: Path | None = None, **keys: Any) -> Running:  # noqa: ANN401
        """Start a drtool in a process of its own, beside whatever runs."""
        specification = self._specify(verb, *names, state=state, **keys)
        with specification.output.open("wb") as output:
            child = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.driver", str(specification.path)],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.root.parent,
            )
        return Running(child, specification, time.monotonic())

    def drtool(self, verb: str, *names: str, state: Path | None = None, **keys: Any) -> Ended:  # noqa: ANN401
        """Run a drtool to its end."""
        specification = self._specify(verb, *names, state=state, **keys)
        started = time.monotonic()
        code = self._forge.carry_out(specification.path)
        return specification.ended(code, time.monotonic() - started)

    def must(self, verb: str, *names: str, **keys: Any) -> Ended:  # noqa: ANN401
        ended = self.drtool(verb, *names, **keys)
        assert ended.outcome == "succeeded", ended.explain()
        return ended

    def app(self, state: Path | None = None) -> App:
        return drtool.open_policy(str(self.policy_file), state_directory=str(state or self.state), binary=str(self.binary))

    def restic(self, repository: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Call restic without drtool."""
        environment = {**self.environment(), "RESTIC_PASSWORD": PASSWORDS[repository]}
        argv = [str(self.binary), "-r", str(self.root / repository), "--no-cache", *arguments]
        return subprocess.run(argv, env=environment, capture_output=True, check=check)

    def own_staging(self) -> list[Path]:
        """What lies in the place where streams wait, labelled with our name."""
        wanted = json.dumps(self.name).encode()
        return [path for path in STAGING.glob(".drtool-*") for label in labels(path) if wanted in label]

    # what must be true after the dust has settled

    def assert_settled(self) -> dict[str, list[str]]:
        """Nothing of a dead run is left: processes, staging, sandboxes, unsealed data, locks that block, hooks that are owed.

        Returns the points of each repository, oldest first.
        """
        runs = [path.name for path in (self.state / "runs").iterdir()] if (self.state / "runs").exists() else []
        alive = [found for run in runs for found in process.find_labelled(run)]
        assert not alive, f"still running: {alive}"
        assert [path.name for path in self.data.iterdir() if path.name.startswith(".drtool-")] == []
        assert list(self.lab.iterdir()) == []
        assert list(self.temporary.glob("drtool-*")) == []  # a killed restic may leave its own
        assert self.own_staging() == []
        words = [line.split() for line in self.log.read_text().splitlines()]
        before, after = ({run for word, run in words if word == wanted} for wanted in ("before", "after"))
        assert before <= after, f"these hooks are owed still: {before - after}"
        listings = {name: self._listing(name) for name in PASSWORDS}
        for name, listing in listings.items():
            unsealed = [f"{item.workload} of point {item.point}, run {item.run}" for item in listing.unsealed]
            assert not unsealed, f"{name} holds what was never sealed: {unsealed}"
        if any(any((self.root / name / "locks").iterdir()) for name in PASSWORDS):
            self.must("prune")
        return {name: oldest_first(listing) for name, listing in listings.items()}

    def points(self, repository: str) -> list[str]:
        return oldest_first(self._listing(repository))

    def _listing(self, repository: str) -> Listing:
        if self._eye is None:
            self._eye = self.adapters()
        return self._eye.repositories[repository].list()

    def adapters(self) -> Adapters:
        """Fresh ones, as a verb would have them."""
        return runtime_of(self.app(), self.binary).adapters

    def assert_restorable(self, repository: str, point: str) -> None:
        """A point comes back byte by byte, to another directory."""
        there = self.root / f"there-{point}-{repository}"
        destination = {"form": "directory", "path": str(there)}
        self.must("restore", "documents", destination=destination, point=point, repositories=[repository])
        assert_same(self.original, there / "here" / str(self.tree).lstrip("/"))
        assert (there / "table" / "table").read_bytes() == self.table.read_bytes()
        remove(there)

    def assert_sound(self, repository: str) -> None:
        done = self.restic(repository, "check", check=False)
        assert done.returncode == 0, (done.stdout + done.stderr).decode()


@dataclass(frozen=True)
class Specification:
    """What a drtool is told, and the files beside it that take its answer and its words."""

    path: Path

    @property
    def answer(self) -> Path:
        return self.path.with_name(f"{self.path.name}.answer")

    @property
    def output(self) -> Path:
        return self.path.with_name(f"{self.path.name}.output")

    def ended(self, code: int, seconds: float) -> Ended:
        """Read how it ended, and remove the files."""
        said: dict[str, Any] = json.loads(self.answer.read_text()) if self.answer.exists() else {}
        words = self.output.read_text(errors="replace") if self.output.exists() else ""
        for path in (self.path, self.answer, self.output):
            path.unlink(missing_ok=True)
        return Ended(code, words, seconds, report=said.get("report"), error=said.get("error"), heard=said.get("heard", []))


@dataclass(frozen=True)
class Running:
    """A drtool that runs."""

    child: subprocess.Popen[bytes]
    specification: Specification
    started: float

    def wait(self, seconds: float = 120) -> Ended:
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        return self.specification.ended(self.child.returncode, time.monotonic() - self.started)


def oldest_first(listing: Listing) -> list[str]:
    return [point.point for point in sorted(listing.points, key=lambda each: each.instant)]


def labels(path: Path) -> Iterator[bytes]:
    for each in (path, path.with_name(path.name + ".json")):
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):  # others wait there too, and go at any moment
            yield each.read_bytes()


def _labelled() -> list[int]:
    """Every process that drtool started and that is not over."""
    pids = (int(path.name) for path in Path("/proc").glob("[0-9]*"))
    return [pid for pid in pids if b"DRTOOL_LABEL=" in _environment_of(pid)]


def _environment_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()  # empty of one that is over
    except OSError:
        return b""


def copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "-a", "--", str(source), str(target)], check=True)


def remove(path: Path) -> None:
    subprocess.run(["rm", "-rf", "--", str(path)], check=True)
