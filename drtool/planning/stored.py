from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drtool.model.point import Census
from drtool.planning.words import spell_count

_RULES = ("exclude", "exclude_if_present", "exclude_caches", "one_file_system")


def why_not_stored(workload: str, census: Census, *, rules: Mapping[str, Any], vanished: bool) -> str:
    """Say why what was stored of a workload cannot be what the source showed; empty: it can.

    The repository tells what it stored, the source what was there: where nothing of something was stored, or less than what stood still
    and no rule concerns, a backup would look well and hold nothing. With `vanished` files that went away while they were read are known.
    """
    own, marks = census.files - census.marks, spell_count(census.marks, "file")
    if census.seen_files - census.marks > 0 and own <= 0:
        are = "is" if census.seen_files == 1 else "are"
        stored = f"only {marks} that mark{'s' if census.marks == 1 else ''} what is left out" if census.files > 0 else "none of it"
        told = ", ".join(f"{name}: {_spelled(rules[name])}" for name in _RULES if rules.get(name))
        return f"{spell_count(census.seen_files, 'file')} {are} there and {stored} was stored of {workload}" + (
            f" ({told})" if told else ""
        )
    certain = census.attributes.files if census.attributes is not None else 0
    if not vanished and census.files < certain:
        return f"{spell_count(census.files, 'file')} were stored where at least {certain} were counted in {workload}"
    return ""


def kept_still(census: Census) -> int:
    """Return how many files at least stood still that no rule concerns, but for our own canary: they have to be stored."""
    planted = census.canary is not None and not census.canary.problem
    return max(0, census.attributes.files - planted) if census.attributes is not None else 0


def leaves_out(rules: Mapping[str, Any]) -> bool:
    """Tell whether any rule of a selector can leave files out."""
    return any(rules.get(name) for name in _RULES)


def _spelled(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "true" if value is True else str(value)
