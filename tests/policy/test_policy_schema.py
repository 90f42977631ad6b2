from __future__ import annotations

import jsonschema
import pytest
from ruamel.yaml import YAML

from drtool.policy.schema import json_schema
from drtool.policy.units import WrongValueError, parse_duration, parse_size
from tests.policy.small_kinds import GOOD, KINDS


def test_a_good_policy_fits_the_schema_for_editors() -> None:
    schema = json_schema(KINDS)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(YAML(typ="safe", pure=True).load(GOOD), schema)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("nice: true", "niec: true"),
        ("exclude:", "exlude:"),
        ("here: {files: {}}", "here: {fils: {}}"),
        ("at_least: 1000", "at_laest: 1000"),
        ("20MiB", "20M"),
        ("lease: 2h", "lease: 2 hours"),
        ("password: credential:offsite", "password: secret"),
    ],
)
def test_a_bad_policy_does_not(old: str, new: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(YAML(typ="safe", pure=True).load(GOOD.replace(old, new)), json_schema(KINDS))


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("4h", 14400), ("30d", 2592000), ("1h30m", 5400)])
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text).total_seconds() == seconds


@pytest.mark.parametrize("value", ["", "5", "m", "1.5h", "30m1h", "-1h", "0s", "1h 30m", "1d1w", "999999999d", "٣h", 5, None, True, []])
def test_no_durations(value: object) -> None:
    with pytest.raises(WrongValueError):
        parse_duration(value)


@pytest.mark.parametrize(("text", "size"), [("1KiB", 1024), ("1kB", 1000), ("1.5 GB", 1_500_000_000), ("2TiB", 2**41)])
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("value", ["", "5", "5M", "5G", "5KB", "5mb", "-5MB", "0MB", "0.1e9kB", "999999999999TiB", 5, None, True])
def test_no_sizes(value: object) -> None:
    with pytest.raises(WrongValueError):
        parse_size(value)
