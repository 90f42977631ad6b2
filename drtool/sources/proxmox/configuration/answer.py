"""How an answer is kept: of the shape that was asked for, in one order, and without what changes by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from drtool.sources.proxmox import door
from drtool.sources.proxmox.configuration.calls import Call


def kept(call: Call, answer: Any, source: str, asked: str) -> Any:  # noqa: ANN401 - JSON
    """Return what is kept of an answer; Refused for one of another shape."""
    if answer is None and call.may_be_null:
        return None
    if not call.rows:
        return _without(call, door.mapping(answer, asked, source))
    return in_order([_without(call, row) for row in door.mappings(answer, asked, source)])


def kept_of_row(call: Call, answer: Any, source: str, asked: str) -> Any:  # noqa: ANN401 - JSON
    """Return what is kept of what was asked of one row: rows again, or an entry."""
    if isinstance(answer, list):
        return in_order([_without(call, row) for row in door.mappings(answer, asked, source)])
    return _without(call, door.mapping(answer, asked, source))


def in_order(rows: list[Any]) -> list[Any]:
    """Return rows as they are numbered, or by what they say: the platform lists what has no order in any."""
    return sorted(rows, key=lambda row: (_position(row), json.dumps(row, sort_keys=True)))


def spelled(value: Any) -> bytes:  # noqa: ANN401 - JSON
    """Return the one way to write a value: whatever a name holds, the file is plain text."""
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True).encode("ascii") + b"\n"


def _without(call: Call, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _within(value, call.within[name]) if name in call.within else value for name, value in row.items() if name not in call.without
    }


def _within(rows: Any, names: frozenset[str]) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(rows, list):
        return rows
    return in_order([{key: row[key] for key in names & row.keys()} if isinstance(row, dict) else row for row in rows])


def _position(row: Any) -> int:  # noqa: ANN401 - JSON
    position = row.get("pos") if isinstance(row, dict) else None
    return position if isinstance(position, int) else 0
