"""Queries that ask for the datasets above those they are about, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Filter = list[Any]


def with_above(filters: Sequence[Filter]) -> list[Filter]:
    """Return filters that match the dataset above each that these match too, as far as these go by names."""
    above = sorted(set().union(*map(_above, filters)))
    match filters:
        case [["id", "=", name]]:
            return [["id", "in", [name, *above]]]
        case [["id", "in", names]]:
            return [["id", "in", sorted({*names, *above})]]
        case [["OR", branches]]:
            return [["OR", [*branches, ["id", "in", above]]]]
        case [["id", _, _] as condition]:
            return [["OR", [condition, ["id", "in", above]]]]
        case _:
            return list(filters)


def is_asked(name: str, filters: Sequence[Filter]) -> bool:
    """Tell whether the filters themselves match a dataset, as far as they go by names."""
    return all(_matches(name, condition) for condition in filters)


def _matches(name: str, condition: Filter) -> bool:
    match condition:
        case ["OR", branches]:
            return any(_matches(name, branch) for branch in branches)
        case ["id", "=", wanted]:
            return bool(name == wanted)
        case ["id", "in", names]:
            return name in names
        case ["id", "^", start]:
            return name.startswith(start)
        case _:
            return True


def _above(condition: Filter) -> set[str]:
    match condition:
        case ["OR", branches]:
            return set().union(*map(_above, branches))
        case ["id", "=" | "^", name]:
            return {name.rpartition("/")[0]} - {""}
        case ["id", "in", names]:
            return {name.rpartition("/")[0] for name in names} - {""}
        case _:
            return set()
