"""The program from the first key to a restore on a bare machine, with a real restic."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.report_schema import validated
from tests.rig.ports import Ports
from tests.rig.program import called
from tests.rig.s3 import S3Server
from tests.rig.terminal import Terminal

ROOT = Path(__file__).parents[2]
SERVE = (sys.executable, str(ROOT / "tests" / "rig" / "serve.py"))
POLICY = """\
drtool: 1
name: homelab
repositories:
  near: {{restic: {directory}/near, password: "file:{directory}/near.key"}}
  offsite: {{restic: {directory}/offsite, site: cloud, password: "file:{directory}/offsite.key"}}
sources:
  here: {{files: {{}}}}
sets:
  documents:
    protect: [{{here: {{paths: [{directory}/data]}}}}]
    to: near
    copies: [offsite]
    keep: {{last: 3}}
    objectives: {{rpo: 4h, rto: 1h}}
sandboxes:
  lab:
    lease: 2h
    here: {{directory: {directory}/sandbox}}
drills:
  monthly: {{sets: [documents], from: offsite, sandbox: lab}}
"""


@dataclass(frozen=True)
class Machine:
    """A machine with a policy, data and the program."""

    directory: Path
    restic: Path

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def arguments(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "drtool.cli.main", *self.words(*arguments)]

    def words(self, *arguments: str) -> list[str]:
        """Another program than one called restic cannot be found by the path: it is named."""
        return [*arguments, *([] if self.restic.name == "restic" else ["--restic", str(self.restic)])]

    def environment(self) -> dict[str, str]:
        """Its restic is on the path: what is typed is told again with every command to type next."""
        places = {"DRTOOL_POLICY": str(self.directory / "policy.yaml"), "PYTHONPATH": str(ROOT)}
        return {**os.environ, **places, "PATH": f"{self.restic.parent}:{os.environ['PATH']}"}

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.call_with(None, *arguments)

    def call_with(self, text: str | None, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Call it with something on its standard input."""
        return called(self.words(*arguments), env=self.environment(), cwd=self.directory, input=text)

    def json(self, *arguments: str) -> Any:  # noqa: ANN401
        result = self.call(*arguments, "--json")
        assert result.returncode == 0, result.stderr
        return validated(json.loads(result.stdout))

    def done(self, *arguments: str) -> str:
        result = self.call(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr


@pytest.fixture
def machine(tmp_path: Path, home: Path, restic_newest: Path) -> Machine:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "letter.txt").write_text("dear", encoding="utf-8")
    (tmp_path / "data" / "deep" / "numbers.bin").write_bytes(os.urandom(300_000))
    for name in ("near", "offsite"):
        key = tmp_path / f"{name}.key"
        key.write_text(f"secret-{name}\n", encoding="utf-8")
        key.chmod(0o600)
    (tmp_path / "policy.yaml").write_text(POLICY.format(directory=tmp_path), encoding="utf-8")
    return Machine(tmp_path, restic_newest)


def test_from_the_first_key_to_the_proof(machine: Machine) -> None:
    assert "Recovery sheet of homelab" in machine.done("init")
    before = machine.call("status", "--check")
    assert before.returncode == 1
    assert "drtool run documents" in before.stdout

    assert "store → near" in machine.done("plan", "run")
    assert "succeeded ✔" in machine.done("run")
    (view,) = machine.json("points")["points"]
    point = view["point"]["point"]
    assert sorted(view["repositories"]) == ["near", "offsite"]
    assert "letter.txt" in machine.done("ls", point)
    assert "complete ✔" in machine.done("show", point)

    assert "1 of 1 check passed" in machine.done("drill").replace("checks", "check")
    assert "drill" in machine.done("status")
    assert machine.json("status")["format"] == "drtool.status/1"
    report = machine.json("report", "last")
    assert report["verb"] == "drill"
    assert machine.done("history").count("\n") > 2
    read_by_shortened_ids(machine, point, report["run"])


def read_by_shortened_ids(machine: Machine, point: str, run: str) -> None:
    """Type ids as the screens show them."""
    for short in (f"{point[:4]}…{point[-3:]}", f"{point[:4].lower()}...{point[-3:]}"):
        assert "letter.txt" in machine.done("ls", short)
        assert machine.done("diff", short, point) == machine.done("diff", point, point)
        assert machine.json("browse", short) == machine.json("browse", point)
        assert point in machine.done("show", short)
    assert machine.json("report", f"{run[:4]}…{run[-3:]}")["run"] == run
    several = machine.call("report", f"{run[0]}…")
    assert several.returncode != 0
    assert "fits 3 runs" in several.stderr
    assert run in several.stderr
    assert "there is no point `0000…000`" in machine.call("ls", "0000…000").stderr
    assert machine.done("report") == machine.done("report", "last")


