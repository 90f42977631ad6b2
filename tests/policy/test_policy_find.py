from __future__ import annotations

from pathlib import Path

import pytest

from drtool.model.errors import PolicyError
from drtool.policy.find import find


def test_the_first_that_is_there(tmp_path: Path) -> None:
    here, system, named = tmp_path / "policies", tmp_path / "etc", tmp_path / "named.yaml"
    for directory in (here, system):
        directory.mkdir()

    def found(explicit: str | None = None, **environment: str) -> tuple[str, ...]:
        return find(explicit, environment, here=str(here), system=str(system))

    with pytest.raises(PolicyError, match="there is no policy to go by") as caught:
        found()
    assert "--policy" in caught.value.hint
    (problem,) = caught.value.problems
    assert str(problem) == f"{here}: neither *.yaml nor *.yml lies here, nor in {system}", (
        "no line of what is not there, and the remedy once"
    )
    (system / "drtool.yaml").touch()
    assert found() == (str(system),)
    (here / "drtool.yml").touch()
    assert found() == (str(here),)
    named.touch()
    assert found(DRTOOL_POLICY=str(named)) == (str(named),)
    assert found(str(system), DRTOOL_POLICY=str(named)) == (str(system),)
    assert found(DRTOOL_POLICY="") == (str(here),)
    with pytest.raises(PolicyError):
        found(str(tmp_path / "missing"))
    with pytest.raises(PolicyError):
        found(DRTOOL_POLICY=str(tmp_path / "missing"))
