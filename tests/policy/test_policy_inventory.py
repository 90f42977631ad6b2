"""`inventory:` of a policy: what is knowingly not protected, why, and until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from drtool.catalog.manifest import travelling_policy
from drtool.model.codec import decode, encode
from drtool.model.errors import PolicyError
from drtool.model.policy import Exclusion, Policy
from drtool.policy.load import load
from drtool.policy.schema import json_schema
from drtool.policy.write import spell
from tests.policy.small_kinds import GOOD, KINDS

SCRATCH = '{workload: "/scratch*", source: here, reason: can be made again, until: 2027-06-01}'
EXCLUSION = Exclusion("/scratch*", "here", "can be made again", datetime(2027, 6, 1, tzinfo=UTC))


def text(*entries: str) -> str:
    return f"{GOOD}inventory: {{exclude: [{', '.join(entries)}]}}\n"


def read(directory: Path, policy: str, *, cached: bool = False) -> Policy:
    file = directory / "p.yaml"
    file.write_text(policy)
    return load((str(file),), KINDS, cache_directory=str(directory / "cache") if cached else None)


def test_exclusions_are_read_written_and_read_again(tmp_path: Path) -> None:
    policy = read(tmp_path, text(SCRATCH))
    assert policy.exclusions == (EXCLUSION,)
    assert read(tmp_path, spell(policy)).exclusions == policy.exclusions
    told = encode(policy)
    assert decode(Policy, told) == policy
    del told["exclusions"]  # as an earlier release wrote it
    assert decode(Policy, told).exclusions == ()
    assert read(tmp_path, f"{GOOD}inventory:\n").exclusions == ()


def test_the_cache_knows_them(tmp_path: Path) -> None:
    first = read(tmp_path, text(SCRATCH), cached=True)
    assert read(tmp_path, text(SCRATCH), cached=True) == first
    assert read(tmp_path, text(SCRATCH.replace("2027-06-01", "2027-06-02")), cached=True).exclusions != first.exclusions


def test_they_travel_with_the_whole_policy_alone(tmp_path: Path) -> None:
    policy = read(tmp_path, text(SCRATCH))
    one = next(iter(policy.sets.values()))
    assert travelling_policy(policy, one).exclusions == ()
    assert travelling_policy(replace(policy, policy_in_points="whole"), one).exclusions == (EXCLUSION,)


@pytest.mark.parametrize(
    ("wrong", "told", "field"),
    [
        (SCRATCH.replace(", until: 2027-06-01", ""), "`until` is missing", "inventory.exclude[0].until"),
        (SCRATCH.replace(" reason: can be made again,", ""), "`reason` is missing", "inventory.exclude[0].reason"),
        (SCRATCH.replace("can be made again", '" "'), "must be a reason", "inventory.exclude[0].reason"),
        (SCRATCH.replace("can be made again", '"two\\nlines"'), "must be a reason", "inventory.exclude[0].reason"),
        (SCRATCH.replace("2027-06-01", "soon"), "must be a day", "inventory.exclude[0].until"),
        (SCRATCH.replace("2027-06-01", "20270601"), "must be a day", "inventory.exclude[0].until"),
        (SCRATCH.replace("2027-06-01", "2027-02-30"), "in no calendar", "inventory.exclude[0].until"),
        (SCRATCH.replace("source: here", "source: hear"), "there is no source `hear`", "inventory.exclude[0].source"),
        (SCRATCH.replace("source", "sourse"), "unknown key `sourse`", "inventory.exclude[0].sourse"),
        (SCRATCH.replace('"/scratch*"', '""'), "must not be empty", "inventory.exclude[0].workload"),
    ],
)
def test_what_cannot_be_meant_is_told_where_it_stands(tmp_path: Path, wrong: str, told: str, field: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(tmp_path, text(wrong))
    problem = next(each for each in caught.value.problems if each.field == field)
    assert told in problem.message
    assert problem.place.line == len(GOOD.splitlines()) + 1


def test_an_editor_knows_the_keys() -> None:
    schema = json_schema(KINDS)
    yaml = YAML(typ="safe", pure=True)
    jsonschema.validate(yaml.load(text(SCRATCH.replace("2027-06-01", '"2027-06-01"'))), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.load(text("{workload: a, source: here}")), schema)
