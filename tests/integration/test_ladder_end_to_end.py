"""Drills that climb the whole ladder, with real restic, a real PostgreSQL and a drtool that is killed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from drtool import App, open_policy
from drtool.model.ladder import Level
from drtool.model.negative_control import IN_FILES, Fault
from drtool.model.outcome import Outcome
from drtool.model.plan import Destination
from drtool.model.report import Report, SetReport
from drtool.planning.restore import RestoreRequest
from tests.rig.cheap_key import make_cheap
from tests.rig.opened import runtime_of
from tests.rig.postgres import PostgresServer
from tests.rig.tree import make_tree

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class House:
    """One machine, its policy, and what it protects."""

    directory: Path
    binary: Path
    policy: dict[str, Any] = field(default_factory=dict)

    def open(self) -> App:
        path = self.directory / "policy.yaml"
        path.write_text(json.dumps(self.policy))
        return open_policy(str(path), state_directory=str(self.directory / "state"), binary=str(self.binary))

    def initialise(self) -> None:
        self.open().initialise()
        make_cheap(self.directory / "near", "pass-word")

    def protect(self, selector: dict[str, Any], *, checks: list[Any], **sources: Any) -> None:  # noqa: ANN401
        (self.directory / "key").touch(mode=0o600)
        (self.directory / "key").write_text("pass-word\n")
        self.policy = {
            "drtool": 1,
            "name": self.directory.name.replace("_", "-"),
            "repositories": {"near": {"restic": str(self.directory / "near"), "password": f"file:{self.directory}/key"}},
            "sources": {"here": {"files": {}}, **sources},
            "sets": {"documents": {"protect": [selector], "to": "near", "keep": {"last": 3}, "checks": checks}},
            "sandboxes": {"lab": {"lease": "1h", "here": {"directory": str(self.directory / "lab")}}},
            "drills": {"proof": {"sets": ["documents"], "sandbox": "lab"}},
        }


@pytest.fixture
def house(home: Path, restic_newest: Path) -> Iterator[House]:
    """In a directory with a short name that everybody may pass through: a server's socket lies in it."""
    del home
    with tempfile.TemporaryDirectory(prefix="lad-", dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        yield House(Path(directory), restic_newest)


def only(report: Report) -> SetReport:
    (entry,) = report.sets
    return entry


def told(report: Report) -> str:
    return f"{report.outcome} {report.failures} {only(report).controls} {only(report).checks}"


@pytest.mark.parametrize("which", ["restic_oldest", "restic_newest"])
def test_a_nasty_tree_comes_back_with_its_canary(house: House, which: str, request: pytest.FixtureRequest) -> None:
    house.binary = request.getfixturevalue(which)
    tree = house.directory / "documents"
    make_tree(tree, files=100)
    house.protect({"here": {"paths": [str(tree)], "canary": True}}, checks=[{"files": {"at_least": 1}}])
    house.policy["drills"]["proof"]["negative_control"] = True
    house.initialise()
    stored = house.open().run()
    assert stored.outcome is Outcome.SUCCEEDED, stored.failures
    assert (tree / ".drtool-canary.json").stat().st_mode & 0o777 == 0o600
    report = house.open().drill()
    entry = only(report)
    assert report.outcome is Outcome.SUCCEEDED, told(report)
    assert {check.kind: check.passed for check in entry.checks} == {"census": True, "canary": True, "files": True}
    census = next(check for check in entry.checks if check.kind == "census")
    assert "attributes of" in census.observed
    assert "not compared" not in census.observed
    assert entry.compared == census.compared == 64
    objective = entry.objective
    assert objective is not None
    assert objective.canary_rpo_seconds == pytest.approx(objective.rpo_seconds, abs=0.01)
    assert [rung.reached for rung in entry.ladder] == [Level.COMPLETE]
    assert {control.fault: control.detected for control in entry.controls if control.fault in IN_FILES} == dict.fromkeys(IN_FILES, True)


def test_the_canary_of_an_older_point_is_told_from_the_newest(house: House) -> None:
    tree = house.directory / "documents"
    tree.mkdir()
    house.protect({"here": {"paths": [str(tree)], "canary": True}}, checks=[])
    house.initialise()
    house.open().run()
    first = json.loads((tree / ".drtool-canary.json").read_text())
    house.open().run()
    second = json.loads((tree / ".drtool-canary.json").read_text())
    assert first["nonce"] != second["nonce"]
    app = house.open()
    destination = Destination("directory", path=str(house.directory / "out"))
    report = app.restore(app.plan_restore(RestoreRequest(("documents",), destination, point=first["point"])))
    assert report.outcome is Outcome.SUCCEEDED, told(report)
    (found,) = (house.directory / "out").rglob(".drtool-canary.json")
    assert json.loads(found.read_text()) == first


def test_no_canary_is_a_warning_and_no_failure(house: House) -> None:
    tree = house.directory / "documents"
    tree.mkdir()
    (tree / "file").write_text("x")
    (tree / ".drtool-canary.json").write_text("somebody's own")
    house.protect({"here": {"paths": [str(tree)], "canary": True}}, checks=[])
    house.initialise()
    report = house.open().run()
    assert report.outcome is Outcome.SUCCEEDED
    assert any("no canary was planted" in warning for warning in only(report).warnings)
    assert (tree / ".drtool-canary.json").read_text() == "somebody's own"
    drill = house.open().drill()
    assert drill.outcome is Outcome.SUCCEEDED, told(drill)
    assert [check.kind for check in only(drill).checks] == ["census"]


def test_a_database_and_an_archive_among_the_files_are_right(house: House) -> None:
    tree = house.directory / "documents"
    (tree / "inside").mkdir(parents=True)
    with closing(sqlite3.connect(tree / "inside" / "app.db")) as connection:
        connection.execute("create table t (n)")
        connection.executemany("insert into t values (?)", [(number,) for number in range(20)])
        connection.commit()
    with tarfile.open(tree / "kept.tar.gz", "w:gz") as archive:
        archive.add(tree / "inside")
    checks = [
        {"sql": {"of": "here", "sqlite": "inside/app.db", "query": "select count(*) from t", "expect": {"at_least": 20}}},
        {"archive": {"of": "here", "path": "kept.tar.gz"}},
    ]
    house.protect({"here": {"paths": [str(tree)]}}, checks=checks)
    house.initialise()
    house.open().run()
    report = house.open().drill()
    assert report.outcome is Outcome.SUCCEEDED, told(report)
    (rung,) = only(report).ladder
    assert (rung.reached, rung.asked) == (Level.RIGHT, Level.RIGHT)
    assert only(report).compared == 2
    house.policy["sets"]["documents"]["checks"][0]["sql"]["expect"] = {"at_least": 21}
    report = house.open().drill()
    assert report.outcome is Outcome.DATA_WRONG
    assert only(report).ladder[0].reached is Level.OPENS


DUMP = ["pg_dump", "-Fc", "--no-owner", "billing"]
LOAD = ["pg_restore", "--no-owner", "--create", "--exit-on-error", "-d", "postgres"]


@pytest.fixture
def billing(house: House, postgres_server: PostgresServer) -> House:
    postgres_server.sql("drop database if exists billing")
    postgres_server.sql("create database billing")
    postgres_server.sql("create table paid as select now() as at, generate_series(1, 1000) as id", database="billing")
    environment = {name: value for name, value in postgres_server.environment().items() if name != "PGPASSWORD"}
    (house.directory / "password").touch(mode=0o600)
    (house.directory / "password").write_text(postgres_server.environment()["PGPASSWORD"])
    stream = {"command": DUMP, "sandbox": LOAD, "environment": {**environment, "PGPASSWORD": f"file:{house.directory}/password"}}
    checks = [
        {"sql": {"of": "billing", "database": "billing"}},
        {"sql": {"of": "billing", "database": "billing", "query": "select max(at) from paid", "expect": {"within": "1h"}}},
    ]
    house.protect({"billing": {}}, checks=checks, billing={"stream": stream})
    house.policy["sandboxes"]["lab"]["billing"] = {"postgresql": {}, "directory": str(house.directory / "lab")}
    house.initialise()
    assert house.open().run().outcome is Outcome.SUCCEEDED
    return house


def servers(house: House) -> list[str]:
    """The command lines of the servers whose data lies in this house."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if str(house.directory / "lab") in line and "postgres" in line]


def test_a_dump_is_loaded_into_a_scratch_server_and_asked(billing: House) -> None:
    billing.policy["drills"]["proof"]["negative_control"] = True
    report = billing.open().drill()
    assert report.outcome is Outcome.SUCCEEDED, told(report)
    detected = {control.fault: control.detected for control in only(report).controls}
    assert (detected[Fault.WRONG_ANSWER], detected[Fault.STOPPED_SERVICE]) == (True, True)
    (rung,) = only(report).ladder
    assert rung.reached is Level.RIGHT
    assert servers(billing) == []
    assert list((billing.directory / "lab").iterdir()) == []


def test_a_dump_that_loads_has_opened_though_nobody_asks(billing: House) -> None:
    billing.policy["sets"]["documents"]["checks"] = []
    assert only(billing.open().drill()).ladder[0].reached is Level.OPENS


def test_a_dump_that_does_not_load_is_red(billing: House) -> None:
    billing.policy["sources"]["billing"]["stream"]["sandbox"] = [*LOAD, "--table=absent", "--role=nobody-at-all"]
    report = billing.open().drill()
    assert report.outcome is not Outcome.SUCCEEDED
    assert only(report).ladder[0].reached is Level.NONE
    assert servers(billing) == []


def test_without_a_scratch_server_production_is_not_asked(billing: House) -> None:
    billing.policy["sandboxes"]["lab"]["billing"] = {"directory": str(billing.directory / "lab")}
    billing.policy["sources"]["billing"]["stream"]["sandbox"] = ["sh", "-c", "cat >/dev/null"]
    report = billing.open().drill()
    assert report.outcome is Outcome.FAILED
    assert all("has no PostgreSQL server" in check.skipped for check in only(report).checks if check.kind == "sql")


def test_a_version_that_is_not_installed_is_told_and_leaves_nothing(billing: House) -> None:
    billing.policy["sandboxes"]["lab"]["billing"]["postgresql"] = {"version": 99}
    report = billing.open().drill()
    assert any("PostgreSQL 99 is not installed here" in failure.what for failure in report.failures), report.failures
    assert list((billing.directory / "lab").iterdir()) == []


def test_nobody_else_may_look_into_the_sandbox(billing: House) -> None:
    app = billing.open()
    report = app.restore(app.plan_restore(RestoreRequest(("documents",), Destination("sandbox", sandbox="lab"))))
    assert report.outcome is Outcome.SUCCEEDED, told(report)
    (sandbox,) = (billing.directory / "lab").iterdir()
    assert sandbox.stat().st_mode & 0o007 == 0
    assert len(servers(billing)) >= 1
    source = runtime_of(app).adapters.sources["billing"]
    found = source.leftovers([billing.policy["sandboxes"]["lab"]["billing"]])
    for leftover in found:
        source.release(leftover)
    assert servers(billing) == []
    assert list((billing.directory / "lab").iterdir()) == []


@pytest.mark.parametrize("event", ["reserve/billing", "documents/cutover/billing"])
def test_a_server_of_a_killed_drill_is_swept(billing: House, event: str) -> None:
    billing.open()
    script = (
        "import os, signal, sys\n"
        "from drtool import open_policy\n"
        "def kill(event):\n"
        f"    if event.step == {event!r} and event.kind.value == 'step_ended':\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "open_policy(sys.argv[1], state_directory=sys.argv[2], binary=sys.argv[3], listeners=[kill]).drill()\n"
    )
    places = (billing.directory / "policy.yaml", billing.directory / "state", billing.binary)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = subprocess.run([sys.executable, "-c", script, *map(str, places)], env=environment, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(servers(billing)) >= 1
    report = billing.open().sweep()
    assert report.outcome is Outcome.SUCCEEDED, report.failures
    assert servers(billing) == []
    assert list((billing.directory / "lab").iterdir()) == []
