"""`limits:` of a source: how much of it happens at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from drtool.model.codec import decode, encode
from drtool.model.errors import PolicyError
from drtool.model.policy import Policy, SourceLimits
from drtool.policy.kinds import Kinds
from drtool.policy.load import load
from drtool.policy.schema import json_schema
from drtool.policy.write import spell
from tests.policy.small_kinds import GOOD, KINDS

ON_NODES = replace(KINDS, nodes=lambda: frozenset({"files"}))


def text(limits: str) -> str:
    return GOOD.replace("  here: {files: {}}", f"  here: {{files: {{}}, limits: {limits}}}")


def read(directory: Path, policy: str, kinds: Kinds = KINDS) -> Policy:
    file = directory / "p.yaml"
    file.write_text(policy)
    return load((str(file),), kinds)


def test_limits_are_read_written_and_read_again(tmp_path: Path) -> None:
    policy = read(tmp_path, text("{at_once: 2, per_node: 1}"), ON_NODES)
    assert policy.sources["here"].limits == SourceLimits(2, 1)
    assert policy.sources["pi"].limits == SourceLimits()
    assert read(tmp_path, spell(policy), ON_NODES).sources == policy.sources
    told = encode(policy)
    for source in told["sources"].values():
        del source["limits"]  # as an earlier release wrote it
    assert decode(Policy, told).sources["here"].limits == SourceLimits()


@pytest.mark.parametrize("limits", ["{at_once: 0}", "{at_once: 65}", "{at_once: many}", "{per_host: 1}", "2"])
def test_what_cannot_be_meant_is_told(tmp_path: Path, limits: str) -> None:
    with pytest.raises(PolicyError):
        read(tmp_path, text(limits), ON_NODES)


def test_a_source_without_nodes_has_no_limit_for_one(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        read(tmp_path, text("{per_node: 1}"))
    (problem,) = caught.value.problems
    assert "`files` have no nodes" in problem.message
    written = YAML(typ="safe", pure=True).load(text("{per_node: 1}"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(written, json_schema(KINDS))
    jsonschema.validate(written, json_schema(ON_NODES))
