"""The verbs with a repository of restic's own: what they ask, print and end with, and what others tell by them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.app.facade import App
from drtool.app.opening import as_bare
from drtool.cli.main import main
from drtool.model.errors import Refused
from drtool.model.secret import SecretReference
from tests.immutable.locked_world import PREFIX, make_locked_world
from tests.rig.s3 import S3Server


def test_promised_looked_at_extended(
    tmp_path: Path, home: Path, restic_oldest: Path, s3_server: S3Server, capsys: pytest.CaptureFixture[str]
) -> None:
    world = make_locked_world(tmp_path, restic_oldest, s3_server)
    world.policy(promised="10d")
    options = ("--policy", str(tmp_path / "policy.yaml"), "--state-directory", str(tmp_path / "state"), "--restic", str(restic_oldest))

    assert main(["status", "--check", *options]) == 1
    assert "off: immutable: 10d is promised, and nobody looked whether it is so" in capsys.readouterr().out
    assert main(["immutable", "audit", "--json", *options]) == 1
    audit = json.loads(capsys.readouterr().out)
    packs = sum(name.startswith("data/") for name in world.current())
    assert audit["format"] == "drtool.immutable_audit/1"
    assert audit["next"].startswith("drtool immutable extend ")
    assert audit["basis"] == f"every object that is listed, and the {packs} packs that the index names"
    assert audit["needed"] == audit["short"] >= len(world.current())

    assert main(["immutable", "extend", *options]) == 6
    assert "no terminal" in capsys.readouterr().err
    assert main(["immutable", "extend", "--plan", *options]) == 0
    assert f"{audit['needed']} of {audit['needed']} objects would be locked until" in capsys.readouterr().out
    assert main(["immutable", "extend", "--yes", *options]) == 0
    assert f"{audit['needed']} locks renewed" in capsys.readouterr().out
    owner = world.client()
    for name in world.current():
        told = owner.get_object_retention(Bucket=world.bucket, Key=f"{PREFIX}/{name}")["Retention"]["RetainUntilDate"]
        assert told >= datetime.now(UTC) + timedelta(days=14)
    assert main(["status", "--check", *options]) == 1
    told = capsys.readouterr().out
    assert "off: what is stored is locked for 3 d, and immutable: 10d is promised" in told
    assert "run out" not in told
    findings = {each.text: each.good for each in world.app(promised="10d").doctor(("off",)) if each.subject == "off: immutable"}
    assert findings == {"what is stored is locked for 3 d, and immutable: 10d is promised": False} | findings
    assert sum(good is False for good in findings.values()) == 1, "the last look said the same"

    assert main(["immutable", "recover", "--since", "2099-01-01", "--yes", *options]) == 6
    assert "is yet to come" in capsys.readouterr().err
    assert main(["immutable", "recover", *options]) == 2


def test_a_bucket_without_object_lock_is_told(tmp_path: Path, home: Path, restic_newest: Path, s3_server: S3Server) -> None:
    world = make_locked_world(tmp_path, restic_newest, s3_server, points=0, locking=False)
    told = {each.text: each.remedy for each in world.app().doctor(("off",)) if each.subject == "off: immutable" and each.good is False}
    assert "the bucket has no Object Lock, and immutable: 2d is promised" in told
    assert told["immutable: 2d is promised, and nobody looked whether it is so"] == "drtool immutable audit off"


def test_a_policy_out_of_a_repository_leads_to_no_bucket(tmp_path: Path, home: Path, restic_newest: Path, s3_server: S3Server) -> None:
    """Its credentials may be commands of whoever wrote it."""
    world = make_locked_world(tmp_path, restic_newest, s3_server)
    policy = world.app()._runtime.policy
    ran = tmp_path / "ran"
    auditor = {"AWS_SECRET_ACCESS_KEY": SecretReference("command", f"touch {ran}")}
    stranger = replace(policy, repositories={"off": replace(policy.repositories["off"], auditor=auditor)})
    app = App(as_bare(replace(world.app()._runtime, policy=stranger)))
    for verb in (app.immutable_audit, app.plan_immutable_extend):
        with pytest.raises(Refused, match="a policy of your own"):
            verb()
    app.doctor(("off",))
    assert not ran.exists()
    with pytest.raises(Refused):
        App(replace(world.app()._runtime, policy=stranger)).immutable_audit()
    assert ran.exists(), "the operator's own policy would have run it"
