"""JSON for programs: one document, its format named first, additive only."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from drtool.model.codec import encode

_written: Callable[[Any], Any] = dict
"""How the words to people in a document are said here."""


def write_as(written: Callable[[Any], Any]) -> None:
    """Write the words to people in documents as `written` does from now on."""
    global _written  # noqa: PLW0603 - there is one output
    _written = written


def document(name: str, value: Any, **further: Any) -> str:  # noqa: ANN401 - any noun of the model
    """Return the JSON of a noun as `drtool.NAME/1`; a tuple of nouns goes under NAME."""
    body = encode(value)
    fields = body if isinstance(body, dict) else {name: body}
    more = {key: encode(item) for key, item in further.items()}
    return json.dumps({"format": f"drtool.{name}/1", **_written({**fields, **more})}, indent=2)
