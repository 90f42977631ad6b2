"""Evidence names a repository as its policy did; a bare machine names it otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drtool.planning.evidence import believable
from tests.planning.planning_values import evidence, listing


@pytest.mark.parametrize(("called", "expected"), [("offsite", ["repository"]), ("", []), ("near", [])])
def test_what_it_is_called_there_is_believed_and_no_other_name(called: str, expected: list[str]) -> None:
    found = replace(listing("repository", evidence=(evidence(repository="offsite"),)), called=called)
    assert [each.repository for each in believable(found)] == expected


@pytest.mark.parametrize(("outcome", "believed"), [("succeeded", 0), ("objective_missed", 0), ("data_wrong", 1), ("failed", 1)])
def test_what_was_copied_here_proves_nothing_good_and_still_warns(outcome: str, believed: int) -> None:
    assert len(believable(listing("near", evidence=(evidence(outcome=outcome, copied=True),)))) == believed
    assert len(believable(listing("near", evidence=(evidence(outcome=outcome),)))) == 1
