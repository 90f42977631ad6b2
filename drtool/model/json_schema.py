from __future__ import annotations

import inspect
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from drtool.model.codec import encode

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_PLAIN: Final[Mapping[Any, Mapping[str, str]]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
    types.NoneType: {"type": "null"},
    Any: {},
}


def json_schema(cls: type) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a noun as `encode` writes it.

    Fields without a default are required; others may be absent from what an older release wrote. Unknown fields are allowed:
    formats only grow.
    """
    shared: dict[str, Any] = {}
    body = _object(cls, shared)
    return {"$schema": DIALECT, "title": cls.__name__, **body, "$defs": dict(sorted(shared.items()))}


def _object(cls: type, shared: dict[str, Any]) -> dict[str, Any]:
    hints = get_type_hints(cls)
    properties: dict[str, Any] = {}
    required = []
    for field in fields(cls):
        properties[field.name] = _shape(hints[field.name], shared)
        if field.default is not MISSING:
            properties[field.name] = {**properties[field.name], "default": encode(field.default)}
        elif field.default_factory is MISSING:
            required.append(field.name)
    return {"description": inspect.getdoc(cls), "type": "object", "properties": properties, "required": required}


def _shape(hint: Any, shared: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - any type hint of a noun
    origin, inner = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return dict(_PLAIN[hint])
    if origin in (Union, types.UnionType):
        return {"anyOf": [_shape(member, shared) for member in inner]}
    if origin is tuple:
        return {"type": "array", "items": _shape(inner[0], shared)}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _shape(inner[1], shared)}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _named(hint, shared, {"description": inspect.getdoc(hint), "enum": [member.value for member in hint]})
    if isinstance(hint, type) and is_dataclass(hint):
        if hint.__name__ not in shared:
            shared[hint.__name__] = {}  # nouns may contain themselves
            shared[hint.__name__] = _object(hint, shared)
        return {"$ref": f"#/$defs/{hint.__name__}"}
    raise TypeError(f"no JSON Schema for {hint}")


def _named(cls: type, shared: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    shared[cls.__name__] = body
    return {"$ref": f"#/$defs/{cls.__name__}"}
