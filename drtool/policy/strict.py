"""What every part of the policy language is made of."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

NonEmpty = Annotated[str, StringConstraints(min_length=1)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
AtOnce = Annotated[int, Field(ge=1, le=64)]
OneKey = Annotated[dict[str, Any], WithJsonSchema({"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": True})]
Version = Annotated[Literal[1], WithJsonSchema({"const": 1})]


class Strict(BaseModel):
    """Unknown keys are mistakes, and nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, populate_by_name=False)


def shape_of(value: object) -> str | None:
    """Return the tag of the form in which something is written: a list, a mapping, a name; None: none of them."""
    for shape, tag in ((list, "~list"), (dict, "~mapping"), (str, "~name")):
        if isinstance(value, shape):
            return tag  # a tilde is in no name, so positions skip it
    return None
