"""The pipelines we hand out are what GitHub and GitLab take, and do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml
from ruamel.yaml import YAML

from drtool.cli.main import VERBS
from tests.cli.drilled import Drilled, drilled

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "ci"
SCHEMAS = {
    "github-actions.yml": ("vendor.github-workflows",),
    "gitlab-ci.yml": ("vendor.gitlab-ci", "--data-transform", "gitlab-ci"),
}


def read(name: str) -> Any:  # noqa: ANN401 - a document
    return YAML(typ="safe", pure=True).load((FOLDER / name).read_text(encoding="utf-8"))


def judge(path: Path, name: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-W", "ignore", "-m", "check_jsonschema", "--builtin-schema", *SCHEMAS[name], str(path)]
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", list(SCHEMAS))
def test_the_platform_takes_it(name: str) -> None:
    result = judge(FOLDER / name, name)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("github-actions.yml", "runs-on:", "run-on:"),
        ("github-actions.yml", "checks: write", "checks: maybe"),
        ("gitlab-ci.yml", "when: always", "when: sometimes"),
        ("gitlab-ci.yml", "junit: drill/report.xml", "junit: {a: b}"),
    ],
)
def test_the_platform_would_not_take_a_mistake(name: str, old: str, new: str, tmp_path: Path) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert old in text
    poor = tmp_path / name
    poor.write_text(text.replace(old, new), encoding="utf-8")
    assert judge(poor, name).returncode != 0


def test_what_they_call_exists() -> None:
    for name in SCHEMAS:
        lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
        called = [match[1] for line in lines if (match := re.match(r"\s*(?:- |run: )*drtool (\w+)", line))]
        assert len(called) > 1
        assert set(called) <= set(VERBS)


def script(name: str) -> str:
    """What the pipeline types to drill."""
    document = read(name)
    if name == "gitlab-ci.yml":
        return "\n".join(document["restore drill"]["script"])
    (step,) = [step for step in document["jobs"]["drill"]["steps"] if step.get("id") == "drill"]
    return str(step["run"])


def test_secrets_come_from_the_store_of_the_platform() -> None:
    steps = [step for step in read("github-actions.yml")["jobs"]["drill"]["steps"] if "drtool " in step.get("run", "")]
    values = [value for step in steps for value in step["env"].values()]
    assert values
    assert all(re.fullmatch(r"\$\{\{ secrets\.\w+ \}\}", value) for value in values)
    assert not [name for name in read("gitlab-ci.yml")["restore drill"]["variables"] if re.search("PASSWORD|SECRET|KEY|TOKEN", name)]


def test_reports_are_kept_whatever_the_end() -> None:
    job = read("gitlab-ci.yml")["restore drill"]
    assert job["artifacts"]["when"] == "always"
    assert job["artifacts"]["reports"]["junit"] == "drill/report.xml"
    assert "allow_failure" not in job
    steps = read("github-actions.yml")["jobs"]["drill"]["steps"]
    drill = next(number for number, step in enumerate(steps) if step.get("id") == "drill")
    assert "continue-on-error" not in steps[drill]
    assert all("always()" in step["if"] or "!cancelled()" in step["if"] for step in steps[drill + 1 :])
    view, keep = steps[-2:]
    assert (view["with"]["path"], keep["with"]["path"]) == ("drill/report.xml", "drill/")


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, restic_newest: Path) -> Drilled:
    """A machine with points and a policy."""
    return drilled(tmp_path_factory.mktemp("runner"), restic_newest)


@pytest.mark.parametrize("name", list(SCHEMAS))
@pytest.mark.parametrize(
    ("checks", "objectives", "code"),
    [
        ([{"files": {"at_least": 10}}], {"rpo": "4h", "rto": "1h"}, 0),
        ([{"files": {"at_least": 1000}}], {"rpo": "4h", "rto": "1h"}, 5),
        ([{"files": {"at_least": 10}}], {"rpo": "1s", "rto": "1h"}, 4),
    ],
    ids=["green", "red", "objective missed"],
)
def test_the_job_ends_as_the_drill_did(
    runner: Drilled, tmp_path: Path, name: str, checks: list[dict[str, Any]], objectives: dict[str, str], code: int
) -> None:
    policy = {"to": "near", "copies": ["offsite"], "keep": {"last": 3}, "objectives": objectives}
    runner.write_policy(*checks, defaults=policy)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "drtool").write_text(
        f'#!/bin/sh\nexec {sys.executable} -m drtool.cli.main "$@" --restic {runner.restic}\n', encoding="utf-8"
    )
    (programs / "drtool").chmod(0o755)
    ended = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script(name)],
        cwd=tmp_path,
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "PYTHONPATH": str(ROOT),
            "DRTOOL_POLICY": str(runner.directory / "policy.yaml"),
            "DRTOOL_STATE_DIR": str(tmp_path / "state"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert sorted(path.name for path in (tmp_path / "drill").iterdir()) == ["report.html", "report.json", "report.md", "report.xml"]
    tree = JUnitXml.fromstring((tmp_path / "drill" / "report.xml").read_bytes())
    assert ((tree.failures or 0) + (tree.errors or 0) > 0) is (code != 0)
