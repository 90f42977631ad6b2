"""The vendor's query language: filters, options, and what comes out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from drtool.lab.truenas.answers import CallError, Json, MatchNotFoundError, ValidationErrors

_LIMIT: Final = 10_000
_PARTS: Final = 3
_DEPTH: Final = 3
_OPTIONS: Final = frozenset(
    {"extra", "order_by", "select", "count", "get", "offset", "limit", "force_sql_filters", "relationships", "prefix"}
)


def _compare(left: Json, right: Json, operation: Callable[[Json, Json], bool]) -> bool:
    try:
        return operation(left, right)
    except TypeError:
        return False


_OPERATIONS: Final[dict[str, Callable[[Json, Json], bool]]] = {
    "=": lambda left, right: bool(left == right),
    "!=": lambda left, right: bool(left != right),
    ">": lambda left, right: _compare(left, right, lambda one, two: bool(one > two)),
    ">=": lambda left, right: _compare(left, right, lambda one, two: bool(one >= two)),
    "<": lambda left, right: _compare(left, right, lambda one, two: bool(one < two)),
    "<=": lambda left, right: _compare(left, right, lambda one, two: bool(one <= two)),
    "~": lambda left, right: re.match(right, left or "") is not None,
    "in": lambda left, right: left in right,
    "nin": lambda left, right: left not in right,
    "rin": lambda left, right: left is not None and right in left,
    "rnin": lambda left, right: left is not None and right not in left,
    "^": lambda left, right: left is not None and left.startswith(right),
    "!^": lambda left, right: left is not None and not left.startswith(right),
    "$": lambda left, right: left is not None and left.endswith(right),
    "!$": lambda left, right: left is not None and not left.endswith(right),
}


def field(row: Json, path: str) -> Json:
    r"""Return what a dotted path leads to (`\.` is a dot in a name), None where it leads nowhere."""
    for part in re.split(r"(?<!\\)\.", path):
        key = part.replace("\\.", ".")
        if isinstance(row, dict):
            row = row.get(key)
        elif isinstance(row, list) and key.isdigit():
            row = row[int(key)] if int(key) < len(row) else None
        else:
            return None
    return row


def _lowered(value: Json) -> Json:
    if isinstance(value, str):
        return value.casefold()
    return [_lowered(each) for each in value] if isinstance(value, list) else value


def matches(row: Json, filters: Sequence[Json], depth: int = 0) -> bool:
    """Tell whether a row passes all filters."""
    return all(_passes(row, each, depth) for each in filters)


def _passes(row: Json, condition: Json, depth: int) -> bool:
    if not isinstance(condition, list) or not condition:
        raise ValidationErrors([("filters", f"Value error, Invalid filter {condition}", 22)])
    if condition[0] == "OR" and len(condition) == _PARTS - 1:
        if depth >= _DEPTH:
            raise ValidationErrors([("filters", "Value error, query-filters max recursion depth exceeded", 22)])
        branches = condition[1]
        return any(matches(row, branch if branch and isinstance(branch[0], list) else [branch], depth + 1) for branch in branches)
    if len(condition) != _PARTS:
        raise ValidationErrors([("filters", f"Value error, Invalid filter {condition}", 22)])
    path, name, wanted = condition
    value = field(row, path)
    operation = name
    if name.startswith("C"):
        operation, value, wanted = name[1:], _lowered(value), _lowered(wanted)
    if operation not in _OPERATIONS:
        raise ValidationErrors([("filters", f"Value error, Invalid operation: {name}", 22)])
    return _OPERATIONS[operation](value, wanted)


def names_asked(filters: Sequence[Json], *keys: str) -> tuple[str, ...] | None:
    """Return the names that one filter asks for by `=` or `in`, None when the filters do not say."""
    for condition in filters:
        if isinstance(condition, list) and len(condition) == _PARTS and condition[0] in keys:
            if condition[1] == "=":
                return (str(condition[2]),)
            if condition[1] == "in":
                return tuple(str(each) for each in condition[2])
    return None


def check_options(options: dict[str, Json]) -> None:
    """Raise what the vendor raises for options that it does not know or that contradict each other."""
    errors = ValidationErrors()
    for key in options:
        if key not in _OPTIONS:
            errors.add(f"options.{key}", "Extra inputs are not permitted")
    if options.get("get") and options.get("limit", 1) > 1:
        errors.add("options", "Value error, Invalid options combination. `get` implies a single result.")
    if options.get("get") and options.get("offset"):
        errors.add("options", "Value error, Invalid options combination. `get` implies a single result.")
    if options.get("limit", 0) > _LIMIT:
        errors.add("options.limit", f"Input should be less than or equal to {_LIMIT}")
    errors.check()


def run(rows: Iterable[Json], filters: Sequence[Json], options: dict[str, Json]) -> Json:
    """Return rows, one row, or a count."""
    check_options(options)
    found = [row for row in rows if matches(row, filters)]
    for order in reversed(options.get("order_by") or []):
        found = _ordered(found, order)
    if options.get("count"):
        return len(found)
    if offset := options.get("offset"):
        found = found[offset:]
    if limit := options.get("limit"):
        found = found[:limit]
    if select := options.get("select"):
        found = [_selected(row, select) for row in found]
    if options.get("get"):
        if not found:
            raise MatchNotFoundError
        return found[0]
    return found


def _ordered(rows: list[Json], order: str) -> list[Json]:
    nulls_first = order.startswith("nulls_first:")
    name = order.removeprefix("nulls_first:").removeprefix("nulls_last:")
    reverse = name.startswith("-")
    path = name.removeprefix("-")
    empty = [row for row in rows if field(row, path) is None]
    full = [row for row in rows if field(row, path) is not None]
    try:
        full.sort(key=lambda row: field(row, path), reverse=reverse)
    except TypeError as error:
        raise CallError(str(error), 22) from None
    return empty + full if nulls_first else full + empty


def _selected(row: Json, select: Sequence[Json]) -> dict[str, Json]:
    chosen: dict[str, Json] = {}
    for each in select:
        path, alias = each if isinstance(each, list) else (each, None)
        if alias is not None:
            chosen[alias] = field(row, path)
            continue
        *outer, last = re.split(r"(?<!\\)\.", path)
        place = chosen
        for part in outer:
            place = place.setdefault(part.replace("\\.", "."), {})
        place[last.replace("\\.", ".")] = field(row, path)
    return chosen
