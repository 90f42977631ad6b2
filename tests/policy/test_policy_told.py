"""At one address of its own each subject needs a name of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.policy.small_kinds import GOOD
from tests.policy.test_policy_load import mistakes, read

EACH = 'notify: [{healthchecks: {url: "https://hc.example.org/key/drtool-{set}"}}]\n'
ALL = 'notify: [{healthchecks: {url: "https://hc.example.org/key"}}]\n'


@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        ("  near-by:", "  documents:", "drills.documents", "makes the check `documents` of it, and of set `documents` too"),
        ("  near-by:", "  Near:", "repositories.near", "of drill `Near` too"),
        ("  near-by:", "  near.by:\n    {sets: [base], sandbox: lab}\n  near-by:", "drills.near-by", "of drill `near.by` too"),
        ("  near-by:", "  RPO:", "drills.RPO", "of the promises of all sets together too"),
    ],
)
def test_two_subjects_never_share_a_check(tmp_path: Path, old: str, new: str, field: str, words: str) -> None:
    text = GOOD.replace(old, new)
    read(tmp_path, text)
    read(tmp_path, text + ALL)
    (problem,) = mistakes(tmp_path, text + EACH)
    assert problem.field == field
    assert words in problem.message
    assert "without `{set}`" in problem.hint
