from __future__ import annotations

from pathlib import Path

import pytest

from drtool.app.composition import KINDS
from drtool.model.errors import PolicyError
from drtool.model.secret import SecretReference
from drtool.policy.load import load

POLICY = """\
drtool: 1
name: homelab
repositories:
  near: {restic: /srv/near, password: "file:/etc/near.key"}
sources:
  here: {files: {}}
sets:
  documents:
    protect: [{here: {paths: [/home]}}]
    to: near
    keep: {last: 3}
"""


def test_the_key_that_signs_evidence(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    assert load((str(path),), KINDS).evidence_key is None
    path.write_text(POLICY + 'evidence: {key: "credential:evidence"}\n')
    assert load((str(path),), KINDS).evidence_key == SecretReference("credential", "evidence")


@pytest.mark.parametrize(
    ("text", "field"),
    [("evidence: {}", "evidence"), ("evidence: {key: relative.key}", "evidence.key"), ('evidence: {keys: "env:A"}', "evidence.keys")],
)
def test_a_wrong_key_is_told_with_its_place(tmp_path: Path, text: str, field: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY + text + "\n")
    with pytest.raises(PolicyError) as refused:
        load((str(path),), KINDS)
    assert any(problem.field.startswith(field) and problem.place.line == 12 for problem in refused.value.problems), refused.value.problems
