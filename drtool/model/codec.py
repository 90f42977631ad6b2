"""One codec between the frozen nouns of this package and JSON.

A dataclass becomes an object, a tuple an array, an instant an RFC 3339 text in UTC, a duration seconds, a union of
dataclasses an object with a `kind`. Unknown fields are ignored when reading, so that a newer writer is understood (additive only).
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

type_variable = TypeVar("type_variable")
Decoder = Callable[[Any], Any]
_EXACT = (str, int, bool)
"""JSON says these as they are."""
_AS_IT_IS = frozenset({*_EXACT, float, type(None)})
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


def kind_of(cls: type) -> str:
    """Return the `kind` under which a dataclass travels: its name in lower case with underscores."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def encode(value: Any, *, tagged: bool = False) -> Any:  # noqa: ANN401 - any noun goes in, JSON comes out
    """Turn a noun into values that `json.dumps` understands."""
    if type(value) in _AS_IT_IS:
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {key: item if type(item) in _AS_IT_IS else encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple | frozenset):
        return [encode(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        names, unions = _layout(type(value))
        said = [(name, getattr(value, name)) for name in names]
        # Most values of thousands of points pass here as they are, without a call each.
        body = {name: item if type(item) in _AS_IT_IS else encode(item, tagged=name in unions) for name, item in said}
        return {"kind": kind_of(type(value)), **body} if tagged else body
    raise TypeError(f"cannot encode {type(value).__name__}")


def decode(cls: type[type_variable], data: Any) -> type_variable:  # noqa: ANN401
    """Turn JSON values back into the noun `cls`; raises KeyError, TypeError or ValueError on a shape that does not fit."""
    try:
        result: type_variable = _decoder(cls)(data)  # type: ignore[arg-type]  # a class is hashable
    except (OverflowError, AttributeError, RecursionError) as error:
        raise ValueError(f"{cls.__name__} is shaped otherwise: {error}") from None
    return result


def parse(text: str | bytes) -> Any:  # noqa: ANN401
    """Return the JSON values of a document from outside; ValueError for what is none, too deep, or holds a number that is none."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def _no_number(name: str) -> Any:  # noqa: ANN401
    raise ValueError(f"{name} is no number")


def canonical(value: Any) -> bytes:  # noqa: ANN401
    """Return the one byte sequence of a noun or JSON value: sorted keys, no spaces, ASCII (digests are taken of this)."""
    return _CANONICAL(encode(value)).encode("ascii")


@cache
def _layout(cls: type) -> tuple[tuple[str, ...], frozenset[str]]:
    hints = get_type_hints(cls)
    names = tuple(field.name for field in fields(cls))
    return names, frozenset(name for name in names if _is_tagged_union(hints[name]))


def _is_tagged_union(hint: Any) -> bool:  # noqa: ANN401
    return sum(1 for member in _members(hint) if is_dataclass(member)) > 1


def _members(hint: Any) -> tuple[Any, ...]:  # noqa: ANN401
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


@cache
def _decoder(hint: Any) -> Decoder:  # noqa: ANN401, C901 - one branch per shape of type
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _union_decoder(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        return _dataclass_decoder(hint)
    if origin is tuple:
        item = _decoder(get_args(hint)[0])
        return lambda data: tuple([item(element) for element in data])
    if origin is frozenset:
        item = _decoder(get_args(hint)[0])
        return lambda data: frozenset([item(element) for element in data])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        item = _decoder(get_args(hint)[1])
        return lambda data: {key: item(value) for key, value in data.items()}
    if hint is datetime:
        return _instant
    if hint is timedelta:
        return lambda data: timedelta(seconds=data)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    if hint is float:
        return float
    if hint in _EXACT:
        return _exactly(hint)
    return lambda data: data


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"an instant needs a zone: {text}")
    return instant if instant.tzinfo is UTC else instant.astimezone(UTC)


def _exactly(cls: type) -> Decoder:
    def read(data: Any) -> Any:  # noqa: ANN401
        if type(data) is not cls:
            raise TypeError(f"expected {cls.__name__}, got {type(data).__name__}")
        return data

    return read


def _dataclass_decoder(cls: type) -> Decoder:
    made: list[tuple[list[tuple[str, Any, Decoder]], frozenset[str]]] = []

    def read(data: Any) -> Any:  # noqa: ANN401
        if not made:  # on first use: nouns may contain themselves; whole at once: another thread may read the same noun just now
            made.append(_readers(cls))
        readers, required = made[0]
        values = {}
        for name, exact, reader in readers:
            if name in data:
                value = data[name]
                # Most values of thousands of points pass here as they are, without a call each.
                values[name] = value if type(value) is exact else reader(value)
        if not values.keys() >= required:
            raise KeyError(f"{cls.__name__}.{min(required - values.keys())} is missing")
        return cls(**values)

    return read


def _readers(cls: type) -> tuple[list[tuple[str, Any, Decoder]], frozenset[str]]:
    """Return what reads each field (with its type where JSON says that as it is), and which fields have to be there."""
    hints = get_type_hints(cls)
    typed = [(field.name, hints[field.name]) for field in fields(cls)]
    readers = [(name, hint if hint in _EXACT else None, _decoder(hint)) for name, hint in typed]
    return readers, frozenset(each.name for each in fields(cls) if each.default is MISSING and each.default_factory is MISSING)


def _union_decoder(hint: Any) -> Decoder:  # noqa: ANN401
    members = _members(hint)
    nouns = {kind_of(member): member for member in members if is_dataclass(member) and isinstance(member, type)}
    plain = [member for member in members if not is_dataclass(member) and member is not types.NoneType]

    def read(data: Any) -> Any:  # noqa: ANN401
        if data is None:
            return None
        if isinstance(data, dict) and len(nouns) == 1:
            return _decoder(next(iter(nouns.values())))(data)
        if isinstance(data, dict) and "kind" in data and data["kind"] in nouns:
            return _decoder(nouns[data["kind"]])(data)
        if len(plain) == 1:
            return _decoder(plain[0])(data)
        if plain and not isinstance(data, dict):
            return data
        raise ValueError(f"no noun of kind {data.get('kind') if isinstance(data, dict) else data!r}")

    return read
