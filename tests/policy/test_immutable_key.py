"""`immutable:` of a repository: a duration, or one with credentials of its own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from drtool.app.kinds import KINDS
from drtool.model.errors import PolicyError
from drtool.model.policy import Policy
from drtool.model.secret import SecretReference
from drtool.policy.load import load
from drtool.policy.write import spell

POLICY = """\
drtool: 1
name: home
repositories:
  off:
    restic: {restic}
    password: "file:/etc/off.key"
    environment: {{AWS_ACCESS_KEY_ID: "file:/etc/id", AWS_SECRET_ACCESS_KEY: "file:/etc/secret"}}
    immutable: {immutable}
sources: {{here: {{files: {{}}}}}}
sets:
  documents: {{protect: [{{here: {{paths: [/home]}}}}], to: off, keep: {{last: 3}}}}
"""
AUDITOR = '{AWS_ACCESS_KEY_ID: "file:/etc/id2", AWS_SECRET_ACCESS_KEY: "file:/etc/secret2"}'


def loaded(directory: Path, immutable: str, restic: str = "s3:https://s3.example.org/bucket") -> Policy:
    path = directory / "policy.yaml"
    path.write_text(POLICY.format(immutable=immutable, restic=restic), encoding="utf-8")
    return load((str(path),), KINDS)


def test_both_forms_are_read_and_written_again(tmp_path: Path) -> None:
    short = loaded(tmp_path, "30d")
    assert (short.repositories["off"].immutable, dict(short.repositories["off"].auditor)) == (timedelta(days=30), {})
    long = loaded(tmp_path, f"{{at_least: 30d, environment: {AUDITOR}}}")
    assert long.repositories["off"].auditor["AWS_SECRET_ACCESS_KEY"] == SecretReference("file", "/etc/secret2")
    for policy in (short, long):
        (tmp_path / "again.yaml").write_text(spell(policy), encoding="utf-8")
        assert load((str(tmp_path / "again.yaml"),), KINDS).repositories == policy.repositories


@pytest.mark.parametrize(
    ("immutable", "field", "said"),
    [
        ("30", "repositories.off.immutable", "must be as 30d, or {at_least: 30d, environment: {…}}"),
        ("[30d]", "repositories.off.immutable", "must be as 30d"),
        ("12h", "repositories.off.immutable", "must be from 1d to 1100d"),
        ("4000d", "repositories.off.immutable", "must be from 1d to 1100d"),
        ("thirty", "repositories.off.immutable", "`thirty`"),
        ("{environment: {}}", "repositories.off.immutable.at_least", "`at_least` is missing"),
        ("{at_leest: 30d}", "repositories.off.immutable.at_leest", "unknown key `at_leest`"),
        ("{at_least: 30}", "repositories.off.immutable.at_least", "a duration needs a unit"),
        ("{at_least: 30d, environment: {AWS_SECRET_ACCES_KEY: 'file:/x'}}", "AWS_SECRET_ACCES_KEY", "nothing reads AWS_SECRET_ACCES_KEY"),
        ("{at_least: 30d, environment: {AWS_SECRET_ACCESS_KEY: hunter2}}", "AWS_SECRET_ACCESS_KEY", "it must be a reference"),
        (
            '{at_least: 30d, environment: {AWS_ACCESS_KEY_ID: "file:/etc/id", AWS_SECRET_ACCESS_KEY: "file:/etc/secret"}}',
            "repositories.off.immutable.environment",
            "these are the credentials of every run",
        ),
    ],
)
def test_a_slip_is_told_with_file_line_and_field(tmp_path: Path, immutable: str, field: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        loaded(tmp_path, immutable)
    told = [each for each in caught.value.problems if said in each.message]
    assert told, caught.value.problems
    assert field in told[0].field
    assert told[0].place.line == 8
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("restic", ["/srv/off", "sftp:me@nas:/srv/off", "b2:bucket:off"])
def test_only_a_bucket_of_s3_can_promise_it(tmp_path: Path, restic: str) -> None:
    with pytest.raises(PolicyError) as caught:
        loaded(tmp_path, "30d", restic)
    (problem,) = [each for each in caught.value.problems if each.field == "repositories.off.immutable"]
    assert problem.message == "only a bucket has Object Lock, and this repository is not on s3:"
