from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from drtool.model.errors import Place, PolicyProblem
from drtool.policy.limits import MOST_TOLD

Path = tuple[str | int, ...]

PHASES = ("before", "after", "before_restore", "after_restore", "on_failure")
"""The hooks of a set."""
SECTIONS = ("repositories", "sources", "sets", "sandboxes", "drills")


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a field stands: its key, and its value (the key again when the value is a mapping or a list)."""

    key: Place
    value: Place


@dataclass(slots=True)
class Document:
    """Plain data of one or more YAML files, where each of its fields stands, and the mistakes found so far."""

    data: dict[str, Any] = field(default_factory=dict)
    spots: dict[Path, Spot] = field(default_factory=dict)
    problems: list[PolicyProblem] = field(default_factory=list)
    _told: set[PolicyProblem] = field(default_factory=set)

    def complain(self, path: Path, message: str, hint: str = "", *, at_key: bool = False) -> None:
        """Note a mistake at the nearest known position of `path`; the same one is noted once."""
        problem = PolicyProblem(self.place(path, at_key=at_key), spell(path), message, hint)
        if problem not in self._told and len(self.problems) < MOST_TOLD:
            self._told.add(problem)
            self.problems.append(problem)

    def place(self, path: Path, *, at_key: bool = False) -> Place:
        """Return where a field stands, or the nearest thing around it that was written."""
        for length in range(len(path), -1, -1):
            spot = self.spots.get(path[:length])
            if spot is not None:
                return spot.key if at_key or length < len(path) else spot.value
        return Place("policy", 1, 1)

    def get(self, *path: str | int) -> Any:  # noqa: ANN401 - whatever was written there
        """Return what was written at a path, or None."""
        value: Any = self.data
        for part in path:
            if isinstance(value, dict) and isinstance(part, str):
                value = value.get(part)
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                value = value[part]
            else:
                return None
        return value

    def mapping(self, *path: str | int) -> dict[str, Any]:
        """Return the mapping at a path; an empty one when something else stands there (the schema tells that)."""
        value = self.get(*path)
        return value if isinstance(value, dict) else {}

    def sequence(self, *path: str | int) -> list[Any]:
        """Return the list at a path; an empty one when something else stands there."""
        value = self.get(*path)
        return value if isinstance(value, list) else []

    def text(self, *path: str | int) -> str:
        """Return the text at a path; empty when something else stands there."""
        value = self.get(*path)
        return value if isinstance(value, str) else ""


def spell(path: Path) -> str:
    """Spell a path the way people write it: `sets.documents.protect[0].here`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def merge(documents: list[Document]) -> Document:
    """Join several files to one policy; a name that two of them define is a mistake that shows both places."""
    merged = Document()
    for document in documents:
        merged.problems.extend(document.problems)
        if () in document.spots:
            merged.spots.setdefault((), document.spots[()])
        below = _by_prefix(document)
        for key, value in document.data.items():
            _merge_key(merged, document, key, value, below)
    return merged


_Below = dict["Path", dict["Path", Spot]]


def _by_prefix(document: Document) -> _Below:
    """Return the spots below each key, and below each name of a section: looked up by name, as many sets in many files are."""
    found: _Below = {}
    for path, spot in document.spots.items():
        for size in (1, 2):
            if len(path) >= size:
                found.setdefault(path[:size], {})[path] = spot
    return found


def _merge_key(merged: Document, document: Document, key: str, value: Any, below: _Below) -> None:  # noqa: ANN401
    if key not in merged.data:
        merged.data[key] = dict(value) if key in SECTIONS and isinstance(value, dict) else value
        merged.spots.update(below.get((key,), {}))
        return
    known = merged.data[key]
    if key == "drtool" and type(known) is type(value) and known == value:
        return
    if key not in SECTIONS or not isinstance(known, dict) or not isinstance(value, dict):
        _twice(merged, document, (key,))
        return
    for name, entry in value.items():
        if name in known:
            _twice(merged, document, (key, name))
        else:
            known[name] = entry
            merged.spots.update(below.get((key, name), {}))


def _twice(merged: Document, document: Document, path: Path) -> None:
    first = merged.place(path, at_key=True)
    message = f"`{path[-1]}` is defined twice: first at {first}"
    merged.problems.append(PolicyProblem(document.place(path, at_key=True), spell(path), message, "keep one of them"))
