"""What only protects waits while the machine runs on battery, by a real NUT server; a way back never waits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drtool.app.kinds import KINDS
from drtool.engine.power import PowerState, ask_ups, stopped_on_battery
from drtool.model.errors import Interrupted, PolicyError
from drtool.policy.load import load
from drtool.process import Interrupt, Scope, scope
from drtool.runners.local import LocalRunner
from tests.rig.cheap_key import make_cheap
from tests.rig.program import begun
from tests.rig.ups import Ups

ROOT = Path(__file__).parents[2]
ON_BATTERY = "OB DISCHRG LB"

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def ups() -> Iterator[Ups]:
    with Ups() as started:
        yield started


def until_it_says(ups: Ups, status: str) -> None:
    ups.says(status)
    while ups.status() != status:
        time.sleep(0.1)


class Host:
    """A policy with a UPS, of a folder and a repository here."""

    def __init__(self, directory: Path, restic: Path, ups: str) -> None:
        self.directory, self.restic = directory, restic
        (directory / "data").mkdir()
        (directory / "data" / "file").write_bytes(os.urandom(8 << 20))
        (directory / "key").write_text("secret\n")
        (directory / "key").chmod(0o600)
        self.body: dict[str, Any] = {
            "drtool": 1,
            "name": "home",
            "repositories": {"near": {"restic": str(directory / "near"), "password": f"file:{directory}/key"}},
            "sources": {"here": {"files": {}}},
            "sets": {
                "docs": {
                    "protect": [{"here": {"paths": [str(directory / "data")]}}],
                    "to": "near",
                    "keep": {"last": 3},
                    "schedule": "0 0 29 2 *",
                }
            },
            "sandboxes": {"lab": {"lease": "2h", "here": {"directory": str(directory / "sandbox")}}},
            "drills": {"monthly": {"sets": ["docs"], "from": "near", "sandbox": "lab", "schedule": "0 0 29 2 *"}},
            "power": {"ups": ups},
        }

    def start(self, *words: str) -> subprocess.Popen[str]:
        (self.directory / "policy.yaml").write_text(json.dumps(self.body))  # JSON is YAML
        places = {
            "DRTOOL_POLICY": str(self.directory / "policy.yaml"),
            "DRTOOL_STATE_DIR": str(self.directory / "state"),
        }
        environment = {**os.environ, **places}
        return begun([*words, "--restic", str(self.restic)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def call(self, *words: str) -> tuple[int, str]:
        started = self.start(*words)
        printed, told = started.communicate()
        return started.returncode, printed + told


@pytest.fixture
def host(tmp_path: Path, restic_newest: Path, ups: Ups) -> Host:
    made = Host(tmp_path, restic_newest, ups.address)
    assert made.call("init")[0] == 0
    make_cheap(tmp_path / "near", "secret")
    return made


def test_what_is_due_waits_for_the_mains_and_is_no_attempt(host: Host, ups: Ups) -> None:
    until_it_says(ups, ON_BATTERY)
    for verb in ("run", "drill"):
        code, told = host.call(verb, "--due")
        assert code == 0, told
        assert f"not now: the UPS {ups.address} runs on battery; what is due waits for the mains" in told
    assert len(host.call("history")[1].splitlines()) == 2, "but for its heading and what made the repository, it is empty"
    until_it_says(ups, "OL CHRG")
    for verb in ("run", "drill"):  # at once, and not after a while as what was tried
        code, told = host.call(verb, "--due")
        assert (code, "succeeded" in told) == (0, True), told
    until_it_says(ups, ON_BATTERY)
    assert host.call("run", "--due") == (0, ""), "nothing is due, so nothing is said"


def test_who_asks_for_it_is_told_and_may_go_on(host: Host, ups: Ups) -> None:
    until_it_says(ups, ON_BATTERY)
    for words in (("run", "docs"), ("copy",), ("verify", "near"), ("prune",)):
        code, told = host.call(*words)
        assert code == 75, told
        assert f"this is no time for `{words[0]}`: the UPS {ups.address} runs on battery" in told
        assert "the same command with --on-battery" in told
        assert f"drtool {words[0]} --on-battery" not in told, "without its arguments it would act on everything"
    assert host.call("run", "--on-battery", "docs")[0] == 0
    assert host.call("drill", "monthly")[0] == 75
    assert host.call("restore", "docs", "--to", "directory", str(host.directory / "back"), "--yes")[0] == 0, "a way back never waits"
    assert "runs on battery: what is due waits" in host.call("doctor")[1]


def test_work_that_goes_on_when_the_mains_fail_is_stopped_and_tidied_up(host: Host, ups: Ups) -> None:
    host.body["repositories"]["near"]["upload_limit"] = "64KiB"
    started = host.start("run", "docs")
    while not any('"docs/store/' in path.read_text() for path in (host.directory / "state" / "runs").glob("*/journal.jsonl")):
        time.sleep(0.1)
    ups.says(ON_BATTERY)
    _printed, told = started.communicate()
    assert started.returncode == 143, told
    assert "runs on battery" in told
    assert "told to stop while" in told
    del host.body["repositories"]["near"]["upload_limit"]
    until_it_says(ups, "OL")
    code, told = host.call("run", "docs")
    assert code == 0, told
    assert host.call("sweep", "--yes")[0] == 0


def test_a_ups_that_does_not_answer_stops_nothing_and_is_told(host: Host, ups: Ups) -> None:
    ups.kill()
    code, told = host.call("run", "docs")
    assert code == 0
    assert f"The UPS {ups.address} does not answer: " in told
    assert "Connection refused" in told
    code, told = host.call("doctor")
    assert code == 1
    assert f"try: upsc {ups.address}" in told


def test_each_answer_is_what_it_says(ups: Ups, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = LocalRunner()
    for status, on_battery in (("OL", False), ("OL CHRG", False), ("OB", True), (ON_BATTERY, True), ("FSD OB", True), ("BYPASS", None)):
        until_it_says(ups, status)
        assert ask_ups(runner, ups.address).on_battery is on_battery, status
    assert ask_ups(runner, ups.address.replace("sim", "other")).words == "Error: Unknown UPS"
    monkeypatch.setenv("PATH", "/nowhere")
    assert ask_ups(runner, ups.address).on_battery is None


def test_a_stop_while_the_ups_is_asked_is_not_its_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = tmp_path / "upsc"
    hangs.write_text("#!/bin/sh\nexec sleep 60\n")
    hangs.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    stop = Interrupt()
    stop.request(signal.SIGINT)
    with scope(Scope(interrupt=stop)), pytest.raises(Interrupted):
        ask_ups(LocalRunner(), "sim@localhost")


def test_a_short_look_at_the_battery_stops_nothing() -> None:
    said = iter([True, False, None, True, False, True, True])
    asked = threading.Event()
    interrupt = Interrupt()

    def ask() -> PowerState:
        state = next(said, None)
        asked.set()
        return PowerState(state)

    with stopped_on_battery(ask, interrupt, why="it is dark", seconds=0.01):
        assert interrupt.wait(30)
    assert (interrupt.requests, interrupt.why, next(said, "over")) == (1, "it is dark", "over")


def test_a_ups_that_hangs_does_not_keep_the_end_of_the_work() -> None:
    asked, answers = threading.Event(), threading.Event()

    def ask() -> PowerState:
        asked.set()
        answers.wait(10)
        return PowerState(None)

    try:
        with stopped_on_battery(ask, Interrupt(), why="it is dark", seconds=0.01):
            assert asked.wait(30)
        looking = [each for each in threading.enumerate() if each.name == "drtool power"]
        assert looking, "the look is still under way, and the work has ended"
    finally:
        answers.set()
    for each in looking:
        each.join(30)


@pytest.mark.parametrize("name", ["-x", "a b", "$(id)", "ups@", "a@-x", ""])
def test_a_name_that_is_none_is_refused(tmp_path: Path, restic_newest: Path, name: str) -> None:
    host = Host(tmp_path, restic_newest, name)
    (tmp_path / "policy.yaml").write_text(json.dumps(host.body))
    with pytest.raises(PolicyError) as refused:
        load((str(tmp_path / "policy.yaml"),), KINDS)
    assert "power.ups" in str(refused.value.problems)
