"""What a timer that calls every few minutes does to a machine: the program, a real restic, and hooks that write down when they ran."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.rig.cheap_key import make_cheap

YEARLY = "0 3 1 1 *"


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
        argv = [sys.executable, "-m", "drtool.cli.main", *arguments, "--restic", str(self.root / "restic")]
        return subprocess.run(argv, env={**os.environ, **places}, capture_output=True, text=True, check=False)

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
            if isinstance(value, str) and value.startswith("20"):
                return (datetime.fromisoformat(value) - timedelta(minutes=minutes)).isoformat()
            return value

        for path in (self.root / "state" / "attempts.json", *(self.root / "state" / "runs").glob("*/journal.jsonl")):
            path.write_text("".join(f"{json.dumps(older(json.loads(line)))}\n" for line in path.read_text().splitlines()))


@pytest.fixture
def host(tmp_path: Path, home: Path, restic_newest: Path) -> Host:
    made = Host(tmp_path / "host", restic_newest)
    made.done("init")
    make_cheap(made.root / "near", "secret")
    return made


def test_a_good_run_is_done_once_and_idle_calls_leave_no_trace(host: Host) -> None:
    assert "succeeded" in host.done("run", "--due")
    assert host.log() == ["stop", "start"]
    history = host.done("history", "--json")
    for _call in range(2):
        host.idle()
    assert host.done("history", "--json") == history
    assert len(host.points()) == 1


def test_a_partial_point_uses_its_time_up(host: Host) -> None:
    """One file that nobody can read must not stop the service every five minutes until the end of the year."""
    deep = host.root / "data"
    here = Path.cwd()
    os.chdir(deep)
    try:
        for number in range(20):
            os.mkdir(name := f"{number:02d}" + "x" * 220)
            os.chdir(name)
        Path("deep").write_text("x")
    finally:
        os.chdir(here)
    assert host.call("run", "--due").returncode == 3
    for _call in range(2):
        host.idle()
    assert host.log() == ["stop", "start", "alarm"]
    assert len(host.points()) == 1
    checked = host.call("status", "--check")
    assert checked.returncode == 1, "an idle call that ended 0 heals nothing"
    subprocess.run(["find", str(deep), "-delete"], check=False)


def test_a_refusing_hook_uses_its_time_up_and_status_keeps_the_reason(host: Host) -> None:
    host.documents["before"] = [host.hook("stop", "echo the disk is loose >&2; exit 1")]
    assert host.call("run", "--due").returncode == 6
    for _call in range(2):
        host.idle()
    assert host.log() == ["stop", "start", "alarm"]
    checked = host.call("status", "--check")
    assert checked.returncode == 1
    assert "the last attempt at the backup of docs" in checked.stdout
    assert "the disk is loose" in checked.stdout


def test_a_hook_that_says_not_now_is_asked_again_after_five_and_ten_minutes(host: Host) -> None:
    host.documents["before"] = [host.hook("stop", "exit 75")]
    first = host.call("run", "--due")
    assert first.returncode == 75, first.stdout + first.stderr
    assert "says not now (exit code 75)" in first.stderr
    assert host.log() == ["stop", "start"], "nobody is alarmed because it is no time"
    host.idle()
    host.age(6)
    assert host.call("run", "--due").returncode == 75
    host.age(6)
    host.idle()
    host.age(6)
    host.documents["before"] = [host.hook("stop")]
    assert host.call("run", "--due").returncode == 0
    host.age(60)
    host.idle()


def test_a_repository_that_is_away_stops_no_service_and_is_tried_again(host: Host) -> None:
    host.done("run", "--due")
    (host.root / "near").rename(host.root / "away")
    host.policy["repositories"]["near"]["restic"] = "sftp:nobody@127.0.0.1:/nowhere"
    failed = host.call("run", "--due")
    assert failed.returncode not in (0, 2), failed.stderr
    assert host.log() == ["stop", "start", "alarm"], "the service was stopped for nothing"
    host.idle()
    host.age(6)
    assert host.call("run", "--due").returncode == failed.returncode


def test_a_run_that_was_killed_is_tidied_up_at_once_and_repeated_later(host: Host) -> None:
    host.documents["before"] = [host.hook("stop", "kill -9 $PPID; sleep 0.3")]
    assert host.call("run", "--due").returncode == -9
    assert host.log() == ["stop"]
    host.documents["before"] = [host.hook("stop")]
    assert host.call("run", "--due").returncode == 0
    assert host.log() == ["stop", "start"], "what was stopped is started again by the next call, and nothing else is done"
    host.idle()
    host.age(6)
    host.done("run", "--due")
    assert host.log() == ["stop", "start", "stop", "start"]
    host.idle()


def test_a_run_that_is_under_way_is_left_alone(host: Host) -> None:
    host.documents["before"] = [host.hook("stop", f"while [ ! -e {host.root}/gate ]; do sleep 0.1; done")]
    (host.root / "policy.yaml").write_text(json.dumps(host.policy))
    places = {"DRTOOL_POLICY": f"{host.root}/policy.yaml", "DRTOOL_STATE_DIR": f"{host.root}/state", "HOME": str(host.root)}
    argv = [sys.executable, "-m", "drtool.cli.main", "run", "--due", "--restic", str(host.root / "restic")]
    with subprocess.Popen(argv, env={**os.environ, **places}, stderr=subprocess.DEVNULL) as running:
        while not host.log():
            assert running.poll() is None
        host.idle()
        (host.root / "gate").touch()
        assert running.wait() == 0
    host.idle()


def test_lost_state_asks_the_repository_and_does_nothing_again(host: Host) -> None:
    host.policy["repositories"]["near"] |= {"prune": YEARLY, "verify": {"schedule": YEARLY}}
    host.done("run", "--due")
    host.done("drill", "--due")
    known = len(host.points())
    for _loss in range(2):
        host.forget()
        for verb in ("run", "drill"):
            asked = host.call(verb, "--due")
            assert (asked.returncode, asked.stdout, asked.stderr) == (0, "", "")
            host.idle(verb, "--due")
        assert list((host.root / "state" / "runs").iterdir()) == [], "nothing in history"
    assert len(host.points()) == known
    assert host.log() == ["stop", "start"]


def test_a_yearly_prune_is_remembered_however_many_runs_came_after_it(host: Host) -> None:
    host.policy["repositories"]["near"]["prune"] = YEARLY
    host.documents["schedule"] = "* * * * *"
    host.done("prune")
    host.done("run", "--due")
    shutil.rmtree(host.root / "state" / "runs")  # what a count had bounded away
    host.age(2)
    again = json.loads(host.call("run", "--due", "--json").stdout)
    assert {step["action"] for step in again["steps"]} >= {"seal"}
    assert "prune" not in {step["action"] for step in again["steps"]}


def test_drills_are_carried_out_by_their_own_call_and_named_in_their_evidence(host: Host) -> None:
    host.policy["drills"]["other"] = {"sets": ["docs"], "sandbox": "lab", "schedule": YEARLY}
    host.done("run")
    reports = host.root / "drill.json"
    assert "succeeded" in host.done("drill", "--due", "--report", f"json={reports}")
    assert sorted(path.name for path in host.root.glob("drill*.json")) == ["drill-other.json", "drill-proof.json"]
    host.idle("drill", "--due")
    host.idle("drill", "proof", "--due")
    listed = json.loads(host.done("evidence", "list", "--json"))
    assert {each["evidence"]["details"]["drill"] for each in listed["evidence"]} == {"proof", "other"}
    host.done("evidence", "verify")
    host.age(60 * 24 * 500)
    checked = host.call("status", "--check")
    assert checked.returncode == 1
    assert "the drill proof was due at" in checked.stdout
    assert "drtool drill --due" in checked.stdout
    assert "succeeded" in host.done("drill", "other", "--due")


def test_a_call_that_could_never_do_anything_ends_2(host: Host) -> None:
    del host.documents["schedule"]
    del host.policy["drills"]["proof"]["schedule"]
    for verb in ("run", "drill"):
        ended = host.call(verb, "--due")
        assert ended.returncode == 2, ended.stderr
        assert "schedule" in ended.stderr
        assert "exit 2" in ended.stderr
    assert host.log() == []


def test_sets_that_no_timer_runs_are_told(host: Host) -> None:
    photos = {**host.documents}
    del photos["schedule"]
    host.policy["sets"]["photos"] = photos
    assert "photos has no schedule: `drtool run --due` never takes it" in host.done("validate")
    assert "no schedule: photos" in host.call("status").stdout
    assert "only when you type `drtool run photos`" in host.done("explain", "photos")
    told = host.done("explain", "docs")
    assert "`drtool run --due`" in told
    assert "`drtool drill --due`" in told
    assert host.call("run", "photos", "--due").returncode == 2
