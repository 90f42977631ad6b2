from __future__ import annotations

import math
import re
import warnings
from typing import Any

from drtool.model.errors import Place, PolicyProblem
from drtool.policy.document import SECTIONS, Document, Path, Spot, spell
from drtool.policy.limits import DEEPEST, LARGEST_FILE, MOST_NODES, TooMuchError
from drtool.policy.units import shorten

_PREFIX = "tag:yaml.org,2002:"
_TEXT_TAGS = ("str", "timestamp", "int", "float", "bool", "null", "merge", "value")


def read(file: str, body: bytes) -> Document:
    """Read one YAML file into plain data with a position for every field; mistakes are noted in the document, never raised.

    Keys are always text. Integers, fractions, `true`, `false` and `null` are what YAML 1.2 says; everything else stays as it was typed.
    """
    document = Document()
    document.spots[()] = Spot(Place(file, 1, 1), Place(file, 1, 1))
    root = _compose(document, file, body)
    if root is None:
        return document
    if root.id != "mapping":
        document.complain((), "a policy is a mapping of keys", "begin with `drtool: 1`")
        return document
    try:
        data = _Converter(document, file).convert(root, (), 0)
    except TooMuchError as error:
        document.complain((), str(error), "write it out without aliases")
        return document
    # An empty section (`drills:` and nothing below) means the same as leaving it out.
    document.data = {key: {} if value is None and key in SECTIONS else value for key, value in data.items()}
    return document


def _compose(document: Document, file: str, body: bytes) -> Any:  # noqa: ANN401 - ruamel's nodes carry no types
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415 - heavy, and only needed when the cache misses

    from drtool.policy.parts import safe_yaml  # noqa: PLC0415

    if len(body) > LARGEST_FILE:
        document.complain((), "the file is larger than 4 MiB", "is this a policy?")
        return None
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        column = error.start - body.rfind(b"\n", 0, error.start)
        document.problems.append(PolicyProblem(Place(file, line, column), "", "this is not UTF-8 text", "save it as UTF-8"))
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an anchor that is used again is legal YAML
            return safe_yaml().compose(text)
    except RecursionError:
        document.complain((), "the file nests too deep", "is this a policy?")
    except TooMuchError as error:
        document.complain((), str(error), "is this a policy?")
    except YAMLError as error:
        document.problems.append(_syntax(file, text, error))
    except ValueError as error:  # a directive or an escape with a number that no character has
        document.complain((), f"this is not YAML: {shorten(str(error))}")
    return None


def _syntax(file: str, text: str, error: Exception) -> PolicyProblem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read")
    position = getattr(error, "position", None)
    if mark is None and isinstance(position, int):
        line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
    lines = text.splitlines()
    here = lines[line - 1] if line <= len(lines) else ""
    hint = ""
    if "\t" in here[:column]:
        problem, hint = "a tab", "indent with spaces"
    elif "mapping values are not allowed" in problem:
        problem, hint = "a colon in an unexpected place", "is the line above indented alike? text with `: ` needs quotes"
    elif "found another document" in problem:
        problem, hint = "a second document begins here", "one file holds one document: remove the `---`"
    elif "cannot start any token" in problem:
        hint = "put the text in quotes"
    return PolicyProblem(Place(file, line, column), "", f"this is not YAML: {problem}", hint)


class _Converter:
    """Turns ruamel's nodes into plain data and notes where each stands."""

    def __init__(self, document: Document, file: str) -> None:
        self._document = document
        self._file = file
        self._nodes = 0

    def convert(self, node: Any, path: Path, depth: int) -> Any:  # noqa: ANN401
        self._nodes += 1
        if depth > DEEPEST:
            raise TooMuchError("the file nests too deep, or an alias contains itself")
        if self._nodes > MOST_NODES:
            raise TooMuchError("the file unfolds to more than 100,000 values")
        if node.id == "mapping":
            return self._mapping(node, path, depth)
        if node.id == "sequence":
            for index, item in enumerate(node.value):
                self._document.spots[(*path, index)] = Spot(self._place(item), self._place(item))
            return [self.convert(item, (*path, index), depth + 1) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: Any, path: Path, depth: int) -> dict[str, Any]:  # noqa: ANN401
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = self._place(key_node)
            if key_node.id != "scalar":
                self._wrong(place, path, "a key must be plain text", "quote what contains braces or brackets")
                continue
            key = str(key_node.value)
            below = (*path, key)
            if str(key_node.tag) == f"{_PREFIX}merge":
                self._wrong(place, below, "merge keys are not understood", "use `defaults:`, or write the keys out")
            elif key in result:
                first = self._document.spots[below].key
                self._wrong(place, below, f"`{key}` is written twice: first at {first}", "keep one of them")
            else:
                value_place = self._place(value_node) if value_node.id == "scalar" else place
                self._document.spots[below] = Spot(place, value_place)
                result[key] = self.convert(value_node, below, depth + 1)
        return result

    def _scalar(self, node: Any, path: Path) -> Any:  # noqa: ANN401 - one branch per type of scalar
        text = str(node.value)
        tag = str(node.tag)
        kind = tag.removeprefix(_PREFIX)
        if not tag.startswith(_PREFIX) or kind not in _TEXT_TAGS:
            self._wrong(self._place(node), path, "YAML tags are not understood", f"write the value without {shorten(tag)}")
            return text
        if kind == "null":
            return None
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind == "int" and re.fullmatch(r"[-+]?(0|[1-9][0-9]{0,18})", text):
            return int(text)
        if kind == "float" and re.fullmatch(r"[-+]?[0-9]+\.?[0-9]*([eE][-+]?[0-9]+)?", text) and math.isfinite(float(text)):
            return float(text)
        return text

    def _wrong(self, place: Place, path: Path, message: str, hint: str) -> None:
        self._document.problems.append(PolicyProblem(place, spell(path), message, hint))

    def _place(self, node: Any) -> Place:  # noqa: ANN401
        return Place(self._file, node.start_mark.line + 1, node.start_mark.column + 1)