def drill_an_address(machine: Machine, port: int, *, start: bool) -> None:
    """Let the drill ask port and page, after a command that starts their service, or of whoever is there."""
    command: dict[str, Any] = {"command": {"of": "here", "run": [*SERVE, str(port)]}}
    http = {"http": {"url": f"http://127.0.0.1:{port}/letter.txt", "expect": {"body": "dear"}}}
    checks = [{"files": {"at_least": 2}}, *([command] if start else []), {"tcp": {"address": f"127.0.0.1:{port}"}}, http]
    policy = machine.directory / "policy.yaml"
    text = policy.read_text(encoding="utf-8").replace("sandbox: lab}", "sandbox: lab, negative_control: true}")
    keep = "    keep: {last: 3}\n"
    policy.write_text(text.replace(keep, f"{keep}    checks: {json.dumps(checks)}\n"), encoding="utf-8")


@pytest.fixture
def port() -> Iterator[int]:
    ports = Ports(1)
    yield ports.numbers[0]
    ports.release()


def test_a_drill_shows_that_each_fault_would_be_seen(machine: Machine, port: int) -> None:
    drill_an_address(machine, port, start=True)
    machine.done("init")
    machine.done("run")
    (machine.data / "later").write_text("more", encoding="utf-8")
    machine.done("run")
    assert "negative control detects 6 of 6 faults ✔" in machine.done("drill")
    (entry,) = machine.json("report", "last")["sets"]
    assert [control["detected"] for control in entry["controls"]] == [True] * 6
    assert {control["fault"]: control["red"] for control in entry["controls"]}["wrong key"] == ["the key"]
    assert [rung["reached"] for rung in entry["ladder"]] == ["right"]
    assert list((machine.directory / "sandbox").iterdir()) == []


def test_what_was_in_service_before_does_not_answer_for_a_drill(machine: Machine, port: int) -> None:
    drill_an_address(machine, port, start=False)
    machine.done("init")
    machine.done("run")
    assert f"http 1 of documents asks at 127.0.0.1:{port}" in machine.done("plan", "drill", "monthly")
    production = machine.directory / "production"
    shutil.copytree(machine.data, production)
    subprocess.run([*SERVE, str(port)], env={**os.environ, "DRTOOL_RESTORED": str(production)}, check=True)
    try:
        drilled = machine.call("drill")
        report = machine.call("report", "last", "--json")
        page = machine.call("report", "last", "--format", "html")
        restored = machine.done("restore", "documents", "--yes")
    finally:
        shutil.rmtree(production)
    words = f"something answered at 127.0.0.1:{port} before anything was restored"
    assert drilled.returncode == 5, drilled.stdout + drilled.stderr
    assert words in drilled.stdout + drilled.stderr
    assert words in page.stdout
    (entry,) = validated(json.loads(report.stdout))["sets"]
    assert {check["kind"]: check["passed"] for check in entry["checks"]} == {"census": True, "files": True, "tcp": False, "http": False}
    assert [rung["reached"] for rung in entry["ladder"]] == ["complete"]
    assert {control["fault"] for control in entry["controls"] if control["detected"]} <= {"wrong key"}
    assert "4 of 4 checks passed" in restored


def test_a_restore_asks_before_it_starts(machine: Machine) -> None:
    machine.done("init")
    machine.done("run")
    (machine.data / "letter.txt").unlink()
    with Terminal(machine.arguments("restore", "documents"), width=160, environment=machine.environment()) as terminal:
        assert "of data will be lost" in terminal.wait_for("Go on? [y/N]")
        terminal.send("n", "Enter")
        assert terminal.wait() == 1
        assert "Nothing was changed." in terminal.screen()
    assert not (machine.data / "letter.txt").exists()
    with Terminal(machine.arguments("restore", "documents"), width=160, environment=machine.environment()) as terminal:
        terminal.wait_for("Go on? [y/N]")
        terminal.send("y", "Enter")
        assert terminal.wait() == 0
        assert "succeeded ✔" in terminal.screen()
    assert (machine.data / "letter.txt").exists()


def test_what_was_typed_before_a_question_answers_nothing(machine: Machine) -> None:
    machine.done("init")
    machine.done("run")
    (machine.data / "letter.txt").write_text("changed", encoding="utf-8")
    machine.done("restore", "documents", "--yes")
    with Terminal(machine.arguments("sweep", "--kept"), width=160, environment=machine.environment()) as terminal:
        terminal.send("y", "Enter")
        terminal.wait_for("Remove it for good? [y/N]")
        terminal.send("n", "Enter")
        assert terminal.wait() == 1
        assert "Nothing was removed." in terminal.screen()
    assert list(machine.directory.glob("data.before-*"))


