"""A result as a journal keeps it."""

from __future__ import annotations

from dataclasses import replace

from drtool.model.plan import Fetched, Restored, Result
from drtool.model.point import Member


def written(result: Result | None) -> Result | None:
    """Return a result without what the plan beside the journal tells already: a census is of thousands of names and sums, and told once."""
    return replace(result, member=_counted(result.member)) if isinstance(result, Fetched | Restored) else result


def _counted(member: Member) -> Member:
    bare = (replace(each, census=replace(each.census, sample=(), attributes=None)) for each in member.artifacts)
    return replace(member, artifacts=tuple(bare))
