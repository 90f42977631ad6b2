from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from drtool.model.errors import PolicyError
from drtool.model.secret import SecretReference
from drtool.policy.load import load
from drtool.policy.schema import json_schema
from tests.policy.small_kinds import GOOD, KINDS

MONTHLY = '    schedule: "0 4 1 * *"\n'


def keyed(tmp_path: Path, key: str) -> Path:
    assert GOOD.count(MONTHLY) == 1
    file = tmp_path / "p.yaml"
    file.write_text(GOOD.replace(MONTHLY, f"{MONTHLY}    key: {key}\n"))
    return file


def test_a_drill_names_its_key(tmp_path: Path) -> None:
    file = keyed(tmp_path, "file:/media/escrow/offsite.key")
    cache = str(tmp_path / "cache")
    for _again in range(2):
        policy = load((str(file),), KINDS, cache_directory=cache)
        assert policy.drills["monthly"].key == SecretReference("file", "/media/escrow/offsite.key")
        assert policy.drills["near-by"].key is None
    jsonschema.validate(YAML(typ="safe", pure=True).load(file.read_text()), json_schema(KINDS))


def test_the_secret_itself_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        load((str(keyed(tmp_path, "abcd-efgh-ijkm")),), KINDS)
    (problem,) = caught.value.problems
    assert problem.field == "drills.monthly.key"
    assert "abcd-efgh" not in str(problem)
