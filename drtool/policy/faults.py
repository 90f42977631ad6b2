from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from drtool.model.nearest import nearest
from drtool.policy.units import WrongValueError

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

    from drtool.policy.document import Document, Path

_PLAIN = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping of keys",
    "mapping_type": "must be a mapping of keys",
    "model_type": "must be a mapping of keys",
    "model_attributes_type": "must be a mapping of keys",
    "union_tag_not_found": "must be a list of names, or a mapping by name",
    "union_tag_invalid": "must be a list of names, or a mapping by name",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
}


def report(document: Document, error: ValidationError, *, model: type[BaseModel], prefix: Path, extra: Iterable[str] = ()) -> None:
    """Note every mistake pydantic found in the value at `prefix`, in plain words and where it stands.

    `extra` are keys that are legal beside the model's own, for the hint of the nearest word.
    """
    for detail in error.errors(include_url=False, include_input=True):
        _report_one(document, detail, model=model, prefix=prefix, extra=tuple(extra))


def _report_one(document: Document, detail: Mapping[str, Any], *, model: type[BaseModel], prefix: Path, extra: tuple[str, ...]) -> None:
    kind, location, context = detail["type"], tuple(detail["loc"]), detail.get("ctx") or {}
    path = _written(document, (*prefix, *location) if kind != "missing" else (*prefix, *location[:-1]))
    if kind == "missing":
        document.complain((*path, str(location[-1])), f"`{location[-1]}` is missing", at_key=True)
    elif kind == "extra_forbidden":
        known = known_keys(model, location[:-1])
        if len(location) == 1:
            known |= set(extra)
        document.complain(path, f"unknown key `{location[-1]}`", nearest(str(location[-1]), known), at_key=True)
    elif location and location[-1] == "[key]":
        hint = "names hold letters, digits, `.`, `_` and `-`, and begin with a letter or digit"
        document.complain(path, "this is not a name", hint, at_key=True)
    else:
        message, hint = _explain(kind, context, detail)
        document.complain(path, message, hint)


def _explain(kind: str, context: Mapping[str, Any], detail: Mapping[str, Any]) -> tuple[str, str]:
    error = context.get("error")
    if isinstance(error, WrongValueError):
        return str(error), error.hint
    if kind == "string_pattern_mismatch":
        return "this is not a name", "names hold letters, digits, `.`, `_` and `-`, and begin with a letter or digit"
    if kind == "literal_error":
        return f"must be {context.get('expected', 'one of a few words')}", ""
    if kind == "string_type" and isinstance(detail.get("input"), int | float):
        return "must be text", "put it in quotes"
    if kind in ("list_type", "tuple_type") and isinstance(detail.get("input"), str):
        return "must be a list", "put it in brackets: [one, two]"
    if kind in ("dict_type", "mapping_type", "model_type", "model_attributes_type") and isinstance(detail.get("input"), str):
        return _PLAIN[kind], "write {NAME: …}, or {NAME: {}} where there is nothing more to say"
    if kind in ("greater_than_equal", "less_than_equal"):
        return (f"must be at least {context['ge']}" if "ge" in context else f"must be at most {context['le']}"), ""
    if kind in _PLAIN:
        return _PLAIN[kind], ""
    text = str(error) if error is not None else str(detail["msg"])
    return (text[:1].lower() + text[1:] if text[:2] != text[:2].upper() else text), ""


def _written(document: Document, path: Path) -> Path:
    """Drop what is only pydantic's (names of branches), keep what stands in the file."""
    written: Path = ()
    for part in path:
        if (*written, part) in document.spots:
            written = (*written, part)
    return written


def known_keys(model: type[BaseModel], location: Path) -> set[str]:
    """Return the keys that the models at a location understand."""
    found: list[Any] = [model]
    for part in location:
        found = [step for annotation in found for step in _below(annotation, part)]
    keys: set[str] = set()
    for annotation in found:
        for leaf in _branches(annotation):
            if hasattr(leaf, "model_fields"):
                keys |= {field.alias or name for name, field in leaf.model_fields.items()}
    return keys


def _branches(annotation: Any) -> list[Any]:  # noqa: ANN401 - annotations are of every type
    origin = get_origin(annotation)
    if origin is Annotated:
        return _branches(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [leaf for member in get_args(annotation) for leaf in _branches(member)]
    return [annotation]


def _below(annotation: Any, part: str | int) -> list[Any]:  # noqa: ANN401
    found: list[Any] = []
    for leaf in _branches(annotation):
        arguments = get_args(leaf)
        if hasattr(leaf, "model_fields"):
            fields = leaf.model_fields.items()
            matching = [field.annotation for name, field in fields if (field.alias or name) == part]
            found += matching or ([leaf] if isinstance(part, str) else [])
        elif isinstance(part, int) and arguments:
            found.append(arguments[0])
        elif get_origin(leaf) is dict and not part_is_tag(part):
            found.append(arguments[1])
        elif part_is_tag(part):
            found.append(leaf)
    return found


def part_is_tag(part: str | int) -> bool:
    """Tell whether a part of a location is the name of a branch, as `schema` writes them."""
    return isinstance(part, str) and part.startswith("~")
