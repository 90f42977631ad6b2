from __future__ import annotations

from pathlib import Path

import pytest

from drtool.app.composition import KINDS
from drtool.model.errors import PolicyError
from drtool.policy.load import load

EXAMPLE = Path(__file__).parents[2] / "policies" / "examples" / "truenas.yaml"


def test_the_example_is_a_policy() -> None:
    policy = load((str(EXAMPLE),), KINDS)
    assert policy.sources["nas"].settings["passphrases"] == {"tank/photos/private": "file:/etc/drtool/private.phrase"}
    shared = {policy.sets["photos"].to, *(copy.repository for copy in policy.sets["photos"].copies)}
    assert policy.sets["configuration"].to not in shared, "seed and keys lie under a key of their own"
    assert policy.sources["nas"].settings["user"] != policy.sources["appliance"].settings["user"]
    assert [policy.drills[name].sets for name in ("monthly", "configuration")] == [("photos",), ("configuration",)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"file:/etc/drtool/private.phrase"', '"correct horse battery"', "must be the reference of a secret"),
        ("{directory: /run/drtool-sandbox}", "{directory: /run/drtool-sandbox, dataset: tank/x}", "or a `directory` of this host"),
        ("{directory: /run/drtool-sandbox}", "{}", "or a `directory` of this host"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = EXAMPLE.read_text()
    assert old in text
    (tmp_path / "policy.yaml").write_text(text.replace(old, new))
    with pytest.raises(PolicyError) as caught:
        load((str(tmp_path / "policy.yaml"),), KINDS)
    problems = " ".join(str(problem) for problem in caught.value.problems)
    assert said in problems
    assert "correct horse" not in problems
