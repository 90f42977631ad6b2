from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from drtool.checks import schema as checks
from drtool.model.errors import PolicyError
from drtool.notify.schema import NOTIFIERS
from drtool.policy.kinds import Kinds
from drtool.policy.load import load
from drtool.policy.schema import json_schema
from drtool.sources.files import schema as files
from drtool.sources.stream import schema as stream
from tests.policy.small_kinds import KINDS

EXAMPLE = Path(__file__).parents[2] / "policies" / "examples" / "homelab.yaml"
REAL = Kinds(
    sources=lambda: {"files": files.Settings, "stream": stream.Settings},
    selectors=lambda: {"files": files.Selector, "stream": stream.Selector},
    places=lambda: {"files": files.Place, "stream": stream.Place},
    checks=lambda: checks.CHECKS,
    notifiers=lambda: NOTIFIERS,
)
EVERY_CHECK = """\
      - files: {in: "here:/home", at_least: 1, newest_within: 26h, bytes_at_least: 1MiB, contains: [a/b]}
      - census: {of: here}
      - census:
      - command: {run: ["true"], expect_output: "^$", timeout: 10s}
      - tcp: {address: "localhost:80"}
      - http: {url: "http://localhost/", expect: {status: 204}}
      - canary:
      - archive: {of: here, path: a/b.tar.gz}
      - sql: {of: "here:/home", sqlite: a/b.db, query: "select 1", expect: {equals: 1}}
"""


@pytest.mark.parametrize("kinds", [KINDS, REAL], ids=["small", "real"])
def test_the_example_is_a_policy(kinds: Kinds) -> None:
    policy = load((str(EXAMPLE),), kinds)
    assert set(policy.sets) == {"documents", "books"}
    assert policy.drills["monthly"].repository == "offsite"
    schema = json_schema(kinds)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(YAML(typ="safe", pure=True).load(EXAMPLE.read_text()), schema)


def test_every_check_keeps_its_keys(tmp_path: Path) -> None:
    old = '      - files: {in: "here:/home", at_least: 1}\n'
    text = EXAMPLE.read_text()
    assert old in text
    file = tmp_path / "p.yaml"
    file.write_text(text.replace(old, EVERY_CHECK))
    cache = str(tmp_path / "cache")
    policy = load((str(file),), REAL, cache_directory=cache)
    assert load((str(file),), REAL, cache_directory=cache) == policy
    jsonschema.validate(YAML(typ="safe", pure=True).load(file.read_text()), json_schema(REAL))
    found = policy.sets["documents"].checks
    assert [check.name for check in found] == [
        "files 1",
        "census 1",
        "census 2",
        "command 1",
        "tcp 1",
        "http 1",
        "canary 1",
        "archive 1",
        "sql 1",
    ]
    assert [check.of for check in found] == ["here:/home", "here", "", "", "", "", "", "here", "here:/home"]
    assert checks.Files.model_validate(found[0].settings).at_least == found[0].settings["at_least"]
    assert checks.Http.model_validate(found[5].settings).expect.status == 204


def test_a_number_too_large_is_a_mistake_like_any_other(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(EXAMPLE.read_text().replace("at_least: 1}", "newest_within: 99999999999999d}"))
    with pytest.raises(PolicyError) as caught:
        load((str(file),), REAL)
    assert [problem.place.line for problem in caught.value.problems] == [
        number for number, line in enumerate(file.read_text().splitlines(), 1) if "newest_within" in line
    ]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=st.integers(0, 54), value=st.none() | st.integers() | st.floats() | st.text(max_size=9) | st.lists(st.text(max_size=3)))
def test_one_spoilt_line_of_the_example_never_crashes(tmp_path: Path, line: int, value: object) -> None:
    lines = EXAMPLE.read_text().splitlines()
    line %= len(lines)
    key, colon, _ = lines[line].partition(": ")
    lines[line] = f"{key}{colon or ': '}{value!r}"
    file = tmp_path / "p.yaml"
    file.write_bytes("\n".join(lines).encode("utf-8", "replace"))
    try:
        load((str(file),), REAL)
    except PolicyError as error:
        assert error.problems  # noqa: PT017 - a policy is as good an answer
