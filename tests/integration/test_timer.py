"""What a timer that calls every few minutes does to a machine: the program, a real restic, and hooks that write down when they ran."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.cheap_key import make_cheap
from tests.rig.timed_host import YEARLY, Host


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
