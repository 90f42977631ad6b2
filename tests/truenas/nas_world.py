"""A NAS, a repository, a policy that protects one by the other, and drtools of their own processes that things happen to."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import drtool
from drtool.cli import exits
from drtool.engine.adapters import Adapters
from drtool.model.codec import decode
from drtool.model.inventory import Listing
from drtool.model.report import Report
from drtool.sources.truenas.api.client import ApiClient
from drtool.sources.truenas.datasets.dataset import find_dataset, read_datasets
from drtool.sources.truenas.land.create import create_dataset
from tests.faults.fault_world import Ended, Specification, copy, remove
from tests.faults.forge import Forge
from tests.rig.opened import runtime_of
from tests.rig.truenas_lab import Lab

BY = "circle"
NAMES = {"run": ["documents"], "restore": ["documents"], "drill": ["proof"], "sweep": []}
VERBS = ("run", "restore", "drill")
CHANGED = ("create", "delete", "clone", "update", "rename", "promote", "hold", "release", "rollback")


@dataclass(frozen=True)
class Point:
    """A moment to die at: a key of the specification, its number, what happened then, and what the world looked like."""

    key: str
    number: int
    words: str
    signature: str


class NasWorld:
    """Everything below one directory. `tank/documents` is protected, `letters` below it is not, if there is such a `child`.

    What the NAS and this host hold before a verb is what they hold after it.
    """

    def __init__(self, lab: Lab, binary: Path, root: Path, *, child: bool = True) -> None:
        self.lab, self.root = lab, root
        self.child = child
        self.real_binary = binary
        self.pool = lab.started.pool
        self.dataset = f"{self.pool}/documents"
        self.data = lab.root / self.pool / "documents"
        self.near = root / "near"
        self.state = root / "state"
        self.policy_file = root / "policy.yaml"
        self.certificate = root / "certificate.pem"
        self.key_file = root / "near.key"
        self.action = root / "action"
        self.binary = root / "restic"
        self._saved = root / "saved"
        self._ledger = Path(lab.started.directory) / "calls.jsonl"
        self._calls = 0
        self._told = 0
        self._dirty = False
        self._adapters: Adapters | None = None
        self._forge = Forge("tests.truenas.forge")
        self._keeper = lab.source(by=BY)

    # making

    def make(self) -> None:
        """Make tree, repository and two points, and keep them."""
        for folder in ("home", "cache", "saved"):
            (self.root / folder).mkdir(parents=True)
        (self.data / "folder").mkdir()
        (self.data / "folder" / "letter").write_bytes(b"dear\n" * 2000)
        (self.data / "one more").write_bytes(os.urandom(3000))
        self.trust()
        self.key_file.write_text("near-pass-word\n")
        self.key_file.chmod(0o600)
        self.binary.write_text(f"#!/bin/sh\n[ ! -e '{self.action}' ] || . '{self.action}'\nexec '{self.real_binary}' \"$@\"\n")
        self.binary.chmod(0o755)
        self.write_policy()
        create_dataset(self.client, f"{self.pool}/drill", {})
        if not self.child:
            self.client.change("pool.dataset.delete", f"{self.dataset}/letters", {}, look=lambda: False)
        assert self.drtool("initialise").outcome == "succeeded"
        for _number in range(2):
            self.must("run")
        self.before = self.content()
        assert len(self.points()) == 2
        copy(self.near, self._saved / "near")
        copy(self.state, self._saved / "state")

    def close(self) -> None:
        self._keeper.close()
        self._forge.close()

    def policy(self, *, lease: str = "1h", **nas: object) -> dict[str, Any]:
        key = {"user": "drtool", "key": f"file:{self.lab.started.worker_key_file}", "ca": str(self.certificate)}
        settings = {"url": self.lab.started.url, **key, "mounts": str(self.lab.mounts), **nas}
        protect = {"dataset": self.dataset, "recursive": True, "exclude": [f"{self.dataset}/letters"]}
        return {
            "drtool": 1,
            "name": BY,
            "site": "home",
            "repositories": {"near": {"restic": str(self.near), "password": f"file:{self.key_file}", "timeout": "5s"}},
            "sources": {"nas": {"truenas": settings}},
            "sets": {"documents": {"protect": [{"nas": protect}], "to": "near", "keep": {"last": 2}}},
            "sandboxes": {"lab": {"lease": lease, "nas": {"dataset": f"{self.pool}/drill"}}},
            "drills": {"proof": {"sets": ["documents"], "from": "near", "sandbox": "lab"}},
        }

    def write_policy(self, policy: dict[str, Any] | None = None) -> None:
        self.policy_file.write_text(json.dumps(policy or self.policy()))

    # calling

    def drtool(self, verb: str, *names: str, **keys: Any) -> Ended:  # noqa: ANN401
        """Run a drtool to its end."""
        self._calls += 1
        self._told = self._ledger.stat().st_size if self._ledger.exists() else 0
        specification = Specification(self.root / f"call{self._calls}")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root / "home"),
            "XDG_CACHE_HOME": str(self.root / "cache"),
            "LC_ALL": "C.UTF-8",
        }
        words = {
            "policy": str(self.policy_file),
            "state": str(self.state),
            "binary": str(self.binary),
            "answer": str(specification.answer),
            "output": str(specification.output),
            "environment": environment,
            "directory": str(self.root),
            "mounts": str(self.lab.mounts),
            "verb": verb,
            "names": list(names) or NAMES.get(verb, []),
            **keys,
        }
        specification.path.write_text(json.dumps(words))
        started = time.monotonic()
        code = self._forge.carry_out(specification.path)
        return specification.ended(code, time.monotonic() - started)

    def must(self, verb: str, *names: str, **keys: Any) -> Ended:  # noqa: ANN401
        ended = self.drtool(verb, *names, **keys)
        assert ended.outcome == "succeeded", f"{ended.explain()} {answers_of(ended)}"
        return ended

    # looking

    @property
    def client(self) -> ApiClient:
        """Somebody else who asks the NAS."""
        return self._keeper.client

    def calls(self) -> list[dict[str, Any]]:
        """What the last drtool asked the NAS, as it came."""
        with self._ledger.open("rb") as stream:
            stream.seek(self._told)
            return [json.loads(line) for line in stream]

    def ran(self, verb: str) -> list[dict[str, Any]]:
        """Carry a verb out, and return what it asked the NAS."""
        self.must(verb)
        return self.calls()

    def made(self) -> list[str]:
        """What the last drtool had the NAS make, each as often as it was made; a share is another one after shares were removed."""
        found, removed = [], 0
        for call in self.calls():
            if call["user"] != "drtool" or call["outcome"] not in ("done", "cut_after"):
                continue
            verb = call["method"].rpartition(".")[2]
            removed += call["method"] == "sharing.nfs.delete"
            if verb in ("create", "clone"):
                about: dict[str, Any] = call["params"][0]
                place = about.get("dataset_dst") or about.get("name") or f"{about['path']} {removed}"
                found.append(f"{call['method']} {place} {about.get('dataset', '')}")
        return found

    def content(self) -> dict[str, bytes]:
        """What is in service: every file of the dataset."""
        paths = (path for path in sorted(self.data.rglob("*")) if path.is_file() and path.parent.name != "letters")
        return {str(path.relative_to(self.data)): path.read_bytes() for path in paths}

    def listing(self) -> Listing:
        """What is ours in the repository."""
        if self._adapters is None:
            app = drtool.open_policy(str(self.policy_file), state_directory=str(self.state), binary=str(self.real_binary))
            self._adapters = runtime_of(app, self.real_binary).adapters
        return self._adapters.repositories["near"].list()

    def points(self) -> dict[str, bool]:
        """The sealed points and whether each is complete."""
        return {point.point: point.complete for point in self.listing().points}

    def left(self) -> list[str]:
        """Everything on the NAS and on this host that was not there before drtool came."""
        found = self.foreign()
        found += [f"share {row['path']} {row['comment']}" for row in self.client.read("sharing.nfs.query")]
        rows = self.client.read("pool.snapshot.query", [], {"extra": {"holds": True}})
        found += [f"snapshot {row['name']} {row.get('holds') or ''}" for row in rows]
        found += [line.split(" ")[4] for line in Path("/proc/self/mountinfo").read_text().splitlines() if f" {self.lab.mounts}/" in line]
        return found + [str(path) for path in self.lab.mounts.rglob("*") if path.is_file()]

    def foreign(self) -> list[str]:
        """The datasets that were not there before; the place for sandboxes stays."""
        before = (self.pool, self.dataset, f"{self.dataset}/letters", f"{self.pool}/drill")
        return [item.id for item in read_datasets(self.client) if item.id not in before]

    def kept(self) -> list[str]:
        """What a restore kept aside."""
        return [item for item in self.foreign() if item.startswith(f"{self.dataset}.before-")]

    # afterwards

    def reset(self) -> None:
        """Put repository and memory back to how they were; the NAS is clean already."""
        self.lab.faults()
        self.action.unlink(missing_ok=True)
        self.write_policy()
        remove(self.near)
        copy(self._saved / "near", self.near)
        remove(self.state)
        copy(self._saved / "state", self.state)

    def damage(self) -> None:
        """Give a restore something to replace."""
        (self.data / "folder" / "letter").write_bytes(b"damaged")
        (self.data / "written after the backup").write_text("old")

    def _repair(self) -> None:
        """See that what is in service is as it was."""
        (self.data / "written after the backup").unlink(missing_ok=True)
        for name in (self.dataset, f"{self.dataset}/letters") if self.child else ():
            if find_dataset(self.client, name) is None:
                place = self.lab.root / name
                if place.exists():
                    place.rmdir()
                create_dataset(self.client, name, {})
        if self.child:
            (self.data / "letters" / "read-me").write_text("This lies in tank/documents/letters.\n")
        (self.data / "folder").mkdir(exist_ok=True)
        for path, body in self.before.items():
            if not (self.data / path).exists() or (self.data / path).read_bytes() != body:
                (self.data / path).write_bytes(body)

    @property
    def damaged(self) -> dict[str, bytes]:
        return {**self.before, "folder/letter": b"damaged", "written after the backup": b"old"}

    def prepare(self, verb: str) -> None:
        """Bring the world to where this verb has something to do."""
        if self._dirty:
            self.clear()
        self._dirty = True
        self.reset()
        if verb == "restore":
            self.damage()

    def act(self, text: str) -> None:
        """Let shell text be carried out when restic moves data: `$MOUNTED` is where."""
        where = f"$(grep -o '{self.lab.mounts}/[^ ]*' /proc/self/mountinfo | grep -v /letters$ | tail -n 1)"
        data = '*role=manifest* | *role=hold* | *role=evidence*) ;; *" backup "* | *" restore "*)'
        self.action.write_text(f'case " $* " in {data}\nMOUNTED={where}\n{text}\n;; esac\n')

    def ask_as_administrator(self, method: str, *params: Any) -> Any:  # noqa: ANN401
        """Let somebody with all rights do something on the NAS, in whose names patterns stand for what they match."""
        self.lab.faults({"method": "core.ping", "kind": "meanwhile", "asks": [[method, *params]]})
        self.client.read("core.ping")
        self.lab.faults()

    def end_tasks(self) -> None:
        """Let somebody remove every periodic task."""
        for task in self.client.read("pool.snapshottask.query"):
            self.ask_as_administrator("pool.snapshottask.delete", task["id"])

    def renew_key(self) -> None:
        """Let somebody make another API key, and write it where the policy finds it."""
        asking = self.lab.source(by=BY, administrator=True)
        made = asking.client.change("api_key.create", {"name": "another", "username": "drtool"}, look=lambda: False)
        Path(self.lab.started.worker_key_file).write_text(f"{made['key']}\n")
        asking.close()
        self._keeper.close()

    def trust(self) -> None:
        """Trust the certificate that the NAS shows now."""
        shutil.copy(self.lab.started.certificate, self.certificate)
        self._keeper.close()

    def settle(self, verb: str, *, recover: str = "sweep", strict: bool = True) -> None:
        """Let the next run or sweep tidy up, and ask for what must be true then; the world is as before afterwards.

        Not `strict` where somebody else replaced what is in service.
        """
        self.lab.faults()
        self.action.unlink(missing_ok=True)
        self.write_policy()
        again = self.drtool(recover)
        assert again.outcome == "succeeded", f"{recover} after it: {again.explain()}"
        kept = self.kept()
        content = self.content()
        if verb == "restore":
            assert content in (self.damaged, self.before), f"neither the old nor the new is in service: {content.keys()}"
            assert not strict or len(kept) == (content == self.before), f"kept aside: {kept}"
        else:
            assert content == self.before
            assert kept == []
        strict = strict and self.child
        assert not strict or (self.data / "letters" / "read-me").exists()
        assert not strict or {self.dataset, f"{self.dataset}/letters"} <= {item.id for item in read_datasets(self.client)}
        if kept:
            aside = self.lab.root / kept[0]
            assert (aside / "folder" / "letter").read_bytes() == b"damaged"
            last = self.drtool("sweep", kept=True)
            assert last.outcome == "succeeded", last.explain()
        left = self.left()
        assert left == [], f"after {recover}: {left}"
        listing = self.listing()
        assert listing.unsealed == ()
        assert all(point.complete for point in listing.points), "a partial point was sealed"
        self._repair()
        self._dirty = False

    def wait_until_idle(self) -> None:
        """Wait until the NAS has done what it was asked for: it works on one thing after the other."""
        time.sleep(0.6)
        self.client.read("pool.dataset.query", [["id", "=", self.pool]])

    def clear(self) -> None:
        """After a failure, remove what is left by hand, so that the next moment is judged by itself."""
        for _round in range(3):
            self.drtool("sweep", kept=True)
        self.reset()
        self._repair()

    def moments(self, verb: str) -> list[Point]:
        """Carry a verb out undisturbed, and return the moments of it that differ from each other in what a death would leave."""
        self.prepare(verb)
        note = self.root / "note"
        note.unlink(missing_ok=True)
        roots = [str(self.near), str(self.lab.mounts)]
        ended = self.must(verb, note=str(note), roots=roots)
        assert ended.report is not None
        points = [
            Point(key, number, words, json.dumps(signature))
            for key, number, words, signature in map(json.loads, note.read_text().splitlines())
        ]
        self.every = len(points)
        self.settle(verb)
        chosen: dict[str, Point] = {}
        for point in points:
            chosen.setdefault(point.signature, point)
        return list(chosen.values())


def code_of(ended: Ended) -> int:
    """Return the exit code that the program would have ended with."""
    if ended.error is not None:
        return exits.of_kind(str(ended.error["kind"]))
    assert ended.report is not None
    return exits.of_report(decode(Report, ended.report))


def answers_of(ended: Ended) -> list[Any]:
    """Return what the checks said."""
    steps = ended.report["steps"] if ended.report is not None else []
    return [step["result"] for step in steps if (step["result"] or {}).get("kind") in ("answer", "asked")]


def words_of(ended: Ended) -> str:
    """Return everything that a person would be told of what failed."""
    if ended.error is not None:
        return json.dumps(ended.error)
    assert ended.report is not None
    failures = [*ended.report["failures"], *(step["failure"] for step in ended.report["steps"] if step["failure"])]
    return json.dumps([*failures, *ended.report["skipped"]], ensure_ascii=False)


def fresh(directory: Path) -> Path:
    """Return a directory that is empty."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory
