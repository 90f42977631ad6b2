"""A drill with credentials, or a disk, that only let read: everything but the record in the repository works."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drtool.app.facade import App
from drtool.model.errors import Refused
from drtool.model.evidence import Evidence
from drtool.model.plan import Record
from drtool.model.report import Report
from tests.integration.key_world import KeyWorld, make_key_world
from tests.rig.missing import MissingToolError
from tests.rig.opened import runtime_of
from tests.rig.s3 import Identity, S3Server


@pytest.fixture(params=["oldest", "newest"])
def binary(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(f"restic_{request.param}")
    return found


def on_s3(world: KeyWorld, server: S3Server, identity: Identity) -> App:
    environment = {}
    for name, value in server.environment(identity).items():
        file = world.root / f"{identity}.{name}"
        file.touch(mode=0o600)
        file.write_text(value)
        environment[name] = f"file:{file}"
    address = server.address(f"reader{abs(hash(world.root))}", "near")
    return world.app(restic=address, environment=environment, timeout="20s")


def require_all_but_the_record(report: Report) -> None:
    record = [step.id for step in report.steps if step.action == "record"]
    assert record
    assert {step.id: step.failure for step in report.steps if step.id not in record and str(step.outcome) != "succeeded"} == {}
    (entry,) = report.sets
    assert entry.checks_passed == entry.checks_planned > 0
    assert entry.files == 5


def require_reading_only(app: App, point: str, restic: Path) -> None:
    repository = runtime_of(app, restic).adapters.for_drill().repositories["near"]
    assert [each.point for each in repository.list().points] == [point]
    assert any(entry.path.endswith("letters/1.txt") for entry in app.list_files(point))
    now = datetime.now(UTC)
    with pytest.raises(Refused, match=r"permission denied|read-only") as caught:
        repository.append(Evidence("01E", "drill", "keyed", "near", "succeeded", now, now))
    assert caught.value.hint


def test_with_a_reader_of_an_s3_bucket(tmp_path: Path, home: Path, binary: Path, s3_server: S3Server) -> None:
    world = make_key_world(tmp_path, binary)
    admin = on_s3(world, s3_server, "admin")
    assert admin.initialise().outcome == "succeeded"
    assert admin.run().outcome == "succeeded"
    file = tmp_path / "media" / "escrow.key"
    on_s3(world, s3_server, "admin").key_add("near", file=str(file))
    (point,) = runtime_of(admin, binary).adapters.repositories["near"].list().points

    reader = on_s3(world, s3_server, "reader")
    require_reading_only(reader, point.point, binary)
    require_all_but_the_record(reader.drill(["documents"]))
    report = on_s3(world, s3_server, "reader").drill(["escrowed"])
    require_all_but_the_record(report)
    assert f"(file:{file})" in report.sets[0].key
    proof = on_s3(world, s3_server, "reader").key_prove("near", str(file))
    assert proof.point == point.point
    assert proof.unrecorded


@contextmanager
def read_only(directory: Path) -> Iterator[None]:
    for argv in (["mount", "--bind", str(directory), str(directory)], ["mount", "-o", "remount,bind,ro", str(directory)]):
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise MissingToolError(f"this machine does not let root mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


def test_with_a_disk_that_cannot_be_written(tmp_path: Path, home: Path, binary: Path) -> None:
    world = make_key_world(tmp_path, binary)
    file = world.escrow(world.app())
    (point,) = world.adapters().repositories["near"].list().points
    with read_only(world.repository):
        require_reading_only(world.app(), point.point, binary)
        require_all_but_the_record(world.app().drill(["escrowed"]))
        proof = world.app().key_prove("near", str(file))
        assert proof.unrecorded
    assert world.app().key_prove("near", str(file)).unrecorded == ""


def test_the_record_is_a_step_of_every_drill(tmp_path: Path, home: Path, restic_newest: Path) -> None:
    plan = make_key_world(tmp_path, restic_newest).app().plan_drill("documents")
    assert [step.action.repository for step in plan.steps if isinstance(step.action, Record)] == ["near"]