def test_a_bare_machine_restores_from_s3_with_a_key_file_and_credentials_alone(
    machine: Machine, home: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, location, credentials = machine.directory, s3_server.address("bare-machine"), s3_server.environment()
    environment = json.dumps({name: f"env:{name}" for name in credentials})
    policy = directory / "policy.yaml"
    here, there = f"restic: {directory}/offsite,", f'restic: "{location}", environment: {environment},'
    policy.write_text(policy.read_text(encoding="utf-8").replace(here, there), encoding="utf-8")
    for name, value in credentials.items():
        monkeypatch.setenv(name, value)
    machine.done("init")
    machine.done("run")
    lost = directory / "lost"
    machine.data.rename(lost)
    for gone in (directory / "near", home):
        shutil.rmtree(gone)
    for gone in (policy, directory / "near.key"):
        gone.unlink()
    home.mkdir()
    bare = {"PATH": machine.environment()["PATH"], "HOME": str(home), "DRTOOL_STATE_DIR": str(home), "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        machine.arguments("restore", "--repository", location, "--password-file", str(directory / "offsite.key"), "--yes"),
        env={**bare, **credentials},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    compare = ("rsync", "-aHAXnc", "--delete", "--itemize-changes", f"{lost}/", f"{machine.data}/")
    assert subprocess.run(compare, capture_output=True, text=True, check=True).stdout == ""


def test_files_are_listed_from_the_copy_that_can_be_read(machine: Machine, home: Path) -> None:
    machine.done("init")
    machine.done("run")
    (view,) = machine.json("points")["points"]
    for pack in (machine.directory / "near" / "data").rglob("*"):
        if pack.is_file():
            pack.unlink()
    shutil.rmtree(home / ".cache", ignore_errors=True)
    listed = machine.done("ls", view["point"]["point"])
    assert listed.count("letter.txt") == listed.count("numbers.bin") == 1


def test_a_sweep_says_who_could_not_be_asked(machine: Machine) -> None:
    policy, key = machine.directory / "policy.yaml", machine.directory / "nas.key"
    key.touch(mode=0o600)
    key.write_text("1-x")
    away = f'  nas: {{truenas: {{url: "wss://127.0.0.1:9/api/current", user: drtool, key: "file:{key}"}}}}\nsets:\n'
    policy.write_text(policy.read_text().replace("sets:\n", away, 1))
    machine.done("init")
    machine.done("run")
    result = machine.call("sweep")
    assert result.returncode == 1, result.stdout + result.stderr
    assert "nas cannot be reached" in result.stdout + result.stderr


def test_a_sweep_says_which_repository_could_not_be_asked_and_which_dead_run_is_owed_a_hook(machine: Machine, home: Path) -> None:
    policy, flag = machine.directory / "policy.yaml", machine.directory / "flag"
    hook = f'{{run: ["test", "-e", "{flag}"], on: here, timeout: 20s}}'
    policy.write_text(policy.read_text().replace("    keep:", f"    after: [{hook}]\n    keep:", 1))
    machine.done("init")
    assert machine.call("run").returncode == 6
    run = max((home / "drtool-state" / "runs").iterdir())
    (run / "lock").touch()  # as if it had been killed before its end
    owed = machine.call("sweep")
    assert owed.returncode == 1, owed.stdout + owed.stderr
    assert str(flag) in owed.stdout + owed.stderr
    flag.touch()
    machine.done("sweep")
    (machine.directory / "offsite").rename(machine.directory / "elsewhere")
    away = machine.call("sweep")
    assert away.returncode == 1, away.stdout + away.stderr
    assert "there is no repository offsite" in away.stdout + away.stderr


def test_a_name_that_the_policy_does_not_have_is_a_mistake_of_the_command_line(machine: Machine) -> None:
    for verb in ("run", "restore", "drill", "explain"):
        result = machine.call(verb, "documens")
        assert result.returncode == 2, result.stdout + result.stderr
    assert "did you mean `documents`?" in machine.call("run", "documens").stderr


def test_members_taken_further_apart_than_promised_miss_the_objective(machine: Machine) -> None:
    policy = machine.directory / "policy.yaml"
    slow = machine.directory / "slow-restic"
    slow.write_text(f'#!/bin/sh\ncase " $* " in *" backup "*) sleep 0.6 ;; esac\nexec {machine.restic} "$@"\n')
    slow.chmod(0o755)
    folders = [machine.directory / f"more {number}" for number in range(9)]
    for folder in folders:
        folder.mkdir()
        (folder / "file").write_text("one after the other")
    text = policy.read_text().replace("/data]", "/data, " + ", ".join(f'"{folder}"' for folder in folders) + "]")
    policy.write_text(text.replace("    keep:", "    consistent_within: 1s\n    keep:"))
    machine.done("init")
    result = replace(machine, restic=slow).call("run")
    assert result.returncode == 4, result.stdout + result.stderr
    assert "consistent_within asks for 1 s" in result.stdout + result.stderr
    policy.write_text(text.replace("    keep:", "    consistent_within: 10m\n    keep:"))
    assert "consistent_within" not in machine.done("run")
    assert len(machine.json("points", "documents")["points"]) == 2


def test_a_slip_that_asks_doctor_nothing_is_not_all_well(machine: Machine) -> None:
    slip = machine.call("doctor", "neer")
    assert slip.returncode == 2
    assert "the policy has no repository, source, sandbox or drill `neer`" in slip.stderr
