"""`append_only` and `forget_for` of repositories: what is said on both sides, and what contradicts itself."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from drtool.model.errors import PolicyError
from drtool.model.policy import Policy, Retention
from drtool.policy.load import load
from drtool.policy.write import spell
from tests.policy.small_kinds import GOOD, KINDS

KEY = "SHA256:" + "A" * 43
_NEAR = "  near:\n"


def read(directory: Path, *lines: str) -> Policy:
    assert _NEAR in GOOD
    file = directory / "p.yaml"
    file.write_text(GOOD.replace(_NEAR, _NEAR + "".join(f"    {line}\n" for line in lines), 1))
    return load((str(file),), KINDS)


def trusted(keep: str) -> str:
    return f'forget_for: {{home: {{machines: [laptop], signers: ["{KEY}"], keep: {keep}}}}}'


def test_a_trusted_side_is_read_and_written_again(tmp_path: Path) -> None:
    found = read(tmp_path, trusted("{within: 7d, daily: 4}"))
    (each,) = found.repositories["near"].forget_for.values()
    assert (each.machines, each.signers, each.keep) == (("laptop",), (KEY,), Retention(within=timedelta(days=7), daily=4))
    (tmp_path / "again.yaml").write_text(spell(found))
    assert load((str(tmp_path / "again.yaml"),), KINDS).repositories["near"].forget_for == found.repositories["near"].forget_for


@pytest.mark.parametrize("keep", ["{last: 9}", "{within: 6d, daily: 400}"])
def test_rules_that_a_thief_fills_up_are_no_rules_of_a_trusted_side(tmp_path: Path, keep: str) -> None:
    with pytest.raises(PolicyError) as refused:
        read(tmp_path, trusted(keep))
    (problem,) = refused.value.problems
    assert problem.field == "repositories.near.forget_for.home.keep"
    assert "`within` of 7d at least is missing" in problem.message


@pytest.mark.parametrize(("line", "key"), [(trusted("{within: 7d}"), "forget_for"), ('prune: "0 5 * * 0"', "prune")])
def test_nothing_is_removed_from_the_side_that_may_only_add(tmp_path: Path, line: str, key: str) -> None:
    lines = ["append_only: true", *([] if key == "prune" else [line])]
    with pytest.raises(PolicyError) as refused:
        read(tmp_path, *lines)
    told = {problem.field: problem for problem in refused.value.problems}[f"repositories.near.{key}"]
    assert "nothing can be removed there from here" in told.message
    assert told.hint.startswith(f"take `{key}` out")
